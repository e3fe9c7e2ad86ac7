//! What templates do to values, with a small chart for each, rendered here by hand: what arrives, and from where.

use std::collections::BTreeMap;

use kubeopt_manifest::{FileRole, KnownMarks, Marked, Origin, mark, read_back};
use kubeopt_model::FileSet;
use proptest::prelude::*;
use yaml_rust2::{Yaml, YamlLoader};

use crate::path;

fn values_marked(text: &str) -> Marked {
    mark(&FileSet::from([(path("values.yaml"), text.as_bytes().to_vec())]), &|_| FileRole::Values)
}

fn values(marked: &Marked) -> Yaml {
    let text = String::from_utf8_lossy(&marked.files[&path("values.yaml")]).into_owned();
    YamlLoader::load_from_str(&text).expect("YAML").remove(0)
}

fn text_of(value: &Yaml) -> String {
    let number = value.as_i64().map(|number| number.to_string());
    number.or_else(|| value.as_str().map(str::to_owned)).expect("a whole number or a text")
}

fn deployment(field: &str, text: &str) -> String {
    let (bound, resource) = field.split_once('.').expect("bound and resource");
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: api}}\nspec:\n  template:\n    spec:\n      containers:\n      \
         - name: api\n        resources: {{{bound}: {{{resource}: {text:?}}}}}\n"
    )
}

fn shown(origin: &Origin) -> String {
    match origin {
        Origin::Mark(at) => format!("{at}"),
        Origin::Transformed(at, how) => format!("{at} {how}"),
        Origin::Unmarked => "-".to_owned(),
    }
}

/// Go's `%v` of a float.
fn float(number: u64) -> String {
    let digits = number.to_string();
    let (head, tail) = digits.split_at(1);
    format!("{head}.{}e+{:02}", tail.trim_end_matches('0'), tail.len())
}

fn number(text: &str) -> u64 {
    text.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().expect("a number")
}

type Template = fn(&str) -> String;

#[test]
fn what_a_template_makes_of_a_value_is_told() {
    let cases: [(&str, &str, &str, Template, &str); 31] = [
        ("{{ .Values.x }}", "cpuRequest: 250m", "requests.cpu", |v| v.to_owned(), "0"),
        ("toYaml of a number", "cpuRequest: 2", "requests.cpu", |v| v.to_owned(), "0"),
        ("{{ .Values.x }} of a float", "cpuRequest: 2", "requests.cpu", |v| float(number(v)), "0"),
        (
            "default",
            "cpuRequest: 2",
            "requests.cpu",
            |v| if v.is_empty() { "1".into() } else { v.into() },
            "0",
        ),
        ("bytes", "memoryLimit: 134217728", "limits.memory", |v| v.to_owned(), "0"),
        ("another field", "memoryLimit: 1Gi", "requests.memory", |v| v.to_owned(), "0"),
        ("divf 1000 of milli", "cpuRequest: 250m", "requests.cpu", |v| format!("{}e-3", number(v)), "0"),
        ("{{ .x }}m", "cpuMillis: 200", "requests.cpu", |v| format!("{v}m"), "0 written as \"{}m\""),
        ("{{ .x }}Mi", "memoryMb: 512", "limits.memory", |v| format!("{v}Mi"), "0 written as \"{}Mi\""),
        (
            "{{ .x }}Mi quoted",
            "memoryMb: '512'",
            "limits.memory",
            |v| format!("{v}Mi"),
            "0 written as \"{}Mi\"",
        ),
        (
            "printf %d of a float",
            "cpuMillis: 2",
            "limits.cpu",
            |v| format!("%!d(float64={v})m"),
            "0 written as \"%!d(float64={})m\"",
        ),
        (
            "{{ .x }}Mi of a float",
            "memoryMb: 512",
            "limits.memory",
            |v| format!("{}Mi", float(number(v))),
            "0 written as \"{}Mi\"",
        ),
        ("a suffix twice", "memoryMb: 512Mi", "limits.memory", |v| format!("{v}Mi"), "0 written as \"{}Mi\""),
        (
            "mul 1000, m",
            "cpuCores: 2",
            "requests.cpu",
            |v| format!("{}m", number(v) * 1000),
            "0 multiplied by 1000",
        ),
        ("mul 2", "cpuRequest: 2", "limits.cpu", |v| format!("{}", number(v) * 2), "0 multiplied by 2"),
        (
            "mul 2, Mi",
            "memoryMb: 2",
            "limits.memory",
            |v| format!("{}Mi", number(v) * 2),
            "0 multiplied by 2",
        ),
        (
            "mul 7 of milli",
            "cpuRequest: 2m",
            "limits.cpu",
            |v| format!("{}m", number(v) * 7),
            "0 multiplied by 7",
        ),
        (
            "mul 1024",
            "memoryMb: 2",
            "limits.memory",
            |v| format!("{}Ki", number(v) * 1024),
            "0 multiplied by 1024",
        ),
        (
            "mul 1 MiB",
            "memoryMb: 2",
            "limits.memory",
            |v| format!("{}", number(v) << 20),
            "0 multiplied by 1048576",
        ),
        (
            "mulf 1.5",
            "cpuRequest: 200m",
            "limits.cpu",
            |v| format!("{}m", number(v) * 3 / 2),
            "0 multiplied by 1.5",
        ),
        (
            "mulf 0.8",
            "memoryRequest: 1Gi",
            "limits.memory",
            |v| format!("{}Gi", number(v) * 4 / 5),
            "0 multiplied by 0.8",
        ),
        (
            "mulf 1.1",
            "memoryRequest: 1Gi",
            "limits.memory",
            |v| format!("{}.0000000000145Gi", number(v) * 11 / 10),
            "0 multiplied by 1.1",
        ),
        ("div 2", "cpuRequest: 200m", "limits.cpu", |v| format!("{}m", number(v) / 2), "0 divided by 2"),
        ("div 3", "cpuRequest: 200m", "limits.cpu", |v| format!("{}m", number(v) / 3), "0 divided by 3"),
        (
            "div 7 of a number",
            "cpuMillis: 200",
            "limits.cpu",
            |v| format!("{}m", number(v) / 7),
            "0 divided by 7",
        ),
        ("trimSuffix m", "cpuRequest: 200m", "limits.cpu", |v| number(v).to_string(), "0 multiplied by 1000"),
        ("trimSuffix Mi", "memRequest: 200Mi", "limits.memory", |v| format!("{}M", number(v)), "0 computed"),
        (
            "of the other resource",
            "cpuRequest: 2",
            "limits.memory",
            |v| format!("{}Gi", number(v) * 2),
            "0 computed",
        ),
        ("of no quantity", "cpuRequest: 2m", "limits.cpu", |v| format!("x{}x", number(v)), "0 computed"),
        ("a literal", "cpuRequest: 2m", "limits.cpu", |_| "250m".to_owned(), "-"),
        ("a decimal literal", "memRequest: 2Gi", "limits.memory", |_| "1.7Gi".to_owned(), "-"),
    ];
    for (name, values_text, field, template, expected) in cases {
        let marked = values_marked(&format!("{values_text}\n"));
        let values = values(&marked);
        let value = values.as_hash().and_then(|all| all.values().next()).expect("one value");
        let rendered = deployment(field, &template(&text_of(value)));
        let back = read_back(rendered.as_bytes(), &KnownMarks::of([&marked.index()])).expect("text");
        let seen: Vec<String> = back.arrivals.iter().map(|arrival| shown(&arrival.from)).collect();
        assert_eq!(seen, [expected], "{name}: {values_text}");
    }
}

#[test]
fn one_value_may_arrive_unchanged_and_changed() {
    let marked = values_marked("cpuRequest: 100m\nmemoryMb: 64\n");
    let values = values(&marked);
    let (cpu, memory) = (text_of(&values["cpuRequest"]), text_of(&values["memoryMb"]));
    let fields = [
        deployment("requests.cpu", &cpu),
        deployment("limits.cpu", &format!("{}m", number(&cpu) * 2)),
        deployment("requests.memory", &format!("{memory}Mi")),
        deployment("limits.memory", &format!("{memory}{memory}")),
        deployment("limits.memory", &format!("{memory}+{memory}")),
    ];
    let back = read_back(fields.join("---\n").as_bytes(), &KnownMarks::of([&marked.index()])).expect("text");
    let seen: Vec<String> = back.arrivals.iter().map(|arrival| shown(&arrival.from)).collect();
    assert_eq!(seen, ["0", "0 multiplied by 2", "1 written as \"{}Mi\"", "-", "1 computed"]);
}

#[test]
fn many_values_of_one_chart_stay_apart_under_every_factor() {
    let text: String = (0..500).map(|at| format!("c{at}: {{cpuMillis: {at}, memLimit: {at}Mi}}\n")).collect();
    let marked = values_marked(&text);
    assert_eq!(marked.marks.len(), 1000);
    for factor in [2, 3, 5, 6, 7, 9, 10, 12, 1000, 1024] {
        let documents: Vec<String> = (marked.marks.iter())
            .map(|mark| {
                let suffix = mark.quantity.trim_start_matches(|c: char| c.is_ascii_digit());
                let field = mark.field.to_string();
                deployment(&field, &format!("{}{suffix}", number(&mark.quantity) * factor))
            })
            .collect();
        let back =
            read_back(documents.join("---\n").as_bytes(), &KnownMarks::of([&marked.index()])).expect("text");
        for (at, arrival) in back.arrivals.iter().enumerate() {
            assert_eq!(shown(&arrival.from), format!("{at} multiplied by {factor}"), "{}", arrival.text);
        }
    }
}

/// A small chart: every component has a container that takes its values in one of several ways.
fn rendered(values: &Yaml) -> String {
    let components = values.as_hash().expect("a mapping");
    let mut sorted: BTreeMap<String, &Yaml> = BTreeMap::new();
    for (name, component) in components {
        sorted.insert(text_of(name), component);
    }
    let documents = sorted.iter().map(|(name, component)| {
        let cpu = text_of(&component["resources"]["requests"]["cpu"]);
        let memory = text_of(&component["memoryMb"]);
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  template:\n    spec:\n      containers:\n      \
             - name: main\n        resources:\n          requests: {{cpu: {cpu}, memory: {memory}Mi}}\n          limits: {{cpu: {}m}}\n",
            number(&cpu) * 2
        )
    });
    documents.collect::<Vec<_>>().join("---\n")
}

/// What feeds what, by names and paths: no line and no mark's number.
fn trace(text: &str) -> BTreeMap<String, String> {
    let marked = values_marked(text);
    let back =
        read_back(rendered(&values(&marked)).as_bytes(), &KnownMarks::of([&marked.index()])).expect("text");
    let told = |from: &Origin| match from {
        Origin::Mark(at) => marked.marks[*at].site.path.to_string(),
        Origin::Transformed(at, how) => format!("{} {how}", marked.marks[*at].site.path),
        Origin::Unmarked => "-".to_owned(),
    };
    let arrivals = back.arrivals.iter();
    arrivals.map(|one| (format!("{} {}", one.workload, one.field), told(&one.from))).collect()
}

fn component(name: &str, cpu: u64, memory: u64, swapped: bool) -> String {
    let (cpu, memory) =
        (format!("  resources: {{requests: {{cpu: {cpu}m}}}}\n"), format!("  memoryMb: {memory}\n"));
    let [first, second] = if swapped { [memory, cpu] } else { [cpu, memory] };
    format!("{name}:\n{first}{second}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_same_values_give_the_same_trace_whatever_the_order_of_keys(
        amounts in prop::collection::vec((1_u64..9_000, 1_u64..9_000, any::<bool>()), 1..12),
        order in any::<prop::sample::Index>(),
    ) {
        let blocks: Vec<String> = amounts.iter().enumerate()
            .map(|(at, (cpu, memory, _))| component(&format!("c{at}"), *cpu, *memory, false)).collect();
        let mut moved: Vec<String> = amounts.iter().enumerate()
            .map(|(at, (cpu, memory, swapped))| component(&format!("c{at}"), *cpu, *memory, *swapped)).collect();
        let middle = order.index(moved.len());
        moved.rotate_left(middle);
        moved.reverse();
        let before = trace(&blocks.concat());
        prop_assert_eq!(before.len(), amounts.len() * 3);
        prop_assert!(before.values().all(|told| told != "-"));
        prop_assert_eq!(before, trace(&moved.concat()));
    }
}
