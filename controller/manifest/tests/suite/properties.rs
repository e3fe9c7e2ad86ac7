//! What holds for every text: no panic, no byte changed outside of the values, and edits that can be undone.

use kubeopt_manifest::{
    FileRole, KnownMarks, closure, compare, edit, guard_file, guard_place, kustomization, mark, read_back,
    read_sites, workloads,
};
use kubeopt_model::{Amount, Change, FieldEdit, FileSet, MilliCores};
use proptest::prelude::*;

use crate::path;

/// Pieces that hostile or odd files are made of.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("resources:".to_owned()),
        Just("requests: {cpu: 1, memory: 1Gi}".to_owned()),
        Just("kind: Deployment\napiVersion: apps/v1\nmetadata: {name: a}\n".to_owned()),
        Just("spec:\n  template:\n    spec:\n      containers:\n      - name: a\n        ".to_owned()),
        Just("kind: HelmRelease\nspec:\n  values:\n    cpuLimit: 1\n".to_owned()),
        Just(
            "kind: Application\nspec:\n  source:\n    helm:\n      values: |\n        memLimit: 1Mi\n"
                .to_owned()
        ),
        Just("      parameters: [{name: cpuLimit, value: '1'}]\n".to_owned()),
        Just("limits:\n  cpu: 70m # x\n".to_owned()),
        Just("patches:\n- patch: |-\n    resources: {limits: {cpu: 1}}\n".to_owned()),
        "[ \\n\\r\\t:\\-\\[\\]{},&*!|>'\"%@`#?a1ä<~]{1,12}",
        Just("\n  ".to_owned()),
        Just("---\n".to_owned()),
        Just("{{ .Values.x }}".to_owned()),
        Just("&a ".to_owned()),
        Just("*a".to_owned()),
        Just("<<: ".to_owned()),
        Just("\u{feff}".to_owned()),
        ".{0,6}",
    ]
}

/// A template is edited in its literals alone, whatever else it holds.
fn literals_change_alone(bytes: &[u8]) {
    let file = path("chart/templates/a.yaml");
    let marked = mark(&FileSet::from([(file.clone(), bytes.to_vec())]), &|_| FileRole::Template);
    for one in &marked.marks {
        let site = one.site.clone();
        let edits = [FieldEdit { site: site.clone(), after: one.amount }];
        let Ok(after) = edit(&file, bytes, &edits) else { continue };
        let same = |pairs: &mut dyn Iterator<Item = (&u8, &u8)>| pairs.take_while(|(a, b)| a == b).count();
        let head = same(&mut bytes.iter().zip(&after));
        let tail = same(&mut bytes[head..].iter().rev().zip(after[head..].iter().rev()));
        assert!(head + tail + site.text.len() >= bytes.len(), "more than the literal changed");
    }
}

fn everything(bytes: &[u8]) {
    literals_change_alone(bytes);
    let file = path("kustomization.yaml");
    let _ = guard_file(&file, bytes);
    let _ = guard_place(&file, &|_| true);
    let _ = kustomization(&file, bytes);
    let _ = workloads(bytes);
    let _ = compare(bytes, bytes);
    let _ = closure(&mut |_| Some(bytes.to_vec()), &path("a"));
    let files = FileSet::from([(file.clone(), bytes.to_vec())]);
    for role in [FileRole::Manifest, FileRole::Values, FileRole::Template] {
        let marked = mark(&files, &|_| role);
        let _ = read_back(&marked.files[&file], &KnownMarks::of([&marked.index()]));
        let edits = marked.marks.iter().map(|mark| FieldEdit { site: mark.site.clone(), after: mark.amount });
        for one in edits {
            if let Ok(after) = edit(&file, bytes, std::slice::from_ref(&one)) {
                assert_ne!(after, bytes, "a mark is never the present value");
            }
        }
    }
    let _ = read_sites(&file, bytes);
}

/// A manifest in one of many layouts, with its four amounts.
fn manifest() -> impl Strategy<Value = (String, [u64; 2])> {
    let quote = prop_oneof![Just(""), Just("'"), Just("\"")];
    let end = prop_oneof![Just("\n"), Just("\r\n")];
    let layout = (quote, end, any::<bool>(), any::<bool>(), any::<bool>(), "[ä日a-z ]{0,10}");
    (layout, [1_u64..100_000, 1_u64..100_000]).prop_map(|((quote, end, flow, bom, last, comment), cpu)| {
        let container = |name: &str, cpu: u64| {
            let value = format!("{quote}{cpu}m{quote}");
            if flow {
                format!("      - {{name: {name}, resources: {{requests: {{cpu: {value}}}}}}} # {comment}")
            } else {
                format!("      - name: {name}\n        resources:\n          requests:\n            cpu:   {value}  # {comment}")
            }
        };
        let text = format!(
            "{}# {comment}\napiVersion: apps/v1\nkind: DaemonSet\nmetadata: {{name: x}}\nspec:\n  template:\n    spec:\n      containers:\n{}\n{}{}",
            if bom { "\u{feff}" } else { "" },
            container("a", cpu[0]),
            container("b", cpu[1]),
            if last { "\n" } else { "" },
        );
        (text.replace('\n', end), cpu)
    })
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        everything(&bytes);
    }

    #[test]
    fn no_text_panics(pieces in prop::collection::vec(piece(), 0..24)) {
        everything(pieces.concat().as_bytes());
    }

    #[test]
    fn an_edit_changes_its_value_and_its_inverse_gives_the_file_back(
        (text, before) in manifest(),
        after in [1_u64..100_000, 1_u64..100_000],
    ) {
        let file = path("a.yaml");
        let sites = read_sites(&file, text.as_bytes()).expect("YAML");
        prop_assert_eq!(sites.len(), 2);
        let changes = [0, 1].map(|at| Change { before: before[at], after: after[at] });
        let apply = |bytes: &[u8], changes: [Change<u64>; 2]| {
            let edits: Vec<FieldEdit> = read_sites(&file, bytes).expect("YAML").into_iter().zip(changes)
                .map(|(read, change)| FieldEdit {
                    site: read.site.expect("editable"),
                    after: Amount::Cpu(MilliCores(change.after)),
                })
                .collect();
            edit(&file, bytes, &edits).expect("edited")
        };
        let edited = apply(text.as_bytes(), changes);
        // Piece by piece: the text between the values is the same, byte by byte.
        let [first, second] = before.map(|cpu| format!("{cpu}m"));
        let (head, rest) = text.split_once(&first).expect("the first value");
        let (middle, tail) = rest.split_once(&second).expect("the second value");
        let expected = format!("{head}{}m{middle}{}m{tail}", after[0], after[1]);
        prop_assert_eq!(String::from_utf8_lossy(&edited), expected);
        prop_assert_eq!(apply(&edited, changes), edited.clone());
        prop_assert_eq!(apply(&edited, changes.map(Change::invert)), text.as_bytes());
    }
}
