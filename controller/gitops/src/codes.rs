//! All codes of this crate, each with one sentence; docs/errors.md is made from such lists.

/// Code and meaning.
pub const CODES: &[(&str, &str)] = &[
    (SOURCE_UNKNOWN, "nothing tells which repository the workload comes from"),
    (SOURCE_PINNED, "the source follows a tag, commit or version range, which no pull request can change"),
    (SOURCE_HELM, "the Flux HelmRelease that applied the workload was not seen"),
    (KUSTOMIZATION_MISSING, "the Flux Kustomization that the workload's labels name was not seen"),
    (GIT_REPOSITORY_MISSING, "the Flux GitRepository that the Kustomization names was not seen"),
    (SOURCE_KIND, "the Flux Kustomization takes its files from a kind of source that is not followed"),
    (REPOSITORY_UNKNOWN, "the URL of the Git repository belongs to no configured forge"),
    (SOURCE_PATH, "the path of the source is not a path within its repository"),
    (NOT_BOUND, "no binding allows edits of this repository for this namespace"),
    (PATH_NOT_ALLOWED, "the file is outside the paths that the bindings allow"),
    (APPLICATION_MISSING, "the Argo CD Application that applied the workload was not seen"),
    (OBJECT_NOT_IN_GIT, "the object that describes the workload is applied by nobody who takes it from Git"),
    (SOURCE_PLUGIN, "a plugin or jsonnet makes the manifests, which kubeopt does not run"),
    (
        SOURCE_GENERATED,
        "an ApplicationSet makes the Application, and nothing tells where the set is written in Git",
    ),
    (MADE_BY_OBJECT, "another object's controller made the workload"),
    (ANNOTATION, "the annotation kubeopt.dev/source cannot be read, or names what it may not"),
    (RELEASE, "an object that describes a Helm release cannot be read"),
    (ARTIFACT, "an artifact does not tell from which Git repository and folder it was made"),
    (APPLICATION, "an Argo CD Application names no source that can be read"),
    (UNEXPANDED, "a generator or a placeholder of an ApplicationSet is not expanded"),
    (REPOSITORY_NOT_FOUND, "the repository does not exist, or its credentials may not see it"),
    (BRANCH_NOT_FOUND, "the branch does not exist in the repository"),
    (REPOSITORY_EMPTY, "the repository has no commit"),
    (UNAUTHORIZED, "the Git server refused the credentials"),
    (UNREACHABLE, "the Git server did not answer, or not in time, or with a server error"),
    (PROTOCOL, "the Git server's answer is not understood"),
    (REPOSITORY_TOO_LARGE, "the repository exceeds a limit on entries or bytes"),
    (STORE, "the cache of repositories could not be read or written"),
    (OBJECT, "an object of the repository is missing or damaged"),
    (OVER_QUOTA, "the repository takes more bytes than the cache keeps of one, or than one transfer brings"),
    (HOST_KEY_UNKNOWN, "the ssh server's host key is not pinned: no list names the host"),
    (HOST_KEY_CHANGED, "the ssh server's host key is not the pinned one, or was taken back"),
    (KNOWN_HOSTS, "a list of pinned host keys cannot be read"),
    (SSH_KEY, "the private key for ssh cannot be used"),
    (SSH, "the ssh server does not do what the protocol says"),
    (RENDERER_MISSING, "no kustomize or helm binary was found"),
    (REMOTE_REFERENCE, "a kustomization refers to something outside its repository"),
    (REFERENCE_MISSING, "a kustomization refers to a file or folder that is not in the repository"),
    (RENDER_FAILED, "kustomize or helm reported an error"),
    (RENDER_TIME, "rendering took longer than the limit"),
    (RENDER_OUTPUT, "the rendered output exceeds the limit"),
    (ENTRY_EMPTY, "the folder of the source does not exist or holds no YAML"),
    (CHILD, "the render process could not be started or gave no answer that is understood"),
    (RENDER_FILES, "the files could not be laid out for the renderer"),
    (NOT_YAML, "a file of a plain source is not YAML and was left out"),
    (OVERLAY, "the patches of the Flux Kustomization could not be read"),
    (KUSTOMIZATION_UNREADABLE, "a kustomization file could not be read"),
    (RENDER_MEMORY, "rendering needed more memory than the limit"),
    (CHART, "the folder holds no chart, or one that cannot be read"),
    (DEPENDENCIES, "a chart depends on charts that are not at hand"),
    (SCHEMA, "the values do not meet the chart's schema"),
    (HELM_ARGUMENTS, "the name, a parameter or a version of a release is none that helm can be given"),
    (SANDBOX, "the kernel does not offer the sandbox in which renderers run"),
    (ARCHIVE, "the archive of a chart is damaged, hostile or too large"),
    (CHART_VERSION, "no published version of the chart matches"),
    (CHART_DIGEST, "what a repository of charts sent differs from the digest that it published"),
    (CHART_FETCH, "a repository of charts could not be reached, or its answer is not understood"),
    (CHART_STORE, "the cache of charts could not be read or written"),
];

pub(crate) const SOURCE_UNKNOWN: &str = "E-SRC-101";
pub(crate) const SOURCE_PINNED: &str = "E-SRC-102";
pub(crate) const SOURCE_HELM: &str = "E-SRC-103";
pub(crate) const KUSTOMIZATION_MISSING: &str = "E-SRC-104";
pub(crate) const GIT_REPOSITORY_MISSING: &str = "E-SRC-105";
pub(crate) const SOURCE_KIND: &str = "E-SRC-106";
pub(crate) const REPOSITORY_UNKNOWN: &str = "E-SRC-107";
pub(crate) const SOURCE_PATH: &str = "E-SRC-108";
pub(crate) const NOT_BOUND: &str = "E-SRC-109";
pub(crate) const PATH_NOT_ALLOWED: &str = "E-SRC-110";
pub(crate) const APPLICATION_MISSING: &str = "E-SRC-111";
pub(crate) const OBJECT_NOT_IN_GIT: &str = "E-SRC-112";
pub(crate) const SOURCE_PLUGIN: &str = "E-SRC-113";
pub(crate) const SOURCE_GENERATED: &str = "E-SRC-114";
pub(crate) const MADE_BY_OBJECT: &str = "E-SRC-115";
pub(crate) const ANNOTATION: &str = "E-SRC-116";
pub(crate) const RELEASE: &str = "E-SRC-117";
pub(crate) const ARTIFACT: &str = "E-SRC-118";
pub(crate) const APPLICATION: &str = "E-SRC-119";

pub(crate) const REPOSITORY_NOT_FOUND: &str = "E-SRC-120";
pub(crate) const BRANCH_NOT_FOUND: &str = "E-SRC-121";
pub(crate) const REPOSITORY_EMPTY: &str = "E-SRC-122";
pub(crate) const UNAUTHORIZED: &str = "E-SRC-123";
pub(crate) const UNREACHABLE: &str = "E-SRC-124";
pub(crate) const PROTOCOL: &str = "E-SRC-125";
pub(crate) const REPOSITORY_TOO_LARGE: &str = "E-SRC-126";
pub(crate) const STORE: &str = "E-SRC-127";
pub(crate) const OBJECT: &str = "E-SRC-128";
pub(crate) const OVER_QUOTA: &str = "E-SRC-129";
pub(crate) const UNEXPANDED: &str = "E-SRC-130";
pub(crate) const HOST_KEY_UNKNOWN: &str = "E-SRC-131";
pub(crate) const HOST_KEY_CHANGED: &str = "E-SRC-132";
pub(crate) const KNOWN_HOSTS: &str = "E-SRC-133";
pub(crate) const SSH_KEY: &str = "E-SRC-134";
pub(crate) const SSH: &str = "E-SRC-135";

/// No renderer is at hand.
pub const RENDERER_MISSING: &str = "E-REN-001";
pub(crate) const REMOTE_REFERENCE: &str = "E-REN-002";
pub(crate) const REFERENCE_MISSING: &str = "E-REN-003";
pub(crate) const RENDER_FAILED: &str = "E-REN-004";
pub(crate) const RENDER_TIME: &str = "E-REN-005";
pub(crate) const RENDER_OUTPUT: &str = "E-REN-006";
pub(crate) const ENTRY_EMPTY: &str = "E-REN-007";
pub(crate) const CHILD: &str = "E-REN-008";
pub(crate) const RENDER_FILES: &str = "E-REN-009";
pub(crate) const NOT_YAML: &str = "E-REN-010";
pub(crate) const OVERLAY: &str = "E-REN-011";
pub(crate) const KUSTOMIZATION_UNREADABLE: &str = "E-REN-012";
pub(crate) const RENDER_MEMORY: &str = "E-REN-013";
pub(crate) const CHART: &str = "E-REN-014";
pub(crate) const DEPENDENCIES: &str = "E-REN-015";
pub(crate) const SCHEMA: &str = "E-REN-016";
pub(crate) const HELM_ARGUMENTS: &str = "E-REN-017";
pub(crate) const SANDBOX: &str = "E-REN-018";
pub(crate) const ARCHIVE: &str = "E-REN-020";
pub(crate) const CHART_VERSION: &str = "E-REN-021";
pub(crate) const CHART_DIGEST: &str = "E-REN-022";
pub(crate) const CHART_FETCH: &str = "E-REN-023";
pub(crate) const CHART_STORE: &str = "E-REN-024";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_code_is_listed_twice() {
        let distinct: BTreeSet<&str> = CODES.iter().map(|(code, _)| *code).collect();
        assert_eq!(distinct.len(), CODES.len());
    }
}
