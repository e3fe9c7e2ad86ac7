//! A pull request as it could be: a web service, its sidecar, and a database that was killed for memory.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kubeopt_model::cost::{BillDelta, CapacityCost, Money, Prices, ProposedBill};
use kubeopt_model::edit::{ChangedField, ProvenBy};
use kubeopt_model::explanation::{Confidence, Explanation, RiskCode, RiskNote, WordedBy};
use kubeopt_model::foretold::BandHeld;
use kubeopt_model::load::{HourSpan, LoadPart, TimedRequest};
use kubeopt_model::quantity::{Field, MIB};
use kubeopt_model::recommendation::{
    Effect, Member, Reason, Risk, SiteAddition, SiteChange, SitePatch, SiteRemoval,
};
use kubeopt_model::source::{RenderedWorkload, Step};
use kubeopt_model::usage::{HourPoint, OomKill, ResourceUsage};
use kubeopt_model::{
    Amount, Bytes, Change, ClusterName, ContainerId, ContainerName, ContainerRole, ContainerUsage, Coverage,
    EditSite, EditedFile, FieldPath, Foretold, ForetoldLoad, Namespace, NoRecommendation, ObjectName,
    PeakQuantiles, Recommendation, RepoPath, RepositoryId, Resource, Resources, StatedConfidence,
    Verification, Window, WorkloadId, WorkloadKind,
};
use kubeopt_report::PullRequestInput;
use kubeopt_signal::Sketch;

/// 2026-11-29 12:00 UTC.
pub(crate) const NOW_UNIX_S: i64 = 1_795_953_600;
const HOUR: i64 = 3_600;
const HOURS: i64 = 28 * 24;

pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(NOW_UNIX_S).unwrap()
}

pub(crate) fn container(kind: WorkloadKind, workload: &str, container: &str) -> ContainerId {
    ContainerId {
        workload: WorkloadId {
            cluster: ClusterName::new("prod-eu").unwrap(),
            namespace: Namespace::new("payments").unwrap(),
            kind,
            name: ObjectName::new(workload).unwrap(),
        },
        container: ContainerName::new(container).unwrap(),
    }
}

/// CPU request, CPU limit, memory request, memory limit; empty is not set.
pub(crate) fn resources(texts: [&str; 4]) -> Resources {
    let mut resources = Resources::default();
    for (field, text) in Field::ALL.into_iter().zip(texts).filter(|(_, text)| !text.is_empty()) {
        resources.set(field.bound, Amount::parse(field.resource, text).unwrap());
    }
    resources
}

/// Four weeks with a rhythm of days and weeks around a mean, without randomness.
fn hours(mean: f64, swing: f64) -> Vec<HourPoint> {
    (0..HOURS)
        .map(|hour| {
            let day = (hour as f64 / 24.0 * std::f64::consts::TAU).sin();
            let weekend = if (hour / 24) % 7 >= 5 { 0.55 } else { 1.0 };
            let wobble = 0.06 * ((hour * 7919 % 101) as f64 / 50.0 - 1.0);
            let p95 = mean * weekend * (1.0 + swing * day + wobble);
            let at_unix_s = NOW_UNIX_S - (HOURS - hour) * HOUR;
            HourPoint { at_unix_s, median: p95 * 0.8, p95, max: p95 * 1.08 }
        })
        .collect()
}

fn resource_usage(hours: &[HourPoint], pods: u64) -> ResourceUsage {
    let mut sketch = Sketch::default();
    hours.iter().for_each(|hour| sketch.add(hour.p95 * 0.8, 12 * pods));
    let highest = hours.iter().max_by(|a, b| a.max.total_cmp(&b.max)).unwrap();
    let expected = hours.len() as u64 * 12 * pods;
    ResourceUsage {
        sketch,
        max: highest.max,
        max_at_unix_s: highest.at_unix_s,
        coverage: Coverage { have: expected - 480, expected },
        days: Vec::new(),
    }
}

pub(crate) fn usage(
    container: &ContainerId,
    pods: u64,
    (cpu, cpu_swing): (f64, f64),
    memory_mebi: f64,
) -> ContainerUsage {
    let window = Window { from_unix_s: NOW_UNIX_S - HOURS * HOUR, to_unix_s: NOW_UNIX_S };
    let (cpu_hours, memory_hours) = (hours(cpu, cpu_swing), hours(memory_mebi * MIB as f64, 0.05));
    ContainerUsage {
        container: container.clone(),
        window,
        seen: window,
        cpu: Some(resource_usage(&cpu_hours, pods)),
        memory: Some(resource_usage(&memory_hours, pods)),
        oom_kills: Vec::new(),
        throttled_ratio: Some(0.0004),
        strain: kubeopt_model::usage::Strain::default(),
        startup: kubeopt_model::usage::Startup::default(),
        nodes: None,
        gpus: None,
        pods,
        replica_hours: 672.0 * pods as f64,
        cpu_hours: cpu_hours.into_iter().collect(),
        pod_peaks: Vec::new(),
        memory_hours: memory_hours.into_iter().collect(),
        partial: None,
    }
}

fn site_change(file: &str, line: usize, field: Field, before: &str, after: &str) -> SiteChange {
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

/// The API without its CPU limit, which was 2 cores.
pub(crate) fn without_cpu_limit() -> Sample {
    let mut sample = sample();
    let api = &mut sample.recommendations[0];
    let change = site_change(API_FILE, 17, Field::CPU_LIMIT, "2", "2");
    let SiteChange { field, site, value, feeds, .. } = change;
    api.removals.push(SiteRemoval { field, site, before: value.before, feeds });
    api.members[0].resources.before.set(field.bound, value.before);
    let text = "the policy wants no cpu limit: 2000m is removed".to_owned();
    api.reasons.push(Reason { rule: "limits".into(), field, effect: Effect::Remove, bound: true, text });
    sample
}

/// The API with busy hours each day, and with so many spans of a week that not all are named.
pub(crate) fn with_hours() -> Sample {
    let mut sample = sample();
    let request = |part, period_hours, spans: Vec<HourSpan>, cpu| TimedRequest {
        part,
        period_hours,
        spans,
        cpu: kubeopt_model::MilliCores(cpu),
    };
    let spans = |from: u32, every: u32, hours: u32| {
        (0..7).map(|at| HourSpan { from_hour: at * every + from, hours }).collect::<Vec<_>>()
    };
    sample.recommendations[0].members[0].timed = vec![
        request(LoadPart::Peak, 24, spans(9, 24, 8), 310),
        request(LoadPart::OffPeak, 24, spans(17, 24, 16), 120),
    ];
    // Each day at other hours.
    let weekly = [spans(3, 25, 2), spans(12, 25, 2)].concat();
    sample.recommendations[1].members[0].timed = vec![request(LoadPart::Peak, 168, weekly, 2000)];
    sample
}

/// The API as it would be had nobody set its requests: with the memory limit alone.
pub(crate) fn without_requests() -> Sample {
    let mut sample = sample();
    let api = &mut sample.recommendations[0];
    let member = &mut api.members[0];
    member.resources.before = resources(["", "", "", "2Gi"]);
    member.cost = cost("50.14", "68.74");
    let text = "nothing in Git sets it: 310m is created".to_owned();
    let (rule, effect) = ("create-request".to_owned(), Effect::Note);
    api.reasons.push(Reason { rule, field: Field::CPU_REQUEST, effect, bound: false, text });
    let containers = [member.container.clone()];
    api.additions = std::mem::take(&mut api.changes)
        .into_iter()
        .map(|SiteChange { field, mut site, value, feeds, .. }| {
            (site.line, site.text) = (12, String::new());
            SiteAddition { field, site, after: value.after, feeds, containers: containers.to_vec() }
        })
        .collect();
    sample
}

/// The API where its requests come from a base that others share: a patch of the overlay sets them.
pub(crate) fn in_a_patch() -> Sample {
    let mut sample = sample();
    let path = |text: &str| RepoPath::new(text).unwrap();
    let api = &mut sample.recommendations[0];
    let id = api.members[0].container.clone();
    api.patches = std::mem::take(&mut api.changes)
        .into_iter()
        .map(|SiteChange { field, site, value, feeds, .. }| SitePatch {
            field,
            base: EditSite { file: path("apps/payments/base/api.yaml"), ..site },
            value: value.map(Some),
            overlay: feeds[0].clone(),
            feeds: ["dev", "prod", "test"]
                .map(|name| path(&format!("apps/payments/overlays/{name}")))
                .to_vec(),
            kustomization: path("apps/payments/overlays/prod/kustomization.yaml"),
            file: path("apps/payments/overlays/prod/kubeopt-resources.yaml"),
            workload: RenderedWorkload {
                kind: WorkloadKind::Deployment,
                namespace: None,
                name: id.workload.name.clone(),
            },
            container: id.container.clone(),
            role: ContainerRole::Main,
            list: vec![id.container.clone()],
            containers: vec![id.clone()],
        })
        .collect();
    sample
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

const API_FILE: &str = "apps/payments/overlays/prod/api-resources.yaml";
const LEDGER_FILE: &str = "apps/payments/base/ledger.yaml";

fn sure(
    lower_bound: f64,
    (held_days, days): (u32, u32),
    pooled_workloads: Option<u32>,
    resource: Resource,
) -> StatedConfidence {
    StatedConfidence { lower_bound, held_days, days, pooled_workloads, resource }
}

fn api() -> Recommendation {
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

fn ledger() -> Recommendation {
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

/// Everything that an input borrows.
pub(crate) struct Sample {
    pub(crate) cluster: ClusterName,
    pub(crate) recommendations: Vec<Recommendation>,
    pub(crate) explanations: Vec<Option<Explanation>>,
    pub(crate) left_alone: Vec<(String, NoRecommendation)>,
    pub(crate) findings: Vec<String>,
    pub(crate) noticed: Vec<String>,
    pub(crate) verifications: Vec<Verification>,
    pub(crate) prices: Option<Prices>,
    pub(crate) bill: ProposedBill,
    pub(crate) labels: Vec<String>,
}

fn why_api() -> Explanation {
    Explanation {
        summary: "A service that answers requests, busy 09:00-17:00 UTC each day. The CPU request goes from 1000m to 310m: 98 % of \
                  the samples of 28 days stay within 262m. The memory request goes from 2Gi to 1184Mi: the highest was 1026Mi, and \
                  the request stays above it."
            .into(),
        risks: Vec::new(),
        confidence: Confidence::High,
        figures: BTreeMap::new(),
        worded_by: WordedBy::Kubeopt,
    }
}

fn why_ledger() -> Explanation {
    let risk = |code, text: &str| RiskNote { code, text: text.into() };
    Explanation {
        summary:
            "The database ran into its memory limit, so request and limit grow together, from 8Gi to 8960Mi."
                .into(),
        risks: vec![
            risk(RiskCode::OomAgain, "It was killed for memory, and may be again if its data still grows."),
            risk(RiskCode::RestartIsDear, "A restart is dear here: merge it when few people wait."),
        ],
        confidence: Confidence::Low,
        figures: BTreeMap::new(),
        worded_by: WordedBy::Model { model: "small-1".into() },
    }
}

pub(crate) fn sample() -> Sample {
    let recommendations = vec![api(), ledger()];
    Sample {
        cluster: ClusterName::new("prod-eu").unwrap(),
        verifications: vec![Verification {
            entry: RepoPath::new("apps/payments/overlays/prod").unwrap(),
            by: ProvenBy::Rendered("kustomize v5.8.2".into()),
            changed: recommendations.iter().flat_map(changed_fields).collect(),
            targets: Vec::new(),
        }],
        recommendations,
        explanations: vec![Some(why_api()), Some(why_ledger())],
        left_alone: vec![
            (
                "payments/deploy/web".into(),
                NoRecommendation::ScaledOnThisResource {
                    scaler: "HPA `web` holds CPU at 70 % of the request".into(),
                },
            ),
            ("payments/cronjob/report".into(), NoRecommendation::TooFewRuns { have: 2, need: 5 }),
        ],
        findings: Vec::new(),
        noticed: Vec::new(),
        prices: Some(Prices {
            usd_per_core_hour: "0.031611".parse().unwrap(),
            usd_per_gib_hour: "0.004237".parse().unwrap(),
            basis: "AWS us-east-1 list".into(),
            date: "2026-09-30".into(),
        }),
        bill: bill(),
        labels: vec!["kubeopt".into()],
    }
}

/// Nothing leaves with it alone, and a node with two others.
fn bill() -> ProposedBill {
    let why = "node pool `m5.xlarge` is memory-bound (84 % of memory, 31 % of CPU requested), so freed CPU does not remove a node";
    ProposedBill {
        alone: BillDelta { monthly: Some(Money::ZERO), nodes: 0, why: vec![why.into()] },
        others: 2,
        together: Some(BillDelta {
            monthly: Some(Money("-140.16".parse().unwrap())),
            nodes: -1,
            why: vec![],
        }),
    }
}

/// Where kustomize is missing for one of two overlays, and the other is a plain folder.
pub(crate) fn not_rendered() -> Sample {
    let mut sample = sample();
    let proven = &mut sample.verifications[0];
    let ledger = proven.changed.split_off(2);
    proven.by = ProvenBy::NotRendered("kustomize was not found".into());
    let entry = RepoPath::new("apps/payments/base").unwrap();
    sample
        .verifications
        .insert(0, Verification { entry, by: ProvenBy::Parsed, changed: ledger, targets: Vec::new() });
    sample
}

fn changed_fields(recommendation: &Recommendation) -> Vec<ChangedField> {
    let member = &recommendation.members[0];
    let fields = recommendation.changes.iter().map(|change| ChangedField {
        workload: RenderedWorkload {
            kind: member.container.workload.kind,
            namespace: Some(member.container.workload.namespace.clone()),
            name: member.container.workload.name.clone(),
        },
        container: member.container.container.clone(),
        field: change.field,
        value: change.value.map(Some),
    });
    fields.collect()
}

impl Sample {
    pub(crate) fn input(&self) -> PullRequestInput<'_> {
        PullRequestInput {
            cluster: &self.cluster,
            group: "apps/payments/overlays/prod",
            label: "payments",
            base: "main",
            recommendations: &self.recommendations,
            explanations: &self.explanations,
            left_alone: &self.left_alone,
            findings: &self.findings,
            noticed: &self.noticed,
            verifications: &self.verifications,
            prices: self.prices.as_ref().ok_or("no sheet holds prices of its provider"),
            bill: &self.bill,
            conventional_title: true,
            repeat_command: Some("kubeopt plan -n payments --cluster prod-eu"),
            delivered_by: Some("Flux"),
            reopen_moved_percent: 25,
            reopen_days: 60,
            freeze_days: 14,
            labels: &self.labels,
            now: now(),
        }
    }
}

/// The files that the sample's changes edit.
pub(crate) fn files() -> Vec<EditedFile> {
    let api = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: api\n  namespace: payments\nspec:\n  template:\n    spec:\n      containers:\n        - name: api\n          # Sized by hand in 2024.\n          resources:\n            requests:\n              cpu: \"1\"        # one core is plenty\n              memory: 2Gi\n            limits:\n              memory: 2Gi\n";
    let ledger = "      containers:\n        - name: postgres\n          resources:\n            requests:\n              cpu: \"2\"\n              memory: 8Gi\n            limits:\n              memory: 8Gi\n";
    let edited = |path: &str, before: &str, after: String| EditedFile {
        path: RepoPath::new(path).unwrap(),
        content: Change { before: before.into(), after: after.into() },
    };
    vec![
        edited(
            API_FILE,
            api,
            api.replacen("\"1\" ", "\"310m\" ", 1).replacen("memory: 2Gi", "memory: 1184Mi", 1),
        ),
        edited(LEDGER_FILE, ledger, ledger.replace("8Gi", "8960Mi")),
    ]
}
