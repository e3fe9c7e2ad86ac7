//! Trees of all layouts as text: who lives in them, and what is read of each. `KUBEOPT_BLESS=1` writes the expectations
//! anew.
//!
//! A file of `layouts/` begins with the mode; behind each `== PATH` stands a file's content, without its last newline
//! where `(cut)` follows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use kubeopt_sample::{CgroupMode, Counters, RootSeen, StatFile, Tree, identify};

struct Case {
    mode: CgroupMode,
    files: BTreeMap<String, String>,
}

fn case(text: &str) -> Case {
    let mut parts = text.split("== ");
    let head = parts.next().expect("a head");
    let mode = match head.lines().find_map(|line| line.strip_prefix("mode ")).expect("a mode") {
        "v1" => CgroupMode::V1,
        "v2" => CgroupMode::V2,
        "hybrid" => CgroupMode::Hybrid,
        other => panic!("mode {other}"),
    };
    let files = parts.map(|part| {
        let (path, content) = part.split_once('\n').expect("a path and a content");
        match path.strip_suffix(" (cut)") {
            Some(path) => (path.to_owned(), content.trim_end_matches('\n').to_owned()),
            None => (path.to_owned(), content.to_owned()),
        }
    });
    Case { mode, files: files.collect() }
}

fn tree_of(mode: CgroupMode) -> Tree {
    match mode {
        CgroupMode::V2 => Tree::Root,
        CgroupMode::V1 | CgroupMode::Hybrid => Tree::Cpuacct,
    }
}

fn under(tree: Tree, path: &str) -> String {
    if tree == Tree::Root { path.to_owned() } else { format!("{}/{path}", tree.folder()) }
}

fn read(case: &Case) -> String {
    let tree = tree_of(case.mode);
    let inside = |path: &str| match tree.folder() {
        "" => Some(path.to_owned()),
        folder => path.strip_prefix(folder)?.strip_prefix('/').map(str::to_owned),
    };
    let folders: BTreeSet<String> = case
        .files
        .keys()
        .filter_map(|path| inside(path))
        .filter_map(|path| path.rsplit_once('/').map(|(folder, _)| folder.to_owned()))
        .collect();
    let mut out = String::new();
    for folder in folders {
        let Some(found) = identify(&folder).filter(|found| found.folder_len == folder.len()) else {
            continue;
        };
        out += &format!("pod {} {:?}\n  container {}\n", found.pod_uid, found.qos, found.container_id);
        let mut counters = Counters::default();
        let mut not_understood = 0;
        for file in StatFile::of(case.mode) {
            match case.files.get(&under(file.tree(), &format!("{folder}/{}", file.name()))) {
                Some(content) => not_understood += counters.read(*file, content.as_bytes()),
                None => counters.missing(*file),
            }
        }
        let debug = format!("{counters:?}");
        let fields = debug.trim_start_matches("Counters { ").trim_end_matches(" }").split(", ");
        for (name, told) in fields.filter_map(|field| field.split_once(": Some(")) {
            out += &format!("  {name}: {}\n", told.strip_suffix(')').expect("Some(..)"));
        }
        out += &format!("  working set: {:?}\n", counters.working_set_bytes());
        out += &format!("  quota: {:?}\n", counters.quota_millicores());
        out += &format!("  not understood: {not_understood}\n");
    }
    out
}

#[test]
fn every_layout_is_read_by_key_and_path() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/layouts");
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    names.sort();
    assert!(names.len() >= 9, "{names:?}");
    for path in names {
        let found = read(&case(&std::fs::read_to_string(&path).unwrap()));
        let expected = path.with_extension("expected");
        if std::env::var_os("KUBEOPT_BLESS").is_some() {
            std::fs::write(&expected, &found).unwrap();
        }
        assert_eq!(found, std::fs::read_to_string(&expected).unwrap_or_default(), "{}", path.display());
    }
}

#[test]
fn each_file_stands_where_the_mode_has_it_and_empties_what_it_told() {
    let modes = [CgroupMode::V1, CgroupMode::V2, CgroupMode::Hybrid];
    for mode in modes {
        let mut places = BTreeSet::new();
        for file in StatFile::of(mode) {
            assert!(places.insert((file.tree(), file.name())), "{file:?} is read twice");
            assert_eq!(file.tree() == Tree::Root, mode == CgroupMode::V2);
            let mut counters = Counters::default();
            for text in
                ["7\n", "7 9\n", "usage_usec 7\noom_kill 7\nanon 7\ninactive_file 7\n", "some total=7\n"]
            {
                counters.read(*file, text.as_bytes());
            }
            counters.read(*file, b"8:0 rbytes=1 wbytes=2\n");
            counters.missing(*file);
            assert_eq!(counters, Counters::default(), "{file:?}");
        }
    }
    let seen = RootSeen { controllers: None, has_v1: true, has_unified: true };
    assert_eq!(seen.mode(), Some(CgroupMode::Hybrid));
}
