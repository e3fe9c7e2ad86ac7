//! The floor: what curl takes for the queries that kubeopt sent, two at a time as kubeopt sends them, with the answers
//! thrown away.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kubeopt_tests::OrFail;
use serde_json::Value;

/// What curl took.
pub(crate) struct Floor {
    pub(crate) wall: Duration,
    /// Bytes of the answers.
    pub(crate) bytes: u64,
}

/// Sends queries as Prometheus' log tells them, in their order, with one curl that keeps its connections.
pub(crate) fn replay(url: &str, queries: &[Value], folder: &Path) -> Floor {
    let config = folder.join("replay.curl");
    let parts: Vec<String> = queries.iter().map(|query| request(url, query)).collect();
    std::fs::write(&config, parts.join("next\n")).or_fail("write the queries for curl");
    let begun = Instant::now();
    let output = Command::new("curl")
        .args(["--parallel", "--parallel-max", "2", "--no-progress-meter", "--config"])
        .arg(&config)
        .stdin(Stdio::null())
        .output()
        .or_fail("run curl");
    let wall = begun.elapsed();
    let said = String::from_utf8_lossy(&output.stdout);
    let answers: Vec<(&str, &str)> = said.lines().filter_map(|line| line.split_once(' ')).collect();
    let failed = answers.iter().filter(|(status, _)| *status != "200").count();
    assert!(
        output.status.success() && failed == 0 && answers.len() == queries.len(),
        "curl got {} answers to {} queries, {failed} of them refused: {}",
        answers.len(),
        queries.len(),
        String::from_utf8_lossy(&output.stderr)
    );
    let bytes = answers.iter().filter_map(|(_, bytes)| bytes.parse::<u64>().ok()).sum();
    Floor { wall, bytes }
}

/// One query in the words of curl's configuration files.
fn request(url: &str, query: &Value) -> String {
    let path = query["httpRequest"]["path"].as_str().expect("the query log names the path of a query");
    let text = |name: &str| query["params"][name].as_str().unwrap_or_default().to_owned();
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let mut lines = vec![
        format!("url = \"{url}{path}\""),
        format!("data-urlencode = \"query={}\"", quoted(&text("query"))),
        "output = \"/dev/null\"".to_owned(),
        "write-out = \"%{http_code} %{size_download}\\n\"".to_owned(),
    ];
    if path.ends_with("query_range") {
        lines.push(format!("data-urlencode = \"start={}\"", text("start")));
        lines.push(format!("data-urlencode = \"end={}\"", text("end")));
        lines.push(format!("data-urlencode = \"step={}\"", query["params"]["step"]));
    } else {
        lines.push(format!("data-urlencode = \"time={}\"", text("end")));
    }
    lines.join("\n") + "\n"
}
