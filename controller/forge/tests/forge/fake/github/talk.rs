//! Comments, reactions, rights and statuses on the fake.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Comment, GitHub, Repository, not_found, shapes};
use crate::fake::server::{Asked, Reply};

pub(super) fn permission(at: &Repository, login: &str) -> Reply {
    let login = login.to_ascii_lowercase();
    match at.people.get(&login) {
        Some(may) => Reply::ok(json!({"permission": may, "role_name": may, "user": shapes::user(&login)})),
        // Everybody else who has an account may read what is public; this repository is not.
        None => not_found(),
    }
}

impl GitHub {
    pub(super) fn talk(
        &mut self,
        at: &mut Repository,
        who: &str,
        method: &str,
        path: &str,
        asked: &Asked,
    ) -> Reply {
        match (method, path) {
            ("GET", "/issues/comments") => {
                let since: Option<jiff::Timestamp> = asked.of("since").map(|text| text.parse().unwrap());
                let since = since.map_or(i64::MIN, |since| since.as_second());
                let new = at.comments.iter().filter(|(_, comment)| comment.updated >= since);
                let items = new.map(|(id, comment)| shapes::comment(at, *id, comment)).collect();
                self.listed(asked, at, items)
            }
            ("GET", "/issues/{issue_number}/comments") => {
                let number: u64 = asked.names[2].parse().unwrap();
                let of_it = at.comments.iter().filter(|(_, comment)| comment.pull == number);
                let items = of_it.map(|(id, comment)| shapes::comment(at, *id, comment)).collect();
                self.listed(asked, at, items)
            }
            ("POST", "/issues/{issue_number}/comments") => {
                let number: u64 = asked.names[2].parse().unwrap();
                if !at.pulls.contains_key(&number) {
                    return not_found();
                }
                let id = self.say(at, number, who, asked.body["body"].as_str().unwrap());
                Reply::new(201, shapes::comment(at, id, &at.comments[&id]))
            }
            ("PATCH", _) => {
                let id: u64 = asked.names[2].parse().unwrap();
                let now = self.now();
                let Some(comment) = at.comments.get_mut(&id) else { return not_found() };
                (comment.body, comment.updated) = (asked.body["body"].as_str().unwrap().to_owned(), now);
                Reply::ok(shapes::comment(at, id, &at.comments[&id]))
            }
            ("POST", "/issues/comments/{comment_id}/reactions") => {
                let Some(comment) = at.comments.get_mut(&asked.names[2].parse().unwrap()) else {
                    return not_found();
                };
                let word = asked.body["content"].as_str().unwrap().to_owned();
                let is_new = comment.reactions.entry(who.to_owned()).or_default().insert(word.clone());
                let body = json!({"id": 1, "user": shapes::user(who), "content": word});
                Reply::new(if is_new { 201 } else { 200 }, body)
            }
            ("GET", _) => {
                let oid = &asked.names[2];
                if at.git.find(oid).is_none() {
                    return Reply::said(422, &format!("No commit found for SHA: {oid}"));
                }
                let mut items: Vec<Value> = at.statuses.get(oid).cloned().unwrap_or_default();
                items.reverse();
                self.listed(asked, at, items)
            }
            _ => {
                let oid = asked.names[2].clone();
                if at.git.find(&oid).is_none() {
                    return Reply::said(422, &format!("No commit found for SHA: {oid}"));
                }
                let status = asked.body.clone();
                at.statuses.entry(oid).or_default().push(status.clone());
                Reply::new(201, status)
            }
        }
    }

    /// Somebody says something.
    pub(crate) fn say_at(&mut self, full_name: &str, number: u64, who: &str, text: &str) -> u64 {
        let mut at = self.repositories.remove(full_name).unwrap();
        let id = self.say(&mut at, number, who, text);
        self.repositories.insert(full_name.to_owned(), at);
        id
    }

    fn say(&mut self, at: &mut Repository, number: u64, who: &str, text: &str) -> u64 {
        let (id, now) = (self.next_id(), self.now());
        let comment = Comment {
            pull: number,
            author: who.to_owned(),
            body: text.to_owned(),
            created: now,
            updated: now,
            reactions: BTreeMap::new(),
        };
        at.comments.insert(id, comment);
        id
    }
}
