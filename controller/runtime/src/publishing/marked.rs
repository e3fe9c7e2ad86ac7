//! The names that markers of pull requests hold.

use kubeopt_model::{ContainerName, Namespace, ObjectName, WorkloadKind};

/// `namespace/kind/name/container`
pub(crate) fn selector(text: &str) -> Option<(Namespace, WorkloadKind, ObjectName, ContainerName)> {
    let mut parts = text.split('/');
    let namespace = Namespace::new(parts.next()?).ok()?;
    let kind = parts.next()?.parse().ok()?;
    let name = ObjectName::new(parts.next()?).ok()?;
    let container = ContainerName::new(parts.next()?).ok()?;
    parts.next().is_none().then_some((namespace, kind, name, container))
}
