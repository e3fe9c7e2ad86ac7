//! Charts that repositories and registries publish: found through the objects of Flux and Argo CD, rendered, edited and
//! proven. What is wrong with one leaves its own workload, with the reason.
//!
//! The render child is this test binary, as for overlays. Where there is neither `KUBEOPT_HELM` nor a helm on the path,
//! the chart is fetched all the same, and its values are found by their layout, which the proof must say.

use std::collections::BTreeMap;

use kubeopt_model::cluster::GitOpsKind;
use kubeopt_model::workload::AppliedBy;
use kubeopt_model::{NoRecommendation, Resources};
use serde_json::json;
use wiremock::{MockServer, ResponseTemplate};

use crate::apps::{App, WEB, quiet_millicores, recorded};
use crate::published::{
    FILE, POD, RELEASE, answers, applied, archive, asked, changed, controller, digest_of, entry, flux,
    is_not_rendered, name, namespace, object, packed, proven_by, publish, release_of, true_archives,
    with_facts, world,
};
use crate::said::{left, left_code};
use crate::world::World;

#[tokio::test]
async fn a_value_of_a_published_chart_is_edited_and_proven_with_its_archive() {
    let server = MockServer::start().await;
    publish(&server, &true_archives(&["6.4.0", "6.5.0", "7.0.0"])).await;
    let world = world(RELEASE).await;
    flux(&world, Some(json!({"url": server.uri()})));
    let (kubeopt, has_helm) = controller(&world, &[entry(&server.uri())]).await;

    let report = world.pass(&kubeopt).await;
    world.the_open_one(&WEB).await;
    assert_eq!(asked(&server).await, ["/index.yaml", "/podinfo-6.5.0.tgz"], "one of each, whoever needs it");
    if !has_helm {
        is_not_rendered(&report, FILE);
        return;
    }
    let digest = &digest_of(&archive("6.5.0"))[..12];
    let by = proven_by(&report, FILE);
    assert!(by.ends_with(&format!(", chart podinfo 6.5.0 (sha256:{digest})")), "{by}");
    let pull = world.the_open_one(&POD).await;
    assert!(pull.body.contains("podinfo 6.5.0"), "{}", pull.body);
    let (before, after) = changed(&world).await;
    let differing = before.lines().zip(after.lines()).filter(|(before, after)| before != after);
    let lines: Vec<&str> = differing.map(|(before, _)| before.trim_start()).collect();
    assert_eq!(lines, ["cpu: 400m   # by hand", "memory: 512Mi"]);
    assert!(after.contains("# by hand"), "{after}");

    assert_eq!(world.pass(&kubeopt).await.problems(), []);
    assert_eq!(world.the_open_one(&POD).await, pull);
    assert_eq!(asked(&server).await[2..], ["/index.yaml"], "the archive is kept");
}

#[tokio::test]
async fn requests_that_a_published_chart_only_offers_are_created_in_the_release() {
    let server = MockServer::start().await;
    publish(&server, &true_archives(&["6.5.0"])).await;
    let bare = RELEASE.split("    resources:\n").next().unwrap();
    let world = world(bare).await;
    flux(&world, Some(json!({"url": server.uri()})));
    with_facts(&world, |facts| {
        let live = facts.workloads.iter_mut().find(|workload| workload.id == POD.id()).unwrap();
        live.containers[0].resources = Resources::default();
    });
    let (kubeopt, has_helm) = controller(&world, &[entry(&server.uri())]).await;

    let report = world.pass(&kubeopt).await;
    if !has_helm {
        assert!(world.pulls_of(&POD).await.is_empty());
        return;
    }
    proven_by(&report, FILE);
    let (before, after) = changed(&world).await;
    let created = "    resources:\n      requests:\n        cpu: 120m\n        memory: 320Mi\n";
    assert_eq!((before.as_str(), after), (bare, format!("{bare}{created}")));
}

#[tokio::test]
async fn a_new_version_within_the_range_is_traced_and_proven_anew() {
    let server = MockServer::start().await;
    publish(&server, &true_archives(&["6.5.0"])).await;
    let world = world(RELEASE).await;
    flux(&world, Some(json!({"url": server.uri()})));
    let (kubeopt, has_helm) = controller(&world, &[entry(&server.uri())]).await;
    let first = world.pass(&kubeopt).await;
    publish(&server, &true_archives(&["6.5.0", "6.6.0"])).await;

    let second = world.pass(&kubeopt).await;
    assert_eq!(asked(&server).await, ["/index.yaml", "/podinfo-6.6.0.tgz"]);
    if !has_helm {
        is_not_rendered(&first, FILE);
        is_not_rendered(&second, FILE);
        return;
    }
    assert!(proven_by(&first, FILE).contains("podinfo 6.5.0"));
    assert!(proven_by(&second, FILE).contains("podinfo 6.6.0"));
}

#[tokio::test]
async fn a_chart_of_a_registry_is_found_under_its_tag() {
    let server = MockServer::start().await;
    let bytes = archive("6.5.0");
    let layer = json!({
        "mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
        "digest": format!("sha256:{}", digest_of(&bytes)),
    });
    let tags = json!({"tags": ["6.4.0", "6.5.0", "latest"]});
    for (at, answer) in [
        ("tags/list".to_owned(), ResponseTemplate::new(200).set_body_json(tags)),
        ("manifests/6.5.0".to_owned(), ResponseTemplate::new(200).set_body_json(json!({"layers": [layer]}))),
        (format!("blobs/sha256:{}", digest_of(&bytes)), ResponseTemplate::new(200).set_body_bytes(bytes)),
    ] {
        answers(&server, &format!("/v2/charts/podinfo/{at}"), answer).await;
    }
    let world = world(RELEASE).await;
    let address = server.uri().replace("http://", "oci://") + "/charts";
    flux(&world, Some(json!({"type": "oci", "url": address})));
    let listed = format!("{{url: '{address}', plainHttp: true}}");
    let (kubeopt, has_helm) = controller(&world, &[listed]).await;

    let report = world.pass(&kubeopt).await;
    assert_eq!(asked(&server).await.len(), 3);
    if !has_helm {
        is_not_rendered(&report, FILE);
        return;
    }
    assert!(proven_by(&report, FILE).contains("chart podinfo 6.5.0 (sha256:"));
}

#[tokio::test]
async fn an_application_of_a_published_chart_is_edited_in_its_file_of_values() {
    let server = MockServer::start().await;
    publish(&server, &true_archives(&["6.5.0", "7.0.0"])).await;
    let values = "values/podinfo.yaml";
    let text = "resources:\n  requests: {cpu: 400m, memory: 512Mi}\n";
    let world = World::with(&[WEB], &[("shop", values, text)]).await.deploy(&[POD]);
    world.metrics["prod"].set(recorded(&[POD, WEB], quiet_millicores));
    let spec = json!({
        "destination": {"namespace": "podinfo", "server": "https://kubernetes.default.svc"},
        "sources": [
            {"repoURL": server.uri(), "chart": "podinfo", "targetRevision": "6.*",
             "helm": {"valueFiles": [format!("$values/{values}")]}},
            {"repoURL": "https://local/acme/shop", "targetRevision": "main", "ref": "values"},
        ],
    });
    with_facts(&world, |facts| {
        facts.gitops_objects.push(object(GitOpsKind::Application, "argocd", "podinfo", spec));
    });
    let by = AppliedBy::ArgoApplication { namespace: namespace("argocd"), name: name("podinfo") };
    applied(&world, &POD, by);
    let (kubeopt, has_helm) = controller(&world, &[entry(&server.uri())]).await;

    let report = world.pass(&kubeopt).await;
    world.the_open_one(&WEB).await;
    if !has_helm {
        is_not_rendered(&report, values);
        return;
    }
    assert!(proven_by(&report, values).contains("chart podinfo 6.5.0 (sha256:"));
}

/// The address of a port on which nobody listens.
fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// What keeps the chart away: the archives of the server, what is listed of it, what the release asks for, and how it is
/// said.
struct Trouble {
    archives: BTreeMap<&'static str, (Vec<u8>, String)>,
    listed: fn(&str) -> String,
    asks: fn(&str) -> Option<String>,
    code: &'static str,
    told: &'static str,
}

/// The release with its values where no layout tells whom they are for.
fn in_no_known_layout() -> String {
    let (before, _) = RELEASE.split_once("    resources:").unwrap();
    format!("{before}    a: {{b: {{resources: {{requests: {{cpu: 400m, memory: 512Mi}}}}}}}}\n")
}

fn troubles() -> Vec<Trouble> {
    let fine = || true_archives(&["6.5.0"]);
    let own = |uri: &str| uri.to_owned();
    let published = |bytes: Vec<u8>, digest: String| BTreeMap::from([("6.5.0", (bytes, digest))]);
    let no_chart = packed(&[("podinfo/README.md", "")]);
    let digest = digest_of(&no_chart);
    let trouble = |archives, code, told| Trouble {
        archives,
        listed: own,
        asks: |uri| Some(uri.to_owned()),
        code,
        told,
    };
    vec![
        Trouble {
            listed: |uri| format!("{uri}/elsewhere"),
            ..trouble(fine(), "E-SRC-210", "to `charts:` of kubeopt.yaml")
        },
        Trouble { asks: |_| None, ..trouble(fine(), "E-SRC-210", "kubeopt may list") },
        Trouble {
            asks: |_| Some("git@host:charts".to_owned()),
            ..trouble(fine(), "E-REN-023", "https://... or oci://...")
        },
        trouble(published(archive("6.5.0"), digest_of(b"other")), "E-REN-022", "do not use this chart"),
        trouble(published(no_chart, digest), "E-REN-014", "helm show chart"),
        trouble(published(b"no archive".to_vec(), digest_of(b"no archive")), "E-REN-020", "helm"),
        trouble(true_archives(&["7.0.0"]), "E-REN-021", "helm show chart"),
    ]
}

#[tokio::test]
async fn a_chart_that_cannot_be_had_leaves_its_own_workload_with_the_reason() {
    for Trouble { archives, listed, asks, code, told } in troubles() {
        let server = MockServer::start().await;
        publish(&server, &archives).await;
        let world = world(&in_no_known_layout()).await;
        flux(&world, asks(&server.uri()).map(|url| json!({"url": url})));
        let (kubeopt, _) = controller(&world, &[entry(&listed(&server.uri()))]).await;

        let report = world.pass(&kubeopt).await;
        assert_eq!(left_code(&report, &POD), code);
        let why = left(&report, &POD);
        assert!(
            matches!(&why, NoRecommendation::NotEditable(problem) if problem.help.contains(told)),
            "{why:?}"
        );
        assert!(world.pulls_of(&POD).await.is_empty(), "{code}");
        world.the_open_one(&WEB).await;
        if code == "E-SRC-210" {
            assert_eq!(asked(&server).await, [""; 0], "who is not listed is not asked");
        }
    }
}

#[tokio::test]
async fn of_two_releases_in_a_folder_each_is_left_with_its_own_reason() {
    const DB: App = App { namespace: "db", name: "db", ..POD };
    let server = MockServer::start().await;
    publish(&server, &true_archives(&["7.0.0"])).await;
    let deep = in_no_known_layout();
    let other = deep.replace("name: podinfo\n", "name: db\n").replace("namespace: podinfo", "namespace: db");
    let other = other.replace("{kind: HelmRepository, name: podinfo,", "{kind: HelmRepository, name: db,");
    let text = format!("{other}---\n{deep}");
    let world = world(&text).await.deploy(&[DB]);
    flux(&world, Some(json!({"url": server.uri()})));
    release_of(&world, &DB);
    let (kubeopt, _) = controller(&world, &[entry(&server.uri())]).await;

    let report = world.pass(&kubeopt).await;
    assert_eq!([left_code(&report, &POD), left_code(&report, &DB)], ["E-REN-021", "E-SRC-210"]);
}

#[tokio::test]
async fn a_server_that_is_down_leaves_its_charts_until_it_is_back() {
    let server = MockServer::start().await;
    publish(&server, &true_archives(&["6.5.0"])).await;
    let world = world(RELEASE).await;
    let down = nobody();
    flux(&world, Some(json!({"url": down})));
    let (kubeopt, has_helm) = controller(&world, &[entry(&down), entry(&server.uri())]).await;

    let report = world.pass(&kubeopt).await;
    assert_eq!(left_code(&report, &POD), "E-REN-023");
    let other = world.the_open_one(&WEB).await;

    // The same tree and the same range: only the server has changed.
    with_facts(&world, |facts| {
        let source = facts.gitops_objects.iter_mut().find(|one| one.kind == GitOpsKind::HelmRepository);
        source.unwrap().spec = json!({"url": server.uri()});
    });
    let report = world.pass(&kubeopt).await;
    if has_helm {
        world.the_open_one(&POD).await;
    } else {
        is_not_rendered(&report, FILE);
    }
    assert_eq!(world.the_open_one(&WEB).await, other);
}

#[tokio::test]
async fn a_server_that_fails_once_is_asked_again_in_the_next_pass() {
    let server = MockServer::start().await;
    answers(&server, "/index.yaml", ResponseTemplate::new(500)).await;
    let world = world(RELEASE).await;
    flux(&world, Some(json!({"url": server.uri()})));
    let (kubeopt, has_helm) = controller(&world, &[entry(&server.uri())]).await;

    let report = world.pass(&kubeopt).await;
    assert_eq!(left_code(&report, &POD), "E-REN-023");
    assert_eq!(asked(&server).await, ["/index.yaml"], "once a pass, for all who need it");

    publish(&server, &true_archives(&["6.5.0"])).await;
    let report = world.pass(&kubeopt).await;
    if has_helm {
        world.the_open_one(&POD).await;
    } else {
        is_not_rendered(&report, FILE);
    }
}
