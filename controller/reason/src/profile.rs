//! What kind of program a container is, as far as its kind, its names and its flags tell. Knows no image and no usage:
//! whoever has seen those passes on what they tell.

use kubeopt_model::{ContainerId, ContainerRole, WorkloadKind};

use crate::facts::{Circumstances, Profile};

/// Words of names that stand for a kind. A name counts by its parts between `-` and `.`, so that `redis-exporter` is no
/// cache and `apiary` no API.
const WORDS: &[(Profile, &[&str])] = &[
    // First, since they carry the name of what they stand beside.
    (
        Profile::Sidecar,
        &["exporter", "sidecar", "istio", "linkerd", "envoy", "agent", "reloader", "logrotate", "metrics"],
    ),
    (
        Profile::Cache,
        &["redis", "valkey", "memcached", "keydb", "dragonfly", "varnish", "cache", "hazelcast"],
    ),
    (
        Profile::Broker,
        &["kafka", "rabbitmq", "nats", "pulsar", "activemq", "mosquitto", "redpanda", "zookeeper", "broker"],
    ),
    (
        Profile::Database,
        &[
            "postgres",
            "postgresql",
            "mysql",
            "mariadb",
            "mongo",
            "mongodb",
            "cassandra",
            "scylla",
            "clickhouse",
            "etcd",
            "elasticsearch",
            "opensearch",
            "cockroachdb",
            "timescaledb",
            "influxdb",
            "prometheus",
            "neo4j",
            "database",
            "db",
        ],
    ),
    (Profile::Gateway, &["nginx", "ingress", "gateway", "traefik", "haproxy", "proxy", "caddy", "kong"]),
    (
        Profile::Worker,
        &["worker", "workers", "consumer", "celery", "sidekiq", "processor", "queue", "listener", "indexer"],
    ),
];

/// The kind of a container.
///
/// What runs to an end is a batch job whatever it is called; then names speak, since they tell caches from databases;
/// then what others took it for; then its kind.
pub(crate) fn profile(container: &ContainerId, known: &Circumstances) -> Profile {
    let kind = container.workload.kind;
    if kind.is_batch() || known.role == ContainerRole::Init {
        return Profile::Batch;
    }
    if known.role == ContainerRole::Sidecar {
        return Profile::Sidecar;
    }
    let own = container.container.as_str();
    let named = by_words(own).or_else(|| by_words(container.workload.name.as_str()));
    match (named, kind) {
        // What runs on every node is an agent, even where its name says `proxy`.
        (Some(Profile::Sidecar | Profile::Gateway) | None, WorkloadKind::DaemonSet) => {
            return Profile::NodeAgent;
        }
        // `agent` or `metrics` as the only container of a Deployment is a program of its own.
        (Some(Profile::Sidecar), _) if by_words(own) != Some(Profile::Sidecar) => {}
        (Some(profile), _) => return profile,
        (None, _) => {}
    }
    match (known.told, kind) {
        (Some(profile), _) if profile != Profile::Serving => profile,
        _ if known.java.is_some() => Profile::Jvm,
        (_, WorkloadKind::StatefulSet) => Profile::Stateful,
        (
            _,
            WorkloadKind::Deployment
            | WorkloadKind::Rollout
            | WorkloadKind::DaemonSet
            | WorkloadKind::Job
            | WorkloadKind::CronJob,
        ) => Profile::Serving,
    }
}

fn by_words(name: &str) -> Option<Profile> {
    let parts: Vec<&str> = name.split(['-', '.']).collect();
    WORDS.iter().find(|(_, words)| parts.iter().any(|part| words.contains(part))).map(|(profile, _)| *profile)
}

#[cfg(test)]
mod tests {
    use kubeopt_model::java::JavaFlags;
    use kubeopt_model::{ClusterName, ContainerName, Namespace, ObjectName, WorkloadId};

    use super::*;

    fn id(kind: WorkloadKind, workload: &str, container: &str) -> ContainerId {
        ContainerId {
            workload: WorkloadId {
                cluster: ClusterName::new("prod").unwrap(),
                namespace: Namespace::new("shop").unwrap(),
                kind,
                name: ObjectName::new(workload).unwrap(),
            },
            container: ContainerName::new(container).unwrap(),
        }
    }

    #[test]
    fn kind_and_names_tell_what_a_container_is() {
        use WorkloadKind::{CronJob, DaemonSet, Deployment, StatefulSet};
        for (kind, workload, container, profile) in [
            (Deployment, "api", "api", Profile::Serving),
            (Deployment, "apiary", "app", Profile::Serving),
            (CronJob, "redis-backup", "redis", Profile::Batch),
            (StatefulSet, "sessions", "redis", Profile::Cache),
            (StatefulSet, "redis", "redis-exporter", Profile::Sidecar),
            (StatefulSet, "ledger", "postgresql", Profile::Database),
            (StatefulSet, "orders-db", "main", Profile::Database),
            (StatefulSet, "vault", "vault", Profile::Stateful),
            (DaemonSet, "node-exporter", "node-exporter", Profile::NodeAgent),
            (DaemonSet, "kube-proxy", "kube-proxy", Profile::NodeAgent),
            (DaemonSet, "fluentbit", "fluentbit", Profile::NodeAgent),
            (Deployment, "web", "istio-proxy", Profile::Sidecar),
            (Deployment, "ingress-nginx", "controller", Profile::Gateway),
            (Deployment, "mail-worker", "app", Profile::Worker),
            (Deployment, "kafka", "broker", Profile::Broker),
            (Deployment, "build-agent", "runner", Profile::Serving),
        ] {
            let found = super::profile(&id(kind, workload, container), &Circumstances::default());
            assert_eq!(found, profile, "{kind} {workload}/{container}");
        }
    }

    #[test]
    fn what_others_know_counts_where_names_say_nothing() {
        let told = |told| Circumstances {
            told: Some(told),
            java: Some(JavaFlags::default()),
            ..Circumstances::default()
        };
        let api = id(WorkloadKind::Deployment, "api", "api");
        assert_eq!(profile(&api, &told(Profile::Database)), Profile::Database);
        assert_eq!(profile(&api, &told(Profile::Serving)), Profile::Jvm);
        let cache = id(WorkloadKind::Deployment, "cache", "redis");
        assert_eq!(profile(&cache, &told(Profile::Database)), Profile::Cache, "a name tells more");
        let init = Circumstances { role: ContainerRole::Init, ..Circumstances::default() };
        assert_eq!(profile(&api, &init), Profile::Batch);
    }
}
