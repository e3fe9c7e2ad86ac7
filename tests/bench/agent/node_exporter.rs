//! node_exporter as Debian packs it, scraped as often as in eight hours: what a node is used to pay.

use std::path::{Path, PathBuf};
use std::process::Command;

use kubeopt_tests::process::Launch;
use kubeopt_tests::{OrFail, http, port};

use super::footprint::Footprint;

const PACKAGE: &str = "prometheus-node-exporter";

/// A Prometheus scrapes every fifteen seconds.
const SCRAPE_S: u64 = 15;

/// What it took, and which version; or why it is not there.
pub(super) async fn measure(folder: &Path, hours: u64) -> Result<(String, Footprint), String> {
    let program = installed().map_or_else(|| unpacked(folder), Ok)?;
    let version = version(&program);
    let address = format!("127.0.0.1:{}", port::free());
    let process = Launch::new("node-exporter", &program)
        .home(folder)
        .flag("--web.listen-address", &address)
        .spawn(folder);
    let url = format!("http://{address}/metrics");
    process.until_healthy(&url).await;
    let client = http();
    for _ in 0..hours * 3600 / SCRAPE_S {
        let answer = client.get(&url).send().await.or_fail("scrape node_exporter");
        drop(answer.bytes().await.or_fail("read a scrape of node_exporter"));
    }
    Ok((version, Footprint::of(process.id())))
}

fn installed() -> Option<PathBuf> {
    ["/usr/bin", "/usr/local/bin"]
        .map(|folder| Path::new(folder).join(PACKAGE))
        .into_iter()
        .find(|at| at.is_file())
}

/// The package of this system's own archive, unpacked and not installed.
fn unpacked(folder: &Path) -> Result<PathBuf, String> {
    run(folder, "apt-get", &["download", PACKAGE])?;
    let entries = std::fs::read_dir(folder).or_fail("list a folder");
    let package = entries
        .map(|entry| entry.or_fail("list a folder").path())
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .ok_or_else(|| format!("apt-get downloaded no {PACKAGE}"))?;
    run(folder, "dpkg-deb", &["-x", &package.display().to_string(), "unpacked"])?;
    Ok(folder.join("unpacked/usr/bin").join(PACKAGE))
}

fn run(folder: &Path, program: &str, args: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(args).current_dir(folder).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let why = said.lines().last().unwrap_or_default();
    output.status.success().then_some(()).ok_or_else(|| format!("{program} {}: {why}", args.join(" ")))
}

fn version(program: &Path) -> String {
    let said = Command::new(program).arg("--version").output();
    let said = said.map(|output| [output.stdout, output.stderr].concat()).unwrap_or_default();
    let said = String::from_utf8_lossy(&said).into_owned();
    said.split_whitespace().nth(2).unwrap_or("of unknown version").to_owned()
}
