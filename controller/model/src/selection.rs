//! What people write to mean workloads and containers: `payments/deploy/api/api`, `deploy/api`, `api`, `*`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::names::{ContainerName, Namespace, ObjectName};
use crate::source::RenderedWorkload;
use crate::workload::{ContainerId, WorkloadId, WorkloadKind};

/// A pattern: what is not said matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Selection {
    namespace: Option<Namespace>,
    kind: Option<WorkloadKind>,
    name: Option<ObjectName>,
    container: Option<ContainerName>,
}

/// A text that names no workload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "it does not name a workload; write [NAMESPACE/]KIND/NAME[/CONTAINER], NAME or *, such as payments/deploy/api/api"
)]
pub struct InvalidSelection;

impl Selection {
    /// Whether the container of a manifest is meant. A manifest that leaves its namespace open may be of any.
    pub fn means(&self, workload: &RenderedWorkload, container: &ContainerName) -> bool {
        let namespace = |wanted: &Namespace| workload.namespace.as_ref().is_none_or(|own| own == wanted);
        self.namespace.as_ref().is_none_or(namespace)
            && self.kind.is_none_or(|kind| kind == workload.kind)
            && self.name.as_ref().is_none_or(|name| name == &workload.name)
            && self.container.as_ref().is_none_or(|name| name == container)
    }

    /// Whether the container of a cluster is meant.
    pub fn means_live(&self, container: &ContainerId) -> bool {
        let workload = &container.workload;
        self.namespace.as_ref().is_none_or(|namespace| namespace == &workload.namespace)
            && self.kind.is_none_or(|kind| kind == workload.kind)
            && self.name.as_ref().is_none_or(|name| name == &workload.name)
            && self.container.as_ref().is_none_or(|name| name == &container.container)
    }

    /// Whether the container of these names is meant, in any cluster.
    pub fn means_named(
        &self,
        (namespace, kind, name, container): &(Namespace, WorkloadKind, ObjectName, ContainerName),
    ) -> bool {
        self.namespace.as_ref().is_none_or(|own| own == namespace)
            && self.kind.is_none_or(|own| own == *kind)
            && self.name.as_ref().is_none_or(|own| own == name)
            && self.container.as_ref().is_none_or(|own| own == container)
    }

    /// Exactly this workload, or this container of it.
    pub fn of(workload: &WorkloadId, container: Option<&ContainerName>) -> Self {
        Self {
            namespace: Some(workload.namespace.clone()),
            kind: Some(workload.kind),
            name: Some(workload.name.clone()),
            container: container.cloned(),
        }
    }

    /// The container that it names, if it names one.
    pub fn container(&self) -> Option<&ContainerName> {
        self.container.as_ref()
    }

    /// Whether it may mean several workloads.
    pub fn is_wide(&self) -> bool {
        self.name.is_none()
    }
}

impl fmt::Display for Selection {
    /// As it is written: `payments/deploy/api/api`, `*`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(name) = &self.name else { return f.write_str("*") };
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}/")?;
        }
        if let Some(kind) = self.kind {
            write!(f, "{}/", kind.short())?;
        }
        write!(f, "{name}")?;
        self.container.iter().try_for_each(|container| write!(f, "/{container}"))
    }
}

impl From<Selection> for String {
    fn from(selection: Selection) -> Self {
        selection.to_string()
    }
}

impl TryFrom<String> for Selection {
    type Error = InvalidSelection;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl FromStr for Selection {
    type Err = InvalidSelection;

    fn from_str(text: &str) -> Result<Self, InvalidSelection> {
        let parts: Vec<&str> = text.split('/').collect();
        let kind = |text: &str| text.parse::<WorkloadKind>().ok();
        let read = || {
            Some(match parts.as_slice() {
                ["*"] => Self::default(),
                [name] => Self { name: Some(ObjectName::new(*name).ok()?), ..Self::default() },
                [first, name] if kind(first).is_some() => {
                    Self { kind: kind(first), name: Some(ObjectName::new(*name).ok()?), ..Self::default() }
                }
                [first, name, container] if kind(first).is_some() => Self {
                    kind: kind(first),
                    name: Some(ObjectName::new(*name).ok()?),
                    container: Some(ContainerName::new(*container).ok()?),
                    ..Self::default()
                },
                [namespace, second, rest @ ..] if kind(second).is_some() && (1..=2).contains(&rest.len()) => {
                    Self {
                        namespace: Some(Namespace::new(*namespace).ok()?),
                        kind: kind(second),
                        name: Some(ObjectName::new(rest[0]).ok()?),
                        container: rest.get(1).map(|name| ContainerName::new(*name)).transpose().ok()?,
                    }
                }
                _ => return None,
            })
        };
        read().ok_or(InvalidSelection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn means(selection: &str, namespace: Option<&str>) -> bool {
        let workload = RenderedWorkload {
            kind: WorkloadKind::Deployment,
            namespace: namespace.map(|text| Namespace::new(text).unwrap()),
            name: ObjectName::new("api").unwrap(),
        };
        selection.parse::<Selection>().unwrap().means(&workload, &ContainerName::new("envoy").unwrap())
    }

    #[test]
    fn less_said_means_more() {
        for selection in
            ["*", "api", "deploy/api", "deployment/api/envoy", "pay/deploy/api", "pay/deploy/api/envoy"]
        {
            assert!(means(selection, Some("pay")), "{selection}");
        }
        for selection in ["web", "sts/api", "deploy/api/main", "other/deploy/api"] {
            assert!(!means(selection, Some("pay")), "{selection}");
        }
        assert!(means("other/deploy/api", None), "a namespace that is left open");
    }

    #[test]
    fn what_is_written_is_read_again() {
        for text in ["*", "api", "deploy/api", "deploy/api/envoy", "pay/deploy/api", "pay/deploy/api/envoy"] {
            let selection: Selection = text.parse().unwrap();
            assert_eq!(selection.to_string(), text);
        }
    }

    #[test]
    fn what_names_nothing_is_refused() {
        for text in ["", "a/b", "a/b/c/d/e", "deploy/", "Deploy/API!", "ns/deploy"] {
            assert!(text.parse::<Selection>().is_err(), "{text}");
        }
    }
}
