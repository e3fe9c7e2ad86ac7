//! Merge requests and notes on the fake.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{ACCOUNT, GitLab, Project, Request, listed, shapes};
use crate::fake::server::{Asked, Reply};

impl GitLab {
    pub(super) fn requests(&mut self, at: &mut Project, method: &str, path: &str, asked: &Asked) -> Reply {
        let below = path.strip_prefix("/merge_requests").unwrap();
        match (method, below) {
            ("GET", "") => list(at, asked),
            ("POST", "") => self.open(at, &asked.body),
            _ => {
                let iid: u64 = asked.names[1].parse().unwrap();
                if !at.requests.contains_key(&iid) {
                    return Reply::said(404, "404 Not found");
                }
                self.of_request(at, iid, method, below, asked)
            }
        }
    }

    fn of_request(&mut self, at: &mut Project, iid: u64, method: &str, below: &str, asked: &Asked) -> Reply {
        match (method, below) {
            ("GET", "/{merge_request_iid}") => Reply::ok(shapes::request(at, iid, &at.requests[&iid])),
            ("PUT", "/{merge_request_iid}") => self.edit(at, iid, &asked.body),
            ("GET", "/{merge_request_iid}/notes") => {
                let of_it = at.notes.iter().filter(|(_, note)| note.request == iid);
                let mut items: Vec<Value> = of_it.map(|(id, note)| shapes::note(*id, note)).collect();
                if asked.of("sort") != Some("asc") {
                    items.reverse();
                }
                listed(asked, items)
            }
            ("POST", "/{merge_request_iid}/notes") => {
                let text = self.carried_out(at, iid, asked.body["body"].as_str().unwrap());
                let id = self.say(at, iid, ACCOUNT, &text, false);
                Reply::new(201, shapes::note(id, &at.notes[&id]))
            }
            _ => self.of_note(at, iid, method, below, asked),
        }
    }

    fn of_note(&mut self, at: &mut Project, iid: u64, method: &str, below: &str, asked: &Asked) -> Reply {
        let id: u64 = asked.names[2].parse().unwrap();
        let now = self.now();
        let Some(note) = at.notes.get_mut(&id).filter(|note| note.request == iid) else {
            return Reply::said(404, "404 Not found");
        };
        match (method, below.ends_with("/award_emoji")) {
            ("PUT", _) => {
                (note.body, note.updated) = (asked.body["body"].as_str().unwrap().to_owned(), now);
                Reply::ok(shapes::note(id, note))
            }
            ("GET", _) => {
                let awards = note
                    .awards
                    .iter()
                    .map(|(who, name)| json!({"id": 1, "name": name, "user": shapes::user(who)}));
                listed(asked, awards.collect())
            }
            (_, _) => {
                let name = asked.body["name"].as_str().unwrap().to_owned();
                if !note.awards.insert((ACCOUNT.to_owned(), name.clone())) {
                    return Reply::said(404, "404 Award Emoji Name has already been taken Not Found");
                }
                Reply::new(201, json!({"id": 1, "name": name, "user": shapes::user(ACCOUNT)}))
            }
        }
    }

    fn open(&mut self, at: &mut Project, body: &Value) -> Reply {
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let (source, target) = (text("source_branch"), text("target_branch"));
        let Some(sha) = at.git.head(&source).filter(|_| at.git.head(&target).is_some()) else {
            return Reply::new(400, json!({"message": {"base": ["branch does not exist"]}}));
        };
        let is_it = |(_, request): &(&u64, &Request)| {
            request.state == "opened" && request.source == source && request.target == target
        };
        if let Some((iid, _)) = at.requests.iter().find(is_it) {
            let message = format!("Another open merge request already exists for this source branch: !{iid}");
            return Reply::new(409, json!({"message": [message]}));
        }
        if text("title").chars().count() > 255 {
            return Reply::new(
                400,
                json!({"message": {"title": ["is too long (maximum is 255 characters)"]}}),
            );
        }
        let (now, iid) = (self.now(), at.requests.len() as u64 + 1);
        let request = Request {
            title: text("title"),
            description: text("description"),
            source,
            target,
            sha,
            state: "opened",
            merge_commit: None,
            labels: names(&body["labels"]),
            reviewers: BTreeSet::new(),
            assignees: BTreeSet::new(),
            approvals: Vec::new(),
            states: BTreeMap::new(),
            from: at.id,
            created: now,
            updated: now,
        };
        at.requests.insert(iid, request);
        Reply::new(201, shapes::request(at, iid, &at.requests[&iid]))
    }

    fn edit(&mut self, at: &mut Project, iid: u64, body: &Value) -> Reply {
        let (now, people_max) = (self.now(), self.people_max);
        let members: Vec<String> = at.members.keys().cloned().collect();
        let request = at.requests.get_mut(&iid).unwrap();
        request.updated = now;
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        if let Some(title) = text("title") {
            if title.chars().count() > 255 {
                return Reply::new(
                    400,
                    json!({"message": {"title": ["is too long (maximum is 255 characters)"]}}),
                );
            }
            request.title = title;
        }
        if let Some(description) = text("description") {
            request.description = description;
        }
        match body["state_event"].as_str() {
            Some("close") => request.state = "closed",
            Some(_) => request.state = "opened",
            None => {}
        }
        request.labels.extend(names(&body["add_labels"]));
        let off = names(&body["remove_labels"]);
        request.labels.retain(|label| !off.contains(label));
        // Whom it does not take it passes over without a word.
        let people = |ids: &Value| {
            let ids: Vec<&str> = ids.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let taken = members.iter().filter(|name| ids.contains(&shapes::id_of(name).to_string().as_str()));
            taken.take(people_max).cloned().collect::<BTreeSet<String>>()
        };
        if body.get("reviewer_ids").is_some() {
            request.reviewers = people(&body["reviewer_ids"]);
        }
        if body.get("assignee_ids").is_some() {
            request.assignees = people(&body["assignee_ids"]);
        }
        Reply::ok(shapes::request(at, iid, &at.requests[&iid]))
    }

    /// What GitLab takes for a command of the author is done and taken out of the text; here one of them.
    fn carried_out(&mut self, at: &mut Project, iid: u64, text: &str) -> String {
        if !text.lines().any(|line| line.trim_start().starts_with("/close")) {
            return text.to_owned();
        }
        at.requests.get_mut(&iid).unwrap().state = "closed";
        text.lines().filter(|line| !line.trim_start().starts_with("/close")).collect::<Vec<_>>().join("\n")
    }
}

fn list(at: &Project, asked: &Asked) -> Reply {
    let since: Option<jiff::Timestamp> = asked.of("updated_after").map(|text| text.parse().unwrap());
    let is_asked = |request: &Request| {
        asked.of("state").is_none_or(|state| state == "all" || state == request.state)
            && asked.of("source_branch").is_none_or(|branch| branch == request.source)
            && since.is_none_or(|since| request.updated >= since.as_second())
    };
    let mut items: Vec<Value> = at
        .requests
        .iter()
        .filter(|(_, request)| is_asked(request))
        .map(|(iid, request)| shapes::request(at, *iid, request))
        .collect();
    if asked.of("sort") != Some("asc") {
        items.reverse();
    }
    listed(asked, items)
}

fn names(text: &Value) -> BTreeSet<String> {
    let text = text.as_str().unwrap_or_default();
    text.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}
