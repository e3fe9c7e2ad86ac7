//! The charts that the operator lets be fetched: one way to each repository, all within the same list of servers.

use std::path::PathBuf;

use kubeopt_api::Config;
use kubeopt_api::config::{BasicAuth, ChartRepositoryConfig};
use kubeopt_gitops::charts::{ChartAccess, ChartStore};
use kubeopt_model::Problem;
use kubeopt_net::{Auth, Client, ClientPolicy, HostRule, NetError, SecretSource};

use crate::tracing::{Charts, ListedRepository, PublishedCharts};

/// Charts of the repositories that `charts:` lists. Where it lists none, nothing is fetched, and each release that would
/// need it says so.
///
/// # Errors
/// When a file of certificates or the folder of charts cannot be used.
pub fn charts(config: &Config) -> Result<Charts, Problem> {
    let rules =
        config.charts.iter().map(rule).collect::<Result<Vec<_>, _>>().map_err(|error| error.problem())?;
    let listed = config.charts.iter().zip(&rules).map(|(repository, own)| {
        // Archives may lie on, and redirects lead to, every server of the list. Of several rules for one server the first
        // counts: the repository's own credentials.
        let all: Vec<HostRule> = std::iter::once(own).chain(&rules).cloned().collect();
        listed(repository, all).map_err(|error| error.problem())
    });
    let listed = listed.collect::<Result<Vec<_>, _>>()?;
    let store = if listed.is_empty() { None } else { Some(ChartStore::open(&config.store.charts)?) };
    Ok(Charts::published(PublishedCharts::new(listed, store)))
}

/// How kubeopt shows who it is, by the files that hold its secrets.
pub(super) fn auth(bearer_file: Option<&PathBuf>, basic: Option<&BasicAuth>) -> Auth {
    match (bearer_file, basic) {
        (Some(file), _) => Auth::Bearer(SecretSource::File(file.clone())),
        (None, Some(basic)) => Auth::Basic {
            user: basic.username.clone(),
            password: SecretSource::File(basic.password_file.clone()),
        },
        (None, None) => Auth::None,
    }
}

fn rule(repository: &ChartRepositoryConfig) -> Result<HostRule, NetError> {
    let auth = auth(repository.bearer_file.as_ref(), repository.basic.as_ref());
    Ok(HostRule::for_url(&repository.url)?.with_auth(auth))
}

fn listed(repository: &ChartRepositoryConfig, rules: Vec<HostRule>) -> Result<ListedRepository, NetError> {
    let client = |rules: Vec<HostRule>| {
        let mut policy = ClientPolicy::new(rules);
        policy.ca_file.clone_from(&repository.ca_file);
        Client::new(policy)
    };
    let bare = rules.iter().map(|rule| rule.clone().with_auth(Auth::None)).collect();
    Ok(ListedRepository {
        url: repository.url.clone(),
        is_registry: repository.is_registry(),
        access: ChartAccess { client: client(rules)?, with_tokens: client(bare)? },
    })
}
