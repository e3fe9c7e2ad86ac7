//! Who is told what: receivers and their filters, as plain values. Their parser is elsewhere.

use std::collections::BTreeSet;
use std::path::PathBuf;

use kubeopt_net::SecretSource;

use crate::notice::{Notice, NoticeKind, Severity};

/// A receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// What people call it; the only thing of it that is shown.
    pub name: String,
    /// What it is.
    pub service: Service,
    /// What it is told.
    pub filter: Filter,
    /// A file with further certificate authorities.
    pub ca_file: Option<PathBuf>,
}

/// What a receiver is, with its secrets. Whoever has such an address can write there, so addresses stand in files too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Service {
    /// An incoming webhook of Slack.
    Slack {
        /// Its address.
        address: SecretSource,
    },
    /// A webhook of a Teams workflow.
    Teams {
        /// Its address.
        address: SecretSource,
    },
    /// A webhook of a Discord channel.
    Discord {
        /// Its address.
        address: SecretSource,
    },
    /// A service of PagerDuty, by its Events API v2.
    PagerDuty {
        /// The integration key.
        routing_key: SecretSource,
        /// Another address than PagerDuty's own in the United States.
        address: Option<SecretSource>,
    },
    /// Anything that takes JSON over HTTP.
    Webhook {
        /// Its address.
        address: SecretSource,
        /// What requests are signed with; none where the receiver does not check.
        signing_key: Option<SecretSource>,
    },
}

impl Service {
    /// As the configuration writes it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Slack { .. } => "slack",
            Self::Teams { .. } => "teams",
            Self::Discord { .. } => "discord",
            Self::PagerDuty { .. } => "pagerduty",
            Self::Webhook { .. } => "webhook",
        }
    }
}

/// What a receiver is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// These kinds; all where it is empty.
    pub kinds: BTreeSet<NoticeKind>,
    /// And nothing below this.
    pub least_severity: Severity,
}

impl Filter {
    /// Whether a notice passes. A test always does: that is what it is for.
    pub fn passes(&self, notice: &Notice) -> bool {
        let kind = self.kinds.is_empty() || self.kinds.contains(&notice.kind);
        notice.kind == NoticeKind::Test || (kind && notice.severity >= self.least_severity)
    }
}
