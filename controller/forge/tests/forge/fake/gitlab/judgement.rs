//! Approvals, merging and issues on the fake.

use serde_json::{Value, json};

use super::{ACCOUNT, GitLab, Issue, Project, listed, shapes};
use crate::fake::server::{Asked, Reply};

impl GitLab {
    pub(super) fn judged(&mut self, at: &mut Project, path: &str, asked: &Asked) -> Reply {
        let iid: u64 = asked.names[1].parse().unwrap();
        let now = self.now();
        let Some(request) = at.requests.get_mut(&iid) else { return Reply::said(404, "404 Not found") };
        if path.ends_with("/approvals") {
            let approved = request.approvals.iter().map(|(who, when)| match when {
                Some(when) => json!({"user": shapes::user(who), "approved_at": shapes::time(*when)}),
                None => json!({"user": shapes::user(who)}),
            });
            return Reply::ok(
                json!({"approved_by": approved.collect::<Vec<_>>(), "user_has_approved": false}),
            );
        }
        if path.ends_with("/reviewers") {
            let asked_for = request.states.iter().map(
                |(who, state)| json!({"user": shapes::user(who), "state": state, "created_at": shapes::time(1)}),
            );
            return Reply::ok(asked_for.collect());
        }
        let text = |name: &str| asked.body[name].as_str().unwrap_or_default();
        if let Some((_, status)) = at.kept_back {
            return Reply::said(status, &format!("{status} Method Not Allowed"));
        }
        if request.state != "opened" || request.title.starts_with("Draft:") {
            return Reply::said(405, "405 Method Not Allowed");
        }
        if text("sha") != request.sha {
            let message = format!("SHA does not match HEAD of source branch: {}", request.sha);
            return Reply::said(409, &message);
        }
        assert_eq!((text("squash"), text("should_remove_source_branch")), ("false", "false"));
        let Some(oid) = at.git.land(&request.sha, &request.target, text("merge_commit_message"), now) else {
            return Reply::said(422, "Branch cannot be merged");
        };
        (request.state, request.merge_commit, request.updated) = ("merged", Some(oid), now);
        Reply::ok(shapes::request(at, iid, &at.requests[&iid]))
    }

    pub(super) fn issues(&mut self, at: &mut Project, method: &str, asked: &Asked) -> Reply {
        if !at.has_issues {
            return Reply::said(403, "403 Forbidden");
        }
        let text = |name: &str| asked.body[name].as_str().map(str::to_owned);
        let now = self.now();
        match (method, asked.names.get(1)) {
            ("GET", None) => {
                assert_eq!(
                    asked.of("scope"),
                    Some("all"),
                    "of its own only what it is assigned to otherwise"
                );
                let author = asked.of("author_id").unwrap();
                let of_it = |issue: &Issue| shapes::id_of(&issue.author).to_string() == author;
                let mut items: Vec<Value> = at
                    .issues
                    .iter()
                    .filter(|(_, issue)| of_it(issue))
                    .map(|(iid, issue)| shapes::issue(at, *iid, issue))
                    .collect();
                if asked.of("sort") != Some("asc") {
                    items.reverse();
                }
                listed(asked, items)
            }
            (_, None) => {
                let author = ACCOUNT.to_owned();
                let (title, description) = (text("title").unwrap(), text("description").unwrap_or_default());
                let iid = at.issues.len() as u64 + 1;
                at.issues.insert(iid, Issue { author, title, description, is_open: true, updated: now });
                Reply::new(201, shapes::issue(at, iid, &at.issues[&iid]))
            }
            (_, Some(iid)) => {
                let iid: u64 = iid.parse().unwrap();
                let Some(issue) = at.issues.get_mut(&iid) else { return Reply::said(404, "404 Not found") };
                if method == "PUT" {
                    issue.updated = now;
                    issue.title = text("title").unwrap_or_else(|| issue.title.clone());
                    issue.description = text("description").unwrap_or_else(|| issue.description.clone());
                    issue.is_open = text("state_event").map_or(issue.is_open, |event| event == "reopen");
                }
                Reply::ok(shapes::issue(at, iid, &at.issues[&iid]))
            }
        }
    }
}
