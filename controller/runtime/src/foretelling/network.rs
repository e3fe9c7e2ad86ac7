//! The network that is asked, read when it is first needed: the one that comes with kubeopt, or one from a file.

use std::path::PathBuf;
use std::sync::OnceLock;

use kubeopt_forecast::Model;
use kubeopt_model::Problem;

/// Characters of a digest that people are told.
const DIGEST_SHOWN: usize = 12;

/// A network, or why there is none.
#[derive(Debug, Default)]
pub(crate) struct Network {
    /// File of weights; the card is beside it. None is the network that comes with kubeopt.
    weights: Option<PathBuf>,
    read: OnceLock<Result<(Model, String), Problem>>,
}

impl Network {
    pub(crate) fn new(weights: Option<PathBuf>) -> Self {
        Self { weights, read: OnceLock::new() }
    }

    fn read(&self) -> &Result<(Model, String), Problem> {
        self.read.get_or_init(|| {
            let model = crate::forecast::model(self.weights.as_deref()).inspect_err(|problem| {
                tracing::warn!("{problem}; baselines foretell alone");
            })?;
            let digest = model.digest();
            Ok((model, digest))
        })
    }

    pub(crate) fn model(&self) -> Option<&Model> {
        self.read().as_ref().ok().map(|(model, _)| model)
    }

    /// SHA-256 of the weights.
    pub(crate) fn digest(&self) -> Option<&str> {
        self.read().as_ref().ok().map(|(_, digest)| digest.as_str())
    }

    pub(crate) fn refused(&self) -> Option<Problem> {
        self.read().as_ref().err().cloned()
    }

    /// `the network that comes with kubeopt, 4f2a1c90be0d`
    pub(crate) fn about(&self) -> Result<String, Problem> {
        let (_, digest) = self.read().as_ref().map_err(Problem::clone)?;
        let shown: String = digest.chars().take(DIGEST_SHOWN).collect();
        Ok(match &self.weights {
            Some(path) => format!("the network of {}, {shown}", path.display()),
            None => format!("the network that comes with kubeopt, {shown}"),
        })
    }
}
