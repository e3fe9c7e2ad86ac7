//! What else changed: which of it is worth telling, which signs it may explain, and what it may hide.
//!
//! What happens at a moment (another image, another pull request) cuts the watch there: what was seen until then is not
//! its doing. What lasts (replicas, load, nodes) is weighed against each sign.

use kubeopt_model::Change;
use kubeopt_model::outcome::{Confounder, HourSigns, NodeSize, Sign, Watched, WindowSigns};

use super::shares::{hour_of_day, usual};
use super::view::View;

/// Images before, from which on another image is nothing new: what images do is in the comparison then. Two a week.
const USUAL_IMAGES: usize = 8;

/// What came within this time before the merge has hardly been seen by itself, seconds: a day. What came earlier is part of
/// what the merge is compared with.
const ALONE_S: i64 = 86_400;

/// Half more or a third less replicas are worth telling; less moves with every rollout.
const REPLICAS_RATIO: f64 = 1.5;

/// A load per replica of this many times explains what waits for CPU.
const LOAD_EXPLAINS_WAITING: f64 = 1.3;

/// A load per replica of this many times explains kills and restarts too: memory follows load less than CPU does, and what
/// collects garbage because it has too little memory uses more CPU, which is harm and not its explanation.
const LOAD_EXPLAINS_KILLS: f64 = 2.0;

/// A load per replica of this part or less would hide harm.
const LOAD_MASKS: f64 = 0.7;

/// Less than this is no load, however many times as much it is: millicores.
const LOAD_DIFFERS_MILLICORES: f64 = 25.0;

/// Part of the pods' time on nodes of sizes that both sides have, below which the nodes are others.
const NODES_ALIKE_MIN: f64 = 0.5;

/// What happened at a moment, with the moment from which on the watch sees something else.
pub(super) fn timed(watched: &Watched) -> Vec<(i64, Confounder)> {
    let begins = watched.starts_unix_s();
    let mut timed: Vec<(i64, Confounder)> = Vec::new();
    for other in &watched.others {
        if let Confounder::OtherChange { at_unix_s, .. } | Confounder::ImageChanged { at_unix_s, .. } = other
            && (begins - ALONE_S..watched.ends_unix_s()).contains(at_unix_s)
        {
            timed.push(((*at_unix_s).max(begins), other.clone()));
        }
    }
    timed.extend(new_images(watched).map(|(at, image)| {
        (at.max(begins), Confounder::ImageChanged { image: image.to_owned(), at_unix_s: at })
    }));
    timed.sort_by_key(|(at, _)| *at);
    timed
}

/// Images after that were not there before, or hardly, unless images come and go anyway.
fn new_images(watched: &Watched) -> impl Iterator<Item = (i64, &str)> {
    let Change { before, after } = &watched.sides;
    let counts = !before.images.is_empty() && before.images.len() < USUAL_IMAGES;
    after.images.iter().filter(move |_| counts).filter_map(move |seen| {
        let known = before.images.iter().find(|known| known.image == seen.image);
        match known.map(|known| known.first_unix_s) {
            None => Some((seen.first_unix_s, seen.image.as_str())),
            // One that was there all the time did not come.
            Some(first) => {
                let is_young = first > before.window.to_unix_s - ALONE_S
                    && before.images.iter().any(|other| other.first_unix_s < first);
                is_young.then_some((first, seen.image.as_str()))
            }
        }
    })
}

/// What differs between the sides as a whole.
pub(super) fn untimed(sides: &Change<WindowSigns>, view: &View<'_>) -> Vec<Confounder> {
    [replicas(view), load(view), nodes(sides)].into_iter().flatten().collect()
}

/// Whether it may be the reason why the sign is worse.
pub(super) fn explains(confounder: &Confounder, sign: Sign) -> bool {
    let is_kill = matches!(sign, Sign::OomKills | Sign::Restarts);
    match confounder {
        // The watch was cut before it.
        Confounder::ImageChanged { .. } | Confounder::OtherChange { .. } => false,
        // Fewer bear more each; more of them bear less.
        Confounder::ReplicasChanged(replicas) => replicas.after < replicas.before,
        Confounder::LoadChanged(load) => {
            load.after >= load.before * if is_kill { LOAD_EXPLAINS_KILLS } else { LOAD_EXPLAINS_WAITING }
        }
        Confounder::NodesChanged(_) => !is_kill,
    }
}

/// Whether it may be the reason why nothing is worse.
pub(super) fn masks(confounder: &Confounder) -> bool {
    match confounder {
        Confounder::LoadChanged(load) => load.after <= load.before * LOAD_MASKS,
        Confounder::ImageChanged { .. }
        | Confounder::OtherChange { .. }
        | Confounder::ReplicasChanged(_)
        | Confounder::NodesChanged(_) => false,
    }
}

fn replicas(view: &View<'_>) -> Option<Confounder> {
    let mean =
        |hours: &[&HourSigns]| hours.iter().map(|hour| hour.replica_hours).sum::<f64>() / hours.len() as f64;
    let replicas = Change { before: mean(&view.before), after: mean(&view.after) };
    let ratio = replicas.after / replicas.before;
    (ratio.is_finite() && !(1.0 / REPLICAS_RATIO..=REPLICAS_RATIO).contains(&ratio))
        .then_some(Confounder::ReplicasChanged(replicas))
}

/// The load after, and the usual load at the same hours of the day.
fn load(view: &View<'_>) -> Option<Confounder> {
    let of = |hours: &[&HourSigns]| -> Vec<(i64, f64)> {
        let told = hours.iter().filter_map(|hour| Some((hour.at_unix_s, hour.cpu_millicores?)));
        told.filter(|(_, cpu)| cpu.is_finite()).collect()
    };
    let (before, after) = (of(&view.before), of(&view.after));
    if before.is_empty() || after.is_empty() {
        return None;
    }
    let usual = usual(&before);
    let n = after.len() as f64;
    let load = Change {
        before: after.iter().map(|(at, _)| usual[hour_of_day(*at)]).sum::<f64>() / n,
        after: after.iter().map(|(_, cpu)| cpu).sum::<f64>() / n,
    };
    let differs = (load.after - load.before).abs() >= LOAD_DIFFERS_MILLICORES;
    let is_other =
        load.after >= load.before * LOAD_EXPLAINS_WAITING || load.after <= load.before * LOAD_MASKS;
    (differs && is_other).then_some(Confounder::LoadChanged(load))
}

fn nodes(sides: &Change<WindowSigns>) -> Option<Confounder> {
    let total = |nodes: &[NodeSize]| nodes.iter().map(|node| node.replica_hours).sum::<f64>();
    let (before, after) = (&sides.before.nodes, &sides.after.nodes);
    let (ran_before, ran_after) = (total(before), total(after));
    let alike = |node: &NodeSize| {
        let other = before.iter().find(|other| other.cores == node.cores);
        other.map_or(0.0, |other| (node.replica_hours / ran_after).min(other.replica_hours / ran_before))
    };
    let alike: f64 = after.iter().map(alike).sum();
    let most = |nodes: &[NodeSize]| {
        nodes.iter().max_by(|a, b| a.replica_hours.total_cmp(&b.replica_hours)).map(|node| node.cores)
    };
    let cores = Change { before: most(before)?, after: most(after)? };
    (alike < NODES_ALIKE_MIN && !cores.is_none()).then_some(Confounder::NodesChanged(cores))
}
