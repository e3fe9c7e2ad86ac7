//! A server that speaks Prometheus' query API for the tests' apps, in several moods.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kubeopt_net::{Client, ClientPolicy, HostRule, Url};
use kubeopt_observe::{Prometheus, PrometheusOptions};
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::apps::{App, quiet_bytes, quiet_millicores};

/// How the server is today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// It answers.
    Fine,
    /// It gives up on every query after its own time limit.
    Slow,
    /// It has no usage of containers.
    Bare,
    /// It has usage, of other clusters only.
    Foreign,
    /// It answers, and warns that a store behind it did not.
    Warns,
}

/// The server and the way to it.
pub(crate) struct Played {
    server: MockServer,
    mood: Arc<Mutex<Mood>>,
}

impl Played {
    pub(crate) async fn of(apps: &[App], mood: Mood) -> Self {
        let mood = Arc::new(Mutex::new(mood));
        let server = MockServer::start().await;
        let answers = Answers { apps: apps.to_vec(), mood: Arc::clone(&mood) };
        Mock::given(any()).respond_with(answers).mount(&server).await;
        Self { server, mood }
    }

    pub(crate) fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// kubeopt's own client to it.
    pub(crate) fn source(&self) -> Prometheus {
        source_at(&self.server.uri())
    }
}

/// kubeopt's own client to an address.
pub(crate) fn source_at(address: &str) -> Prometheus {
    let url = Url::parse(address).unwrap();
    let client = Client::new(ClientPolicy::new(vec![HostRule::for_url(&url).unwrap()])).unwrap();
    let mut options = PrometheusOptions::new(url);
    options.first_wait = Duration::from_millis(1);
    Prometheus::new(client, options).unwrap()
}

struct Answers {
    apps: Vec<App>,
    mood: Arc<Mutex<Mood>>,
}

impl Respond for Answers {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let body = String::from_utf8_lossy(&request.body);
        let url = Url::parse(&format!("http://form/?{body}")).unwrap();
        let form: HashMap<String, String> = url.query_pairs().into_owned().collect();
        let mood = *self.mood.lock().unwrap();
        if mood == Mood::Slow {
            let error = "query timed out in expression evaluation";
            let json = json!({"status": "error", "errorType": "timeout", "error": error});
            return ResponseTemplate::new(503).set_body_json(json);
        }
        let (kind, rows) = if request.url.path().ends_with("query_range") {
            ("matrix", self.rows(mood, &form))
        } else {
            ("vector", counted(mood))
        };
        let mut json = json!({"status": "success", "data": {"resultType": kind, "result": rows}});
        if mood == Mood::Warns {
            json["warnings"] = json!(["fetch series: store 10.0.0.7 did not answer"]);
        }
        ResponseTemplate::new(200).set_body_json(json)
    }
}

impl Answers {
    fn rows(&self, mood: Mood, form: &HashMap<String, String>) -> Vec<Value> {
        let query = form["query"].as_str();
        let value: fn(i64) -> f64 = if query.contains("container_cpu_usage_seconds_total") {
            quiet_millicores
        } else if query.contains("container_memory_working_set_bytes") {
            quiet_bytes
        } else {
            return vec![];
        };
        if matches!(mood, Mood::Bare | Mood::Foreign) {
            return vec![];
        }
        let number = |name: &str| form[name].parse::<i64>().unwrap();
        let (start, end, step) = (number("start"), number("end"), number("step"));
        let times = (0..).map(|n| start + n * step).take_while(|at| *at <= end);
        let values: Vec<Value> = times.map(|at| json!([at, value(at - step).to_string()])).collect();
        let row = |app: &App| {
            let metric = json!({"namespace": app.namespace, "pod": app.pod_name(), "container": "main"});
            json!({"metric": metric, "values": values})
        };
        self.apps.iter().map(row).collect()
    }
}

/// The answer to how many containers there are at all.
fn counted(mood: Mood) -> Vec<Value> {
    match mood {
        Mood::Bare => vec![],
        Mood::Fine | Mood::Slow | Mood::Foreign | Mood::Warns => {
            vec![json!({"metric": {}, "value": [0, "12"]})]
        }
    }
}
