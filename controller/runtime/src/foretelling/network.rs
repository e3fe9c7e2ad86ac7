//! The network that is asked, read when it is first needed: the one that comes with kubeopt, or one from a file.

use std::path::PathBuf;
use std::sync::OnceLock;

use kubeopt_forecast::Model;
use kubeopt_model::Problem;
use sha2::{Digest as _, Sha256};

/// Characters of a digest that people are told.
const DIGEST_SHOWN: usize = 12;

/// A network that was read.
#[derive(Debug)]
struct Known {
    model: Model,
    /// SHA-256 of the weights.
    digest: String,
    /// SHA-256 of that and of what calibrates it.
    mark: String,
}

impl Known {
    fn of(model: Model) -> Self {
        let digest = model.digest();
        let mark = hex::encode(Sha256::digest(format!("{digest} {:?}", model.offsets())));
        Self { model, digest, mark }
    }
}

/// A network, or why there is none.
#[derive(Debug, Default)]
pub(crate) struct Network {
    /// File of weights; the card is beside it. None is the network that comes with kubeopt.
    weights: Option<PathBuf>,
    read: OnceLock<Result<Known, Problem>>,
}

impl Network {
    pub(crate) fn new(weights: Option<PathBuf>) -> Self {
        Self { weights, read: OnceLock::new() }
    }

    fn read(&self) -> &Result<Known, Problem> {
        self.read.get_or_init(|| {
            let model = crate::forecast::files::model(self.weights.as_deref()).inspect_err(|problem| {
                tracing::warn!("{problem}; baselines foretell alone");
            })?;
            Ok(Known::of(model))
        })
    }

    pub(crate) fn model(&self) -> Option<&Model> {
        self.read().as_ref().ok().map(|known| &known.model)
    }

    /// SHA-256 of the weights.
    pub(crate) fn digest(&self) -> Option<&str> {
        self.read().as_ref().ok().map(|known| known.digest.as_str())
    }

    /// What tells this network from any other: its weights and the offsets of its card, which may change without them.
    pub(crate) fn mark(&self) -> Option<&str> {
        self.read().as_ref().ok().map(|known| known.mark.as_str())
    }

    pub(crate) fn refused(&self) -> Option<Problem> {
        self.read().as_ref().err().cloned()
    }

    /// `the network that comes with kubeopt, 4f2a1c90be0d`
    pub(crate) fn about(&self) -> Result<String, Problem> {
        let digest = &self.read().as_ref().map_err(Problem::clone)?.digest;
        let shown: String = digest.chars().take(DIGEST_SHOWN).collect();
        Ok(match &self.weights {
            Some(path) => format!("the network of {}, {shown}", path.display()),
            None => format!("the network that comes with kubeopt, {shown}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use kubeopt_forecast::Offsets;

    use super::*;

    #[test]
    fn other_offsets_of_the_same_weights_are_another_network() {
        let shipped = Model::shipped().unwrap();
        let bare = Known::of(Model::of(shipped.network().clone(), Offsets::none()));
        let shipped = Known::of(shipped);
        assert_eq!(bare.digest, shipped.digest);
        assert_ne!(bare.mark, shipped.mark);
    }
}
