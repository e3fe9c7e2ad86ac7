//! What tells the series of a metric apart.

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};

/// A closed set of label values, written in lower case.
macro_rules! label_values {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident => $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant),*
        }

        impl EncodeLabelValue for $name {
            fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
                let text = match self {
                    $(Self::$variant => $text),*
                };
                EncodeLabelValue::encode(&text, encoder)
            }
        }
    };
}

label_values! {
    /// How a pass ended.
    PassResult {
        /// All of it was done.
        Done => "done",
        /// It was given up.
        Failed => "failed",
    }
}

label_values! {
    /// Where a pull request stands.
    PullRequestState {
        /// Waits for a decision.
        Open => "open",
        /// Was merged.
        Merged => "merged",
        /// Was closed without a merge.
        Closed => "closed",
    }
}

label_values! {
    /// What savings rest on.
    SavingsBasis {
        /// Requests times prices.
        Estimated => "estimated",
    }
}

label_values! {
    /// What came of a delivery of a webhook.
    WebhookResult {
        /// It is the forge's, and new.
        Taken => "taken",
        /// It was taken before.
        Repeated => "repeated",
        /// It is not proven to be the forge's.
        Forged => "forged",
        /// Too large, too slow, too many, not readable.
        Refused => "refused",
    }
}

label_values! {
    /// What came of sending a notice to a receiver.
    NoticeResult {
        /// It arrived.
        Delivered => "delivered",
        /// It did not, and is sent again unless it is given up.
        Failed => "failed",
        /// It became a dead letter.
        GivenUp => "given_up",
    }
}

label_values! {
    /// What came of a request.
    Answer {
        /// 1xx, 2xx and 3xx
        Ok => "ok",
        /// 4xx
        Refused => "refused",
        /// 5xx
        Fault => "fault",
        /// None came.
        Missing => "missing",
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct PassLabels {
    pub(super) result: PassResult,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct PullRequestLabels {
    pub(super) state: PullRequestState,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct FindingLabels {
    pub(super) kind: &'static str,
    pub(super) severity: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct SavingsLabels {
    pub(super) basis: SavingsBasis,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ForgeLabels {
    pub(super) forge: String,
    pub(super) answer: Answer,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct WebhookLabels {
    pub(super) forge: String,
    pub(super) result: WebhookResult,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct NoticeLabels {
    pub(super) result: NoticeResult,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ProblemLabels {
    pub(super) code: String,
}
