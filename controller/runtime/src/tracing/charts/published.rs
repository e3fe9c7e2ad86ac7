//! Charts that repositories and registries publish: which of them may be asked, which version was chosen in this pass, and
//! the files of its archive.
//!
//! Within one pass a choice stands, also the choice that there is none: a trace and its proofs see the same archive, and a
//! server that is down is not asked for every release anew.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kubeopt_gitops::charts::{ChartAccess, ChartStore, NOT_FETCHED, PublishedChart, base_url};
use kubeopt_model::{FileSet, Problem};
use kubeopt_net::Url;
use tokio::sync::OnceCell;

use crate::codes;

/// Different charts and versions that one pass asks for. Large installations have some hundred.
const CHARTS_MAX: usize = 1_000;

/// Charts that a server may fail to give before the others are not asked for in this pass: the second says that it was not
/// by chance.
const FAILURES_MAX: u32 = 2;

/// Bytes of unpacked charts in memory: a hundred ordinary ones. The others are read from the disk each time.
const HELD_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Characters of a digest that are shown, as Docker shows them.
const DIGEST_CHARS_SHOWN: usize = 12;

/// A repository of charts, or a registry, that may be asked for all that is below its address.
#[derive(Debug, Clone)]
pub struct ListedRepository {
    /// Where it is asked: http or https.
    pub url: Url,
    /// Releases name it with `oci://`.
    pub is_registry: bool,
    /// The way to it.
    pub access: ChartAccess,
}

/// What a release asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AskedChart {
    /// The address of the repository, as it is written.
    pub(super) repository: String,
    /// Empty where the address is that of the chart.
    pub(super) name: String,
    /// Version or range; none is the newest.
    pub(super) version: Option<String>,
}

/// The archive that was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChosenChart {
    /// Name of the chart.
    pub name: String,
    /// Its version, as the repository writes it.
    pub version: String,
    /// SHA-256 of the archive, hexadecimal.
    pub digest: String,
}

/// What was chosen for each that was asked for, or why nothing could be.
pub type ChartChoices = BTreeMap<AskedChart, Result<ChosenChart, Problem>>;

/// The charts of the repositories that an operator lists.
#[derive(Debug)]
pub struct PublishedCharts {
    listed: Vec<ListedRepository>,
    /// None where nothing is listed.
    store: Option<ChartStore>,
    pass: Mutex<Pass>,
    held: Mutex<Held>,
}

/// Made once a pass; whoever asks meanwhile waits for it.
type Choice = OnceCell<Result<ChosenChart, Problem>>;

/// What this pass knows.
#[derive(Debug, Default)]
struct Pass {
    chosen: BTreeMap<AskedChart, Arc<Choice>>,
    /// By the place in the list: how many charts the server failed to give, and why.
    failed: BTreeMap<usize, (u32, Problem)>,
}

/// Unpacked charts by digest.
#[derive(Debug, Default)]
struct Held {
    by_digest: BTreeMap<String, Arc<FileSet>>,
    bytes: usize,
}

impl fmt::Display for ChosenChart {
    /// `podinfo 6.5.0 (sha256:0123456789ab)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, version, digest } = self;
        let digest = digest.get(..DIGEST_CHARS_SHOWN).unwrap_or(digest);
        // Who asks for a digest gets it as the version.
        if version.starts_with("sha256:") {
            write!(f, "{name} (sha256:{digest})")
        } else {
            write!(f, "{name} {version} (sha256:{digest})")
        }
    }
}

impl PublishedCharts {
    /// These repositories and no other; `store` keeps what is fetched, and may be missing where nothing is listed.
    pub fn new(listed: Vec<ListedRepository>, store: Option<ChartStore>) -> Self {
        Self { listed, store, pass: Mutex::default(), held: Mutex::default() }
    }

    /// Nothing is chosen yet, and every server is asked again.
    pub(super) fn begin_pass(&self) {
        *lock(&self.pass) = Pass::default();
        if let Some(store) = &self.store {
            store.begin_round();
        }
    }

    /// The archive for what is asked, the same one all through a pass.
    ///
    /// # Errors
    /// Why there is none: the address is not listed, `E-REN-020` to `E-REN-024`.
    pub(super) async fn choose(&self, asked: &AskedChart) -> Result<ChosenChart, Problem> {
        let choice = lock(&self.pass).choice(asked)?;
        choice.get_or_init(|| self.fetch(asked)).await.clone()
    }

    /// The files of an archive that was chosen.
    ///
    /// # Errors
    /// `E-RUN-009` where it went away meanwhile.
    pub(super) async fn files(&self, chosen: &ChosenChart) -> Result<Arc<FileSet>, Problem> {
        let held = lock(&self.held).by_digest.get(&chosen.digest).cloned();
        if let Some(files) = held {
            return Ok(files);
        }
        let read = match &self.store {
            Some(store) => store.files_of(&chosen.digest).await,
            None => None,
        };
        let files = Arc::new(read.ok_or_else(|| gone(chosen))?);
        lock(&self.held).hold(&chosen.digest, &files);
        Ok(files)
    }

    async fn fetch(&self, asked: &AskedChart) -> Result<ChosenChart, Problem> {
        // Of an address that is none, the shape is what is wrong.
        let address = base_url(&asked.repository, false)?;
        let (Some((at, repository)), Some(store)) = (self.listed_for(&asked.repository), &self.store) else {
            return Err(not_listed(asked, &address));
        };
        let given_up = lock(&self.pass).given_up(at);
        if let Some(problem) = given_up {
            return Err(problem);
        }
        let chart = PublishedChart {
            repository: &asked.repository,
            name: &asked.name,
            version: asked.version.as_deref(),
            plain_http: repository.url.scheme() == "http",
        };
        let fetched = store.fetch(&repository.access, &chart).await.inspect_err(|problem| {
            if problem.code == NOT_FETCHED {
                lock(&self.pass).note_failure(at, problem);
            }
        })?;
        lock(&self.held).hold(&fetched.digest, &Arc::new(fetched.files));
        Ok(ChosenChart { name: called(asked), version: fetched.version, digest: fetched.digest })
    }

    /// The nearest of the listed repositories at or above an address.
    fn listed_for(&self, repository: &str) -> Option<(usize, &ListedRepository)> {
        let serving = self.listed.iter().enumerate().filter(|(_, listed)| listed.serves(repository));
        serving.max_by_key(|(_, listed)| listed.url.path().trim_end_matches('/').len())
    }
}

impl ListedRepository {
    fn serves(&self, repository: &str) -> bool {
        let Ok(url) = base_url(repository, self.url.scheme() == "http") else { return false };
        repository.starts_with("oci://") == self.is_registry
            && url.origin() == self.url.origin()
            && is_at_or_below(url.path(), self.url.path())
    }
}

fn is_at_or_below(path: &str, base: &str) -> bool {
    let (path, base) = (path.trim_end_matches('/'), base.trim_end_matches('/'));
    match path.strip_prefix(base) {
        Some("") => true,
        // What is encoded, such as a slash between dots, might lead out again on the server.
        Some(rest) => rest.starts_with('/') && !rest.contains('%'),
        None => false,
    }
}

impl Pass {
    fn choice(&mut self, asked: &AskedChart) -> Result<Arc<Choice>, Problem> {
        if self.chosen.len() >= CHARTS_MAX && !self.chosen.contains_key(asked) {
            let text = format!("releases ask for more than {CHARTS_MAX} different charts and versions");
            let help = "give each its own kubeopt, or agree on fewer versions of the same chart";
            return Err(Problem::new(codes::CHART_MISSING, text, help));
        }
        Ok(Arc::clone(self.chosen.entry(asked.clone()).or_default()))
    }

    fn given_up(&self, at: usize) -> Option<Problem> {
        self.failed.get(&at).filter(|(count, _)| *count >= FAILURES_MAX).map(|(_, problem)| problem.clone())
    }

    fn note_failure(&mut self, at: usize, problem: &Problem) {
        let failed = self.failed.entry(at).or_insert_with(|| (0, problem.clone()));
        *failed = (failed.0 + 1, problem.clone());
    }
}

impl Held {
    fn hold(&mut self, digest: &str, files: &Arc<FileSet>) {
        let bytes = files.values().map(Vec::len).sum::<usize>();
        if bytes > HELD_BYTES_MAX || self.by_digest.contains_key(digest) {
            return;
        }
        if self.bytes + bytes > HELD_BYTES_MAX {
            *self = Self::default();
        }
        self.bytes += bytes;
        self.by_digest.insert(digest.to_owned(), Arc::clone(files));
    }
}

/// The name of a chart, as proofs show it: of what comes from objects only what names are made of.
fn called(asked: &AskedChart) -> String {
    let name = match asked.name.as_str() {
        "" => asked.repository.trim_end_matches('/').rsplit('/').next().unwrap_or_default(),
        name => name,
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    name.chars().take(100).map(|c| if plain(c) { c } else { '?' }).collect()
}

fn not_listed(asked: &AskedChart, address: &Url) -> Problem {
    // Without what may follow a question mark.
    let scheme = if asked.repository.starts_with("oci://") { "oci" } else { address.scheme() };
    let host = address.host_str().unwrap_or_default();
    let port = address.port().map_or_else(String::new, |port| format!(":{port}"));
    let at = shown(&format!("{scheme}://{host}{port}{}", address.path().trim_end_matches('/')));
    let text = format!("chart {} is published at {at}, which kubeopt may not ask", called(asked));
    let help = format!("add `- url: {at}` to `charts:` of kubeopt.yaml, if charts may be fetched from there");
    Problem::new(codes::CHART_MISSING, text, help)
}

fn gone(chosen: &ChosenChart) -> Problem {
    let text = format!("the archive of chart {chosen} is no longer in the cache");
    Problem::new(codes::STORE, text, "the next pass fetches it again; check the folder `store.charts`")
}

/// A text from outside, on one line and short.
pub(super) fn shown(text: &str) -> String {
    text.escape_debug().take(200).collect()
}

/// Whoever held it last has left it whole, also when it panicked: each change is one step.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use kubeopt_net::{Client, ClientPolicy};

    use super::*;

    fn listed(url: &str, is_registry: bool) -> ListedRepository {
        let client = Client::new(ClientPolicy::new(Vec::new())).unwrap();
        let access = ChartAccess { client: client.clone(), with_tokens: client };
        ListedRepository { url: Url::parse(url).unwrap(), is_registry, access }
    }

    fn asked(repository: &str) -> AskedChart {
        AskedChart { repository: repository.to_owned(), name: "web".to_owned(), version: None }
    }

    #[test]
    fn a_repository_is_listed_with_all_that_is_below_it_and_nothing_beside_it() {
        let charts = PublishedCharts::new(
            vec![
                listed("https://charts.example/stable/", false),
                listed("https://registry.example/acme", true),
                listed("https://registry.example/acme/team", true),
                listed("http://registry.example:5000/", true),
            ],
            None,
        );
        for (repository, at) in [
            ("https://charts.example/stable", Some(0)),
            ("https://CHARTS.example:443/stable/a/../b/", Some(0)),
            ("https://charts.example/stable-2", None),
            ("https://charts.example/stable/../other", None),
            ("https://charts.example/stable/..%2fother", None),
            ("https://charts.example/", None),
            ("http://charts.example/stable", None),
            ("https://charts.example:8443/stable", None),
            ("https://charts.example.evil.example/stable", None),
            ("https://robot:secret@charts.example/stable", None),
            ("oci://charts.example/stable", None),
            ("oci://registry.example/acme", Some(1)),
            ("oci://registry.example/acme/web", Some(1)),
            ("oci://registry.example/acme/team/web", Some(2)),
            ("oci://registry.example/acme2", None),
            ("https://registry.example/acme", None),
            ("oci://registry.example:5000/any", Some(3)),
        ] {
            let found = charts.listed_for(repository).map(|(at, _)| at);
            assert_eq!(found, at, "{repository}");
        }
    }

    #[tokio::test]
    async fn an_address_that_is_not_listed_is_refused_with_the_key_to_add() {
        let charts = &PublishedCharts::new(Vec::new(), None);
        let refused = |repository: &str| {
            let asked = asked(repository);
            async move { charts.choose(&asked).await.unwrap_err() }
        };
        let problem = refused("oci://registry.example:5000/acme/?token=hunter2").await;
        assert_eq!(problem.code, codes::CHART_MISSING);
        assert!(problem.help.contains("`- url: oci://registry.example:5000/acme` to `charts:`"), "{problem}");
        assert!(!problem.to_string().contains("hunter2"));
        assert_eq!(refused("git@host:x").await.code, NOT_FETCHED);
    }

    #[test]
    fn an_archive_is_shown_by_name_version_and_digest() {
        let digest = "0123456789abcdef".repeat(4);
        let chosen = |version: &str| ChosenChart {
            name: called(&asked("oci://r.example/acme")),
            version: version.to_owned(),
            digest: digest.clone(),
        };
        assert_eq!(chosen("1.2.0").to_string(), "web 1.2.0 (sha256:0123456789ab)");
        assert_eq!(chosen("sha256:0123").to_string(), "web (sha256:0123456789ab)");
        let hostile = AskedChart { name: "a`\n<b>".to_owned(), ..asked("") };
        assert_eq!(called(&hostile), "a???b?");
        assert_eq!(called(&AskedChart { name: String::new(), ..asked("oci://r.example/acme/web/") }), "web");
    }

    #[test]
    fn what_is_held_stays_within_its_limit() {
        let mut held = Held::default();
        let files = |bytes: usize| {
            let path = kubeopt_model::RepoPath::new("Chart.yaml").unwrap();
            Arc::new(FileSet::from([(path, vec![0; bytes])]))
        };
        let half = files(HELD_BYTES_MAX / 2);
        for digest in ["a", "b", "b", "c"] {
            held.hold(digest, &half);
        }
        assert_eq!(held.by_digest.keys().collect::<Vec<_>>(), ["c"]);
        held.hold("d", &files(HELD_BYTES_MAX + 1));
        assert_eq!((held.by_digest.len(), held.bytes), (1, HELD_BYTES_MAX / 2));
    }
}
