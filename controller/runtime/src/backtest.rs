//! Sizing rules, detectors and forecasts on recorded usage: history reads the file or the store, the backtest compares,
//! here they meet.

mod anomaly;
mod forecast;
mod live;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use kubeopt_backtest::{Contender, Foretell, Plan, contenders, run};
use kubeopt_forecast::Load;
use kubeopt_history::{MeanProvisioned, TraceFile};
use kubeopt_model::trace::UsageTrace;
use kubeopt_model::{Foretold, Problem, Resource, Timestamp};
use kubeopt_strategies::Fleet;

use self::live::{LiveTraces, Requests};
use crate::codes;
use crate::edges::Edges;
use crate::foretelling::foretell_load;
use crate::progress::Progress;

pub use anomaly::{
    AnomalyReport, Compared, HEADERS_ANOMALY, HEADERS_LEAKS, HEADERS_THRESHOLDS, LeakTrials, backtest_anomaly,
};
pub use forecast::{forecast_json, forecast_picture};
pub use kubeopt_backtest::{HEADERS, HEADERS_AT_EQUAL_RISK, HEADERS_RELIABILITY, Part, Picture, Report, svg};

/// How often progress is told: every so many series.
const TOLD_EVERY: u64 = 10;

/// Threads beyond these wait for the one that reads the file.
const THREADS_MAX: usize = 8;

/// What is compared, and on what.
#[derive(Debug, Clone, Default)]
pub struct BacktestOptions {
    /// The file of traces, for [`backtest_sizing`].
    pub traces: Option<PathBuf>,
    /// Names of rules; all where none is named.
    pub compare: Vec<String>,
    /// With kubeopt's second operating point.
    pub economy: bool,
    /// Only this part of the traces.
    pub part: Option<Part>,
}

/// Compares sizing rules on a file of traces.
///
/// # Errors
/// Where a name is that of no rule, no file is named, it cannot be read, or no series of it lasts five weeks.
pub fn backtest_sizing(options: &BacktestOptions, progress: &dyn Progress) -> Result<Report, Problem> {
    let mut plan = plan(options)?;
    let path = options.traces.as_deref().ok_or_else(no_traces)?;
    let file = TraceFile::open(path).map_err(|error| error.problem())?;
    progress.stage("reading what is provisioned", None);
    plan.fleet = fleet(&file.mean_provisioned().map_err(|error| error.problem())?);
    let traces = file.traces().map_err(|error| error.problem())?;
    let report = compare(&plan, traces, progress).map_err(|error| error.problem())?;
    if report.traces == 0 { Err(nothing_to_compare(path, &report)) } else { Ok(report) }
}

/// Compares sizing rules on the history of the configured store, after what it lacks has been read. Gives what could not
/// be seen beside it; what could not be judged is told in the report's notes. Needs a runtime of several threads.
///
/// # Errors
/// Where a name is that of no rule, history cannot be read, or no container has five weeks of it.
pub async fn backtest_live(
    edges: &Edges,
    options: &BacktestOptions,
    now: Timestamp,
) -> Result<(Report, Vec<Problem>), Problem> {
    let mut plan = plan(options)?;
    let seen = edges.observe(now).await;
    let requests = Requests::of(&seen);
    plan.fleet = requests.fleet;
    let (report, days) = tokio::task::block_in_place(|| {
        let mut traces = LiveTraces::new(edges.history.as_ref(), &requests, now);
        let report = compare(&plan, traces.by_ref(), edges.progress.as_ref());
        report.map(|report| (report, traces.days))
    })?;
    if report.traces == 0 {
        return Err(too_little_history(&requests, &days));
    }
    let report = Report { notes: notes(&requests, &days), ..report };
    Ok((report, seen.problems))
}

fn plan(options: &BacktestOptions) -> Result<Plan, Problem> {
    let contenders = contenders(&options.compare, options.economy)
        .map_err(|error| Problem::new(codes::NO_SUCH_STRATEGY, error.to_string(), error.help()))?;
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let threads = threads.min(NonZeroUsize::new(THREADS_MAX).unwrap_or(NonZeroUsize::MIN));
    let foretell = match contenders.iter().any(Contender::wants_outlook) {
        true => Some(foretell()?),
        false => None,
    };
    Ok(Plan { contenders, part: options.part, fleet: None, foretell, threads })
}

/// What would have been foretold at each moment, as it is live: from the hours before it.
fn foretell() -> Result<Box<Foretell>, Problem> {
    let model = crate::forecast::model(None)?;
    Ok(Box::new(move |trace: &UsageTrace, moments: &[i64]| {
        let load = |resource| Load::of(resource, crate::forecast::hours(trace.resource(resource))).ok();
        let (cpu, memory) = (load(Resource::Cpu), load(Resource::Memory));
        let at = |from_unix_s: i64| {
            let of = |load: &Option<Load>| {
                foretell_load(Some(&model), load.as_ref()?, from_unix_s.div_euclid(3600))
            };
            Foretold { from_unix_s, network: None, cpu: of(&cpu), memory: of(&memory) }
        };
        moments.iter().map(|moment| (*moment, at(*moment))).collect()
    }))
}

fn compare<E>(
    plan: &Plan,
    traces: impl Iterator<Item = Result<UsageTrace, E>>,
    progress: &dyn Progress,
) -> Result<Report, E> {
    let mut read = 0_u64;
    let report = run(plan, traces, |trace| {
        if read.is_multiple_of(TOLD_EVERY) {
            let name = crate::terminal_line(&trace.name);
            progress.stage(&format!("backtest: series {} ({name})", read + 1), None);
        }
        read += 1;
    })?;
    progress.done();
    Ok(report)
}

/// How much history there was, what stands for what the store does not keep, and what could not be judged.
fn notes(requests: &Requests, days: &[f64]) -> Vec<String> {
    let shortest = days.iter().copied().fold(f64::INFINITY, f64::min);
    let longest = days.iter().copied().fold(0.0, f64::max);
    let mut notes = vec![
        format!(
            "history of {} containers, {shortest:.0} to {longest:.0} days; the first question comes after 28 days, and its week must have passed",
            days.len()
        ),
        "5-minute points are kept for 14 days unless `store.pointsKept` says otherwise; of the days before, CPU follows the distribution of its day, and memory the median, 95th percentile and maximum of its hour".to_owned(),
        "what was requested in the past is not kept: today's requests stand for all weeks".to_owned(),
    ];
    let unseen = requests.count().saturating_sub(days.len());
    if unseen > 0 {
        notes.push(format!("{unseen} containers have no usage in the store, and are not judged"));
    }
    if requests.without > 0 {
        notes.push(format!(
            "{} containers request neither CPU nor memory: there is nothing to compare with",
            requests.without
        ));
    }
    notes
}

fn too_little_history(requests: &Requests, days: &[f64]) -> Problem {
    let longest = days.iter().copied().fold(0.0, f64::max);
    let text = format!(
        "no container has the 34 days of history that a first week takes: of {} with requests, {} have usage in the store, {longest:.0} days at most",
        requests.count(),
        days.len()
    );
    let help = "let kubeopt run until there are five weeks (the store keeps 90 days), set `store.history` of kubeopt.yaml to the folder that has them, or name a file of recorded usage with --traces";
    Problem::new(codes::NOTHING_TO_COMPARE, text, help)
}

/// Writes a picture: SVG or PNG, as the file's name says.
///
/// # Errors
/// For another ending, and where the file cannot be written.
pub fn write_plot(picture: &Picture, path: &Path) -> Result<(), Problem> {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
    let bytes = match ending.as_str() {
        "svg" => svg(picture).into_bytes(),
        "png" => kubeopt_backtest::png(picture).map_err(|error| crate::own_fault(&error.to_string()))?,
        _ => return Err(plot_name(path)),
    };
    std::fs::write(path, bytes).map_err(|error| {
        let text = format!("unable to write the plot `{}`: {error}", path.display());
        Problem::new(codes::NO_FOLDER, text, "name a file in a folder that exists and may be written")
    })
}

/// Whether the file's name says how to draw; asked before the long work.
///
/// # Errors
/// For a name that ends neither in .svg nor in .png.
pub fn check_plot_name(path: &Path) -> Result<(), Problem> {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let known = ["svg", "png"].iter().any(|known| ending.eq_ignore_ascii_case(known));
    if known { Ok(()) } else { Err(plot_name(path)) }
}

fn plot_name(path: &Path) -> Problem {
    let text = format!("`{}` is no name of a plot", path.display());
    Problem::new(codes::NO_FOLDER, text, "end the name in .svg or .png")
}

/// None where nothing is said: rules then price risks by their own means.
fn fleet(mean: &MeanProvisioned) -> Option<Fleet> {
    (mean.cpu_millicores > 0.0 && mean.memory_bytes > 0.0)
        .then_some(Fleet { cpu_request: mean.cpu_millicores, memory_request: mean.memory_bytes })
}

fn no_traces() -> Problem {
    let text = "no file of recorded usage is named";
    Problem::new(
        codes::NOT_CONFIGURED,
        text,
        "name a Parquet or CSV file with --traces; docs/backtest.md lists its columns",
    )
}

fn nothing_to_compare(path: &Path, report: &Report) -> Problem {
    let part = report.part.map_or(String::new(), |part| format!(" of the part `{}`", part.as_str()));
    let text = format!(
        "no series{part} in `{}` lasts the 34 days that a first week takes ({} are too short)",
        path.display(),
        report.too_short
    );
    Problem::new(codes::NOTHING_TO_COMPARE, text, "record for longer, or choose another part with --split")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Quiet;

    fn problem(options: &BacktestOptions) -> Problem {
        backtest_sizing(options, &Quiet).unwrap_err()
    }

    #[test]
    fn without_a_file_the_next_step_is_named() {
        let problem = problem(&BacktestOptions::default());
        assert!(problem.help.contains("--traces"), "{problem}");
    }

    #[test]
    fn a_name_of_no_rule_is_refused_before_anything_is_read() {
        let options = BacktestOptions {
            traces: Some("/nowhere".into()),
            compare: vec!["krr".to_owned()],
            ..BacktestOptions::default()
        };
        let problem = problem(&options);
        assert_eq!(problem.code, codes::NO_SUCH_STRATEGY);
        assert!(problem.help.contains("krr-simple"), "{problem}");
    }

    #[test]
    fn series_of_a_few_days_are_too_short() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let header = "series,unix_s,cpu_cores,cpu_request_cores,memory_bytes,memory_request_bytes";
        std::fs::write(file.path(), format!("{header}\na,0,1,1,1,1\n")).unwrap();
        let options = BacktestOptions { traces: Some(file.path().into()), ..BacktestOptions::default() };
        let problem = problem(&options);
        assert_eq!(problem.code, codes::NOTHING_TO_COMPARE);
        assert!(problem.text.contains("1 are too short"), "{problem}");
    }

    #[test]
    fn plots_are_svg_or_png() {
        for (name, fine) in [("a.svg", true), ("a.PNG", true), ("a.jpg", false), ("svg", false)] {
            assert_eq!(check_plot_name(Path::new(name)).is_ok(), fine, "{name}");
        }
    }
}
