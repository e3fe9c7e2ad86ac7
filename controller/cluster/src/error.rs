//! What can go wrong with a cluster as a whole. What goes wrong with one kind or one object is a problem in the facts.

use kubeopt_model::Problem;

/// Why a cluster cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// There are no usable credentials.
    #[error("unable to read the credentials of cluster {cluster}")]
    Credentials {
        /// The cluster's name in the configuration.
        cluster: String,
        /// What kube says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The API server does not answer, or not as one.
    #[error("unable to talk to the API server of cluster {cluster}")]
    Unreachable {
        /// The cluster's name in the configuration.
        cluster: String,
        /// What kube says.
        #[source]
        source: Box<kube::Error>,
    },
    /// The Lease cannot be read or written.
    #[error("unable to hold the lease {lease}")]
    Lease {
        /// `namespace/name`.
        lease: String,
        /// What kube says.
        #[source]
        source: Box<kube::Error>,
    },
    /// The API server does not tell the rules.
    #[error("unable to ask what kubeopt may do in namespace {namespace}")]
    Rules {
        /// The namespace that was asked about.
        namespace: String,
        /// What kube says.
        #[source]
        source: Box<kube::Error>,
    },
    /// Nothing serves what containers use now.
    #[error("nothing serves metrics.k8s.io in cluster {cluster}, so metrics-server does not run, or not yet")]
    UsageNotServed {
        /// The cluster's name in the configuration.
        cluster: String,
    },
    /// What containers use now may not be listed.
    #[error("kubeopt may not list pods of metrics.k8s.io in cluster {cluster}")]
    UsageForbidden {
        /// The cluster's name in the configuration.
        cluster: String,
    },
    /// The API server does not tell whether a token is good.
    #[error("unable to ask cluster {cluster} whether the token of a node agent is good: {why}")]
    Tokens {
        /// The cluster's name in the configuration.
        cluster: String,
        /// What was wrong.
        why: String,
    },
    /// What containers use now cannot be read.
    #[error("unable to read from metrics-server in cluster {cluster}: {why}")]
    UsageUnread {
        /// The cluster's name in the configuration.
        cluster: String,
        /// What was wrong.
        why: String,
    },
}

impl ClusterError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Credentials { .. } => "E-CLU-001",
            Self::Unreachable { .. } => "E-CLU-002",
            Self::Lease { .. } => "E-CLU-008",
            Self::Rules { .. } => "E-CLU-009",
            Self::UsageNotServed { .. } => "E-CLU-010",
            Self::UsageForbidden { .. } => "E-CLU-011",
            Self::UsageUnread { .. } => "E-CLU-012",
            Self::Tokens { .. } => "E-CLU-014",
        }
    }

    /// The same as users see it, with the next step.
    pub fn problem(&self) -> Problem {
        Problem::new(self.code(), told(self), self.help())
    }

    /// The next step.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Credentials { .. } => {
                "name a kubeconfig with --kubeconfig and a context of it with --context, or run inside the cluster"
            }
            Self::Unreachable { .. } => {
                "try `kubectl version` with the same kubeconfig and context, then run `kubeopt check`"
            }
            Self::Lease { .. } => {
                "allow kubeopt get, create and update on leases of its namespace, as the Role of the chart does"
            }
            Self::Rules { .. } => "bind the cluster role system:basic-user to kubeopt's service account",
            Self::UsageNotServed { .. } => {
                "name a Prometheus with --prometheus URL or under `metrics.prometheus` of kubeopt.yaml, which also tells the past; or install metrics-server (github.com/kubernetes-sigs/metrics-server) and wait until `kubectl top pods -A` answers"
            }
            Self::UsageForbidden { .. } => {
                "allow kubeopt get and list on pods of the group metrics.k8s.io, as the chart does where no Prometheus is named; or name one under `metrics.prometheus` of kubeopt.yaml"
            }
            Self::Tokens { .. } => {
                "allow kubeopt create on tokenreviews of authentication.k8s.io, as the chart does where agents are enabled; until then agents with tokens wait and keep what they read"
            }
            Self::UsageUnread { .. } => {
                "try `kubectl get --raw /apis/metrics.k8s.io/v1beta1/pods` with the same kubeconfig and context"
            }
        }
    }
}

/// An error with its causes in one line, none told twice.
pub(crate) fn told(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        // kube quotes paths twice.
        let text = next.to_string().replace("'\"", "`").replace("\"'", "`");
        if !line.contains(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        cause = next.source();
    }
    shortened(&line)
}

/// Texts of others are cut here: 400 characters hold every message of an API server that helps, and keep reports
/// readable when one does not.
pub(crate) const FOREIGN_TEXT_CHARS_MAX: usize = 400;

/// A foreign text without control characters and not too long.
pub(crate) fn shortened(text: &str) -> String {
    let mut clean: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(FOREIGN_TEXT_CHARS_MAX).collect();
    if text.chars().nth(FOREIGN_TEXT_CHARS_MAX).is_some() {
        clean.push('…');
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_texts_are_cut_and_lose_their_control_characters() {
        let text = shortened(&format!("a\u{1b}[31m\n{}", "ä".repeat(500)));
        assert_eq!(text.chars().count(), FOREIGN_TEXT_CHARS_MAX + 1);
        assert!(text.starts_with("a [31m ä") && text.ends_with('…'));
        assert_eq!(shortened("short"), "short");
    }

    #[test]
    fn an_error_tells_its_causes_once_and_the_next_step() {
        let error = ClusterError::Credentials {
            cluster: "prod".to_owned(),
            source: Box::new(std::io::Error::other("no file '\"/root/.kube/config\"'")),
        };
        let problem = error.problem();
        assert_eq!(problem.code, "E-CLU-001");
        let text = "unable to read the credentials of cluster prod: no file `/root/.kube/config`";
        assert_eq!(problem.text, text);
        assert!(problem.help.contains("--kubeconfig"));
    }
}
