//! Merges that did harm, merges that did not, and those of which nothing can be said.

use kubeopt_model::outcome::{
    Confounder, HOUR_S, NodeSize, Outcome, RevertOn, SeenImage, Settled, Sign, SignOutcome, SignVerdict,
    Unclaimed, WaitingFor, Watched,
};
use kubeopt_model::{Amount, Bytes, Change, Field, MilliCores, Money, Prices, WorkloadKind};
use proptest::prelude::*;

use super::fixture::{BEGINS, HALVED, LESS_CPU, LESS_MEMORY, MERGE, container, quiet, shaped};
use super::{blamed_fields, bound_from, measured_saving, settle_outcome};

/// As it is seen some hours after the watch began.
fn after(hours: i64, watched: &Watched) -> Outcome {
    settle_outcome(watched, &RevertOn::default(), BEGINS + hours * HOUR_S)
}

fn of(outcome: &Outcome, sign: Sign) -> SignOutcome {
    *outcome.signs.iter().find(|one| one.sign == sign).unwrap()
}

fn reverts(outcome: &Outcome) -> Vec<Sign> {
    match &outcome.settled {
        Settled::Revert { why } => why.clone(),
        Settled::Keep | Settled::Wait { .. } | Settled::NothingClaimed { .. } => Vec::new(),
    }
}

fn unclaimed(outcome: &Outcome) -> Option<Unclaimed> {
    match &outcome.settled {
        Settled::NothingClaimed { why } => Some(*why),
        Settled::Keep | Settled::Wait { .. } | Settled::Revert { .. } => None,
    }
}

/// Kills in these hours after the merge.
fn killed(hours: &'static [i64]) -> Watched {
    shaped(LESS_MEMORY, 28, 24, |hour, signs| {
        signs.oom_kills = Some(u32::from(hours.contains(&hour)));
        signs.restarts = signs.oom_kills;
    })
}

#[test]
fn a_harmless_merge_is_waited_for_and_kept() {
    let watched = quiet(HALVED);
    for (hours, next) in [(0, 3), (2, 3), (3, 6), (5, 6), (6, 12), (12, 24), (23, 24)] {
        let wanted = Settled::Wait { until_unix_s: BEGINS + next * HOUR_S, why: WaitingFor::NextLook };
        assert_eq!(after(hours, &watched).settled, wanted, "{hours}");
    }
    let outcome = after(24, &watched);
    assert_eq!(outcome.settled, Settled::Keep);
    assert_eq!(
        outcome.text,
        "requests.cpu 1000m to 500m, limits.cpu 2000m to 1000m, requests.memory 1Gi to 512Mi, limits.memory 2Gi to 1Gi: \
         no worse in 72 replica-hours: OOM kills 0 in 72 replica-hours, before 0 in 2,016, hours with restarts 0 in 72 \
         replica-hours, before 0 in 2,016, throttled periods 2.0 %, before 2.0 %, CPU pressure 3.0 %, before 3.0 %, the \
         objective's bad share not told"
    );
}

#[test]
fn two_oom_kills_after_a_lowered_limit_are_reverted_at_the_next_look() {
    let watched = killed(&[1, 4]);
    assert!(matches!(after(3, &watched).settled, Settled::Wait { .. }), "one may be anything");
    let outcome = after(6, &watched);
    assert_eq!(reverts(&outcome), [Sign::OomKills]);
    assert_eq!(
        outcome.text,
        "limits.memory 2Gi to 1Gi: OOM kills 2 in 18 replica-hours, before 0 in 2,016 (p < 0.0001, n = 2, less than 0.0050 at \
         look 2 of 4)"
    );
    // Looking later changes nothing of it.
    assert_eq!(after(24, &watched), outcome);
}

#[test]
fn two_kills_need_no_test_where_as_much_time_before_had_none() {
    let kills = |before: i64| {
        shaped(LESS_MEMORY, before, 24, |hour, signs| {
            signs.oom_kills = Some(u32::from(hour == 1 || hour == 4))
        })
    };
    let outcome = after(24, &kills(1));
    assert_eq!(reverts(&outcome), [Sign::OomKills]);
    assert!(
        outcome.text.ends_with("(none before, and the limit was lowered: proof enough at look 2 of 4)"),
        "{}",
        outcome.text
    );
    // Where the limit is what it was, two kills may be the node's.
    let node = shaped([LESS_MEMORY[0], ["1", "2", "512Mi", "2Gi"]], 2, 24, |hour, signs| {
        signs.oom_kills = Some(u32::from(hour == 1 || hour == 4));
    });
    assert_eq!(after(24, &node).settled, Settled::Keep);
    // Eight hours before are no comparison.
    let mut short = kills(1);
    short.sides.before.hours.drain(..20);
    assert_eq!(reverts(&after(24, &short)), []);
}

#[test]
fn kills_that_came_as_often_before_are_not_its_doing() {
    let watched = shaped(LESS_MEMORY, 28, 24, |hour, signs| {
        signs.oom_kills = Some(u32::from(hour.rem_euclid(12) == 1));
    });
    let outcome = after(24, &watched);
    assert_eq!(outcome.settled, Settled::Keep, "{}", outcome.text);
    let more = shaped(LESS_MEMORY, 28, 24, |hour, signs| {
        signs.oom_kills = Some(u32::from(hour.rem_euclid(if hour < 0 { 48 } else { 3 }) == 1));
    });
    assert_eq!(reverts(&after(24, &more)), [Sign::OomKills], "eight a day instead of one in two days");
}

#[test]
fn throttling_that_never_was_is_reverted_where_the_limit_was_lowered_and_told_where_not() {
    let throttled = |change| {
        shaped(change, 28, 24, |hour, signs| {
            let noise = hour.wrapping_mul(7_919).rem_euclid(100) as f64 / 2_000.0;
            signs.throttled = Some(if hour < 0 { 0.02 } else { 0.31 } + noise);
        })
    };
    let outcome = after(24, &throttled(LESS_CPU));
    assert_eq!(reverts(&outcome), [Sign::Throttling]);
    let test = of(&outcome, Sign::Throttling).test.unwrap();
    // Half of the watch is over, and no window of 12 hours of 28 days was like that.
    assert_eq!((test.n, outcome.look.map(|look| look.number)), (684, Some(3)));
    assert!(test.p <= 2.0 / 684.0, "{test:?}");
    let outcome = after(24, &throttled(LESS_MEMORY));
    assert_eq!(of(&outcome, Sign::Throttling).verdict, SignVerdict::NotItsDoing);
    assert_eq!(outcome.settled, Settled::Keep);
}

#[test]
fn a_difference_that_is_sure_and_small_is_kept() {
    let watched = shaped(LESS_CPU, 28, 24, |hour, signs| {
        signs.throttled = Some(if hour < 0 { 0.02 } else { 0.10 });
        signs.cpu_pressure = Some(if hour < 0 { 0.03 } else { 0.12 });
    });
    let outcome = after(24, &watched);
    assert_eq!(outcome.settled, Settled::Keep);
    assert!(outcome.text.contains("throttled periods 10.0 %, before 2.0 %"), "{}", outcome.text);
    let on = RevertOn { throttled: 0.05, ..RevertOn::default() };
    assert_eq!(reverts(&settle_outcome(&watched, &on, BEGINS + 86_400)), [Sign::Throttling]);
}

#[test]
fn an_objective_that_gets_worse_is_reverted_whatever_was_lowered() {
    for change in [LESS_MEMORY, LESS_CPU] {
        let watched = shaped(change, 28, 24, |hour, signs| {
            signs.objective = Some(if hour < 0 { 0.001 } else { 0.03 });
        });
        assert_eq!(reverts(&after(24, &watched)), [Sign::Objective]);
    }
}

#[test]
fn a_crash_loop_is_reverted_and_one_more_of_many_is_not() {
    let looping = |bad: fn(i64) -> bool| {
        shaped(LESS_MEMORY, 28, 24, move |hour, signs| signs.restarts = Some(if bad(hour) { 9 } else { 0 }))
    };
    let outcome = after(24, &looping(|hour| hour >= 0));
    assert_eq!((reverts(&outcome), outcome.look.map(|look| look.number)), (vec![Sign::Restarts], Some(1)));
    // Every other week something that it calls is down for a day.
    let outcome = after(24, &looping(|hour| hour >= 0 || hour.rem_euclid(336) < 24));
    assert_eq!(outcome.settled, Settled::Keep, "{}", outcome.text);
    // A minute of trouble, however many restarts it makes, is one hour.
    assert_eq!(after(24, &looping(|hour| hour == 3)).settled, Settled::Keep);
}

#[test]
fn too_few_data_claim_nothing() {
    let mut watched = quiet(HALVED);
    watched.sides.after.hours.truncate(11);
    let outcome = after(24, &watched);
    assert_eq!(unclaimed(&outcome), Some(Unclaimed::TooFewData));
    assert!(
        outcome.text.ends_with("nothing is claimed: too few data to tell, 33 replica-hours"),
        "{}",
        outcome.text
    );
    let mut watched = quiet(HALVED);
    watched.sides.before.hours.drain(..28 * 24 - 7);
    assert_eq!(unclaimed(&after(24, &watched)), Some(Unclaimed::TooFewData), "nothing to compare with");
}

#[test]
fn what_is_not_told_is_not_nothing() {
    let watched = shaped(HALVED, 28, 24, |_, signs| {
        (signs.oom_kills, signs.restarts, signs.throttled, signs.cpu_pressure) = (None, None, None, None);
    });
    let outcome = after(24, &watched);
    assert_eq!(unclaimed(&outcome), Some(Unclaimed::NotMeasured));
    // Told after and not before, as where an exporter is new.
    let watched = shaped(LESS_MEMORY, 28, 24, |hour, signs| {
        if hour < 0 {
            (signs.oom_kills, signs.restarts) = (None, None);
        } else {
            signs.oom_kills = Some(1);
        }
    });
    let outcome = after(24, &watched);
    assert_eq!(of(&outcome, Sign::OomKills).verdict, SignVerdict::NotTold);
    assert_eq!(unclaimed(&outcome), Some(Unclaimed::NotMeasured));
}

#[test]
fn incomplete_data_are_waited_for_and_then_claim_nothing() {
    for is_before in [true, false] {
        let mut watched = killed(&[1, 4]);
        let side = if is_before { &mut watched.sides.before } else { &mut watched.sides.after };
        side.partial = Some("the metrics source warned: no store matched".to_owned());
        let wanted = Settled::Wait { until_unix_s: BEGINS + 12 * HOUR_S, why: WaitingFor::Data };
        assert_eq!(after(6, &watched).settled, wanted);
        assert_eq!(unclaimed(&after(24, &watched)), Some(Unclaimed::PartialData));
    }
    // Read up to the fifth hour only.
    let mut watched = killed(&[1, 4]);
    watched.sides.after.window.to_unix_s = BEGINS + 5 * HOUR_S;
    let wanted = Settled::Wait { until_unix_s: BEGINS + 6 * HOUR_S, why: WaitingFor::NextLook };
    assert_eq!(after(24, &watched).settled, wanted);
}

#[test]
fn what_came_after_another_image_is_not_the_merges_doing() {
    let with_image = |kills: &'static [i64], at: i64| {
        let mut watched = killed(kills);
        let image = SeenImage { image: "api:2".to_owned(), first_unix_s: BEGINS + at * HOUR_S };
        watched.sides.after.images.push(image);
        watched
    };
    // Nothing more can be learned after the look that follows the change.
    assert!(matches!(after(5, &with_image(&[8, 9, 10], 5)).settled, Settled::Wait { .. }));
    assert_eq!(unclaimed(&after(6, &with_image(&[8, 9, 10], 5))), Some(Unclaimed::Confounded));
    let outcome = after(24, &with_image(&[8, 9, 10], 5));
    assert_eq!(unclaimed(&outcome), Some(Unclaimed::Confounded));
    assert!(
        outcome.text.ends_with("which proves little; besides, the image changed to api:2"),
        "{}",
        outcome.text
    );
    assert_eq!(
        reverts(&after(24, &with_image(&[1, 2], 5))),
        [Sign::OomKills],
        "it was so before the image came"
    );
    // A team that deploys twice a week: other images are part of the comparison.
    let mut often = with_image(&[8, 9, 10], 5);
    often.sides.before.images = (0..8)
        .map(|n| SeenImage { image: format!("api:0.{n}"), first_unix_s: MERGE - (28 - 3 * n) * 86_400 })
        .collect();
    assert_eq!(reverts(&after(24, &often)), [Sign::OomKills, Sign::Restarts]);
    // An image that came an hour before the merge was never seen by itself.
    let mut young = killed(&[8, 9, 10]);
    let image = SeenImage { image: "api:2".to_owned(), first_unix_s: MERGE - HOUR_S };
    young.sides.before.images.push(image.clone());
    young.sides.after.images = vec![image];
    assert_eq!(unclaimed(&after(24, &young)), Some(Unclaimed::Confounded));
}

#[test]
fn another_pull_request_in_the_watch_ends_what_can_be_told() {
    let mut watched = killed(&[8, 9, 10]);
    let what = "#124 of shop/gitops".to_owned();
    watched.others = vec![Confounder::OtherChange { what, at_unix_s: BEGINS + 7 * HOUR_S }];
    let outcome = after(24, &watched);
    assert_eq!(unclaimed(&outcome), Some(Unclaimed::Confounded));
    assert!(outcome.text.contains("#124 of shop/gitops changed the workload too"), "{}", outcome.text);
    let what = "#120 of shop/gitops".to_owned();
    watched.others = vec![Confounder::OtherChange { what, at_unix_s: MERGE - 3 * 86_400 }];
    let outcome = after(24, &watched);
    assert_eq!(reverts(&outcome), [Sign::OomKills, Sign::Restarts], "days ago it is part of the comparison");
}

#[test]
fn more_load_or_fewer_replicas_or_other_nodes_may_explain_it() {
    let throttled = |cpu: f64, replicas: f64| {
        shaped(LESS_CPU, 28, 24, move |hour, signs| {
            signs.throttled = Some(if hour < 0 { 0.02 } else { 0.4 });
            if hour >= 0 {
                (signs.cpu_millicores, signs.replica_hours) = (Some(cpu), replicas);
            }
        })
    };
    assert_eq!(reverts(&after(24, &throttled(330.0, 3.0))), [Sign::Throttling]);
    assert_eq!(reverts(&after(24, &throttled(300.0, 6.0))), [Sign::Throttling], "more replicas bear less");
    let wait = after(12, &throttled(450.0, 3.0));
    let wanted = Settled::Wait { until_unix_s: BEGINS + 24 * HOUR_S, why: WaitingFor::Explanation };
    assert_eq!(wait.settled, wanted);
    for (watched, said) in [
        (throttled(450.0, 3.0), "a replica used 450m of CPU instead of 300m at the same hours"),
        (throttled(300.0, 1.0), "1.0 replicas instead of 3.0"),
    ] {
        let outcome = after(24, &watched);
        assert_eq!(unclaimed(&outcome), Some(Unclaimed::Confounded));
        assert!(outcome.text.contains(said), "{}", outcome.text);
    }
    let mut watched = throttled(300.0, 3.0);
    watched.sides.before.nodes = vec![NodeSize { cores: 4, replica_hours: 2000.0 }];
    watched.sides.after.nodes = vec![NodeSize { cores: 16, replica_hours: 72.0 }];
    let outcome = after(24, &watched);
    assert_eq!(unclaimed(&outcome), Some(Unclaimed::Confounded));
    assert_eq!(outcome.confounders, [Confounder::NodesChanged(Change { before: 4, after: 16 })]);
}

#[test]
fn a_load_that_fell_hides_harm_and_an_idle_one_is_no_load() {
    let with_load = |before: f64, load: f64| {
        shaped(HALVED, 28, 24, move |hour, signs| {
            signs.cpu_millicores = Some(if hour < 0 { before } else { load });
        })
    };
    assert_eq!(unclaimed(&after(24, &with_load(300.0, 120.0))), Some(Unclaimed::Confounded));
    assert_eq!(after(24, &with_load(300.0, 280.0)).settled, Settled::Keep);
    assert_eq!(after(24, &with_load(10.0, 2.0)).settled, Settled::Keep);
}

#[test]
fn memory_that_is_too_little_may_use_more_cpu_and_is_reverted_all_the_same() {
    let mut watched = killed(&[1, 4]);
    watched.sides.after.hours.iter_mut().for_each(|hour| hour.cpu_millicores = Some(480.0));
    assert_eq!(reverts(&after(24, &watched)), [Sign::OomKills]);
}

#[test]
fn what_only_raises_is_kept_at_once() {
    let outcome = after(0, &quiet([HALVED[1], HALVED[0]]));
    assert_eq!(outcome.settled, Settled::Keep);
    assert!(
        outcome.text.ends_with("nothing was lowered, so it can have taken nothing away"),
        "{}",
        outcome.text
    );
}

#[test]
fn a_cron_job_is_judged_on_the_hours_in_which_it_ran() {
    let nightly = |kills: u32| {
        let mut watched = shaped(LESS_MEMORY, 28, 7 * 24, |hour, signs| {
            signs.replica_hours = 0.5;
            signs.oom_kills = Some(if hour >= 0 { kills } else { 0 });
        });
        watched.container = container(WorkloadKind::CronJob);
        for side in [&mut watched.sides.before, &mut watched.sides.after] {
            side.hours.retain(|hour| hour.at_unix_s.rem_euclid(86_400) == 2 * HOUR_S);
            // It runs for an hour a day.
            side.hours.iter_mut().for_each(|hour| hour.replica_hours = 1.0);
        }
        watched
    };
    assert_eq!(after(7 * 24, &nightly(0)).settled, Settled::Keep);
    assert_eq!(reverts(&after(7 * 24, &nightly(1))), [Sign::OomKills]);
}

#[test]
fn a_revert_teaches_a_floor_between_what_hurt_and_what_was_fine() {
    let outcome = after(24, &killed(&[1, 4]));
    let lessons = bound_from(&outcome, 14, BEGINS + 6 * HOUR_S);
    assert_eq!(lessons.len(), 1, "{lessons:?}");
    let lesson = &lessons[0];
    // Halfway from 1Gi to 2Gi, which is more than a fifth above 1Gi.
    let wanted = (Field::MEMORY_LIMIT, Amount::Memory(Bytes::mebi(1024)), Amount::Memory(Bytes::mebi(1536)));
    assert_eq!((lesson.field, lesson.hurt, lesson.floor), wanted);
    assert!(lesson.is_frozen(lesson.learned_unix_s + 13 * 86_400));
    assert!(!lesson.is_frozen(lesson.learned_unix_s + 14 * 86_400));
    assert!(lesson.holds(lesson.learned_unix_s + 179 * 86_400));
    assert!(lesson.why.starts_with("OOM kills 2 in 18 replica-hours"), "{}", lesson.why);
    assert_eq!(bound_from(&after(24, &quiet(HALVED)), 14, BEGINS), [], "only a revert teaches");
}

#[test]
fn a_restart_blames_all_that_was_lowered_unless_a_kill_tells_which() {
    let restarted = |kills: u32| {
        shaped(HALVED, 28, 24, move |hour, signs| {
            signs.restarts = Some(u32::from(hour >= 0));
            signs.oom_kills = Some(if hour >= 0 { kills } else { 0 });
        })
    };
    let fields = |watched: &Watched| {
        let lessons = bound_from(&after(24, watched), 14, BEGINS);
        lessons.into_iter().map(|lesson| (lesson.field, lesson.floor)).collect::<Vec<_>>()
    };
    assert_eq!(
        fields(&restarted(0)),
        [
            (Field::CPU_REQUEST, Amount::Cpu(MilliCores(750))),
            (Field::CPU_LIMIT, Amount::Cpu(MilliCores(1500))),
            (Field::MEMORY_REQUEST, Amount::Memory(Bytes::mebi(768))),
            (Field::MEMORY_LIMIT, Amount::Memory(Bytes::mebi(1536))),
        ]
    );
    let of_memory: Vec<Field> = fields(&restarted(1)).into_iter().map(|(field, _)| field).collect();
    assert_eq!(of_memory, [Field::MEMORY_REQUEST, Field::MEMORY_LIMIT]);
    assert_eq!(blamed_fields(&after(24, &restarted(1))), of_memory, "and these are what a revert takes back");
}

#[test]
fn what_was_saved_is_what_running_pods_asked_for() {
    let prices = Prices {
        usd_per_core_hour: "0.03".parse().unwrap(),
        usd_per_gib_hour: "0.004".parse().unwrap(),
        basis: String::new(),
        date: String::new(),
    };
    let watched = quiet(HALVED);
    let saving = measured_saving(&watched, Some(&prices)).unwrap();
    assert_eq!(
        (saving.requested.before.cpu_millicores, saving.requested.after.cpu_millicores),
        (1000.0, 500.0)
    );
    // Three replicas: 730 hours of 3 cores and 6 GiB, and of half of it.
    let monthly = saving.monthly.unwrap();
    assert_eq!(
        monthly,
        Change { before: Money("83.22".parse().unwrap()), after: Money("41.61".parse().unwrap()) }
    );
    assert_eq!(measured_saving(&watched, None).unwrap().monthly, None);
    // Half of the replicas is no saving of the requests.
    let mut fewer = quiet(HALVED);
    fewer.sides.after.hours.iter_mut().for_each(|hour| hour.replica_hours = 1.5);
    let saving = measured_saving(&fewer, Some(&prices)).unwrap();
    assert_eq!(saving.monthly.unwrap().before, Money("41.61".parse().unwrap()));
    assert!(matches!(saving.confounders[..], [Confounder::ReplicasChanged(_)]));
    let untold = shaped(HALVED, 28, 24, |_, signs| {
        (signs.requested_cpu_millicores, signs.requested_memory_bytes) = (None, None);
    });
    assert_eq!(measured_saving(&untold, None), None);
}

#[test]
fn numbers_that_are_none_move_nothing() {
    let watched = shaped(HALVED, 28, 24, |hour, signs| {
        if hour.rem_euclid(5) == 0 {
            signs.replica_hours = f64::NAN;
        }
        if hour.rem_euclid(7) == 0 {
            (signs.throttled, signs.cpu_pressure) = (Some(f64::INFINITY), Some(f64::NAN));
            signs.cpu_millicores = Some(f64::NAN);
        }
    });
    assert_eq!(after(24, &watched).settled, Settled::Keep);
    let mut empty = quiet(HALVED);
    empty.sides.before.hours.clear();
    empty.sides.after.hours.clear();
    assert_eq!(unclaimed(&after(24, &empty)), Some(Unclaimed::TooFewData));
}

proptest! {
    /// Looking every minute is looking four times.
    #[test]
    fn between_two_looks_nothing_is_decided(kill in 0_i64..24, minutes in 0_i64..1440) {
        let watched = shaped(LESS_MEMORY, 28, 24, |hour, signs| {
            signs.oom_kills = Some(if hour >= kill { 1 } else { 0 });
        });
        let now = BEGINS + minutes * 60;
        let outcome = settle_outcome(&watched, &RevertOn::default(), now);
        let looked = [3, 6, 12, 24].into_iter().rfind(|hours| hours * 60 <= minutes);
        let at_look = settle_outcome(&watched, &RevertOn::default(), BEGINS + looked.unwrap_or(0) * HOUR_S);
        prop_assert_eq!(outcome.settled, at_look.settled);
    }
}
