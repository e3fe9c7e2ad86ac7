//! Which scalars may be the target of a HorizontalPodAutoscaler, by their keys alone.
//!
//! A key that is named in vain costs one mark that arrives nowhere; a key that is missed costs a target that cannot move
//! with its request. What a target is a share of, is for the rendering to say.

/// Whether a scalar that ends this path may be a target. Manifests spell it as the API does; charts as they like, so that
/// of their values only whole numbers count.
pub(crate) fn may_be_target(path: &[String], text: &str, in_values: bool) -> bool {
    let Some(last) = path.last().map(|key| key.to_ascii_lowercase()) else { return false };
    let says_it = last.contains("utilization") || last.contains("utilisation");
    if !in_values {
        return says_it;
    }
    is_whole(text) && (says_it || (is_number_of_target(&last) && path.iter().any(|key| is_of_scaler(key))))
}

/// The number of a target: a whole one, of one at least; 0 switches a metric off in many charts.
pub(crate) fn percent(text: &str) -> Option<u32> {
    text.parse().ok().filter(|percent| *percent > 0)
}

fn is_whole(text: &str) -> bool {
    percent(text).is_some()
}

/// `autoscaling.targetCPU`, `hpa.cpu`
fn is_number_of_target(last: &str) -> bool {
    let is_other = ["replica", "seconds", "min", "max"].iter().any(|word| last.contains(word));
    let is_target = ["target", "cpu", "mem", "percent", "threshold"].iter().any(|word| last.contains(word));
    is_target && !is_other
}

fn is_of_scaler(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["autoscal", "hpa", "horizontalpod"].iter().any(|word| key.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_known_in_the_spellings_of_the_api_and_of_charts() {
        let is_target = |path: &str, text: &str, in_values| {
            let keys: Vec<String> = path.split('/').map(str::to_owned).collect();
            may_be_target(&keys, text, in_values)
        };
        for path in
            ["spec/metrics/0/resource/target/averageUtilization", "spec/targetCPUUtilizationPercentage"]
        {
            assert!(is_target(path, "70", false) && is_target(path, "${CPU}", false), "{path}");
        }
        for path in ["autoscaling/targetCPUUtilizationPercentage", "web/hpa/cpu", "autoscaling/targetMemory"]
        {
            assert!(is_target(path, "70", true), "{path}");
            assert!(!is_target(path, "0", true) && !is_target(path, "", true), "{path}");
        }
        for path in ["autoscaling/maxReplicas", "resources/requests/cpu", "hpa/enabled", "cpu", "hpa/minCPU"]
        {
            assert!(!is_target(path, "70", true), "{path}");
        }
        assert!(!is_target("web/hpa/cpu", "70", false), "no manifest spells it so");
    }
}
