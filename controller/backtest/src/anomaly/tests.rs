//! The scorer against values computed by hand, the reader against bad text, and the trials of leaks.

use kubeopt_model::trace::{ResourceTrace, UsageTrace};

use super::*;

/// Twenty samples, the first three of them on probation, and a window from 10 to 13; these samples alarm.
fn scores(alarms: &[usize]) -> Vec<f64> {
    (0..20).map(|i| if alarms.contains(&i) { 0.9 } else { 0.1 }).collect()
}

const WINDOW: [(usize, usize); 1] = [(10, 13)];

/// `2 / (1 + e^(5y)) - 1`, written out for the places that are asked.
fn sigmoid(y: f64) -> f64 {
    2.0 / (1.0 + f64::exp(5.0 * y)) - 1.0
}

#[test]
fn scores_are_those_computed_by_hand() {
    let most = sigmoid(-1.0);
    let cases: [(&[usize], f64, &str); 7] = [
        (&[], -1.0, "a window without an alarm is missed"),
        (&[10], 1.0, "at the left edge"),
        (&[12], sigmoid(-0.5) / most, "in the middle"),
        (&[12, 13], sigmoid(-0.5) / most, "the earliest alarm counts"),
        (&[5, 10], 1.0 - 0.11, "a false alarm before all windows"),
        (&[1, 10], 1.0, "on probation nothing counts"),
        (&[10, 16], 1.0 + 0.11 * sigmoid(1.0), "a false alarm one width behind the window"),
    ];
    for (alarms, expected, why) in cases {
        let scores = scores(alarms);
        let series = Scored { scores: &scores, windows: &WINDOW };
        let got = score(&series, 0.5, &PROFILES[0]);
        assert!((got - expected).abs() < 1e-12, "{why}: {got}, by hand {expected}");
    }
    let (miss, false_alarm) = (scores(&[]), scores(&[5]));
    assert_eq!(score(&Scored { scores: &miss, windows: &WINDOW }, 0.5, &PROFILES[2]), -2.0);
    assert_eq!(score(&Scored { scores: &false_alarm, windows: &WINDOW }, 0.5, &PROFILES[1]), -1.22);
}

#[test]
fn the_best_threshold_serves_all_series_together() {
    let (mut first, second) = (scores(&[10]), scores(&[5]));
    first[10] = 0.95;
    let corpus = [Scored { scores: &first, windows: &WINDOW }, Scored { scores: &second, windows: &[] }];
    let best = best(&corpus, &PROFILES[0]);
    assert_eq!((best.threshold, best.score), (0.95, 100.0));
}

#[test]
fn silence_is_best_where_each_alarm_is_wrong() {
    let scores = scores(&[5]);
    let silent = best(&[Scored { scores: &scores[..8], windows: &[] }], &PROFILES[0]);
    assert_eq!((silent.threshold, silent.score), (f64::INFINITY, 0.0));
}

#[test]
fn runs_of_alarms_are_events() {
    let scores = scores(&[1, 5, 6, 12, 13, 14, 17]);
    let events = events(&Scored { scores: &scores, windows: &WINDOW }, 0.5);
    assert_eq!((events.alarms, events.true_alarms, events.found), (3, 1, 1));
    assert_eq!((events.precision(), events.recall()), (1.0 / 3.0, 1.0));
}

#[test]
fn series_and_labels_are_read_and_bad_ones_refused() {
    let series = column("timestamp,value\n1970-01-02 00:00:00,1.5\n2014-04-10 07:15:00,2,x\n").unwrap();
    assert_eq!((series.at_unix_s, series.values), (vec![86_400, 1_397_114_100], vec![1.5, 2.0]));
    for bad in [
        "h\n1970-01-02 00:00:00",
        "h\nnever,1",
        "h\n1970-13-02 00:00:00,1",
        "h\n1970-01-02 00:00:00,NaN",
        "h\né,1",
    ] {
        assert_eq!(column(bad), Err(CorpusError::NoSample { line: 2 }), "{bad}");
    }
    assert_eq!(labels("[]"), Err(CorpusError::NoLabels));
    let labels =
        labels(r#"{"a.csv": [["1970-01-01 00:01:00.000000", "1970-01-01 00:02:00.000000"]]}"#).unwrap();
    let three = column("h\n1970-01-01 00:00:00,1\n1970-01-01 00:01:00,1\n1970-01-01 00:02:00,1").unwrap();
    assert_eq!(windows(&three, &labels["a.csv"]), Ok(vec![(1, 2)]));
    let backwards = [("1970-01-01 00:02:00".to_owned(), "1970-01-01 00:01:00".to_owned())];
    assert!(matches!(windows(&three, &backwards), Err(CorpusError::NoSuchWindow { .. })));
}

#[test]
fn scores_are_found_by_the_name_of_their_column() {
    let stock =
        stored_scores("timestamp,value,anomaly_score,label\n1970-01-02 00:00:00,70,0.25,0\n").unwrap();
    let short = stored_scores("timestamp,score\n1970-01-02 00:00:00,0.5\n").unwrap();
    assert_eq!((stock.values, short.values), (vec![0.25], vec![0.5]));
    assert_eq!(
        stored_scores("timestamp,value,anomaly_score\n1970-01-02 00:00:00,70\n"),
        Err(CorpusError::NoSample { line: 2 })
    );
}

#[test]
fn a_spike_out_of_noise_is_found_by_kubeopts_own_score() {
    let noise = |i: i64| (i.wrapping_mul(2_654_435_761) >> 9).rem_euclid(1000) as f64 / 100.0;
    let value = |i: i64| if (1500..1520).contains(&i) { 90.0 } else { 20.0 + noise(i) };
    let at_unix_s: Vec<i64> = (0..2000).map(|i| i * 300).collect();
    let values = (0..2000).map(value).collect();
    let series =
        Labelled { name: "a".to_owned(), samples: Column { at_unix_s, values }, windows: vec![(1490, 1590)] };
    let silent = Peer { name: "silent".to_owned(), scores: vec![vec![0.0; 2000]] };
    let compared = compare(&[series], &[silent], || ());
    let [own, peer] = &compared.rows[..] else { panic!("{compared:?}") };
    assert!(own.standard > 80.0, "{own:?}");
    assert_eq!((peer.standard, peer.event_recall), (0.0, 0.0));
}

/// Sixty days of memory that stays where it is, a sample every `step_s`, those of some days of each week only.
fn quiet(step_s: i64, days_of_week: i64) -> LeakTrials {
    let noise = |i: i64| (i.wrapping_mul(2_654_435_761) >> 9).rem_euclid(1000) as f64 * 1e3;
    let points: Vec<(i64, f64)> = (0..60 * 86_400 / step_s)
        .map(|i| (i * step_s, 2e8 + noise(i)))
        .filter(|(at, _)| at / 86_400 % 7 < days_of_week)
        .collect();
    let memory = ResourceTrace { provisioned: vec![8e9; points.len()], points };
    let trace = UsageTrace { name: "quiet".to_owned(), memory, ..UsageTrace::default() };
    let mut trials = LeakTrials::new(None);
    trials.add(&trace);
    trials
}

#[test]
fn leaks_in_quiet_memory_are_found_and_its_weeks_are_not_flagged() {
    let trials = quiet(300, 7);
    let (found, leaks) = trials.found_of();
    assert_eq!((trials.flagged_weeks, found), (0, leaks), "{trials:?}");
    assert!(leaks >= 5 && trials.clean_weeks >= 6, "{trials:?}");
    for at in &trials.thresholds {
        assert_eq!(at.leaks, leaks, "{at:?}");
    }
}

#[test]
fn leaks_are_tried_at_any_step_of_sampling() {
    for step_s in [60, 900, 1800] {
        let trials = quiet(step_s, 7);
        let (found, leaks) = trials.found_of();
        assert!(leaks >= 5 && found == leaks && trials.clean_weeks >= 6, "{step_s}: {trials:?}");
    }
}

#[test]
fn weeks_of_which_half_was_recorded_do_not_count() {
    assert_eq!(quiet(300, 4).clean_weeks, 0);
}
