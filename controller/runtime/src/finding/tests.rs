//! What holds of a workload whose values stand in files of different policies.

use kubeopt_model::finding::{Kind, Severity};
use kubeopt_model::policy::{FindingPolicy, Silence, SilentTime};

use super::*;

fn silence(kind: Kind, by: &str) -> Silence {
    let when = SilentTime::Span { from_unix_s: None, to_unix_s: Some(100) };
    Silence { kinds: vec![kind], when, reason: "known".to_owned(), by: by.to_owned() }
}

fn policy(enabled: bool, min_severity: Severity, silences: &[Silence]) -> EffectivePolicy {
    let findings = FindingPolicy { enabled, min_severity, silences: silences.to_vec() };
    EffectivePolicy { findings, ..EffectivePolicy::default() }
}

#[test]
fn silences_of_several_files_add_up_each_once_and_of_the_rest_more_is_told() {
    let [root, base, overlay] = [
        silence(Kind::Spike, ".kubeopt.yaml:2"),
        silence(Kind::Leak, "base/.kubeopt.yaml:1"),
        silence(Kind::Drift, "overlays/eu/.kubeopt.yaml:1"),
    ];
    let of_base = policy(false, Severity::Low, &[root.clone(), base.clone()]);
    let of_overlay = policy(true, Severity::High, &[root.clone(), overlay.clone()]);
    for all in [together(of_base.clone(), of_overlay.clone()), together(of_overlay, of_base)] {
        assert_eq!((all.findings.enabled, all.findings.min_severity), (true, Severity::Low));
        assert_eq!(all.findings.silences.len(), 3, "{:?}", all.findings.silences);
        let now = Timestamp::from_second(50).unwrap();
        for (kind, by) in [(Kind::Spike, &root), (Kind::Leak, &base), (Kind::Drift, &overlay)] {
            assert_eq!(silenced(&all.findings, kind, now).map(|why| why.by), Some(by.by.clone()));
        }
        assert_eq!(silenced(&all.findings, Kind::Saturation, now), None);
    }
}
