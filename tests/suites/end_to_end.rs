//! End to end, nothing mocked: a repository on Gitea, applied by Flux to an API server, pods on kwok's nodes, a fortnight
//! of their usage in Prometheus, and the kubeopt program under the chart's account: one pull request, merged, seen; and a
//! repository that is asked first, whose pull request is talked about, merged, found to do harm and taken back.

mod life;
mod shop;

use kubeopt_tests::flux::Flux;
use kubeopt_tests::gitea::Repository;
use kubeopt_tests::kubernetes::Kubernetes;
use kubeopt_tests::servers_enabled;

use crate::installation::{Applies, Platform};

/// The namespace of Flux's objects.
const FLUX: &str = "flux-system";

#[tokio::test]
async fn usage_becomes_one_pull_request_and_its_merge_is_seen_in_the_cluster() {
    if !servers_enabled() {
        return;
    }
    let platform = Platform::start().await;
    let repository = platform.repository(&shop::files()).await;
    let flux = deploy(&platform, &repository).await;
    platform.install(flux, repository, shop::scene()).await.tell().await;
}

#[tokio::test]
async fn a_pull_request_obeys_people_and_is_taken_back_when_its_merge_does_harm() {
    if !servers_enabled() {
        return;
    }
    let platform = Platform::start().await;
    let repository = platform.repository(&shop::files_of_a_stranger()).await;
    let reader = platform.gitea.user("reader").await;
    platform.gitea.collaborator(&repository, &reader, "read").await;
    let flux = deploy(&platform, &repository).await;
    platform.install(flux, repository, shop::talked_about()).await.live(&reader).await;
}

impl Applies for Flux {
    const MANAGER: &'static str = "kustomize-controller";

    async fn until_applied(&self, kubernetes: &Kubernetes, commit: &str) {
        for (name, _) in shop::ENTRIES {
            Self::until_applied(self, kubernetes, (FLUX, name), commit).await;
        }
    }
}

async fn deploy(platform: &Platform, repository: &Repository) -> Flux {
    let kubernetes = &platform.kubernetes;
    let flux = Flux::start(kubernetes).await;
    kubernetes.namespace(shop::NAMESPACE).await;
    flux.git_repository(kubernetes, (FLUX, "gitops"), &repository.clone_url, "main").await;
    for (name, path) in shop::ENTRIES {
        flux.kustomization(kubernetes, (FLUX, name), "gitops", path).await;
    }
    let head = platform.gitea.head(repository, "main").await;
    Applies::until_applied(&flux, kubernetes, &head).await;
    flux
}
