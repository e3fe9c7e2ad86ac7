//! Published charts: found in the index of a repository or in a registry, fetched, checked by digest, kept on disk.
//!
//! Which hosts may be asked, with which credentials, is the policy of the client that the caller brings.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use kubeopt_model::{FileSet, Problem};
use kubeopt_net::header::ETAG;
use kubeopt_net::{Client, NetError, Request, StatusCode, Url};

pub use crate::charts::access::ChartAccess;

use crate::charts::access::{Located, authorized};
use crate::charts::archive::{UnpackLimits, unpack};
use crate::charts::digest::{digest_of, read_hex};
use crate::charts::index::{Index, Published, read_index};
use crate::charts::refusals::{fetch_failed, no_version, not_understood, shown, wrong_digest};
use crate::charts::registry;
use crate::charts::version::{VersionRange, newest};
use crate::codes;

/// Largest index. The largest public one has 20 MiB.
const INDEX_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Indexes that are remembered; installations use a handful of repositories.
const INDEXES_MAX: usize = 16;

/// Bytes of archives that are kept on disk: thousands of charts.
const KEPT_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// The code of what keeps a server's charts from being fetched: it is not reached, or not understood. The others speak of
/// one chart.
pub const NOT_FETCHED: &str = codes::CHART_FETCH;

/// A chart as a release names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishedChart<'a> {
    /// `https://charts.example/stable`, or `oci://registry.example/charts`.
    pub repository: &'a str,
    /// Name of the chart; empty where the address of a registry is the chart itself.
    pub name: &'a str,
    /// Version, range, tag or, of a registry, `@sha256:...`; none is the newest.
    pub version: Option<&'a str>,
    /// A registry is spoken to without TLS, as Flux' `insecure: true` says.
    pub plain_http: bool,
}

/// A chart that was fetched, or was there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedChart {
    /// The version that was chosen, as the repository writes it.
    pub version: String,
    /// SHA-256 of the archive, hexadecimal.
    pub digest: String,
    /// Where the archive is.
    pub archive: Url,
    /// Its files, with paths that count from the chart's folder.
    pub files: FileSet,
}

/// Fetches charts and keeps them.
#[derive(Debug)]
pub struct ChartStore {
    folder: PathBuf,
    limits: UnpackLimits,
    /// By address. Whoever needs one that is asked for waits for the answer.
    indexes: Mutex<BTreeMap<Url, Arc<tokio::sync::Mutex<Known>>>>,
    round: AtomicU64,
}

/// What is known of the index at an address.
#[derive(Debug, Default)]
struct Known {
    index: Option<Arc<Index>>,
    /// The tag of the answer.
    tag: Option<String>,
    /// The round in which the answer came.
    round: u64,
}

impl ChartStore {
    /// A store in a folder, which is made where it is not there.
    ///
    /// # Errors
    /// `E-REN-024`.
    pub fn open(folder: &Path) -> Result<Self, Problem> {
        fs::create_dir_all(folder).map_err(|error| store_failed(folder, &error))?;
        Ok(Self {
            folder: folder.to_owned(),
            limits: UnpackLimits::default(),
            indexes: Mutex::default(),
            round: AtomicU64::new(0),
        })
    }

    /// From now on indexes are asked for again, each once.
    pub fn begin_round(&self) {
        self.round.fetch_add(1, Ordering::Relaxed);
    }

    /// Finds the version, fetches its archive unless it is there, checks its digest and unpacks it.
    ///
    /// # Errors
    /// `E-REN-020` to `E-REN-024`.
    pub async fn fetch(
        &self,
        access: &ChartAccess,
        chart: &PublishedChart<'_>,
    ) -> Result<FetchedChart, Problem> {
        let base = base_url(chart.repository, chart.plain_http)?;
        let located = if chart.repository.starts_with("oci://") {
            let base = below(&base, chart.name)?;
            registry::locate(access, &base, chart.version).await?
        } else {
            self.locate(&access.client, &base, chart).await?
        };
        let wanted = located.digest.as_deref().map(|digest| read_digest(&base, digest)).transpose()?;
        let kept = match &wanted {
            Some(digest) => self.kept(digest).await,
            None => None,
        };
        let (bytes, is_new) = match kept {
            Some(bytes) => (bytes, false),
            None => (self.download(access, &base, &located).await?, true),
        };
        let (folder, limits) = (self.folder.clone(), self.limits);
        let unpacked = tokio::task::spawn_blocking(move || {
            let digest = digest_of(&bytes);
            if wanted.is_some_and(|wanted| wanted != digest) {
                return Err(wrong_digest(&base));
            }
            // What is refused is not kept either.
            let files = unpack(&bytes, &limits)?;
            if is_new {
                keep(&folder, &digest, &bytes).map_err(|error| store_failed(&folder, &error))?;
            }
            Ok((digest, files))
        });
        let (digest, files) =
            unpacked.await.map_err(|_| store_failed(&self.folder, &"the task ended early"))??;
        Ok(FetchedChart { version: located.version, digest, archive: located.archive, files })
    }

    /// The files of an archive that was fetched before, by its digest; none where it is not there any more.
    pub async fn files_of(&self, digest: &str) -> Option<FileSet> {
        let digest = read_hex(digest)?;
        let (bytes, limits) = (self.kept(&digest).await?, self.limits);
        let unpacked = tokio::task::spawn_blocking(move || unpack(&bytes, &limits)).await;
        unpacked.ok()?.ok()
    }

    async fn locate(
        &self,
        client: &Client,
        base: &Url,
        chart: &PublishedChart<'_>,
    ) -> Result<Located, Problem> {
        let address = below(base, "index.yaml")?;
        let index = self.index(client, &address).await?;
        let versions = index.entries.0.get(chart.name).map(Vec::as_slice).unwrap_or_default();
        let published = choose(versions, chart.version.unwrap_or_default()).ok_or_else(|| {
            no_version(base, &format!("{} {}", chart.name, chart.version.unwrap_or_default()))
        })?;
        let written = published.urls.0.first().map(String::as_str).unwrap_or_default();
        let archive = address.join(written).ok().filter(|_| !written.is_empty());
        let archive =
            archive.ok_or_else(|| not_understood(base, "the index names no address of the archive"))?;
        let digest = Some(published.digest.0.clone()).filter(|digest| !digest.is_empty());
        if digest.is_none() && archive.scheme() != "https" {
            return Err(not_understood(base, "it neither publishes a digest nor uses TLS"));
        }
        Ok(Located { version: published.version.0.clone(), digest, archive, token: None })
    }

    async fn index(&self, client: &Client, address: &Url) -> Result<Arc<Index>, Problem> {
        let slot = self.slot(address);
        let mut known = slot.lock().await;
        let round = self.round.load(Ordering::Relaxed);
        if let Some(index) = known.index.as_ref().filter(|_| known.round == round) {
            return Ok(Arc::clone(index));
        }
        let (tag, index) = ask_index(client, address, &known).await?;
        *known = Known { index: Some(Arc::clone(&index)), tag, round };
        Ok(index)
    }

    fn slot(&self, address: &Url) -> Arc<tokio::sync::Mutex<Known>> {
        let mut indexes = self.indexes.lock().unwrap_or_else(PoisonError::into_inner);
        if indexes.len() >= INDEXES_MAX && !indexes.contains_key(address) {
            indexes.clear();
        }
        Arc::clone(indexes.entry(address.clone()).or_default())
    }

    async fn download(
        &self,
        access: &ChartAccess,
        base: &Url,
        located: &Located,
    ) -> Result<Vec<u8>, Problem> {
        let failed = |error: NetError| fetch_failed(base, &error);
        // An archive that a server packs once more would have another digest.
        let request =
            Request::get(located.archive.clone()).header("accept-encoding", "identity").map_err(failed)?;
        let (client, request) = authorized(access, request, located.token.as_ref()).map_err(failed)?;
        let request = request.max_body_bytes(self.limits.packed_bytes);
        let answer = client.fetch(request).await.and_then(kubeopt_net::Answer::success).map_err(failed)?;
        Ok(answer.body.to_vec())
    }

    /// The archive with this digest, if it is there; whoever reads it checks the digest again.
    async fn kept(&self, digest: &str) -> Option<Vec<u8>> {
        let path = self.folder.join(file_name(digest));
        let bytes = tokio::fs::read(&path).await.ok()?;
        if digest_of(&bytes) == digest {
            return Some(bytes);
        }
        // It was damaged on disk: fetched anew.
        let _gone = tokio::fs::remove_file(&path).await;
        None
    }
}

/// The index at an address with the tag of the answer. One that is known is only sent again where it changed.
async fn ask_index(
    client: &Client,
    address: &Url,
    known: &Known,
) -> Result<(Option<String>, Arc<Index>), Problem> {
    let failed = |error: NetError| fetch_failed(address, &error);
    let mut request = Request::get(address.clone()).max_body_bytes(INDEX_BYTES_MAX);
    if let (Some(_), Some(tag)) = (&known.index, &known.tag) {
        request = request.header("if-none-match", tag).map_err(failed)?;
    }
    let answer = client.fetch(request).await.map_err(failed)?;
    if let (Some(index), StatusCode::NOT_MODIFIED) = (&known.index, answer.status) {
        return Ok((known.tag.clone(), Arc::clone(index)));
    }
    let answer = answer.success().map_err(failed)?;
    let tag = answer.headers.get(ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
    let body = answer.body;
    let read = tokio::task::spawn_blocking(move || read_index(&body)).await;
    let index = read.unwrap_or_else(|_| Err("it could not be read".to_owned()));
    let index = index.map_err(|why| not_understood(address, &shown(&why)))?;
    Ok((tag, Arc::new(index)))
}

/// The address that a chart's repository is asked at, for the caller's list of hosts. Without user and password.
///
/// # Errors
/// `E-REN-023` for what is no such address.
pub fn base_url(repository: &str, plain_http: bool) -> Result<Url, Problem> {
    let scheme = if plain_http { "http" } else { "https" };
    let text = match repository.strip_prefix("oci://") {
        Some(rest) => format!("{scheme}://{rest}"),
        None => repository.to_owned(),
    };
    let refused = |what: &str, help: &str| {
        // Whatever stands before an @ may be a password.
        let without = repository.rsplit_once('@').map_or(repository, |(_, host)| host);
        let text = format!("`{}` is {what} a repository of charts", shown(without));
        Problem::new(codes::CHART_FETCH, text, help)
    };
    let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let url = url.ok_or_else(|| refused("not the address of", "write it as https://... or oci://..."))?;
    if !url.username().is_empty() || url.password().is_some() {
        let help = "remove user and password from the address, and give them to kubeopt beside it";
        return Err(refused("an address with credentials of", help));
    }
    Ok(url)
}

/// An address below another one, whether or not that ends in a slash.
fn below(base: &Url, name: &str) -> Result<Url, Problem> {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(name.split('/').filter(|part| !part.is_empty()));
    }
    // Dots lead up; the parser resolves them, and what comes out must still lie below.
    if name.split('/').any(|part| part == "..") {
        return Err(not_understood(base, "the name of the chart leads out of the repository"));
    }
    Ok(url)
}

/// A version that is written as it is published, else the newest that the range contains.
fn choose<'a>(versions: &'a [Published], wanted: &str) -> Option<&'a Published> {
    let mut plain = versions.iter().filter(|published| is_plain(&published.version.0));
    if let Some(exact) = plain.clone().find(|published| published.version.0 == wanted.trim()) {
        return Some(exact);
    }
    let range = VersionRange::parse(wanted)?;
    let version = newest(&range, plain.clone().map(|published| published.version.0.as_str()))?;
    plain.find(|published| published.version.0 == version)
}

/// Proofs show a version, so only what versions are made of passes.
fn is_plain(version: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+' | b'_');
    version.len() <= 128 && version.bytes().all(plain)
}

fn read_digest(base: &Url, text: &str) -> Result<String, Problem> {
    let digest = read_hex(text.strip_prefix("sha256:").unwrap_or(text));
    digest.ok_or_else(|| not_understood(base, "its digest is no SHA-256"))
}

fn file_name(digest: &str) -> String {
    format!("{digest}.tgz")
}

/// Writes an archive as a whole or not at all, then makes room: the oldest go first.
fn keep(folder: &Path, digest: &str, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.persist(folder.join(file_name(digest))).map_err(|error| error.error)?;
    make_room(folder, KEPT_BYTES_MAX)
}

fn make_room(folder: &Path, most: u64) -> std::io::Result<()> {
    let mut kept = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        kept.push((metadata.modified()?, entry.path(), metadata.len()));
    }
    kept.sort();
    let mut total: u64 = kept.iter().map(|(_, _, bytes)| bytes).sum();
    for (_, path, bytes) in kept {
        if total <= most {
            break;
        }
        fs::remove_file(path)?;
        total -= bytes;
    }
    Ok(())
}

fn store_failed(folder: &Path, error: &dyn std::fmt::Display) -> Problem {
    Problem::new(
        codes::CHART_STORE,
        format!("unable to use the cache of charts in {}: {error}", folder.display()),
        "check that the folder is writable and the disk is not full",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_built_below_the_repository() {
        let at = |base: &str, name: &str| below(&Url::parse(base).unwrap(), name).map(|url| url.to_string());
        assert_eq!(at("https://c.example", "index.yaml").unwrap(), "https://c.example/index.yaml");
        assert_eq!(at("https://c.example/a/", "index.yaml").unwrap(), "https://c.example/a/index.yaml");
        assert_eq!(at("https://c.example/a", "b/c").unwrap(), "https://c.example/a/b/c");
        assert!(at("https://c.example/a", "../b").is_err());
        assert_eq!(base_url("oci://r.example:5000/x", false).unwrap().as_str(), "https://r.example:5000/x");
        assert_eq!(base_url("oci://r.example/x", true).unwrap().scheme(), "http");
        for text in [
            "",
            "file:///etc",
            "git@host:x",
            "oci://",
            "ssh://h/x",
            "@alias",
            "https://robot:hunter2@c.example/a",
            "oci://hunter2@r.example/a",
            "https://robot:hunter2@",
        ] {
            let problem = base_url(text, false).unwrap_err();
            assert_eq!(problem.code, codes::CHART_FETCH, "{text}");
            assert!(!problem.to_string().contains("hunter2"), "{problem}");
        }
    }

    #[test]
    fn the_oldest_archives_go_when_there_are_too_many_bytes() {
        let folder = tempfile::tempdir().unwrap();
        for (name, age) in [("old", 300), ("middle", 200), ("new", 100)] {
            let path = folder.path().join(name);
            fs::write(&path, [0; 10]).unwrap();
            let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000 - age);
            fs::File::options().append(true).open(&path).unwrap().set_modified(time).unwrap();
        }
        make_room(folder.path(), 20).unwrap();
        assert!(!folder.path().join("old").exists() && folder.path().join("middle").exists());
    }
}
