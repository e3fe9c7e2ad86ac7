//! The scorer against what the benchmark stores, where a copy of it lies: `KUBEOPT_NAB` names its folder.

use std::path::PathBuf;

use super::*;

#[test]
fn stored_scores_of_three_detectors_are_reproduced_where_the_benchmark_is_at_hand() {
    let Some(folder) = std::env::var_os("KUBEOPT_NAB").map(PathBuf::from) else { return };
    let text = |path: &str| std::fs::read_to_string(folder.join(path)).unwrap();
    let labels = labels(&text("labels/combined_windows.json")).unwrap();
    let mut compared = 0;
    for detector in ["numenta", "twitterADVec", "windowedGaussian"] {
        for profile in &PROFILES {
            for line in text(&format!("results/{detector}/{}_scores.csv", profile.name)).lines().skip(1) {
                let fields: Vec<&str> = line.split(',').collect();
                let Some(own) = labels.get(fields[2]) else { continue };
                // A clone has the detector's name before that of the file.
                let (place, file) = fields[2].rsplit_once('/').unwrap();
                let prefixed = format!("results/{detector}/{place}/{detector}_{file}");
                let stored = match folder.join(&prefixed).exists() {
                    true => prefixed,
                    false => format!("results/{detector}/{}", fields[2]),
                };
                let column = stored_scores(&text(&stored)).unwrap();
                let windows = windows(&column, own).unwrap();
                let series = Scored { scores: &column.values, windows: &windows };
                let got = score(&series, fields[3].parse().unwrap(), profile);
                let stored: f64 = fields[4].parse().unwrap();
                assert!(
                    (got - stored).abs() < 1e-9,
                    "{detector} {} {}: {got}, stored {stored}",
                    profile.name,
                    fields[2]
                );
                compared += 1;
            }
        }
    }
    assert!(compared >= 3 * 3, "{compared}");
}
