//! The language model that a configuration names.

use std::sync::Arc;

use kubeopt_api::config::{ModelConfig, ModelProvider, NamesTold};
use kubeopt_model::{Problem, Timestamp};
use kubeopt_net::{Secret, SecretSource};
use kubeopt_reason::{Endpoint, ModelExplainer, ModelSettings, NamePolicy, Provider, TokenBudget};

use crate::codes;

/// Bytes of a key of pseudonyms that is made for one run.
const KEY_BYTES: usize = 32;

/// Who words texts; none where kubeopt's own sentences are all.
pub(super) async fn words(config: Option<&ModelConfig>) -> Result<Option<Arc<ModelExplainer>>, Problem> {
    let Some(config) = config else { return Ok(None) };
    let settings = ModelSettings {
        endpoint: Endpoint {
            provider: match config.provider {
                ModelProvider::Anthropic => Provider::Anthropic,
                ModelProvider::OpenAiCompatible => Provider::OpenAiCompatible,
            },
            base_url: config.url.clone(),
            key: config.key_file.clone().map(SecretSource::File),
            ca_file: config.ca_file.clone(),
        },
        model: config.model.clone(),
        budget: TokenBudget {
            per_pull_request: config.tokens_per_pull_request.into(),
            per_day: config.tokens_per_day.into(),
            namespace_percent: config.namespace_percent,
        },
        names: names(&config.names).await?,
    };
    let explainer =
        ModelExplainer::new(settings, Arc::new(Timestamp::now)).map_err(|error| error.problem())?;
    Ok(Some(Arc::new(explainer)))
}

async fn names(told: &NamesTold) -> Result<NamePolicy, Problem> {
    let key = match told {
        NamesTold::Real => return Ok(NamePolicy::Real),
        NamesTold::Pseudonyms { key_file: Some(file) } => {
            SecretSource::File(file.clone()).read().await.map_err(|error| error.problem())?
        }
        NamesTold::Pseudonyms { key_file: None } => {
            let mut key = [0; KEY_BYTES];
            getrandom::fill(&mut key).map_err(|error| {
                let text = format!("unable to make a key of pseudonyms: {error}");
                let help = "name a file that holds one as `reasoning.pseudonymKeyFile` of kubeopt.yaml";
                Problem::new(codes::NOT_CONFIGURED, text, help)
            })?;
            Secret::new(hex::encode(key))
        }
    };
    Ok(NamePolicy::Pseudonyms { key })
}

#[cfg(test)]
mod tests {
    use kubeopt_api::Config;

    use super::*;

    async fn of(reasoning: &str) -> Result<bool, String> {
        kubeopt_net::install_crypto_provider();
        let text = format!("reasoning: {{{reasoning}}}");
        let config = Config::parse(&text, "kubeopt.yaml", kubeopt_policy::PRESETS).unwrap();
        let made = words(config.reasoning.as_ref()).await;
        made.map(|made| made.is_some()).map_err(|problem| problem.code)
    }

    #[tokio::test]
    async fn a_model_is_there_where_the_configuration_names_one() {
        assert_eq!(of("provider: none").await, Ok(false));
        assert_eq!(of("provider: anthropic, model: m, keyFile: /k").await, Ok(true));
        let own = "provider: openai-compatible, model: m, url: \"http://localhost:8000/v1\", names: real";
        assert_eq!(of(own).await, Ok(true));
        let refused = "provider: openai-compatible, model: m, url: \"http://169.254.169.254/v1\"";
        assert!(of(refused).await.is_err(), "an address that is never called");
        let missing = "provider: anthropic, model: m, pseudonymKeyFile: /nonexistent/key";
        assert_eq!(of(missing).await, Err("E-NET-010".to_owned()));
    }
}
