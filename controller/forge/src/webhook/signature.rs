//! Whether a delivery was made with one of the secrets. Both are always tried, and compared in constant time.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use kubeopt_model::Timestamp;
use kubeopt_net::Secret;
use ring::hmac;

use super::delivery::{Delivery, SECRET_BYTES_MIN, WebhookError, WebhookKind, WebhookSecrets};

/// How far the time of a signed delivery may be from ours, in seconds, as the Standard Webhooks specification has it.
const SKEW_S_MAX: i64 = 300;

/// Most signatures of one delivery that are tried: one for each secret that the sender has, while it changes them.
const SIGNATURES_MAX: usize = 8;

/// How secrets begin that hold their key in base64 (Standard Webhooks).
const ENCODED: &str = "whsec_";

/// Fails unless one of the secrets made the delivery.
pub(super) fn check(
    kind: WebhookKind,
    secrets: &WebhookSecrets,
    delivery: &Delivery<'_>,
    now: Timestamp,
) -> Result<(), WebhookError> {
    let all = || std::iter::once(&secrets.current).chain(&secrets.previous);
    if all().any(|secret| secret.expose().len() < SECRET_BYTES_MIN) {
        return Err(WebhookError::WeakSecret);
    }
    let all: Vec<&Secret> = all().collect();
    match kind {
        WebhookKind::Github => {
            let given = delivery.text("x-hub-signature-256")?.ok_or(WebhookError::Unsigned)?;
            let hex = given.strip_prefix("sha256=").ok_or(WebhookError::WrongSignature)?;
            of_body(&all, delivery.body, hex)
        }
        WebhookKind::Gitea => of_gitea(&all, delivery),
        WebhookKind::Gitlab => of_gitlab(&all, delivery, now),
    }
}

/// Forgejo sends both headers, Gitea one: each that is there must hold.
fn of_gitea(secrets: &[&Secret], delivery: &Delivery<'_>) -> Result<(), WebhookError> {
    let given = [delivery.text("x-forgejo-signature")?, delivery.text("x-gitea-signature")?];
    let given: Vec<&str> = given.into_iter().flatten().collect();
    if given.is_empty() {
        return Err(WebhookError::Unsigned);
    }
    given.into_iter().try_for_each(|hex| of_body(secrets, delivery.body, hex))
}

/// A webhook with a signing token signs; one without sends its secret as it is. Where there is a signature, it counts.
fn of_gitlab(secrets: &[&Secret], delivery: &Delivery<'_>, now: Timestamp) -> Result<(), WebhookError> {
    if let Some(signatures) = delivery.text("webhook-signature")? {
        return of_standard(secrets, delivery, signatures, now);
    }
    let given = delivery.header("x-gitlab-token")?.ok_or(WebhookError::Unsigned)?;
    // Codes of both with the same key are the same just where they are; comparing codes tells nothing of how near it was.
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"X-Gitlab-Token");
    let code = hmac::sign(&key, given);
    one_of(secrets.iter().map(|secret| hmac::verify(&key, secret.expose().as_bytes(), code.as_ref()).is_ok()))
}

/// `webhook-signature: v1,BASE64 v1,BASE64` over `ID.TIMESTAMP.BODY`.
fn of_standard(
    secrets: &[&Secret],
    delivery: &Delivery<'_>,
    signatures: &str,
    now: Timestamp,
) -> Result<(), WebhookError> {
    let id = delivery.header("webhook-id")?.ok_or(WebhookError::Unsigned)?;
    let at = delivery.text("webhook-timestamp")?.ok_or(WebhookError::Unsigned)?;
    let at_s: i64 = at.parse().map_err(|_| WebhookError::Unsigned)?;
    let message = [id, b".", at.as_bytes(), b".", delivery.body].concat();
    let given: Vec<Vec<u8>> = signatures
        .split_ascii_whitespace()
        .take(SIGNATURES_MAX)
        .filter_map(|signature| BASE64_STANDARD.decode(signature.strip_prefix("v1,")?).ok())
        .collect();
    let keys: Vec<hmac::Key> = secrets.iter().flat_map(|secret| keys_of(secret)).collect();
    one_of(keys.iter().flat_map(|key| {
        given.iter().map(|code| hmac::verify(key, &message, code).is_ok()).collect::<Vec<bool>>()
    }))?;
    let seconds = at_s.saturating_sub(now.as_second()).unsigned_abs();
    if seconds > SKEW_S_MAX.unsigned_abs() { Err(WebhookError::Stale { seconds }) } else { Ok(()) }
}

/// The key as it is written, and, where it is marked so, the one that it encodes.
fn keys_of(secret: &Secret) -> Vec<hmac::Key> {
    let text = secret.expose();
    let encoded = text.strip_prefix(ENCODED).and_then(|rest| BASE64_STANDARD.decode(rest).ok());
    let encoded = encoded.filter(|key| key.len() >= SECRET_BYTES_MIN);
    let all = std::iter::once(text.as_bytes().to_vec()).chain(encoded);
    all.map(|key| hmac::Key::new(hmac::HMAC_SHA256, &key)).collect()
}

fn of_body(secrets: &[&Secret], body: &[u8], hex: &str) -> Result<(), WebhookError> {
    let code = hex::decode(hex).map_err(|_| WebhookError::WrongSignature)?;
    one_of(secrets.iter().map(|secret| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
        hmac::verify(&key, body, &code).is_ok()
    }))
}

/// All are tried, whichever holds.
fn one_of(tried: impl Iterator<Item = bool>) -> Result<(), WebhookError> {
    if tried.fold(false, |any, holds| any | holds) { Ok(()) } else { Err(WebhookError::WrongSignature) }
}
