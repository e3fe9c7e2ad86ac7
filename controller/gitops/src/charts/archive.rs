//! From the bytes of a chart's archive to its files, in bounded time and memory. Nothing is written anywhere. Pure.
//!
//! An archive is a gzipped tar with one folder at its top, as `helm package` makes it. It may come from anywhere: links,
//! devices, paths that lead out, two files of one name, and more than a chart ever holds are refused.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use kubeopt_model::{FileSet, Problem, RepoPath};
use tar::{Archive, Entry, EntryType};

use crate::codes;

/// Bytes of tar's headers and padding around a file.
const HEADER_BYTES: u64 = 2 * 512;

/// What an archive may hold at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnpackLimits {
    /// Bytes of the archive itself.
    pub packed_bytes: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Bytes of one file.
    pub file_bytes: u64,
    /// Entries: files, folders and what else there is.
    pub entries: u64,
}

impl Default for UnpackLimits {
    /// 20 MiB packed, 64 MiB in all, 5 MiB a file (Helm's own limit), 10,000 entries. The largest public charts have
    /// 1 MiB packed, 10 MiB in all and some 500 files.
    fn default() -> Self {
        const MIB: u64 = 1024 * 1024;
        Self { packed_bytes: 20 * MIB, bytes: 64 * MIB, file_bytes: 5 * MIB, entries: 10_000 }
    }
}

/// The files of an archive, with paths that count from the chart's folder: `Chart.yaml`, `templates/...`.
///
/// # Errors
/// `E-REN-020` for whatever is not a plain archive within the limits, `E-REN-014` where it holds no `Chart.yaml`.
pub fn unpack(bytes: &[u8], limits: &UnpackLimits) -> Result<FileSet, Problem> {
    if bytes.len() as u64 > limits.packed_bytes {
        return Err(refused(&format!("it is larger than {} bytes", limits.packed_bytes)));
    }
    let most = limits.bytes.saturating_add(limits.entries.saturating_mul(HEADER_BYTES));
    let mut archive = Archive::new(MultiGzDecoder::new(bytes).take(most));
    let files = read(&mut archive, limits);
    if archive.into_inner().limit() == 0 {
        return Err(refused(&format!("it unpacks to more than {} bytes", limits.bytes)));
    }
    let files = files?;
    if !files.keys().any(|path| path.as_str() == "Chart.yaml") {
        let help = "check the archive with `helm show chart`";
        return Err(Problem::new(codes::CHART, "the archive holds no chart: it has no Chart.yaml", help));
    }
    Ok(files)
}

fn read(archive: &mut Archive<impl Read>, limits: &UnpackLimits) -> Result<FileSet, Problem> {
    let mut unpacked = Unpacked { files: FileSet::new(), top: None, bytes: 0 };
    let entries = archive.entries().map_err(|error| damaged(&error))?;
    for (count, entry) in (1_u64..).zip(entries) {
        if count > limits.entries {
            return Err(refused(&format!("it holds more than {} entries", limits.entries)));
        }
        unpacked.add(&mut entry.map_err(|error| damaged(&error))?, limits)?;
    }
    Ok(unpacked.files)
}

struct Unpacked {
    files: FileSet,
    top: Option<String>,
    bytes: u64,
}

impl Unpacked {
    fn add(&mut self, entry: &mut Entry<'_, impl Read>, limits: &UnpackLimits) -> Result<(), Problem> {
        let kind = entry.header().entry_type();
        // What `git archive` and other tools say about the archive as a whole.
        if kind == EntryType::XGlobalHeader {
            return Ok(());
        }
        let written = String::from_utf8(entry.path_bytes().into_owned())
            .map_err(|_| refused("it holds a path that is not UTF-8"))?;
        let named = |why: &str| refused(&format!("{why}: {}", shown(&written)));
        let path = RepoPath::new(&written).map_err(|_| named("it holds a path that leads out of it"))?;
        if kind == EntryType::Directory {
            return Ok(());
        }
        if kind != EntryType::Regular {
            return Err(named("it holds something that is neither a file nor a folder"));
        }
        let (top, relative) = path
            .as_str()
            .split_once('/')
            .ok_or_else(|| named("it holds a file outside the chart's folder"))?;
        if self.top.get_or_insert_with(|| top.to_owned()) != top {
            return Err(named("it holds several folders at its top"));
        }
        let relative = RepoPath::new(relative).map_err(|_| named("it holds a path that leads out of it"))?;
        let mut content = Vec::new();
        entry.take(limits.file_bytes + 1).read_to_end(&mut content).map_err(|error| damaged(&error))?;
        self.bytes += content.len() as u64;
        if content.len() as u64 > limits.file_bytes || self.bytes > limits.bytes {
            return Err(named("it holds more bytes than a chart may"));
        }
        match self.files.insert(relative, content) {
            None => Ok(()),
            Some(_) => Err(named("it holds two files of one name")),
        }
    }
}

fn shown(text: &str) -> String {
    text.escape_debug().take(200).collect()
}

fn damaged(error: &std::io::Error) -> Problem {
    refused(&format!("it is damaged: {}", shown(&error.to_string())))
}

fn refused(why: &str) -> Problem {
    Problem::new(
        codes::ARCHIVE,
        format!("the archive of the chart is refused: {why}"),
        "check the archive with `helm show all`, or package the chart anew with `helm package`",
    )
}

#[cfg(test)]
#[path = "archive_tests.rs"]
mod tests;
