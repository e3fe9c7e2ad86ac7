//! The scale point of an autoscaler: share times request, the usage of one pod at which replicas are added. When the
//! request moves, the share moves against it, so that the point stays.
//!
//! Pure arithmetic on what was decided. Whether a target may move at all is for the rule `scaler` to say.

use std::collections::BTreeMap;

use kubeopt_model::{
    Amount, Bound, Change, ContainerId, Field, Recommendation, Resource, ScaleTarget, TargetChange,
};

/// The highest share that is proposed. At 300 % a pod uses three times what the scheduler reserved for it before replicas
/// are added: beyond that a node packed by requests has no CPU left to give when all pods are as busy as they are meant
/// to be, and the next pod comes too late.
pub const TARGET_PERCENT_MAX: u32 = 300;

/// How far rounding a share to a whole per cent may move the scale point, in per cent of it.
const MOVED_PERCENT_MAX: u128 = 2;

/// How far a request may be raised so that a whole share fits: a fifth. Shares of 5 % and more, the least that people set,
/// are met within that.
const RAISED_DIVISOR: u64 = 5;

/// Requests that are tried up to there.
const STEPS_MAX: u64 = 200;

/// The usage of one pod at which replicas are added, rounded to the nearest millicore or byte.
pub fn scale_point(percent: u32, request: Amount) -> Amount {
    let point = (u128::from(percent) * u128::from(request.base()) + 50) / 100;
    Amount::from_base(request.resource(), u64::try_from(point).unwrap_or(u64::MAX))
}

/// The lowest request whose share is not above [`TARGET_PERCENT_MAX`].
pub(crate) fn least_request(percent: u32, request: Amount) -> Amount {
    let least = (u128::from(percent) * u128::from(request.base())).div_ceil(u128::from(TARGET_PERCENT_MAX));
    Amount::from_base(request.resource(), u64::try_from(least).unwrap_or(u64::MAX))
}

/// The request, the wanted one or little more, and a whole share for each that is there now, so that every scale point
/// moves by less than 2 %. None where there is no such request, or a share would be too high.
pub(crate) fn keep(percents: &[u32], before: Amount, wanted: Amount) -> Option<(Amount, Vec<u32>)> {
    let step = (wanted.base() / 1000).max(match wanted.resource() {
        Resource::Cpu => 1,
        Resource::Memory => kubeopt_model::quantity::MIB,
    });
    let most = wanted.base() / RAISED_DIVISOR;
    (0..=STEPS_MAX).map(|steps| steps.saturating_mul(step)).take_while(|more| *more <= most).find_map(
        |more| {
            let after = wanted.base().checked_add(more)?;
            let shares: Option<Vec<u32>> =
                percents.iter().map(|percent| share(*percent, before.base(), after)).collect();
            Some((Amount::from_base(wanted.resource(), after), shares?))
        },
    )
}

/// The nearest whole share of `after` that keeps the point.
fn share(percent: u32, before: u64, after: u64) -> Option<u32> {
    let (point, after) = (u128::from(percent) * u128::from(before), u128::from(after));
    let share = (point + after / 2).checked_div(after)?;
    let fits = (1..=u128::from(TARGET_PERCENT_MAX)).contains(&share)
        && (share * after).abs_diff(point) * 100 < MOVED_PERCENT_MAX * point;
    u32::try_from(share).ok().filter(|_| fits)
}

/// Adds to a recommendation the targets that move with its requests: both or none. A request may be raised a little so
/// that its targets are whole; the guardrails are then to be asked again.
///
/// # Errors
/// Why some target cannot move with its request, as a clause.
pub fn move_targets(
    mut recommendation: Recommendation,
    found: &[(ContainerId, ScaleTarget)],
) -> Result<Recommendation, String> {
    recommendation.targets.clear();
    for ((request, before, wanted), targets) in moves(&recommendation, found)? {
        let percents: Vec<u32> = targets.iter().map(|target| target.percent).collect();
        let (after, shares) = keep(&percents, before, wanted).ok_or_else(|| {
            format!("no whole target keeps the scale point with a request of {wanted} instead of {before}")
        })?;
        raise(&mut recommendation, request, Change { before, after: wanted }, after);
        for (target, share) in targets.into_iter().zip(shares) {
            let point =
                Change { before: scale_point(target.percent, before), after: scale_point(share, after) };
            let change = TargetChange { target: target.clone(), after: share, scale_point: point };
            match recommendation.targets.iter().find(|other| other.target.site == target.site) {
                Some(other) if *other == change => {}
                Some(_) => {
                    return Err(format!("one line sets it for pods of other requests too ({})", target.site));
                }
                None => recommendation.targets.push(change),
            }
        }
    }
    let place = |change: &TargetChange| (change.target.site.file.clone(), change.target.site.line);
    recommendation.targets.retain(|change| !change.percent().is_none());
    recommendation.targets.sort_by_key(place);
    Ok(recommendation)
}

/// A request, before and wanted.
type Move = (Field, Amount, Amount);

/// The requests that move and are what a target is a share of.
fn moves<'t>(
    recommendation: &Recommendation,
    found: &'t [(ContainerId, ScaleTarget)],
) -> Result<BTreeMap<Move, Vec<&'t ScaleTarget>>, String> {
    let mut moves: BTreeMap<Move, Vec<&ScaleTarget>> = BTreeMap::new();
    for (container, target) in found {
        let member = recommendation.members.iter().find(|member| member.container == *container);
        let Some(member) = member else { continue };
        let request = Field { bound: Bound::Request, resource: target.resource };
        let sides = member.resources.map(|side| side.get(request));
        match (sides.before, sides.after) {
            (before, after) if before == after => {}
            (Some(before), Some(after)) => {
                moves.entry((request, before, after)).or_default().push(target);
            }
            (None, _) | (_, None) => return Err(format!("{request} is not set in Git")),
        }
    }
    Ok(moves)
}

/// Sets the request in all places and containers where it was wanted otherwise.
fn raise(recommendation: &mut Recommendation, field: Field, wanted: Change<Amount>, to: Amount) {
    if wanted.after == to {
        return;
    }
    for change in &mut recommendation.changes {
        if change.field == field && change.value == wanted {
            change.value.after = to;
        }
    }
    for member in &mut recommendation.members {
        let sides = member.resources.map(|side| side.get(field));
        if (sides.before, sides.after) == (Some(wanted.before), Some(wanted.after)) {
            member.resources.after.set(field.bound, to);
            // What it costs now is not known here.
            member.cost = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use kubeopt_model::{Bytes, MilliCores};
    use proptest::prelude::*;

    use super::*;

    fn cpu(millicores: u64) -> Amount {
        Amount::Cpu(MilliCores(millicores))
    }

    #[test]
    fn the_share_moves_against_the_request() {
        for (percent, before, wanted, expected) in [
            (70, 1000, 830, Some((830, 84))),
            (70, 1000, 300, Some((300, 233))),
            (80, 500, 500, Some((500, 80))),
            (70, 1000, 2000, Some((2000, 35))),
            // 300 % is the most: 233m would be 300.4 %, which is 300, and 230m would be 304 %.
            (70, 1000, 234, Some((234, 299))),
            // 10m are 2 % of 500m and 1 % of 1000m.
            (10, 100, 666, None),
        ] {
            let found = keep(&[percent], cpu(before), cpu(wanted));
            let found = found.map(|(request, shares)| (request.base(), shares[0]));
            assert_eq!(found, expected, "{percent} % of {before}m, {wanted}m wanted");
        }
        assert_eq!(keep(&[70], cpu(1000), cpu(100)), None, "700 % is more than is set");
        assert_eq!(keep(&[70], cpu(1000), cpu(0)), None);
    }

    #[test]
    fn one_request_suits_several_targets() {
        let before = Amount::Memory(Bytes::mebi(1000));
        let (request, shares) = keep(&[60, 75], before, Amount::Memory(Bytes::mebi(800))).unwrap();
        assert_eq!((request, shares), (Amount::Memory(Bytes::mebi(800)), vec![75, 94]));
    }

    proptest! {
        #[test]
        fn the_scale_point_moves_by_less_than_2_percent_and_the_request_is_never_lower_than_wanted(
            percent in 1_u32..=150, before in 10_u64..64_000, wanted in 10_u64..64_000,
        ) {
            if let Some((after, shares)) = keep(&[percent], cpu(before), cpu(wanted)) {
                let (point, kept) = (u64::from(percent) * before, u64::from(shares[0]) * after.base());
                prop_assert!(kept.abs_diff(point) * 100 < 2 * point);
                prop_assert!(after >= cpu(wanted) && after.base() <= wanted + wanted / 5);
                prop_assert!((1..=TARGET_PERCENT_MAX).contains(&shares[0]));
                // Asked again for the same request, nothing moves.
                let again = keep(&shares, after, after).unwrap();
                prop_assert_eq!(again, (after, shares));
            }
        }

        #[test]
        fn what_is_not_below_the_least_request_finds_a_share(
            percent in 5_u32..=150, before in 100_u64..8_000, times in 100_u64..=150,
        ) {
            let least = least_request(percent, cpu(before)).base();
            let wanted = (before * times / 150).max(least);
            prop_assert!(keep(&[percent], cpu(before), cpu(wanted)).is_some());
        }
    }
}
