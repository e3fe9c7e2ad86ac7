//! `kubeopt.yaml`: what is accepted, and what operators are told when it is not.

use kubeopt_api::config::{CloudIdentity, DatabaseConfig, ForgeKind, HostKeys, Provider, SandboxLevel};
use kubeopt_api::{Config, config_schema};
use kubeopt_model::{Bytes, Problem};

fn read(text: &str) -> Result<Config, Vec<Problem>> {
    Config::parse(text, "kubeopt.yaml", &[("balanced", "enabled: true")])
}

#[test]
fn the_example_reads_and_fits_its_schema() {
    let text = include_str!("../../../../examples/kubeopt.yaml");
    let config = read(text).unwrap();
    assert_eq!(config.warnings, []);
    let cluster = &config.clusters[0];
    assert_eq!(cluster.name.as_str(), "prod-eu");
    let prometheus = cluster.prometheus.as_ref().unwrap();
    assert_eq!(prometheus.url.as_str(), "https://prometheus.example.org/");
    assert_eq!((prometheus.timeout_seconds, prometheus.step_seconds), (60, 300));
    assert_eq!(cluster.prices.provider, Some(Provider::Aws));
    assert_eq!(cluster.prices.discount.to_string(), "0.18");
    assert!(matches!(config.forges[0].kind, ForgeKind::Gitea { .. }));
    assert_eq!(config.bindings[0].repository.to_string(), "acme/gitops");
    assert_eq!(config.bindings[0].paths, ["apps/payments/**"]);
    assert_eq!(config.sources[0].path.as_str(), "deploy");
    assert_eq!(config.charts.len(), 2);
    assert_eq!(config.store.database, DatabaseConfig::Sqlite("/var/lib/kubeopt/kubeopt.db".into()));
    assert_eq!(config.listen.to_string(), "0.0.0.0:8080");
    assert_eq!(config.pass_every_seconds, 3600);
    assert!(config.policy.is_some());
    assert_eq!((config.forges.len(), config.notifications.len(), config.reasoning), (4, 2, None));

    let value: serde_json::Value = serde_yaml::from_str(text).unwrap();
    let errors: Vec<String> = jsonschema::validator_for(&config_schema())
        .unwrap()
        .iter_errors(&value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(errors, Vec::<String>::new());
}

#[test]
fn an_empty_file_is_all_defaults() {
    let config = read("").unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!((config.clusters.len(), config.pass_every_seconds), (0, 3600));
    assert_eq!(config.store.git.to_str(), Some("/var/lib/kubeopt/git"));
    let limits = (config.store.git_repository_max, config.store.git_pack_max);
    assert_eq!(limits, (Bytes::mebi(1024), Bytes::mebi(512)));
}

#[test]
fn the_quota_of_repositories_is_an_amount_of_bytes() {
    let store = read("store: {gitRepositoryMax: 2Gi, gitPackMax: 100Mi}").unwrap().store;
    assert_eq!((store.git_repository_max, store.git_pack_max), (Bytes::mebi(2048), Bytes::mebi(100)));
    for text in ["store: {gitPackMax: much}", "store: {gitRepositoryMax: 0}"] {
        let problems = read(text).unwrap_err();
        assert_eq!(problems.len(), 1, "{text}: {problems:?}");
    }
}

#[test]
fn a_secret_is_refused_and_never_repeated() {
    for (text, help) in [
        ("forges: [{name: a, type: gitea, url: \"https://x\", token: hunter2}]", "`tokenFile`"),
        (
            "clusters:\n- name: a\n  metrics:\n    prometheus:\n      basic: {username: u, password: hunter2}",
            "`passwordFile`",
        ),
        (
            "clusters:\n- name: a\n  metrics: {prometheus: {url: \"https://u:hunter2@prom\"}}",
            "user and password",
        ),
        ("forges:\n- name: a\n  type: local\n  path: /x\n  apiToken: |\n    hunter2\n", "`tokenFile`"),
    ] {
        let problems = read(text).unwrap_err();
        let secret = problems.iter().find(|problem| problem.code == "E-API-011");
        assert!(secret.is_some_and(|problem| problem.help.contains(help)), "{text}: {problems:?}");
        let printed: String = problems.iter().map(ToString::to_string).collect();
        assert!(!printed.contains("hunter2"), "{printed}");
    }
}

#[test]
fn parameters_of_queries_are_the_store_s_own_and_no_secrets() {
    let prometheus = |parameters: &str| {
        let text = format!(
            "clusters:\n- name: a\n  metrics:\n    prometheus:\n      url: http://thanos\n      parameters: {parameters}\n"
        );
        read(&text).map(|config| config.clusters[0].prometheus.clone().unwrap().parameters)
    };
    let read = prometheus("{dedup: \"true\", partial_response: \"true\", extra_label: cluster=eu}").unwrap();
    assert_eq!(read["extra_label"], "cluster=eu");
    assert_eq!(read.len(), 3);
    for (parameters, code) in [
        ("{query: up}", "E-API-003"),
        ("{timeout: 1s}", "E-API-003"),
        ("{\"a b\": c}", "E-API-003"),
        ("{apikey: hunter2}", "E-API-011"),
    ] {
        let problems = prometheus(parameters).unwrap_err();
        assert!(problems.len() == 1 && problems[0].code == code, "{parameters}: {problems:?}");
        assert!(!problems[0].to_string().contains("hunter2"), "{problems:?}");
    }
}

#[test]
fn without_prometheus_it_is_metrics_server_named_or_not() {
    let of = |metrics: &str| {
        let text = format!("clusters: [{{name: a, metrics: {metrics}}}]");
        read(&text).map(|config| config.clusters[0].prometheus.is_none())
    };
    for metrics in ["{}", "{metricsServer: {}}"] {
        assert_eq!(of(metrics), Ok(true), "{metrics}");
    }
    assert_eq!(of("{prometheus: {url: \"http://prom\"}}"), Ok(false));
    for (metrics, code) in [
        ("{metricsServer: {}, prometheus: {url: \"http://prom\"}}", "E-API-010"),
        ("{metricsServer: {url: \"http://x\"}}", "E-API-002"),
        ("{metricsServer: true}", "E-API-003"),
    ] {
        let problems = of(metrics).unwrap_err();
        assert!(problems.len() == 1 && problems[0].code == code, "{metrics}: {problems:?}");
    }
}

#[test]
fn credentials_of_a_cloud_are_named_by_file_and_stand_alone() {
    let identity = |keys: &str| {
        let text = format!(
            "clusters: [{{name: a, metrics: {{prometheus: {{url: \"https://managed.example\", {keys}}}}}}}]"
        );
        read(&text).map(|config| config.clusters[0].prometheus.clone().unwrap().identity)
    };
    let role = "arn:aws:iam::123456789012:role/kubeopt";
    let (region, role_arn) = ("eu-west-1".to_owned(), Some(role.to_owned()));
    let aws = CloudIdentity::Aws { region, profile: None, role_arn };
    assert_eq!(identity(&format!("sigv4: {{region: eu-west-1, roleArn: \"{role}\"}}")), Ok(Some(aws)));
    let google = CloudIdentity::Google { credentials_file: None };
    assert_eq!(identity("google: {}"), Ok(Some(google)));
    let azure = CloudIdentity::Azure {
        tenant_id: Some("acme.example".to_owned()),
        client_id: None,
        client_secret_file: Some("/run/secret".into()),
    };
    let keys = "azure: {tenantId: acme.example, clientSecretFile: /run/secret}";
    assert_eq!(identity(keys), Ok(Some(azure)));
    for (keys, code) in [
        ("sigv4: {}", "E-API-009"),
        ("sigv4: {region: evil.example/}", "E-API-003"),
        ("sigv4: {region: eu-west-1, roleArn: kubeopt}", "E-API-003"),
        ("sigv4: {region: eu-west-1, secretKey: hunter2}", "E-API-011"),
        ("azure: {tenantId: a/b}", "E-API-003"),
        ("azure: {clientSecret: hunter2}", "E-API-011"),
        ("google: {}, bearerFile: /t", "E-API-010"),
        ("sigv4: {region: eu-west-1}, azure: {}", "E-API-010"),
    ] {
        let problems = identity(keys).unwrap_err();
        assert!(problems.len() == 1 && problems[0].code == code, "{keys}: {problems:?}");
        assert!(!problems[0].to_string().contains("hunter2"), "{problems:?}");
    }
}

#[test]
fn usage_is_kept_for_whole_days_within_bounds() {
    let kept =
        |keys: &str| read(keys).map(|config| (config.store.hours_kept_days, config.store.points_kept_days));
    assert_eq!(kept(""), Ok((90, 14)));
    assert_eq!(kept("store: {hoursKept: 400d, pointsKept: 36h}"), Ok((400, 2)));
    assert_eq!(kept("store: {hoursKept: 7d}"), Ok((7, 7)));
    for (keys, code) in [
        ("store: {hoursKept: 6d}", "E-API-004"),
        ("store: {hoursKept: 401d}", "E-API-004"),
        ("store: {pointsKept: 23h}", "E-API-004"),
        ("store: {pointsKept: 91d}", "E-API-004"),
        ("store: {hoursKept: 10d, pointsKept: 11d}", "E-API-010"),
        ("store: {hoursKept: 30}", "E-API-003"),
    ] {
        let problems = kept(keys).unwrap_err();
        assert!(problems.len() == 1 && problems[0].code == code, "{keys}: {problems:?}");
    }
}

#[test]
fn a_database_is_a_file_or_postgresql_without_a_password_in_its_address() {
    let database =
        |value: &str| read(&format!("store: {{database: \"{value}\", databasePasswordFile: /run/pw}}"));
    let url = "postgres://kubeopt@db.example:5432/kubeopt?sslmode=verify-full";
    let wanted = DatabaseConfig::Postgres { url: url.to_owned(), password_file: Some("/run/pw".into()) };
    assert_eq!(database(url).unwrap().store.database, wanted);
    assert_eq!(
        database("sqlite:///data/k.db").unwrap().store.database,
        DatabaseConfig::Sqlite("/data/k.db".into())
    );
    for (value, code) in [
        ("postgres://kubeopt:hunter2@db/kubeopt", "E-API-011"),
        ("postgres://kubeopt@db/kubeopt?password=hunter2", "E-API-011"),
        ("postgres://kubeopt@db/kubeopt?options=-c%20x", "E-API-003"),
        ("postgres://db/kubeopt", "E-API-003"),
        ("postgres://kubeopt@db", "E-API-003"),
    ] {
        let problems = database(value).unwrap_err();
        assert!(problems.len() == 1 && problems[0].code == code, "{value}: {problems:?}");
        assert!(!problems[0].to_string().contains("hunter2") || code != "E-API-011", "{problems:?}");
    }
}

#[test]
fn what_this_version_cannot_do_is_said_and_refused() {
    for (text, told) in [
        ("store: {database: \"mysql://db/x\"}", "a database that is neither SQLite nor PostgreSQL"),
        ("store: {history: \"s3://bucket\"}", "history in object storage"),
        ("server: {auth: {oidc: {issuer: \"https://id\"}}}", "`server.auth`"),
        ("clusters: [{name: a, prices: {currency: EUR}}]", "another currency than USD"),
    ] {
        let problems = read(text).unwrap_err();
        assert_eq!(problems.len(), 1, "{text}: {problems:?}");
        assert_eq!(
            (problems[0].code.as_str(), problems[0].text.clone()),
            ("E-API-012", format!("{told} is not in this version"))
        );
    }
}

#[test]
fn names_must_refer_to_something_that_is_defined() {
    let base = "clusters: [{name: prod}]\nforges: [{name: local, type: local, path: /x}, {name: other, type: local, path: /y}]\n";
    for (text, code, help) in [
        (
            "bindings: [{clusters: [prd], namespaces: [a], forge: local, repository: o/n}]",
            "E-API-013",
            "did you mean `prod`?",
        ),
        ("bindings: [{namespaces: [a], forge: locl, repository: o/n}]", "E-API-013", "did you mean `local`?"),
        ("bindings: [{namespaces: [a], repository: o/n}]", "E-API-009", "forge: NAME"),
        ("bindings: [{forge: local, repository: o/n}]", "E-API-009", "[\"*\"]"),
        ("bindings: [{namespaces: [], forge: local, repository: o/n}]", "E-API-009", "[\"*\"]"),
        (
            "bindings: [{namespaces: [a], paths: [], forge: local, repository: o/n}]",
            "E-API-009",
            "remove `paths`",
        ),
        ("bindings: [{namespaces: [a], forge: local, repository: ../n}]", "E-API-003", "owner/name"),
        (
            "sources: [{cluster: prod, repository: o/n, forge: local, path: ../x}]",
            "E-API-003",
            "within the repository",
        ),
        (
            "sources: [{cluster: prod, repository: o/n, forge: local, path: x, renderer: helm}]",
            "E-API-012",
            "kustomize",
        ),
    ] {
        let problems = read(&format!("{base}{text}")).unwrap_err();
        assert_eq!(problems.len(), 1, "{text}: {problems:?}");
        assert_eq!(problems[0].code, code, "{text}");
        assert!(problems[0].help.contains(help), "{text}: {}", problems[0].help);
        assert_eq!(problems[0].place.as_ref().and_then(|place| place.line), Some(3), "{text}");
    }
}

#[test]
fn a_star_is_all_and_a_source_finds_its_forge_through_the_binding() {
    let config = read(
        "clusters: [{name: prod}]\nforges: [{name: a, type: local, path: /x}, {name: b, type: local, path: /y}]\n\
         bindings: [{clusters: [\"*\"], namespaces: [\"*\"], forge: b, repository: g/sub/n}]\n\
         sources: [{cluster: prod, repository: g/sub/n, path: ., renderer: kustomize}]\n",
    )
    .unwrap();
    assert!(config.bindings[0].clusters.is_empty() && config.bindings[0].namespaces.is_empty());
    assert_eq!(config.bindings[0].repository.owner, "g/sub");
    assert_eq!(config.sources[0].repository.forge.as_str(), "b");
    assert!(config.sources[0].path.is_root());
}

#[test]
fn contradictions_and_doubles_are_told() {
    for (text, code) in [
        ("clusters: [{name: a}, {name: a}]", "E-API-005"),
        ("forges: [{name: a, type: local, path: /x}, {name: a, type: local, path: /y}]", "E-API-005"),
        (
            "clusters: [{name: a, metrics: {prometheus: {url: \"http://p\", bearerFile: /x, basic: {username: u, passwordFile: /y}}}}]",
            "E-API-010",
        ),
        (
            "clusters: [{name: a, metrics: {prometheus: {url: \"http://p\", clientCertFile: /x}}}]",
            "E-API-010",
        ),
        ("clusters: [{name: a, prices: {provider: custom}}]", "E-API-009"),
        ("clusters: [{name: a, prices: {cpuPerCoreHour: 0.03, memoryPerGibHour: -1}}]", "E-API-003"),
        ("clusters: [{name: a, prices: {cpuPerCoreHour: 23.08, memoryPerGibHour: 0.004}}]", "E-API-003"),
        ("clusters: [{name: a, prices: {date: autumn}}]", "E-API-003"),
        ("clusters: [{name: a, prices: {pools: {web: {discount: 120%}}}}]", "E-API-004"),
        ("clusters: [{name: a, prices: {pools: {web: {price: 1}}}}]", "E-API-002"),
        ("clusters: [{name: a, prices: {pools: [web]}}]", "E-API-003"),
        ("clusters: [{name: a, metrics: {prometheus: {url: \"ftp://p\"}}}]", "E-API-003"),
        (
            "clusters: [{name: a, metrics: {prometheus: {url: \"http://p\", clusterLabel: {\"a\\\"b\": c}}}}]",
            "E-API-003",
        ),
        ("clusters: [{name: A}]", "E-API-003"),
        ("server: {listen: nowhere}", "E-API-003"),
        ("policy: {extends: kubeopt:blanced}", "E-API-007"),
        ("policy: {allowedOverrides: [sizing.cpu.quantil]}", "E-API-002"),
        ("passes: {every: 8d}", "E-API-004"),
    ] {
        let problems = read(text).unwrap_err();
        assert_eq!(
            problems.iter().map(|problem| problem.code.as_str()).collect::<Vec<_>>(),
            [code],
            "{text}"
        );
    }
}

#[test]
fn prices_may_come_from_a_file_and_hold_for_a_pool() {
    let config = read(
        "clusters: [{name: a, prices: {file: /etc/prices.csv, date: 2026-10-01, \
         pools: {spot: {discount: 60%}, rack: {autoscaled: false}}}}]",
    )
    .unwrap();
    let prices = &config.clusters[0].prices;
    assert_eq!(prices.file.as_deref(), Some(std::path::Path::new("/etc/prices.csv")));
    assert_eq!(prices.date.as_deref(), Some("2026-10-01"));
    let (spot, rack) = (prices.pools["spot"], prices.pools["rack"]);
    assert_eq!(
        (spot.discount.map(|share| share.to_string()), spot.autoscaled),
        (Some("0.6".to_owned()), None)
    );
    assert_eq!((rack.discount, rack.autoscaled), (None, Some(false)));
}

#[test]
fn a_price_a_month_is_not_taken_for_one_an_hour() {
    let text = "clusters: [{name: a, prices: {cpuPerCoreHour: 23.08, memoryPerGibHour: 0.004}}]";
    let problems = read(text).unwrap_err();
    assert!(
        problems[0].to_string().contains("divide it by 730") || problems[0].help.contains("730"),
        "{problems:?}"
    );
}

#[test]
fn what_only_follows_from_another_problem_is_not_told() {
    for text in [
        "clusters: [{name: A}]\nbindings: [{clusters: [A], namespaces: [a], forge: x, repository: o/n}]",
        "forges: [{name: a, type: github}]\nbindings: [{namespaces: [a], forge: a, repository: o/n}]",
        "clusters: [{name: [a]}]",
    ] {
        let problems = read(text).unwrap_err();
        assert_eq!(problems.len(), 1, "{text}: {problems:?}");
    }
}

#[test]
fn repositories_of_charts_are_read_with_who_kubeopt_is_to_them() {
    let config = read(
        "charts:\n- url: https://charts.example/stable/\n  basic: {username: robot, passwordFile: /etc/p}\n  caFile: /etc/ca\n\
         - {url: \"oci://registry.example:5000/charts\", bearerFile: /etc/t}\n\
         - {url: \"oci://registry.example/plain\", plainHttp: true}\nsandbox: reduced\n",
    )
    .unwrap();
    let found: Vec<(&str, &str, bool)> = config
        .charts
        .iter()
        .map(|chart| (chart.address.as_str(), chart.url.as_str(), chart.is_registry()))
        .collect();
    assert_eq!(
        found,
        [
            ("https://charts.example/stable", "https://charts.example/stable/", false),
            ("oci://registry.example:5000/charts", "https://registry.example:5000/charts", true),
            ("oci://registry.example/plain", "http://registry.example/plain", true),
        ]
    );
    assert_eq!(config.charts[0].basic.as_ref().map(|basic| basic.username.as_str()), Some("robot"));
    assert!(config.charts[0].ca_file.is_some() && config.charts[1].bearer_file.is_some());
    assert_eq!(config.sandbox, SandboxLevel::Reduced);
    let defaults = read("").unwrap();
    assert_eq!((defaults.charts.len(), defaults.sandbox), (0, SandboxLevel::Full));
}

#[test]
fn repositories_of_charts_that_cannot_be_asked_are_refused_with_their_line() {
    for (entry, code, help) in [
        ("{}", "E-API-009", "url: https://charts.example/stable"),
        ("{url: \"ftp://charts.example\"}", "E-API-003", "https://example.org"),
        ("{url: \"oci://\"}", "E-API-003", "https://example.org"),
        ("{url: \"https://u:hunter2@charts.example\"}", "E-API-011", "remove user and password"),
        ("{url: \"oci://u:hunter2@registry.example\"}", "E-API-011", "remove user and password"),
        ("{url: \"https://charts.example\", plainHttp: true}", "E-API-010", "remove `plainHttp`"),
        (
            "{url: \"https://charts.example\", bearerFile: /x, basic: {username: u, passwordFile: /y}}",
            "E-API-010",
            "keep the one",
        ),
        (
            "{url: \"https://charts.example\", basic: {username: u}}",
            "E-API-009",
            "write the password to a file",
        ),
        ("{url: \"https://charts.example\", tokn: x}", "E-API-002", "keys that may stand here"),
        (
            "{uri: \"https://charts.example\", url: \"https://charts.example\"}",
            "E-API-002",
            "did you mean `url`?",
        ),
        ("{url: \"https://charts.example\", token: hunter2}", "E-API-011", "write it to a file"),
    ] {
        let problems = read(&format!("sandbox: full\ncharts:\n- {entry}\n")).unwrap_err();
        assert_eq!(problems.len(), 1, "{entry}: {problems:?}");
        assert_eq!(problems[0].code, code, "{entry}");
        assert!(problems[0].help.contains(help), "{entry}: {}", problems[0].help);
        assert_eq!(problems[0].place.as_ref().and_then(|place| place.line), Some(3), "{entry}");
        assert!(!problems[0].to_string().contains("hunter2"), "{}", problems[0]);
    }
    let twice = "charts: [{url: \"https://charts.example/a\"}, {url: \"https://charts.example/a/\"}]";
    assert_eq!(read(twice).unwrap_err()[0].code, "E-API-005");
    assert_eq!(read("sandbox: none").unwrap_err()[0].code, "E-API-003");
    assert!(read("sandbx: full").unwrap_err()[0].help.contains("did you mean `sandbox`?"));
}

#[test]
fn fetched_charts_lie_beside_git_objects_and_never_among_them() {
    let charts = |text: &str| read(text).unwrap().store.charts.display().to_string();
    assert_eq!(charts(""), "/var/lib/kubeopt/charts");
    assert_eq!(charts("store: {git: /data/git}"), "/data/charts");
    assert_eq!(charts("store: {charts: /elsewhere}"), "/elsewhere");
    for text in ["store: {git: /data/charts}", "store: {git: /a, charts: /a}"] {
        assert_eq!(read(text).unwrap_err()[0].code, "E-API-010", "{text}");
    }
}

fn forge_with(ssh: &str) -> String {
    format!("forges: [{{name: a, type: gitea, url: \"https://git.example\", tokenFile: /t, ssh: {ssh}}}]")
}

#[test]
fn git_over_ssh_needs_a_key_and_host_keys() {
    let text = "forges:\n- name: a\n  type: gitea\n  url: https://git.example/x\n  tokenFile: /t\n  ssh:\n    \
                keyFile: /k\n    knownHosts: |\n      # ours\n      git.example ssh-ed25519 AAAA\n";
    let config = read(text).unwrap();
    let ssh = config.forges[0].ssh.as_ref().unwrap();
    assert_eq!((ssh.url.as_str(), ssh.key_file.to_str()), ("ssh://git@git.example", Some("/k")));
    assert_eq!(ssh.known_hosts, HostKeys::Text("# ours\ngit.example ssh-ed25519 AAAA\n".to_owned()));
    let elsewhere =
        "{url: \"ssh://me@h:2222/scm\", keyFile: /k, passphraseFile: /p, knownHostsFile: /known_hosts}";
    let config = read(&forge_with(elsewhere)).unwrap();
    let ssh = config.forges[0].ssh.as_ref().unwrap();
    assert_eq!(ssh.url.as_str(), "ssh://me@h:2222/scm");
    assert_eq!(ssh.known_hosts, HostKeys::File("/known_hosts".into()));
    for (ssh, code) in [
        ("{keyFile: /k}", "E-API-009"),
        ("{knownHosts: h ssh-ed25519 AAAA}", "E-API-009"),
        ("{keyFile: /k, knownHosts: a, knownHostsFile: /f}", "E-API-010"),
        ("{url: \"https://git.example\", keyFile: /k, knownHosts: a}", "E-API-003"),
        ("{url: \"ssh://git:hunter2@git.example\", keyFile: /k, knownHosts: a}", "E-API-011"),
    ] {
        let problems = read(&forge_with(ssh)).unwrap_err();
        let codes: Vec<&str> = problems.iter().map(|problem| problem.code.as_str()).collect();
        assert_eq!(codes, [code], "{ssh}: {problems:?}");
    }
    let local = "forges: [{name: a, type: local, path: /x, ssh: {keyFile: /k, knownHosts: a}}]";
    assert_eq!(read(local).unwrap_err()[0].code, "E-API-010");
}

#[test]
fn nodes_train_only_where_that_is_switched_on() {
    let training = |keys: &str| {
        let agents = "certFile: /a, keyFile: /b, clientCaFile: /c";
        let text = format!("clusters: [{{name: a}}]\nagents: {{{agents}, training: {{{keys}}}}}");
        read(&text).map(|config| config.agents.unwrap().training)
    };
    assert_eq!(training("schedule: 0 4 * * SUN").unwrap(), None);
    let own =
        training("enabled: true, schedule: 0 4 * * SUN, nodesMin: 5, nodesMax: 9, deadline: 30m, cpuMax: 5s");
    let own = own.unwrap().unwrap();
    assert_eq!((own.schedule.as_str(), own.nodes_min, own.nodes_max), ("0 4 * * SUN", 5, 9));
    assert_eq!((own.deadline_seconds, own.cpu_max_seconds), (1800, 5));
    let default = training("enabled: true").unwrap().unwrap();
    assert_eq!((default.schedule.as_str(), default.nodes_min), ("0 2 * * *", 3));
    for keys in [
        "schedule: 0 0 30 2 *",
        "nodesMin: 2",
        "nodesMin: 9, nodesMax: 8",
        "nodesMax: 257",
        "deadline: 0s",
        "cpuMax: 1h",
        "epochs: 3",
    ] {
        let problems = training(keys).unwrap_err();
        assert_eq!(problems.len(), 1, "{keys}: {problems:?}");
    }
}
