//! Webhooks: whether a delivery is the forge's, and what it is about. No HTTP in it, and no clock.
//!
//! What a delivery says is a hint and nothing more: whoever gets one reads the forge afresh. Only names and numbers are
//! taken from it, which are looked up; nothing is believed. That the same delivery is not taken twice is for whoever
//! remembers [`Hint::delivery`].

mod delivery;
mod payload;
mod signature;

use kubeopt_model::Timestamp;

pub use delivery::{
    Delivery, Hint, HintedRepository, SECRET_BYTES_MIN, WEBHOOK_BYTES_MAX, WebhookError, WebhookEvent,
    WebhookKind, WebhookSecrets,
};

/// What a delivery is about, if it is the forge's. The signature is checked over the bytes as they came, before anything
/// of them is read.
///
/// # Errors
/// [`WebhookError`], none of which depends on how much of a secret was guessed.
pub fn hint(
    kind: WebhookKind,
    secrets: &WebhookSecrets,
    delivery: &Delivery<'_>,
    now: Timestamp,
) -> Result<Hint, WebhookError> {
    if delivery.body.len() > WEBHOOK_BYTES_MAX {
        return Err(WebhookError::TooLarge);
    }
    signature::check(kind, secrets, delivery, now)?;
    let id = payload::delivery_id(kind, delivery)?;
    payload::read(kind, delivery, id)
}
