//! The model that the controller gives: checked, kept in the buffer's folder, used from there after a restart.

use std::fs;
use std::path::{Path, PathBuf};

use kubeopt_outlook::Model;
use kubeopt_proto::Model as Sent;
use sha2::{Digest, Sha256};

use crate::log;

/// The kept file: version (8 bytes), then weights.
const FILE: &str = "model";

/// Why a model is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("its weights have another checksum than it says")]
    Checksum,
    #[error("it is for inputs of another meaning: controller and agent are of different versions")]
    Schema,
    #[error(transparent)]
    Weights(#[from] kubeopt_outlook::OutlookError),
}

/// The model in use, if any.
#[derive(Debug)]
pub(crate) struct ModelStore {
    path: PathBuf,
    pub(crate) current: Option<Current>,
}

/// A model that can be used.
#[derive(Debug)]
pub(crate) struct Current {
    pub(crate) model: Model,
    pub(crate) version: u64,
    pub(crate) sha256: [u8; 32],
}

impl ModelStore {
    /// Takes up the kept model; without one, or with one of another version of the agent, there is none.
    pub(crate) fn open(folder: &Path) -> Self {
        let path = folder.join(FILE);
        let current = fs::read(&path).ok().and_then(|bytes| {
            let (version, weights) = bytes.split_first_chunk::<8>()?;
            let model = Model::read(weights).ok()?;
            let sha256 = Sha256::digest(weights).into();
            Some(Current { model, version: u64::from_le_bytes(*version), sha256 })
        });
        Self { path, current }
    }

    /// The checksum of the model in use, or nothing.
    pub(crate) fn sha256(&self) -> Vec<u8> {
        self.current.as_ref().map(|current| current.sha256.to_vec()).unwrap_or_default()
    }

    pub(crate) fn version(&self) -> u64 {
        self.current.as_ref().map_or(0, |current| current.version)
    }

    /// Takes another model.
    ///
    /// # Errors
    /// It cannot be used; the one before stays.
    pub(crate) fn take(&mut self, sent: &Sent) -> Result<(), Refused> {
        let sha256: [u8; 32] = Sha256::digest(&sent.weights).into();
        if sent.sha256 != sha256 {
            return Err(Refused::Checksum);
        }
        if sent.schema_sha256 != kubeopt_outlook::schema_hash() {
            return Err(Refused::Schema);
        }
        let model = Model::read(&sent.weights)?;
        self.current = Some(Current { model, version: sent.version, sha256 });
        if let Err(error) = self.keep(sent) {
            log::warn(format_args!("unable to keep the model over a restart: {}", log::chain(&error)));
        }
        Ok(())
    }

    fn keep(&self, sent: &Sent) -> std::io::Result<()> {
        let mut bytes = sent.version.to_le_bytes().to_vec();
        bytes.extend_from_slice(&sent.weights);
        replace(&self.path, &bytes)
    }
}

/// Puts a file where another was, at once.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, bytes)?;
    fs::rename(&new, path)
}
