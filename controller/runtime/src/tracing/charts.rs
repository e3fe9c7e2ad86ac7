//! The files of charts: folders of the repository itself, archives that were given, archives that may be fetched.

mod published;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use kubeopt_gitops::Snapshot;
use kubeopt_gitops::charts::{UnpackLimits, unpack};
use kubeopt_model::release::{ChartRef, Origin};
use kubeopt_model::{FileSet, Namespace, Problem, RepoPath};

use super::origins::Origins;
use super::view::View;
use crate::codes;
use published::{lock, shown};

pub use published::{AskedChart, ChartChoices, ChosenChart, ListedRepository, PublishedCharts};

/// The folder of the request that a chart from outside the repository is put into.
const OUTSIDE: &str = "chart";

/// Charts that are not in the repository, and the rule that tells which origins are. Clones share what they hold.
#[derive(Debug, Clone, Default)]
pub struct Charts {
    /// By name, with the paths counted from the chart's folder; or why the archive cannot be used.
    given: Arc<BTreeMap<String, Result<FileSet, Problem>>>,
    /// What may be fetched; none where nothing is: a command on a folder.
    published: Option<Arc<PublishedCharts>>,
    /// What was chosen, for whoever keeps what was made of it.
    recorded: Option<Arc<Mutex<ChartChoices>>>,
}

/// The files of one chart.
#[derive(Debug, Clone)]
pub struct ChartFiles {
    /// The chart's folder within `files`.
    pub folder: RepoPath,
    /// Its files, and nothing else.
    pub files: FileSet,
    /// They are files of the repository that is looked at.
    pub in_git: bool,
    /// Which archive it is, where it was fetched.
    pub published: Option<ChosenChart>,
}

impl ChartFiles {
    /// In the place of a chart that is not at hand.
    pub(crate) fn none() -> Self {
        placed(&FileSet::new(), None)
    }
}

impl Charts {
    /// Charts that were given by name: archives or folders. One that is no chart is a problem of the releases that use
    /// it.
    ///
    /// # Errors
    /// When a file or folder cannot be read at all.
    pub fn given(named: &[(String, PathBuf)]) -> Result<Self, Problem> {
        let mut given = BTreeMap::new();
        for (name, place) in named {
            let chart = read_chart(place, &UnpackLimits::default())?;
            given.insert(name.clone(), chart.map_err(|problem| of_given(problem, place)));
        }
        Ok(Self { given: Arc::new(given), ..Self::default() })
    }

    /// Charts that are fetched, as far as that is allowed.
    pub fn published(published: PublishedCharts) -> Self {
        Self { published: Some(Arc::new(published)), ..Self::default() }
    }

    /// Forgets which versions were chosen: within one pass, a trace and its proofs see the same archives.
    pub fn begin_pass(&self) {
        if let Some(published) = &self.published {
            published.begin_pass();
        }
    }

    /// The same charts, with a list of their own of what is chosen from now on.
    #[must_use]
    pub fn recording(&self) -> Self {
        Self { recorded: Some(Arc::default()), ..self.clone() }
    }

    /// What was chosen since [`Charts::recording`].
    pub fn choices(&self) -> ChartChoices {
        self.recorded.as_ref().map(|recorded| lock(recorded).clone()).unwrap_or_default()
    }

    /// Whether each of these is what is chosen now.
    pub async fn are_still(&self, choices: &ChartChoices) -> bool {
        let Some(published) = &self.published else { return choices.is_empty() };
        for (asked, before) in choices {
            if published.choose(asked).await != *before {
                return false;
            }
        }
        true
    }

    /// The chart of a release, as the view shows it.
    ///
    /// # Errors
    /// `E-SRC-210` where it is not at hand, with what to do; what was wrong with its archive.
    pub async fn find(
        &self,
        chart: &ChartRef,
        view: &View<'_>,
        origins: Origins<'_>,
    ) -> Result<ChartFiles, Problem> {
        match chart {
            ChartRef::Folder { origin, path } => folder(origin, path, view, origins),
            ChartRef::Published { origin, name, version } => {
                self.outside(origin, name, version.as_deref()).await
            }
            ChartRef::Unknown(what) => {
                Err(missing(what, "describe the chart as the object's documentation says"))
            }
        }
    }

    /// What was given comes before what is published.
    async fn outside(
        &self,
        origin: &Origin,
        name: &str,
        version: Option<&str>,
    ) -> Result<ChartFiles, Problem> {
        let called = if name.is_empty() { last_part(origin) } else { name.to_owned() };
        if let Some(given) = self.given.get(&called) {
            return Ok(placed(given.as_ref().map_err(Clone::clone)?, None));
        }
        let Some(published) = &self.published else { return Err(not_given(&called, version)) };
        let repository = match origin {
            Origin::Url(url) => url.clone(),
            Origin::FluxSource(kind, namespace, name) => {
                return Err(no_address(kind, namespace.as_ref().map(Namespace::as_str), name));
            }
            Origin::Here => return Err(missing("the chart names no repository", "name it in the object")),
        };
        let asked = AskedChart { repository, name: name.to_owned(), version: version.map(str::to_owned) };
        let chosen = published.choose(&asked).await;
        if let Some(recorded) = &self.recorded {
            lock(recorded).insert(asked, chosen.clone());
        }
        let chosen = chosen?;
        let files = published.files(&chosen).await?;
        Ok(placed(&files, Some(chosen)))
    }
}

/// A chart from outside, in a folder of its own.
fn placed(files: &FileSet, published: Option<ChosenChart>) -> ChartFiles {
    let folder = RepoPath::new(OUTSIDE).unwrap_or_default();
    let place = |path: &RepoPath| RepoPath::new(&format!("{OUTSIDE}/{}", path.as_str())).ok();
    let files = files.iter().filter_map(|(path, bytes)| Some((place(path)?, bytes.clone()))).collect();
    ChartFiles { folder, files, in_git: false, published }
}

/// The outer error is one of the file system; the inner says why it is no chart.
fn read_chart(place: &Path, limits: &UnpackLimits) -> Result<Result<FileSet, Problem>, Problem> {
    let unreadable = |error: std::io::Error| {
        let text = format!("unable to read the chart {}: {error}", place.display());
        let help = "name a folder with a Chart.yaml, or an archive that `helm package` made";
        Problem::new(codes::NO_FOLDER, text, help)
    };
    if std::fs::metadata(place).map_err(unreadable)?.is_dir() {
        let snapshot = Snapshot::of_folder(place).map_err(|error| error.problem())?;
        return snapshot.files(|_| true).map(Ok).map_err(|error| error.problem());
    }
    let mut bytes = Vec::new();
    // One byte more than is allowed tells that there is more.
    let most = limits.packed_bytes.saturating_add(1);
    File::open(place).and_then(|file| file.take(most).read_to_end(&mut bytes)).map_err(unreadable)?;
    Ok(unpack(&bytes, limits))
}

fn of_given(problem: Problem, place: &Path) -> Problem {
    Problem { text: format!("the chart {}: {}", place.display(), problem.text), ..problem }
}

/// A folder of the repository that is looked at. Another repository's folder is told from it by its chart not being
/// there.
fn folder(
    origin: &Origin,
    path: &RepoPath,
    view: &View<'_>,
    origins: Origins<'_>,
) -> Result<ChartFiles, Problem> {
    let is_there = origins.may_be_here(origin) && path.join("Chart.yaml").is_ok_and(|file| view.has(&file));
    if is_there {
        let files = view.files(&view.below(path));
        return Ok(ChartFiles { folder: path.clone(), files, in_git: true, published: None });
    }
    let of = match origin {
        Origin::Here => "this repository".to_owned(),
        Origin::Url(url) => kubeopt_gitops::parse_git_url(url)
            .map_or_else(|| "another repository".to_owned(), |url| url.to_string()),
        Origin::FluxSource(kind, _, name) => format!("{kind} {name}"),
    };
    let what = format!("there is no chart in folder `{path}` of {of}");
    Err(missing(&what, "check the chart's path; a chart of another repository is not rendered"))
}

fn last_part(origin: &Origin) -> String {
    let text = match origin {
        Origin::Here => "",
        Origin::Url(text) | Origin::FluxSource(_, _, text) => text,
    };
    text.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned()
}

fn not_given(name: &str, version: Option<&str>) -> Problem {
    let version = version.map_or_else(String::new, |version| format!(" {}", shown(version)));
    let name = shown(name);
    missing(
        &format!("the archive of chart {name}{version} is not at hand"),
        &format!("give it to the command: --chart {name}=FILE.tgz (`helm pull` fetches it), or a folder"),
    )
}

fn no_address(kind: &str, namespace: Option<&str>, name: &str) -> Problem {
    let namespace = namespace.map_or_else(String::new, |namespace| format!("{namespace}/"));
    let what = format!("nothing shows the address of {} {namespace}{}", shown(kind), shown(name));
    missing(&what, "check that the object exists, and that kubeopt may list objects of its kind")
}

fn missing(what: &str, help: &str) -> Problem {
    Problem::new(codes::CHART_MISSING, what.to_owned(), help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_that_is_given_is_read_up_to_its_limit_and_no_further() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("bomb.tgz");
        // A hole: as long as it likes to be, and nothing on the disk.
        File::create(&place).unwrap().set_len(1 << 33).unwrap();
        let limits = UnpackLimits { packed_bytes: 1000, ..UnpackLimits::default() };
        let problem = read_chart(&place, &limits).unwrap().unwrap_err();
        assert!(problem.text.contains("larger than 1000 bytes"), "{problem}");
    }

    #[test]
    fn what_is_given_and_is_no_chart_is_a_problem_of_that_chart_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (broken, chart) = (folder.path().join("broken.tgz"), folder.path().join("web"));
        std::fs::write(&broken, "no archive").unwrap();
        std::fs::create_dir(&chart).unwrap();
        std::fs::write(chart.join("Chart.yaml"), "name: web\n").unwrap();
        let named = |name: &str, place: &Path| (name.to_owned(), place.to_owned());
        let charts = Charts::given(&[named("broken", &broken), named("web", &chart)]).unwrap();
        let problem = charts.given["broken"].as_ref().unwrap_err();
        assert!(problem.code == "E-REN-020" && problem.text.contains("broken.tgz"), "{problem}");
        assert_eq!(charts.given["web"].as_ref().unwrap().len(), 1);
        let absent = Charts::given(&[named("absent", &folder.path().join("absent"))]).unwrap_err();
        assert_eq!(absent.code, codes::NO_FOLDER);
    }
}
