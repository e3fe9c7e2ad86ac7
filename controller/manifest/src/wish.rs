//! What is to be written at a place: an edit, and how a person wrote its amount.

use kubeopt_model::FieldEdit;

/// An edit, and how a person wrote its amount.
#[derive(Clone, Copy)]
pub(crate) struct Wish<'e> {
    pub(crate) edit: &'e FieldEdit,
    pub(crate) text: Option<&'e str>,
}
