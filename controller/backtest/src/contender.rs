//! The rules that are compared, and what each is there for.

use kubeopt_strategies::{CpuCost, Kubeopt, MemoryCost, NAMES, Strategy, WithOutlook, by_name};

/// The name of kubeopt's own rule.
pub(crate) const KUBEOPT: &str = "kubeopt";

/// The label of its second operating point.
const ECONOMY: &str = "kubeopt-economy";

/// Prices of exceeding, as multiples of the default ones, at which kubeopt's own rule is tried too: what it saves at any
/// overrun of another rule is read off this curve.
const PRICES: &[f64] =
    &[0.02, 0.1, 0.2, 0.33, 0.4, 0.5, 0.75, 0.85, 1.1, 1.2, 1.25, 1.3, 1.4, 1.6, 2.0, 3.0, 6.0, 20.0];

/// What a rule is compared as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// An operating point of kubeopt's own rule.
    Own,
    /// The rule of others.
    Peer,
    /// Kubeopt's own rule at another price; a point of its curve, not a row of the table.
    Curve,
}

/// A rule under the name that tables show.
#[derive(Debug)]
pub struct Contender {
    /// Its name; unique.
    pub label: String,
    /// What it is compared as.
    pub role: Role,
    /// The rule.
    pub strategy: Box<dyn Strategy>,
}

impl Contender {
    /// Whether it listens to what is foretold.
    pub fn wants_outlook(&self) -> bool {
        self.strategy.name() == WithOutlook::NAME
    }
}

/// Names that no rule bears.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no rule is called {}", .0.join(" or "))]
pub struct InvalidNames(pub Vec<String>);

impl InvalidNames {
    /// What may be named instead.
    pub fn help(&self) -> String {
        format!("name some of {}, {}", NAMES.join(", "), WithOutlook::NAME)
    }
}

/// The rules with these names, each once, in their order; all of them where none is named. `economy` adds kubeopt's second
/// operating point. Where kubeopt's own rule and another one are compared, the points of its curve are added.
///
/// # Errors
/// Where a name is that of no rule.
pub fn contenders(names: &[String], economy: bool) -> Result<Vec<Contender>, InvalidNames> {
    let all: Vec<String> = NAMES.iter().map(|name| (*name).to_owned()).collect();
    let mut wanted: Vec<&String> = Vec::new();
    for name in if names.is_empty() { &all } else { names } {
        if !wanted.contains(&name) {
            wanted.push(name);
        }
    }
    let (mut found, mut unknown) = (Vec::new(), Vec::new());
    for name in wanted {
        match named(name) {
            Some(strategy) => {
                let role = if name == KUBEOPT { Role::Own } else { Role::Peer };
                found.push(Contender { label: name.clone(), role, strategy });
            }
            None => unknown.push(name.clone()),
        }
    }
    if !unknown.is_empty() {
        return Err(InvalidNames(unknown));
    }
    if economy {
        let after_own = found.iter().position(|contender| contender.role == Role::Own).map_or(0, |at| at + 1);
        let strategy = Box::new(Kubeopt::economy());
        found.insert(after_own, Contender { label: ECONOMY.to_owned(), role: Role::Own, strategy });
    }
    let has = |role: Role| found.iter().any(|contender| contender.role == role);
    if has(Role::Own) && has(Role::Peer) {
        found.extend(PRICES.iter().map(|times| at_price(*times)));
    }
    Ok(found)
}

/// A rule by its name: one of those that all are, or kubeopt's own with the forecast, which has to be asked for.
fn named(name: &str) -> Option<Box<dyn Strategy>> {
    if name == WithOutlook::NAME { Some(Box::new(WithOutlook::default())) } else { by_name(name) }
}

fn at_price(times: f64) -> Contender {
    let (cpu, memory) = (CpuCost::default(), MemoryCost::default());
    let strategy = Kubeopt {
        // Where exceeding is cheap, the bound on how much of it there may be would make a curve of one point.
        cpu: CpuCost { price: cpu.price * times, most_above: if times < 0.5 { 1.0 } else { cpu.most_above } },
        memory: MemoryCost { price: memory.price * times },
    };
    Contender {
        label: format!("kubeopt at {times} times its price"),
        role: Role::Curve,
        strategy: Box::new(strategy),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(names: &[&str], economy: bool) -> Result<Vec<String>, InvalidNames> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let found = contenders(&names, economy)?;
        let shown = found.into_iter().filter(|contender| contender.role != Role::Curve);
        Ok(shown.map(|contender| contender.label).collect())
    }

    #[test]
    fn all_rules_are_compared_where_none_is_named() {
        assert_eq!(labels(&[], false).unwrap(), NAMES);
    }

    #[test]
    fn names_keep_their_order_and_count_once() {
        assert_eq!(labels(&["vpa", "kubeopt", "vpa"], true).unwrap(), ["vpa", "kubeopt", "kubeopt-economy"]);
        assert_eq!(labels(&["vpa"], true).unwrap(), ["kubeopt-economy", "vpa"]);
    }

    #[test]
    fn names_of_no_rule_are_refused_with_all_that_exist() {
        let refused = labels(&["vpa", "vpx", "krr"], false).unwrap_err();
        assert_eq!(refused.to_string(), "no rule is called vpx or krr");
        assert!(refused.help().contains("krr-simple-limit"));
    }

    #[test]
    fn the_curve_is_only_there_to_be_compared_with() {
        let count = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            contenders(&names, false).unwrap().iter().filter(|one| one.role == Role::Curve).count()
        };
        assert_eq!((count(&["kubeopt"]), count(&["vpa", "current"])), (0, 0));
        assert_eq!(count(&["kubeopt", "vpa"]), PRICES.len());
    }
}
