//! Receivers of notices in the configuration: which service, where its address stands, and what it is told. Addresses are
//! secrets: whoever has one can write there.

use std::path::PathBuf;

use crate::config::scalars::{file, malformed, required};
use crate::text::{At, Fault, Reading, choice, section};

/// Longest name of a receiver.
const NAME_CHARS_MAX: usize = 60;

choice! {
    /// What a receiver is.
    pub(crate) enum ServiceWord {
        /// An incoming webhook of Slack.
        "slack" => Slack,
        /// A webhook of a Teams workflow.
        "teams" => Teams,
        /// A webhook of a Discord channel.
        "discord" => Discord,
        /// A service of PagerDuty.
        "pagerduty" => PagerDuty,
        /// Anything that takes JSON over HTTP.
        "webhook" => Webhook,
    } later []
}

choice! {
    /// What a notice is about.
    pub enum ToldKind {
        /// A pull request was opened, or changed its values.
        "pull-request" => PullRequest,
        /// A pull request was merged or closed.
        "pull-request-ended" => PullRequestEnded,
        /// What was merged has not arrived in the cluster.
        "not-synced" => NotSynced,
        /// A change did harm.
        "revert" => Revert,
        /// What a change came to, measured.
        "outcome" => Outcome,
        /// Something unusual was seen.
        "finding" => Finding,
        /// Something cannot be done: a repository, a cluster, a pass.
        "failure" => Failure,
        /// A budget is used up.
        "budget" => Budget,
        /// A summary of some days.
        "digest" => Digest,
    } later []
}

choice! {
    /// How much a notice matters.
    pub enum ToldSeverity {
        /// Worth knowing.
        "info" => Info,
        /// Worth a look.
        "warning" => Warning,
        /// Something does not work.
        "error" => Error,
        /// Something does harm.
        "critical" => Critical,
    } later []
}

section! {
    /// A receiver of notices.
    pub(crate) struct Destination {
        /// Name, as policies use it and people are shown it; required.
        "name" => name: String = null,
        /// `slack`, `teams`, `discord`, `pagerduty` or `webhook`; required.
        "type" => service: ServiceWord = null,
        /// File that holds the address; required, but for `pagerduty`.
        "urlFile" => url_file: String = null,
        /// File that holds the integration key of `pagerduty`; required there.
        "routingKeyFile" => routing_key_file: String = null,
        /// File that holds the key by which requests to a `webhook` are signed.
        "signingKeyFile" => signing_key_file: String = null,
        /// What it is told; absent is everything.
        "kinds" => kinds: Vec<At<ToldKind>> = [],
        /// And nothing that matters less.
        "least" => least: ToldSeverity = "info",
        /// Certificate authorities in PEM; absent are those of the system.
        "caFile" => ca_file: String = null,
    }
}

/// A receiver of notices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationConfig {
    /// Name.
    pub name: String,
    /// What it is, with the files of its secrets.
    pub service: ServiceConfig,
    /// What it is told; empty is everything.
    pub kinds: Vec<ToldKind>,
    /// And nothing that matters less.
    pub least: ToldSeverity,
    /// Certificate authorities in PEM.
    pub ca_file: Option<PathBuf>,
}

/// What a receiver is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceConfig {
    /// Slack.
    Slack {
        /// File that holds the address.
        url_file: PathBuf,
    },
    /// Teams.
    Teams {
        /// File that holds the address.
        url_file: PathBuf,
    },
    /// Discord.
    Discord {
        /// File that holds the address.
        url_file: PathBuf,
    },
    /// PagerDuty.
    PagerDuty {
        /// File that holds the integration key.
        routing_key_file: PathBuf,
        /// File that holds another address than that of the United States.
        url_file: Option<PathBuf>,
    },
    /// Anything that takes JSON.
    Webhook {
        /// File that holds the address.
        url_file: PathBuf,
        /// File that holds the key by which requests are signed.
        signing_key_file: Option<PathBuf>,
    },
}

/// A receiver; none after a problem was told.
pub(crate) fn check_destination(
    section: At<Destination>,
    reading: &mut Reading<'_>,
) -> Option<DestinationConfig> {
    let At { value: mut told, line } = section;
    let name = required(told.name.take(), line, "notifications[].name", "give it a name", reading);
    let name = name.and_then(|at| {
        let is_name = (1..=NAME_CHARS_MAX).contains(&at.value.chars().count());
        if is_name { Some(at.value) } else { malformed(&at, "notifications[].name", "a short name", reading) }
    });
    let help = "say what it is: `type: slack`";
    let word = required(told.service.take(), line, "notifications[].type", help, reading)?.value;
    refuse_what_has_no_meaning(&told, word, reading);
    let kinds = told.kinds.take().map(|at| at.value).unwrap_or_default();
    let (least, ca_file) = (told.least.take(), told.ca_file.take());
    let service = check_service(told, word, line, reading);
    Some(DestinationConfig {
        name: name?,
        service: service?,
        kinds: kinds.into_iter().map(|at| at.value).collect(),
        least: least.map_or(ToldSeverity::Info, |at| at.value),
        ca_file: ca_file.map(file),
    })
}

fn check_service(
    told: Destination,
    word: ServiceWord,
    line: usize,
    reading: &mut Reading<'_>,
) -> Option<ServiceConfig> {
    if word == ServiceWord::PagerDuty {
        let help = "write the integration key of the service to a file and name it";
        let key = required(told.routing_key_file, line, "notifications[].routingKeyFile", help, reading);
        return Some(ServiceConfig::PagerDuty {
            routing_key_file: file(key?),
            url_file: told.url_file.map(file),
        });
    }
    let help = "write the address to a file and name it";
    let url_file = file(required(told.url_file, line, "notifications[].urlFile", help, reading)?);
    Some(match word {
        ServiceWord::Slack => ServiceConfig::Slack { url_file },
        ServiceWord::Teams => ServiceConfig::Teams { url_file },
        ServiceWord::Discord => ServiceConfig::Discord { url_file },
        ServiceWord::Webhook | ServiceWord::PagerDuty => {
            ServiceConfig::Webhook { url_file, signing_key_file: told.signing_key_file.map(file) }
        }
    })
}

/// Keys of other services: a key that signs nothing would be believed to sign.
fn refuse_what_has_no_meaning(told: &Destination, word: ServiceWord, reading: &mut Reading<'_>) {
    let keys = [
        ("routingKeyFile", told.routing_key_file.as_ref(), ServiceWord::PagerDuty, "pagerduty"),
        ("signingKeyFile", told.signing_key_file.as_ref(), ServiceWord::Webhook, "webhook"),
    ];
    for (key, at, of, service) in keys {
        let Some(at) = at.filter(|_| word != of) else { continue };
        let text = format!("`{key}` has a meaning for receivers of type `{service}` only");
        reading.refuse(at.line, Fault::Contradiction { text, help: "remove it".to_owned() });
    }
}
