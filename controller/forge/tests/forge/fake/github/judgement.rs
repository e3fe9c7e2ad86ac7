//! Reviews, checks, merging and issues on the fake.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{GitHub, Issue, Repository, not_found, shapes};
use crate::fake::server::{Asked, Reply, page_of};

impl GitHub {
    pub(super) fn judged(
        &mut self,
        at: &mut Repository,
        who: &str,
        method: &str,
        path: &str,
        asked: &Asked,
    ) -> Reply {
        match (method, path) {
            (_, "/commits/{ref}/status") => of_commit(at, asked, "statuses"),
            (_, "/commits/{ref}/check-runs") => of_commit(at, asked, "check_runs"),
            (_, "/pulls/{pull_number}/reviews") => {
                let Some(pull) = at.pulls.get(&number_of(asked)) else { return not_found() };
                let items = pull.reviews.iter().map(shapes::review).collect();
                self.listed(asked, at, items)
            }
            (_, "/pulls/{pull_number}/merge") => self.merge(at, asked),
            ("GET", "/issues") => self.issues(at, asked),
            ("POST", _) if !at.has_issues => Reply::said(410, "Issues are disabled for this repo"),
            ("POST", _) => {
                let text = |name: &str| asked.body[name].as_str().unwrap_or_default().to_owned();
                let updated = self.now();
                let author = who.to_owned();
                let issue =
                    Issue { author, title: text("title"), body: text("body"), is_open: true, updated };
                let number = at.next_number();
                at.issues.insert(number, issue);
                Reply::new(201, shapes::issue(at, number, &at.issues[&number]))
            }
            _ => self.issue(at, method, asked),
        }
    }

    fn merge(&mut self, at: &mut Repository, asked: &Asked) -> Reply {
        let (number, now) = (number_of(asked), self.now());
        let Some(pull) = at.pulls.get_mut(&number) else { return not_found() };
        let text = |name: &str| asked.body[name].as_str().unwrap_or_default();
        if let Some(why) = &at.protection {
            return Reply::said(405, why);
        }
        if !pull.is_open || pull.is_draft {
            return Reply::said(405, "Pull Request is not mergeable");
        }
        if text("sha") != pull.head_oid {
            return Reply::said(409, "Head branch was modified. Review and try the merge again.");
        }
        assert_eq!(text("merge_method"), "merge");
        let message = format!("{}\n\n{}", text("commit_title"), text("commit_message"));
        let Some(oid) = at.git.land(&pull.head_oid, &pull.base, &message, now) else {
            return Reply::said(405, "Pull Request is not mergeable");
        };
        (pull.is_open, pull.merged, pull.updated) = (false, Some((oid.clone(), now)), now);
        Reply::ok(json!({"sha": oid, "merged": true, "message": "Pull Request successfully merged"}))
    }

    /// Pull requests are among them.
    fn issues(&self, at: &Repository, asked: &Asked) -> Reply {
        let mut all: BTreeMap<u64, Value> =
            at.issues.iter().map(|(number, issue)| (*number, shapes::issue(at, *number, issue))).collect();
        if !at.has_issues {
            all.clear();
        }
        all.extend(at.pulls.iter().map(|(number, pull)| (*number, shapes::issue_of_pull(at, *number, pull))));
        let (state, creator) = (asked.of("state").unwrap_or("open"), asked.of("creator"));
        let is_asked = |item: &Value| {
            (state == "all" || item["state"] == state)
                && creator.is_none_or(|creator| item["user"]["login"] == creator)
        };
        let mut items: Vec<Value> = all.into_values().filter(is_asked).collect();
        if asked.of("direction") != Some("asc") {
            items.reverse();
        }
        self.listed(asked, at, items)
    }

    fn issue(&mut self, at: &mut Repository, method: &str, asked: &Asked) -> Reply {
        let (number, now) = (number_of(asked), self.now());
        if let Some(pull) = at.pulls.get(&number) {
            assert_eq!(method, "GET", "a pull request is changed as one");
            return Reply::ok(shapes::issue_of_pull(at, number, pull));
        }
        if !at.has_issues {
            return Reply::said(410, "Issues are disabled for this repo");
        }
        let Some(issue) = at.issues.get_mut(&number) else { return not_found() };
        if method == "PATCH" {
            issue.updated = now;
            if let Some(title) = asked.body["title"].as_str() {
                issue.title = title.to_owned();
            }
            if let Some(body) = asked.body["body"].as_str() {
                issue.body = body.to_owned();
            }
            if let Some(state) = asked.body["state"].as_str() {
                issue.is_open = state == "open";
            }
        }
        Reply::ok(shapes::issue(at, number, &at.issues[&number]))
    }
}

/// Statuses, the last of each context; or check runs, all of them.
fn of_commit(at: &Repository, asked: &Asked, what: &str) -> Reply {
    let oid = &asked.names[2];
    if at.git.find(oid).is_none() {
        return Reply::said(422, &format!("No commit found for SHA: {oid}"));
    }
    let items: Vec<Value> = if what == "check_runs" {
        at.check_runs.get(oid).cloned().unwrap_or_default()
    } else {
        let put = at.statuses.get(oid).into_iter().flatten();
        let last: BTreeMap<String, Value> =
            put.map(|status| (status["context"].to_string(), simple(status))).collect();
        last.into_values().collect()
    };
    let total = items.len();
    let (part, _, _) = page_of(asked, items, 30);
    let mut found = json!({"total_count": total, what: part});
    if what == "statuses" {
        (found["state"], found["sha"]) = (json!("pending"), json!(oid));
    }
    Reply::ok(found)
}

/// A status as it stands among others.
fn simple(status: &Value) -> Value {
    json!({
        "id": 1, "node_id": "SC_1", "state": status["state"], "context": status["context"],
        "description": status["description"], "target_url": null, "avatar_url": null,
    })
}

fn number_of(asked: &Asked) -> u64 {
    asked.names[2].parse().unwrap_or(0)
}
