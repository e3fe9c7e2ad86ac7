//! What `kubeopt.yaml` connects kubeopt with beside clusters: forges, receivers of notices, a language model.

use kubeopt_api::Config;
use kubeopt_api::config::{
    DestinationConfig, ForgeKind, GithubSignIn, ModelProvider, NamesTold, ServiceConfig, ToldKind,
    ToldSeverity,
};
use kubeopt_model::Problem;

fn read(text: &str) -> Result<Config, Vec<Problem>> {
    Config::parse(text, "kubeopt.yaml", &[("balanced", "enabled: true")])
}

/// Each text has one problem, with this code, this help, on this line, and shows no secret.
fn refused(cases: &[(&str, &str, &str)], around: impl Fn(&str) -> String, line: usize) {
    for (entry, code, help) in cases {
        let problems = read(&around(entry)).unwrap_err();
        assert_eq!(problems.len(), 1, "{entry}: {problems:?}");
        assert_eq!(problems[0].code, *code, "{entry}: {}", problems[0]);
        assert!(problems[0].help.contains(help), "{entry}: {}", problems[0].help);
        assert_eq!(problems[0].place.as_ref().and_then(|place| place.line), Some(line), "{entry}");
        assert!(!problems[0].to_string().contains("hunter2"), "{}", problems[0]);
    }
}

#[test]
fn github_is_reached_as_an_account_or_as_an_app() {
    let github = |keys: &str| {
        let config = read(&format!("forges: [{{name: a, type: github, {keys}}}]")).unwrap();
        let ForgeKind::Github { url, auth } = &config.forges[0].kind else { panic!("{config:?}") };
        (url.to_string(), auth.clone())
    };
    let (url, auth) = github("tokenFile: /t");
    assert_eq!((url.as_str(), auth), ("https://github.com/", GithubSignIn::Token("/t".into())));
    for (keys, id, installation) in [
        ("app: {id: 12345, privateKeyFile: /k}", "12345", None),
        ("app: {id: Iv23liABCDEF, installation: 99, privateKeyFile: /k}", "Iv23liABCDEF", Some(99)),
    ] {
        let app = GithubSignIn::App { id: id.to_owned(), installation, private_key_file: "/k".into() };
        assert_eq!(github(&format!("url: \"https://git.acme.example\", {keys}")).1, app, "{keys}");
    }
}

#[test]
fn gitlab_is_reached_with_a_token_and_any_forge_but_the_local_one_over_ssh_and_with_webhooks() {
    let ssh = "ssh: {keyFile: /k, knownHosts: h ssh-ed25519 AAAA}";
    let webhooks = "webhooks: {secretFile: /s, previousSecretFile: /p}";
    for kind in ["gitlab", "gitea", "forgejo"] {
        let text = format!(
            "forges: [{{name: a, type: {kind}, url: \"https://git.example/scm\", tokenFile: /t, {ssh}, {webhooks}}}]"
        );
        let forge = read(&text).unwrap().forges.remove(0);
        assert_eq!(forge.kind.url().map(|url| url.as_str()), Some("https://git.example/scm"), "{kind}");
        assert_eq!(forge.ssh.map(|ssh| ssh.url.to_string()).as_deref(), Some("ssh://git@git.example"));
        let webhooks = forge.webhooks.unwrap();
        assert_eq!(webhooks.secret_file.to_str(), Some("/s"));
        assert_eq!(webhooks.previous_secret_file.as_deref().and_then(|path| path.to_str()), Some("/p"));
    }
    let github = format!("forges: [{{name: a, type: github, tokenFile: /t, {ssh}}}]");
    let ssh = read(&github).unwrap().forges.remove(0).ssh.unwrap();
    assert_eq!(ssh.url.as_str(), "ssh://git@github.com");
}

#[test]
fn a_forge_that_cannot_be_reached_is_refused_with_its_line() {
    let cases = [
        ("type: github", "E-API-009", "GitHub App"),
        ("type: github, tokenFile: /t, app: {id: 1, privateKeyFile: /k}", "E-API-010", "keep `app`"),
        ("type: github, app: {privateKeyFile: /k}", "E-API-009", "number"),
        ("type: github, app: {id: 1}", "E-API-009", "private key"),
        ("type: github, app: {id: \"a b\", privateKeyFile: /k}", "E-API-003", "client id"),
        ("type: github, app: {id: 1, privateKey: hunter2}", "E-API-011", "`privateKeyFile`"),
        ("type: github, app: {id: 1, privatKeyFile: /k}", "E-API-002", "did you mean `privateKeyFile`?"),
        ("type: github, app: {id: 1, installation: 0, privateKeyFile: /k}", "E-API-004", "from 1"),
        ("type: gitlab, tokenFile: /t", "E-API-009", "name its address"),
        ("type: gitlab, url: \"https://git.example\"", "E-API-009", "write the token to a file"),
        (
            "type: gitlab, url: \"https://git.example\", tokenFile: /t, app: {id: 1}",
            "E-API-010",
            "use `tokenFile`",
        ),
        ("type: gitlab, url: \"https://git.example\", tokenFile: /t, path: /x", "E-API-010", "use `url`"),
        ("type: local, path: /x, webhooks: {secretFile: /s}", "E-API-010", "nothing is sent"),
        ("type: github, tokenFile: /t, webhooks: {}", "E-API-009", "webhook's secret"),
        ("type: github, tokenFile: /t, webhooks: {secret: hunter2}", "E-API-011", "`secretFile`"),
        ("type: bitbucket, tokenFile: /t", "E-API-003", "one of github, gitlab"),
    ];
    refused(&cases, |keys| format!("sandbox: full\nforges:\n- {{name: a, {keys}}}\n"), 3);
}

#[test]
fn receivers_of_notices_name_the_files_of_their_secrets() {
    let text = "notifications:\n\
                - {name: team, type: slack, urlFile: /slack, kinds: [revert, not-synced], least: warning, caFile: /ca}\n\
                - {name: oncall, type: pagerduty, routingKeyFile: /key}\n\
                - {name: own, type: webhook, urlFile: /own, signingKeyFile: /sign}\n\
                - {name: t, type: teams, urlFile: /t}\n\
                - {name: d, type: discord, urlFile: /d}\n";
    let all = read(text).unwrap().notifications;
    let team = DestinationConfig {
        name: "team".to_owned(),
        service: ServiceConfig::Slack { url_file: "/slack".into() },
        kinds: vec![ToldKind::Revert, ToldKind::NotSynced],
        least: ToldSeverity::Warning,
        ca_file: Some("/ca".into()),
    };
    assert_eq!(all[0], team);
    let oncall = ServiceConfig::PagerDuty { routing_key_file: "/key".into(), url_file: None };
    assert_eq!((&all[1].service, all[1].least), (&oncall, ToldSeverity::Info));
    let own = ServiceConfig::Webhook { url_file: "/own".into(), signing_key_file: Some("/sign".into()) };
    assert_eq!(all[2].service, own);
    assert_eq!(all.len(), 5);
}

#[test]
fn receivers_that_cannot_be_told_are_refused_with_their_line() {
    let cases = [
        ("{type: slack, urlFile: /x}", "E-API-009", "give it a name"),
        ("{name: a, urlFile: /x}", "E-API-009", "type: slack"),
        ("{name: a, type: slack}", "E-API-009", "write the address to a file"),
        ("{name: a, type: slak, urlFile: /x}", "E-API-003", "one of slack"),
        ("{name: a, type: pagerduty, urlFile: /x}", "E-API-009", "integration key"),
        ("{name: a, type: slack, urlFile: /x, routingKeyFile: /y}", "E-API-010", "remove it"),
        ("{name: a, type: slack, urlFile: /x, signingKeyFile: /y}", "E-API-010", "remove it"),
        ("{name: a, type: slack, urlFile: /x, kinds: [revrt]}", "E-API-003", "one of pull-request"),
        ("{name: a, type: slack, urlFile: /x, least: fatal}", "E-API-003", "one of info"),
        (
            "{name: a, type: pagerduty, routingKey: hunter2, routingKeyFile: /x}",
            "E-API-011",
            "`routingKeyFile`",
        ),
        (
            "{name: a, type: slack, urlFile: /x, url: \"https://hooks.slack.com/services/hunter2\"}",
            "E-API-002",
            "did you mean `urlFile`?",
        ),
        ("{name: a, type: slack, urlFle: /x, urlFile: /x}", "E-API-002", "did you mean `urlFile`?"),
    ];
    refused(&cases, |entry| format!("sandbox: full\nnotifications:\n- {entry}\n"), 3);
    let twice = "notifications: [{name: a, type: slack, urlFile: /x}, {name: a, type: teams, urlFile: /y}]";
    assert_eq!(read(twice).unwrap_err()[0].code, "E-API-005");
}

#[test]
fn a_model_is_named_with_what_it_may_cost_and_which_names_it_is_told() {
    let model = |keys: &str| read(&format!("reasoning: {{{keys}}}")).unwrap().reasoning;
    assert_eq!((model("provider: none"), read("").unwrap().reasoning), (None, None));
    let usual = model("provider: anthropic, model: claude-x, keyFile: /k").unwrap();
    assert_eq!(
        (usual.provider, usual.url.as_str()),
        (ModelProvider::Anthropic, "https://api.anthropic.com/")
    );
    let spent = (usual.tokens_per_pull_request, usual.tokens_per_day, usual.namespace_percent);
    assert_eq!(spent, (20_000, 200_000, 25));
    assert_eq!(usual.names, NamesTold::Pseudonyms { key_file: None });
    let own = "provider: openai-compatible, model: m, url: \"http://vllm.models:8000/v1\", tokensPerDay: 5000, \
               tokensPerPullRequest: 900, namespaceShare: 50%, names: real";
    let own = model(own).unwrap();
    assert_eq!((own.provider, own.key_file), (ModelProvider::OpenAiCompatible, None));
    let spent = (own.tokens_per_pull_request, own.tokens_per_day, own.namespace_percent);
    assert_eq!((spent, own.names), ((900, 5000, 50), NamesTold::Real));
}

#[test]
fn a_model_that_cannot_be_asked_is_refused_with_its_line() {
    let cases = [
        ("provider: anthropic", "E-API-009", "name the model"),
        ("provider: openai-compatible, model: m", "E-API-009", "name its address"),
        ("provider: anthropic, model: m, key: hunter2", "E-API-011", "`keyFile`"),
        (
            "provider: anthropic, model: m, url: \"https://u:hunter2@h\"",
            "E-API-011",
            "remove user and password",
        ),
        ("provider: anthropic, model: \"a b\"", "E-API-003", "without spaces"),
        (
            "provider: anthropic, model: m, names: real, pseudonymKeyFile: /k",
            "E-API-010",
            "names: pseudonyms",
        ),
        ("model: m", "E-API-010", "provider: anthropic"),
        ("provider: anthropic, modl: m, model: m", "E-API-002", "did you mean `model`?"),
        ("provider: openai", "E-API-003", "one of none"),
    ];
    refused(&cases, |keys| format!("sandbox: full\nreasoning: {{{keys}}}\n"), 2);
}

#[test]
fn node_agents_are_listened_to_over_tls_and_only_where_they_can_prove_their_node() {
    let around = |keys: &str| format!("clusters: [{{name: a}}, {{name: b}}]\nagents: {{{keys}}}");
    assert_eq!(read("clusters: [{name: a}]").unwrap().agents, None);
    let of = |keys: &str| {
        let agents = read(&around(keys)).unwrap().agents.unwrap();
        let [only] = &agents.clusters[..] else { panic!("one cluster: {agents:?}") };
        only.clone()
    };
    let usual = of("certFile: /c, keyFile: /k, tokenAudience: kubeopt-agents, serviceAccount: sys/agent");
    let tokens = usual.tokens.unwrap();
    assert_eq!(
        (tokens.audience.as_str(), tokens.account.as_str()),
        ("kubeopt-agents", "system:serviceaccount:sys:agent")
    );
    assert_eq!((usual.listen.to_string().as_str(), usual.cluster.as_str()), ("0.0.0.0:8443", "a"));
    assert_eq!((usual.retention_seconds, usual.client_ca_file), (48 * 3600, None));
    assert_eq!((usual.connections_per_address, usual.trust_domain), (256, None));
    let other = of(
        "certFile: /c, keyFile: /k, clientCaFile: /ca, cluster: b, retention: 5d, spool: /s, listen: \"[::1]:9\"",
    );
    assert_eq!((other.cluster.as_str(), other.tokens), ("b", None));
    assert_eq!((other.retention_seconds, other.spool.to_str()), (5 * 86_400, Some("/s")));
    let crowd =
        of("certFile: /c, keyFile: /k, clientCaFile: /ca, trustDomain: a.b, connectionsPerAddress: 9");
    assert_eq!((crowd.connections_per_address, crowd.trust_domain.as_deref()), (9, Some("a.b")));
    refused(
        &[
            ("keyFile: /k, clientCaFile: x", "E-API-009", "over TLS only"),
            ("certFile: /c, clientCaFile: x", "E-API-009", "over TLS only"),
            ("certFile: /c, keyFile: /k", "E-API-010", "tokenAudience: kubeopt-agents"),
            ("certFile: /c, keyFile: /k, tokenAudience: \"a b\"", "E-API-003", "kubeopt-agents"),
            ("certFile: /c, keyFile: /k, tokenAudience: x", "E-API-009", "kubeopt-system/kubeopt-agent"),
            (
                "certFile: /c, keyFile: /k, tokenAudience: x, serviceAccount: agent",
                "E-API-003",
                "namespace/name",
            ),
            ("certFile: /c, keyFile: /k, clientCaFile: x, listen: 8443", "E-API-003", "0.0.0.0:8443"),
            ("certFile: /c, keyFile: /k, clientCaFile: x, cluster: c", "E-API-013", "clusters"),
            (
                "certFile: /c, keyFile: /k, clientCaFile: x, trustDomain: \"spiffe://a\"",
                "E-API-003",
                "prod.example",
            ),
            (
                "certFile: /c, keyFile: /k, clientCaFile: x, connectionsPerAddress: 0",
                "E-API-004",
                "1 to 4096",
            ),
            ("certFile: /c, keyFile: /k, clientCaFile: x, retention: 1h", "E-API-004", "2h"),
        ],
        around,
        2,
    );
    let alone = read("agents: {certFile: /c, keyFile: /k, clientCaFile: x}").unwrap_err();
    assert_eq!(alone[0].code, "E-API-009");
}

/// `agents` of the cluster a, with this list of others among a, b and c.
fn with_others(list: &str) -> String {
    format!(
        "clusters: [{{name: a}}, {{name: b}}, {{name: c}}]\nagents:\n  {{certFile: /c, keyFile: /k, \
         tokenAudience: x, serviceAccount: s/agent, clientCaFile: /ca, trustDomain: a.b, retention: 3d, \
         spoolMax: 2Gi, connectionsPerAddress: 9, spool: /s, otherClusters:\n  [{list}]}}"
    )
}

#[test]
fn agents_of_other_clusters_have_what_is_theirs_and_take_the_rest_from_the_first() {
    let list = "{cluster: c, listen: \"0.0.0.0:8444\"}, {cluster: b, listen: \"[::1]:9\", certFile: /c2, \
                keyFile: /k2, clientCaFile: /ca2, trustDomain: b.b, tokenAudience: y, serviceAccount: t/bot, \
                spool: /elsewhere, retention: 5d, spoolMax: 1Gi, connectionsPerAddress: 7}";
    let agents = read(&with_others(list)).unwrap().agents.unwrap();
    let [first, usual, own] = &agents.clusters[..] else { panic!("three clusters: {agents:?}") };
    let mut expected = first.clone();
    expected.cluster = usual.cluster.clone();
    expected.listen = "0.0.0.0:8444".parse().unwrap();
    expected.spool = "/s/clusters/c".into();
    // Who signs for the nodes of one cluster proves nothing of another.
    expected.client_ca_file = None;
    assert_eq!((usual.cluster.as_str(), usual), ("c", &expected));
    assert_eq!((own.cluster.as_str(), own.listen.to_string().as_str()), ("b", "[::1]:9"));
    assert_eq!((own.cert_file.to_str(), own.key_file.to_str()), (Some("/c2"), Some("/k2")));
    let tokens = own.tokens.as_ref().unwrap();
    assert_eq!((tokens.audience.as_str(), tokens.account.as_str()), ("y", "system:serviceaccount:t:bot"));
    assert_eq!((own.client_ca_file.clone(), own.trust_domain.as_deref()), (Some("/ca2".into()), Some("b.b")));
    assert_eq!((own.spool.to_str(), own.retention_seconds), (Some("/elsewhere"), 5 * 86_400));
    assert_eq!((own.spool_max, own.connections_per_address), (kubeopt_model::Bytes::mebi(1024), 7));
}

#[test]
fn clusters_of_agents_that_could_be_taken_for_each_other_are_refused() {
    let listen = "listen: \"0.0.0.0:9000\"";
    for (list, code, help) in [
        (format!("{{{listen}}}"), "E-API-009", "one of `clusters`"),
        ("{cluster: b}".to_owned(), "E-API-009", "a port of their own"),
        (format!("{{cluster: d, {listen}}}"), "E-API-013", "`clusters`"),
        ("{cluster: b, listen: 9000}".to_owned(), "E-API-003", "0.0.0.0:8443"),
        (format!("{{cluster: b, {listen}, certFile: /c2}}"), "E-API-010", "name both"),
        (format!("{{cluster: b, {listen}, serviceAccount: bot}}"), "E-API-003", "namespace/name"),
        (format!("{{cluster: b, {listen}, tokenAudience: \"x y\"}}"), "E-API-003", "kubeopt-agents"),
        (format!("{{cluster: b, {listen}, trustDomain: \"spiffe://a\"}}"), "E-API-003", "prod.example"),
        (format!("{{cluster: b, {listen}, retention: 1h}}"), "E-API-004", "2h"),
        (format!("{{cluster: b, {listen}, training: {{enabled: true}}}}"), "E-API-002", "cluster"),
        // In common with the first.
        (format!("{{cluster: a, {listen}}}"), "E-API-010", "keep one of the two"),
        ("{cluster: b, listen: \"10.0.0.1:8443\"}".to_owned(), "E-API-010", "a port of its own"),
        (format!("{{cluster: b, {listen}, spool: /s/}}"), "E-API-010", "another folder"),
        (format!("{{cluster: b, {listen}, clientCaFile: /ca}}"), "E-API-010", "the same name in the other"),
        // With another one.
        (format!("{{cluster: b, {listen}}}, {{cluster: c, {listen}}}"), "E-API-010", "a port of its own"),
    ] {
        let problems = read(&with_others(&list)).unwrap_err();
        assert_eq!(problems.len(), 1, "{list}: {problems:?}");
        assert_eq!(problems[0].code, code, "{list}: {problems:?}");
        assert!(problems[0].help.contains(help), "{list}: {problems:?}");
        let line = problems[0].place.as_ref().and_then(|place| place.line);
        assert_eq!(line, Some(4), "{list}: {problems:?}");
    }
    // Nothing proves a node there, and the authority of the first does not either.
    let text = "clusters: [{name: a}, {name: b}]\nagents:\n  certFile: /c\n  keyFile: /k\n  clientCaFile: /ca\n  \
                otherClusters: [{cluster: b, listen: \"0.0.0.0:1\"}]";
    let problems = read(text).unwrap_err();
    assert_eq!((problems.len(), problems[0].code.as_str()), (1, "E-API-010"), "{problems:?}");
    assert!(problems[0].help.contains("is not taken for them"), "{problems:?}");
    // Any free port is another one each time.
    let free = with_others("{cluster: b, listen: \"127.0.0.1:0\"}, {cluster: c, listen: \"127.0.0.1:0\"}");
    assert!(read(&free).is_ok());
}
