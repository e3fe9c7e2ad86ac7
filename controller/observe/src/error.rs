//! What can go wrong while usage is read.

use kubeopt_model::{Problem, Window};
use kubeopt_net::NetError;

/// Why usage could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// No connection, no answer in time, TLS, a broken stream.
    #[error("unable to read from Prometheus")]
    Unreachable(#[source] NetError),
    /// A status that repeating does not cure, such as 401, 403 or 404.
    #[error("Prometheus refused the request with HTTP {status}: {excerpt}")]
    Refused {
        /// The status.
        status: u16,
        /// The beginning of the answer.
        excerpt: String,
    },
    /// Still refused as too large, or still too slow, after halving.
    #[error("Prometheus could not answer a query for {seconds} s of data: {excerpt}")]
    TooMuch {
        /// Length of the shortest slice that was tried.
        seconds: i64,
        /// What it said last.
        excerpt: String,
    },
    /// Not the JSON of a query API.
    #[error("the answer is not that of a Prometheus query API: {why}")]
    Malformed {
        /// What was wrong, and where.
        why: String,
    },
    /// `status: error`.
    #[error("Prometheus answered with an error: {text}")]
    Query {
        /// Its `errorType` and `error`.
        text: String,
    },
    /// A label name, header or parameter of the configuration.
    #[error("the {what} of the metrics source cannot be used: {why}")]
    Setting {
        /// Which setting.
        what: &'static str,
        /// Why not.
        why: String,
    },
    /// Not on whole hours, empty, or longer than a day.
    #[error("unable to read the slice from {} to {}", window.from_unix_s, window.to_unix_s)]
    Slice {
        /// The slice.
        window: Window,
    },
    /// The expression of an objective is wrong, too expensive, or gives no ratio.
    #[error("the objective of the policy cannot be used: {why}")]
    Objective {
        /// What is wrong with it.
        why: String,
    },
    /// The cluster does not tell what containers use at this moment.
    #[error("{text}")]
    Moment {
        /// The code of who was asked.
        code: &'static str,
        /// What was wrong.
        text: String,
        /// The next step.
        help: &'static str,
    },
    /// What node agents sent cannot be read back.
    #[error("{text}")]
    Agents {
        /// The code of who keeps it.
        code: &'static str,
        /// What was wrong.
        text: String,
        /// The next step.
        help: &'static str,
    },
    /// metrics-server answers, and knows of no container.
    #[error("metrics-server tells of no container at all")]
    NothingMeasured,
}

impl ObserveError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "E-OBS-001",
            Self::Refused { .. } => "E-OBS-002",
            Self::TooMuch { .. } => "E-OBS-003",
            Self::Malformed { .. } => "E-OBS-004",
            Self::Query { .. } => "E-OBS-005",
            Self::Setting { .. } => "E-OBS-006",
            Self::Slice { .. } => "E-OBS-007",
            Self::Moment { code, .. } | Self::Agents { code, .. } => code,
            Self::NothingMeasured => "E-OBS-008",
            Self::Objective { .. } => "E-OBS-009",
        }
    }

    /// Whether the next pass may succeed without anyone changing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(error) => error.is_transient(),
            Self::Refused { status, .. } => *status >= 500 || *status == 429,
            Self::TooMuch { .. } | Self::Moment { .. } | Self::Agents { .. } | Self::NothingMeasured => true,
            Self::Malformed { .. }
            | Self::Query { .. }
            | Self::Setting { .. }
            | Self::Slice { .. }
            | Self::Objective { .. } => false,
        }
    }

    fn help(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => {
                "check the address of Prometheus in kubeopt.yaml and that kubeopt may reach it; until then no new pull request is opened and open ones stay as they are"
            }
            Self::Refused { status: 401 | 403, .. } => {
                "check the credentials and the tenant of this metrics source in kubeopt.yaml"
            }
            Self::Refused { status: 404, .. } => {
                "check the path of the address: kubeopt adds `/api/v1/query_range` to it"
            }
            Self::Refused { .. } => "look into the log of Prometheus or of the proxy before it",
            Self::TooMuch { .. } => {
                "select fewer namespaces, or raise `--query.max-samples` and `--query.timeout` of Prometheus"
            }
            Self::Malformed { .. } => {
                "check that the address leads to Prometheus or a compatible store, not to a login page or another service"
            }
            Self::Query { .. } => {
                "look into the log of Prometheus; if the query itself is wrong, report this as a fault of kubeopt"
            }
            Self::Setting { .. } => "correct the metrics source in kubeopt.yaml",
            Self::Slice { .. } => {
                "report this as a fault of kubeopt: slices are at most a day of whole hours"
            }
            Self::Objective { .. } => {
                "try the expression in Prometheus: it must give one series between 0 and 1 within 20 seconds; until then merges are judged without it"
            }
            Self::Moment { help, .. } | Self::Agents { help, .. } => help,
            Self::NothingMeasured => {
                "look into the log of metrics-server (`kubectl -n kube-system logs deploy/metrics-server`): it was started a moment ago, does not reach the kubelets, or does not trust their certificates"
            }
        }
    }

    /// As users see it.
    pub fn problem(&self) -> Problem {
        let text = match self {
            Self::Unreachable(cause) => format!("{self}: {cause}"),
            Self::Refused { .. }
            | Self::TooMuch { .. }
            | Self::Malformed { .. }
            | Self::Query { .. }
            | Self::Setting { .. }
            | Self::Slice { .. }
            | Self::Objective { .. }
            | Self::Moment { .. }
            | Self::Agents { .. }
            | Self::NothingMeasured => self.to_string(),
        };
        Problem::new(self.code(), text, self.help())
    }
}
