//! The table of `kubeopt scan` as plain values: what programs read as JSON and YAML, and the cells that people read.
//! Knows nothing of terminals and formats.

use jiff::Timestamp;
use kubeopt_model::cost::{BillDelta, Money, Prices};
use kubeopt_model::quantity::Field;
use kubeopt_model::recommendation::{Member, Reason, Recommendation, Risk};
use kubeopt_model::{
    Change, Container, ContainerId, ContainerUsage, NoRecommendation, Resources, StatedConfidence, Workload,
};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Serialize;

use crate::bill::bill_line;
use crate::figures;

/// Column heads of [`ScanRow::cells`].
pub const SCAN_HEADERS: [&str; 8] =
    ["WORKLOAD", "CONTAINER", "CPU REQ", "MEMORY REQ", "LIMITS", "CONF", "Δ $/MONTH", "WHY"];
/// Column heads of [`ScanRow::wide_cells`], which stand before those of the narrow table.
pub const SCAN_HEADERS_WIDE: [&str; 3] = ["NAMESPACE", "RISK", "EVIDENCE"];

/// A scan with what it rests on.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScanReport {
    /// Cluster.
    pub cluster: String,
    /// When.
    pub at: Timestamp,
    /// Where the numbers come from.
    pub metrics: ScanMetrics,
    /// Prices, if any are known.
    pub prices: Option<ScanPrices>,
    /// Why none are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prices_unknown: Option<String>,
    /// What leaves the bill with all changes together; none where nothing changes.
    pub bill: Option<BillDelta>,
    /// One row a container, in the order in which they are shown.
    pub rows: Vec<ScanRow>,
}

/// What reading usage took.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScanMetrics {
    /// Address, without credentials.
    pub server: String,
    /// Days of history asked for.
    pub history_days: f64,
    /// Samples read.
    pub samples: u64,
    /// Queries made.
    pub queries: u64,
    /// Wall time, seconds.
    pub seconds: f64,
}

/// The prices of a scan.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScanPrices {
    /// US dollars per core and hour.
    pub usd_per_core_hour: Decimal,
    /// US dollars per GiB and hour.
    pub usd_per_gib_hour: Decimal,
    /// What the numbers are.
    pub basis: String,
    /// The date of the numbers, ISO 8601.
    pub date: String,
}

impl From<&Prices> for ScanPrices {
    fn from(prices: &Prices) -> Self {
        Self {
            usd_per_core_hour: prices.usd_per_core_hour,
            usd_per_gib_hour: prices.usd_per_gib_hour,
            basis: prices.basis.clone(),
            date: prices.date.clone(),
        }
    }
}

/// What becomes of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ScanVerdict {
    /// Other values are recommended.
    Change,
    /// The values stay.
    Keep,
    /// Nothing can be said yet.
    Unknown,
}

/// What a row rests on.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScanEvidence {
    /// Samples of the resource that is covered worse.
    pub samples: u64,
    /// Days between the first and the last sample.
    pub days: f64,
    /// Share of the expected samples, 0 to 1.
    pub coverage: f64,
}

/// One container. Amounts are written as in manifests; none where the field is not set.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScanRow {
    /// Namespace.
    pub namespace: String,
    /// `deploy/api`
    pub workload: String,
    /// Container.
    pub container: String,
    /// Replicas now.
    pub replicas: u32,
    /// What becomes of it.
    pub verdict: ScanVerdict,
    /// `requests.cpu`
    pub cpu_request: Change<Option<String>>,
    /// `limits.cpu`
    pub cpu_limit: Change<Option<String>>,
    /// `requests.memory`
    pub memory_request: Change<Option<String>>,
    /// `limits.memory`
    pub memory_limit: Change<Option<String>>,
    /// Samples, history and coverage; none where no usage was looked at.
    pub evidence: Option<ScanEvidence>,
    /// What the rule achieved on past days; none where nothing changes, or too few days tell.
    pub confidence: Option<StatedConfidence>,
    /// US dollars a month for what is requested today; none where unknown.
    pub monthly_usd: Option<Decimal>,
    /// US dollars a month that the change adds, to the cent; none where unknown.
    pub monthly_delta_usd: Option<Decimal>,
    /// Risk of the change.
    pub risk: Option<Risk>,
    /// The sentences of the rules that decided.
    pub why: String,
    /// The same for a narrow table: what was used, or which bound held.
    #[serde(skip)]
    pub brief: String,
}

impl ScanRow {
    /// The row of a container whose values should change.
    pub fn recommended(recommendation: &Recommendation, member: &Member) -> Self {
        Self::of_member(member, &recommendation.reasons, recommendation.risk)
    }

    /// The row of a container whose values should change, where no file is known.
    pub fn of_member(member: &Member, reasons: &[Reason], risk: Risk) -> Self {
        let cents = |money: Money| money.to_cents().0;
        Self {
            replicas: member.replicas,
            verdict: ScanVerdict::Change,
            evidence: evidence(&member.usage),
            confidence: member.confidence,
            monthly_usd: member.cost.map(|cost| cents(cost.before)),
            monthly_delta_usd: member.cost.map(|cost| cents(cost.delta())),
            risk: Some(risk),
            brief: brief(reasons, member),
            ..Self::bare(&member.container, member.resources, deciding(reasons, member))
        }
    }

    /// The row of a container whose values stay, with the reason.
    pub fn left(workload: &Workload, container: &Container, why: &NoRecommendation) -> Self {
        let id = ContainerId { workload: workload.id.clone(), container: container.name.clone() };
        let resources = Change { before: container.resources, after: container.resources };
        let verdict = match why {
            NoRecommendation::NoUsage
            | NoRecommendation::TooLittleHistory { .. }
            | NoRecommendation::TooFewRuns { .. }
            | NoRecommendation::PartialData { .. } => ScanVerdict::Unknown,
            NoRecommendation::ScaledOnThisResource { .. }
            | NoRecommendation::Disabled { .. }
            | NoRecommendation::NotEditable(_)
            | NoRecommendation::NoSource(_)
            | NoRecommendation::AlreadyRight
            | NoRecommendation::Refused { .. }
            | NoRecommendation::TooSmall => ScanVerdict::Keep,
        };
        Self { replicas: workload.replicas, verdict, ..Self::bare(&id, resources, why.sentence()) }
    }

    fn bare(id: &ContainerId, resources: Change<Resources>, why: String) -> Self {
        let text = |field| resources.map(|resources| resources.get(field).map(|amount| amount.to_string()));
        Self {
            namespace: id.workload.namespace.to_string(),
            workload: id.workload.short(),
            container: id.container.to_string(),
            replicas: 0,
            verdict: ScanVerdict::Keep,
            cpu_request: text(Field::CPU_REQUEST),
            cpu_limit: text(Field::CPU_LIMIT),
            memory_request: text(Field::MEMORY_REQUEST),
            memory_limit: text(Field::MEMORY_LIMIT),
            evidence: None,
            confidence: None,
            monthly_usd: None,
            monthly_delta_usd: None,
            risk: None,
            brief: why.clone(),
            why,
        }
    }

    /// The cells below [`SCAN_HEADERS`].
    pub fn cells(&self) -> Vec<String> {
        vec![
            format!("{} ×{}", self.workload, self.replicas),
            self.container.clone(),
            self.request_cell(&self.cpu_request),
            self.request_cell(&self.memory_request),
            self.limits_cell(),
            self.confidence_cell(),
            self.monthly_delta_usd
                .map_or("-".to_owned(), |usd| figures::dollars(Money(usd)).replace('$', "")),
            self.why.clone(),
        ]
    }

    /// The cells below [`SCAN_HEADERS`], with the short reason.
    pub fn brief_cells(&self) -> Vec<String> {
        let mut cells = self.cells();
        if let Some(why) = cells.last_mut() {
            why.clone_from(&self.brief);
        }
        cells
    }

    /// The cells below [`SCAN_HEADERS_WIDE`], then those of the narrow table.
    pub fn wide_cells(&self) -> Vec<String> {
        let risk = self.risk.map_or("-".to_owned(), |risk| risk.to_string());
        [self.namespace.clone(), risk, self.evidence_cell()].into_iter().chain(self.cells()).collect()
    }

    /// `n=48,384, 28 d, 99 %`: samples, history and coverage.
    fn evidence_cell(&self) -> String {
        self.evidence.as_ref().map_or("-".to_owned(), |evidence| {
            format!(
                "n={}, {} d, {:.0} %",
                figures::count(evidence.samples),
                figures::days(evidence.days),
                evidence.coverage * 100.0
            )
        })
    }

    /// `0.93/41`, or `few days` where a change is wanted and too few of them tell; `-` where nothing changes.
    fn confidence_cell(&self) -> String {
        match (&self.confidence, self.verdict) {
            (Some(stated), _) => stated.cell(),
            (None, ScanVerdict::Change) => "few days".to_owned(),
            (None, ScanVerdict::Keep | ScanVerdict::Unknown) => "-".to_owned(),
        }
    }

    /// `1000m → 310m`, `1000m =` or, where nothing can be said yet, `1000m ?`.
    fn request_cell(&self, request: &Change<Option<String>>) -> String {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        match self.verdict {
            _ if !request.is_none() => format!("{} → {}", text(&request.before), text(&request.after)),
            ScanVerdict::Unknown => format!("{} ?", text(&request.before)),
            ScanVerdict::Change | ScanVerdict::Keep => format!("{} =", text(&request.before)),
        }
    }

    /// `mem 2Gi=`, `cpu 1000m=, mem → 8960Mi`, `-`
    fn limits_cell(&self) -> String {
        let parts: Vec<String> = [("cpu", &self.cpu_limit), ("mem", &self.memory_limit)]
            .into_iter()
            .filter_map(|(name, limit)| match (&limit.before, &limit.after) {
                (None, None) => None,
                (before, after) if before == after => Some(format!("{name} {}=", before.as_deref()?)),
                (_, Some(after)) => Some(format!("{name} → {after}")),
                (Some(_), None) => Some(format!("{name} removed")),
            })
            .collect();
        if parts.is_empty() { "-".to_owned() } else { parts.join(", ") }
    }
}

impl ScanReport {
    /// The line above the table.
    pub fn headline(&self) -> String {
        let metrics = &self.metrics;
        let prices = match (&self.prices, &self.prices_unknown) {
            (Some(prices), _) => crate::cost::basis(&prices.basis, &prices.date, self.at),
            (None, Some(why)) => format!("unknown ({why})"),
            (None, None) => "unknown".to_owned(),
        };
        // What has no address is told in its own words.
        let kind = if metrics.server.contains("://") { "Prometheus " } else { "" };
        format!(
            "{kind}{} · {}d of history, {} samples, {} queries, {:.1}s · prices: {prices}",
            metrics.server,
            figures::days(metrics.history_days),
            figures::count(metrics.samples),
            figures::count(metrics.queries),
            metrics.seconds,
        )
    }

    /// The line below the table.
    pub fn summary(&self) -> String {
        let changed: Vec<&ScanRow> =
            self.rows.iter().filter(|row| row.verdict == ScanVerdict::Change).collect();
        let deltas: Vec<Decimal> = changed.iter().filter_map(|row| row.monthly_delta_usd).collect();
        let before: Decimal = changed.iter().filter_map(|row| row.monthly_usd).sum();
        let sum: Decimal = deltas.iter().sum();
        let percent = if before.is_zero() { None } else { (sum * Decimal::ONE_HUNDRED / before).to_f64() };
        let money = match (deltas.len() == changed.len(), deltas.is_empty()) {
            (_, true) => "price unknown".to_owned(),
            (complete, false) => {
                let share = percent.map_or(String::new(), |percent| format!(" ({percent:+.0}%)"));
                let gap = if complete { "" } else { ", some prices unknown" };
                format!("requested capacity {}/month{share}{gap}", figures::dollars(Money(sum)))
            }
        };
        let increases = deltas.iter().filter(|delta| **delta > Decimal::ZERO).count();
        match changed.len() {
            0 => format!("{}, nothing to change", figures::counted(self.rows.len(), "container")),
            _ => {
                let bill = self.bill.as_ref().filter(|_| self.prices.is_some()).map(bill_line);
                let bill = bill.map_or(String::new(), |bill| format!(" · {bill}"));
                format!("{money}{bill} · {}", figures::counted(increases, "increase"))
            }
        }
    }
}

/// The reasons that decided values which change; of a change that has none, the first.
fn deciding(reasons: &[Reason], member: &Member) -> String {
    let said = decided(reasons, member).map(|reason| reason.text.clone());
    match (joined(said), reasons.first()) {
        (said, _) if !said.is_empty() => said,
        (_, Some(first)) => first.text.clone(),
        (_, None) => "no rule gave a reason".to_owned(),
    }
}

/// Rules whose sentence is a sum: a narrow table says what was used instead.
const RULES_OF_COST: [&str; 2] = ["cpu-cost", "memory-cost"];

fn brief(reasons: &[Reason], member: &Member) -> String {
    let said = decided(reasons, member).map(|reason| {
        let resource = reason.field.resource;
        let used = member.usage.resource(resource).filter(|_| RULES_OF_COST.contains(&reason.rule.as_str()));
        used.map_or_else(
            || reason.text.clone(),
            |used| format!("{} highest {}", figures::named(resource), figures::measured(resource, used.max)),
        )
    });
    let said = joined(said);
    if said.is_empty() { deciding(reasons, member) } else { said }
}

fn decided<'r>(reasons: &'r [Reason], member: &'r Member) -> impl Iterator<Item = &'r Reason> {
    let changes = |field| member.resources.before.get(field) != member.resources.after.get(field);
    let fields = Field::ALL.into_iter().filter(move |field| changes(*field));
    fields.flat_map(move |field| reasons.iter().filter(move |reason| reason.bound && reason.field == field))
}

/// Sentences beside each other; what is said of two fields, once.
fn joined(said: impl Iterator<Item = String>) -> String {
    let mut all: Vec<String> = Vec::new();
    said.for_each(|one| {
        if !all.contains(&one) {
            all.push(one);
        }
    });
    all.join("; ")
}

fn evidence(usage: &ContainerUsage) -> Option<ScanEvidence> {
    let coverage = crate::details::worst_coverage(usage)?;
    Some(ScanEvidence { samples: coverage.have, days: usage.seen.days(), coverage: coverage.ratio() })
}
