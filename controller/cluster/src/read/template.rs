//! Containers of a pod spec, and the amounts of lists of quantities.

use kubeopt_model::workload::ResourceList;
use kubeopt_model::{Container, ContainerName, ContainerRole, Resource, Resources};

use super::java;
use super::object::Unreadable;
use crate::wire;

/// An image reference is a hint, not a key: longer ones than any registry takes (255 bytes of name, 128 of tag, 71 of
/// digest, and a host) are cut.
const IMAGE_CHARS_MAX: usize = 512;

/// What the device plugins of NVIDIA and AMD call a GPU; nobody tells the load of others.
const GPUS: [&str; 2] = ["nvidia.com/gpu", "amd.com/gpu"];

/// The containers of a pod spec, init containers first.
pub(super) fn containers(spec: &wire::PodSpec) -> Result<Vec<Container>, Unreadable> {
    let init = spec.init_containers.iter().flatten().map(|container| {
        let sidecar = container.restart_policy.as_deref() == Some("Always");
        (container, if sidecar { ContainerRole::Sidecar } else { ContainerRole::Init })
    });
    let main = spec.containers.iter().map(|container| (container, ContainerRole::Main));
    init.chain(main).map(|(container, role)| read(container, role)).collect()
}

fn read(container: &wire::Container, role: ContainerRole) -> Result<Container, Unreadable> {
    Ok(Container {
        name: ContainerName::new(container.name.as_str())?,
        role,
        image: container.image.as_deref().unwrap_or_default().chars().take(IMAGE_CHARS_MAX).collect(),
        resources: resources(container)?,
        java: java::flags(container),
        gpus: gpus(container),
    })
}

/// Whole GPUs: requests and limits of an extended resource are equal, and it has no fractions.
fn gpus(container: &wire::Container) -> u32 {
    let lists = || container.resources.iter().flat_map(|of| [&of.limits, &of.requests]).flatten();
    let of = |name: &str| lists().filter_map(|list| list.get(name)?.text().parse().ok()).max().unwrap_or(0);
    GPUS.into_iter().map(of).fold(0, u32::saturating_add)
}

/// Requests and limits of a container.
pub(super) fn resources(container: &wire::Container) -> Result<Resources, Unreadable> {
    let Some(resources) = &container.resources else { return Ok(Resources::default()) };
    let list = |bound: &str, quantities: &Option<wire::Quantities>| match quantities {
        Some(quantities) => {
            amounts(quantities, &|key| format!("{bound}.{key} of container {}", container.name))
        }
        None => Ok(ResourceList::default()),
    };
    Ok(Resources {
        requests: list("requests", &resources.requests)?,
        limits: list("limits", &resources.limits)?,
    })
}

/// `cpu` and `memory` of a list of quantities; `field` names a key where it cannot be read.
pub(super) fn amounts(
    quantities: &wire::Quantities,
    field: &dyn Fn(&str) -> String,
) -> Result<ResourceList, Unreadable> {
    Ok(ResourceList {
        cpu: amount(quantities, &Resource::Cpu.to_string(), field)?,
        memory: amount(quantities, &Resource::Memory.to_string(), field)?,
    })
}

/// One key of a list of quantities, if it is there.
pub(super) fn amount<T: std::str::FromStr<Err = kubeopt_model::InvalidQuantity>>(
    quantities: &wire::Quantities,
    key: &str,
    field: &dyn Fn(&str) -> String,
) -> Result<Option<T>, Unreadable> {
    quantities
        .get(key)
        .map(|scalar| scalar.text().parse())
        .transpose()
        .map_err(|source| Unreadable::Quantity { field: field(key), source })
}

#[cfg(test)]
mod tests {
    use kubeopt_model::{Bytes, MilliCores};
    use serde_json::json;

    use super::*;

    #[test]
    fn init_containers_come_first_and_native_sidecars_are_told_apart() {
        let spec: wire::PodSpec = serde_json::from_value(json!({
            "initContainers": [
                {"name": "migrate", "image": "m"},
                {"name": "mesh", "image": "e", "restartPolicy": "Always", "resources": {"requests": {"cpu": 0.1}}},
            ],
            "containers": [{"name": "app", "image": "a:1", "env": [{"name": "SECRET", "value": "x"}],
                "resources": {"requests": {"cpu": "250m", "nvidia.com/gpu": "1"}, "limits": {"memory": "1Gi", "amd.com/gpu": "2"}}}],
        }))
        .unwrap();
        let containers = containers(&spec).unwrap();
        let roles: Vec<_> = containers.iter().map(|c| (c.name.as_str(), c.role)).collect();
        assert_eq!(
            roles,
            [
                ("migrate", ContainerRole::Init),
                ("mesh", ContainerRole::Sidecar),
                ("app", ContainerRole::Main)
            ]
        );
        assert_eq!(containers[1].resources.requests.cpu, Some(MilliCores(100)));
        assert_eq!(
            containers[2].resources.requests,
            ResourceList { cpu: Some(MilliCores(250)), memory: None }
        );
        assert_eq!(containers[2].resources.limits.memory, Some(Bytes::mebi(1024)));
        assert_eq!(containers.iter().map(|c| c.gpus).collect::<Vec<_>>(), [0, 0, 3]);
    }

    #[test]
    fn an_image_is_cut_at_a_character() {
        let spec: wire::PodSpec =
            serde_json::from_value(json!({"containers": [{"name": "app", "image": "ä".repeat(1000)}]}))
                .unwrap();
        assert_eq!(containers(&spec).unwrap()[0].image.chars().count(), IMAGE_CHARS_MAX);
    }
}
