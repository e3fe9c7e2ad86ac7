//! Folders that nobody wrote: workloads, overlays and charts in forms that are drawn by lot, so that forms meet that no
//! scenario brings together. The same number draws the same folder.

use std::fmt::Write as _;
use std::path::Path;

use kubeopt_tests::OrFail;

/// Draws by lot; the same seed draws the same (SplitMix64).
pub(crate) struct Lot(u64);

impl Lot {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("it is below a usize")
    }

    fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// A workload: its kind, name and containers.
struct Workload {
    kind: &'static str,
    name: &'static str,
    containers: Vec<&'static str>,
}

/// Writes one folder: a base with two overlays, a folder of plain manifests and a chart.
pub(crate) fn write_folder(root: &Path, lot: &mut Lot) {
    let workloads = workloads(lot);
    let mut base = "resources:\n".to_owned();
    for workload in &workloads {
        let file = format!("{}.yaml", workload.name);
        let text = manifest(workload, lot);
        write(root, &format!("base/{file}"), &ended(text, lot));
        let _ = writeln!(base, "  - {file}");
    }
    write(root, "base/kustomization.yaml", &base);
    for overlay in ["prod", "staging"] {
        write_overlay(root, overlay, &workloads, lot);
    }
    let alone = Workload { kind: "DaemonSet", name: "node-exporter", containers: vec!["exporter"] };
    let text = manifest(&alone, lot);
    write(root, "plain/exporter.yaml", &ended(text, lot));
    write_chart(root, lot);
}

fn workloads(lot: &mut Lot) -> Vec<Workload> {
    let kinds = ["Deployment", "StatefulSet", "CronJob"];
    let names = ["api", "api-worker", "ledger"];
    let lists: [&[&str]; 3] = [&["main"], &["main", "proxy"], &["main", "main-init"]];
    let mut all = Vec::new();
    for name in names.into_iter().take(1 + lot.below(2)) {
        all.push(Workload { kind: lot.of(&kinds), name, containers: lot.of(&lists).to_vec() });
    }
    all
}

/// Line ends by lot.
fn ended(text: String, lot: &mut Lot) -> String {
    let text = if lot.one_in(6) { text.trim_end().to_owned() } else { text };
    if lot.one_in(4) { text.replace('\n', "\r\n") } else { text }
}

fn write(root: &Path, path: &str, text: &str) {
    let place = root.join(path);
    std::fs::create_dir_all(place.parent().expect("a file lies in a folder")).or_fail("make a folder");
    std::fs::write(place, text).or_fail("write a file");
}

fn group(kind: &str) -> &'static str {
    if kind == "CronJob" { "batch/v1" } else { "apps/v1" }
}

/// The keys from the object to the list of containers, each with its indentation.
fn way(kind: &str) -> &'static [&'static str] {
    if kind == "CronJob" {
        &["spec", "jobTemplate", "spec", "template", "spec"]
    } else {
        &["spec", "template", "spec"]
    }
}

fn manifest(workload: &Workload, lot: &mut Lot) -> String {
    let Workload { kind, name, containers } = workload;
    let mut text = format!("apiVersion: {}\nkind: {kind}\nmetadata:\n  name: {name}\n", group(kind));
    let mut indent = String::new();
    for key in way(kind) {
        let _ = writeln!(text, "{indent}{key}:");
        indent.push_str("  ");
        if *key == "jobTemplate" {
            continue;
        }
        if indent.len() == 2 {
            let _ = match *kind {
                "CronJob" => writeln!(text, "{indent}schedule: \"0 3 * * *\""),
                _ => writeln!(text, "{indent}selector: {{matchLabels: {{app: {name}}}}}"),
            };
        }
        if *key == "template" {
            let _ = writeln!(text, "{indent}metadata: {{labels: {{app: {name}}}}}");
        }
    }
    if *kind == "CronJob" {
        let _ = writeln!(text, "{indent}restartPolicy: Never");
    }
    add_containers(&mut text, &indent, containers, true, lot);
    text
}

/// A patch on a workload, of which not every container has to be named.
fn patch(workload: &Workload, lot: &mut Lot) -> String {
    let Workload { kind, name, containers } = workload;
    let mut text = format!("apiVersion: {}\nkind: {kind}\nmetadata: {{name: {name}}}\n", group(kind));
    let mut indent = String::new();
    for key in way(kind) {
        let _ = writeln!(text, "{indent}{key}:");
        indent.push_str("  ");
    }
    add_containers(&mut text, &indent, &containers[..1], false, lot);
    text
}

fn add_containers(text: &mut String, indent: &str, names: &[&str], whole: bool, lot: &mut Lot) {
    let _ = writeln!(text, "{indent}containers:");
    let dash = if lot.one_in(2) { indent.to_owned() } else { format!("{indent}  ") };
    for name in names {
        let _ = writeln!(text, "{dash}- name: {name}");
        if whole {
            let _ = writeln!(text, "{dash}  image: registry.example/{name}:1.2");
        }
        add_resources(text, &format!("{dash}  "), lot);
        if lot.one_in(3) {
            let _ = writeln!(text, "{dash}  # the last line of {name}\n{dash}  imagePullPolicy: Always");
        }
    }
}

fn quantity(resource: &str, lot: &mut Lot) -> String {
    let cpu = ["250m", "\"0.5\"", "1", "'2'", "1500m", "0.1"];
    let memory = ["512Mi", "\"1Gi\"", "'128Mi'", "268435456", "1.5Gi", "64M"];
    if resource == "cpu" { lot.of(&cpu) } else { lot.of(&memory) }.to_owned()
}

/// Some of the four fields, in one of the forms that people write.
fn add_resources(text: &mut String, indent: &str, lot: &mut Lot) {
    let mut bounds = Vec::new();
    for bound in ["requests", "limits"] {
        let mut fields = Vec::new();
        for resource in ["cpu", "memory"] {
            if !lot.one_in(3) {
                fields.push((resource, quantity(resource, lot)));
            }
        }
        if !fields.is_empty() {
            bounds.push((bound, fields));
        }
    }
    let comment = if lot.one_in(3) { "  # sized by hand" } else { "" };
    match (bounds.is_empty(), lot.below(4)) {
        (true, 0 | 1) => {
            let _ = writeln!(text, "{indent}resources: {{}}{comment}");
        }
        (true, _) => {}
        (false, 0) => {
            let inner = |fields: &[(&str, String)]| {
                fields.iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join(", ")
            };
            let all: Vec<String> =
                bounds.iter().map(|(bound, fields)| format!("{bound}: {{{}}}", inner(fields))).collect();
            let _ = writeln!(text, "{indent}resources: {{{}}}{comment}", all.join(", "));
        }
        (false, _) => {
            let _ = writeln!(text, "{indent}resources:{comment}");
            for (bound, fields) in &bounds {
                let _ = writeln!(text, "{indent}  {bound}:");
                for (name, value) in fields {
                    let _ = writeln!(text, "{indent}    {name}: {value}{comment}");
                }
            }
        }
    }
}

/// An overlay with one of the ways to change something.
fn write_overlay(root: &Path, name: &str, workloads: &[Workload], lot: &mut Lot) {
    let mut text = "resources:\n  - ../base\n".to_owned();
    if lot.one_in(3) {
        let _ = writeln!(text, "namePrefix: {name}-");
    }
    if lot.one_in(2) {
        let _ = writeln!(text, "namespace: {name}");
    }
    let workload = &workloads[lot.below(workloads.len())];
    match lot.below(4) {
        0 => {
            write(root, &format!("{name}/patch.yaml"), &ended(patch(workload, lot), lot));
            text.push_str("patches:\n  - path: patch.yaml\n");
        }
        1 => {
            text.push_str("patches:\n  - patch: |\n");
            for line in patch(workload, lot).lines() {
                let _ = writeln!(text, "      {line}");
            }
        }
        2 => {
            let way = way(workload.kind).join("/");
            let operation = format!(
                "- op: add\n  path: /{way}/containers/0/resources\n  value:\n    requests:\n      cpu: {}\n",
                quantity("cpu", lot)
            );
            write(root, &format!("{name}/operations.yaml"), &operation);
            let _ = writeln!(
                text,
                "patches:\n  - path: operations.yaml\n    target: {{kind: {}, name: {}}}",
                workload.kind, workload.name
            );
        }
        _ => {}
    }
    write(root, &format!("{name}/kustomization.yaml"), &text);
}

/// A chart of one Deployment, whose template takes values in one of the usual ways.
fn write_chart(root: &Path, lot: &mut Lot) {
    write(root, "chart/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 0.1.0\n");
    let (values, template) = match lot.below(3) {
        0 => {
            let mut values = "web:\n  replicas: 2\n".to_owned();
            add_resources(&mut values, "  ", lot);
            (values, "{{- with .Values.web.resources }}\n          resources: {{- toYaml . | nindent 12 }}\n          {{- end }}".to_owned())
        }
        1 => {
            let values = format!("cpu: {}\nmemoryLimit: {}\n", quantity("cpu", lot), quantity("memory", lot));
            let template = "resources:\n            requests:\n              cpu: {{ .Values.cpu | quote }}\n            limits:\n              memory: {{ .Values.memoryLimit | quote }}";
            (values, template.to_owned())
        }
        _ => {
            let mut values = String::new();
            add_resources(&mut values, "", lot);
            if values.is_empty() {
                values.push_str("resources: {}\n");
            }
            (values, "resources: {{- toYaml .Values.resources | nindent 12 }}".to_owned())
        }
    };
    write(root, "chart/values.yaml", &ended(values, lot));
    let deployment = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {{{{ .Release.Name }}}}\nspec:\n  selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    spec:\n      containers:\n        - name: web\n          image: registry.example/web:1\n          {template}\n"
    );
    write(root, "chart/templates/deployment.yaml", &deployment);
}
