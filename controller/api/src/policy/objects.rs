//! `RightsizingPolicy` objects as layers: the same keys as a policy file, written by operators into the cluster. Knows no
//! API server: text, name and generation come in.
//!
//! A guardrail does not go because somebody mistyped it. Of an object that cannot be read its last good version counts, and
//! where there is none, nothing is proposed in what it selects, as far as its `selectors` could be read.
//!
//! Unlike in a file, `selectors` say what an object speaks of: two objects for two namespaces do not switch each other off.

use std::collections::BTreeMap;

use kubeopt_model::policy::PolicyObject;
use kubeopt_model::{Problem, RepoPath};

use crate::Presets;
use crate::codes::{OBJECT_NOT_READ, OBJECTS_UNKNOWN};
use crate::policy::check::check_layer;
use crate::policy::document::PolicyDocument;
use crate::policy::file::{Owner, PolicyFile};
use crate::policy::layer::Layer;
use crate::policy::selector::Selectors;
use crate::text::reading::shown;
use crate::text::{At, FileKind, Reading};

/// The kind of the objects, as layers and messages name it.
pub const POLICY_KIND: &str = "RightsizingPolicy";

/// The policies of one cluster, kept from pass to pass: what was good once counts until something better comes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClusterPolicies {
    /// By name.
    held: BTreeMap<String, Held>,
    /// Why there may be others that nobody sees.
    unknown: Option<Problem>,
    /// They were listed at least once.
    is_known: bool,
}

/// What is held of one object.
#[derive(Debug, Clone, PartialEq)]
struct Held {
    /// As it was written when it was read last; an object that did not change is not read again.
    object: PolicyObject,
    layer: Layer,
    /// The last version that could be read: its generation and layer.
    good: Option<(i64, Layer)>,
    problems: Vec<Problem>,
}

impl ClusterPolicies {
    /// Takes what the cluster shows now. `unknown` is why it may hold others, if so: then none that is held is let go, and
    /// while nothing was ever listed, nothing is proposed.
    pub fn take(&mut self, objects: &[PolicyObject], unknown: Option<&Problem>, presets: Presets<'_>) {
        let mut before = std::mem::take(&mut self.held);
        for object in objects {
            let held = match before.remove(&object.name) {
                Some(held) if held.object == *object => held,
                earlier => read(object, earlier.and_then(|held| held.good), presets),
            };
            self.held.insert(object.name.clone(), held);
        }
        if unknown.is_some() {
            self.held.extend(before);
        }
        self.unknown = unknown.cloned();
        self.is_known |= unknown.is_none();
    }

    /// The layers, sorted by name: behind that of the operator's configuration, before those of repositories.
    pub fn layers(&self) -> Vec<Layer> {
        let mut layers: Vec<Layer> = self.held.values().map(|held| held.layer.clone()).collect();
        if !self.is_known && self.unknown.is_some() {
            let name = format!("the cluster's {POLICY_KIND} objects, which cannot be seen");
            layers.push(Layer { name, file: PolicyFile::forbidding(None) });
        }
        layers
    }

    /// Everything that is wrong, with what counts meanwhile, and warnings.
    pub fn problems(&self) -> Vec<Problem> {
        let own = self.held.values().flat_map(|held| held.problems.iter().cloned());
        let unknown = self.unknown.iter().map(|why| {
            let meanwhile = if self.is_known {
                "those that were seen last count meanwhile"
            } else {
                "nothing is proposed meanwhile"
            };
            let text = format!("the {POLICY_KIND} objects of the cluster cannot be seen: {meanwhile}");
            Problem::new(OBJECTS_UNKNOWN, text, why.help.clone())
        });
        own.chain(unknown).collect()
    }
}

impl PolicyFile {
    /// Reads the spec of a `RightsizingPolicy` as the operator's layer. Problems name the object and the key; the line is
    /// told as an excerpt, because nobody else counts lines of it.
    ///
    /// # Errors
    /// Every problem of the object, each with the next step.
    pub fn parse_object(text: &str, name: &str, presets: Presets<'_>) -> Result<Self, Vec<Problem>> {
        parse(text, name, presets).0
    }
}

/// The file, and the selectors as far as they could be read.
fn parse(
    text: &str,
    name: &str,
    presets: Presets<'_>,
) -> (Result<PolicyFile, Vec<Problem>>, Option<At<Selectors>>) {
    let mut selectors = None;
    let place = layer_name(name);
    let read = Reading::of(text, &place, FileKind::Object, |document: PolicyDocument, reading| {
        selectors.clone_from(&document.selectors);
        check_layer(document, RepoPath::root(), Owner::Operator, presets, reading)
    });
    (read.map(|(file, warnings)| file.into_object(warnings)), selectors)
}

fn read(object: &PolicyObject, good: Option<(i64, Layer)>, presets: Presets<'_>) -> Held {
    let name = layer_name(&object.name);
    let (file, selectors) = match &object.spec {
        Ok(text) => parse(text, &object.name, presets),
        Err(problem) => (Err(vec![problem.clone()]), None),
    };
    let mut problems = match file {
        Ok(file) => {
            let problems = file.warnings().to_vec();
            let layer = Layer { name, file };
            let good = Some((object.generation, layer.clone()));
            return Held { object: object.clone(), layer, good, problems };
        }
        Err(problems) => problems,
    };
    let (layer, meanwhile) = match &good {
        Some((generation, layer)) => (layer.clone(), format!("its generation {generation} counts meanwhile")),
        None => {
            let name = format!("{name}, which cannot be read");
            let layer = Layer { name, file: PolicyFile::forbidding(selectors) };
            (layer, "nothing is proposed in what it selects meanwhile".to_owned())
        }
    };
    let text = format!("{} is not read: {meanwhile}", layer_name(&object.name));
    let help = "correct what is told of it: `kubectl edit rightsizingpolicies`";
    problems.push(Problem::new(OBJECT_NOT_READ, text, help).at(layer_name(&object.name), None));
    Held { object: object.clone(), layer, good, problems }
}

fn layer_name(name: &str) -> String {
    format!("{POLICY_KIND}/{}", shown(name))
}
