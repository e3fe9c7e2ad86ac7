//! From Argo CD's Applications to repository, branch and folder. Pure.
//!
//! The sources that count are those of a hydrator's dry side, else `sources`, else `source`. What renders one is what it
//! says itself, else what Argo CD found (`status.sourceType`), else what its folder shows
//! ([`crate::entry::settle_renderer`]).

use kubeopt_model::cluster::{GitOpsKind, GitOpsObject};
use kubeopt_model::release::{ChartRef, FileBase, Origin, ReleaseKind, ReleaseObject, ValuesLayer};
use kubeopt_model::source::{FilesBelow, KnownFrom, RendererKind, Source};
use kubeopt_model::workload::AppliedBy;
use kubeopt_model::{ClusterFacts, Namespace, ObjectName, Problem, Release, RepoPath, RepositoryId};
use serde_json::Value;

use crate::known::{Known, Sources};
use crate::release::{
    Described, effective_sources, has_glob, is_artifact, is_published, overrides, release_of_source, text,
};
use crate::revision::branch_of;
use crate::unresolved::{pinned, unknown_url};
use crate::{argo_overlay, codes, flux};

/// Where the objects of an Application come from: the source that wins first.
pub(crate) fn application(
    known: Known<'_>,
    namespace: &Namespace,
    name: &ObjectName,
) -> Result<Sources, Problem> {
    let found = known.facts.gitops_object(GitOpsKind::Application, namespace.as_str(), name.as_str());
    let application = Application::of(known, found.ok_or_else(|| not_seen(namespace, name))?);
    let written = application.sources();
    if written.is_empty() {
        return Err(application.unreadable("it names no source"));
    }
    let (mut candidates, mut problems) = (Vec::new(), Vec::new());
    // The last source wins.
    for written in written.iter().rev() {
        match application.source(written) {
            Ok(source) => candidates.push(source),
            Err(problem) => problems.push(problem),
        }
    }
    if candidates.is_empty() {
        let first = problems.into_iter().next();
        return Err(first.unwrap_or_else(|| application.unreadable("its sources only hold files of values")));
    }
    let left_out = |problem: Problem| {
        format!("Argo CD Application {namespace}/{name}: a source is left out: {}", problem.text)
    };
    let mut notes: Vec<String> = problems.into_iter().map(left_out).collect();
    notes.extend(application.notes());
    Ok(Sources { candidates, described_in: application.described_in(), notes })
}

/// The source as Argo CD renders it: with what files in its folder override without the Application saying so. The same
/// source where there are none, and for sources that no Application explains. `bytes` gives the files of the source's
/// repository.
///
/// # Errors
/// `E-SRC-119` where such a file cannot be read, or leads to a source that is not followed.
pub fn with_overrides(
    source: &Source,
    facts: &[ClusterFacts],
    locate: &dyn Fn(&str) -> Option<RepositoryId>,
    bytes: &dyn Fn(&RepoPath) -> Option<Vec<u8>>,
) -> Result<Source, Problem> {
    let KnownFrom::Applied(AppliedBy::ArgoApplication { namespace, name }) = &source.known_from else {
        return Ok(source.clone());
    };
    let files = overrides::files(&source.entry, Some(namespace.as_str()), name.as_str());
    let Some(file) = files.iter().find(|file| bytes(file).is_some()) else { return Ok(source.clone()) };
    let seen = facts.iter().filter(|facts| facts.cluster == source.cluster).find_map(|facts| {
        let found = facts.gitops_object(GitOpsKind::Application, namespace.as_str(), name.as_str())?;
        Some((facts, found))
    });
    let Some((facts, object)) = seen else {
        return Err(not_seen(namespace, name).at(file.as_str(), None));
    };
    let known = Known { facts, bindings: &[], mappings: &[], locate };
    let application = Application::of(known, object);
    for written in application.sources() {
        let is_it = application.place(written.source).is_ok_and(|(repository, branch, entry)| {
            (&repository, &branch, &entry) == (&source.repository, &source.branch, &source.entry)
        });
        if !is_it || is_published(written.source) {
            continue;
        }
        let merged = overrides::merged(written.source, &files, bytes)
            .map_err(|why| application.unreadable(&why).at(file.as_str(), None))?;
        return application.source(&Written { source: &merged, found: written.found });
    }
    // The folder is that of the Application which holds this one.
    let text =
        format!("Argo CD renders this folder with what {file} overrides, which kubeopt does not follow here");
    let help = "move what it says into the Application, then remove the file";
    Err(Problem::new(codes::APPLICATION, text, help).at(file.as_str(), None))
}

struct Application<'a> {
    known: Known<'a>,
    object: &'a GitOpsObject,
    /// The ApplicationSet that made it.
    set: Option<&'a str>,
}

/// One source, with what Argo CD found it to be.
struct Written<'a> {
    source: &'a Value,
    found: Option<&'a str>,
}

/// What renders a source, as far as the Application tells.
enum Kind {
    Directory,
    Kustomize,
    Helm,
    Published,
    Plugin,
    /// The folder shows it.
    Open,
}

impl<'a> Application<'a> {
    fn of(known: Known<'a>, object: &'a GitOpsObject) -> Self {
        let set = object.owners.iter().find(|(kind, _)| kind == "ApplicationSet");
        Self { known, object, set: set.map(|(_, name)| name.as_str()) }
    }

    fn shown(&self) -> String {
        format!("Argo CD Application {}/{}", self.object.namespace, self.object.name)
    }

    fn applied_by(&self) -> AppliedBy {
        AppliedBy::ArgoApplication {
            namespace: self.object.namespace.clone(),
            name: self.object.name.clone(),
        }
    }

    fn is_hydrated(&self) -> bool {
        self.object.spec.get("sourceHydrator").is_some_and(Value::is_object)
    }

    /// The sources in their order, without those that only lend files of values.
    fn sources(&self) -> Vec<Written<'a>> {
        let status = &self.object.status;
        // Of a hydrated Application the status tells what the rendered side is: always a directory.
        let hydrated = self.is_hydrated();
        let written = effective_sources(&self.object.spec).into_iter().enumerate().map(|(at, source)| {
            let of_several =
                status.get("sourceTypes").and_then(|types| types.get(at)).and_then(Value::as_str);
            let found = of_several.or_else(|| text(status, "sourceType")).filter(|_| !hydrated);
            Written { source, found }
        });
        let lends = |source: &Value| {
            text(source, "ref").is_some() && text(source, "path").is_none() && text(source, "chart").is_none()
        };
        written.filter(|written| !lends(written.source)).collect()
    }

    fn source(&self, written: &Written<'_>) -> Result<Source, Problem> {
        let source = written.source;
        let kind = kind(written);
        if matches!(kind, Kind::Plugin) {
            return Err(self.refused("a config management plugin", "plugin"));
        }
        if matches!(kind, Kind::Published) {
            return self.published(source);
        }
        if is_artifact(source) {
            return Err(self.artifact());
        }
        let place = self.place(source)?;
        let mut made = self.blank(place, RendererKind::Plain);
        match kind {
            Kind::Kustomize => {
                made.renderer = RendererKind::Kustomize;
                let kustomize = source.get("kustomize").unwrap_or(&Value::Null);
                made.overlay = argo_overlay::fragment(kustomize).map_err(|why| self.unreadable(&why))?;
                let over = text(kustomize, "namespace").map(Namespace::new).transpose();
                made.target_namespace = over.map_err(|error| self.unreadable(&error.to_string()))?;
            }
            Kind::Helm => {
                made.renderer = RendererKind::Helm;
                made.release = Some(self.release(source, &made)?);
            }
            Kind::Directory => made.files = self.directory(source)?,
            Kind::Open => {
                made.files = self.directory(source)?;
                made.release = Some(self.release(source, &made)?);
            }
            // Answered above.
            Kind::Plugin | Kind::Published => {}
        }
        Ok(made)
    }

    fn directory(&self, source: &Value) -> Result<FilesBelow, Problem> {
        let directory = source.get("directory").unwrap_or(&Value::Null);
        let jsonnet = directory.get("jsonnet").and_then(Value::as_object);
        if jsonnet.is_some_and(|jsonnet| !jsonnet.is_empty()) {
            return Err(self.refused("jsonnet", "directory.jsonnet"));
        }
        Ok(FilesBelow::Directory {
            recurse: directory.get("recurse").and_then(Value::as_bool).unwrap_or(false),
            include: text(directory, "include").unwrap_or_default().to_owned(),
            exclude: text(directory, "exclude").unwrap_or_default().to_owned(),
        })
    }

    /// Repository, branch and folder of a source.
    fn place(&self, source: &Value) -> Result<(RepositoryId, Option<String>, RepoPath), Problem> {
        let what = format!("the source of {}", self.shown());
        let url = text(source, "repoURL").ok_or_else(|| self.unreadable("a source has no `repoURL`"))?;
        let branch =
            branch_of(text(source, "targetRevision").unwrap_or_default()).map_err(|to| pinned(&what, &to))?;
        let repository = (self.known.locate)(url).ok_or_else(|| unknown_url(&what, url))?;
        let path = text(source, "path").unwrap_or_default();
        let path = RepoPath::new(path.trim_start_matches('/')).map_err(|error| {
            let help = "write `path` as a path from the root of the repository, without `..`";
            Problem::new(codes::SOURCE_PATH, format!("{}: {error}", self.shown()), help)
        })?;
        Ok((repository, branch, path))
    }

    fn blank(&self, place: (RepositoryId, Option<String>, RepoPath), renderer: RendererKind) -> Source {
        let (repository, branch, entry) = place;
        Source {
            cluster: self.known.facts.cluster.clone(),
            repository,
            branch,
            entry,
            renderer,
            target_namespace: None,
            overlay: None,
            release: None,
            files: FilesBelow::All,
            known_from: KnownFrom::Applied(self.applied_by()),
        }
    }

    /// The release of a Helm source. What is in the source's own repository is told as being there.
    fn release(&self, source: &Value, of: &Source) -> Result<Release, Problem> {
        // What an ApplicationSet makes is not where values are written.
        let object = self.set.is_none().then(|| ReleaseObject {
            kind: ReleaseKind::Application,
            namespace: Some(self.object.namespace.clone()),
            name: self.object.name.clone(),
        });
        let described = Described {
            namespace: Some(self.object.namespace.as_str()),
            name: self.object.name.as_str(),
            spec: &self.object.spec,
        };
        let mut release =
            release_of_source(&described, object, source).map_err(|why| self.unreadable(&why))?;
        if let ChartRef::Folder { origin, .. } = &mut release.chart {
            self.settle(origin, of);
        }
        for layer in &mut release.values {
            if let ValuesLayer::File { base: FileBase::Root(origin), .. } = layer {
                self.settle(origin, of);
            }
        }
        Ok(release)
    }

    fn settle(&self, origin: &mut Origin, of: &Source) {
        let same = |url: &str| {
            (self.known.locate)(url).as_ref() == Some(&of.repository)
                && self.lent_branch(url).is_none_or(|branch| branch == of.branch)
        };
        if matches!(origin, Origin::Url(url) if same(url)) {
            *origin = Origin::Here;
        }
    }

    /// The branch that a source of this URL follows where it only lends files of values; none where none does.
    fn lent_branch(&self, url: &str) -> Option<Option<String>> {
        let sources = effective_sources(&self.object.spec);
        let lent = sources
            .iter()
            .find(|source| text(source, "ref").is_some() && text(source, "repoURL") == Some(url))?;
        branch_of(text(lent, "targetRevision").unwrap_or_default()).ok()
    }

    /// A published chart has no files in Git: what can be edited are files of values that another source lends, else
    /// the Application itself.
    fn published(&self, source: &Value) -> Result<Source, Problem> {
        if let Some((lent, path)) = self.lent_file(source) {
            let (repository, branch, root) = self.place(lent)?;
            let entry = path.parent().filter(|_| !has_glob(path.as_str())).unwrap_or(root);
            let mut made = self.blank((repository, branch, entry), RendererKind::Helm);
            made.release = Some(self.release(source, &made)?);
            return Ok(made);
        }
        match (self.written_in()?, self.set) {
            (Some(mut source), _) => {
                source.known_from = KnownFrom::Applied(self.applied_by());
                Ok(source)
            }
            (None, Some(set)) => Err(Problem::new(
                codes::SOURCE_GENERATED,
                format!(
                    "{} is made by ApplicationSet {set}, which holds the values of its chart, and nothing tells where that is written in Git",
                    self.shown()
                ),
                format!(
                    "let an Application or a Flux Kustomization apply ApplicationSet {set} from Git, or move the values to a file in Git that `valueFiles` names with `$ref`"
                ),
            )),
            (None, None) => Err(Problem::new(
                codes::OBJECT_NOT_IN_GIT,
                format!(
                    "{} holds the values of its chart, and nothing tells where it is written in Git",
                    self.shown()
                ),
                "let an Application or a Flux Kustomization apply it from Git, or move the values to a file in Git that `valueFiles` names with `$ref`",
            )),
        }
    }

    /// The last file of values that another source lends: that source, and the file's path.
    fn lent_file(&self, source: &Value) -> Option<(&'a Value, RepoPath)> {
        let sources = effective_sources(&self.object.spec);
        let files = source.pointer("/helm/valueFiles").and_then(Value::as_array)?;
        files.iter().rev().filter_map(Value::as_str).find_map(|file| {
            let (name, path) = file.strip_prefix('$')?.split_once('/')?;
            let lent = sources.iter().find(|source| text(source, "ref") == Some(name))?;
            Some((*lent, RepoPath::new(path).ok()?))
        })
    }

    /// Where the Application itself is written, for the layers of values that it holds.
    fn described_in(&self) -> Option<Source> {
        self.written_in().ok().flatten()
    }

    /// The source that holds the Application's manifest, or that of the ApplicationSet which made it. An Application that
    /// applies itself is written in its own.
    fn written_in(&self) -> Result<Option<Source>, Problem> {
        let set = self.set.map(|set| {
            let facts = self.known.facts;
            facts.gitops_object(GitOpsKind::ApplicationSet, self.object.namespace.as_str(), set)
        });
        // A child is never edited: the set would make it anew.
        let applied_by = match set {
            Some(set) => set.and_then(|set| set.applied_by.as_ref()),
            None => self.object.applied_by.as_ref(),
        };
        match applied_by {
            Some(AppliedBy::FluxKustomization { namespace, name }) => {
                let sources = flux::kustomization(self.known, namespace, name)?;
                Ok(sources.candidates.into_iter().next())
            }
            Some(AppliedBy::ArgoApplication { namespace, name }) => {
                let parent = self.known.facts.gitops_object(
                    GitOpsKind::Application,
                    namespace.as_str(),
                    name.as_str(),
                );
                // A chart's templates may hold Applications; one that is published has no file to edit.
                let Some(parent) = parent.map(|parent| Application::of(self.known, parent)) else {
                    return Ok(None);
                };
                let written = parent.sources();
                let in_git = written.iter().rev().find(|written| !matches!(kind(written), Kind::Published));
                in_git.map(|written| parent.source(written)).transpose()
            }
            Some(AppliedBy::FluxHelmRelease { .. } | AppliedBy::Object { .. }) | None => Ok(None),
        }
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(set) = self.set {
            notes.push(format!(
                "{} is made by ApplicationSet {set}; what the Application itself holds is edited in the set's template or generator",
                self.shown()
            ));
        }
        if self.is_hydrated() {
            notes.push(format!(
                "{} is rendered by a source hydrator; its dry source is edited, never the rendered branch",
                self.shown()
            ));
        }
        notes
    }

    fn artifact(&self) -> Problem {
        Problem::new(
            codes::ARTIFACT,
            format!(
                "{} takes manifests from a registry, which does not tell where they are written in Git",
                self.shown()
            ),
            "tell where they are written: add the namespace to `sources` of the controller's configuration, or set `kubeopt.dev/source` on the workload",
        )
    }

    fn refused(&self, what: &str, field: &str) -> Problem {
        Problem::new(
            codes::SOURCE_PLUGIN,
            format!(
                "{} renders its source with {what} (`{field}`), which kubeopt does not run",
                self.shown()
            ),
            "tell where the numbers are written in Git: add the namespace to `sources` of the controller's configuration, or set `kubeopt.dev/source` on the workload",
        )
    }

    fn unreadable(&self, why: &str) -> Problem {
        Problem::new(
            codes::APPLICATION,
            format!("the source of {} cannot be read: {why}", self.shown()),
            "correct the Application in its source; `argocd app get` shows what Argo CD makes of it",
        )
    }
}

/// What a source says itself comes before what Argo CD found.
fn kind(written: &Written<'_>) -> Kind {
    let says = |key: &str| written.source.get(key).is_some_and(Value::is_object);
    let manifests = is_artifact(written.source) && matches!(written.found, Some("Directory" | "Kustomize"));
    if is_published(written.source) && !manifests {
        return Kind::Published;
    }
    match written.found {
        _ if says("plugin") => Kind::Plugin,
        _ if says("helm") => Kind::Helm,
        _ if says("kustomize") => Kind::Kustomize,
        _ if says("directory") => Kind::Directory,
        Some("Helm") => Kind::Helm,
        Some("Kustomize") => Kind::Kustomize,
        Some("Directory") => Kind::Directory,
        Some("Plugin") => Kind::Plugin,
        Some(_) | None => Kind::Open,
    }
}

fn not_seen(namespace: &Namespace, name: &ObjectName) -> Problem {
    Problem::new(
        codes::APPLICATION_MISSING,
        format!("applied by Argo CD Application {namespace}/{name}, which was not seen"),
        "check that kubeopt may list applications.argoproj.io in all namespaces; if the Application lives in another cluster, add the namespace to `sources` of the controller's configuration",
    )
}

#[cfg(test)]
#[path = "argo_tests.rs"]
mod tests;
