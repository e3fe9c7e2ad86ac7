//! Flags that several commands share. Knows no command.

use std::path::PathBuf;

use clap::{Args as Group, ValueEnum};

/// Flags of every command.
#[derive(Debug, Clone, Group)]
pub(crate) struct Common {
    /// Kubeconfig file; without it, what kubectl would use.
    #[arg(long, global = true, value_name = "FILE", env = "KUBECONFIG", hide_env_values = true)]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig.
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// The controller's configuration, kubeopt.yaml.
    #[arg(long, short = 'c', global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Program that renders kustomize overlays; without it, `kustomize` or `kubectl` on PATH.
    #[arg(long, global = true, value_name = "FILE", env = "KUBEOPT_KUSTOMIZE", hide_env_values = true)]
    pub(crate) kustomize: Option<PathBuf>,
    /// Program that renders Helm charts; without it, `helm` on PATH.
    #[arg(long, global = true, value_name = "FILE", env = "KUBEOPT_HELM", hide_env_values = true)]
    pub(crate) helm: Option<PathBuf>,
    /// The least confinement in which the two may run; `reduced` is for kernels without landlock or seccomp. Without it,
    /// what `sandbox` of kubeopt.yaml says, else `full`.
    #[arg(long, global = true, value_enum, env = "KUBEOPT_SANDBOX", hide_env_values = true)]
    pub(crate) sandbox: Option<Sandbox>,
    /// How log lines are written to standard error.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
    /// Say more: -v for each stage, -vv for everything.
    #[arg(long, short = 'v', global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// No progress bars, no hints.
    #[arg(long, short = 'q', global = true)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sandbox {
    /// Landlock and seccomp, or nothing is rendered.
    Full,
    /// What the kernel offers; every proof then says so.
    Reduced,
}

impl From<Sandbox> for kubeopt_runtime::Sandbox {
    fn from(sandbox: Sandbox) -> Self {
        match sandbox {
            Sandbox::Full => Self::Full,
            Sandbox::Reduced => Self::Reduced,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// Which workloads, and where their usage is.
#[derive(Debug, Clone, Group)]
pub(crate) struct Selection {
    /// Namespace; may be repeated.
    #[arg(long = "namespace", short = 'n', value_name = "NAME", conflicts_with = "all_namespaces")]
    pub(crate) namespaces: Vec<String>,
    /// All namespaces, which is the default.
    #[arg(long, short = 'A')]
    pub(crate) all_namespaces: bool,
    /// Prometheus, or a server that speaks its API.
    #[arg(long, value_name = "URL", env = "KUBEOPT_PROMETHEUS")]
    pub(crate) prometheus: Option<String>,
    /// File that holds a bearer token for Prometheus.
    #[arg(long, value_name = "FILE", requires = "prometheus")]
    pub(crate) prometheus_token_file: Option<PathBuf>,
    /// History to look at: 28d, 336h.
    #[arg(long, value_name = "DURATION")]
    pub(crate) history: Option<String>,
}

/// What a command writes: for people or for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    Text,
    Json,
}
