//! The arguments of the bench.

use std::path::{Path, PathBuf};

use crate::agent::Plan;
use crate::monorepo::Size;
use crate::sizing::Part;
use crate::trace::Repositories;

/// What to run, and with which program.
pub(crate) struct Options {
    pub(crate) command: Command,
    /// The kubeopt that is measured.
    pub(crate) program: PathBuf,
}

/// What to run.
pub(crate) enum Command {
    Scan(Load),
    /// The network, in memory.
    Forecast(Load),
    /// From history on disk.
    Sizing(Load),
    /// What `sizing` measures, in a process of its own.
    SizingPart(Part, Load),
    /// The folder of repositories.
    Plan(PathBuf),
    /// The same, line by line.
    Trace(Repositories),
    /// A generated repository.
    Monorepo(Size),
    /// So many rounds of each detector.
    Detectors(usize),
    /// The node agent.
    Agent(Plan),
}

/// How much usage there is, and how often it is read.
pub(crate) struct Load {
    pub(crate) containers: usize,
    pub(crate) days: u32,
    /// Seconds between two samples.
    pub(crate) step_s: u32,
    /// How often everything is repeated; the shortest time counts.
    pub(crate) rounds: usize,
    /// Where generated history is kept for the next run.
    pub(crate) keep: Option<PathBuf>,
}

impl Options {
    /// Reads the arguments.
    ///
    /// # Errors
    /// A sentence for whoever wrote them.
    pub(crate) fn read(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        // Cargo adds `--bench` to whatever it runs as a benchmark.
        let mut arguments = arguments.filter(|argument| argument != "--bench");
        let command = arguments.next().ok_or("say what to run")?;
        // It needs no program beside itself.
        let is_alone =
            command.starts_with("sizing") || ["forecast", "detectors", "agent"].contains(&command.as_str());
        let containers = if is_alone { 10_000 } else { 1000 };
        let mut load = Load { containers, days: 14, step_s: 60, rounds: 3, keep: None };
        let (mut repositories, mut program, mut charts) = (None, None, Vec::new());
        let mut size = Size { applications: 300, charts: 100 };
        let mut plan = Plan { hours: 8, nodes: 1000, minutes: 3, part: None };
        while let Some(flag) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{flag} needs a value"))?;
            match flag.as_str() {
                "--containers" => load.containers = number(&flag, &value)?,
                "--days" => load.days = number(&flag, &value)?,
                "--step" => load.step_s = number(&flag, &value)?,
                "--rounds" => load.rounds = number(&flag, &value)?,
                "--keep" => load.keep = Some(value.into()),
                "--applications" => size.applications = number(&flag, &value)?,
                "--charts" => size.charts = number(&flag, &value)?,
                "--hours" => plan.hours = number(&flag, &value)?,
                "--nodes" => plan.nodes = number(&flag, &value)?,
                "--minutes" => plan.minutes = number(&flag, &value)?,
                "--part" => plan.part = Some(value),
                "--repos" => repositories = Some(PathBuf::from(value)),
                "--chart" => charts.push(named(&value)?),
                "--program" => program = Some(PathBuf::from(value)),
                _ => return Err(format!("there is no {flag}")),
            }
        }
        let command = match command.as_str() {
            "scan" => Command::Scan(load),
            "sizing" => Command::Sizing(load),
            "forecast" => Command::Forecast(load),
            "sizing-floor" => Command::SizingPart(Part::Floor, load),
            "sizing-passes" => Command::SizingPart(Part::Passes, load),
            "trace" => Command::Trace(Repositories {
                folder: repositories.ok_or("trace needs --repos DIR")?,
                charts,
            }),
            "monorepo" => Command::Monorepo(size),
            "agent" => Command::Agent(plan),
            "detectors" => Command::Detectors(load.rounds),
            "plan" => Command::Plan(repositories.ok_or("plan needs --repos DIR")?),
            other => return Err(format!("there is no `{other}`")),
        };
        Ok(Self {
            command,
            program: if is_alone { PathBuf::new() } else { program.map_or_else(built_program, Ok)? },
        })
    }
}

/// `NAME=DIR`
fn named(text: &str) -> Result<(String, PathBuf), String> {
    let (name, folder) =
        text.split_once('=').ok_or_else(|| format!("--chart needs NAME=DIR, not `{text}`"))?;
    Ok((name.to_owned(), folder.into()))
}

fn number<T: std::str::FromStr + PartialEq + Default>(flag: &str, value: &str) -> Result<T, String> {
    let number: Option<T> = value.parse().ok().filter(|number| *number != T::default());
    number.ok_or_else(|| format!("{flag} needs a number above 0, not `{value}`"))
}

/// The program of the profile that this bench was built with: it lies two folders above.
fn built_program() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| format!("own path: {error}"))?;
    let folder = own.parent().and_then(Path::parent).ok_or("the bench lies in no folder of cargo")?;
    let program = folder.join("kubeopt");
    if program.is_file() {
        return Ok(program);
    }
    let release = if folder.ends_with("release") { " --release" } else { "" };
    Err(format!("{} is not there: run `cargo build -p kubeopt{release}`", program.display()))
}
