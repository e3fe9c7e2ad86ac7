//! How a GitHub App says who it is: a short JWT signed with its private key (RS256).

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use kubeopt_model::Timestamp;
use kubeopt_net::Secret;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::json;

/// How far back the claim is dated, so that a GitHub whose clock is behind takes it; what GitHub itself advises.
const ISSUED_BEFORE_S: i64 = 60;

/// How long the claim holds from now. GitHub takes ten minutes at most, by its own clock.
const HOLDS_S: i64 = 540;

/// The claim to be the App; none where the key is no RSA key in PEM.
pub(super) fn claim(app: &str, private_key: &Secret, now: Timestamp) -> Option<Secret> {
    let header = json!({"alg": "RS256", "typ": "JWT"});
    let now = now.as_second();
    let claims = json!({"iat": now - ISSUED_BEFORE_S, "exp": now + HOLDS_S, "iss": app});
    let encoded = |json: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
    let to_sign = format!("{}.{}", encoded(header), encoded(claims));
    let pair = key_pair(private_key.expose())?;
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), to_sign.as_bytes(), &mut signature).ok()?;
    Some(Secret::new(format!("{to_sign}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))))
}

/// GitHub gives keys out in PKCS#1; people convert them to PKCS#8.
fn key_pair(pem: &str) -> Option<RsaKeyPair> {
    match der(pem, "RSA PRIVATE KEY") {
        Some(der) => RsaKeyPair::from_der(&der).ok(),
        None => RsaKeyPair::from_pkcs8(&der(pem, "PRIVATE KEY")?).ok(),
    }
}

fn der(pem: &str, label: &str) -> Option<Vec<u8>> {
    let (_, rest) = pem.split_once(&format!("-----BEGIN {label}-----"))?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    BASE64_STANDARD.decode(body.split_whitespace().collect::<String>()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_key_makes_no_claim() {
        for text in
            ["", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----", "ssh-rsa AAAA"]
        {
            assert!(claim("1", &Secret::new(text), Timestamp::UNIX_EPOCH).is_none(), "{text}");
        }
    }
}
