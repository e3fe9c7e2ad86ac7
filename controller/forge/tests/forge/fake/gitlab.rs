//! A GitLab that is not the real one.

mod judgement;
mod requests;
mod shapes;
mod tree;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, LazyLock};

use kubeopt_model::FileSet;
use kubeopt_net::Url;
use serde_json::{Value, json};

use super::git::Git;
use super::openapi::Document;
use super::server::{Asked, Forge, Reply, page_of};

pub(crate) const TOKEN: &str = "glpat-0123456789abcdefghij";
const PREFIX: &str = "/api/v4";

/// The account of [`TOKEN`], a project's.
pub(crate) const ACCOUNT: &str = "project_1_bot_0a1b2c";

static DOCUMENT: LazyLock<Arc<Document>> =
    LazyLock::new(|| Arc::new(Document::read(include_str!("../../schemas/gitlab.json"))));

pub(crate) struct GitLab {
    pub(crate) url: Url,
    /// By path.
    pub(crate) projects: BTreeMap<String, Project>,
    /// Old paths and the new ones.
    pub(crate) moved: HashMap<String, String>,
    /// Whether commits are signed.
    pub(crate) signs: bool,
    /// The free edition takes one reviewer and one assignee.
    pub(crate) people_max: usize,
    ids: u64,
    now_unix_s: i64,
}

pub(crate) struct Project {
    pub(crate) id: u64,
    pub(crate) path: String,
    pub(crate) git: Git,
    pub(crate) requests: BTreeMap<u64, Request>,
    pub(crate) notes: BTreeMap<u64, Note>,
    /// Commit, then the statuses, the newest last.
    pub(crate) statuses: HashMap<String, Vec<Value>>,
    pub(crate) members: BTreeMap<String, u64>,
    pub(crate) visibility: &'static str,
    pub(crate) signed: BTreeSet<String>,
    pub(crate) issues: BTreeMap<u64, Issue>,
    pub(crate) has_issues: bool,
    /// What keeps every merge back, in the words of `detailed_merge_status`, and the status that says so.
    pub(crate) kept_back: Option<(&'static str, u16)>,
}

pub(crate) struct Issue {
    pub(crate) author: String,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) is_open: bool,
    pub(crate) updated: i64,
}

pub(crate) struct Request {
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) source: String,
    pub(crate) target: String,
    pub(crate) sha: String,
    /// `opened`, `closed` or `merged`.
    pub(crate) state: &'static str,
    pub(crate) merge_commit: Option<String>,
    pub(crate) labels: BTreeSet<String>,
    pub(crate) reviewers: BTreeSet<String>,
    pub(crate) assignees: BTreeSet<String>,
    /// Who approved, and when, where it tells.
    pub(crate) approvals: Vec<(String, Option<i64>)>,
    /// What those who are asked did.
    pub(crate) states: BTreeMap<String, &'static str>,
    pub(crate) from: u64,
    pub(crate) created: i64,
    pub(crate) updated: i64,
}

pub(crate) struct Note {
    pub(crate) request: u64,
    pub(crate) author: String,
    pub(crate) body: String,
    pub(crate) is_system: bool,
    pub(crate) kind: Option<&'static str>,
    pub(crate) created: i64,
    pub(crate) updated: i64,
    pub(crate) awards: BTreeSet<(String, String)>,
}

impl Forge for GitLab {
    fn document(&self) -> (&'static str, Arc<Document>) {
        (PREFIX, Arc::clone(&DOCUMENT))
    }

    fn undocumented(&self, _path: &str) -> bool {
        false
    }

    fn answer(&mut self, asked: &Asked) -> Reply {
        if asked.header("private-token") != TOKEN {
            return Reply::said(401, "401 Unauthorized");
        }
        match asked.operation.as_str() {
            "GET /user" => {
                let email = shapes::own_email();
                let mut user = shapes::user(ACCOUNT);
                (user["email"], user["commit_email"]) = (json!(email), json!(email));
                Reply::ok(user)
            }
            "GET /users" => {
                let login = asked.of("username").unwrap().to_ascii_lowercase();
                let is_known = self.projects.values().any(|project| project.members.contains_key(&login));
                Reply::ok(if is_known { json!([shapes::user(&login)]) } else { json!([]) })
            }
            operation => {
                let id = &asked.names[0];
                if let Some(to) = self.moved.get(id) {
                    let place = format!("{}api/v4/projects/{}", self.url, to.replace('/', "%2F"));
                    return Reply::new(301, Value::Null).with("location", place);
                }
                let of_it =
                    |(path, project): &(&String, &Project)| *path == id || project.id.to_string() == *id;
                let Some(path) = self.projects.iter().find(of_it).map(|(path, _)| path.clone()) else {
                    return Reply::said(404, "404 Project Not Found");
                };
                let mut project = self.projects.remove(&path).unwrap();
                let reply = self.dispatch(&mut project, operation, asked);
                self.projects.insert(path, project);
                reply
            }
        }
    }
}

impl GitLab {
    pub(crate) fn new(url: &Url) -> Self {
        Self {
            url: url.clone(),
            projects: BTreeMap::new(),
            moved: HashMap::new(),
            signs: false,
            people_max: usize::MAX,
            ids: 100,
            now_unix_s: 1_790_000_000,
        }
    }

    pub(crate) fn create(&mut self, path: &str, files: &FileSet) {
        let files = files.iter().map(|(path, content)| (path.as_str(), content.as_slice()));
        let owner = path.split('/').next().unwrap();
        let members = [(owner, 50), ("writer", 30), ("reader", 20), (ACCOUNT, 30)];
        let project = Project {
            id: self.next_id(),
            path: path.to_owned(),
            git: Git::new("main", files),
            requests: BTreeMap::new(),
            notes: BTreeMap::new(),
            statuses: HashMap::new(),
            members: members.into_iter().map(|(name, role)| (name.to_owned(), role)).collect(),
            visibility: "private",
            signed: BTreeSet::new(),
            issues: BTreeMap::new(),
            has_issues: true,
            kept_back: None,
        };
        self.projects.insert(path.to_owned(), project);
    }

    /// Each look at the clock is two seconds later.
    pub(crate) fn now(&mut self) -> i64 {
        self.now_unix_s += 2;
        self.now_unix_s
    }

    pub(crate) fn next_id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    pub(crate) fn of(&mut self, path: &str) -> &mut Project {
        self.projects.get_mut(path).unwrap()
    }

    /// Gives a project another path; the old one leads to it.
    pub(crate) fn rename(&mut self, from: &str, to: &str) {
        let mut project = self.projects.remove(from).unwrap();
        project.path = to.to_owned();
        self.moved.insert(from.to_owned(), to.to_owned());
        self.projects.insert(to.to_owned(), project);
    }

    /// Somebody says something.
    pub(crate) fn say_at(&mut self, path: &str, request: u64, who: &str, text: &str) -> u64 {
        let mut project = self.projects.remove(path).unwrap();
        let id = self.say(&mut project, request, who, text, false);
        self.projects.insert(path.to_owned(), project);
        id
    }

    fn say(&mut self, at: &mut Project, request: u64, who: &str, text: &str, is_system: bool) -> u64 {
        let (id, now) = (self.next_id(), self.now());
        at.requests.get_mut(&request).unwrap().updated = now;
        let note = Note {
            request,
            author: who.to_owned(),
            body: text.to_owned(),
            is_system,
            kind: None,
            created: now,
            updated: now,
            awards: BTreeSet::new(),
        };
        at.notes.insert(id, note);
        id
    }

    fn dispatch(&mut self, at: &mut Project, operation: &str, asked: &Asked) -> Reply {
        let (method, path) = operation.split_once(" /projects/{id}").unwrap();
        match path {
            "" => Reply::ok(shapes::project(at)),
            "/members/all/{user_id}" => {
                let role =
                    at.members.iter().find(|(name, _)| shapes::id_of(name).to_string() == asked.names[1]);
                match role {
                    Some((name, role)) => {
                        let mut member = shapes::user(name);
                        member["access_level"] = json!(role);
                        Reply::ok(member)
                    }
                    None => Reply::said(404, "404 Not found"),
                }
            }
            _ if path.starts_with("/repository") || path.starts_with("/statuses") => {
                self.repository(at, method, path, asked)
            }
            "/merge_requests/{merge_request_iid}/approvals"
            | "/merge_requests/{merge_request_iid}/reviewers"
            | "/merge_requests/{merge_request_iid}/merge" => self.judged(at, path, asked),
            _ if path.starts_with("/issues") => self.issues(at, method, asked),
            _ => self.requests(at, method, path, asked),
        }
    }
}

/// A list in pages, with the headers that GitLab gives.
fn listed(asked: &Asked, items: Vec<Value>) -> Reply {
    let (part, page, pages) = page_of(asked, items, 20);
    let next = if page < pages { (page + 1).to_string() } else { String::new() };
    Reply::ok(Value::Array(part)).with("x-next-page", next).with("x-total-pages", pages.max(1).to_string())
}
