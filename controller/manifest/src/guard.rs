//! What is never edited: files, places, documents and values that someone or something else owns.
//!
//! Decides from path and text alone. Whether a value may be changed by policy is not its concern.

use std::collections::{BTreeMap, HashMap};

use kubeopt_model::{Problem, RepoPath};
use yaml_rust2::scanner::TScalarStyle;

use crate::refusal::{Refusal, shortened};
use crate::role::FileRole;
use crate::stream::{Kind, NodeId, Stream};
use crate::text::Text;
use crate::yaml_text::YamlText;

/// Bytes of a file that is edited. Manifests are small; the largest hand-written one in the public repositories
/// that were measured has 200 KB, and what is larger was written by a program.
pub const FILE_BYTES_MAX: usize = 1 << 20;

/// Refuses files that must not be edited, whatever the value: too large, no text, Git LFS, templates, SOPS, generated.
///
/// # Errors
/// The reason, with its file and, where there is one, its line.
pub fn guard_file(path: &RepoPath, bytes: &[u8]) -> Result<(), Problem> {
    if let Some(refusal) = bytes_refusal(bytes) {
        return Err(refusal.of_file(path));
    }
    let yaml = YamlText::read(bytes).map_err(|unreadable| {
        let excerpt = Text::read(bytes).map_or(String::new(), |text| text.line(unreadable.line).to_owned());
        unreadable.refusal.at(path, unreadable.line, &excerpt)
    })?;
    match content_refusal(&yaml) {
        Some((refusal, line)) => Err(refusal.at(path, line, yaml.text.line(line))),
        None => Ok(()),
    }
}

/// Refuses places that belong to others: CI, templates of charts, files that a generator beside them writes.
///
/// `exists` tells which files the whole repository has; generators are recognised by their files.
///
/// # Errors
/// The reason, with the file.
pub fn guard_place(path: &RepoPath, exists: &dyn Fn(&RepoPath) -> bool) -> Result<(), Problem> {
    guard_place_as(path, FileRole::Manifest, exists)
}

/// As [`guard_place`], for a file whose role is known: a template of a chart is refused to none who asks as such.
///
/// # Errors
/// The reason, with the file.
pub fn guard_place_as(
    path: &RepoPath,
    role: FileRole,
    exists: &dyn Fn(&RepoPath) -> bool,
) -> Result<(), Problem> {
    let exists = |file: &str| RepoPath::new(file).is_ok_and(|file| exists(&file));
    place_refusal(path, role, &exists).map_or(Ok(()), |refusal| Err(refusal.of_file(path)))
}

/// The same, where it can be asked which files there are.
pub(crate) fn place_refusal(
    path: &RepoPath,
    role: FileRole,
    exists: &dyn Fn(&str) -> bool,
) -> Option<Refusal> {
    let parts: Vec<&str> = path.as_str().split('/').collect();
    if let Some(ci) = ci_path(&parts) {
        return Some(Refusal::CiPath { path: ci.to_owned() });
    }
    if parts.last() == Some(&"gotk-components.yaml") {
        return Some(Refusal::Generated { header: "gotk-components.yaml".to_owned() });
    }
    if parts.last().is_some_and(|name| is_override(name)) {
        return Some(Refusal::Overrides);
    }
    owners(&parts, role).into_iter().find(|(file, _)| exists(file)).map(|(_, refusal)| refusal)
}

/// `.argocd-source.yaml` and `.argocd-source-<application>.yaml`: image updaters write them, and what they say counts
/// more than the Application, where nobody looks for it.
fn is_override(name: &str) -> bool {
    let stem = name.strip_prefix(".argocd-source").and_then(|rest| rest.strip_suffix(".yaml"));
    stem.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// The part of a path that belongs to a CI system.
fn ci_path<'a>(parts: &[&'a str]) -> Option<&'a str> {
    const FOLDERS: [&str; 12] = [
        ".github",
        ".gitlab",
        ".gitea",
        ".forgejo",
        ".circleci",
        ".buildkite",
        ".tekton",
        ".woodpecker",
        ".azuredevops",
        ".semaphore",
        ".harness",
        ".ci",
    ];
    const FILES: [&str; 14] = [
        ".gitlab-ci.yml",
        ".gitlab-ci.yaml",
        ".drone.yml",
        ".travis.yml",
        ".woodpecker.yml",
        ".woodpecker.yaml",
        ".cirrus.yml",
        "azure-pipelines.yml",
        "azure-pipelines.yaml",
        "bitbucket-pipelines.yml",
        "cloudbuild.yaml",
        "cloudbuild.yml",
        "appveyor.yml",
        ".appveyor.yml",
    ];
    let (name, folders) = parts.split_last()?;
    folders
        .iter()
        .find(|part| FOLDERS.contains(part))
        .or_else(|| FILES.contains(name).then_some(name))
        .copied()
}

/// Files that, if they exist, own the path, and what that means.
fn owners(parts: &[&str], role: FileRole) -> BTreeMap<String, Refusal> {
    let mut owners = BTreeMap::new();
    for (at, part) in parts.iter().enumerate().take(parts.len().saturating_sub(1)) {
        let beside = |name: &str| {
            let folder = parts[..at].join("/");
            if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
        };
        match *part {
            "manifests" => {
                let generator = beside("jsonnetfile.json");
                owners.insert(generator.clone(), Refusal::GeneratorBeside { generator });
            }
            "templates" if role != FileRole::Template => {
                owners.insert(beside("Chart.yaml"), Refusal::Template { found: beside("Chart.yaml") });
            }
            _ => {}
        }
    }
    owners
}

/// What the bytes alone tell.
pub(crate) fn bytes_refusal(bytes: &[u8]) -> Option<Refusal> {
    if bytes.len() > FILE_BYTES_MAX {
        return Some(Refusal::FileTooLarge { bytes: bytes.len(), limit: FILE_BYTES_MAX });
    }
    bytes.starts_with(b"version https://git-lfs.github.com/spec/").then_some(Refusal::LfsPointer)
}

/// What the content of a readable file tells, with the line.
pub(crate) fn content_refusal(yaml: &YamlText<'_>) -> Option<(Refusal, usize)> {
    generated_header(&yaml.text).or_else(|| sops(yaml)).or_else(|| template_map(yaml))
}

/// A comment at the head of a file by which generators mark their output.
pub(crate) fn generated_header(text: &Text<'_>) -> Option<(Refusal, usize)> {
    const SIGNS: [&str; 7] = [
        "code generated",
        "do not edit",
        "do not manually edit",
        "autogenerated",
        "auto-generated",
        "automatically generated",
        "generated file",
    ];
    let head = text.body.lines().enumerate().take_while(|(_, line)| {
        let line = line.trim_start();
        line.is_empty() || line.starts_with(['#', '%']) || line.starts_with("---")
    });
    for (at, line) in head {
        let lower = line.to_ascii_lowercase();
        if SIGNS.iter().any(|sign| lower.contains(sign)) {
            let header = shortened(line.trim_start_matches(['#', ' ']));
            return Some((Refusal::Generated { header }, at + 1));
        }
    }
    None
}

/// A document that SOPS has encrypted, in part or whole, with a checksum over all values.
fn sops(yaml: &YamlText<'_>) -> Option<(Refusal, usize)> {
    let stream = &yaml.stream;
    stream.documents.iter().find_map(|root| {
        let sops = stream.get(*root, "sops").filter(|sops| !stream.entries(*sops).is_empty())?;
        let covered = stream.text(sops, "mac_only_encrypted") != Some("true");
        covered.then(|| (Refusal::Sops, stream.node(sops).at.line))
    })
}

/// `key: {{ template }}`, which is valid YAML by accident: a mapping whose key is a mapping.
fn template_map(yaml: &YamlText<'_>) -> Option<(Refusal, usize)> {
    let stream = &yaml.stream;
    stream.nodes.iter().find_map(|node| {
        let Kind::Mapping(entries) = &node.kind else { return None };
        let complex = entries.iter().any(|(key, _)| matches!(stream.node(*key).kind, Kind::Mapping(_)));
        let start = yaml.text.offset(node.at).filter(|_| complex)?;
        let text = yaml.text.body.get(start..)?;
        text.starts_with("{{").then(|| (Refusal::Template { found: "{{".to_owned() }, node.at.line))
    })
}

/// What a document tells about all of its values: keys that stand twice, template text in plain scalars, storage.
pub(crate) fn document_refusal(stream: &Stream, root: NodeId) -> Option<Refusal> {
    if stream.text(root, "kind") == Some("PersistentVolumeClaim") {
        return Some(Refusal::VolumeClaim);
    }
    // What makes Applications of a set fills its placeholders in; they are no template of the file.
    let is_set = stream.text(root, "kind") == Some("ApplicationSet");
    let marks: &[&str] = if is_set { &["{%"] } else { &["{{", "{%"] };
    let template = |id| match &stream.node(id).kind {
        Kind::Scalar(value, TScalarStyle::Plain) => marks
            .iter()
            .find(|mark| value.contains(**mark))
            .map(|mark| Refusal::Template { found: (*mark).to_owned() }),
        Kind::Scalar(..) | Kind::Mapping(_) | Kind::Sequence(_) | Kind::Alias(_) => None,
    };
    duplicate_key(stream, root).or_else(|| stream.below(root).into_iter().find_map(template))
}

/// The first key of a document that stands twice in its mapping.
pub(crate) fn duplicate_key(stream: &Stream, root: NodeId) -> Option<Refusal> {
    stream.below(root).into_iter().find_map(|id| {
        let Kind::Mapping(entries) = &stream.node(id).kind else { return None };
        let mut lines: HashMap<&str, usize> = HashMap::with_capacity(entries.len());
        entries.iter().find_map(|(key, _)| {
            let name = stream.scalar(*key)?;
            let second = stream.node(*key).at.line;
            let first = lines.insert(name, second)?;
            Some(Refusal::DuplicateKey { key: shortened(name), first, second })
        })
    })
}

/// A mark in a value by which something else fills it in: Flux and shells, Argo CD vault plugins, SOPS.
pub(crate) fn variable_in(value: &str) -> Option<String> {
    ["${", "$(", "<path:", "ENC["].into_iter().find(|mark| value.contains(mark)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RepoPath {
        RepoPath::new(text).expect("a path")
    }

    fn code(result: Result<(), Problem>) -> String {
        result.map_or_else(|problem| problem.code, |()| "ok".to_owned())
    }

    #[test]
    fn places_of_others_are_refused() {
        let all = ["mon/jsonnetfile.json", "charts/api/Chart.yaml", "apps/api.yaml"].map(path);
        for (text, expected) in [
            ("apps/api.yaml", "ok"),
            ("mon/manifests/grafana.yaml", "E-SRC-016"),
            ("mon/manifests/setup/x.yaml", "E-SRC-016"),
            ("apps/manifests/x.yaml", "ok"),
            ("charts/api/templates/d.yaml", "E-SRC-004"),
            ("charts/api/values.yaml", "ok"),
            ("apps/templates/d.yaml", "ok"),
            (".github/workflows/ci.yaml", "E-SRC-017"),
            ("sub/.circleci/config.yml", "E-SRC-017"),
            (".gitlab-ci.yml", "E-SRC-017"),
            ("clusters/a/flux-system/gotk-components.yaml", "E-SRC-007"),
            ("charts/api/.argocd-source.yaml", "E-SRC-031"),
            (".argocd-source-team_api.yaml", "E-SRC-031"),
            (".argocd-sources.yaml", "ok"),
        ] {
            assert_eq!(code(guard_place(&path(text), &|file| all.contains(file))), expected, "{text}");
        }
    }

    #[test]
    fn files_of_others_are_refused_with_the_line() {
        for (text, expected, line) in [
            ("a: 1\n", "ok", None),
            ("# Code generated by x. DO NOT EDIT.\na: 1\n", "E-SRC-007", Some(1)),
            ("---\n\n# This file is autogenerated.\na: 1\n", "E-SRC-007", Some(3)),
            ("a: 1\n# do not edit below\n", "ok", None),
            ("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "E-SRC-003", None),
            ("a: {{ .Values.x }}\n", "E-SRC-004", Some(1)),
            ("a: 1\n{{- if .Values.x }}\nb: 2\n{{- end }}\n", "E-SRC-004", Some(2)),
            ("resources:\n  {{- toYaml .Values.r | nindent 2 }}\n", "E-SRC-004", Some(2)),
            ("a: \"{{ .Release.Name }}\" # {{ no }}\n", "ok", None),
            ("a: [\n", "E-SRC-005", Some(2)),
            ("a: 1\nsops:\n  mac: x\n", "E-SRC-006", Some(3)),
            ("a: 1\nsops:\n  mac: x\n  mac_only_encrypted: true\n", "ok", None),
        ] {
            let result = guard_file(&path("a.yaml"), text.as_bytes());
            let at = result.as_ref().err().and_then(|problem| problem.place.as_ref()?.line);
            assert_eq!((code(result).as_str(), at), (expected, line), "{text}");
        }
        assert_eq!(code(guard_file(&path("a"), &[0xff, 0xfe])), "E-SRC-002");
        assert_eq!(code(guard_file(&path("a"), &vec![b'#'; FILE_BYTES_MAX + 1])), "E-SRC-001");
    }
}
