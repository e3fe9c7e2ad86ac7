//! All layers together, for one workload or path. Pure: layers and a subject in, the effective policy out.

use kubeopt_model::EffectivePolicy;

use crate::policy::asked::{Asked, Subject};
use crate::policy::environment::environment_of;
use crate::policy::keys::keys;
use crate::policy::layer::Layer;
use crate::policy::layered::Layered;

/// What all layers together say of one workload. `layers` run from the farthest (the operator's) to the nearest (that of
/// the deepest folder). A layer whose folder does not hold the subject's path says nothing.
///
/// Built-in defaults are no layer: they hold for keys that no layer sets, so the first layer may also loosen them. Once a
/// layer has set a guardrail, no other layer loosens it.
pub fn effective_policy(layers: &[Layer], subject: &Subject<'_>) -> EffectivePolicy {
    let asked = Asked::Workload(subject);
    combine(&speaking(layers, asked), asked)
}

/// The layers that speak of what is asked, each reduced to what it says of it.
pub(crate) fn speaking<'a>(layers: &'a [Layer], asked: Asked<'_>) -> Vec<Layered<'a>> {
    let environment = environment_of(layers, asked).map(|known| known.environment);
    let speaking = layers.iter().filter(|layer| layer.speaks_of(asked));
    speaking.map(|layer| Layered::new(layer, asked, environment)).collect()
}

/// All keys of all layers, and what is merged as a whole.
pub(crate) fn combine(layered: &[Layered<'_>], asked: Asked<'_>) -> EffectivePolicy {
    let mut policy = EffectivePolicy::default();
    for key in keys() {
        key.apply(layered, &mut policy);
    }
    for layer in layered {
        layer.add_blackouts(&mut policy);
        layer.add_silences(&mut policy, asked, layered);
        if let Some(by) = layer.unselected(asked)
            && policy.enabled
        {
            policy.enabled = false;
            policy.set_by.insert("enabled".to_owned(), by);
        }
    }
    // One layer may ask for more history to be there than another looks at.
    policy.sizing.history_seconds = policy.sizing.history_seconds.max(policy.sizing.min_history_seconds);
    policy
}
