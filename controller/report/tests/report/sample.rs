//! A pull request as it could be: a web service, its sidecar, and a database that was killed for memory.

mod measured;
mod recommended;
mod variants;

use std::collections::BTreeMap;

use jiff::Timestamp;
use kubeopt_model::cost::{BillDelta, Money, Prices, ProposedBill};
use kubeopt_model::edit::{ChangedField, ProvenBy};
use kubeopt_model::explanation::{Confidence, Explanation, RiskCode, RiskNote, WordedBy};
use kubeopt_model::quantity::Field;
use kubeopt_model::source::RenderedWorkload;
use kubeopt_model::{
    Amount, Change, ClusterName, ContainerId, ContainerName, EditedFile, Namespace, NoRecommendation,
    ObjectName, Recommendation, RepoPath, Resources, Verification, WorkloadId, WorkloadKind,
};
use kubeopt_report::PullRequestInput;

use recommended::{API_FILE, LEDGER_FILE, api, ledger};
pub(crate) use variants::{in_a_patch, not_rendered, with_hours, without_cpu_limit, without_requests};

/// 2026-11-29 12:00 UTC.
pub(crate) const NOW_UNIX_S: i64 = 1_795_953_600;

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
