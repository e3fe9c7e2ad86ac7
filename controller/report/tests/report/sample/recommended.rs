//! What is recommended for the service and the database, and what it rests on.

use kubeopt_model::cost::{CapacityCost, Money};
use kubeopt_model::foretold::BandHeld;
use kubeopt_model::quantity::{Field, MIB};
use kubeopt_model::recommendation::{Effect, Member, Reason, Risk, SiteChange};
use kubeopt_model::source::Step;
use kubeopt_model::usage::OomKill;
use kubeopt_model::{
    Amount, Bytes, Change, EditSite, FieldPath, Foretold, ForetoldLoad, NoRecommendation, PeakQuantiles,
    Recommendation, RepoPath, RepositoryId, Resource, StatedConfidence, WorkloadKind,
};

use super::measured::usage;
use super::{NOW_UNIX_S, container, resources};

pub(super) fn site_change(file: &str, line: usize, field: Field, before: &str, after: &str) -> SiteChange {
    let amount = |text| Amount::parse(field.resource, text).unwrap();
    let keys = ["resources", field.bound_key(), field.resource_key()];
    SiteChange {
        field,
        site: EditSite {
            file: RepoPath::new(file).unwrap(),
            line,
            document: 1,
            path: FieldPath(keys.map(Step::from).to_vec()),
            text: before.to_owned(),
        },
        value: Change { before: amount(before), after: amount(after) },
        feeds: vec![RepoPath::new("apps/payments/overlays/prod").unwrap()],
        written: None,
    }
}

fn reason(field: Field, rule: &str, bound: bool, after: &str, text: &str) -> Reason {
    let amount = Amount::parse(field.resource, after).unwrap();
    Reason { rule: rule.into(), field, effect: Effect::Prefer(amount), bound, text: text.into() }
}

pub(crate) fn cost(before: &str, after: &str) -> Option<CapacityCost> {
    Some(CapacityCost { before: Money(before.parse().unwrap()), after: Money(after.parse().unwrap()) })
}

fn repository() -> RepositoryId {
    RepositoryId {
        forge: kubeopt_model::ForgeName::new("demo").unwrap(),
        owner: "acme".into(),
        name: "gitops".into(),
    }
}

pub(super) const API_FILE: &str = "apps/payments/overlays/prod/api-resources.yaml";
pub(super) const LEDGER_FILE: &str = "apps/payments/base/ledger.yaml";

fn sure(
    lower_bound: f64,
    (held_days, days): (u32, u32),
    pooled_workloads: Option<u32>,
    resource: Resource,
) -> StatedConfidence {
    StatedConfidence { lower_bound, held_days, days, pooled_workloads, resource }
}

pub(super) fn api() -> Recommendation {
    let id = container(WorkloadKind::Deployment, "api", "api");
    Recommendation {
        repository: repository(),
        members: vec![Member {
            usage: usage(&id, 6, (215.0, 0.3), 860.0),
            container: id,
            replicas: 6,
            resources: Change {
                before: resources(["1", "", "2Gi", "2Gi"]),
                after: resources(["310m", "", "1184Mi", "2Gi"]),
            },
            cost: cost("187.14", "68.74"),
            timed: Vec::new(),
            terms: Vec::new(),
            confidence: Some(sure(0.9295, (41, 41), None, Resource::Cpu)),
            foretold: Some(foretold()),
        }],
        changes: vec![
            site_change(API_FILE, 14, Field::CPU_REQUEST, "1", "310m"),
            site_change(API_FILE, 15, Field::MEMORY_REQUEST, "2Gi", "1184Mi"),
        ],
        removals: Vec::new(),
        additions: Vec::new(),
        patches: Vec::new(),
        targets: Vec::new(),
        reasons: vec![
            reason(
                Field::CPU_REQUEST,
                "cpu-quantile",
                true,
                "310m",
                "p98 of 28 days is 262m, with 15 % on top 302m, rounded up to 310m",
            ),
            reason(
                Field::MEMORY_REQUEST,
                "memory-maximum",
                true,
                "1184Mi",
                "the highest sample is 1026Mi, with 15 % on top 1180Mi, rounded up to 1184Mi",
            ),
            reason(
                Field::MEMORY_LIMIT,
                "limit-keep",
                false,
                "2Gi",
                "the policy keeps limits, and 2Gi is above the new request",
            ),
        ],
        left: Vec::new(),
        risk: Risk::Low,
        cures_oom: false,
    }
}

/// CPU that the network has a part in, and memory that it has none in.
fn foretold() -> Foretold {
    let load = |[q10, q50, q90, q95, q99]: [f64; 5], seen, network_weight, because: &str| {
        let peak_week = PeakQuantiles { q10, q50, q90, q95, q99 };
        let peak_day = peak_week.scaled(0.95);
        ForetoldLoad {
            peak_day,
            peak_week,
            seen,
            hours: Vec::new(),
            network_weight,
            because: because.to_owned(),
            held: (network_weight > 0.0).then_some(BandHeld { day: 0.756, week: 0.752 }),
        }
    };
    let mebi = MIB as f64;
    let cpu = [240.0, 291.0, 305.0, 330.0, 360.0];
    let memory = [900.0 * mebi, 990.0 * mebi, 1060.0 * mebi, 1080.0 * mebi, 1100.0 * mebi];
    let part = "the model has a weight of 0.46 in it, by its losses on the last weeks' peaks";
    let none = "the model is not better than seasonal naive here: its weight is 0";
    Foretold {
        from_unix_s: NOW_UNIX_S,
        network: None,
        cpu: Some(load(cpu, 287.0, 0.46, part)),
        memory: Some(load(memory, 1026.0 * mebi, 0.0, none)),
    }
}

pub(super) fn ledger() -> Recommendation {
    let id = container(WorkloadKind::StatefulSet, "ledger", "postgres");
    let mut usage = usage(&id, 3, (1450.0, 0.2), 6750.0);
    usage.oom_kills = vec![OomKill {
        container: id.clone(),
        at_unix_s: NOW_UNIX_S - 3 * 86_400,
        limit: Some(Bytes::mebi(8192)),
    }];
    Recommendation {
        repository: repository(),
        members: vec![Member {
            usage,
            container: id,
            replicas: 3,
            resources: Change {
                before: resources(["2", "", "8Gi", "8Gi"]),
                after: resources(["2", "", "8960Mi", "8960Mi"]),
            },
            cost: cost("312.40", "322.60"),
            timed: Vec::new(),
            terms: Vec::new(),
            confidence: Some(sure(0.9386, (412, 430), Some(11), Resource::Memory)),
            foretold: None,
        }],
        changes: vec![
            site_change(LEDGER_FILE, 41, Field::MEMORY_REQUEST, "8Gi", "8960Mi"),
            site_change(LEDGER_FILE, 43, Field::MEMORY_LIMIT, "8Gi", "8960Mi"),
        ],
        removals: Vec::new(),
        additions: Vec::new(),
        patches: Vec::new(),
        targets: Vec::new(),
        reasons: vec![reason(
            Field::MEMORY_LIMIT,
            "oom-bound",
            true,
            "8960Mi",
            "killed for memory 3 days ago at a limit of 8Gi: at least that and 10 %",
        )],
        left: vec![(Field::CPU_REQUEST, NoRecommendation::AlreadyRight)],
        risk: Risk::Medium,
        cures_oom: true,
    }
}
