//! What is taken back: the scalars of a merged pull request that still stand as it set them get back what they had.
//!
//! Nothing is sized, and no guardrail is asked: what stood there before was good enough to run. From here on it goes the way
//! of every other change: edited, proven, described.

use kubeopt_model::pull_request::{MarkedField, rollback_group};
use kubeopt_model::{Amount, Field, NoRecommendation};
use kubeopt_recommend::{Back, give_back};

use super::admitted::{Admitted, Wanted};
use super::demand::{Candidate, Unit};
use super::governed::Governed;
use super::ground::{Ground, demand_of};
use super::left::{Left, leave, leave_all};
use crate::orders::{AllOrders, TakeBack};
use crate::pricing::price;

/// Says among the reasons for leaving something that its pull request is being taken back.
const FROZEN: &str = "frozen";

/// Containers that share scalars of which some are taken back.
pub(crate) struct BackUnit {
    pub(crate) unit: Unit,
    back: Vec<Back>,
    why: String,
    number: u64,
}

/// Takes out the units of which something is to be taken back; the other part of the pair goes on. What is no longer as
/// the pull request set it is left with that reason.
pub(crate) fn taken_back(units: Vec<Unit>, orders: &AllOrders) -> (Vec<BackUnit>, Vec<Unit>, Vec<Left>) {
    let (mut backs, mut rest, mut left) = (Vec::new(), Vec::new(), Vec::new());
    for unit in units {
        let asked = orders.of(&unit.repository).map_or(&[][..], |orders| &orders.back);
        let (mut found, mut merging) = (None, None);
        for one in asked.iter().filter(|one| one.marker.base == unit.base) {
            let (changed, back, others) = of_unit(&unit, one);
            let is_named = unit.candidates.iter().any(|candidate| {
                let name = candidate.id().to_string();
                one.marker.fields.iter().any(|marked| marked.container == name)
            });
            // A forge moves the branch before it says that a pull request is merged.
            if one.is_under_way && is_named && back.is_empty() && others.is_empty() {
                merging = Some(one.number);
            }
            left.extend(others);
            if !back.is_empty() {
                found = Some(BackUnit { unit: changed, back, why: one.why.clone(), number: one.number });
                break;
            }
        }
        match (found, merging) {
            (Some(back), _) => backs.push(back),
            (None, Some(number)) => {
                let text = format!("#{number} is being taken back, and the values of before stand again");
                left.extend(leave_all(&unit, frozen(text)));
            }
            (None, None) => rest.push(unit),
        }
    }
    (backs, rest, left)
}

/// The unit with what is given back, and what of it stays.
fn of_unit(unit: &Unit, asked: &TakeBack) -> (Unit, Vec<Back>, Vec<Left>) {
    let (mut unit, mut all, mut left) = (unit.clone(), Vec::new(), Vec::new());
    for candidate in &mut unit.candidates {
        let name = candidate.id().to_string();
        for marked in asked.marker.fields.iter().filter(|marked| marked.container == name) {
            match of_field(candidate, marked) {
                Ok(Some(back)) => all.push(back),
                Ok(None) => {}
                Err(why) => left.push(not_taken_back(candidate, asked.number, marked, why)),
            }
        }
    }
    (unit, all, left)
}

/// None where it stands as it did before already; the error is why it stays, as a clause.
fn of_field(candidate: &mut Candidate, marked: &MarkedField) -> Result<Option<Back>, &'static str> {
    let field: Field = marked.field.parse().map_err(|_| "its marker is not understood")?;
    let amount = |text: &str| match text {
        "" => Ok(None),
        text => Amount::parse(field.resource, text).map(Some).map_err(|_| "its marker is not understood"),
    };
    let (before, after) = (amount(&marked.value.before)?, amount(&marked.value.after)?);
    let own = candidate.sites.iter().find(|(of, _, _)| *of == field);
    let now = match own {
        Some((_, site, _)) => amount(&site.text)?,
        None => candidate.container.resources.get(field),
    };
    if now == before {
        return Ok(None);
    }
    if now != after {
        return Err("somebody set it to something else since");
    }
    let (site, created) = match own {
        Some((_, site, _)) if site.file == marked.file => (site.clone(), None),
        Some(_) => return Err("another file sets it by now"),
        None => {
            let open =
                candidate.open_limits.iter().find(|(of, site, _)| *of == field && site.file == marked.file);
            let open =
                open.ok_or("it was taken out, and there is no place any more where it could be written")?;
            (open.1.clone(), Some(open.clone()))
        }
    };
    candidate.sites.extend(created);
    Ok(Some(Back { field, site, to: before, written: marked.value.before.clone() }))
}

fn not_taken_back(candidate: &Candidate, number: u64, marked: &MarkedField, why: &str) -> Left {
    leave(candidate, frozen(format!("`{}` stays, although #{number} is taken back: {why}", marked.field)))
}

fn frozen(text: String) -> NoRecommendation {
    NoRecommendation::Refused { guardrail: FROZEN.to_owned(), text }
}

/// The recommendations of what is taken back.
pub(crate) fn want_back(backs: &[BackUnit], governed: &[Governed], ground: &Ground<'_>) -> Wanted {
    let mut wanted = Wanted::default();
    for (back, governed) in backs.iter().zip(governed) {
        let policy = &governed.policy;
        let entry = back.unit.candidates.first().map(|candidate| candidate.entry.clone()).unwrap_or_default();
        match demand_of(&back.unit, policy, ground) {
            Ok(demand) => {
                wanted.admitted.extend(give_back(&demand, &back.back, &back.why).map(|recommendation| {
                    let (policy, base) = (policy.clone(), back.unit.base.clone());
                    Admitted { recommendation, policy, base, entry, group: Some(rollback_group(back.number)) }
                }))
            }
            Err(why) => wanted.left.extend(leave_all(&back.unit, why)),
        }
    }
    price(
        &mut wanted.admitted.iter_mut().map(|one| &mut one.recommendation).collect::<Vec<_>>(),
        ground.prices,
    );
    wanted
}
