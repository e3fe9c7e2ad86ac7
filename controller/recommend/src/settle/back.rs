//! Gives scalars the values back that they had: the inverse of an earlier recommendation, as far as its values still stand.
//! Nothing is sized, and no other scalar moves but a limit that would end below its request.

use kubeopt_model::recommendation::{Effect, Risk};
use kubeopt_model::{Amount, EditSite, Field, Reason, Recommendation};

use super::{Demand, Values, additions, changes, keep_limits_above_requests, members, removals};
use crate::GivenValue;
use crate::sizing::Sizing;

/// The rule of values that are taken back.
pub const TAKEN_BACK: &str = "taken-back";

/// A scalar that gets back what it had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Back {
    /// The field.
    pub field: Field,
    /// The scalar.
    pub site: EditSite,
    /// What it had; none where nothing set the field.
    pub to: Option<Amount>,
    /// How that was written; empty where it is not known.
    pub written: String,
}

/// The recommendation that gives `back` what stood there. `why` is a sentence without a full stop. None where nothing
/// would change.
pub fn give_back(demand: &Demand, back: &[Back], why: &str) -> Option<Recommendation> {
    // Whoever was never seen gets its values back too.
    let mut demand = demand.clone();
    for back in back {
        let value = GivenValue {
            field: back.field,
            value: back.to.unwrap_or_else(|| Amount::from_base(back.field.resource, 0)),
            text: why.to_owned(),
        };
        let fed = demand.sites.iter().filter(|site| (site.field, &site.site) == (back.field, &back.site));
        for index in fed.flat_map(|site| &site.members) {
            demand.members[*index].given.push(value.clone());
        }
    }
    let mut values: Values = demand
        .sites
        .iter()
        .map(|site| match back.iter().find(|back| (back.field, &back.site) == (site.field, &site.site)) {
            Some(back) => back.to,
            None => site.value,
        })
        .collect();
    keep_limits_above_requests(&demand, &mut values);
    let mut changes = changes(&demand, &values);
    for change in &mut changes {
        let own = back.iter().find(|back| (back.field, &back.site) == (change.field, &change.site));
        change.written = own.filter(|back| !back.written.is_empty()).map(|back| back.written.clone());
    }
    let (removals, additions) = (removals(&demand, &values), additions::additions(&demand, &values));
    if changes.is_empty() && removals.is_empty() && additions.is_empty() {
        return None;
    }
    let sizings = vec![Sizing::default(); demand.members.len()];
    let members = members(&demand, &values, &sizings);
    Some(Recommendation {
        repository: demand.repository.clone(),
        members,
        changes,
        removals,
        additions,
        patches: Vec::new(),
        targets: Vec::new(),
        reasons: reasons(back, why),
        left: Vec::new(),
        risk: Risk::Low,
        cures_oom: false,
    })
}

fn reasons(back: &[Back], why: &str) -> Vec<Reason> {
    let mut reasons: Vec<Reason> = Vec::new();
    for Back { field, to, .. } in back {
        let effect = to.map_or(Effect::Remove, Effect::Prefer);
        let reason =
            Reason { rule: TAKEN_BACK.to_owned(), field: *field, effect, bound: true, text: why.to_owned() };
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    reasons
}

#[cfg(test)]
mod tests {
    use kubeopt_model::{Bytes, MilliCores};

    use super::super::recommend;
    use super::super::tests::{demand, with_cpu};
    use super::*;

    fn back(demand: &Demand, field: Field, to: Option<Amount>, written: &str) -> Back {
        let site = demand.sites.iter().find(|site| site.field == field).unwrap().site.clone();
        Back { field, site, to, written: written.to_owned() }
    }

    #[test]
    fn only_what_is_given_back_moves_and_as_it_was_written() {
        let demand = demand(vec![with_cpu(50.0, "a"), with_cpu(60.0, "b")]);
        assert!(recommend(&demand).unwrap().changes.len() > 1, "sizing would move more");
        let wanted = Amount::Cpu(MilliCores(1500));
        let backs = [back(&demand, Field::CPU_REQUEST, Some(wanted), "1.5")];
        let one = give_back(&demand, &backs, "why").unwrap();
        let changes: Vec<_> =
            one.changes.iter().map(|it| (it.field, it.value.after, it.written.clone())).collect();
        assert_eq!(changes, [(Field::CPU_REQUEST, wanted, Some("1.5".to_owned()))]);
        assert_eq!((one.members.len(), one.removals.len(), one.additions.len()), (2, 0, 0));
        let now = demand.sites.iter().find(|site| site.field == Field::CPU_REQUEST).unwrap().value;
        assert_eq!(give_back(&demand, &[back(&demand, Field::CPU_REQUEST, now, "")], "why"), None);
    }

    #[test]
    fn what_nothing_had_set_goes_and_what_was_removed_comes_again() {
        let mut demand = demand(vec![with_cpu(50.0, "a")]);
        demand.members[0].usage = None;
        let gone = back(&demand, Field::MEMORY_REQUEST, None, "");
        let limit = demand.sites.iter_mut().find(|site| site.field == Field::MEMORY_LIMIT).unwrap();
        limit.value = None;
        let memory = Amount::Memory(Bytes::mebi(700));
        let again = back(&demand, Field::MEMORY_LIMIT, Some(memory), "700Mi");
        let one = give_back(&demand, &[gone, again], "why").unwrap();
        assert_eq!((one.changes.len(), one.removals.len(), one.additions.len()), (0, 1, 1));
        assert_eq!((one.removals[0].field, one.additions[0].after), (Field::MEMORY_REQUEST, memory));
        assert_eq!(one.members.len(), 1, "never seen, and yet it gets its values back");
    }
}
