//! Words of the life cycle of a pull request: titles, people, money, chances. Knows no key.

use kubeopt_model::Money;
use kubeopt_model::policy::{CodeOwners, PullRequestPolicy, RevertMode, Severity, TitleStyle};
use kubeopt_model::recommendation::Risk;
use rust_decimal::Decimal;
use schemars::json_schema;

use crate::text::tree::{Node, Value};
use crate::text::values::{scalar_schema, scalar_text};
use crate::text::{FromNode, Reading, choice};

/// The longest login or `organisation/team` of any forge: GitLab's paths of groups have up to 255 characters.
const LONGEST_PERSON: usize = 255;

/// More digits than any cluster costs.
const LONGEST_AMOUNT: usize = 15;

choice! {
    /// How titles are written.
    pub(crate) enum TitleWord {
        /// As most of the last commits are.
        "auto" => Auto,
        /// As conventional commits.
        "conventional" => Conventional,
        /// As a sentence.
        "plain" => Plain,
    } later []
}

impl From<TitleWord> for TitleStyle {
    fn from(word: TitleWord) -> Self {
        match word {
            TitleWord::Auto => Self::Auto,
            TitleWord::Conventional => Self::Conventional,
            TitleWord::Plain => Self::Plain,
        }
    }
}

choice! {
    /// What happens when a merged change did harm.
    pub(crate) enum RevertWord {
        /// A revert is opened.
        "propose" => Propose,
        /// It is merged too.
        "auto-merge" => AutoMerge,
        /// Nothing is opened.
        "none" => None,
    } later []
}

impl From<RevertWord> for RevertMode {
    fn from(word: RevertWord) -> Self {
        match word {
            RevertWord::Propose => Self::Propose,
            RevertWord::AutoMerge => Self::AutoMerge,
            RevertWord::None => Self::None,
        }
    }
}

choice! {
    /// How risky a change is.
    pub(crate) enum RiskWord {
        /// Nothing is lowered below what was seen with margin.
        "low" => Low,
        /// Memory is lowered by more than half, or the window is short.
        "medium" => Medium,
        /// Something is lowered on thin evidence.
        "high" => High,
    } later []
}

impl From<RiskWord> for Risk {
    fn from(word: RiskWord) -> Self {
        match word {
            RiskWord::Low => Self::Low,
            RiskWord::Medium => Self::Medium,
            RiskWord::High => Self::High,
        }
    }
}

choice! {
    /// How much something matters.
    pub(crate) enum SeverityWord {
        /// Good to know.
        "info" => Info,
        /// Somebody should look.
        "warning" => Warning,
        /// Something is harmed.
        "critical" => Critical,
    } later []
}

impl From<SeverityWord> for Severity {
    fn from(word: SeverityWord) -> Self {
        match word {
            SeverityWord::Info => Self::Info,
            SeverityWord::Warning => Self::Warning,
            SeverityWord::Critical => Self::Critical,
        }
    }
}

/// A user, or a team as `organisation/team`; a leading `@` is taken off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person(pub(crate) String);

impl Person {
    fn new(text: &str) -> Option<Self> {
        let name = text.strip_prefix('@').unwrap_or(text);
        let fits = |part: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        (name.len() <= LONGEST_PERSON && name.split('/').all(fits)).then(|| Self(name.to_owned()))
    }
}

impl FromNode for Person {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        match scalar_text(node).and_then(Self::new) {
            Some(person) => Some(person),
            None => reading.wrong_type(node, path, "a user such as `ann` or a team such as `acme/payments`"),
        }
    }
}
scalar_schema!([] Person, "Person",
    json_schema!({"type": "string", "maxLength": LONGEST_PERSON, "pattern": "^@?[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$"}));

/// Who is asked for a review: people, and by the word `codeowners` those whom the repository names. The word alone needs no
/// list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reviewers(Vec<Person>);

/// The word that stands for the owners of the edited files.
const OWNERS: &str = "codeowners";

impl Reviewers {
    /// Sets them.
    pub(crate) fn put(&self, manners: &mut PullRequestPolicy) {
        let (owners, people): (Vec<_>, Vec<_>) = self.0.iter().partition(|person| person.0 == OWNERS);
        manners.codeowners = if owners.is_empty() { CodeOwners::None } else { CodeOwners::Reviewers };
        manners.reviewers = people.into_iter().map(|person| person.0.clone()).collect();
    }

    /// As the file writes them; the owners first.
    pub(crate) fn show(manners: &PullRequestPolicy) -> Vec<&str> {
        let owners = match manners.codeowners {
            CodeOwners::Reviewers => Some(OWNERS),
            CodeOwners::None => None,
        };
        owners.into_iter().chain(manners.reviewers.iter().map(String::as_str)).collect()
    }
}

impl FromNode for Reviewers {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        match &node.value {
            Value::Scalar { text, .. } if text == OWNERS => Some(Self(vec![Person(text.clone())])),
            Value::Sequence(_) => Vec::read(node, path, reading).map(Self),
            Value::Null | Value::Scalar { .. } | Value::Mapping(_) => {
                reading.wrong_type(node, path, "a list such as `[ann, acme/payments]`, or `codeowners`")
            }
        }
    }
}
scalar_schema!([] Reviewers, "Reviewers",
    json_schema!({"anyOf": [{"const": OWNERS}, {"type": "array", "items": {"type": "string", "maxLength": LONGEST_PERSON}}]}));

/// An amount of US dollars a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Dollars(pub(crate) Money);

impl Dollars {
    fn new(text: &str) -> Option<Self> {
        let number = text.strip_suffix("USD").unwrap_or(text).trim_end();
        let plain = number.starts_with(|c: char| c.is_ascii_digit())
            && number.len() <= LONGEST_AMOUNT
            && number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let amount: Decimal = if plain { number.parse().ok()? } else { return None };
        Some(Self(Money(amount.normalize())))
    }
}

impl FromNode for Dollars {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        match scalar_text(node).and_then(Self::new) {
            Some(dollars) => Some(dollars),
            None => reading.wrong_type(node, path, "an amount such as `500 USD`"),
        }
    }
}
scalar_schema!([] Dollars, "Dollars",
    json_schema!({"type": ["string", "number"], "pattern": r"^[0-9]+(\.[0-9]+)?\s*(USD)?$"}));

/// A chance or share from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(crate) struct Chance(pub(crate) f64);

impl FromNode for Chance {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        let plain = |text: &&str| text.len() <= 12 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let Some(chance) = scalar_text(node).filter(plain).and_then(|text| text.parse::<f64>().ok()) else {
            return reading.wrong_type(node, path, "a number from 0 to 1 such as `0.9`");
        };
        if !(0.0..=1.0).contains(&chance) {
            return reading.out_of_range(node, path, "from 0 to 1".to_owned());
        }
        Some(Self(chance))
    }
}
scalar_schema!([] Chance, "Chance", json_schema!({"type": "number", "minimum": 0, "maximum": 1}));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_a_login_or_a_team_and_nothing_that_could_be_text() {
        for (text, name) in [
            ("ann", "ann"),
            ("@ann-b", "ann-b"),
            ("acme/payments", "acme/payments"),
            ("@group/sub.group/team_1", "group/sub.group/team_1"),
        ] {
            assert_eq!(Person::new(text), Some(Person(name.to_owned())), "{text}");
        }
        for text in ["", "@", "a b", "a//b", "/a", "a/", "<b>", "ann@example.com", "änn", "@@a", "a\n"] {
            assert_eq!(Person::new(text), None, "{text}");
        }
        assert_eq!(Person::new(&"a".repeat(256)), None);
    }

    #[test]
    fn an_amount_is_in_dollars_and_exact() {
        for (text, cents) in [("500 USD", 50_000), ("500", 50_000), ("0.10USD", 10), ("12.5", 1250), ("0", 0)]
        {
            assert_eq!(
                Dollars::new(text),
                Some(Dollars(Money(Decimal::new(cents, 2).normalize()))),
                "{text}"
            );
        }
        for text in ["", "USD", "-1", "1e3", "500 EUR", ".5", "1.2.3", "$5", "1234567890123456"] {
            assert_eq!(Dollars::new(text), None, "{text}");
        }
    }
}
