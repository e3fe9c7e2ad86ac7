//! Detectors on labelled series in a folder, or on leaks put into recorded memory: files in, figures out.

use std::path::{Component, Path, PathBuf};

use kubeopt_backtest::anomaly::{
    Column, CorpusError, Labelled, Peer, column, compare, labels, stored_scores, windows,
};
use kubeopt_backtest::codes as of_backtest;
use kubeopt_history::TraceFile;
use kubeopt_model::Problem;

use super::{Part, TOLD_EVERY};
use crate::codes;
use crate::progress::Progress;

pub use kubeopt_backtest::anomaly::{
    Compared, HEADERS_ANOMALY, HEADERS_LEAKS, HEADERS_THRESHOLDS, LeakTrials,
};

/// Largest file of a corpus that is read: the largest of the benchmark has 1 MB.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// Most series of a corpus, and most other detectors; the benchmark has 58, and a dozen.
const SERIES_MAX: usize = 10_000;
const PEERS_MAX: usize = 100;

/// What came of detectors.
#[derive(Debug, Clone, PartialEq)]
pub enum AnomalyReport {
    /// On labelled series.
    Labelled(Compared),
    /// On leaks put into recorded memory.
    Leaks(Box<LeakTrials>),
}

/// Scores detectors on a folder that is laid out as the Numenta benchmark is, or tries leaks on a file of traces.
///
/// # Errors
/// Where a file cannot be read, does not fit the others, or nothing is left to score.
pub fn backtest_anomaly(
    traces: &Path,
    part: Option<Part>,
    progress: &dyn Progress,
) -> Result<AnomalyReport, Problem> {
    if !traces.is_dir() {
        return leaks(traces, part, progress).map(|trials| AnomalyReport::Leaks(Box::new(trials)));
    }
    if part.is_some() {
        let help = "leave out --split; the table tells every other series apart";
        return Err(Problem::new(codes::NOT_CONFIGURED, "a folder of labelled series has no parts", help));
    }
    labelled(traces, progress).map(AnomalyReport::Labelled)
}

fn labelled(folder: &Path, progress: &dyn Progress) -> Result<Compared, Problem> {
    progress.stage("reading labelled series", None);
    let file = folder.join("labels").join("combined_windows.json");
    let labels = labels(&read(&file)?).map_err(|error| bad(&file, &error))?;
    if labels.len() > SERIES_MAX {
        let text = format!("`{}` names more than {SERIES_MAX} series", file.display());
        return Err(Problem::new(of_backtest::LABELS, text, "split the corpus into several folders"));
    }
    let mut corpus = Vec::with_capacity(labels.len());
    for (name, own) in &labels {
        let path = folder.join("data").join(inside(name, &file)?);
        if !path.exists() {
            let text = format!("the labels name `{name}`, and there is no file `{}`", path.display());
            let help = "put the series there, or take its name out of labels/combined_windows.json";
            return Err(Problem::new(of_backtest::LABELS, text, help));
        }
        let samples = series(&path)?;
        let windows = windows(&samples, own).map_err(|error| bad(&path, &error))?;
        corpus.push(Labelled { name: name.clone(), samples, windows });
    }
    if corpus.iter().all(|series| series.windows.is_empty()) {
        let text = format!("`{}` has no window: there is nothing to find", file.display());
        let help = "label at least one window of one series";
        return Err(Problem::new(codes::NOTHING_TO_COMPARE, text, help));
    }
    let (peers, notes) = peers(folder, &corpus)?;
    progress.stage("scoring detectors", Some(corpus.len() as u64));
    let compared = compare(&corpus, &peers, || progress.step());
    progress.done();
    Ok(Compared { notes, ..compared })
}

/// The scores of other detectors, one folder each, and what is said of those without; a corpus may have none.
fn peers(folder: &Path, corpus: &[Labelled]) -> Result<(Vec<Peer>, Vec<String>), Problem> {
    let results = folder.join("results");
    if !results.exists() {
        return Ok((Vec::new(), Vec::new()));
    }
    let unread = |error: std::io::Error| unable(&results, &error.to_string());
    let mut folders: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(&results).map_err(unread)? {
        let path = entry.map_err(unread)?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    if folders.len() > PEERS_MAX {
        return Err(unable(&results, &format!("it has more than {PEERS_MAX} detectors")));
    }
    folders.sort();
    let (mut peers, mut notes) = (Vec::new(), Vec::new());
    for folder in &folders {
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let files: Vec<PathBuf> = corpus.iter().map(|own| stored(folder, &name, &own.name)).collect();
        let shown = crate::terminal_line(&name);
        let missing = files.iter().filter(|file| !file.exists()).count();
        if missing > 0 {
            let of = files.len();
            notes.push(format!("{shown} is left out: it has no scores for {missing} of the {of} series"));
            continue;
        }
        let scores = files.iter().zip(corpus).map(|(file, own)| scores_of(file, own));
        peers.push(Peer { name: shown, scores: scores.collect::<Result<_, Problem>>()? });
    }
    Ok((peers, notes))
}

/// Where a detector's scores of a series are: with the detector's name before that of the file, as the benchmark stores
/// them, or under the name of the series.
fn stored(folder: &Path, detector: &str, series: &str) -> PathBuf {
    let own = folder.join(series);
    let file = own.file_name().map(|file| file.to_string_lossy().into_owned()).unwrap_or_default();
    let prefixed = own.with_file_name(format!("{detector}_{file}"));
    if prefixed.exists() { prefixed } else { own }
}

fn scores_of(path: &Path, own: &Labelled) -> Result<Vec<f64>, Problem> {
    let scores = stored_scores(&read(path)?).map_err(|error| bad(path, &error))?.values;
    if scores.len() == own.samples.values.len() {
        return Ok(scores);
    }
    let text = format!(
        "`{}` has {} scores for a series of {} samples",
        path.display(),
        scores.len(),
        own.samples.values.len()
    );
    let help = "write one `timestamp,score` for each sample, or take the detector's folder out of results";
    Err(Problem::new(of_backtest::SERIES, text, help))
}

/// A name of the labels as a path that stays inside the corpus.
fn inside<'n>(name: &'n str, labels: &Path) -> Result<&'n Path, Problem> {
    let path = Path::new(name);
    let stays = !name.is_empty() && path.components().all(|part| matches!(part, Component::Normal(_)));
    if stays {
        return Ok(path);
    }
    let text = format!("`{}` names `{name}`, which lies outside of the folder data", labels.display());
    Err(Problem::new(of_backtest::LABELS, text, "name files below data, such as `folder/file.csv`"))
}

fn series(path: &Path) -> Result<Column, Problem> {
    column(&read(path)?).map_err(|error| bad(path, &error))
}

fn bad(path: &Path, error: &CorpusError) -> Problem {
    Problem::new(error.code(), format!("`{}`: {error}", path.display()), error.help())
}

/// Only plain files: a pipe would never end.
fn read(path: &Path) -> Result<String, Problem> {
    let unread = |error: std::io::Error| unable(path, &error.to_string());
    let about = std::fs::metadata(path).map_err(unread)?;
    if !about.is_file() {
        return Err(unable(path, "it is no file"));
    }
    if about.len() > FILE_BYTES_MAX {
        return Err(unable(path, &format!("it is larger than {} MiB", FILE_BYTES_MAX >> 20)));
    }
    std::fs::read_to_string(path).map_err(unread)
}

fn unable(path: &Path, why: &str) -> Problem {
    let text = format!("unable to read `{}`: {why}", path.display());
    let help = "docs/anomaly.md tells how a corpus is laid out: labels/combined_windows.json, data, results";
    Problem::new(codes::NO_FOLDER, text, help)
}

fn leaks(path: &Path, part: Option<Part>, progress: &dyn Progress) -> Result<LeakTrials, Problem> {
    let traces = TraceFile::open(path).and_then(|file| file.traces()).map_err(|error| error.problem())?;
    let mut trials = LeakTrials::new(part);
    for (read, trace) in (0_u64..).zip(traces) {
        let trace = trace.map_err(|error| error.problem())?;
        if read.is_multiple_of(TOLD_EVERY) {
            let name = crate::terminal_line(&trace.name);
            progress.stage(&format!("leaks: series {} ({name})", read + 1), None);
        }
        trials.add(&trace);
    }
    progress.done();
    let (_, leaks) = trials.found_of();
    if leaks > 0 && trials.clean_weeks > 0 {
        return Ok(trials);
    }
    let (text, help) = if trials.series == 0 {
        let text = "no memory series in `{}` lasts the three weeks that a first trial takes";
        (text, "record for longer, or choose another part with --split")
    } else {
        let text =
            "no leak could be tried in `{}`: after two weeks no whole week, or no whole day, is recorded";
        (text, "record with fewer gaps: at least 85 % of the samples of a day and of a week are needed")
    };
    let text = text.replace("{}", &path.display().to_string());
    Err(Problem::new(codes::NOTHING_TO_COMPARE, text, help))
}

impl AnomalyReport {
    /// The headline and the tables as documents have them.
    pub fn markdown(&self) -> String {
        match self {
            Self::Labelled(compared) => compared.markdown(),
            Self::Leaks(trials) => trials.markdown(),
        }
    }

    /// What is drawn.
    pub fn picture(&self) -> kubeopt_backtest::Picture {
        match self {
            Self::Labelled(compared) => compared.picture(),
            Self::Leaks(trials) => trials.picture(),
        }
    }

    /// What was compared, and a list of named methods with their figures.
    ///
    /// # Errors
    /// A fault of kubeopt, where a figure cannot be written.
    pub fn json(&self, traces: &Path) -> Result<serde_json::Value, Problem> {
        let value = match self {
            Self::Labelled(compared) => serde_json::to_value(compared),
            Self::Leaks(trials) => serde_json::to_value(trials)
                .map(|own| serde_json::json!({ "series": trials.series, "methods": [own] })),
        };
        let mut value = value.map_err(|error| crate::own_fault(&error.to_string()))?;
        let split = match self {
            Self::Labelled(_) => None,
            Self::Leaks(trials) => trials.part,
        };
        if let Some(fields) = value.as_object_mut() {
            fields.insert("split".to_owned(), split.map_or("all", Part::as_str).into());
            fields.insert("traces".to_owned(), traces.display().to_string().into());
        }
        Ok(value)
    }
}
