//! Where a HelmRelease of Flux is written. Pure.

use kubeopt_model::cluster::GitOpsKind;
use kubeopt_model::source::KnownFrom;
use kubeopt_model::workload::AppliedBy;
use kubeopt_model::{Namespace, ObjectName, Problem};

use crate::known::{Known, Sources};
use crate::{argo, codes, flux};

/// Where a HelmRelease is written: the source that holds its manifest. Its rendering holds the HelmRelease and not the
/// workload, which comes of the release that [`crate::releases`] reads there.
pub(crate) fn helm_release(
    known: Known<'_>,
    namespace: &Namespace,
    name: &ObjectName,
) -> Result<Sources, Problem> {
    let found = known.facts.gitops_object(GitOpsKind::HelmRelease, namespace.as_str(), name.as_str());
    let release = found.ok_or_else(|| {
        Problem::new(
            codes::SOURCE_HELM,
            format!("the labels name Flux HelmRelease {namespace}/{name}, which was not seen"),
            "check that it exists and that kubeopt may list helmreleases.helm.toolkit.fluxcd.io in all namespaces",
        )
    })?;
    let written = match &release.applied_by {
        Some(AppliedBy::FluxKustomization { namespace, name }) => flux::kustomization(known, namespace, name),
        Some(AppliedBy::ArgoApplication { namespace, name }) => argo::application(known, namespace, name),
        Some(by @ (AppliedBy::FluxHelmRelease { .. } | AppliedBy::Object { .. })) => {
            Err(not_in_git(namespace, name, &format!("{by} made it")))
        }
        None => Err(not_in_git(namespace, name, "no label tells who applied it")),
    };
    let mut sources = written?;
    for source in &mut sources.candidates {
        source.known_from = KnownFrom::Applied(AppliedBy::FluxHelmRelease {
            namespace: namespace.clone(),
            name: name.clone(),
        });
    }
    Ok(sources)
}

fn not_in_git(namespace: &Namespace, name: &ObjectName, why: &str) -> Problem {
    Problem::new(
        codes::OBJECT_NOT_IN_GIT,
        format!(
            "applied by Flux HelmRelease {namespace}/{name}, and nothing tells where that is written in Git: {why}"
        ),
        "put the HelmRelease into a folder that a Flux Kustomization or an Argo CD Application applies; or change its `values` by hand, `kubeopt scan` shows the recommended numbers",
    )
}
