//! Branches, commits and statuses on the fake.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::{ACCOUNT, GitLab, Project, listed, shapes};
use crate::fake::git::Who;
use crate::fake::server::{Asked, Reply};

impl GitLab {
    pub(super) fn repository(&mut self, at: &mut Project, method: &str, path: &str, asked: &Asked) -> Reply {
        match (method, path) {
            ("GET", "/repository/branches/{branch}") => match at.git.head(&asked.names[1]) {
                Some(oid) => {
                    let commit = shapes::commit(at, &oid);
                    Reply::ok(
                        json!({"name": asked.names[1], "commit": commit, "default": asked.names[1] == "main"}),
                    )
                }
                None => Reply::said(404, "404 Branch Not Found"),
            },
            ("DELETE", _) => self.remove_branch(at, &asked.names[1]),
            ("POST", "/repository/commits") => self.commit(at, &asked.body),
            ("GET", "/repository/commits/{sha}/diff") => {
                let changed = at.git.changed(&asked.names[1]).into_iter().map(|file| {
                    json!({"new_path": file.path, "old_path": file.path, "new_file": file.status == "added",
                        "renamed_file": false, "deleted_file": file.status == "removed", "diff": "@@"})
                });
                listed(asked, changed.collect())
            }
            ("GET", "/repository/commits/{sha}/signature") => match at.signed.contains(&asked.names[1]) {
                true => Reply::ok(json!({"signature_type": "SSH", "verification_status": "verified"})),
                false => Reply::said(404, "404 Signature Not Found"),
            },
            ("GET", "/repository/tree") => self.folder(at, asked),
            ("GET", _) if at.git.find(&asked.names[1]).is_none() => Reply::said(404, "404 Commit Not Found"),
            ("GET", _) => {
                let all = at.statuses.get(&asked.names[1]).cloned().unwrap_or_default();
                let name = asked.of("name");
                let of_it = all.into_iter().filter(|status| name.is_none_or(|name| status["name"] == name));
                listed(asked, of_it.collect())
            }
            _ => self.status(at, &asked.names[1], &asked.body),
        }
    }

    fn remove_branch(&mut self, at: &mut Project, name: &str) -> Reply {
        if at.git.head(name).is_none() {
            return Reply::said(404, "404 Branch Not Found");
        }
        at.git.remove(name);
        Reply::new(204, Value::Null)
    }

    fn folder(&self, at: &Project, asked: &Asked) -> Reply {
        let path = asked.of("path").unwrap_or_default();
        let commit = asked.of("ref").unwrap_or("main");
        let commit = at.git.head(commit).unwrap_or_else(|| commit.to_owned());
        let Some(root) = at.git.tree_of(&commit) else { return Reply::said(404, "404 Tree Not Found") };
        let entries = at.git.entries(root, true);
        if !path.is_empty() && !entries.iter().any(|entry| entry["path"] == path && entry["type"] == "tree") {
            return Reply::said(404, "404 invalid revision or path Not Found");
        }
        let is_in = |entry: &&Value| {
            let of_entry = entry["path"].as_str().unwrap();
            of_entry.rsplit_once('/').map_or("", |(folder, _)| folder) == path
        };
        let entry = |entry: &Value| {
            let path = entry["path"].as_str().unwrap();
            let name = path.rsplit('/').next();
            json!({"id": entry["sha"], "name": name, "type": entry["type"], "path": path, "mode": entry["mode"]})
        };
        listed(asked, entries.iter().filter(is_in).map(entry).collect())
    }

    fn commit(&mut self, at: &mut Project, body: &Value) -> Reply {
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        let (branch, start) = (text("branch").unwrap(), text("start_sha").unwrap());
        if at.git.head(&branch).is_some() && body["force"] != "true" {
            return Reply::said(
                400,
                "A branch called 'x' already exists. Switch to that branch in order to make changes",
            );
        }
        let root = at.git.tree_of(&start).unwrap();
        let there = at.git.entries(root, true);
        let mut entries = Vec::new();
        for action in body["actions"].as_array().unwrap() {
            let path = action["file_path"].as_str().unwrap().to_owned();
            let found = there.iter().find(|entry| entry["path"] == path.as_str());
            let mode = match (action["action"].as_str().unwrap(), found) {
                ("create", None) => "100644".to_owned(),
                ("update", Some(found)) => found["mode"].as_str().unwrap().to_owned(),
                ("create", Some(_)) => return Reply::said(400, "A file with this name already exists"),
                (_, _) => return Reply::said(400, "A file with this name doesn't exist"),
            };
            assert_eq!(action["encoding"], "base64");
            let content = BASE64_STANDARD.decode(action["content"].as_str().unwrap()).unwrap();
            entries.push((path, mode, at.git.repository.blob(&content).unwrap()));
        }
        let now = self.now();
        // Only the author can be named; the committer is the account.
        let own = || Who { name: ACCOUNT.to_owned(), email: shapes::own_email(), at_unix_s: now };
        let author = match (text("author_name"), text("author_email")) {
            (Some(name), Some(email)) => Who { name, email, at_unix_s: now },
            _ => own(),
        };
        let is_signed = self.signs && text("author_email").is_none();
        let tree = at.git.tree(Some(&start), &entries).unwrap();
        let message = text("commit_message").unwrap();
        let oid = at.git.commit(&tree, &[start], &message, &author, &own()).unwrap();
        if is_signed {
            at.signed.insert(oid.clone());
        }
        at.git.set(&branch, &oid);
        let of_it = at
            .requests
            .iter_mut()
            .filter(|(_, request)| request.state == "opened" && request.source == branch);
        let moved: Vec<u64> = of_it
            .map(|(iid, request)| {
                request.sha = oid.clone();
                *iid
            })
            .collect();
        for iid in moved {
            self.say(at, iid, ACCOUNT, "added 1 commit", true);
        }
        Reply::new(201, shapes::commit(at, &oid).unwrap())
    }

    fn status(&mut self, at: &mut Project, oid: &str, body: &Value) -> Reply {
        if at.git.find(oid).is_none() {
            return Reply::said(404, "404 Commit Not Found");
        }
        let id = self.next_id();
        let status = json!({
            "id": id, "sha": oid, "status": body["state"], "name": body["name"], "description": body["description"],
            "target_url": body["target_url"],
        });
        let all = at.statuses.entry(oid.to_owned()).or_default();
        let last = all.iter().rev().find(|other| other["name"] == status["name"]);
        if last.is_some_and(|last| last["status"] == status["status"] && status["status"] == "pending") {
            return Reply::said(400, "Cannot transition status via :enqueue from :pending");
        }
        all.push(status.clone());
        Reply::new(201, status)
    }
}
