//! Words that only policies have: choices, globs, kinds, cron expressions, time zones. Knows no key.

use globset::{GlobBuilder, GlobMatcher};
use kubeopt_model::WorkloadKind;
use kubeopt_model::policy::{
    BelowObservedMax, Environment, GroupBy, HpaPolicy, LimitPolicy, OutlookPolicy, SharedBase,
    SizingStrategy, VpaPolicy,
};
use schemars::json_schema;

use crate::text::tree::Node;
use crate::text::values::{scalar_schema, scalar_text};
use crate::text::{FromNode, Reading, choice};

/// Globs and cron expressions are short; longer ones only cost time.
const LONGEST_PATTERN: usize = 256;

choice! {
    /// The rule that says what a container needs.
    pub(crate) enum StrategyWord {
        /// What is reserved, plus the price of what may exceed it, is least.
        "kubeopt" => Kubeopt,
        /// A quantile of CPU and the highest sample of memory, each with a margin.
        "quantile" => Quantile,
        /// As Robusta KRR does by default.
        "krr-simple" => KrrSimple,
        /// As Robusta KRR does with `simple_limit`.
        "krr-simple-limit" => KrrSimpleLimit,
        /// As the recommender of the Vertical Pod Autoscaler does.
        "vpa" => Vpa,
    } later []
}

impl From<StrategyWord> for SizingStrategy {
    fn from(word: StrategyWord) -> Self {
        match word {
            StrategyWord::Kubeopt => Self::Kubeopt,
            StrategyWord::Quantile => Self::Quantile,
            StrategyWord::KrrSimple => Self::KrrSimple,
            StrategyWord::KrrSimpleLimit => Self::KrrSimpleLimit,
            StrategyWord::Vpa => Self::Vpa,
        }
    }
}

choice! {
    /// What happens where a VerticalPodAutoscaler sizes the same workload.
    pub(crate) enum VpaWord {
        /// Its target is proposed.
        "follow" => Follow,
        /// What it sets itself is left to it.
        "avoid" => Avoid,
        /// What it speaks of is left to it.
        "hand-over" => HandOver,
    } later []
}

impl From<VpaWord> for VpaPolicy {
    fn from(word: VpaWord) -> Self {
        match word {
            VpaWord::Follow => Self::Follow,
            VpaWord::Avoid => Self::Avoid,
            VpaWord::HandOver => Self::HandOver,
        }
    }
}

choice! {
    /// What happens where a HorizontalPodAutoscaler keeps a resource at a share of its request.
    pub(crate) enum HpaWord {
        /// The resource stays.
        "leave" => Leave,
        /// Request and target move together.
        "together" => Together,
    } later []
}

impl From<HpaWord> for HpaPolicy {
    fn from(word: HpaWord) -> Self {
        match word {
            HpaWord::Leave => Self::Leave,
            HpaWord::Together => Self::Together,
        }
    }
}

choice! {
    /// What happens to a limit.
    pub(crate) enum LimitWord {
        /// It stays.
        "keep" => Keep,
        /// It moves with the request.
        "ratio" => Ratio,
        /// It is no longer wanted.
        "none" => None,
    } later []
}

impl From<LimitWord> for LimitPolicy {
    fn from(word: LimitWord) -> Self {
        match word {
            LimitWord::Keep => Self::Keep,
            LimitWord::Ratio => Self::Ratio,
            LimitWord::None => Self::None,
        }
    }
}

choice! {
    /// May a value fall below what was seen?
    pub(crate) enum BelowMaxWord {
        /// Never.
        "never" => Never,
        /// It may.
        "allow" => Allow,
    } later []
}

impl From<BelowMaxWord> for BelowObservedMax {
    fn from(word: BelowMaxWord) -> Self {
        match word {
            BelowMaxWord::Never => Self::Never,
            BelowMaxWord::Allow => Self::Allow,
        }
    }
}

choice! {
    /// What a forecast may do to a request.
    pub(crate) enum OutlookWord {
        /// It is told, and changes nothing.
        "off" => Off,
        /// It may raise one.
        "raise" => Raise,
    } later []
}

impl From<OutlookWord> for OutlookPolicy {
    fn from(word: OutlookWord) -> Self {
        match word {
            OutlookWord::Off => Self::Off,
            OutlookWord::Raise => Self::Raise,
        }
    }
}

choice! {
    /// What happens to a value that several entry points share.
    pub(crate) enum SharedWord {
        /// It is edited where it stands, for all of them.
        "edit-base" => EditBase,
        /// Overlays that need another value get it in a patch of their own.
        "overlay-patch" => OverlayPatch,
        /// It stays, and people are told.
        "ask" => Ask,
    } later []
}

impl From<SharedWord> for SharedBase {
    fn from(word: SharedWord) -> Self {
        match word {
            SharedWord::EditBase => Self::EditBase,
            SharedWord::OverlayPatch => Self::OverlayPatch,
            SharedWord::Ask => Self::Ask,
        }
    }
}

choice! {
    /// What goes into one pull request.
    pub(crate) enum GroupWord {
        /// One per entry point.
        "source" => Source,
        /// One per namespace.
        "namespace" => Namespace,
        /// One per team.
        "team" => Team,
        /// One per repository.
        "single" => Single,
    } later []
}

impl From<GroupWord> for GroupBy {
    fn from(word: GroupWord) -> Self {
        match word {
            GroupWord::Source => Self::Source,
            GroupWord::Namespace => Self::Namespace,
            GroupWord::Team => Self::Team,
            GroupWord::Single => Self::Single,
        }
    }
}

choice! {
    /// An environment.
    pub(crate) enum EnvironmentWord {
        /// Where people try things on.
        "dev" => Dev,
        /// Where a release is tried on.
        "staging" => Staging,
        /// What customers use.
        "prod" => Prod,
    } later []
}

impl From<EnvironmentWord> for Environment {
    fn from(word: EnvironmentWord) -> Self {
        match word {
            EnvironmentWord::Dev => Self::Dev,
            EnvironmentWord::Staging => Self::Staging,
            EnvironmentWord::Prod => Self::Prod,
        }
    }
}

/// A glob, compiled: `*` stays within one part of a path, `**` crosses parts.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    text: String,
    matcher: GlobMatcher,
}

impl Pattern {
    /// Compiles the glob; none if it is none or too long.
    pub(crate) fn new(text: &str) -> Option<Self> {
        if text.is_empty() || text.len() > LONGEST_PATTERN || text.chars().any(char::is_control) {
            return None;
        }
        let glob = GlobBuilder::new(text).literal_separator(true).build().ok()?;
        Some(Self { text: text.to_owned(), matcher: glob.compile_matcher() })
    }

    /// As it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        self.matcher.is_match(text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl FromNode for Pattern {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        match scalar_text(node).and_then(Self::new) {
            Some(pattern) => Some(pattern),
            None => reading.wrong_type(node, path, "a name or glob such as `team-*` or `apps/**`"),
        }
    }
}
scalar_schema!([] Pattern, "Pattern", json_schema!({"type": "string", "maxLength": LONGEST_PATTERN}));

/// A kind of workload, as kubectl reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind(pub(crate) WorkloadKind);

impl FromNode for Kind {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        match scalar_text(node).and_then(|text| text.parse().ok()) {
            Some(kind) => Some(Self(kind)),
            None => {
                let kinds = WorkloadKind::ALL.map(WorkloadKind::as_str).join(", ");
                reading.wrong_type(node, path, &format!("one of {kinds}"))
            }
        }
    }
}
scalar_schema!([] Kind, "Kind",
    json_schema!({"type": "string", "examples": WorkloadKind::ALL.map(WorkloadKind::as_str)}));

/// A cron expression of five fields that happens at least once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cron(pub(crate) String);

impl Cron {
    fn new(text: &str) -> Option<Self> {
        if text.len() > LONGEST_PATTERN || !text.is_ascii() {
            return None;
        }
        let parser = croner::parser::CronParser::builder()
            .seconds(croner::parser::Seconds::Disallowed)
            .year(croner::parser::Year::Disallowed)
            .build();
        let cron = parser.parse(text).ok()?;
        // Any fixed date does: the 30th of February never comes.
        let from = jiff::civil::date(2024, 1, 1).at(0, 0, 0, 0);
        cron.find_next_occurrence(&from, true).ok()?;
        Some(Self(text.to_owned()))
    }
}

impl FromNode for Cron {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        match scalar_text(node).and_then(Self::new) {
            Some(cron) => Some(cron),
            None => reading.wrong_type(node, path, "a cron expression of five fields such as `0 18 * * FRI`"),
        }
    }
}
scalar_schema!([] Cron, "Cron", json_schema!({"type": "string", "examples": ["0 18 * * FRI"]}));

/// A time zone of the IANA database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Zone(pub(crate) String);

impl FromNode for Zone {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        // The bundled database: the answer must not depend on the machine.
        let zones = jiff::tz::TimeZoneDatabase::bundled();
        match scalar_text(node).filter(|text| text.len() <= LONGEST_PATTERN && zones.get(text).is_ok()) {
            Some(name) => Some(Self(name.to_owned())),
            None => reading.wrong_type(node, path, "a time zone such as `Europe/Berlin`"),
        }
    }
}
scalar_schema!([] Zone, "Zone", json_schema!({"type": "string", "examples": ["Europe/Berlin"]}));

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cron_expression_has_five_fields_and_happens() {
        for text in ["0 18 * * FRI", "*/15 8-16 * * 1-4", "0 0 29 2 *", "@daily"] {
            assert!(Cron::new(text).is_some(), "{text}");
        }
        for text in
            ["", "* * * *", "0 0 0 * * *", "0 0 30 2 *", "61 * * * *", "a b c d e", "0 18 * * FRI 2030"]
        {
            assert!(Cron::new(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_star_stays_within_one_part() {
        let matches =
            |glob: &str, text: &str| Pattern::new(glob).is_some_and(|pattern| pattern.matches(text));
        assert!(matches("apps/*", "apps/a") && !matches("apps/*", "apps/a/b"));
        assert!(matches("apps/**", "apps/a/b.yaml") && matches("team-*", "team-a"));
        assert!(Pattern::new("a[").is_none() && Pattern::new(&"a".repeat(300)).is_none());
    }

    proptest! {
        #[test]
        fn no_cron_text_panics(text in "[0-9*/,#LW?+@A-Z -]{0,24}") {
            let answer = Cron::new(&text);
            prop_assert!(answer.is_none() || answer.is_some_and(|cron| cron.0 == text));
        }
    }
}
