//! *Admit*: every wanted change before every guardrail, until none objects. Knows no single guardrail.

use kubeopt_model::recommendation::{Effect, Member, Reason, SiteChange, SiteRemoval};
use kubeopt_model::{Amount, Bound, Change, EditSite, Field, NoRecommendation, Recommendation, Resource};

use crate::context::AdmitContext;
use crate::guardrails::{GUARDRAILS, Guardrail, Judgement, Outcome, REMOVAL_GUARDRAILS, Verdict};
use crate::wanted::{Asked, Removing, Wanted, is_bared};

/// Values only move back towards what stands now, and what is created only one way, so rounds end by themselves: a cap on
/// one field can call for one on the other bound, and that for one on a third. More rounds than fields and bounds are never
/// needed.
const MAX_ROUNDS: usize = 16;

/// What became of a recommendation.
#[derive(Debug, Clone, PartialEq)]
pub enum Admission {
    /// It passes, with values within all bounds; what bound them is in its reasons, what was refused in `left`.
    Admitted(Recommendation),
    /// Nothing of it passes.
    Nothing(NoRecommendation),
}

/// Passes a recommendation by all guardrails. Admitting twice changes nothing.
pub fn admit(recommendation: Recommendation, context: &AdmitContext<'_>) -> Admission {
    judge(recommendation, context).0
}

/// The same, with what each guardrail said where it said something.
pub fn judge(recommendation: Recommendation, context: &AdmitContext<'_>) -> (Admission, Vec<Verdict>) {
    if !context.policy.enabled {
        let by = context.policy.set_by.get("enabled").cloned().unwrap_or_else(|| "the policy".to_owned());
        let reason = NoRecommendation::Disabled { by };
        let text = reason.sentence();
        let outcome = Outcome::Refused { reason: reason.clone() };
        return (
            Admission::Nothing(reason),
            vec![Verdict { guardrail: "enabled", field: None, outcome, text }],
        );
    }
    let (verdicts, refused, created) = (Vec::new(), Vec::new(), Vec::new());
    let mut trial = Trial { recommendation, context, verdicts, refused, created };
    for _ in 0..MAX_ROUNDS {
        if !trial.round() {
            break;
        }
    }
    trial.end()
}

struct Trial<'a> {
    recommendation: Recommendation,
    context: &'a AdmitContext<'a>,
    verdicts: Vec<Verdict>,
    refused: Vec<NoRecommendation>,
    /// Which way created values were moved.
    created: Vec<(Field, EditSite, Way)>,
}

/// Which way a created value was moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Down,
    Up,
}

impl Trial<'_> {
    /// Every removal and every change before every guardrail; whether anything moved.
    fn round(&mut self) -> bool {
        let mut moved = self.removals();
        for guardrail in GUARDRAILS {
            for asked in Wanted::all(&self.recommendation) {
                let wanted = Wanted::of(&asked, &self.recommendation, self.context);
                let judgement = (guardrail.judge)(&wanted);
                moved |= self.apply(guardrail, &asked, judgement);
            }
        }
        moved
    }

    /// Every removal before every guardrail that judges such.
    fn removals(&mut self) -> bool {
        let mut moved = false;
        for (name, judge) in REMOVAL_GUARDRAILS {
            for (field, before) in Removing::all(&self.recommendation) {
                if let Some(text) = judge(&Removing::of(field, before, &self.recommendation, self.context)) {
                    self.keep_limit(name, field, before, text);
                    moved = true;
                }
            }
        }
        moved
    }

    /// The limit stays, raised where the request has grown beyond it; the guardrails then look at that raise.
    fn keep_limit(&mut self, name: &'static str, field: Field, before: Amount, text: String) {
        let request = Field { bound: Bound::Request, ..field };
        let bared = self.recommendation.members.iter_mut().filter(|member| is_bared(member, field, before));
        let fed: Vec<_> = bared.collect();
        let requests = fed.iter().filter_map(|member| member.resources.after.get(request));
        let to = requests.fold(before, Amount::max);
        for member in fed {
            member.resources.after.set(field.bound, to);
        }
        let (kept, removals) = std::mem::take(&mut self.recommendation.removals)
            .into_iter()
            .partition(|removal| removal.field == field && removal.before == before);
        self.recommendation.removals = removals;
        let raised: Vec<SiteChange> = if to == before { Vec::new() } else { raises(kept, to) };
        self.recommendation.changes.extend(raised);
        self.remember(name, field, Effect::Leave, &text);
        let reason = NoRecommendation::Refused { guardrail: name.to_owned(), text: text.clone() };
        let left = (field, reason.clone());
        if !self.recommendation.left.contains(&left) {
            self.recommendation.left.push(left);
        }
        self.refused.push(reason.clone());
        let outcome = Outcome::Refused { reason };
        self.verdicts.push(Verdict { guardrail: name, field: Some(field), outcome, text });
    }

    fn apply(&mut self, guardrail: &Guardrail, asked: &Asked, judgement: Judgement) -> bool {
        let (name, field, value) = (guardrail.name, asked.field, asked.value);
        let refused =
            |text: &String| NoRecommendation::Refused { guardrail: name.to_owned(), text: text.clone() };
        let (outcome, text) = match judgement {
            Judgement::Pass => return false,
            Judgement::Cap(to, text) if self.goes_back(asked, to) => {
                (self.leave(name, asked, refused(&text), &text), text)
            }
            Judgement::Cap(to, text) => {
                self.move_to(asked, to);
                let effect = if to < value.after { Effect::AtMost(to) } else { Effect::AtLeast(to) };
                self.remember(name, field, effect, &text);
                (Outcome::Capped { field, from: value.after, to }, text)
            }
            Judgement::Refuse(text) => (self.leave(name, asked, refused(&text), &text), text),
            Judgement::TooSmall(text) => (self.leave(name, asked, NoRecommendation::TooSmall, &text), text),
        };
        self.verdicts.push(Verdict { guardrail: name, field: Some(field), outcome, text });
        true
    }

    /// Whether a created value would be moved back from where another guardrail moved it: there is none that suits both.
    fn goes_back(&mut self, asked: &Asked, to: Amount) -> bool {
        let Some(site) = &asked.created_at else { return false };
        let (way, back) = if to < asked.value.after { (Way::Down, Way::Up) } else { (Way::Up, Way::Down) };
        self.created.push((asked.field, site.clone(), way));
        self.created.contains(&(asked.field, site.clone(), back))
    }

    fn leave(&mut self, name: &str, asked: &Asked, reason: NoRecommendation, text: &str) -> Outcome {
        let field = asked.field;
        self.take_back(asked);
        self.remember(name, field, Effect::Leave, text);
        let left = (field, reason.clone());
        if !self.recommendation.left.contains(&left) {
            self.recommendation.left.push(left);
        }
        self.refused.push(reason.clone());
        Outcome::Refused { reason }
    }

    /// Sets the new value in the scalars and in all containers that they feed.
    fn move_to(&mut self, asked: &Asked, to: Amount) {
        self.set_members(asked, |_| Some(to));
        let Recommendation { changes, additions, .. } = &mut self.recommendation;
        match &asked.created_at {
            None => {
                let is_it =
                    |change: &&mut SiteChange| (change.field, change.value) == (asked.field, asked.value);
                changes.iter_mut().filter(is_it).for_each(|change| change.value.after = to);
            }
            Some(_) => {
                let own = additions.iter_mut().filter(|addition| asked.is(addition));
                own.for_each(|addition| addition.after = to);
            }
        }
    }

    /// Leaves the scalars and all containers that they feed as they are.
    fn take_back(&mut self, asked: &Asked) {
        let field = asked.field;
        self.set_members(asked, |member| member.resources.before.get(field));
        let Recommendation { changes, additions, .. } = &mut self.recommendation;
        match &asked.created_at {
            None => changes.retain(|change| (change.field, change.value) != (field, asked.value)),
            Some(_) => additions.retain(|addition| !asked.is(addition)),
        }
    }

    /// Sets the field in all containers that the scalars feed; what those cost is to be priced anew.
    fn set_members(&mut self, asked: &Asked, to: impl Fn(&Member) -> Option<Amount>) {
        let Recommendation { members, additions, .. } = &mut self.recommendation;
        for member in members.iter_mut().filter(|member| asked.feeds(member, additions)) {
            match to(member) {
                Some(amount) => member.resources.after.set(asked.field.bound, amount),
                None => member.resources.after.unset(asked.field),
            }
            // What it costs now is not known here.
            member.cost = None;
        }
    }

    fn remember(&mut self, name: &str, field: Field, effect: Effect, text: &str) {
        for reason in self.recommendation.reasons.iter_mut().filter(|reason| reason.field == field) {
            reason.bound = false;
        }
        let reason = Reason { rule: name.to_owned(), field, effect, bound: true, text: text.to_owned() };
        self.recommendation.reasons.push(reason);
    }

    fn end(mut self) -> (Admission, Vec<Verdict>) {
        let recommendation = &mut self.recommendation;
        let raises_memory = recommendation.changes.iter().any(|change| {
            change.field.resource == Resource::Memory && change.value.after > change.value.before
        });
        let frees_memory = recommendation.removals.iter().any(|removal| removal.field == Field::MEMORY_LIMIT);
        recommendation.cures_oom &= raises_memory || frees_memory;
        if !self.recommendation.is_empty() {
            return (Admission::Admitted(self.recommendation), self.verdicts);
        }
        // A refusal says more than that something was too small.
        let telling = |why: &&NoRecommendation| matches!(why, NoRecommendation::Refused { .. });
        let why = self.refused.iter().find(telling).or(self.refused.first());
        (Admission::Nothing(why.cloned().unwrap_or(NoRecommendation::AlreadyRight)), self.verdicts)
    }
}

/// The scalars of limits that stay, raised.
fn raises(kept: Vec<SiteRemoval>, to: Amount) -> Vec<SiteChange> {
    let raise = |removal: SiteRemoval| SiteChange {
        field: removal.field,
        site: removal.site,
        value: Change { before: removal.before, after: to },
        feeds: removal.feeds,
        written: None,
    };
    kept.into_iter().map(raise).collect()
}
