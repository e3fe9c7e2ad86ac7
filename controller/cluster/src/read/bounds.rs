//! LimitRanges and ResourceQuotas: what a namespace bounds.

use kubeopt_model::cluster::{LimitRange, Quota};
use kubeopt_model::workload::ResourceList;
use kubeopt_model::{MilliCores, Resources};

use super::object::{Object, Unreadable};
use super::template::{amount, amounts};
use crate::seen::Seen;
use crate::wire;

/// Reads the bounds of containers; several items bind together, the tightest wins.
pub(super) fn read_limit_range(object: &Object) -> Result<Seen, Unreadable> {
    let spec: wire::LimitRangeSpec = object.part("spec")?;
    let mut range = LimitRange {
        namespace: object.namespace()?,
        name: object.name.to_string(),
        min: ResourceList::default(),
        max: ResourceList::default(),
        default_limit: ResourceList::default(),
        max_ratio_per_mille: (None, None),
    };
    let mut any = false;
    for item in spec.limits.iter().filter(|item| item.kind == "Container") {
        let min = amounts(&item.min, &|key| format!("min.{key}"))?;
        let max = amounts(&item.max, &|key| format!("max.{key}"))?;
        range.min = both(range.min, min, std::cmp::max, std::cmp::max);
        range.max = both(range.max, max, std::cmp::min, std::cmp::min);
        let default_limit = amounts(&item.default, &|key| format!("default.{key}"))?;
        range.default_limit = both(range.default_limit, default_limit, std::cmp::min, std::cmp::min);
        let ratios = &mut range.max_ratio_per_mille;
        ratios.0 = tighter(ratios.0, ratio(item, "cpu")?, std::cmp::min);
        ratios.1 = tighter(ratios.1, ratio(item, "memory")?, std::cmp::min);
        any = true;
    }
    Ok(if any { Seen::LimitRange(range) } else { Seen::Nothing })
}

/// A ratio is written as a quantity; thousandths of it are read as millicores are.
fn ratio(item: &wire::LimitRangeItem, key: &str) -> Result<Option<u64>, Unreadable> {
    let ratio = amount::<MilliCores>(&item.max_limit_request_ratio, key, &|key| {
        format!("maxLimitRequestRatio.{key}")
    })?;
    Ok(ratio.map(|ratio| ratio.0))
}

fn both(
    a: ResourceList,
    b: ResourceList,
    cpu: fn(MilliCores, MilliCores) -> MilliCores,
    memory: fn(kubeopt_model::Bytes, kubeopt_model::Bytes) -> kubeopt_model::Bytes,
) -> ResourceList {
    ResourceList { cpu: tighter(a.cpu, b.cpu, cpu), memory: tighter(a.memory, b.memory, memory) }
}

fn tighter<T>(a: Option<T>, b: Option<T>, choose: fn(T, T) -> T) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(choose(a, b)),
        (one, None) | (None, one) => one,
    }
}

/// Reads what a quota allows and what is used of it. Scopes are not read: a quota for some pods is taken as one for
/// all, which can only make kubeopt more careful.
pub(super) fn read_quota(object: &Object) -> Result<Seen, Unreadable> {
    let spec: wire::QuotaNumbers = object.part_or_empty("spec")?;
    let status: wire::QuotaNumbers = object.part_or_empty("status")?;
    // The status follows the spec with a delay; before it is there, nothing counts as used.
    let hard = quota_resources(&spec.hard, "hard")?;
    if hard == Resources::default() {
        return Ok(Seen::Nothing);
    }
    let used = quota_resources(&status.used, "used")?;
    Ok(Seen::Quota(Quota { namespace: object.namespace()?, name: object.name.to_string(), hard, used }))
}

/// `cpu` and `memory` are other names of `requests.cpu` and `requests.memory`.
fn quota_resources(quantities: &wire::Quantities, part: &str) -> Result<Resources, Unreadable> {
    let field = |key: &str| format!("{part}.{key}");
    let plain = amounts(quantities, &field)?;
    Ok(Resources {
        requests: ResourceList {
            cpu: tighter(amount(quantities, "requests.cpu", &field)?, plain.cpu, std::cmp::min),
            memory: tighter(amount(quantities, "requests.memory", &field)?, plain.memory, std::cmp::min),
        },
        limits: ResourceList {
            cpu: amount(quantities, "limits.cpu", &field)?,
            memory: amount(quantities, "limits.memory", &field)?,
        },
    })
}

#[cfg(test)]
mod tests {
    use kubeopt_model::Bytes;
    use serde_json::{Value, json};

    use super::*;
    use crate::kinds::Watched;
    use crate::read::testing::read_json;

    fn object(spec: Value, status: Value) -> Value {
        json!({"metadata": {"name": "x", "namespace": "shop"}, "spec": spec, "status": status})
    }

    #[test]
    fn the_tightest_of_several_container_bounds_wins() {
        let limits = json!([
            {"type": "Pod", "max": {"cpu": "1m"}},
            {"type": "Container", "min": {"cpu": "10m"}, "max": {"memory": "4Gi"}, "default": {"cpu": "2"}, "maxLimitRequestRatio": {"cpu": "4"}},
            {"type": "Container", "min": {"cpu": "50m"}, "max": {"memory": "2Gi"}, "maxLimitRequestRatio": {"cpu": "1.5"}},
        ]);
        let seen = read_json(Watched::LimitRanges, object(json!({"limits": limits}), Value::Null));
        let Ok(Seen::LimitRange(range)) = seen else { panic!("{seen:?}") };
        assert_eq!(range.min, ResourceList { cpu: Some(MilliCores(50)), memory: None });
        assert_eq!(range.max, ResourceList { cpu: None, memory: Some(Bytes::mebi(2048)) });
        assert_eq!(range.max_ratio_per_mille, (Some(1500), None));
        assert_eq!(range.default_limit, ResourceList { cpu: Some(MilliCores(2000)), memory: None });
        let storage = json!({"limits": [{"type": "PersistentVolumeClaim", "max": {"storage": "1Gi"}}]});
        assert_eq!(read_json(Watched::LimitRanges, object(storage, Value::Null)), Ok(Seen::Nothing));
    }

    #[test]
    fn a_quota_is_read_under_both_names_of_requests() {
        let hard = json!({"cpu": "10", "requests.memory": "20Gi", "limits.memory": "40Gi", "pods": "7"});
        let status = json!({"hard": hard, "used": {"cpu": "2500m", "requests.memory": "3Gi"}});
        let seen = read_json(Watched::Quotas, object(json!({"hard": hard}), status));
        let Ok(Seen::Quota(quota)) = seen else { panic!("{seen:?}") };
        assert_eq!(quota.hard.requests.cpu, Some(MilliCores(10_000)));
        assert_eq!(quota.hard.limits.memory, Some(Bytes::mebi(40 * 1024)));
        assert_eq!((quota.used.requests.cpu, quota.used.limits.memory), (Some(MilliCores(2500)), None));
        let services = object(json!({"hard": {"services": "5"}}), Value::Null);
        assert_eq!(read_json(Watched::Quotas, services), Ok(Seen::Nothing));
    }
}
