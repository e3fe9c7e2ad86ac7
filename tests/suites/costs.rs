//! `kubeopt costs` and `kubeopt savings` as processes: what was typed wrong, what is not known, and the formats, against a
//! server that answers as the API server of a recorded cluster did.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use kubeopt_tests::OrFail;
use serde_json::{Value, json};

use crate::program::binary;

/// Longest request head that is read: the program sends less than a kilobyte.
const HEAD_BYTES_MAX: usize = 16 * 1024;

fn kubeopt(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command.args(args).current_dir(folder).env("NO_COLOR", "1").env("HOME", folder).env_remove("KUBECONFIG");
    command.env_remove("KUBEOPT_PROMETHEUS").output().or_fail("run kubeopt")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The lists that the API server of the recorded cluster gives; what is not among them it does not know.
pub(crate) fn recorded(path: &str) -> Option<Value> {
    let requests = json!({"requests": {"cpu": "1", "memory": "4Gi"}});
    let pod = json!({"containers": [{"name": "main", "image": "example/api:1", "resources": requests}]});
    let (api_version, kind, item) = match path {
        "/apis/apps/v1/deployments" => {
            let labels = json!({"app": "api", "team": "payments"});
            let spec = json!({"replicas": 2, "selector": {"matchLabels": {"app": "api"}},
                "template": {"metadata": {"labels": {"app": "api"}}, "spec": pod}});
            let metadata = json!({"name": "api", "namespace": "shop", "uid": "d", "labels": labels});
            ("apps/v1", "DeploymentList", json!({"metadata": metadata, "spec": spec}))
        }
        "/api/v1/nodes" => {
            let labels = json!({"node.kubernetes.io/instance-type": "m5.large",
                "topology.kubernetes.io/region": "us-east-1"});
            let size = json!({"cpu": "2", "memory": "8Gi", "pods": "29"});
            let item = json!({"metadata": {"name": "n0", "uid": "n", "labels": labels},
                "spec": {"providerID": "aws:///us-east-1a/i-0"},
                "status": {"allocatable": size, "capacity": size}});
            ("v1", "NodeList", item)
        }
        _ => return None,
    };
    Some(
        json!({"apiVersion": api_version, "kind": kind, "metadata": {"resourceVersion": "1"}, "items": [item]}),
    )
}

fn answer(mut stream: TcpStream, lists: Lists) -> std::io::Result<()> {
    let (mut head, mut buffer) = (Vec::new(), [0_u8; 1024]);
    while !head.windows(4).any(|window| window == b"\r\n\r\n") && head.len() < HEAD_BYTES_MAX {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        head.extend_from_slice(&buffer[..count]);
    }
    let head = text(&head);
    let path = head.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default();
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound",
        "code": 404, "message": "not found"});
    let (code, body) = lists(path).map_or(("404 Not Found", status), |list| ("200 OK", list));
    let body = body.to_string();
    write!(
        stream,
        "HTTP/1.1 {code}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// The list of a path of the API, or none that is known.
type Lists = fn(&str) -> Option<Value>;

/// Starts the server, and writes a configuration that names it, with these prices; the server ends with the test.
fn cluster(folder: &Path, prices: &Value) -> PathBuf {
    let kubeconfig = serve_lists(folder, recorded);
    let file = folder.join("kubeopt.yaml");
    let config = json!({
        "clusters": [{"name": "prod", "kubeconfig": {"file": kubeconfig}, "prices": prices}],
        "store": {"database": format!("sqlite://{}", folder.join("kubeopt.db").display()),
            "history": folder.join("history"), "git": folder.join("git")},
    });
    std::fs::write(&file, config.to_string()).or_fail("write kubeopt.yaml");
    file
}

/// Starts a server that gives these lists, and writes a kubeconfig that names it; the server ends with the test.
pub(crate) fn serve_lists(folder: &Path, lists: Lists) -> PathBuf {
    let listener = TcpListener::bind("127.0.0.1:0").or_fail("listen");
    let address = listener.local_addr().or_fail("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that goes away is its own business.
            std::thread::spawn(move || answer(stream, lists).ok());
        }
    });
    let kubeconfig = folder.join("kubeconfig");
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": format!("http://{address}")}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {}}],
    });
    std::fs::write(&kubeconfig, config.to_string()).or_fail("write a kubeconfig");
    kubeconfig
}

#[test]
fn words_that_are_none_are_refused_before_anything_is_asked() {
    let folder = tempfile::tempdir().or_fail("make a folder");
    for (args, code, help) in [
        (["costs", "--window", "7w"], "E-CST-001", "lastweek"),
        (["costs", "--window", "91d"], "E-CST-001", "last 90 days"),
        (["costs", "--aggregate", "pod"], "E-CST-002", "label:NAME"),
        (["savings", "--since", "soon"], "E-CST-001", "7d"),
    ] {
        let output = kubeopt(folder.path(), &args);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(code) && said.contains("help: ") && said.contains(help), "{args:?}: {said}");
        assert_eq!(text(&output.stdout), "", "{args:?}");
    }
    let both = kubeopt(folder.path(), &["costs", "--format", "focus", "-o", "csv"]);
    assert_eq!(both.status.code(), Some(2), "{}", text(&both.stderr));
}

#[test]
fn a_price_file_that_cannot_be_read_is_refused_with_its_line() {
    let folder = tempfile::tempdir().or_fail("make a folder");
    let prices = folder.path().join("prices.csv");
    let config = cluster(folder.path(), &json!({"file": prices}));
    let args = ["costs", "--config", config.to_str().expect("a path in UTF-8"), "-q"];
    let missing = kubeopt(folder.path(), &args);
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("prices.file"), "{}", text(&missing.stderr));
    std::fs::write(&prices, "instanceType,usdPerHour\nm5.large,cheap\n").or_fail("write prices");
    let wrong = text(&kubeopt(folder.path(), &args).stderr);
    assert!(wrong.contains("E-CST-003") && wrong.contains("line 2"), "{wrong}");
}

#[test]
fn costs_of_a_recorded_cluster_are_the_same_in_every_format() {
    let folder = tempfile::tempdir().or_fail("make a folder");
    let config = cluster(folder.path(), &json!({}));
    let config = config.to_str().expect("a path in UTF-8");
    let run = |more: &[&str]| {
        let mut args = vec!["costs", "--config", config, "--window", "yesterday", "--aggregate", "team"];
        args.extend(more);
        let output = kubeopt(folder.path(), &args);
        assert!(output.status.success(), "{}", text(&output.stderr));
        output
    };
    let report: Value = serde_json::from_slice(&run(&["-o", "json"]).stdout).or_fail("read the report");
    let total = report["total"]["totalCost"].as_str().expect("a total").to_owned();
    assert_eq!(report["rows"][0]["name"], "payments");
    assert_eq!(report["prices"][0]["basis"], "aws us-east-1 m5.large list");
    let table = run(&[]);
    assert!(text(&table.stdout).contains(&format!("${total}")), "{total}: {}", text(&table.stdout));
    assert!(text(&table.stderr).contains("prices: aws us-east-1 m5.large list 2025-03-02, "));
    let csv = text(&run(&["-o", "csv"]).stdout);
    assert!(csv.lines().any(|line| line.starts_with("total,") && line.contains(&total)), "{csv}");
    let focus = text(&run(&["--format", "focus"]).stdout);
    assert!(focus.starts_with("BillingCurrency,") && focus.lines().count() == 3, "{focus}");
}

#[test]
fn own_prices_count_and_unknown_ones_are_a_question_mark_and_never_zero() {
    let folder = tempfile::tempdir().or_fail("make a folder");
    let prices = folder.path().join("prices.csv");
    std::fs::write(&prices, "instanceType,usdPerMonth\nm5.large,730\n").or_fail("write prices");
    let config = cluster(folder.path(), &json!({"file": prices, "date": "2026-10-01"}));
    let config = config.to_str().expect("a path in UTF-8");
    let own = kubeopt(folder.path(), &["costs", "--config", config, "--window", "yesterday"]);
    // A machine at one dollar an hour, all of which two replicas reserve, for 24 hours.
    let table = text(&own.stdout);
    assert!(table.contains("$24.00"), "{table} {}", text(&own.stderr));
    assert!(text(&own.stderr).contains("m5.large of the price file 2026-10-01"), "{}", text(&own.stderr));

    std::fs::write(&prices, "instanceType,usdPerHour\nm5.large,730\n").or_fail("write prices");
    let unknown = kubeopt(folder.path(), &["costs", "--config", config, "--window", "yesterday"]);
    let table = text(&unknown.stdout);
    assert!(table.contains(" ? ") && !table.contains("$0"), "{table}");
    assert!(text(&unknown.stderr).contains("usdPerMonth"), "{}", text(&unknown.stderr));
}

#[test]
fn without_a_merge_nothing_is_saved_and_kubeopt_s_own_cost_is_unknown_where_it_does_not_run() {
    let folder = tempfile::tempdir().or_fail("make a folder");
    let config = cluster(folder.path(), &json!({}));
    let args = ["savings", "--since", "30d", "--config", config.to_str().expect("a path in UTF-8")];
    let output = kubeopt(folder.path(), &args);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(
        said.starts_with("nothing was merged\n") && said.contains("kubeopt's own requests: unknown"),
        "{said}"
    );
}
