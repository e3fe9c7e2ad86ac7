//! Git's objects and references on the fake.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use git2::Oid;
use serde_json::{Value, json};

use super::{APP, GitHub, Repository, id_of, invalid, not_found, shapes};
use crate::fake::git::Who;
use crate::fake::server::{Asked, Reply};

impl GitHub {
    pub(super) fn git(
        &mut self,
        at: &mut Repository,
        who: &str,
        method: &str,
        path: &str,
        asked: &Asked,
    ) -> Reply {
        match (method, path) {
            ("GET", "/git/ref/{ref}") => {
                match branch(&asked.names[2]).and_then(|name| Some((name, at.git.head(name)?))) {
                    Some((name, oid)) => Reply::ok(shapes::reference(name, &oid)),
                    None => not_found(),
                }
            }
            ("GET", "/git/commits/{commit_sha}") => {
                shapes::git_commit(at, &asked.names[2]).map_or_else(not_found, Reply::ok)
            }
            ("GET", "/commits/{ref}") if asked.of("page").is_some_and(|page| page != "1") => {
                let mut found = shapes::commit(at, &asked.names[2]).unwrap();
                found["files"] = json!([]);
                Reply::ok(found)
            }
            ("GET", "/commits/{ref}") => {
                shapes::commit(at, &asked.names[2]).map_or_else(not_found, Reply::ok)
            }
            ("GET", "/git/trees/{tree_sha}") => self.tree(at, asked),
            ("POST", "/git/blobs") => {
                let content = BASE64_STANDARD.decode(asked.body["content"].as_str().unwrap()).unwrap();
                Reply::new(201, json!({"sha": at.git.repository.blob(&content).unwrap().to_string()}))
            }
            ("POST", "/git/trees") => new_tree(at, asked),
            ("POST", "/git/commits") => self.new_commit(at, who, asked),
            ("POST", "/git/refs") => self.new_reference(at, asked),
            ("PATCH", _) => self.move_reference(at, asked),
            _ => self.remove_reference(at, asked),
        }
    }

    fn tree(&self, at: &Repository, asked: &Asked) -> Reply {
        let Some(tree) = at.git.tree_of(&asked.names[2]) else { return not_found() };
        let mut entries = at.git.entries(tree, asked.of("recursive").is_some());
        let truncated = asked.of("recursive").is_some() && entries.len() > self.tree_entries_max;
        entries.truncate(self.tree_entries_max);
        Reply::ok(json!({"sha": tree.to_string(), "tree": entries, "truncated": truncated}))
    }

    fn new_commit(&mut self, at: &mut Repository, who: &str, asked: &Asked) -> Reply {
        let given = |name: &str| {
            let who = asked.body.get(name)?;
            let date: jiff::Timestamp = who["date"].as_str()?.parse().ok()?;
            let text = |name: &str| who[name].as_str().map(str::to_owned);
            Some(Who { name: text("name")?, email: text("email")?, at_unix_s: date.as_second() })
        };
        let is_named = asked.body.get("author").is_some() || asked.body.get("committer").is_some();
        let is_signed = !is_named && who == APP && self.signs;
        let now = self.now();
        let own = Who {
            name: who.to_owned(),
            email: format!("{}+{who}@users.noreply.github.example", id_of(who)),
            at_unix_s: now,
        };
        let github =
            Who { name: "GitHub".to_owned(), email: "noreply@github.example".to_owned(), at_unix_s: now };
        let (author, committer) = match is_signed {
            true => (own, github),
            false => (given("author").unwrap_or(own), given("committer").unwrap_or(github)),
        };
        let parents: Vec<String> = asked.body["parents"]
            .as_array()
            .unwrap()
            .iter()
            .map(|oid| oid.as_str().unwrap().to_owned())
            .collect();
        let (tree, message) = (asked.body["tree"].as_str().unwrap(), asked.body["message"].as_str().unwrap());
        let Some(oid) = at.git.commit(tree, &parents, message, &author, &committer) else {
            return not_found();
        };
        if is_signed {
            at.signed.insert(oid.clone());
        }
        Reply::new(201, shapes::git_commit(at, &oid).unwrap())
    }

    fn new_reference(&mut self, at: &mut Repository, asked: &Asked) -> Reply {
        let name = asked.body["ref"].as_str().and_then(|name| name.strip_prefix("refs/heads/"));
        let oid = asked.body["sha"].as_str().unwrap();
        match name {
            None => invalid("Reference name must start with 'refs/'"),
            Some(name) if at.git.head(name).is_some() => Reply::said(422, "Reference already exists"),
            Some(_) if at.git.find(oid).is_none() => Reply::said(422, "Object does not exist"),
            Some(name) => {
                at.git.set(name, oid);
                Reply::new(201, shapes::reference(name, oid))
            }
        }
    }

    fn move_reference(&mut self, at: &mut Repository, asked: &Asked) -> Reply {
        let Some(name) = branch(&asked.names[2]).filter(|name| at.git.head(name).is_some()) else {
            return Reply::said(422, "Reference does not exist");
        };
        if asked.body["force"] != json!(true) {
            return Reply::said(422, "Update is not a fast forward");
        }
        let oid = asked.body["sha"].as_str().unwrap().to_owned();
        at.git.set(name, &oid);
        let now = self.now();
        for pull in at.pulls.values_mut().filter(|pull| pull.is_open && pull.head == name) {
            (pull.head_oid, pull.updated) = (oid.clone(), now);
            // What users report of a branch that passes through its base.
            pull.is_open = at.git.head(&pull.base).as_ref() != Some(&oid);
        }
        Reply::ok(shapes::reference(name, &oid))
    }

    fn remove_reference(&mut self, at: &mut Repository, asked: &Asked) -> Reply {
        let Some(name) = branch(&asked.names[2]).filter(|name| at.git.head(name).is_some()) else {
            return Reply::said(422, "Reference does not exist");
        };
        at.git.remove(name);
        let now = self.now();
        for pull in at.pulls.values_mut().filter(|pull| pull.is_open && pull.head == name) {
            (pull.is_open, pull.updated) = (false, now);
        }
        Reply::new(204, Value::Null)
    }
}

fn branch(reference: &str) -> Option<&str> {
    reference.strip_prefix("heads/")
}

fn new_tree(at: &Repository, asked: &Asked) -> Reply {
    let mut entries = Vec::new();
    for entry in asked.body["tree"].as_array().unwrap() {
        let blob = match (entry["content"].as_str(), entry["sha"].as_str()) {
            (Some(content), None) => at.git.repository.blob(content.as_bytes()).unwrap(),
            (None, Some(oid)) => Oid::from_str(oid).unwrap(),
            _ => return invalid("either content or sha"),
        };
        let text = |name: &str| entry[name].as_str().unwrap().to_owned();
        entries.push((text("path"), text("mode"), blob));
    }
    match at.git.tree(asked.body["base_tree"].as_str(), &entries) {
        Some(tree) => {
            let listed = at.git.entries(Oid::from_str(&tree).unwrap(), false);
            Reply::new(201, json!({"sha": tree, "tree": listed, "truncated": false}))
        }
        None => invalid("tree.sha is not valid"),
    }
}
