//! What the name of a pod tells of the workload that made it, for pods that no longer exist.
//!
//! Kubernetes' controllers name pods by rule: Deployment `<name>-<hash>-<5>`, StatefulSet `<name>-<n>`, DaemonSet and
//! Job `<name>-<5>`, indexed Job `<name>-<index>-<5>`, Job of a CronJob `<name>-<minutes>-<5>`. Hash and suffix use the
//! alphabet of `k8s.io/apimachinery/pkg/util/rand`, which has no vowels and no 0, 1, 3. A base that is too long is cut to
//! 58 characters (`k8s.io/apiserver/pkg/storage/names`). This module knows names only, not whether such a workload
//! exists.

use kubeopt_model::WorkloadKind;

/// Length of the random suffix.
const SUFFIX: usize = 5;

/// Longest base before the random suffix.
const BASE_MAX: usize = 58;

/// Longest hash: ten digits of a 32-bit number, one character each.
const HASH_MAX: usize = 10;

/// A workload that may have made the pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Guess<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    /// Its kind is one of these.
    pub(crate) kinds: &'static [WorkloadKind],
}

const REPLICATED: &[WorkloadKind] = &[WorkloadKind::Deployment, WorkloadKind::Rollout];
const NUMBERED: &[WorkloadKind] = &[WorkloadKind::StatefulSet];
const PLAIN: &[WorkloadKind] = &[WorkloadKind::DaemonSet, WorkloadKind::Job];
const TIMED: &[WorkloadKind] = &[WorkloadKind::CronJob];
const INDEXED: &[WorkloadKind] = &[WorkloadKind::Job];

/// The workloads that may have made a pod of this name, longest name first. At most a handful, unless the name has the
/// greatest length, where the hash may have been cut and every dash is a possible end.
pub(crate) fn guesses(pod: &str) -> Vec<Guess<'_>> {
    let mut found = Vec::new();
    if let Some((name, number)) = pod.rsplit_once('-')
        && is_number(number)
    {
        found.push(Guess { name, kinds: NUMBERED });
    }
    if let Some(base) = base_of(pod) {
        let cut = pod.len() == BASE_MAX + SUFFIX;
        let stem = base.strip_suffix('-').unwrap_or(base);
        found.push(Guess { name: stem, kinds: PLAIN });
        let dashes = stem.rmatch_indices('-').take(if cut { BASE_MAX } else { 1 });
        for (dash, _) in dashes {
            found.extend(made_names(&stem[..dash], &stem[dash + 1..]));
        }
    }
    found.sort_by_key(|guess| std::cmp::Reverse(guess.name.len()));
    found.retain(|guess| !guess.name.is_empty());
    found
}

fn made_names<'a>(name: &'a str, middle: &str) -> impl Iterator<Item = Guess<'a>> {
    let hash = !middle.is_empty() && middle.len() <= HASH_MAX && middle.bytes().all(is_safe);
    let number = is_number(middle);
    [
        hash.then_some(Guess { name, kinds: REPLICATED }),
        // Minutes since 1970 have 8 digits until the year 2160.
        (number && middle.len() >= 8).then_some(Guess { name, kinds: TIMED }),
        (number && middle.len() < 8).then_some(Guess { name, kinds: INDEXED }),
    ]
    .into_iter()
    .flatten()
}

/// The name without its random suffix; ends with a dash unless it was cut.
fn base_of(pod: &str) -> Option<&str> {
    let at = pod.len().checked_sub(SUFFIX)?;
    let (base, suffix) = (pod.get(..at)?, pod.get(at..)?);
    let ended = base.ends_with('-') || base.len() == BASE_MAX;
    (ended && suffix.bytes().all(is_safe)).then_some(base)
}

fn is_safe(byte: u8) -> bool {
    b"bcdfghjklmnpqrstvwxz2456789".contains(&byte)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.len() <= HASH_MAX && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(pod: &str) -> Vec<(&str, WorkloadKind)> {
        guesses(pod)
            .into_iter()
            .flat_map(|guess| guess.kinds.iter().map(move |kind| (guess.name, *kind)))
            .collect()
    }

    #[test]
    fn reads_the_names_that_controllers_give() {
        for (pod, name, kind) in [
            ("api-5d8c7b9f6d-x7k2p", "api", WorkloadKind::Deployment),
            ("api-v2-5d8c7b9f6d-x7k2p", "api-v2", WorkloadKind::Rollout),
            ("ledger-10", "ledger", WorkloadKind::StatefulSet),
            ("agent-x7k2p", "agent", WorkloadKind::DaemonSet),
            ("import-x7k2p", "import", WorkloadKind::Job),
            ("import-3-x7k2p", "import", WorkloadKind::Job),
            ("report-29345678-x7k2p", "report", WorkloadKind::CronJob),
        ] {
            assert!(names(pod).contains(&(name, kind)), "{pod}: {:?}", names(pod));
        }
    }

    #[test]
    fn never_shortens_a_name_by_more_than_its_rule() {
        assert!(!names("api-v2-5d8c7b9f6d-x7k2p").iter().any(|(name, _)| *name == "api"));
        assert!(names("postgres").is_empty());
        assert!(names("-x7k2p").is_empty());
        assert!(names("").is_empty());
        assert!(names("ünïx7k2p").is_empty());
    }

    #[test]
    fn the_longest_name_comes_first() {
        let found = guesses("a-b-x7k2p-x7k2p");
        assert!(found.windows(2).all(|pair| pair[0].name.len() >= pair[1].name.len()), "{found:?}");
    }

    #[test]
    fn follows_a_name_that_was_cut() {
        let name = "a-very-long-name-of-a-deployment-that-somebody-has-chosen";
        let base: String = format!("{name}-5d8c7b9f6d-").chars().take(BASE_MAX).collect();
        let pod = format!("{base}x7k2p");
        assert_eq!(pod.len(), 63);
        assert!(names(&pod).iter().any(|(found, _)| name.starts_with(found)), "{:?}", names(&pod));
        let shorter = "a-long-name-of-a-deployment-that-somebody-has-once";
        let base: String = format!("{shorter}-5d8c7b9f6d-").chars().take(BASE_MAX).collect();
        assert!(names(&format!("{base}x7k2p")).contains(&(shorter, WorkloadKind::Deployment)));
    }
}
