//! The parts of GitHub's objects that mean something here.

use serde_json::{Value, json};

use super::{Comment, Issue, Pull, Repository, Review, id_of};

pub(super) fn time(unix_s: i64) -> String {
    jiff::Timestamp::from_second(unix_s).unwrap().to_string()
}

pub(super) fn user(login: &str) -> Value {
    let kind = if login.ends_with("[bot]") { "Bot" } else { "User" };
    json!({"login": login, "id": id_of(login), "type": kind})
}

pub(super) fn repository(at: &Repository, who: &str) -> Value {
    let may = at.people.get(&who.to_ascii_lowercase()).copied().unwrap_or("read");
    let push = matches!(may, "write" | "admin");
    json!({
        "id": at.id, "name": at.name, "full_name": format!("{}/{}", at.owner, at.name), "owner": user(&at.owner),
        "default_branch": "main", "archived": false, "private": true, "fork": false, "has_issues": at.has_issues,
        "permissions": {"admin": may == "admin", "push": push, "pull": true},
    })
}

pub(super) fn reference(branch: &str, oid: &str) -> Value {
    json!({"ref": format!("refs/heads/{branch}"), "object": {"type": "commit", "sha": oid}})
}

/// A commit as Git has it.
pub(super) fn git_commit(at: &Repository, oid: &str) -> Option<Value> {
    let commit = at.git.find(oid)?;
    let who = |who: git2::Signature<'_>| json!({"name": who.name().unwrap(), "email": who.email().unwrap(), "date": time(who.when().seconds())});
    let is_signed = at.signed.contains(oid);
    let reason = if is_signed { "valid" } else { "unsigned" };
    Some(json!({
        "sha": oid, "message": commit.message().unwrap(), "tree": {"sha": commit.tree_id().to_string()},
        "parents": commit.parent_ids().map(|oid| json!({"sha": oid.to_string()})).collect::<Vec<_>>(),
        "author": who(commit.author()), "committer": who(commit.committer()),
        "verification": {"verified": is_signed, "reason": reason, "signature": null, "payload": null, "verified_at": null},
    }))
}

/// A commit with what it changed.
pub(super) fn commit(at: &Repository, oid: &str) -> Option<Value> {
    let inner = git_commit(at, oid)?;
    let files: Vec<Value> = at
        .git
        .changed(oid)
        .into_iter()
        .map(|file| json!({"filename": file.path, "status": file.status, "sha": file.oid, "changes": 1}))
        .collect();
    Some(json!({
        "sha": oid, "parents": inner["parents"], "files": files,
        "commit": {"message": inner["message"], "author": inner["author"], "committer": inner["committer"],
            "tree": inner["tree"], "verification": inner["verification"]},
    }))
}

/// A pull request; of those in a list less is told.
pub(super) fn pull(at: &Repository, number: u64, pull: &Pull, is_whole: bool) -> Value {
    let branch = |name: &str, oid: &str, from: u64| {
        let repository = json!({"id": from, "name": at.name, "full_name": format!("{}/{}", at.owner, at.name), "owner": user(&at.owner)});
        json!({"ref": name, "sha": oid, "label": format!("{}:{name}", at.owner), "user": user(&at.owner), "repo": repository})
    };
    let people =
        |names: &std::collections::BTreeSet<String>| names.iter().map(|name| user(name)).collect::<Vec<_>>();
    let base_oid = at.git.head(&pull.base).unwrap_or_default();
    let mut found = json!({
        "number": number, "id": at.id * 1000 + number, "node_id": format!("PR_{}_{number}", at.id), "title": pull.title,
        "body": pull.body, "state": if pull.is_open { "open" } else { "closed" }, "draft": pull.is_draft,
        "user": user(&pull.author), "created_at": time(pull.created), "updated_at": time(pull.updated),
        "merged_at": pull.merged.as_ref().map(|(_, at)| time(*at)),
        // Of an open one GitHub tells a trial merge.
        "merge_commit_sha": pull.merged.as_ref().map_or("0123456789012345678901234567890123456789", |(oid, _)| oid.as_str()),
        "labels": pull.labels.iter().map(|name| json!({"name": name})).collect::<Vec<_>>(),
        "assignees": people(&pull.assignees), "requested_reviewers": people(&pull.reviewers),
        "requested_teams": pull.teams.iter().map(|slug| json!({"slug": slug, "name": slug})).collect::<Vec<_>>(),
        "head": branch(&pull.head, &pull.head_oid, pull.from), "base": branch(&pull.base, &base_oid, at.id),
        "html_url": "https://elsewhere.invalid/",
    });
    if is_whole {
        found["merged"] = json!(pull.merged.is_some());
    }
    found
}

pub(super) fn comment(at: &Repository, id: u64, comment: &Comment) -> Value {
    let place = format!("{}/{}", at.owner, at.name);
    json!({
        "id": id, "user": user(&comment.author), "body": comment.body,
        "html_url": format!("https://elsewhere.invalid/{place}/pull/{}#issuecomment-{id}", comment.pull),
        "issue_url": format!("https://elsewhere.invalid/repos/{place}/issues/{}", comment.pull),
        "created_at": time(comment.created), "updated_at": time(comment.updated),
    })
}

pub(super) fn issue(at: &Repository, number: u64, issue: &Issue) -> Value {
    json!({
        "number": number, "id": at.id * 1000 + number, "title": issue.title, "body": issue.body,
        "state": if issue.is_open { "open" } else { "closed" }, "user": user(&issue.author), "labels": [],
        "created_at": time(1), "updated_at": time(issue.updated), "comments": 0, "locked": false,
    })
}

/// A pull request among the issues.
pub(super) fn issue_of_pull(at: &Repository, number: u64, pull: &Pull) -> Value {
    let url = format!("https://elsewhere.invalid/repos/{}/{}/pulls/{number}", at.owner, at.name);
    json!({
        "number": number, "id": at.id * 1000 + number, "title": pull.title, "body": pull.body,
        "state": if pull.is_open { "open" } else { "closed" }, "user": user(&pull.author), "labels": [],
        "created_at": time(pull.created), "updated_at": time(pull.updated), "comments": 0, "locked": false,
        "pull_request": {"url": url, "html_url": url, "diff_url": url, "patch_url": url},
    })
}

pub(super) fn review(review: &Review) -> Value {
    let mut found = json!({
        "id": review.id, "node_id": "PRR_1", "user": review.author.as_deref().map(user), "body": "looked at",
        "state": review.state, "commit_id": review.oid, "author_association": "COLLABORATOR",
    });
    if review.state != "PENDING" {
        found["submitted_at"] = json!(time(review.submitted));
    }
    found
}
