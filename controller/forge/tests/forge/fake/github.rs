//! A GitHub that is not the real one, as an Enterprise server with its API below `/api/v3`.

mod branches;
mod judgement;
mod pulls;
mod shapes;
mod talk;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use kubeopt_model::FileSet;
use kubeopt_net::Url;
use ring::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use serde_json::{Value, json};

use super::git::Git;
use super::openapi::Document;
use super::server::{Asked, Forge, Reply, page_of};

pub(crate) const TOKEN: &str = "ghp_0123456789abcdefghij0123456789abcdef";
pub(crate) const APP_ID: &str = "1234";
pub(crate) const APP_KEY: &str = include_str!("../app-key-of-the-test.pem");
const PREFIX: &str = "/api/v3";

/// The account of [`TOKEN`], and the App's.
pub(crate) const ACCOUNT: &str = "kubeopt-bot";
pub(crate) const APP: &str = "kubeopt[bot]";

static DOCUMENT: LazyLock<Arc<Document>> =
    LazyLock::new(|| Arc::new(Document::read(include_str!("../../schemas/github.json"))));

pub(crate) struct GitHub {
    pub(crate) url: Url,
    pub(crate) repositories: BTreeMap<String, Repository>,
    /// Old full names and the ids of what has them now.
    pub(crate) moved: HashMap<String, u64>,
    /// Installation tokens that hold, and how long new ones say to hold.
    pub(crate) installation_tokens: BTreeSet<String>,
    pub(crate) token_life_s: i64,
    installation: u64,
    /// How far its clock is from ours.
    pub(crate) clock_off_s: i64,
    /// Whether commits of the App are signed.
    pub(crate) signs: bool,
    /// Trees with more entries are cut.
    pub(crate) tree_entries_max: usize,
    minted: usize,
    ids: u64,
    now_unix_s: i64,
}

pub(crate) struct Repository {
    pub(crate) id: u64,
    pub(crate) owner: String,
    pub(crate) name: String,
    pub(crate) git: Git,
    pub(crate) pulls: BTreeMap<u64, Pull>,
    pub(crate) comments: BTreeMap<u64, Comment>,
    /// Commit, then the statuses, the newest last.
    pub(crate) statuses: HashMap<String, Vec<Value>>,
    /// Who may do what; names in lower case.
    pub(crate) people: BTreeMap<String, &'static str>,
    /// Commit, then the check runs, the newest last.
    pub(crate) check_runs: HashMap<String, Vec<Value>>,
    pub(crate) issues: BTreeMap<u64, Issue>,
    pub(crate) has_issues: bool,
    /// What keeps every merge back.
    pub(crate) protection: Option<String>,
    signed: BTreeSet<String>,
    numbers: u64,
}

pub(crate) struct Issue {
    pub(crate) author: String,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) is_open: bool,
    pub(crate) updated: i64,
}

pub(crate) struct Review {
    pub(crate) id: u64,
    /// None where the account is gone.
    pub(crate) author: Option<String>,
    pub(crate) state: &'static str,
    pub(crate) oid: String,
    pub(crate) submitted: i64,
}

pub(crate) struct Pull {
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) head: String,
    pub(crate) head_oid: String,
    pub(crate) base: String,
    pub(crate) author: String,
    pub(crate) is_open: bool,
    pub(crate) is_draft: bool,
    pub(crate) merged: Option<(String, i64)>,
    pub(crate) labels: BTreeSet<String>,
    pub(crate) reviewers: BTreeSet<String>,
    pub(crate) teams: BTreeSet<String>,
    pub(crate) assignees: BTreeSet<String>,
    pub(crate) reviews: Vec<Review>,
    pub(crate) created: i64,
    pub(crate) updated: i64,
    /// Of the repository that it comes from.
    pub(crate) from: u64,
}

pub(crate) struct Comment {
    pub(crate) pull: u64,
    pub(crate) author: String,
    pub(crate) body: String,
    pub(crate) created: i64,
    pub(crate) updated: i64,
    pub(crate) reactions: BTreeMap<String, BTreeSet<String>>,
}

impl Forge for GitHub {
    fn document(&self) -> (&'static str, Arc<Document>) {
        (PREFIX, Arc::clone(&DOCUMENT))
    }

    fn undocumented(&self, path: &str) -> bool {
        path == "/api/graphql" || path.starts_with("/api/v3/repositories/")
    }

    fn answer(&mut self, asked: &Asked) -> Reply {
        let bearer = asked.header("authorization").strip_prefix("Bearer ").unwrap_or_default().to_owned();
        match asked.operation.as_str() {
            "GET /app"
            | "GET /repos/{owner}/{repo}/installation"
            | "POST /app/installations/{installation_id}/access_tokens" => {
                let now = jiff::Timestamp::now().as_second() + self.clock_off_s;
                let date = jiff::Timestamp::from_second(now).unwrap();
                let date = date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
                let reply = if is_claim(&bearer, now) { self.app(asked) } else { bad_credentials() };
                return reply.with("date", date);
            }
            _ => {}
        }
        let Some(who) = self.who(&bearer) else { return bad_credentials() };
        match asked.operation.as_str() {
            "GET /user" => return Reply::ok(json!({"id": id_of(&who), "login": who, "type": "User"})),
            "POST /api/graphql" => return self.graphql(asked),
            _ => {}
        }
        if let Some((_, place)) = asked.operation.split_once(" /api/v3/repositories/") {
            let (id, rest) = place.split_once('/').unwrap_or((place, ""));
            return self.by_id(id, rest, asked);
        }
        let full_name = format!("{}/{}", asked.names[0], asked.names[1]);
        if let Some(id) = self.moved.get(&full_name) {
            return self.moved_to(*id, asked);
        }
        self.in_repository(&full_name, &who, asked)
    }
}

impl GitHub {
    pub(crate) fn new(url: &Url) -> Self {
        Self {
            url: url.clone(),
            repositories: BTreeMap::new(),
            moved: HashMap::new(),
            installation_tokens: BTreeSet::new(),
            token_life_s: 3600,
            installation: 77,
            clock_off_s: 0,
            signs: true,
            tree_entries_max: 100_000,
            minted: 0,
            ids: 100,
            now_unix_s: 1_790_000_000,
        }
    }

    pub(crate) fn create(&mut self, owner: &str, name: &str, files: &FileSet) {
        let files = files.iter().map(|(path, content)| (path.as_str(), content.as_slice()));
        let people =
            [(owner, "admin"), ("writer", "write"), ("reader", "read"), (ACCOUNT, "write"), (APP, "write")];
        let repository = Repository {
            id: self.next_id(),
            owner: owner.to_owned(),
            name: name.to_owned(),
            git: Git::new("main", files),
            pulls: BTreeMap::new(),
            comments: BTreeMap::new(),
            statuses: HashMap::new(),
            check_runs: HashMap::new(),
            issues: BTreeMap::new(),
            has_issues: true,
            protection: None,
            people: people.into_iter().map(|(name, may)| (name.to_ascii_lowercase(), may)).collect(),
            signed: BTreeSet::new(),
            numbers: 0,
        };
        self.repositories.insert(format!("{owner}/{name}"), repository);
    }

    /// Each look at the clock is a second later.
    pub(crate) fn now(&mut self) -> i64 {
        self.now_unix_s += 1;
        self.now_unix_s
    }

    pub(crate) fn next_id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    pub(crate) fn of(&mut self, full_name: &str) -> &mut Repository {
        self.repositories.get_mut(full_name).unwrap()
    }

    /// Gives a repository another name; the old one leads to it.
    pub(crate) fn rename(&mut self, from: &str, to: &str) {
        let mut repository = self.repositories.remove(from).unwrap();
        let (owner, name) = to.split_once('/').unwrap();
        (repository.owner, repository.name) = (owner.to_owned(), name.to_owned());
        self.moved.insert(from.to_owned(), repository.id);
        self.repositories.insert(to.to_owned(), repository);
    }

    /// The App is taken away and installed again.
    pub(crate) fn install_anew(&mut self) {
        self.installation += 1;
        self.installation_tokens.clear();
    }

    fn who(&self, bearer: &str) -> Option<String> {
        if bearer == TOKEN {
            return Some(ACCOUNT.to_owned());
        }
        self.installation_tokens.contains(bearer).then(|| APP.to_owned())
    }

    fn app(&mut self, asked: &Asked) -> Reply {
        match asked.operation.as_str() {
            "GET /app" => Reply::ok(json!({"id": 1234, "slug": "kubeopt"})),
            "GET /repos/{owner}/{repo}/installation" => {
                match self.repositories.contains_key(&format!("{}/{}", asked.names[0], asked.names[1])) {
                    true => Reply::ok(json!({"id": self.installation})),
                    false => not_found(),
                }
            }
            _ if asked.names[0] == self.installation.to_string() => {
                self.minted += 1;
                let token = format!("ghs_{:036}", self.minted);
                self.installation_tokens.insert(token.clone());
                let end = jiff::Timestamp::now().as_second() + self.token_life_s;
                Reply::new(
                    201,
                    json!({
                        "token": token, "expires_at": shapes::time(end),
                        "permissions": {"contents": "write", "pull_requests": "write", "metadata": "read"},
                    }),
                )
            }
            _ => not_found(),
        }
    }

    fn moved_to(&self, id: u64, asked: &Asked) -> Reply {
        let (_, path) = asked.operation.split_once("{repo}").unwrap();
        let mut names = asked.names[2..].iter();
        let rest: Vec<String> = path
            .split('/')
            .map(|part| if part.starts_with('{') { names.next().unwrap().clone() } else { part.to_owned() })
            .collect();
        let query: Vec<String> = asked.query.iter().map(|(name, text)| format!("{name}={text}")).collect();
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        let place = format!("{}api/v3/repositories/{id}{}{query}", self.url, rest.join("/"));
        Reply::new(301, json!({"message": "Moved Permanently", "url": place})).with("location", place)
    }

    /// What a redirect leads to; the document of the API does not have it.
    fn by_id(&mut self, id: &str, rest: &str, asked: &Asked) -> Reply {
        let found = self.repositories.iter().find(|(_, repository)| repository.id.to_string() == id);
        let Some((full_name, _)) = found else { return not_found() };
        let full_name = full_name.clone();
        let (owner, name) = full_name.split_once('/').unwrap();
        let mut parts = vec!["repos".to_owned(), owner.to_owned(), name.to_owned()];
        parts.extend(rest.split('/').filter(|part| !part.is_empty()).map(str::to_owned));
        let Some((operation, names)) = DOCUMENT.operation(&asked.method, &parts) else { return not_found() };
        let again = Asked {
            method: asked.method.clone(),
            operation: operation.name.clone(),
            names,
            query: asked.query.clone(),
            headers: asked.headers.clone(),
            body: asked.body.clone(),
        };
        let mut reply = self.in_repository(&full_name, ACCOUNT, &again);
        reply.body = DOCUMENT.answer(operation, reply.status, reply.body).unwrap();
        reply
    }

    fn in_repository(&mut self, full_name: &str, who: &str, asked: &Asked) -> Reply {
        let Some(mut repository) = self.repositories.remove(full_name) else { return not_found() };
        let reply = self.dispatch(&mut repository, who, asked);
        self.repositories.insert(full_name.to_owned(), repository);
        reply
    }

    fn dispatch(&mut self, at: &mut Repository, who: &str, asked: &Asked) -> Reply {
        let (method, path) = asked.operation.split_once(" /repos/{owner}/{repo}").unwrap();
        match (method, path) {
            ("GET", "") => Reply::ok(shapes::repository(at, who)),
            (
                _,
                "/commits/{ref}/status"
                | "/commits/{ref}/check-runs"
                | "/pulls/{pull_number}/reviews"
                | "/pulls/{pull_number}/merge"
                | "/issues"
                | "/issues/{issue_number}",
            ) => self.judged(at, who, method, path, asked),
            (_, path)
                if path.starts_with("/git/")
                    || path.starts_with("/commits/{ref}") && !path.ends_with("statuses") =>
            {
                self.git(at, who, method, path, asked)
            }
            (_, path) if path.starts_with("/pulls") => self.pulls(at, who, method, path, asked),
            ("GET", "/collaborators/{username}/permission") => talk::permission(at, &asked.names[2]),
            (
                _,
                "/issues/{issue_number}/labels"
                | "/issues/{issue_number}/labels/{name}"
                | "/issues/{issue_number}/assignees",
            ) => self.arranged(at, method, path, asked),
            (_, _) => self.talk(at, who, method, path, asked),
        }
    }

    /// A list in pages, with links as GitHub gives them.
    fn listed(&self, asked: &Asked, at: &Repository, items: Vec<Value>) -> Reply {
        let path = asked.operation.split_once("{repo}").map_or("", |(_, rest)| rest);
        let mut names = asked.names[2..].iter();
        let path: Vec<String> = path
            .split('/')
            .map(|part| if part.starts_with('{') { names.next().unwrap().clone() } else { part.to_owned() })
            .collect();
        let (part, page, pages) = page_of(asked, items, 30);
        let link = |page: usize, rel: &str| {
            let mut url =
                Url::parse(&format!("{}api/v3/repos/{}/{}{}", self.url, at.owner, at.name, path.join("/")))
                    .unwrap();
            let others = asked.query.iter().filter(|(name, _)| name != "page");
            url.query_pairs_mut().extend_pairs(others).append_pair("page", &page.to_string());
            format!("<{url}>; rel=\"{rel}\"")
        };
        let reply = Reply::ok(Value::Array(part));
        if page < pages {
            return reply.with("link", format!("{}, {}", link(page + 1, "next"), link(pages, "last")));
        }
        if page > 1 { reply.with("link", link(1, "first")) } else { reply }
    }
}

impl Repository {
    /// Issues and pull requests are counted together.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }
}

/// A number for each account.
pub(crate) fn id_of(login: &str) -> u64 {
    login.bytes().fold(7, |id, byte| (id * 31 + u64::from(byte)) % 1_000_000_007)
}

fn not_found() -> Reply {
    Reply::new(
        404,
        json!({"message": "Not Found", "documentation_url": "https://docs.example/", "status": "404"}),
    )
}

fn invalid(message: &str) -> Reply {
    Reply::new(422, json!({"message": "Validation Failed", "errors": [{"message": message}]}))
}

fn bad_credentials() -> Reply {
    Reply::said(401, "Bad credentials")
}

/// Whether it is signed with the App's key, by the App, began in the past, and holds for ten minutes at most.
fn is_claim(jwt: &str, now: i64) -> bool {
    let Some((signed, signature)) = jwt.rsplit_once('.') else { return false };
    let decoded = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
    let body: String = APP_KEY.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = base64::prelude::BASE64_STANDARD.decode(body).unwrap();
    let pair = RsaKeyPair::from_der(&der).unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref().to_vec());
    if public.verify(signed.as_bytes(), &decoded(signature)).is_err() {
        return false;
    }
    let claims: Value = serde_json::from_slice(&decoded(signed.split_once('.').unwrap().1)).unwrap();
    let (from, to) = (claims["iat"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
    claims["iss"] == json!(APP_ID) && from <= now && now < to && to <= now + 600
}
