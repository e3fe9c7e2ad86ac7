//! The names and amounts that markers of pull requests hold.

use kubeopt_model::pull_request::MarkedField;
use kubeopt_model::{Amount, ContainerName, Field, Namespace, ObjectName, WorkloadKind};

/// `namespace/kind/name/container`
pub(crate) fn selector(text: &str) -> Option<(Namespace, WorkloadKind, ObjectName, ContainerName)> {
    let mut parts = text.split('/');
    let namespace = Namespace::new(parts.next()?).ok()?;
    let kind = parts.next()?.parse().ok()?;
    let name = ObjectName::new(parts.next()?).ok()?;
    let container = ContainerName::new(parts.next()?).ok()?;
    parts.next().is_none().then_some((namespace, kind, name, container))
}

/// What a merge should leave there: an amount, or nothing where the text is empty. None where the text is no amount.
pub(super) fn wanted(marked: &MarkedField, field: Field) -> Option<Option<Amount>> {
    match marked.value.after.as_str() {
        "" => Some(None),
        text => Amount::parse(field.resource, text).ok().map(Some),
    }
}
