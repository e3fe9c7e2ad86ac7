//! Prometheus, with a history that was written before it started.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::process::{Launch, Process};
use crate::usage::Usage;
use crate::{OrFail, port, servers, wait};

/// Where Prometheus notes each query, in its working directory.
const QUERY_LOG: &str = "queries.log";

/// A running Prometheus.
pub struct Prometheus {
    address: String,
    url: String,
    http: reqwest::Client,
    process: Process,
    folder: TempDir,
}

impl Prometheus {
    /// Starts Prometheus with generated usage as its history.
    pub async fn start(usage: &Usage) -> Self {
        Self::start_with(
            usage
                .parts()
                .iter()
                .map(|part| |out: &mut dyn Write| part.write(out).or_fail("write generated usage to a file")),
        )
        .await
    }

    /// Starts Prometheus with what `parts` write as its history.
    ///
    /// Each part writes one OpenMetrics text without its last line, `# EOF`. Parts are loaded one
    /// after the other, so that promtool holds one of them in memory at a time; they may overlap in time.
    pub async fn start_with<F: FnOnce(&mut dyn Write)>(parts: impl IntoIterator<Item = F>) -> Self {
        let folder = crate::folder("prometheus");
        for part in parts {
            load(folder.path(), part).await;
        }
        let settings = folder.path().join("prometheus.yml");
        std::fs::write(&settings, format!("global: {{query_log_file: {QUERY_LOG}}}\nscrape_configs: []\n"))
            .or_fail("write Prometheus' settings");
        let address = format!("127.0.0.1:{}", port::free());
        let process = serve(folder.path(), &address).await;
        let url = format!("http://{address}");
        Self { address, url, http: crate::http(), process, folder }
    }

    /// Adds generated usage to the history, and starts Prometheus again at the same address.
    pub async fn add(&mut self, usage: &Usage) {
        self.process.stop();
        self.process.end(wait::START).await;
        for part in usage.parts() {
            load(self.folder.path(), |out| part.write(out).or_fail("write generated usage to a file")).await;
        }
        self.process = serve(self.folder.path(), &self.address).await;
    }

    /// The root address, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The result of an instant query, as the API gives it (`metric`, `value`).
    pub async fn query(&self, promql: &str, unix_s: i64) -> Vec<Value> {
        self.ask("query", &[("query", promql), ("time", &unix_s.to_string())]).await
    }

    /// The result of a range query, as the API gives it (`metric`, `values`).
    pub async fn query_range(&self, promql: &str, (start_s, end_s): (i64, i64), step_s: u32) -> Vec<Value> {
        let (start, end, step) = (start_s.to_string(), end_s.to_string(), step_s.to_string());
        self.ask("query_range", &[("query", promql), ("start", &start), ("end", &end), ("step", &step)]).await
    }

    /// The range queries that others have sent so far, oldest first: `query`, `start`, `end`, `step`.
    pub fn range_queries(&self) -> Vec<Value> {
        let log = std::fs::read_to_string(self.folder.path().join(QUERY_LOG)).unwrap_or_default();
        let entries = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        entries.map(|entry| entry["params"].clone()).filter(|params| params["step"] != 0).collect()
    }

    /// The answer to one of [`Self::range_queries`], to the millisecond at which it was asked.
    pub async fn answer_again(&self, query: &Value) -> Vec<Value> {
        let text = |key: &str| query[key].as_str().unwrap_or_default();
        let step = query["step"].to_string();
        let form =
            [("query", text("query")), ("start", text("start")), ("end", text("end")), ("step", &step)];
        self.ask("query_range", &form).await
    }

    async fn ask(&self, call: &str, form: &[(&str, &str)]) -> Vec<Value> {
        let request = self.http.post(format!("{}/api/v1/{call}", self.url)).form(form);
        let answer = request.send().await.or_fail("reach Prometheus");
        let answer: Value = answer.json().await.or_fail("read Prometheus' answer");
        assert!(answer["status"] == "success", "Prometheus refused {form:?}: {answer}");
        answer["data"]["result"].as_array().cloned().unwrap_or_default()
    }

    /// The folder of Prometheus' blocks.
    pub fn data_folder(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    /// The server's process.
    pub fn process(&self) -> &Process {
        &self.process
    }
}

/// Starts Prometheus on what its folder holds.
async fn serve(folder: &Path, address: &str) -> Process {
    let process = Launch::new("prometheus", servers::program("prometheus", "prometheus"))
        .home(folder)
        .flag("--config.file", folder.join("prometheus.yml"))
        .flag("--storage.tsdb.path", folder.join("data"))
        .arg("--storage.tsdb.retention.time=90d")
        .flag("--web.listen-address", address)
        .arg("--log.level=info")
        .spawn(folder);
    process.until_healthy(&format!("http://{address}/-/ready")).await;
    process
}

/// Blocks as long as they get: with its default of two hours promtool reads the whole text once
/// for each, which takes a hundred times as long for a fortnight.
const BLOCK: &str = "--max-block-duration=1000h";

async fn load(folder: &Path, part: impl FnOnce(&mut dyn Write)) {
    let text = folder.join("history.txt");
    let mut out = BufWriter::with_capacity(1 << 20, File::create(&text).or_fail("write history"));
    part(&mut out);
    out.write_all(b"# EOF\n").and_then(|()| out.flush()).or_fail("write history");
    drop(out);
    Launch::new("promtool", servers::program("prometheus", "promtool"))
        .home(folder)
        .args(["tsdb", "create-blocks-from", BLOCK, "openmetrics", "--quiet"])
        .arg(&text)
        .arg(folder.join("data"))
        .run()
        .await;
    std::fs::remove_file(&text).or_fail("remove the loaded history");
}
