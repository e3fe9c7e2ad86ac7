//! What the API server tells of usage at this moment: pages, refusals, and answers that never end.

use serde_json::{Value, json};

use crate::fake::{Answer, Fake};

const PODS: &str = "/apis/metrics.k8s.io/v1beta1/pods";

/// A MiB of a list that never ends.
const ENDLESS: &str = match std::str::from_utf8(&[b' '; 1 << 20]) {
    Ok(blanks) => blanks,
    Err(_) => "",
};

fn pod(name: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "shop"}, "timestamp": "2026-11-22T10:00:00Z", "window": "15s",
        "containers": [{"name": "main", "usage": {"cpu": "1500u", "memory": "2Ki"}}]})
}

#[tokio::test]
async fn all_pages_are_one_moment() {
    let fake = Fake::start().await;
    fake.answer(
        PODS,
        [Answer::Page(vec![pod("a"), pod("b")], Some("more")), Answer::Page(vec![pod("c")], None)],
    );
    let moment = fake.cluster().moment().await.unwrap();
    let names: Vec<&str> = moment.samples.iter().map(|sample| sample.pod.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(moment.samples[2].cpu_millicores, Some(1.5));
    assert_eq!((moment.requests, moment.unusable, moment.partial), (2, 0, None));
    assert_eq!(fake.queries_of(PODS), ["", "continue=more"]);
}

#[tokio::test]
async fn refusals_are_told_apart_with_the_next_step() {
    let fake = Fake::start().await;
    for (answer, code, help) in [
        (Answer::Refuse(404), "E-CLU-010", "install metrics-server"),
        (Answer::Refuse(503), "E-CLU-010", "`metrics.prometheus`"),
        (Answer::Refuse(403), "E-CLU-011", "get and list on pods of the group metrics.k8s.io"),
        (Answer::Refuse(500), "E-CLU-012", "kubectl get --raw"),
        (Answer::Text("<html>log in</html>", 1), "E-CLU-012", "kubectl get --raw"),
        (Answer::Text("[[]]", 1), "E-CLU-012", "kubectl get --raw"),
        (Answer::Text(ENDLESS, 70), "E-CLU-012", "kubectl get --raw"),
    ] {
        fake.answer(PODS, [answer]);
        let error = fake.cluster().moment().await.unwrap_err();
        let problem = error.problem();
        assert_eq!((error.code(), problem.code.as_str()), (code, code), "{problem}");
        assert!(problem.help.contains(help) && problem.text.contains("fake"), "{problem}");
    }
}

#[tokio::test]
async fn pages_that_never_end_are_cut_and_say_so() {
    let fake = Fake::start().await;
    fake.answer(PODS, [Answer::Page(vec![pod("a")], Some("more"))]);
    let moment = fake.cluster().moment().await.unwrap();
    assert_eq!((moment.requests, moment.samples.len()), (400, 400));
    assert!(moment.partial.is_some_and(|why| why.contains("200000 containers")));
}

#[tokio::test]
async fn a_cluster_without_pods_is_an_empty_moment() {
    let fake = Fake::start().await;
    for answer in [Answer::Page(vec![], None), Answer::Text(r#"{"items": null}"#, 1)] {
        fake.answer(PODS, [answer]);
        assert_eq!(fake.cluster().moment().await.unwrap().samples, []);
    }
}
