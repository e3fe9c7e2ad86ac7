//! The files of charts: folders of the repository itself, archives that were given, archives that were fetched.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kubeopt_gitops::Snapshot;
use kubeopt_gitops::charts::{UnpackLimits, unpack};
use kubeopt_model::release::{ChartRef, Origin};
use kubeopt_model::{FileSet, Problem, RepoPath};

use crate::codes;
use crate::origins::Origins;
use crate::view::View;

/// The folder of the request that a chart from outside the repository is put into.
const OUTSIDE: &str = "chart";

/// Charts that are not in the repository, and the rule that tells which origins are.
#[derive(Default)]
pub struct Charts {
    /// Charts by name, with the paths counted from the chart's folder.
    pub given: BTreeMap<String, Arc<FileSet>>,
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
}

impl Charts {
    /// Charts that were given by name: archives or folders.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn given(named: &[(String, PathBuf)]) -> Result<Self, Problem> {
        let mut given = BTreeMap::new();
        for (name, place) in named {
            given.insert(name.clone(), Arc::new(read_chart(place)?));
        }
        Ok(Self { given })
    }

    /// The chart of a release, as the view shows it.
    ///
    /// # Errors
    /// `E-SRC-210` where it is not at hand, with what to do.
    pub fn find(
        &self,
        chart: &ChartRef,
        view: &View<'_>,
        origins: Origins<'_>,
    ) -> Result<ChartFiles, Problem> {
        match chart {
            ChartRef::Folder { origin, path } => folder(origin, path, view, origins),
            ChartRef::Published { origin, name, version } => self.published(origin, name, version.as_deref()),
            ChartRef::Unknown(what) => {
                Err(missing(what, "describe the chart as the object's documentation says"))
            }
        }
    }

    fn published(&self, origin: &Origin, name: &str, version: Option<&str>) -> Result<ChartFiles, Problem> {
        let name = if name.is_empty() { last_part(origin) } else { name.to_owned() };
        let files = self.given.get(&name).ok_or_else(|| {
            let version = version.map_or_else(String::new, |version| format!(" {version}"));
            let what = format!("the archive of chart {name}{version} is not at hand");
            missing(
                &what,
                &format!(
                    "give it to the command: --chart {name}=FILE.tgz (`helm pull` fetches it), or a folder"
                ),
            )
        })?;
        let folder = RepoPath::new(OUTSIDE).unwrap_or_default();
        let place = |path: &RepoPath| RepoPath::new(&format!("{OUTSIDE}/{}", path.as_str())).ok();
        let files = files.iter().filter_map(|(path, bytes)| Some((place(path)?, bytes.clone()))).collect();
        Ok(ChartFiles { folder, files, in_git: false })
    }
}

fn read_chart(place: &Path) -> Result<FileSet, Problem> {
    let unreadable = |why: String| {
        let text = format!("unable to read the chart {}: {why}", place.display());
        Problem::new(
            codes::NO_FOLDER,
            text,
            "name a folder with a Chart.yaml, or an archive that `helm package` made",
        )
    };
    if place.is_dir() {
        let snapshot = Snapshot::of_folder(place).map_err(|error| error.problem())?;
        return snapshot.files(|_| true).map_err(|error| error.problem());
    }
    let bytes = std::fs::read(place).map_err(|error| unreadable(error.to_string()))?;
    unpack(&bytes, &UnpackLimits::default())
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
        return Ok(ChartFiles { folder: path.clone(), files: view.files(&view.below(path)), in_git: true });
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

fn missing(what: &str, help: &str) -> Problem {
    Problem::new(codes::CHART_MISSING, what.to_owned(), help)
}
