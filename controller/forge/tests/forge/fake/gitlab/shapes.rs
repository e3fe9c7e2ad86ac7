//! The parts of GitLab's objects that mean something here.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{ACCOUNT, Issue, Note, Project, Request};

pub(super) fn time(unix_s: i64) -> String {
    jiff::Timestamp::from_second(unix_s).unwrap().to_string()
}

/// A number for each account.
pub(crate) fn id_of(login: &str) -> u64 {
    login.bytes().fold(7, |id, byte| (id * 31 + u64::from(byte)) % 1_000_000_007)
}

pub(super) fn own_email() -> String {
    format!("{ACCOUNT}@noreply.gitlab.example")
}

pub(super) fn user(login: &str) -> Value {
    json!({"id": id_of(login), "username": login, "name": login, "state": "active"})
}

fn users(names: &BTreeSet<String>) -> Vec<Value> {
    names.iter().map(|name| user(name)).collect()
}

pub(super) fn project(at: &Project) -> Value {
    json!({
        "id": at.id, "path_with_namespace": at.path, "default_branch": "main", "archived": false,
        "visibility": at.visibility, "issues_enabled": at.has_issues,
        "issues_access_level": if at.has_issues { "enabled" } else { "disabled" },
        "permissions": {"project_access": {"access_level": at.members[ACCOUNT]}, "group_access": null},
    })
}

pub(super) fn commit(at: &Project, oid: &str) -> Option<Value> {
    let commit = at.git.find(oid)?;
    let (author, committer) = (commit.author(), commit.committer());
    Some(json!({
        "id": oid, "short_id": oid[..8], "message": commit.message().unwrap(), "title": commit.summary().unwrap(),
        "parent_ids": commit.parent_ids().map(|oid| oid.to_string()).collect::<Vec<_>>(),
        "author_name": author.name().unwrap(), "author_email": author.email().unwrap(),
        "authored_date": time(author.when().seconds()),
        "committer_name": committer.name().unwrap(), "committer_email": committer.email().unwrap(),
        "committed_date": time(committer.when().seconds()), "web_url": "https://elsewhere.invalid/",
    }))
}

pub(super) fn request(at: &Project, iid: u64, request: &Request) -> Value {
    json!({
        "id": at.id * 1000 + iid, "iid": iid, "project_id": at.id, "title": request.title,
        "draft": request.title.starts_with("Draft:"), "description": request.description, "state": request.state,
        "source_branch": request.source, "target_branch": request.target, "source_project_id": request.from,
        "target_project_id": at.id, "sha": request.sha, "merge_commit_sha": request.merge_commit,
        "squash_commit_sha": null,
        "detailed_merge_status": at.kept_back.map_or("mergeable", |(why, _)| why), "author": user(ACCOUNT), "labels": request.labels,
        "assignees": users(&request.assignees), "reviewers": users(&request.reviewers),
        "created_at": time(request.created), "updated_at": time(request.updated), "web_url": "https://elsewhere.invalid/",
    })
}

pub(super) fn note(id: u64, note: &Note) -> Value {
    json!({
        "id": id, "type": note.kind, "body": note.body, "author": user(&note.author), "system": note.is_system,
        "noteable_type": "MergeRequest", "noteable_iid": note.request, "created_at": time(note.created),
        "updated_at": time(note.updated),
    })
}

pub(super) fn issue(at: &Project, iid: u64, issue: &Issue) -> Value {
    json!({
        "id": at.id * 1000 + iid, "iid": iid, "project_id": at.id, "title": issue.title,
        "description": issue.description, "state": if issue.is_open { "opened" } else { "closed" },
        "author": user(&issue.author), "updated_at": time(issue.updated), "labels": [],
    })
}
