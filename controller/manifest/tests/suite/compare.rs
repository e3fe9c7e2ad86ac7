//! What the comparison of two renderings lets through, and what it names.

use kubeopt_manifest::{compare, compare_all};
use kubeopt_model::{Amount, Bytes, Field, MilliCores};

const BEFORE: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: pay}
spec:
  replicas: 3
  template:
    spec:
      containers:
      - name: api
        image: a:1
        resources:
          requests: {cpu: 1, memory: 2Gi}
      - name: side
---
apiVersion: v1
kind: Service
metadata: {name: api}
";

fn changed(from: &str, to: &str) -> Result<Vec<String>, String> {
    let after = BEFORE.replacen(from, to, 1);
    assert_ne!(after, BEFORE, "`{from}` is not in the text");
    match compare(BEFORE.as_bytes(), after.as_bytes()) {
        Ok(changed) => Ok(changed
            .iter()
            .map(|one| {
                let shown =
                    |amount: Option<Amount>| amount.map_or("-".to_owned(), |amount| amount.to_string());
                let (before, after) = (shown(one.value.before), shown(one.value.after));
                format!("{}/{} {} {before} {after}", one.workload, one.container, one.field)
            })
            .collect()),
        Err(problem) => {
            assert_eq!(problem.code, "E-SRC-023", "{problem}");
            Err(problem.text)
        }
    }
}

#[test]
fn resource_fields_are_returned() {
    for (from, to, expected) in [
        ("cpu: 1", "cpu: 310m", vec!["pay/deploy/api/api requests.cpu 1000m 310m"]),
        ("cpu: 1", "cpu: 1000m", vec![]),
        ("cpu: 1, ", "", vec!["pay/deploy/api/api requests.cpu 1000m -"]),
        (
            "      - name: side",
            "      - {name: side, resources: {limits: {memory: 1Gi}}}",
            vec!["pay/deploy/api/side limits.memory - 1Gi"],
        ),
        (
            "requests: {cpu: 1, memory: 2Gi}",
            "requests: {memory: 1Gi, cpu: 2} # a comment",
            vec!["pay/deploy/api/api requests.cpu 1000m 2000m", "pay/deploy/api/api requests.memory 2Gi 1Gi"],
        ),
        ("image: a:1", "image: \"a:1\"", vec![]),
    ] {
        assert_eq!(
            changed(from, to),
            Ok(expected.into_iter().map(str::to_owned).collect()),
            "{from} -> {to}"
        );
    }
}

#[test]
fn the_first_other_difference_is_named() {
    for (from, to, expected) in [
        ("replicas: 3", "replicas: 4", "spec.replicas was 3 and is 4"),
        ("replicas: 3", "replicas: \"3\"", "spec.replicas was 3 and is 3"),
        ("image: a:1", "image: a:2", "containers[0].image was a:1 and is a:2"),
        ("cpu: 1", "cpu: lots", "requests.cpu was 1 and is lots"),
        ("cpu: 1", "gpu: 1", "requests.gpu was not set and is 1"),
        ("kind: Service", "kind: Secret", "where v1 Service api was, v1 Secret api is"),
        ("name: api, namespace: pay", "name: api, namespace: x", "pay/api was, apps/v1 Deployment x/api is"),
        (
            "---\napiVersion: v1\nkind: Service\nmetadata: {name: api}\n",
            "",
            "there were 2 documents and are 1",
        ),
        ("      - name: side\n", "", "containers was a collection and is a collection"),
        ("name: side", "name: other", "containers[1].name was side and is other"),
        ("memory: 2Gi", "storage: 2Gi", "requests.storage was not set and is 2Gi"),
    ] {
        match changed(from, to) {
            Ok(changed) => panic!("{from} -> {to} was let through: {changed:?}"),
            Err(text) => assert!(text.contains(expected), "{from} -> {to}: {text}"),
        }
    }
}

#[test]
fn documents_that_change_places_are_named() {
    let (first, second) = BEFORE.split_once("---\n").expect("two documents");
    let moved = format!("{second}---\n{first}");
    let problem = compare(BEFORE.as_bytes(), moved.as_bytes()).expect_err("moved");
    assert!(problem.text.contains("where apps/v1 Deployment pay/api was, v1 Service api is"), "{problem}");
}

#[test]
fn an_empty_document_is_no_document() {
    let padded = format!("---\n# nothing\n---\n{BEFORE}---\n");
    assert_eq!(compare(BEFORE.as_bytes(), padded.as_bytes()), Ok(vec![]));
}

#[test]
fn items_of_lists_are_compared_as_objects() {
    let list = |cpu: &str| {
        format!(
            "apiVersion: v1\nkind: List\nitems:\n- apiVersion: apps/v1\n  kind: DaemonSet\n  metadata: {{name: agent}}\n  \
             spec: {{template: {{spec: {{initContainers: [{{name: i, resources: {{limits: {{cpu: {cpu}, memory: 1Mi}}}}}}]}}}}}}\n"
        )
    };
    let changed = compare(list("1").as_bytes(), list("2").as_bytes()).expect("resources only");
    assert_eq!(changed.len(), 1);
    assert_eq!(changed[0].field, Field::CPU_LIMIT);
    assert_eq!(changed[0].value.after, Some(Amount::Cpu(MilliCores(2000))));
    let same = compare(list("1").as_bytes(), list("1").as_bytes());
    assert_eq!(same, Ok(vec![]));
    assert_ne!(changed[0].value.before, Some(Amount::Memory(Bytes(1))));
}

#[test]
fn text_that_names_very_many_values_ends_in_a_refusal() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let below = level - 1;
        let items = vec![format!("*a{below}"); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    for text in [bomb.as_str(), "a: &a [*a]\n"] {
        let problem = compare(text.as_bytes(), text.as_bytes()).expect_err("too much");
        assert_eq!(problem.code, "E-SRC-021");
    }
}

#[test]
fn a_target_of_an_autoscaler_is_told_apart_from_all_else_that_differs() {
    let scaler = |percent: &str, max: u32| {
        format!(
            "{BEFORE}---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {{name: api, namespace: shop}}\nspec:\n  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: api}}\n  maxReplicas: {max}\n  metrics: [{{type: Resource, resource: {{name: cpu, target: {{type: Utilization, averageUtilization: {percent}}}}}}}]\n"
        )
    };
    let of = |before: &str, after: &str| compare_all(before.as_bytes(), after.as_bytes());
    let found = of(&scaler("70", 9), &scaler("84", 9)).expect("only the target");
    assert_eq!((found.fields.len(), found.targets.len()), (0, 1));
    let target = &found.targets[0];
    assert_eq!((target.percent.before, target.percent.after, target.scaler.as_str()), (70, 84, "api"));
    assert_eq!(target.workload.to_string(), "shop/deploy/api");
    for (before, after) in [
        (scaler("70", 9), scaler("70", 10)),
        (scaler("70", 9), scaler("{a: 1}", 9)),
        (scaler("70", 9), scaler("0", 9)),
        (
            scaler("70", 9).replace("autoscaling/", "example.org/"),
            scaler("84", 9).replace("autoscaling/", "example.org/"),
        ),
    ] {
        assert_eq!(of(&before, &after).map_err(|problem| problem.code), Err("E-SRC-023".to_owned()));
    }
    let refused = compare(scaler("70", 9).as_bytes(), scaler("84", 9).as_bytes()).expect_err("no resource");
    assert_eq!(refused.code, "E-SRC-023");
}
