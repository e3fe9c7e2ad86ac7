//! Receivers of notices that a configuration names.

use std::sync::Arc;

use kubeopt_api::config::{DestinationConfig, ServiceConfig, ToldKind, ToldSeverity};
use kubeopt_model::{Problem, Timestamp};
use kubeopt_net::SecretSource;
use kubeopt_notify::{Destination, Filter, NoticeKind, Notifier, Service, Severity};

/// Who tells them; none where nobody is to be told.
pub(super) fn notifier(configs: &[DestinationConfig]) -> Result<Option<Arc<Notifier>>, Problem> {
    if configs.is_empty() {
        return Ok(None);
    }
    let destinations = configs.iter().map(destination).collect();
    let notifier = Notifier::new(destinations, Arc::new(Timestamp::now)).map_err(|error| error.problem())?;
    Ok(Some(Arc::new(notifier)))
}

fn destination(config: &DestinationConfig) -> Destination {
    Destination {
        name: config.name.clone(),
        service: service(&config.service),
        filter: Filter {
            kinds: config.kinds.iter().map(|kind| notice_kind(*kind)).collect(),
            least_severity: severity(config.least),
        },
        ca_file: config.ca_file.clone(),
    }
}

fn service(config: &ServiceConfig) -> Service {
    let from = |file: &std::path::PathBuf| SecretSource::File(file.clone());
    match config {
        ServiceConfig::Slack { url_file } => Service::Slack { address: from(url_file) },
        ServiceConfig::Teams { url_file } => Service::Teams { address: from(url_file) },
        ServiceConfig::Discord { url_file } => Service::Discord { address: from(url_file) },
        ServiceConfig::PagerDuty { routing_key_file, url_file } => {
            Service::PagerDuty { routing_key: from(routing_key_file), address: url_file.as_ref().map(from) }
        }
        ServiceConfig::Webhook { url_file, signing_key_file } => {
            Service::Webhook { address: from(url_file), signing_key: signing_key_file.as_ref().map(from) }
        }
    }
}

fn notice_kind(kind: ToldKind) -> NoticeKind {
    match kind {
        ToldKind::PullRequest => NoticeKind::PullRequest,
        ToldKind::PullRequestEnded => NoticeKind::PullRequestEnded,
        ToldKind::NotSynced => NoticeKind::NotSynced,
        ToldKind::Revert => NoticeKind::Revert,
        ToldKind::Outcome => NoticeKind::Outcome,
        ToldKind::Finding => NoticeKind::Finding,
        ToldKind::Failure => NoticeKind::Failure,
        ToldKind::Budget => NoticeKind::Budget,
        ToldKind::Digest => NoticeKind::Digest,
    }
}

fn severity(least: ToldSeverity) -> Severity {
    match least {
        ToldSeverity::Info => Severity::Info,
        ToldSeverity::Warning => Severity::Warning,
        ToldSeverity::Error => Severity::Error,
        ToldSeverity::Critical => Severity::Critical,
    }
}

#[cfg(test)]
mod tests {
    use kubeopt_api::Config;

    use super::*;

    #[test]
    fn what_the_configuration_calls_a_kind_or_a_severity_notices_do_too() {
        for kind in NoticeKind::ALL.into_iter().filter(|kind| *kind != NoticeKind::Test) {
            let text = format!(
                "notifications: [{{name: a, type: slack, urlFile: /x, kinds: [{kind}], least: error}}]"
            );
            let config = Config::parse(&text, "kubeopt.yaml", kubeopt_policy::PRESETS).unwrap();
            let made = destination(&config.notifications[0]);
            assert_eq!(made.filter.kinds, [kind].into(), "{kind}");
            assert_eq!(made.filter.least_severity, Severity::Error);
        }
    }

    #[test]
    fn nobody_is_told_where_nobody_is_named() {
        assert!(notifier(&[]).unwrap().is_none());
        let text = "notifications: [{name: a, type: webhook, urlFile: /x, signingKeyFile: /s}]";
        let config = Config::parse(text, "kubeopt.yaml", kubeopt_policy::PRESETS).unwrap();
        assert!(notifier(&config.notifications).unwrap().is_some());
    }
}
