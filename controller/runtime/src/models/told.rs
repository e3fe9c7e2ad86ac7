//! What happened to models and rounds, as lines of the audit and as metrics.

use kubeopt_federation::{Event, Federation, Rejection, Report, Rollout, Version};
use kubeopt_model::Timestamp;
use kubeopt_server::Metrics;

/// A line of the audit; none where it says nothing that can be written.
pub(super) fn line(event: &Event, now: Timestamp) -> Option<kubeopt_history::Event> {
    let (kind, subject) = match event {
        Event::RoundOpened { round, .. } => ("round-opened", round_name(*round)),
        Event::UploadAccepted { round, .. } => ("round-upload", round_name(*round)),
        Event::UploadRefused { round, .. } => ("round-upload-refused", round_name(*round)),
        Event::RoundClosed { round, .. } => ("round-closed", round_name(*round)),
        Event::RoundAccepted { round, .. } => ("round-accepted", round_name(*round)),
        Event::RoundRejected { round, .. } => ("round-rejected", round_name(*round)),
        Event::VersionRolledOut { version, .. } => ("model-rolled-out", model_name(*version)),
        Event::VersionRolledBack { version, .. } => ("model-rolled-back", model_name(*version)),
    };
    let mut detail = serde_json::to_value(event).ok()?;
    detail.as_object_mut()?.insert("text".to_owned(), text(event).into());
    Some(entry(kind, subject, detail, now))
}

/// That there is a version which no round made.
pub(super) fn added(number: u64, sha256: &str, now: Timestamp) -> kubeopt_history::Event {
    let detail = serde_json::json!({
        "sha256": sha256,
        "text": format!("version {number} is the network of the configuration, for all nodes"),
    });
    entry("model-added", model_name(number), detail, now)
}

/// That a person took a version back.
pub(super) fn asked_back(number: u64, because: &str, now: Timestamp) -> kubeopt_history::Event {
    let text = format!("version {number} is to be taken back: {because}");
    entry("model-rollback-asked", model_name(number), serde_json::json!({ "text": text }), now)
}

/// That a person wants a round.
pub(super) fn round_asked(because: &str, now: Timestamp) -> kubeopt_history::Event {
    let text = format!("a round is to begin now: {because}");
    entry("round-asked", "training".to_owned(), serde_json::json!({ "text": text }), now)
}

/// That a round which was due is left out.
pub(super) fn round_left_out(tried: &Version, now: Timestamp) -> kubeopt_history::Event {
    let text = format!("no round begins: {}", still_tried(tried));
    entry("round-left-out", model_name(tried.number), serde_json::json!({ "text": text }), now)
}

/// Why no round begins now.
pub(super) fn still_tried(tried: &Version) -> String {
    format!("version {} is given to {} so far", tried.number, rollout(tried.rollout))
}

fn entry(kind: &str, subject: String, detail: serde_json::Value, now: Timestamp) -> kubeopt_history::Event {
    kubeopt_history::Event {
        pass: format!("models {}", now.as_second()),
        at_unix_s: now.as_second(),
        kind: kind.to_owned(),
        subject,
        detail,
    }
}

pub(super) fn round_name(round: u64) -> String {
    format!("training round {round}")
}

pub(super) fn model_name(version: u64) -> String {
    format!("model {version}")
}

fn text(event: &Event) -> String {
    match event {
        Event::RoundOpened { base, .. } => format!("nodes train on version {base}"),
        Event::UploadAccepted { node, windows, norm, cpu_ms, .. } => {
            let cpu_s = cpu_seconds(*cpu_ms);
            format!(
                "{node} learned from {windows} windows in {cpu_s:.1} s of CPU, {norm:.3} away from its base"
            )
        }
        Event::UploadRefused { node, why, .. } => format!("{node} was refused: {}", why.reason()),
        Event::RoundClosed { participants, .. } => format!("{participants} nodes took part"),
        Event::RoundAccepted { version, .. } => format!("it became version {version}"),
        Event::RoundRejected { why, .. } => format!("it came to nothing: {}", rejection(why)),
        Event::VersionRolledOut { version, rollout } => {
            format!("version {version} goes to {}", self::rollout(*rollout))
        }
        Event::VersionRolledBack { to, .. } => format!("its nodes get version {to} again"),
    }
}

fn cpu_seconds(cpu_ms: u32) -> f64 {
    f64::from(cpu_ms) / 1000.0
}

/// Why a round came to nothing, as part of a sentence.
pub(super) fn rejection(why: &Rejection) -> String {
    match why {
        Rejection::TooFew { have, need } => format!("{have} nodes took part, and {need} are needed"),
        Rejection::Loss { base, candidate } => {
            format!("its loss on the controller's history is {candidate:.4}, and that of its base {base:.4}")
        }
        Rejection::Coverage { base, candidate } => format!(
            "its .9 quantile held {:.1} % of the hours of the controller's history, and that of its base {:.1} %",
            100.0 * candidate,
            100.0 * base
        ),
        Rejection::Creep { times } => {
            format!("with the rounds before it the loss is {times:.3} times that of the best version")
        }
        Rejection::NotScored => format!(
            "it could not be tested: fewer than {} days of loads in the controller's own history, or what it says is no number",
            super::judged::WINDOWS_MIN
        ),
        Rejection::BaseRolledBack => "its base was taken back or replaced meanwhile".to_owned(),
    }
}

/// Who gets a version.
pub(super) fn rollout(rollout: Rollout) -> String {
    match rollout {
        Rollout::Canary { share, .. } => format!("{:.0} % of the nodes", 100.0 * share),
        Rollout::Full => "all nodes".to_owned(),
        Rollout::RolledBack => "no node".to_owned(),
    }
}

/// Counts what happened.
pub(super) fn count(metrics: &Metrics, event: &Event) {
    let models = metrics.models();
    match event {
        Event::RoundOpened { .. } | Event::VersionRolledOut { .. } => {}
        Event::UploadAccepted { norm, cpu_ms, .. } => {
            models.count_upload("accepted");
            models.observe_norm(*norm);
            models.observe_cpu_seconds(cpu_seconds(*cpu_ms));
        }
        Event::UploadRefused { node, why, .. } => {
            models.count_upload(why.name());
            tracing::warn!(node, "what a node learned was refused: {}", why.reason());
        }
        Event::RoundClosed { participants, .. } => {
            models.set_participants(u64::try_from(*participants).unwrap_or(u64::MAX));
        }
        Event::RoundAccepted { round, .. } => {
            models.count_round("accepted");
            tracing::info!(round, "a round of training: {}", text(event));
        }
        Event::RoundRejected { round, .. } => {
            models.count_round("rejected");
            tracing::warn!(round, "a round of training: {}", text(event));
        }
        Event::VersionRolledBack { version, .. } => {
            models.count_rollback();
            tracing::warn!(version, "a network of node agents was taken back: {}", text(event));
        }
    }
}

/// Where versions and the round stand.
pub(super) fn measure(metrics: &Metrics, federation: &Federation) {
    let versions = federation.versions();
    let full = versions.all().iter().rev().find(|own| own.rollout == Rollout::Full);
    let [full, tried] = [full, versions.tried()].map(|own| own.map_or(0, |own| own.number));
    metrics.models().set_versions(full, tried);
    if let Some(round) = federation.round() {
        let nodes = round.participants.len();
        metrics.models().set_participants(u64::try_from(nodes).unwrap_or(u64::MAX));
    }
}

/// What nodes told of a round that is over.
pub(super) fn measure_round(metrics: &Metrics, report: &Report) {
    if !report.participants.is_empty() {
        metrics.models().set_round_losses(report.losses[0], report.losses[1]);
    }
}
