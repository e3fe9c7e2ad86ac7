//! Pull requests on the fake, with labels, reviewers and assignees.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{GitHub, Pull, Repository, invalid, not_found, shapes};
use crate::fake::server::{Asked, Reply};

impl GitHub {
    pub(super) fn pulls(
        &mut self,
        at: &mut Repository,
        who: &str,
        method: &str,
        path: &str,
        asked: &Asked,
    ) -> Reply {
        match (method, path) {
            ("GET", "/pulls") => self.list(at, asked),
            ("POST", "/pulls") => self.open(at, who, asked),
            (_, "/pulls/{pull_number}/requested_reviewers") => self.reviewers(at, method, asked),
            _ => {
                let number = asked.names[2].parse().unwrap_or(0);
                let now = self.now();
                let Some(pull) = at.pulls.get_mut(&number) else { return not_found() };
                if method == "PATCH"
                    && let Err(refused) = edit(pull, &asked.body, now)
                {
                    return refused;
                }
                Reply::ok(shapes::pull(at, number, &at.pulls[&number], true))
            }
        }
    }

    fn list(&self, at: &Repository, asked: &Asked) -> Reply {
        let state = asked.of("state").unwrap_or("open");
        let head = asked.of("head");
        let is_asked = |pull: &Pull| {
            (state == "all" || pull.is_open == (state == "open"))
                && head.is_none_or(|head| head == format!("{}:{}", at.owner, pull.head))
        };
        let mut found: Vec<(&u64, &Pull)> = at.pulls.iter().filter(|(_, pull)| is_asked(pull)).collect();
        if asked.of("sort") == Some("updated") {
            found.sort_by_key(|(_, pull)| pull.updated);
        }
        if asked.of("direction") != Some("asc") {
            found.reverse();
        }
        let items = found.into_iter().map(|(number, pull)| shapes::pull(at, *number, pull, false)).collect();
        self.listed(asked, at, items)
    }

    fn open(&mut self, at: &mut Repository, who: &str, asked: &Asked) -> Reply {
        let text = |name: &str| asked.body[name].as_str().unwrap_or_default().to_owned();
        let (head, base) = (text("head"), text("base"));
        let Some(head_oid) = at.git.head(&head) else { return invalid("head: invalid") };
        if at.git.head(&base).is_none() {
            return invalid("base: invalid");
        }
        if at.pulls.values().any(|pull| pull.is_open && pull.head == head && pull.base == base) {
            return invalid(&format!("A pull request already exists for {}:{head}.", at.owner));
        }
        let now = self.now();
        let pull = Pull {
            title: text("title"),
            body: text("body"),
            head,
            head_oid,
            base,
            author: who.to_owned(),
            is_open: true,
            is_draft: asked.body["draft"] == json!(true),
            merged: None,
            labels: BTreeSet::new(),
            reviewers: BTreeSet::new(),
            teams: BTreeSet::new(),
            assignees: BTreeSet::new(),
            reviews: Vec::new(),
            created: now,
            updated: now,
            from: at.id,
        };
        let number = at.next_number();
        at.pulls.insert(number, pull);
        Reply::new(201, shapes::pull(at, number, &at.pulls[&number], true))
    }

    fn reviewers(&mut self, at: &mut Repository, method: &str, asked: &Asked) -> Reply {
        let number = asked.names[2].parse().unwrap_or(0);
        let now = self.now();
        let (people, teams) = (names(&asked.body["reviewers"]), names(&asked.body["team_reviewers"]));
        let known = |name: &String| at.people.contains_key(&name.to_ascii_lowercase());
        if method == "POST" && (!people.iter().all(known) || teams.iter().any(|team| team != "platform")) {
            return Reply::said(422, "Reviews may only be requested from collaborators.");
        }
        let Some(pull) = at.pulls.get_mut(&number) else { return not_found() };
        pull.updated = now;
        if method == "POST" {
            pull.reviewers.extend(people);
            pull.teams.extend(teams);
            return Reply::new(201, shapes::pull(at, number, &at.pulls[&number], false));
        }
        pull.reviewers.retain(|name| !people.contains(name));
        pull.teams.retain(|name| !teams.contains(name));
        Reply::ok(shapes::pull(at, number, &at.pulls[&number], false))
    }

    /// Labels and assignees, which GitHub has at issues.
    pub(super) fn arranged(&mut self, at: &mut Repository, method: &str, path: &str, asked: &Asked) -> Reply {
        let number = asked.names[2].parse().unwrap_or(0);
        let now = self.now();
        let people = at.people.clone();
        let Some(pull) = at.pulls.get_mut(&number) else { return not_found() };
        pull.updated = now;
        if path.ends_with("/assignees") {
            let wanted = names(&asked.body["assignees"]);
            match method {
                // Those who cannot be are passed over without a word.
                "POST" => pull.assignees.extend(wanted.into_iter().filter(|name| people.contains_key(name))),
                _ => pull.assignees.retain(|name| !wanted.contains(name)),
            }
            let assignees: Vec<Value> = pull.assignees.iter().map(|name| shapes::user(name)).collect();
            let status = if method == "POST" { 201 } else { 200 };
            return Reply::new(status, json!({"number": number, "assignees": assignees}));
        }
        if method == "POST" {
            let wanted = names(&asked.body["labels"]);
            if wanted.iter().any(|name| name.chars().count() > 50) {
                return invalid("name is too long (maximum is 50 characters)");
            }
            pull.labels.extend(wanted);
        } else if !pull.labels.remove(&asked.names[3]) {
            return not_found();
        }
        Reply::ok(pull.labels.iter().map(|name| json!({"name": name})).collect())
    }

    /// The two mutations that make a draft of a pull request, or none.
    pub(super) fn graphql(&mut self, asked: &Asked) -> Reply {
        let query = asked.body["query"].as_str().unwrap();
        let is_draft = query.contains("convertPullRequestToDraft(input: {pullRequestId: $id})");
        assert!(
            is_draft || query.contains("markPullRequestReadyForReview(input: {pullRequestId: $id})"),
            "{query}"
        );
        let node = asked.body["variables"]["id"].as_str().unwrap();
        let now = self.now();
        for at in self.repositories.values_mut() {
            for (number, pull) in &mut at.pulls {
                if node == format!("PR_{}_{number}", at.id) {
                    (pull.is_draft, pull.updated) = (is_draft, now);
                    return Reply::ok(json!({"data": {"changed": {"pullRequest": {"isDraft": is_draft}}}}));
                }
            }
        }
        let error = json!({"type": "NOT_FOUND", "message": "Could not resolve to a node"});
        Reply::ok(json!({"data": {"changed": null}, "errors": [error]}))
    }
}

fn edit(pull: &mut Pull, body: &Value, now: i64) -> Result<(), Reply> {
    if let Some(state) = body["state"].as_str() {
        if pull.merged.is_some() {
            return Err(invalid("Cannot change the state of a merged pull request"));
        }
        pull.is_open = state == "open";
    }
    if let Some(title) = body["title"].as_str() {
        pull.title = title.to_owned();
    }
    if let Some(text) = body["body"].as_str() {
        pull.body = text.to_owned();
    }
    pull.updated = now;
    Ok(())
}

fn names(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect()
}
