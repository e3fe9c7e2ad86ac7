//! `get agents`: how each node's agent is doing, as the controller that listens to them wrote it down a moment ago.

use std::path::Path;

use kubeopt_api::Config;
use kubeopt_api::config::{AgentsConfig, ClusterAgents};
use kubeopt_model::agents::NodeStanding;
use kubeopt_model::{ClusterName, Problem, Timestamp};
use serde::{Deserialize, Serialize};

use crate::check::Finding;
use crate::codes;

/// What the columns of the table are called; the first is there where agents of several clusters are listened to.
const HEADERS: [&str; 6] = ["CLUSTER", "NODE", "STATE", "AGENT", "NEWEST READING", "LOST BATCHES"];

/// The file in the folder of what agents of one cluster sent.
const FILE: &str = "standing.json";

/// Largest file that is read: 20,000 nodes.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// A controller that wrote nothing for so long does not run; it writes every minute.
const FRESH_S: i64 = 300;

/// A reading this old is late: agents send every half a minute.
const LATE_S: i64 = 300;

/// How node agents are doing.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentTable {
    /// When it was written down; of several clusters, the longest ago.
    pub at: Timestamp,
    /// One row a node, by cluster as configured and by name.
    pub nodes: Vec<NodeRow>,
    /// Cgroups that no pod has, sandboxes of pods among them.
    pub unresolved: u64,
    /// Bytes of what they sent, on disk.
    pub spool_bytes: u64,
    /// Places of it that cannot be read, since the controller began.
    pub spool_damaged: u64,
    /// One row a cluster, as configured.
    pub clusters: Vec<ClusterRow>,
}

/// How one node's agent is doing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeRow {
    /// Its cluster.
    pub cluster: ClusterName,
    /// How it is doing.
    #[serde(flatten)]
    pub standing: NodeStanding,
}

/// How the agents of one cluster are doing.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterRow {
    /// The cluster.
    pub cluster: ClusterName,
    /// When it was written down; none where nothing can be read.
    pub at: Option<Timestamp>,
    /// Cgroups that no pod of it has.
    pub unresolved: u64,
    /// Bytes of what they sent, on disk.
    pub spool_bytes: u64,
    /// Places of it that cannot be read, since the controller began.
    pub spool_damaged: u64,
    /// Why they are not listened to, or why it is not known.
    pub problem: Option<Problem>,
}

/// How the agents of one cluster are doing, as it is written down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Standing {
    /// When it was written down.
    pub(crate) at: Timestamp,
    /// Nodes by name.
    pub(crate) nodes: Vec<NodeStanding>,
    /// Cgroups that no pod has.
    pub(crate) unresolved: u64,
    /// Bytes of what they sent, on disk.
    pub(crate) spool_bytes: u64,
    /// Places of it that cannot be read, since the controller began.
    #[serde(default)]
    pub(crate) spool_damaged: u64,
    /// Why they are not listened to.
    #[serde(default)]
    pub(crate) problem: Option<Problem>,
}

/// Reads what the controller wrote down.
///
/// # Errors
/// Where no agents are configured, or no controller listens to any of them.
pub fn get_agents(config: &Config) -> Result<AgentTable, Problem> {
    let Some(agents) = &config.agents else {
        let help = "add `agents:` to kubeopt.yaml and name that file with --config";
        return Err(problem("no node agents are configured".to_owned(), help));
    };
    let mut table = AgentTable {
        at: Timestamp::MAX,
        nodes: Vec::new(),
        unresolved: 0,
        spool_bytes: 0,
        spool_damaged: 0,
        clusters: Vec::new(),
    };
    for own in &agents.clusters {
        table.add(own.cluster.clone(), Standing::read(&own.spool));
    }
    if table.clusters.iter().any(|row| row.at.is_some()) {
        return Ok(table);
    }
    let why = table.clusters.into_iter().find_map(|row| row.problem);
    Err(why.unwrap_or_else(|| crate::own_fault("agents without a cluster")))
}

/// For `kubeopt check`, cluster by cluster: nothing where no agents are configured.
pub fn check_agents(config: &Config, now: Timestamp) -> Vec<Finding> {
    let Some(agents) = &config.agents else { return Vec::new() };
    let is_here = agents.clusters.iter().any(|own| own.spool.join(FILE).exists());
    agents.clusters.iter().map(|own| found(agents, own, is_here, now)).collect()
}

/// `is_here`: this is where the controller runs.
fn found(agents: &AgentsConfig, own: &ClusterAgents, is_here: bool, now: Timestamp) -> Finding {
    let what = match agents.clusters.len() {
        1 => "node agents".to_owned(),
        _ => format!("node agents of cluster {}", own.cluster),
    };
    if !is_here {
        let fine = format!(
            "are to be listened to on {}; how they are doing is told where the controller runs",
            own.listen
        );
        return Finding { what, fine: Some(fine), problem: None };
    }
    match Standing::read(&own.spool).and_then(|standing| standing.judged(now)) {
        Ok(fine) => Finding { what, fine: Some(fine), problem: None },
        Err(problem) => Finding { what, fine: None, problem: Some(problem) },
    }
}

fn problem(text: String, help: &str) -> Problem {
    Problem::new(codes::NOT_CONFIGURED, text, help)
}

impl AgentTable {
    fn add(&mut self, cluster: ClusterName, read: Result<Standing, Problem>) {
        let row = match read {
            Ok(Standing { at, nodes, unresolved, spool_bytes, spool_damaged, problem }) => {
                let row = |standing| NodeRow { cluster: cluster.clone(), standing };
                self.nodes.extend(nodes.into_iter().map(row));
                self.at = self.at.min(at);
                self.unresolved += unresolved;
                self.spool_bytes += spool_bytes;
                self.spool_damaged += spool_damaged;
                ClusterRow { cluster, at: Some(at), unresolved, spool_bytes, spool_damaged, problem }
            }
            Err(problem) => {
                let (unresolved, spool_bytes, spool_damaged) = (0, 0, 0);
                ClusterRow {
                    cluster,
                    at: None,
                    unresolved,
                    spool_bytes,
                    spool_damaged,
                    problem: Some(problem),
                }
            }
        };
        self.clusters.push(row);
    }

    /// What the columns are called.
    pub fn headers(&self) -> &'static [&'static str] {
        &HEADERS[self.left_out()..]
    }

    /// Cells of the table, in the order of [`AgentTable::headers`].
    pub fn cells(&self) -> Vec<Vec<String>> {
        self.nodes.iter().map(|node| self.row(node)[self.left_out()..].to_vec()).collect()
    }

    /// Columns at the front that say the same in each row.
    fn left_out(&self) -> usize {
        usize::from(self.clusters.len() < 2)
    }

    /// Clusters whose agents are not listened to, and why; or of which nothing is known.
    pub fn problems(&self) -> Vec<Problem> {
        let of = |row: &ClusterRow| {
            let problem = row.problem.clone()?;
            Some(Problem { text: format!("cluster {}: {}", row.cluster, problem.text), ..problem })
        };
        self.clusters.iter().filter_map(of).collect()
    }

    fn row(&self, row: &NodeRow) -> [String; 6] {
        let node = &row.standing;
        let of = self.clusters.iter().find(|own| own.cluster == row.cluster);
        let age = age_s(of.and_then(|own| own.at).unwrap_or(self.at), node);
        let state = match (node.connected, age) {
            (true, Some(age)) if age > LATE_S => "late",
            (true, _) => "connected",
            (false, _) => "gone",
        };
        [
            row.cluster.to_string(),
            node.node.clone(),
            state.to_owned(),
            node.version.clone().unwrap_or_else(|| "-".to_owned()),
            age.map_or("none".to_owned(), ago),
            node.dropped_batches.to_string(),
        ]
    }
}

/// Age of a node's newest reading at a moment.
fn age_s(at: Timestamp, node: &NodeStanding) -> Option<i64> {
    node.newest_unix_ms.map(|newest| (at.as_millisecond() - newest).max(0) / 1000)
}

impl Standing {
    /// Writes it down in the folder of what agents sent.
    pub(crate) fn write(&self, folder: &Path) -> std::io::Result<()> {
        let path = folder.join(FILE);
        let beside = path.with_extension("new");
        std::fs::write(&beside, serde_json::to_vec(self)?)?;
        std::fs::rename(&beside, path)
    }

    fn read(folder: &Path) -> Result<Self, Problem> {
        let path = folder.join(FILE);
        let unread = |why: String| {
            let text = format!("unable to read how node agents are doing from {}: {why}", path.display());
            let help = "run this where the controller runs, with its configuration, and a minute after it began; if it is missing then, look into the controller's log";
            problem(text, help)
        };
        let length = std::fs::metadata(&path).map_err(|error| unread(error.to_string()))?.len();
        if length > FILE_BYTES_MAX {
            return Err(unread(format!("it is larger than {FILE_BYTES_MAX} bytes")));
        }
        let bytes = std::fs::read(&path).map_err(|error| unread(error.to_string()))?;
        serde_json::from_slice(&bytes).map_err(|error| unread(error.to_string()))
    }

    /// In one line, or what is wrong.
    fn judged(&self, now: Timestamp) -> Result<String, Problem> {
        let age = now.as_second() - self.at.as_second();
        if age > FRESH_S {
            let text = format!("the controller that listens to node agents wrote nothing for {}", ago(age));
            return Err(problem(text, "look whether it runs, and into its log"));
        }
        if let Some(problem) = &self.problem {
            return Err(problem.clone());
        }
        let connected = self.nodes.iter().filter(|node| node.connected);
        let ages = connected.clone().filter_map(|node| age_s(self.at, node));
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

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn standing(nodes: Vec<NodeStanding>) -> Standing {
        Standing { at: at(10_000), nodes, unresolved: 1, spool_bytes: 10, spool_damaged: 0, problem: None }
    }

    /// Agents of the cluster a, whose folder is `spool`, and what else is configured of them.
    fn config(spool: &Path, more: &str) -> Config {
        let text = format!(
            "clusters: [{{name: a}}, {{name: b}}]\nagents: {{certFile: /c, keyFile: /k, tokenAudience: x, \
             serviceAccount: s/a, spool: {}{more}}}",
            spool.display()
        );
        Config::parse(&text, "kubeopt.yaml", kubeopt_policy::PRESETS).unwrap()
    }

    const TWO: &str = ", otherClusters: [{cluster: b, listen: \"0.0.0.0:8444\"}]";

    #[test]
    fn a_node_that_is_behind_or_gone_is_told_and_a_controller_that_stopped_too() {
        let written = standing(vec![
            node("a", true, Some(9_990)),
            node("b", true, Some(9_000)),
            node("c", false, Some(1_000)),
            node("d", false, None),
        ]);
        let folder = tempfile::tempdir().unwrap();
        written.write(folder.path()).unwrap();
        let shown = get_agents(&config(folder.path(), "")).unwrap();
        assert_eq!(shown.headers()[0], "NODE");
        let states: Vec<[String; 2]> =
            shown.cells().into_iter().map(|row| [row[1].clone(), row[3].clone()]).collect();
        let expected = [["connected", "10 s"], ["late", "16 min"], ["gone", "2 h"], ["gone", "none"]];
        assert_eq!(states, expected.map(|row| row.map(str::to_owned)));
        assert_eq!(
            written.judged(at(10_060)).unwrap(),
            "2 of 4 nodes connected, the one farthest behind by 16 min"
        );
        let damaged = Standing { spool_damaged: 2, ..written.clone() };
        assert!(
            damaged.judged(at(10_060)).unwrap().ends_with(", 2 places of what they sent are damaged on disk")
        );
        assert!(written.judged(at(10_301)).unwrap_err().text.contains("wrote nothing for 5 min"));
        assert!(standing(vec![node("c", false, None)]).judged(at(10_000)).is_err());
    }

    #[test]
    fn what_the_controller_writes_is_what_the_commands_read() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path(), "");
        let nothing =
            Config::parse("clusters: [{name: a}]", "kubeopt.yaml", kubeopt_policy::PRESETS).unwrap();
        assert!(check_agents(&nothing, Timestamp::UNIX_EPOCH).is_empty());
        assert!(get_agents(&nothing).unwrap_err().text.contains("no node agents are configured"));
        assert!(get_agents(&config).is_err());
        let elsewhere = check_agents(&config, Timestamp::UNIX_EPOCH).remove(0);
        assert!(
            elsewhere.fine.is_some_and(|fine| fine.contains("0.0.0.0:8443")),
            "a laptop has no such folder"
        );
        standing(vec![node("a", true, Some(9_990))]).write(folder.path()).unwrap();
        let shown = serde_json::to_value(get_agents(&config).unwrap()).unwrap();
        assert_eq!((&shown["nodes"][0]["cluster"], &shown["nodes"][0]["node"]), (&"a".into(), &"a".into()));
        assert_eq!((&shown["spoolBytes"], &shown["clusters"][0]["spoolBytes"]), (&10.into(), &10.into()));
        let found = check_agents(&config, at(10_000)).remove(0);
        assert_eq!(found.what, "node agents");
        assert!(found.fine.is_some_and(|fine| fine.starts_with("1 of 1 nodes connected")));
    }

    #[test]
    fn nodes_of_one_name_are_told_by_cluster_and_a_broken_cluster_beside_a_good_one() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path(), TWO);
        standing(vec![node("n", true, Some(9_990))]).write(folder.path()).unwrap();
        let names = |found: &[Finding]| -> Vec<(String, bool)> {
            found.iter().map(|one| (one.what.clone(), one.fine.is_some())).collect()
        };
        let of = |cluster: &str, is_fine| (format!("node agents of cluster {cluster}"), is_fine);
        // Nothing is there of b, though this is where the controller runs.
        assert_eq!(names(&check_agents(&config, at(10_000))), [of("a", true), of("b", false)]);
        let shown = get_agents(&config).unwrap();
        assert_eq!((shown.nodes.len(), shown.problems().len()), (1, 1));
        assert!(shown.problems()[0].text.starts_with("cluster b: unable to read"));

        let other = folder.path().join("clusters/b");
        std::fs::create_dir_all(&other).unwrap();
        let broken = Problem::new("E-AGT-006", "failed to use the certificate /c", "mount one");
        let nodes = vec![node("n", false, Some(1_000))];
        Standing { at: at(10_100), problem: Some(broken.clone()), ..standing(nodes) }.write(&other).unwrap();
        let shown = get_agents(&config).unwrap();
        assert_eq!(shown.headers()[..2], ["CLUSTER", "NODE"]);
        let rows: Vec<[String; 3]> =
            shown.cells().iter().map(|row| [row[0].clone(), row[1].clone(), row[4].clone()]).collect();
        // Each by when its own cluster was written down.
        let expected = [["a", "n", "10 s"], ["b", "n", "2 h"]];
        assert_eq!(rows, expected.map(|row| row.map(str::to_owned)));
        assert_eq!((shown.at, shown.unresolved, shown.spool_bytes), (at(10_000), 2, 20));
        let found = check_agents(&config, at(10_100));
        assert_eq!(names(&found), [of("a", true), of("b", false)]);
        assert_eq!(found[1].problem, Some(broken));
    }
}
