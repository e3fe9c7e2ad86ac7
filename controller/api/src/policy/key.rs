//! One key of the effective policy with its type: how statements of several layers are weighed. The merge of a key is its
//! property.
//!
//! A **guardrail** takes the most restrictive value of all layers; a **preference** takes the nearest layer that may set
//! it. Within one layer the nearest statement counts for both: overrides before the file's own keys before its preset.

use kubeopt_model::EffectivePolicy;
use serde_json::{Value, json};

use crate::policy::file::Rules;
use crate::policy::layered::{Ban, Layered, Origin};
use crate::policy::said::{Said, Standing};
use crate::text::At;

/// How a key is merged.
pub(crate) enum Merge<T> {
    /// The stricter of two values: the function says whether the first is stricter than the second.
    Guardrail(fn(&T, &T) -> bool),
    /// A guardrail that is a list: what every layer says counts, taken together by this function.
    Together(fn(&T, &T) -> T),
    /// The nearest layer that may set it.
    Preference,
}

/// A key with its type.
pub(crate) struct Key<T: 'static> {
    pub(crate) path: &'static str,
    pub(crate) merge: Merge<T>,
    pub(crate) get: fn(&Rules) -> Option<&At<T>>,
    pub(crate) put: fn(&mut EffectivePolicy, &T),
    pub(crate) show: fn(&EffectivePolicy) -> Value,
}

/// A key, whatever its type.
pub(crate) trait AnyKey: Sync {
    /// `sizing.cpu.quantile`
    fn path(&self) -> &'static str;
    /// A guardrail takes the most restrictive of all layers.
    fn is_guardrail(&self) -> bool;
    /// Merges the key over all layers.
    fn apply(&self, layers: &[Layered<'_>], policy: &mut EffectivePolicy);
    /// Every statement of all layers on the key, and what became of it.
    fn said(&self, layers: &[Layered<'_>]) -> Vec<Said>;
    /// Where one layer speaks of the key.
    fn origins<'s>(&self, layer: &'s Layered<'_>) -> Vec<Origin<'s>>;
    /// The value in the notation of the file.
    fn show(&self, policy: &EffectivePolicy) -> Value;
}

impl<T: Clone> AnyKey for Key<T> {
    fn path(&self) -> &'static str {
        self.path
    }

    fn is_guardrail(&self) -> bool {
        match self.merge {
            Merge::Guardrail(_) | Merge::Together(_) => true,
            Merge::Preference => false,
        }
    }

    fn apply(&self, layers: &[Layered<'_>], policy: &mut EffectivePolicy) {
        let weighed = self.weigh(layers);
        let counting: Vec<_> =
            weighed.iter().filter(|weighed| matches!(weighed.fate, Fate::Counts)).collect();
        let Some((first, others)) = counting.split_first() else { return };
        let value = match self.merge {
            Merge::Together(join) => {
                others.iter().fold(first.value.clone(), |all, each| join(&all, each.value))
            }
            // At most one counts.
            Merge::Guardrail(_) | Merge::Preference => first.value.clone(),
        };
        (self.put)(policy, &value);
        let origins: Vec<String> = counting.iter().map(|weighed| weighed.origin.to_string()).collect();
        policy.set_by.insert(self.path.to_owned(), origins.join(", "));
    }

    fn said(&self, layers: &[Layered<'_>]) -> Vec<Said> {
        let said = |weighed: Weighed<'_, T>| {
            let mut alone = EffectivePolicy::default();
            (self.put)(&mut alone, weighed.value);
            let standing = match weighed.fate {
                Fate::Counts => Standing::Counts,
                Fate::Nearer(by) => Standing::Nearer(by.to_string()),
                Fate::Careful(by) => Standing::Careful(by.to_string()),
                Fate::Banned(by) => Standing::NotAllowed(by.to_string()),
            };
            Said { at: weighed.origin.to_string(), value: (self.show)(&alone), standing }
        };
        self.weigh(layers).into_iter().map(said).collect()
    }

    fn origins<'s>(&self, layer: &'s Layered<'_>) -> Vec<Origin<'s>> {
        layer.all(self.get).map(|(_, origin)| origin).collect()
    }

    fn show(&self, policy: &EffectivePolicy) -> Value {
        (self.show)(policy)
    }
}

/// A statement, and what becomes of it.
struct Weighed<'s, T> {
    value: &'s T,
    origin: Origin<'s>,
    fate: Fate<'s>,
}

/// What becomes of a statement.
#[derive(Clone, Copy)]
enum Fate<'s> {
    Counts,
    Nearer(Origin<'s>),
    Careful(Origin<'s>),
    Banned(Ban<'s>),
}

impl<T: Clone> Key<T> {
    /// Every statement, the farthest first; at most one of a layer counts, and of a list that is taken together one of each.
    fn weigh<'s>(&self, layers: &'s [Layered<'_>]) -> Vec<Weighed<'s, T>> {
        let mut weighed: Vec<Weighed<'s, T>> = Vec::new();
        let mut counting: Option<usize> = None;
        for layer in layers {
            let first = weighed.len();
            let all = layer.all(self.get);
            weighed.extend(all.map(|(at, origin)| Weighed { value: &at.value, origin, fate: Fate::Counts }));
            // Within one layer the nearest statement counts, and it alone meets the other layers.
            let Some(nearest) = weighed.len().checked_sub(1).filter(|last| *last >= first) else { continue };
            let by = weighed[nearest].origin;
            weighed[first..nearest].iter_mut().for_each(|each| each.fate = Fate::Nearer(by));
            let (loser, fate) = match (&self.merge, counting) {
                (Merge::Preference, before) => match (layer.ban(self.path, layers), before) {
                    (Some(ban), _) => (Some(nearest), Fate::Banned(ban)),
                    (None, before) => (before, Fate::Nearer(by)),
                },
                (Merge::Guardrail(_), None) | (Merge::Together(_), _) => (None, Fate::Counts),
                (Merge::Guardrail(stricter), Some(before)) => {
                    if stricter(weighed[nearest].value, weighed[before].value) {
                        (Some(before), Fate::Careful(by))
                    } else {
                        (Some(nearest), Fate::Careful(weighed[before].origin))
                    }
                }
            };
            if let Some(loser) = loser {
                weighed[loser].fate = fate;
            }
            if loser != Some(nearest) {
                counting = Some(nearest);
            }
        }
        weighed
    }
}

/// A factor as the file writes it: 0.15 is `15%`.
pub(crate) fn share(factor: f64) -> Value {
    // Two decimals are what a person writes; 0.15 * 100 is not 15 in floating point.
    let percent = (factor * 10_000.0).round() / 100.0;
    json!(format!("{percent}%"))
}

pub(crate) fn lower<T: PartialOrd>(a: &T, b: &T) -> bool {
    a < b
}

pub(crate) fn higher<T: PartialOrd>(a: &T, b: &T) -> bool {
    a > b
}

/// One row of a table.
macro_rules! key {
    ($path:literal, $merge:expr, $type:ty, $first:ident $(. $rest:ident)*, $put:expr, $show:expr) => {
        &($crate::policy::key::Key::<$type> {
            path: $path,
            merge: $merge,
            get: |rules| rules.$first.as_ref() $(.and_then(|at| at.value.$rest.as_ref()))*,
            put: $put,
            show: $show,
        }) as &dyn $crate::policy::key::AnyKey
    };
}

pub(crate) use key;
