//! What holds for keys that are created in any layout: all other bytes stay, the way back is exact, nothing panics.

use kubeopt_manifest::{
    Created, FileRole, Slot, create_texts, extend_patch, offered, read_sites, register_patch, slots,
    slots_at, uncreate,
};
use kubeopt_model::{EditSite, FieldPath, FileSet, RepoPath, Resource};
use proptest::prelude::*;

use crate::path;

fn found(name: &str, text: &[u8], role: FileRole) -> Vec<Slot> {
    slots(&FileSet::from([(path(name), text.to_vec())]), &|_| role).open
}

fn wanted(slots: &[Slot]) -> Vec<(EditSite, String)> {
    let text = |at: usize, slot: &Slot| match slot.field.resource {
        Resource::Cpu => format!("{}m", at + 1),
        Resource::Memory => format!("{}Mi", at + 1),
    };
    slots.iter().enumerate().map(|(at, slot)| (slot.site.clone(), text(at, slot))).collect()
}

/// Creates, and checks what holds for every creation.
fn created(name: &str, text: &[u8], slots: &[Slot]) -> Option<Created> {
    let created = create_texts(&path(name), text, &wanted(slots)).ok()?;
    let back =
        uncreate(&path(name), &created.bytes, &created.insertions).expect("what was created is undone");
    assert_eq!(String::from_utf8_lossy(&back), String::from_utf8_lossy(text), "the way back");
    let kept: Vec<u8> = without_placeholders(text);
    let mut after = created.bytes.iter();
    assert!(kept.iter().all(|byte| after.any(|other| other == byte)), "bytes are gone");
    Some(created)
}

/// What gives way to keys.
fn without_placeholders(text: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(text).into_owned();
    [" {}", "{}", " null", " ~", "[]"].iter().fold(text, |text, gone| text.replace(gone, "")).into_bytes()
}

#[derive(Debug, Clone)]
struct Layout {
    step: usize,
    list_step: usize,
    dash: usize,
    resources: [usize; 2],
    comment: String,
    blank: bool,
    crlf: bool,
    bom: bool,
    open_end: bool,
}

fn layout() -> impl Strategy<Value = Layout> {
    let shape = (prop_oneof![Just(2_usize), Just(4)], 0_usize..3, 2_usize..5, [0..FORMS, 0..FORMS]);
    let text = ("[ä日a-z #]{0,8}", any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (shape, text).prop_map(|((step, list_step, dash, resources), (comment, blank, crlf, bom, open_end))| {
        Layout { step, list_step, dash, resources, comment, blank, crlf, bom, open_end }
    })
}

const FORMS: usize = 15;

/// Lines of a container's `resources`, indented from its keys.
fn resources(form: usize, comment: &str) -> Vec<String> {
    let c = format!("# {comment}");
    let lines: Vec<String> = match form {
        0 => vec![],
        1 => vec!["resources:".to_owned()],
        2 => vec!["resources: {}".to_owned()],
        3 => vec![format!("resources: {{}} {c}")],
        4 => vec!["resources:".to_owned(), "^{}".to_owned(), format!("^{c}")],
        5 => vec!["resources: null".to_owned(), format!("^{c}")],
        6 => vec![format!("resources: ~ {c}")],
        7 => vec!["resources:".to_owned(), "^limits:".to_owned(), format!("^^memory: 1Gi {c}")],
        8 => vec!["resources: {limits: {memory: 1Gi}}".to_owned()],
        9 => vec![format!("resources: {{ requests: {{ cpu: \"1\" }} }} {c}")],
        10 => vec!["resources: {".to_owned(), format!("^requests: {{cpu: 1}}, {c}"), "^}".to_owned()],
        11 => vec!["resources:".to_owned(), format!("^{c}"), "^requests: {}".to_owned()],
        12 => vec![
            "resources:".to_owned(),
            "^requests:".to_owned(),
            "^^cpu:".to_owned(),
            "^^memory: '1Gi'".to_owned(),
        ],
        13 => vec![
            "resources:".to_owned(),
            "^limits:".to_owned(),
            "^^memory: 1Gi".to_owned(),
            "^requests:".to_owned(),
            format!("^^{c}"),
            "^^memory: 1Gi".to_owned(),
        ],
        _ => {
            vec!["\"resources\": {".to_owned(), "^\"limits\": {\"cpu\": \"1\"}".to_owned(), "^}".to_owned()]
        }
    };
    lines
}

impl Layout {
    fn text(&self) -> String {
        let step = |depth: usize| " ".repeat(self.step * depth);
        let mut lines = vec![
            format!("# {}", self.comment),
            "apiVersion: apps/v1".to_owned(),
            "kind: DaemonSet".to_owned(),
        ];
        lines.push("metadata: {name: x}".to_owned());
        lines.extend(
            [(0, "spec:"), (1, "template:"), (2, "spec:"), (3, "containers:")]
                .map(|(depth, key)| step(depth) + key),
        );
        let dash = " ".repeat(self.step * 3 + self.list_step);
        let inside = " ".repeat(self.step * 3 + self.list_step + self.dash);
        for (name, form) in ["one", "two"].iter().zip(self.resources) {
            lines.push(format!("{dash}-{}name: {name} # {}", " ".repeat(self.dash - 1), self.comment));
            if self.blank {
                lines.push(String::new());
            }
            for line in resources(form, &self.comment) {
                let depth = line.len() - line.trim_start_matches('^').len();
                lines.push(format!("{inside}{}{}", step(depth), line.trim_start_matches('^')));
            }
            if *name == "one" {
                lines.push(format!("{inside}args: [a] # end"));
            }
        }
        let eol = if self.crlf { "\r\n" } else { "\n" };
        let end = if self.open_end { "" } else { eol };
        format!("{}{}{end}", if self.bom { "\u{feff}" } else { "" }, lines.join(eol))
    }
}

/// Pieces that hostile or odd files are made of.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("resources:".to_owned()),
        Just("resources: {}".to_owned()),
        Just("requests: {cpu: 1, memory: 1Gi}".to_owned()),
        Just("kind: Deployment\napiVersion: apps/v1\nmetadata: {name: a}\n".to_owned()),
        Just("spec:\n  template:\n    spec:\n      containers:\n      - name: a\n        ".to_owned()),
        Just("kind: HelmRelease\nspec:\n  values:\n    ".to_owned()),
        Just("kind: Application\nspec:\n  source:\n    helm:\n      values: |\n        ".to_owned()),
        Just("patches:\n- ".to_owned()),
        Just("patches: [{path: a}]".to_owned()),
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

/// Everything that takes text takes this, and what succeeds can be undone.
fn everything(bytes: &[u8]) {
    let name = "kustomization.yaml";
    let at = |text: &str| vec![text.to_owned(), "resources".to_owned()];
    for role in [FileRole::Manifest, FileRole::Values, FileRole::Template] {
        for slot in found(name, bytes, role).iter().take(40) {
            created(name, bytes, std::slice::from_ref(slot));
        }
    }
    for document in 0..3 {
        for root in [vec![], vec!["spec".into(), "values".into()]] {
            let found = slots_at(&path(name), bytes, document, &FieldPath(root), &[at("a"), at("ä\"")]);
            created(name, bytes, &found.unwrap_or_default());
        }
    }
    if let Ok(after) = register_patch(&path(name), bytes, "p.yaml") {
        assert_eq!(register_patch(&path(name), &after, "p.yaml").as_ref(), Ok(&after), "twice is once");
    }
    let _ = extend_patch(&path(name), bytes, &crate::patches::some());
    let chart =
        ["c/values.yaml", "c/values.schema.json", "c/templates/a", "c/Chart.yaml", "c/charts/d/Chart.yaml"];
    let files: FileSet = chart.iter().map(|name| (path(name), bytes.to_vec())).collect();
    assert!(offered(&files, &path("c")).iter().all(|keys| !keys.is_empty()));
}

proptest! {
    #[test]
    fn creation_keeps_every_byte_and_its_inverse_gives_the_file_back(layout in layout(), chosen in any::<u8>()) {
        let text = layout.text();
        let all = found("a.yaml", text.as_bytes(), FileRole::Manifest);
        let set = read_sites(&path("a.yaml"), text.as_bytes()).expect("YAML").len();
        prop_assert_eq!(all.len() + set, 8, "every field is set or a slot:\n{}", text);
        let some: Vec<Slot> =
            all.into_iter().enumerate().filter(|(at, _)| chosen & (1 << at) != 0).map(|(_, slot)| slot).collect();
        let after = created("a.yaml", text.as_bytes(), &some).expect("every slot takes a value");
        let sites = read_sites(&path("a.yaml"), &after.bytes).expect("YAML");
        prop_assert_eq!(sites.len(), set + some.len());
        for site in &after.sites {
            let read = sites.iter().filter_map(|read| read.site.as_ref().ok()).any(|read| read == site);
            prop_assert!(read, "{} is not read back:\n{}", site, String::from_utf8_lossy(&after.bytes));
        }
        prop_assert!(some.is_empty() || create_texts(&path("a.yaml"), &after.bytes, &wanted(&some)).is_err());
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        everything(&bytes);
    }

    #[test]
    fn no_text_panics(pieces in prop::collection::vec(piece(), 0..24)) {
        everything(pieces.concat().as_bytes());
    }

    #[test]
    fn a_joined_path_stays_in_the_repository(folder in "[a-c./]{0,8}", relative in "[a-c./\\\\]{0,12}") {
        let Ok(folder) = RepoPath::new(&folder) else { return Ok(()) };
        if let Ok(joined) = folder.join(&relative) {
            prop_assert_eq!(RepoPath::new(joined.as_str()), Ok(joined.clone()));
            prop_assert!(joined.is_within(&RepoPath::root()) && !joined.as_str().split('/').any(|part| part == ".."));
        }
    }
}
