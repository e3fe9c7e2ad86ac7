//! What was seen of a cluster, before it is joined. Pure.

use std::sync::Arc;

use kubeopt_model::{ClusterName, Problem};

use crate::codes;
use crate::error::told;
use crate::kinds::Watched;
use crate::read::read;
use crate::seen::Seen;

/// What was seen of all kinds, read object by object.
#[derive(Debug, Clone)]
pub struct Objects {
    /// Which cluster.
    pub(crate) cluster: ClusterName,
    /// The objects, in any order: a value, or why one is quarantined.
    pub(crate) seen: Vec<Arc<Result<Seen, Box<Problem>>>>,
    /// Kinds that could not be seen.
    pub(crate) unseen: Vec<Problem>,
}

impl Objects {
    /// No objects of a cluster.
    pub(crate) fn none(cluster: ClusterName) -> Self {
        Self { cluster, seen: Vec::new(), unseen: Vec::new() }
    }

    /// Reads documents as an API server would send them, for clusters that are recorded and not asked. Documents of
    /// kinds that are not watched are passed over; one that is no object at all is quarantined.
    pub fn read(cluster: ClusterName, documents: impl IntoIterator<Item = serde_json::Value>) -> Self {
        let mut objects = Self::none(cluster);
        for document in documents {
            let text = |key: &str| document.get(key).and_then(serde_json::Value::as_str).unwrap_or_default();
            let Some(kind) = Watched::of_document(text("apiVersion"), text("kind")) else { continue };
            let seen = match serde_json::from_value(document) {
                Ok(object) => read(kind, &objects.cluster, object).seen,
                Err(error) => Arc::new(Err(Box::new(not_an_object(kind, &error)))),
            };
            objects.seen.push(seen);
        }
        objects
    }
}

fn not_an_object(kind: Watched, error: &serde_json::Error) -> Problem {
    let text = format!("one of {} is left out: {}", kind.resource(), told(error));
    Problem::new(codes::QUARANTINED, text, "correct the document; all others are used meanwhile")
}
