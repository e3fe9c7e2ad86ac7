//! Why a chart is not taken, as problems: for those who fetch one from a repository or a registry.

use kubeopt_model::Problem;
use kubeopt_net::{NetError, Url};

use crate::codes;

pub(super) fn shown(text: &str) -> String {
    text.escape_debug().take(200).collect()
}

pub(super) fn no_version(base: &Url, wanted: &str) -> Problem {
    Problem::new(
        codes::CHART_VERSION,
        format!("{base} publishes no chart that matches `{}`", shown(wanted.trim())),
        "check name and version with `helm show chart`, and that the credentials may read it",
    )
}

pub(super) fn wrong_digest(base: &Url) -> Problem {
    Problem::new(
        codes::CHART_DIGEST,
        format!("what {base} sent differs from the digest that it published"),
        "do not use this chart; tell the owner of the repository, and look for a proxy that changes files",
    )
}

pub(super) fn not_understood(base: &Url, why: &str) -> Problem {
    Problem::new(
        codes::CHART_FETCH,
        format!("the answer of {base} is not understood: {why}"),
        "check that the address is that of a repository of charts, with `helm pull`",
    )
}

pub(super) fn fetch_failed(base: &Url, error: &NetError) -> Problem {
    let problem = error.problem();
    let text = format!("unable to fetch a chart from {base}: {}", problem.text);
    let help = if let NetError::HostNotAllowed { origin } = error {
        format!("add `- url: {origin}` to `charts:` of kubeopt.yaml, if archives may be fetched from there")
    } else {
        problem.help
    };
    Problem::new(codes::CHART_FETCH, text, help)
}
