//! `get agents`: how each node's agent is doing, as the controller that listens to them wrote it down a moment ago.

use std::path::Path;

use kubeopt_api::Config;
use kubeopt_model::agents::NodeStanding;
use kubeopt_model::{Problem, Timestamp};
use serde::{Deserialize, Serialize};

use crate::check::Finding;
use crate::codes;

/// What the columns of the table are called.
pub const HEADERS: [&str; 5] = ["NODE", "STATE", "AGENT", "NEWEST READING", "LOST BATCHES"];

/// The file in the folder of what agents sent.
const FILE: &str = "standing.json";

/// Largest file that is read: 20,000 nodes.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// A controller that wrote nothing for so long does not run; it writes every minute.
const FRESH_S: i64 = 300;

/// A reading this old is late: agents send every half a minute.
const LATE_S: i64 = 300;

/// How node agents are doing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentTable {
    /// When it was written down.
    pub at: Timestamp,
    /// One row a node, by name.
    pub nodes: Vec<NodeStanding>,
    /// Cgroups that no pod has, sandboxes of pods among them.
    pub unresolved: u64,
    /// Bytes of what they sent, on disk.
    pub spool_bytes: u64,
    /// Places of it that cannot be read, since the controller began.
    #[serde(default)]
    pub spool_damaged: u64,
}

/// Reads what the controller wrote down.
///
/// # Errors
/// Where no agents are configured, or no controller listens to them.
pub fn get_agents(config: &Config) -> Result<AgentTable, Problem> {
    let problem = |text: String, help: &str| Problem::new(codes::NOT_CONFIGURED, text, help);
    let Some(agents) = &config.agents else {
        let help = "add `agents:` to kubeopt.yaml and name that file with --config";
        return Err(problem("no node agents are configured".to_owned(), help));
    };
    let path = agents.spool.join(FILE);
    let unread = |why: String| {
        let text = format!("unable to read how node agents are doing from {}: {why}", path.display());
        problem(
            text,
            "run this where the controller runs, with its configuration, and a minute after it began",
        )
    };
    let length = std::fs::metadata(&path).map_err(|error| unread(error.to_string()))?.len();
    if length > FILE_BYTES_MAX {
        return Err(unread(format!("it is larger than {FILE_BYTES_MAX} bytes")));
    }
    let bytes = std::fs::read(&path).map_err(|error| unread(error.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|error| unread(error.to_string()))
}

/// For `kubeopt check`: none where no agents are configured.
pub fn check_agents(config: &Config, now: Timestamp) -> Option<Finding> {
    let agents = config.agents.as_ref()?;
    if !agents.spool.join(FILE).exists() {
        let fine = format!(
            "are to be listened to on {}; how they are doing is told where the controller runs",
            agents.listen
        );
        return Some(Finding { what: "node agents".to_owned(), fine: Some(fine), problem: None });
    }
    let told = get_agents(config).and_then(|table| table.judged(now));
    let (fine, problem) = match told {
        Ok(fine) => (Some(fine), None),
        Err(problem) => (None, Some(problem)),
    };
    Some(Finding { what: "node agents".to_owned(), fine, problem })
}

impl AgentTable {
    /// Writes it down in the folder of what agents sent.
    pub(crate) fn write(&self, folder: &Path) -> std::io::Result<()> {
        let path = folder.join(FILE);
        let beside = path.with_extension("new");
        std::fs::write(&beside, serde_json::to_vec(self)?)?;
        std::fs::rename(&beside, path)
    }

    /// Cells of the table, in the order of [`HEADERS`].
    pub fn cells(&self) -> Vec<[String; 5]> {
        self.nodes.iter().map(|node| self.row(node)).collect()
    }

    fn row(&self, node: &NodeStanding) -> [String; 5] {
        let state = match (node.connected, self.age_s(node)) {
            (true, Some(age)) if age > LATE_S => "late",
            (true, _) => "connected",
            (false, _) => "gone",
        };
        [
            node.node.clone(),
            state.to_owned(),
            node.version.clone().unwrap_or_else(|| "-".to_owned()),
            self.age_s(node).map_or("none".to_owned(), ago),
            node.dropped_batches.to_string(),
        ]
    }

    /// Age of a node's newest reading when it was written down.
    fn age_s(&self, node: &NodeStanding) -> Option<i64> {
        node.newest_unix_ms.map(|newest| (self.at.as_millisecond() - newest).max(0) / 1000)
    }

    /// In one line, or what is wrong.
    fn judged(&self, now: Timestamp) -> Result<String, Problem> {
        let problem = |text: String, help: &str| Problem::new(codes::NOT_CONFIGURED, text, help);
        let age = now.as_second() - self.at.as_second();
        if age > FRESH_S {
            let text = format!("the controller that listens to node agents wrote nothing for {}", ago(age));
            return Err(problem(text, "look whether it runs, and into its log"));
        }
        let connected = self.nodes.iter().filter(|node| node.connected);
        let ages = connected.clone().filter_map(|node| self.age_s(node));
        let Some(oldest) = ages.max() else {
            let help = "look into the log of an agent (`kubectl logs ds/kubeopt-agent`): its certificate, its token, or the way to the controller";
            return Err(problem("no node agent is connected".to_owned(), help));
        };
        let lost: u64 = self.nodes.iter().map(|node| node.dropped_batches).sum();
        let lost = if lost > 0 { format!(", {lost} batches lost by full buffers") } else { String::new() };
        let damaged = match self.spool_damaged {
            0 => String::new(),
            1 => ", 1 place of what they sent is damaged on disk".to_owned(),
            places => format!(", {places} places of what they sent are damaged on disk"),
        };
        Ok(format!(
            "{} of {} nodes connected, the one farthest behind by {}{lost}{damaged}",
            connected.count(),
            self.nodes.len(),
            ago(oldest)
        ))
    }
}

/// `12 s`, `5 min`, `3 h`
fn ago(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, connected: bool, newest_s: Option<i64>) -> NodeStanding {
        NodeStanding {
            node: name.to_owned(),
            connected,
            version: Some("0.1.0".to_owned()),
            newest_unix_ms: newest_s.map(|at| at * 1000),
            dropped_batches: 0,
        }
    }

    fn table(nodes: Vec<NodeStanding>) -> AgentTable {
        let at = Timestamp::from_second(10_000).unwrap();
        AgentTable { at, nodes, unresolved: 0, spool_bytes: 0, spool_damaged: 0 }
    }

    #[test]
    fn a_node_that_is_behind_or_gone_is_told_and_a_controller_that_stopped_too() {
        let shown = table(vec![
            node("a", true, Some(9_990)),
            node("b", true, Some(9_000)),
            node("c", false, Some(1_000)),
            node("d", false, None),
        ]);
        let states: Vec<[String; 2]> =
            shown.cells().into_iter().map(|[_, state, _, newest, _]| [state, newest]).collect();
        let expected = [["connected", "10 s"], ["late", "16 min"], ["gone", "2 h"], ["gone", "none"]];
        assert_eq!(states, expected.map(|row| row.map(str::to_owned)));
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(
            shown.judged(at(10_060)).unwrap(),
            "2 of 4 nodes connected, the one farthest behind by 16 min"
        );
        let damaged = AgentTable { spool_damaged: 2, ..shown.clone() };
        assert!(
            damaged.judged(at(10_060)).unwrap().ends_with(", 2 places of what they sent are damaged on disk")
        );
        assert!(shown.judged(at(10_301)).unwrap_err().text.contains("wrote nothing for 5 min"));
        assert!(table(vec![node("c", false, None)]).judged(at(10_000)).is_err());
    }

    #[test]
    fn what_the_controller_writes_is_what_the_command_reads() {
        let folder = tempfile::tempdir().unwrap();
        let of = |agents: &str| {
            let text = format!("clusters: [{{name: a}}]\n{agents}");
            Config::parse(&text, "kubeopt.yaml", kubeopt_policy::PRESETS).unwrap()
        };
        let spool = folder.path().display();
        let config = of(&format!("agents: {{certFile: /c, keyFile: /k, clientCaFile: /a, spool: {spool}}}"));
        assert!(check_agents(&of(""), Timestamp::UNIX_EPOCH).is_none());
        assert!(get_agents(&of("")).unwrap_err().text.contains("no node agents are configured"));
        assert!(get_agents(&config).is_err());
        let elsewhere = check_agents(&config, Timestamp::UNIX_EPOCH).unwrap();
        assert!(
            elsewhere.fine.is_some_and(|fine| fine.contains("0.0.0.0:8443")),
            "a laptop has no such folder"
        );
        let written = table(vec![node("a", true, Some(9_990))]);
        written.write(folder.path()).unwrap();
        assert_eq!(get_agents(&config), Ok(written));
        let found = check_agents(&config, Timestamp::from_second(10_000).unwrap()).unwrap();
        assert!(found.fine.is_some_and(|fine| fine.starts_with("1 of 1 nodes connected")));
    }
}
