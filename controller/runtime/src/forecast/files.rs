//! Files of weights and of states: read within a bound, and written as a whole.

use std::path::Path;

use kubeopt_forecast::Model;
use kubeopt_model::Problem;

use crate::codes;

/// Largest file of weights, card or state that is read: those of the largest network that is trained are below 40 MB.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// A model by its file of weights; without one that which comes with kubeopt.
pub(crate) fn model(weights: Option<&Path>) -> Result<Model, Problem> {
    let Some(path) = weights else { return Model::shipped().map_err(|error| error.problem()) };
    let card = read(&path.with_extension("json"))?;
    Model::read(&read(path)?, &String::from_utf8_lossy(&card)).map_err(|error| error.problem())
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    let length = std::fs::metadata(path).map_err(|error| unable("read", path, &error.to_string()))?.len();
    if length > FILE_BYTES_MAX {
        return Err(unable("read", path, &format!("it is larger than {FILE_BYTES_MAX} bytes")));
    }
    std::fs::read(path).map_err(|error| unable("read", path, &error.to_string()))
}

/// Beside it first, so that a reader never sees half of it.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    let written = std::fs::write(&beside, bytes).and_then(|()| std::fs::rename(&beside, path));
    written.map_err(|error| unable("write", path, &error.to_string()))
}

fn unable(what: &str, path: &Path, why: &str) -> Problem {
    let text = format!("unable to {what} `{}`: {why}", path.display());
    Problem::new(codes::NO_FOLDER, text, "name a file in a folder that exists and may be used")
}
