//! What the fakes have in common: a server that notes what is asked, checks it, injects faults, and answers with tags
//! and pages.

use std::io::Write as _;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use kubeopt_net::Url;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::openapi::Document;

/// A request as a fake sees it.
pub(crate) struct Asked {
    pub(crate) method: String,
    /// The operation, such as `GET /repos/{owner}/{repo}`; for what is in no document, method and path.
    pub(crate) operation: String,
    /// What stands in the place of the operation's names.
    pub(crate) names: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Asked {
    pub(crate) fn of(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(other, _)| other == name).map(|(_, text)| text.as_str())
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// An answer, before it is checked.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Value,
}

impl Reply {
    pub(crate) fn new(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body }
    }

    pub(crate) fn ok(body: Value) -> Self {
        Self::new(200, body)
    }

    pub(crate) fn said(status: u16, message: &str) -> Self {
        Self::new(status, json!({"message": message}))
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// What goes wrong with a request.
#[derive(Clone)]
pub(crate) enum Wrong {
    /// It is answered so, and nothing is done.
    Instead(u16, Vec<(&'static str, String)>, &'static str),
    /// It is done, and the answer is lost on the way.
    DoneBut(u16),
    /// Its answer has this header.
    Header(&'static str, String),
    /// Its answer ends in the middle.
    Cut,
}

struct Fault {
    operation: &'static str,
    times: usize,
    wrong: Wrong,
}

/// What a fake forge does.
pub(crate) trait Forge: Send + 'static {
    /// The path before the API, and the document of the API.
    fn document(&self) -> (&'static str, Arc<Document>);

    /// Does it and answers.
    fn answer(&mut self, asked: &Asked) -> Reply;

    /// A path that the document does not have, such as GraphQL's.
    fn undocumented(&self, path: &str) -> bool;
}

pub(crate) struct Server<F> {
    pub(crate) forge: Arc<Mutex<F>>,
    pub(crate) url: Url,
    watch: Arc<Mutex<Watch>>,
}

#[derive(Default)]
struct Watch {
    seen: Vec<String>,
    tokens: Vec<String>,
    not_modified: usize,
    violations: Vec<String>,
    faults: Vec<Fault>,
}

struct Shared<F> {
    forge: Arc<Mutex<F>>,
    watch: Arc<Mutex<Watch>>,
}

impl<F: Forge> Server<F> {
    pub(crate) async fn start(make: impl FnOnce(&Url) -> F) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let forge = Arc::new(Mutex::new(make(&url)));
        let watch = Arc::new(Mutex::new(Watch::default()));
        let shared = Arc::new(Shared { forge: Arc::clone(&forge), watch: Arc::clone(&watch) });
        let router = axum::Router::new().fallback(handle::<F>).with_state(shared);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { forge, url, watch }
    }

    /// The next `times` requests of an operation go wrong.
    pub(crate) fn fault(&self, operation: &'static str, times: usize, wrong: Wrong) {
        self.watch.lock().unwrap().faults.push(Fault { operation, times, wrong });
    }

    /// The operations that were asked for since the last call.
    pub(crate) fn take_seen(&self) -> Vec<String> {
        std::mem::take(&mut self.watch.lock().unwrap().seen)
    }

    /// The `Authorization` or token of each request.
    pub(crate) fn tokens(&self) -> Vec<String> {
        self.watch.lock().unwrap().tokens.clone()
    }

    pub(crate) fn not_modified(&self) -> usize {
        self.watch.lock().unwrap().not_modified
    }

    /// Everything that passed was what the document says.
    pub(crate) fn assert_documented(&self) {
        assert_eq!(self.watch.lock().unwrap().violations, [] as [String; 0]);
    }
}

/// A clause that fails on the 500 for an undocumented request is told why.
impl<F> Drop for Server<F> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let watch = self.watch.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let _told = writeln!(std::io::stderr(), "not as documented: {:#?}", watch.violations);
        }
    }
}

async fn handle<F: Forge>(
    State(shared): State<Arc<Shared<F>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let outcome = take(&shared, &method, &uri, headers, &body);
    outcome.unwrap_or_else(|why| {
        shared.watch.lock().unwrap().violations.push(why.clone());
        written(500, &[], why.into_bytes())
    })
}

fn take<F: Forge>(
    shared: &Shared<F>,
    method: &Method,
    uri: &Uri,
    headers: HeaderMap,
    body: &Bytes,
) -> Result<Response<Body>, String> {
    let mut forge = shared.forge.lock().unwrap();
    let (prefix, document) = forge.document();
    let known_tag = headers.get("if-none-match").and_then(|tag| tag.to_str().ok()).map(str::to_owned);
    let body: Value = match body.is_empty() {
        true => Value::Null,
        false => parsed(&headers, body)?,
    };
    let query: Vec<(String, String)> = Url::parse(&format!("http://x/?{}", uri.query().unwrap_or_default()))
        .unwrap()
        .query_pairs()
        .into_owned()
        .collect();
    let mut asked = Asked {
        method: method.to_string(),
        operation: format!("{method} {}", uri.path()),
        names: Vec::new(),
        query,
        headers,
        body,
    };
    let found = if forge.undocumented(uri.path()) {
        None
    } else {
        let rest =
            uri.path().strip_prefix(prefix).ok_or_else(|| format!("{}: not below the API", uri.path()))?;
        let parts: Vec<String> = rest.trim_start_matches('/').split('/').map(decoded).collect();
        match document.operation(method.as_str(), &parts) {
            None => return Err(format!("{method} {rest}: the document has no such operation")),
            Some((operation, names)) => {
                (asked.operation, asked.names) = (operation.name.clone(), names);
                document.check_request(
                    operation,
                    &asked.query,
                    Some(&asked.body).filter(|body| !body.is_null()),
                )?;
                Some(operation)
            }
        }
    };
    let wrong = shared.watch.lock().unwrap().note(&asked);
    if let Some(Wrong::Instead(status, headers, body)) = wrong {
        return Ok(written(status, &headers, body.as_bytes().to_vec()));
    }
    let mut reply = forge.answer(&asked);
    if let Some(operation) = found {
        reply.body = document.answer(operation, reply.status, reply.body)?;
    }
    let mut bytes = if reply.body.is_null() { Vec::new() } else { serde_json::to_vec(&reply.body).unwrap() };
    match wrong {
        Some(Wrong::DoneBut(status)) => return Ok(written(status, &[], Vec::new())),
        Some(Wrong::Cut) => bytes.truncate(bytes.len() / 2),
        Some(Wrong::Header(name, value)) => {
            reply.headers.retain(|(other, _)| *other != name);
            reply.headers.push((name, value));
        }
        Some(Wrong::Instead(..)) | None => {}
    }
    if asked.method == "GET" && reply.status == 200 {
        let tag = format!("\"{}\"", hex::encode(Sha256::digest(&bytes)));
        if known_tag.as_deref() == Some(&tag) {
            shared.watch.lock().unwrap().not_modified += 1;
            return Ok(written(304, &[("etag", tag)], Vec::new()));
        }
        reply.headers.push(("etag", tag));
    }
    Ok(written(reply.status, &reply.headers, bytes))
}

impl Watch {
    /// What goes wrong with it, if anything.
    fn note(&mut self, asked: &Asked) -> Option<Wrong> {
        self.seen.push(asked.operation.clone());
        let token = asked.header("authorization").to_owned() + asked.header("private-token");
        self.tokens.push(token);
        let fault =
            self.faults.iter_mut().find(|fault| fault.times > 0 && asked.operation == fault.operation)?;
        fault.times -= 1;
        Some(fault.wrong.clone())
    }
}

/// JSON, or a form as JSON: `name[]` is a list, `name[][key]` one of objects.
fn parsed(headers: &HeaderMap, body: &Bytes) -> Result<Value, String> {
    let kind = headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return serde_json::from_slice(body).map_err(|error| format!("a body that is not JSON: {error}"));
    }
    let text = std::str::from_utf8(body).map_err(|_| "a form that is not text".to_owned())?;
    let mut form = serde_json::Map::new();
    for (name, value) in Url::parse(&format!("http://x/?{text}")).unwrap().query_pairs() {
        let (list, key) = match name.split_once("[]") {
            Some((list, key)) => (list.to_owned(), key.trim_matches(['[', ']']).to_owned()),
            None => {
                form.insert(name.into_owned(), json!(value));
                continue;
            }
        };
        let items = form.entry(list).or_insert_with(|| json!([])).as_array_mut().unwrap();
        if key.is_empty() {
            items.push(json!(value));
            continue;
        }
        // A name that is there already begins the next one.
        if items.last().is_none_or(|last| last.get(&key).is_some()) {
            items.push(json!({}));
        }
        items.last_mut().unwrap()[key] = json!(value);
    }
    Ok(Value::Object(form))
}

/// A segment of a path without its percent signs.
fn decoded(part: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), part.as_bytes());
    while let [first, after @ ..] = rest {
        let code = after.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn written(status: u16, headers: &[(&'static str, String)], body: Vec<u8>) -> Response<Body> {
    let mut response = Response::builder().status(StatusCode::from_u16(status).unwrap());
    for (name, value) in headers {
        response = response.header(*name, value);
    }
    response.header("content-type", "application/json").body(Body::from(body)).unwrap()
}

/// Part of a list, by `page` and `per_page`, and how many pages there are.
pub(crate) fn page_of(asked: &Asked, items: Vec<Value>, by_default: usize) -> (Vec<Value>, usize, usize) {
    let number = |name: &str| asked.of(name).and_then(|text| text.parse::<usize>().ok());
    let (page, items_per_page) =
        (number("page").unwrap_or(1), number("per_page").unwrap_or(by_default).min(100));
    let pages = items.len().div_ceil(items_per_page);
    let part = items.into_iter().skip((page - 1) * items_per_page).take(items_per_page).collect();
    (part, page, pages)
}
