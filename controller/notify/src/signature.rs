//! How a receiver knows that a request is kubeopt's: HMAC-SHA256 over the time and the body. Pure.
//!
//! A receiver computes the same over `X-Kubeopt-Timestamp`, a full stop and the raw body, compares in constant time, and
//! refuses times that are minutes away. `X-Kubeopt-Delivery` is the same when a delivery is repeated.

use ring::hmac::{HMAC_SHA256, Key, sign as hmac};

/// Seconds since the epoch when the request was made.
pub const TIMESTAMP_HEADER: &str = "X-Kubeopt-Timestamp";
/// `sha256=` and the HMAC in hex.
pub const SIGNATURE_HEADER: &str = "X-Kubeopt-Signature";
/// The same for every attempt of one delivery.
pub const DELIVERY_HEADER: &str = "X-Kubeopt-Delivery";

/// The value of [`SIGNATURE_HEADER`]: `sha256=` and the HMAC-SHA256 of `timestamp.body` in hex.
pub fn sign(key: &[u8], timestamp_unix_s: i64, body: &[u8]) -> String {
    let mut signed = format!("{timestamp_unix_s}.").into_bytes();
    signed.extend_from_slice(body);
    format!("sha256={}", hex::encode(hmac(&Key::new(HMAC_SHA256, key), &signed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_any_other_implementation() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac 'it is a secret'
        let expected = "sha256=e13ca661150ed628f4ae657a91356a99ce1d89519ed99c20a90f567c6f061275";
        assert_eq!(sign(b"it is a secret", 1_700_000_000, br#"{"a":1}"#), expected);
        assert_ne!(sign(b"it is a secret", 1_700_000_001, br#"{"a":1}"#), expected);
        assert_ne!(sign(b"another", 1_700_000_000, br#"{"a":1}"#), expected);
    }
}
