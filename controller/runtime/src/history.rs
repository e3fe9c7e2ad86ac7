//! `kubeopt history`: the usage that a controller has kept, to a file and back. Needs neither a cluster nor a metrics source.

use std::path::Path;

use kubeopt_api::Config;
use kubeopt_history::{Moved, ParquetUsage, Retention};
use kubeopt_model::Problem;

/// Writes all usage that the configuration's folder holds to a new file.
///
/// # Errors
/// Where there is no such folder, the file exists already, or one of them cannot be used.
pub async fn export(config: &Config, to: &Path) -> Result<Moved, Problem> {
    let folder = &config.store.history;
    // Opening would make it, and an empty file would look like success.
    if !folder.is_dir() {
        let text = format!("there is no usage history in {}", folder.display());
        let help = "name the controller's configuration with --config, and run this where its volume is";
        return Err(Problem::new(crate::codes::NOT_CONFIGURED, text, help));
    }
    store(config)?.export(to).await.map_err(|error| error.problem())
}

/// Takes over what a file has and the configuration's folder lacks.
///
/// # Errors
/// Where the file is not what an export writes, or one of them cannot be used.
pub async fn import(config: &Config, from: &Path) -> Result<Moved, Problem> {
    store(config)?.import(from).await.map_err(|error| error.problem())
}

/// The usage below the configuration's folder, kept as long as it says.
pub(crate) fn store(config: &Config) -> Result<ParquetUsage, Problem> {
    let retention =
        Retention { hours_days: config.store.hours_kept_days, points_days: config.store.points_kept_days };
    let store = ParquetUsage::open(&config.store.history).map_err(|error| error.problem())?;
    Ok(store.keeping(retention))
}

#[cfg(test)]
mod tests {
    use kubeopt_history::UsageStore as _;
    use kubeopt_model::usage::{Signal, UsageSeries};
    use kubeopt_model::{
        ClusterName, ContainerId, ContainerName, Namespace, ObjectName, Window, WorkloadId, WorkloadKind,
    };

    use super::*;

    fn config(folder: &Path) -> Config {
        let text = format!("store: {{history: {}, hoursKept: 30d, pointsKept: 2d}}", folder.display());
        Config::parse(&text, "kubeopt.yaml", kubeopt_policy::PRESETS).unwrap()
    }

    #[tokio::test]
    async fn what_one_controller_kept_goes_to_another() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (config(&folder.path().join("one")), config(&folder.path().join("other")));
        let file = folder.path().join("usage.parquet");
        let error = export(&one, &file).await.unwrap_err();
        assert!(error.text.contains("there is no usage history in"), "{error:?}");

        let cluster = ClusterName::new("prod").unwrap();
        let workload = WorkloadId {
            cluster: cluster.clone(),
            namespace: Namespace::new("shop").unwrap(),
            kind: WorkloadKind::Deployment,
            name: ObjectName::new("api").unwrap(),
        };
        let container = ContainerId { workload, container: ContainerName::new("main").unwrap() };
        let hour = Window { from_unix_s: 0, to_unix_s: 3600 };
        let kept = store(&one).unwrap();
        let mut rollup = kept.begin(&cluster, hour);
        let points = vec![(0, 100.0), (300, 200.0)];
        let (pod, signal) = ("api-0".to_owned(), Signal::CpuMillicores);
        rollup.add(UsageSeries { container, pod, signal, points });
        kept.append(rollup, None).await.unwrap();

        let moved = Moved { clusters: 1, days: 1, hours: 1 };
        assert_eq!(export(&one, &file).await, Ok(moved));
        assert_eq!(import(&other, &file).await, Ok(moved));
        let there = store(&other).unwrap();
        assert_eq!(
            there.usage(&cluster, hour, None).await.unwrap(),
            kept.usage(&cluster, hour, None).await.unwrap()
        );
        std::fs::write(&file, "something else").unwrap();
        assert_eq!(import(&other, &file).await.unwrap_err().code, "E-HIS-012");
        assert_eq!(there.covered(&cluster).await.unwrap(), [hour]);
    }
}
