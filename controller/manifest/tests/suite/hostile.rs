//! Text that is made to exhaust time or memory ends in a reason, in every role.

use kubeopt_manifest::{FileRole, Marked, edit, mark};
use kubeopt_model::{Amount, EditSite, FieldEdit, FileSet, MilliCores};

use crate::{path, site};

const ROLES: [FileRole; 3] = [FileRole::Manifest, FileRole::Values, FileRole::Template];

fn marked(bytes: &[u8], role: FileRole) -> Marked {
    mark(&FileSet::from([(path("c/templates/a.yaml"), bytes.to_vec())]), &|_| role)
}

/// The codes of the marks, of what was not marked, and of the file.
fn codes(marked: &Marked) -> Vec<String> {
    let marks = marked.marks.iter().filter_map(|mark| mark.refusal.as_ref());
    let problems = marks.chain(marked.unmarked.iter().map(|(_, problem)| problem)).chain(&marked.unread);
    problems.map(|problem| problem.code.clone()).collect()
}

fn edited(bytes: &[u8], site: EditSite) -> Result<Vec<u8>, String> {
    let edit_of = FieldEdit { site, after: Amount::Cpu(MilliCores(7)) };
    edit(&path("c/templates/a.yaml"), bytes, &[edit_of]).map_err(|problem| problem.code)
}

#[test]
fn bombs_of_aliases_cost_no_more_than_their_text() {
    let mut bomb = String::from("a0: &a0 {resources: {limits: {cpu: 1}}}\n");
    for level in 1..60 {
        let below = vec![format!("*a{}", level - 1); 20].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{below}]\n"));
    }
    for role in ROLES {
        assert_eq!(codes(&marked(bomb.as_bytes(), role)), ["E-SRC-009"], "{role:?}");
    }
}

#[test]
fn deep_text_is_refused() {
    for opener in ["[", "{resources: ", "- "] {
        let text = format!("kind: HelmRelease # resources cpu\nspec: {}", opener.repeat(100_000));
        for role in ROLES {
            let seen = codes(&marked(text.as_bytes(), role));
            assert!(
                matches!(seen.as_slice(), [code] if ["E-SRC-005", "E-SRC-021"].contains(&code.as_str())),
                "{seen:?}"
            );
        }
        assert!(edited(text.as_bytes(), site(&path("a"), 1, "resources.limits.cpu", "1")).is_err());
    }
}

#[test]
fn deep_indentation_in_templates_ends() {
    let mut text = String::from("{{ a }}\n");
    for level in 0..2_000 {
        text.push_str(&format!("{}limits:\n", " ".repeat(level)));
    }
    text.push_str(&format!("{}cpu: 1\n", " ".repeat(2_000)));
    let marked = marked(text.as_bytes(), FileRole::Template);
    assert!(marked.marks.iter().all(|mark| mark.site.path.0.len() <= 101));
    let keys = "requests:\n cpu: 1\n".repeat(20_000);
    let marked_keys = self::marked(format!("{{{{ a }}}}\n{keys}").as_bytes(), FileRole::Template);
    assert_eq!(marked_keys.marks.len(), 20_000);
}

#[test]
fn texts_in_texts_end() {
    let mut text = "cpuLimit: 1\n".to_owned();
    for _ in 0..30 {
        let inner: String = text.lines().map(|line| format!("    {line}\n")).collect();
        text = format!("spec:\n helm:\n  values: |\n{inner}");
    }
    for role in ROLES {
        assert_eq!(marked(text.as_bytes(), role).marks, [], "{role:?}");
    }
}

#[test]
fn bytes_that_are_no_text_and_files_that_are_too_large_are_told() {
    for role in ROLES {
        assert_eq!(codes(&marked(b"{{ resources cpu \xff\xfe", role)), ["E-SRC-002"], "{role:?}");
        let large = [b"resources: {limits: {cpu: 1}}\n# {{ ".as_slice(), &vec![b'x'; 8 << 20]].concat();
        assert_eq!(codes(&marked(&large, role)), ["E-SRC-001"], "{role:?}");
        let not_edited = [b"resources:\n limits:\n  cpu: 1\n# {{ ".as_slice(), &vec![b'x'; 1 << 20]].concat();
        assert_eq!(codes(&marked(&not_edited, role)), ["E-SRC-001"], "{role:?}");
    }
}

#[test]
fn encrypted_values_are_not_edited() {
    let text = "cpuLimit: 1\nsops:\n  mac: x\n";
    assert_eq!(codes(&marked(text.as_bytes(), FileRole::Values)), ["E-SRC-006"]);
    let in_folder = format!("name: \"{{{{ a }}}}\"\nresources:\n  limits:\n    cpu: 1\n{}", &text[12..]);
    let limits = EditSite { line: 4, ..site(&path("a"), 1, "resources.limits.cpu", "1") };
    assert_eq!(edited(in_folder.as_bytes(), limits), Err("E-SRC-006".to_owned()));
}
