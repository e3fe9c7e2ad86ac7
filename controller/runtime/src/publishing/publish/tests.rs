//! What an open pull request is told of its proof.

use kubeopt_forge::{PullRequest, PullRequestState};
use kubeopt_model::pull_request::{Marker, PullRequestDraft};
use kubeopt_model::{ForgeName, RepositoryId};

use super::{new_pull_request, update};

fn draft(not_rendered: bool) -> PullRequestDraft {
    let marker = Marker {
        group: "all".into(),
        proposal: Marker::proposal_hash(&[], &[]),
        base: "main".into(),
        cluster: "demo".into(),
        fields: vec![],
        labels: vec![],
        not_rendered,
        requests: vec![],
        targets: vec![],
    };
    PullRequestDraft {
        repository: RepositoryId { forge: ForgeName::new("f").unwrap(), owner: "o".into(), name: "n".into() },
        base: "main".into(),
        base_oid: "0".repeat(40),
        branch: "kubeopt/all-1".into(),
        title: "t".into(),
        is_draft: not_rendered,
        body: marker.to_html_comment(),
        commit_message: "t".into(),
        files: vec![],
        opens_as_draft: false,
        commits: Default::default(),
        labels: vec![],
        marker,
    }
}

fn open(body: &str, is_draft: bool) -> PullRequest {
    PullRequest {
        number: 4,
        title: "t".into(),
        is_draft,
        body: body.into(),
        state: PullRequestState::Open,
        head_branch: "kubeopt/all-1".into(),
        head_oid: "1".repeat(40),
        base: "main".into(),
        merge_commit: None,
        author: "kubeopt".into(),
        labels: vec![],
        created_unix_s: 0,
        updated_unix_s: 0,
        url: String::new(),
    }
}

#[test]
fn what_was_not_rendered_is_opened_as_a_draft() {
    assert!(new_pull_request(&draft(true)).is_draft);
    assert!(!new_pull_request(&draft(false)).is_draft);
}

#[test]
fn a_draft_becomes_ready_with_its_proof_and_people_have_the_last_word_in_between() {
    let (unproven, proven, unmarked) = (draft(true).body, draft(false).body, "edited by hand");
    // What the open one says, whether it is a draft, what this pass found, and what is asked for.
    for (body, is_draft, not_rendered, wanted) in [
        (unproven.as_str(), true, false, Some(false)),
        (unproven.as_str(), true, true, None),
        // Somebody marked it as ready, or made a proven one a draft.
        (unproven.as_str(), false, true, None),
        (proven.as_str(), true, false, None),
        // The proof is lost.
        (proven.as_str(), false, true, Some(true)),
        (unmarked, false, false, None),
        (unmarked, false, true, Some(true)),
    ] {
        let asked = update(&draft(not_rendered), &open(body, is_draft));
        assert_eq!(asked.is_draft, wanted, "{body} {is_draft}, then {not_rendered}");
    }
}
