//! Bindings and sources of the configuration: what may be edited where. Names must refer to something that the
//! same file defines.

use kubeopt_model::source::RendererKind;
use kubeopt_model::{Binding, ClusterName, ForgeName, Namespace, RepoPath, RepositoryId, SourceMapping};

use crate::config::document::{BindingSection, RendererWord, SourceSection};
use crate::config::scalars::{malformed, required};
use crate::config::types::{ClusterConfig, ForgeConfig};
use crate::text::fault::nearest;
use crate::text::reading::shown;
use crate::text::{At, Fault, Reading};

/// What names may refer to.
pub(crate) struct Known<'a> {
    pub(crate) clusters: &'a [ClusterConfig],
    pub(crate) forges: &'a [ForgeConfig],
}

/// One binding; none after a problem was told.
pub(crate) fn check_binding(
    section: At<BindingSection>,
    known: &Known<'_>,
    reading: &mut Reading<'_>,
) -> Option<Binding> {
    let At { value: binding, line } = section;
    let clusters = match binding.clusters {
        Some(at) => {
            names(at, "bindings[].clusters", reading, |at, reading| known_cluster(at, known, reading))
        }
        None => Some(Vec::new()),
    };
    // A permission for all namespaces is written down, not left out.
    let help = "name the namespaces, or write `[\"*\"]` for all";
    let namespaces = required(binding.namespaces, line, "bindings[].namespaces", help, reading);
    let namespaces = namespaces.and_then(|at| names(at, "bindings[].namespaces", reading, namespace));
    let repository =
        required(binding.repository, line, "bindings[].repository", "write `owner/name`", reading);
    let forge = binding_forge(binding.forge, line, known, reading);
    let repository = repository.zip(forge).and_then(|(at, forge)| repository_id(&at, forge, reading));
    let paths = match binding.paths {
        Some(at) if at.value.is_empty() => {
            let help = "name the paths, or remove `paths` for all".to_owned();
            reading.refuse(at.line, Fault::Missing { path: "bindings[].paths".to_owned(), help });
            None
        }
        Some(at) => Some(at.value.iter().map(|pattern| pattern.value.as_str().to_owned()).collect()),
        None => Some(Vec::new()),
    };
    Some(Binding { clusters: clusters?, namespaces: namespaces?, repository: repository?, paths: paths? })
}

/// One source; none after a problem was told.
pub(crate) fn check_source(
    section: At<SourceSection>,
    known: &Known<'_>,
    bindings: &[Binding],
    reading: &mut Reading<'_>,
) -> Option<SourceMapping> {
    let At { value: source, line } = section;
    let cluster = required(source.cluster, line, "sources[].cluster", "name the cluster", reading);
    let cluster = cluster.and_then(|at| known_cluster(&at, known, reading));
    let namespaces = match source.namespaces {
        Some(at) => names(at, "sources[].namespaces", reading, namespace),
        None => Some(Vec::new()),
    };
    let repository = required(source.repository, line, "sources[].repository", "write `owner/name`", reading);
    let bound = repository.as_ref().and_then(|at| {
        let named = bindings.iter().map(|binding| &binding.repository);
        named
            .into_iter()
            .find(|repository| repository.to_string() == at.value)
            .map(|found| found.forge.clone())
    });
    let forge = match (source.forge, bound) {
        (None, Some(forge)) => Some(forge),
        (forge, _) => binding_forge(forge, line, known, reading),
    };
    let repository = repository.zip(forge).and_then(|(at, forge)| repository_id(&at, forge, reading));
    let path = required(source.path, line, "sources[].path", "name the folder of the entry point", reading);
    let path = path.and_then(|at| match RepoPath::new(&at.value) {
        Ok(path) => Some(path),
        Err(_) => malformed(&at, "sources[].path", "a path within the repository such as `deploy/`", reading),
    });
    let renderer = match source.renderer {
        None => RendererKind::Plain,
        Some(at) => match at.value {
            RendererWord::Plain => RendererKind::Plain,
            RendererWord::Kustomize => RendererKind::Kustomize,
            RendererWord::Helm => return not_yet(at.line, "the renderer `helm`", reading),
        },
    };
    Some(SourceMapping {
        cluster: cluster?,
        namespaces: namespaces?,
        repository: repository?,
        branch: source.branch.map(|at| at.value),
        path: path?,
        renderer,
    })
}

fn not_yet<T>(line: usize, what: &str, reading: &mut Reading<'_>) -> Option<T> {
    let help = "use a renderer that this version has: `plain` or `kustomize`";
    reading.refuse(line, Fault::NotInThisVersion { what: what.to_owned(), help: help.to_owned() });
    None
}

/// A list of names in which a single `*` means all and becomes empty. An empty list means nothing and is refused: read
/// as "all" it would permit what nobody wrote.
fn names<T>(
    list: At<Vec<At<String>>>,
    path: &str,
    reading: &mut Reading<'_>,
    mut read: impl FnMut(&At<String>, &mut Reading<'_>) -> Option<T>,
) -> Option<Vec<T>> {
    match list.value.as_slice() {
        [] => {
            let help = "name them, or write `[\"*\"]` for all".to_owned();
            reading.refuse(list.line, Fault::Missing { path: path.to_owned(), help });
            None
        }
        [one] if one.value == "*" => Some(Vec::new()),
        several => {
            let read: Vec<Option<T>> = several.iter().map(|at| read(at, reading)).collect();
            read.into_iter().collect()
        }
    }
}

fn namespace(at: &At<String>, reading: &mut Reading<'_>) -> Option<Namespace> {
    match Namespace::new(at.value.clone()) {
        Ok(namespace) => Some(namespace),
        Err(error) => malformed(at, "namespaces[]", &format!("a name of {}", error.rule), reading),
    }
}

fn known_cluster(at: &At<String>, known: &Known<'_>, reading: &mut Reading<'_>) -> Option<ClusterName> {
    let names = known.clusters.iter().map(|cluster| cluster.name.as_str());
    match known.clusters.iter().find(|cluster| cluster.name.as_str() == at.value) {
        Some(cluster) => Some(cluster.name.clone()),
        None => unknown_reference("cluster", at, names, reading),
    }
}

fn binding_forge(
    forge: Option<At<String>>,
    line: usize,
    known: &Known<'_>,
    reading: &mut Reading<'_>,
) -> Option<ForgeName> {
    let names = known.forges.iter().map(|forge| forge.name.as_str());
    match (forge, known.forges) {
        (Some(at), forges) => match forges.iter().find(|forge| forge.name.as_str() == at.value) {
            Some(forge) => Some(forge.name.clone()),
            None => unknown_reference("forge", &at, names, reading),
        },
        (None, [only]) => Some(only.name.clone()),
        (None, _) => {
            let help = "name one of `forges`: `forge: NAME`".to_owned();
            reading.refuse(line, Fault::Missing { path: "forge".to_owned(), help });
            None
        }
    }
}

fn unknown_reference<'n, T>(
    what: &'static str,
    at: &At<String>,
    names: impl Iterator<Item = &'n str> + Clone,
    reading: &mut Reading<'_>,
) -> Option<T> {
    let help = match nearest(&at.value, names.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.clone().next().is_none() => format!("no {what} is defined; add it to this file"),
        None => format!("defined are: {}", names.collect::<Vec<_>>().join(", ")),
    };
    reading.refuse(at.line, Fault::UnknownReference { what, name: shown(&at.value), help });
    None
}

/// `owner/name`; the owner may be a path of groups.
fn repository_id(at: &At<String>, forge: ForgeName, reading: &mut Reading<'_>) -> Option<RepositoryId> {
    let part = |text: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        !text.is_empty() && text.bytes().all(plain) && text != "." && text != ".."
    };
    match at.value.rsplit_once('/') {
        Some((owner, name)) if owner.split('/').all(part) && part(name) => {
            Some(RepositoryId { forge, owner: owner.to_owned(), name: name.to_owned() })
        }
        Some(_) | None => malformed(at, "repository", "`owner/name`", reading),
    }
}
