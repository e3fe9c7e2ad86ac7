//! What a chart lets its users set: the `resources` values that its templates read, its schema declares or its own
//! values hold.
//!
//! A scan of text, not an evaluation: what it finds in vain costs a mark that arrives nowhere.

use std::collections::{BTreeSet, VecDeque};

use kubeopt_model::{FileSet, RepoPath};

use super::{is_resources, takes_amounts};
use crate::stream::{NodeId, Stream};
use crate::yaml_text::YamlText;

/// Charts within charts that are followed; three levels were the most that was seen.
const CHARTS_DEPTH_MAX: usize = 6;

/// Paths of one chart. The largest public umbrella charts have about 200.
const OFFERED_MAX: usize = 2_000;

/// Keys of one path.
const KEYS_MAX: usize = 24;

/// Nodes of a schema that are looked at: references make many out of little text.
const SCHEMA_NODES_MAX: usize = 50_000;

/// Bytes of one file of a chart that are scanned.
const FILE_BYTES_MAX: usize = 4 << 20;

/// The value paths of a chart that end in a key ending in `resources`, subcharts' behind their name or alias, sorted.
/// `chart` is the folder of `Chart.yaml`; files that cannot be read offer nothing.
pub fn offered(chart_files: &FileSet, chart: &RepoPath) -> Vec<Vec<String>> {
    let mut found = Paths::default();
    scan_chart(chart_files, chart, &[], 0, &mut found);
    found.0.into_iter().collect()
}

#[derive(Default)]
struct Paths(BTreeSet<Vec<String>>);

impl Paths {
    /// Keeps the path up to its last key that ends in `resources`, if it has one.
    fn add(&mut self, prefix: &[String], keys: &[String]) {
        let Some(last) = keys.iter().rposition(|key| is_resources(key)) else { return };
        if self.0.len() < OFFERED_MAX && prefix.len() + last < KEYS_MAX {
            self.0.insert(prefix.iter().chain(&keys[..=last]).cloned().collect());
        }
    }
}

fn scan_chart(files: &FileSet, chart: &RepoPath, prefix: &[String], depth: usize, found: &mut Paths) {
    let below = files.iter().filter(|(path, bytes)| path.is_within(chart) && bytes.len() <= FILE_BYTES_MAX);
    for (path, bytes) in below {
        let rest = path.as_str().strip_prefix(chart.as_str()).unwrap_or_default().trim_start_matches('/');
        match rest {
            "values.schema.json" => scan_schema(bytes, prefix, found),
            "values.yaml" => scan_values(bytes, prefix, found),
            template if template.starts_with("templates/") => {
                let text = String::from_utf8_lossy(bytes);
                template_paths(&text).iter().for_each(|keys| found.add(prefix, keys));
            }
            _ => {}
        }
    }
    if depth < CHARTS_DEPTH_MAX {
        for (folder, keys) in subcharts(files, chart) {
            let prefix: Vec<String> = prefix.iter().cloned().chain(keys).collect();
            scan_chart(files, &folder, &prefix, depth + 1, found);
        }
    }
}

/// The folders of subcharts, and the key that their values stand below: name or alias, none for a library, whose
/// templates read the values of the chart that calls them.
fn subcharts(files: &FileSet, chart: &RepoPath) -> Vec<(RepoPath, Option<String>)> {
    let Ok(charts) = chart.join("charts") else { return Vec::new() };
    let manifests = files.iter().filter(|(path, _)| path.file_name() == "Chart.yaml");
    let direct = manifests.filter_map(|(path, bytes)| {
        let folder = path.parent()?;
        (folder.parent()? == charts).then_some((folder, bytes))
    });
    let dependencies = dependencies(files, chart);
    let mut found = Vec::new();
    for (folder, bytes) in direct {
        let text =
            |key: &str| document(bytes).and_then(|(stream, root)| stream.text(root, key).map(str::to_owned));
        let name = text("name").unwrap_or_else(|| folder.file_name().to_owned());
        if text("type").as_deref() == Some("library") {
            found.push((folder.clone(), None));
            continue;
        }
        let mut keys: Vec<String> =
            dependencies.iter().filter(|(known, _)| *known == name).map(|(_, key)| key.clone()).collect();
        if keys.is_empty() {
            keys.push(name);
        }
        found.extend(keys.into_iter().map(|key| (folder.clone(), Some(key))));
    }
    found
}

/// Names of dependencies with the keys of their values.
fn dependencies(files: &FileSet, chart: &RepoPath) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for name in ["Chart.yaml", "requirements.yaml"] {
        let bytes = chart.join(name).ok().and_then(|path| files.get(&path));
        let Some((stream, root)) = bytes.and_then(|bytes| document(bytes)) else { continue };
        for item in stream.get(root, "dependencies").map_or(&[][..], |list| stream.items(list)) {
            let Some(name) = stream.text(*item, "name") else { continue };
            found.push((name.to_owned(), stream.text(*item, "alias").unwrap_or(name).to_owned()));
        }
    }
    found
}

fn document(bytes: &[u8]) -> Option<(Stream, NodeId)> {
    let stream = YamlText::read(bytes).ok()?.stream;
    let root = *stream.documents.first()?;
    Some((stream, root))
}

/// The value paths that a template reads: `.Values.a.b`, `index .Values "a" "b"`, `(index .Values.a "b").c`.
fn template_paths(text: &str) -> Vec<Vec<String>> {
    const VALUES: &str = ".Values";
    text.match_indices(VALUES)
        .map(|(at, _)| {
            let (mut keys, mut rest) = dotted(&text[at + VALUES.len()..]);
            if is_indexed(&text[..at]) {
                rest = arguments(rest, &mut keys);
            }
            while let Some(behind) = rest.trim_start().strip_prefix(')').filter(|_| keys.len() < KEYS_MAX) {
                let (more, after) = dotted(behind);
                if more.is_empty() {
                    break;
                }
                keys.extend(more);
                rest = after;
            }
            keys
        })
        .collect()
}

/// `.a.b` as keys, and what follows.
fn dotted(text: &str) -> (Vec<String>, &str) {
    let (mut keys, mut rest) = (Vec::new(), text);
    while let Some(behind) = rest.strip_prefix('.').filter(|_| keys.len() < KEYS_MAX) {
        let end = behind.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(behind.len());
        if end == 0 {
            break;
        }
        keys.push(behind[..end].to_owned());
        rest = &behind[end..];
    }
    (keys, rest)
}

/// The word before the one that ends here is `index` (or a function that takes keys as it does).
fn is_indexed(before: &str) -> bool {
    let word = before.trim_end_matches(|c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '.'));
    word.len() < before.len() + 1 && word.trim_end().ends_with("index")
}

/// Texts in quotes, as keys.
fn arguments<'t>(mut rest: &'t str, keys: &mut Vec<String>) -> &'t str {
    while keys.len() < KEYS_MAX {
        let next = rest.trim_start_matches([' ', '\t']);
        let Some((key, behind)) = next.strip_prefix('"').and_then(|text| text.split_once('"')) else { break };
        keys.push(key.to_owned());
        rest = behind;
    }
    rest
}

/// `resources` maps that the chart's own values hold.
fn scan_values(bytes: &[u8], prefix: &[String], found: &mut Paths) {
    let Ok(yaml) = YamlText::read(bytes) else { return };
    let Some(root) = yaml.stream.documents.first() else { return };
    let mut open = vec![(*root, Vec::new())];
    while let Some((node, path)) = open.pop().filter(|_| found.0.len() < OFFERED_MAX) {
        if !matches!(yaml.stream.node(node).kind, crate::stream::Kind::Mapping(_)) {
            continue;
        }
        for (key, value) in yaml.stream.entries(node) {
            let Some(name) = yaml.stream.scalar(*key).filter(|_| path.len() < KEYS_MAX) else { continue };
            let below: Vec<String> = path.iter().cloned().chain([name.to_owned()]).collect();
            if is_resources(name) && takes_amounts(&yaml, *value) {
                found.add(prefix, &below);
            }
            open.push((*value, below));
        }
    }
}

/// A part of a schema, the path that it describes, and the references that led there.
type Part = (NodeId, Vec<String>, Vec<NodeId>);

/// `resources` properties that a schema declares; references within the schema are followed, but not in circles.
fn scan_schema(bytes: &[u8], prefix: &[String], found: &mut Paths) {
    let Some((stream, root)) = document(bytes) else { return };
    let mut open: VecDeque<Part> = VecDeque::from([(root, Vec::new(), Vec::new())]);
    let mut looked_at = 0;
    while let Some((node, path, references)) = open.pop_front() {
        looked_at += 1;
        if looked_at > SCHEMA_NODES_MAX || path.len() >= KEYS_MAX {
            return;
        }
        let target = stream.text(node, "$ref").and_then(|pointer| pointed(&stream, root, pointer));
        if let Some(target) = target.filter(|target| !references.contains(target)) {
            let references = references.iter().copied().chain([target]).collect();
            open.push_back((target, path.clone(), references));
        }
        for part in stream.get(node, "allOf").map_or(&[][..], |list| stream.items(list)) {
            open.push_back((*part, path.clone(), references.clone()));
        }
        let properties = stream.get(node, "properties").map_or(&[][..], |map| stream.entries(map));
        for (key, value) in properties {
            let Some(name) = stream.scalar(*key) else { continue };
            let below: Vec<String> = path.iter().cloned().chain([name.to_owned()]).collect();
            if is_resources(name) && is_object(&stream, *value) {
                found.add(prefix, &below);
            } else {
                open.push_back((*value, below, references.clone()));
            }
        }
    }
}

/// `#/$defs/x`
fn pointed(stream: &Stream, root: NodeId, pointer: &str) -> Option<NodeId> {
    let mut node = root;
    for token in pointer.strip_prefix("#/")?.split('/') {
        node = stream.get(node, &token.replace("~1", "/").replace("~0", "~"))?;
    }
    Some(node)
}

/// Says that it is an object, or does not say what it is.
fn is_object(stream: &Stream, schema: NodeId) -> bool {
    match stream.get(schema, "type") {
        None => true,
        Some(list) if !stream.items(list).is_empty() => {
            stream.items(list).iter().any(|item| stream.scalar(*item) == Some("object"))
        }
        Some(one) => stream.scalar(one) == Some("object"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(all: &[(&str, &str)]) -> FileSet {
        all.iter()
            .map(|(path, text)| (RepoPath::new(path).expect("a path"), text.as_bytes().to_vec()))
            .collect()
    }

    fn offered_by(all: &[(&str, &str)]) -> Vec<String> {
        offered(&files(all), &RepoPath::new("c").expect("a path")).iter().map(|path| path.join(".")).collect()
    }

    #[test]
    fn every_way_to_read_values_is_seen() {
        let template = "{{ toYaml .Values.a.resources | nindent 2 }}\n{{- with $.Values.b.initResources }}x{{ end }}\n\
            {{ index .Values \"c-d\" \"resources\" }}{{ (index $.Values.e \"f-g\").resources | toYaml }}\n\
            {{ .Values.h.resources.limits.cpu }}{{ .Values.other }}{{ ((.Values.i).j).resources }}\n\
            {{ $root.Values.resources }}{{ .Values.resourcesPreset }}{{ .Values..resources }}";
        assert_eq!(
            offered_by(&[
                ("c/templates/x/d.yaml", template),
                ("c/other/d.yaml", "{{ .Values.z.resources }}")
            ]),
            [
                "a.resources",
                "b.initResources",
                "c-d.resources",
                "e.f-g.resources",
                "h.resources",
                "i.j.resources",
                "resources"
            ]
        );
    }

    #[test]
    fn schema_and_values_offer_maps_only() {
        let schema = r##"{"$ref": "#/$defs/v", "$defs": {"v": {"properties": {
            "a": {"properties": {"resources": {"type": "object"}, "xResources": {"type": ["null", "object"]}}},
            "b": {"$ref": "#/$defs/b~1c"}, "loop": {"$ref": "#/$defs/v"},
            "extraResources": {"type": "array"}, "resources": {"$ref": "#/nowhere"}}},
            "b/c": {"allOf": [{"properties": {"resources": {}}}]}}}"##;
        let expected = ["a.resources", "a.xResources", "b.resources", "resources"];
        assert_eq!(offered_by(&[("c/values.schema.json", schema)]), expected);
        let values = "a: {resources: {}, rResources: [], b: {resources: {limits: {cpu: 1}}}}\nresources:\nc: {resources: {x: 1}}\n";
        assert_eq!(offered_by(&[("c/values.yaml", values)]), ["a.b.resources", "a.resources", "resources"]);
    }

    #[test]
    fn subcharts_stand_below_their_name_or_alias() {
        let all = [
            (
                "c/Chart.yaml",
                "name: c\ndependencies: [{name: redis, alias: cache}, {name: redis, alias: store}]\n",
            ),
            ("c/charts/redis-1/Chart.yaml", "name: redis\n"),
            ("c/charts/redis-1/templates/a.yaml", "{{ .Values.master.resources }}"),
            ("c/charts/redis-1/charts/deep/Chart.yaml", "apiVersion: v2\n"),
            ("c/charts/redis-1/charts/deep/values.yaml", "resources: {}\n"),
            ("c/charts/lib/Chart.yaml", "name: lib\ntype: library\n"),
            ("c/charts/lib/templates/_x.tpl", "{{ .Values.main.resources }}"),
        ];
        assert_eq!(
            offered_by(&all),
            [
                "cache.deep.resources",
                "cache.master.resources",
                "main.resources",
                "store.deep.resources",
                "store.master.resources"
            ]
        );
    }
}
