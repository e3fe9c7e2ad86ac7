//! A kustomization as text: which files it names, and what makes it more than plain files.
//!
//! Reads one file; following the files is [`crate::closure`]. Renders nothing.

use kubeopt_model::{Problem, RepoPath};

use crate::refusal::Refusal;
use crate::stream::{Kind, NodeId, Stream};
use crate::yaml_text::YamlText;

/// The names under which kustomize looks for a kustomization, in its order.
pub const FILE_NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// What a kustomization is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KustomizationKind {
    /// An entry point or base.
    Kustomization,
    /// A part that entry points include.
    Component,
}

/// The references of a kustomization, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KustomizationFile {
    /// What it is.
    pub kind: KustomizationKind,
    /// `resources` and the older `bases`: files, folders or URLs.
    pub resources: Vec<String>,
    /// `components`: folders or URLs.
    pub components: Vec<String>,
    /// Files of `patches`, `patchesStrategicMerge` and `patchesJson6902`.
    pub patches: Vec<String>,
    /// Files of `configMapGenerator` and `secretGenerator`.
    pub generator_files: Vec<String>,
    /// Files of `crds`, `configurations`, `replacements` and `openapi`.
    pub others: Vec<String>,
    /// Entries of `generators`, `transformers` and `validators` that are files or folders.
    pub plugins: Vec<String>,
    /// It writes a `generators`, `transformers` or `validators` entry inline that is not built in.
    pub inline_plugins: bool,
    /// It uses `helmCharts` or `helmChartInflationGenerator`, which run Helm.
    pub helm: bool,
}

/// Reads a kustomization.
///
/// # Errors
/// When it is no YAML mapping, has a key twice, or is of another kind.
pub fn kustomization(file: &RepoPath, bytes: &[u8]) -> Result<KustomizationFile, Problem> {
    let refuse = |reason: &str| Refusal::NoKustomization {
        folder: file.parent().unwrap_or_default().to_string(),
        reason: reason.to_owned(),
    };
    let yaml = YamlText::read(bytes)
        .map_err(|unreadable| refuse(&unreadable.refusal.to_string()).at(file, unreadable.line, ""))?;
    let stream = &yaml.stream;
    let mut documents = stream.documents.iter().copied().filter(|root| !stream.is_null(*root));
    let root = documents.next().ok_or_else(|| refuse("it is empty").of_file(file))?;
    if stream.entries(root).is_empty() {
        return Err(refuse("it is no mapping").of_file(file));
    }
    if let Some(twice) = crate::guard::duplicate_key(stream, root) {
        return Err(refuse(&twice.to_string()).of_file(file));
    }
    match stream.text(root, "kind") {
        Some("Component") => Ok(references(stream, root, KustomizationKind::Component)),
        Some("Kustomization") | None => Ok(references(stream, root, KustomizationKind::Kustomization)),
        Some(_) => Err(refuse("it is of another kind").of_file(file)),
    }
}

fn references(stream: &Stream, root: NodeId, kind: KustomizationKind) -> KustomizationFile {
    let texts = |key: &str| scalars(stream, root, key);
    let files = |key: &str| texts(key).into_iter().filter(|text| !is_inline(text)).collect::<Vec<_>>();
    let plugin_keys = ["generators", "transformers", "validators"];
    let inline = plugin_keys.iter().flat_map(|key| texts(key)).filter(|text| is_inline(text));
    KustomizationFile {
        kind,
        resources: [files("resources"), files("bases")].concat(),
        components: files("components"),
        patches: [
            paths(stream, root, "patches"),
            files("patchesStrategicMerge"),
            paths(stream, root, "patchesJson6902"),
        ]
        .concat(),
        generator_files: generator_files(stream, root),
        others: [
            files("crds"),
            files("configurations"),
            paths(stream, root, "replacements"),
            openapi(stream, root),
        ]
        .concat(),
        plugins: plugin_keys.iter().flat_map(|key| files(key)).collect(),
        inline_plugins: inline.into_iter().any(|text| !is_built_in(&text)),
        helm: ["helmCharts", "helmChartInflationGenerator", "helmGlobals"]
            .iter()
            .any(|key| stream.get(root, key).is_some()),
    }
}

/// Whether an entry is YAML itself and not the name of a file.
fn is_inline(text: &str) -> bool {
    let is_collection = |stream: Stream| {
        stream.documents.iter().any(|root| !matches!(stream.node(*root).kind, Kind::Scalar(..)))
    };
    text.contains('\n') || Stream::read(text).is_ok_and(is_collection)
}

/// Whether every document of a transformer's text is one of kustomize's own.
pub(crate) fn is_built_in(text: &str) -> bool {
    Stream::read(text).is_ok_and(|stream| {
        stream
            .documents
            .iter()
            .filter(|root| !stream.is_null(**root))
            .all(|root| stream.text(*root, "apiVersion") == Some("builtin"))
    })
}

/// The scalars of a list.
fn scalars(stream: &Stream, root: NodeId, key: &str) -> Vec<String> {
    let items = stream.get(root, key).map_or(&[][..], |list| stream.items(list));
    items.iter().filter_map(|item| stream.scalar(*item).map(str::to_owned)).collect()
}

/// `path` of each item of a list.
fn paths(stream: &Stream, root: NodeId, key: &str) -> Vec<String> {
    let items = stream.get(root, key).map_or(&[][..], |list| stream.items(list));
    let path = |item: &NodeId| stream.text(*item, "path").filter(|path| !path.is_empty()).map(str::to_owned);
    items.iter().filter_map(path).collect()
}

fn openapi(stream: &Stream, root: NodeId) -> Vec<String> {
    let path = stream.get(root, "openapi").and_then(|openapi| stream.text(openapi, "path"));
    path.map(str::to_owned).into_iter().collect()
}

/// `files: [name=path]`, `envs: [path]` and the older `env: path` of both generators.
fn generator_files(stream: &Stream, root: NodeId) -> Vec<String> {
    let mut files = Vec::new();
    for key in ["configMapGenerator", "secretGenerator"] {
        for item in stream.get(root, key).map_or(&[][..], |list| stream.items(list)) {
            let named = scalars(stream, *item, "files");
            files.extend(
                named
                    .iter()
                    .map(|file| file.split_once('=').map_or(file.as_str(), |(_, path)| path).to_owned()),
            );
            files.extend(scalars(stream, *item, "envs"));
            files.extend(stream.text(*item, "env").map(str::to_owned));
        }
    }
    files
}

/// Whether kustomize would fetch the reference: a URL, a Git address or one of its short forms.
pub fn is_remote(reference: &str) -> bool {
    let host = reference.split('/').next().unwrap_or_default();
    reference.contains("://")
        || reference.contains("?ref=")
        || reference.contains("?version=")
        || reference.starts_with("git@")
        || reference.starts_with("git::")
        || (host.contains('.') && !host.starts_with('.') && reference.contains("//"))
        || ["github.com", "gitlab.com", "bitbucket.org"].iter().any(|known| host.eq_ignore_ascii_case(known))
        || (host.contains('@') && host.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<KustomizationFile, String> {
        let file = RepoPath::new("a/kustomization.yaml").expect("a path");
        kustomization(&file, text.as_bytes()).map_err(|problem| problem.code)
    }

    #[test]
    fn every_kind_of_reference_is_seen() {
        let read = read(
            "resources: [a.yaml, ../base, 'https://x.example/y.yaml']
bases: [old]
components: [../c]
patches:
- path: p.yaml
- patch: |-
    kind: Deployment
patchesStrategicMerge:
- s.yaml
- |-
  kind: Deployment
patchesJson6902: [{path: j.yaml}]
configMapGenerator: [{name: x, files: [k=f.txt, g.txt], envs: [e.env]}]
secretGenerator: [{name: y, env: s.env}]
replacements: [{path: r.yaml}, {source: {}}]
openapi: {path: o.json}
transformers:
- t.yaml
- |-
  apiVersion: example.org/v1
  kind: Exec
",
        )
        .expect("a kustomization");
        assert_eq!(read.resources, ["a.yaml", "../base", "https://x.example/y.yaml", "old"]);
        assert_eq!(read.patches, ["p.yaml", "s.yaml", "j.yaml"]);
        assert_eq!(read.generator_files, ["f.txt", "g.txt", "e.env", "s.env"]);
        assert_eq!(read.others, ["r.yaml", "o.json"]);
        assert_eq!(read.plugins, ["t.yaml"]);
        assert!(read.inline_plugins && !read.helm);
    }

    #[test]
    fn what_is_no_kustomization_is_refused() {
        for text in ["", "- a\n", "kind: Deployment\n", "a: [\n", "resources: []\nresources: []\n"] {
            assert_eq!(read(text), Err("E-SRC-024".to_owned()), "{text}");
        }
        assert_eq!(read("kind: Component\n").map(|k| k.kind), Ok(KustomizationKind::Component));
    }

    #[test]
    fn remote_references_are_told_from_paths() {
        for remote in [
            "https://github.com/a/b//c?ref=v1",
            "github.com/a/b",
            "git@example.org:a/b.git",
            "ssh://git@example.org/a",
            "example.org/a//b",
            "oci://x/y",
        ] {
            assert!(is_remote(remote), "{remote}");
        }
        for local in ["../base", "a.yaml", "./a//b", "a.b/c.yaml", "..//x"] {
            assert!(!is_remote(local), "{local}");
        }
    }
}
