//! No circle between the files of a crate: each can be read once what it names has been read.
//!
//! A file names another where a path (`crate::`, `super::`, or from a module of its own) leads to something that the other one
//! defines. Names that are handed on are followed to where they are defined, and handing on (`pub use`) is naming nothing.
//! Tests are left out: they may name what they like. Paths are read as text; what only a macro makes is not seen.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{root, text, tracked};

/// Crates in which files still know each other in circles, each with how many files at most.
const NOT_YET: &[(&str, usize)] = &[
    // An identity of a cloud is asked for by a client, and a client shows an identity.
    ("controller/net", 14),
    ("controller/agents", 4),
    ("controller/federation", 2),
    ("controller/observe", 3),
    ("controller/runtime", 3),
];

/// A module of its own file.
struct Module {
    file: PathBuf,
    /// Without comments and tests.
    text: String,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    /// What `use` calls a path here.
    names: BTreeMap<String, Vec<String>>,
}

/// The modules of a crate, the first one its root.
struct Crate(Vec<Module>);

impl Crate {
    fn read(root_file: &Path) -> Self {
        let mut modules = Self(Vec::new());
        modules.add(root_file, None, true);
        modules
    }

    fn add(&mut self, file: &Path, parent: Option<usize>, owns_folder: bool) -> usize {
        let (at, text) = (self.0.len(), without_tests(&text(file)));
        let folder = file.parent().expect("a file lies in a folder");
        let folder = if owns_folder { folder.to_owned() } else { file.with_extension("") };
        let names = uses(&text).into_iter().flat_map(|(_, tree)| leaves(&tree));
        let names = names.filter_map(|(path, name)| Some((name?, path))).collect();
        let declared: Vec<String> = declared(&text);
        self.0.push(Module { file: file.to_owned(), text, parent, children: BTreeMap::new(), names });
        for name in declared {
            let (flat, nested) = (folder.join(format!("{name}.rs")), folder.join(&name).join("mod.rs"));
            let (file, owns) = if root().join(&flat).exists() { (flat, false) } else { (nested, true) };
            if root().join(&file).exists() {
                let child = self.add(&file, Some(at), owns);
                self.0[at].children.insert(name, child);
            }
        }
        at
    }

    /// The module that defines what a path means; none for a path into another crate, and for a module itself.
    fn leads_to(&self, from: usize, path: &[String], depth: usize) -> Option<usize> {
        let (first, mut rest) = path.split_first().filter(|_| depth < 16)?;
        let mut at = match first.as_str() {
            "crate" => 0,
            "self" => from,
            "super" => self.0[from].parent?,
            name => match (self.0[from].children.get(name), self.0[from].names.get(name)) {
                (Some(child), _) => *child,
                (None, Some(meant)) if meant.first() != Some(first) => {
                    return self.leads_to(from, &[meant, rest].concat(), depth + 1);
                }
                (None, _) => return None,
            },
        };
        while let Some((next, after)) = rest.split_first() {
            let module = &self.0[at];
            if next == "super" {
                at = module.parent?;
            } else if let Some(child) = module.children.get(next) {
                at = *child;
            } else {
                return match module.names.get(next).filter(|_| !defines(&module.text, next)) {
                    Some(meant) => self.leads_to(at, &[meant, after].concat(), depth + 1),
                    None => Some(at),
                };
            }
            rest = after;
        }
        None
    }

    /// Which files name which others, as places in the list.
    fn arrows(&self) -> BTreeMap<usize, BTreeSet<usize>> {
        let mut arrows: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for (at, module) in self.0.iter().enumerate() {
            let handed_on = uses(&module.text).into_iter().filter(|(is_public, _)| *is_public);
            let mut text = module.text.clone();
            handed_on.for_each(|(_, tree)| text = text.replace(&tree, ""));
            let named = paths(&text, module).into_iter().flat_map(|tree| leaves(&tree));
            let to = named.filter_map(|(path, _)| self.leads_to(at, &path, 0)).filter(|to| *to != at);
            arrows.entry(at).or_default().extend(to);
        }
        arrows
    }

    /// The files of circles.
    fn in_circles(&self) -> Vec<&Path> {
        let arrows = self.arrows();
        let reached = |from: usize| {
            let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
            while let Some(at) = open.pop() {
                open.extend(arrows[&at].iter().copied().filter(|to| seen.insert(*to)));
            }
            seen
        };
        let own = |at: &usize| reached(*at).contains(at);
        (0..self.0.len()).filter(own).map(|at| self.0[at].file.as_path()).collect()
    }
}

/// The text without comments, and without what is compiled for tests only.
fn without_tests(text: &str) -> String {
    let (mut lines, mut kept) = (text.lines(), String::new());
    while let Some(line) = lines.next() {
        if line.trim() != "#[cfg(test)]" {
            kept.push_str(line.split_once("//").map_or(line, |(code, _)| code));
            kept.push('\n');
            continue;
        }
        let item = lines.by_ref().find(|line| !line.trim_start().starts_with("#[")).unwrap_or_default();
        if !item.ends_with([';', '}']) {
            // rustfmt ends an item at the column in which it begins.
            let column = item.len() - item.trim_start().len();
            lines.by_ref().find(|line| line.len() > column && line[column..].starts_with('}'));
        }
    }
    kept
}

/// The modules that a text declares in files of their own.
fn declared(text: &str) -> Vec<String> {
    let name = |line: &str| Some(line.trim().strip_suffix(';')?.rsplit_once("mod ")?.1.to_owned());
    text.lines().filter(|line| !line.contains("use ")).filter_map(name).collect()
}

/// The trees of all `use`, each with whether it hands its names on.
fn uses(text: &str) -> Vec<(bool, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("use ") {
        let line = before.rsplit('\n').next().unwrap_or_default().trim();
        let (tree, left) = after.split_once(';').unwrap_or((after, ""));
        if line.is_empty() || line == "pub" || line.starts_with("pub(") && line.ends_with(')') {
            found.push((!line.is_empty(), tree.to_owned()));
            rest = left;
        } else {
            rest = after;
        }
    }
    found
}

/// The paths of a tree, each with the name that it has here; none for all names of a module.
fn leaves(tree: &str) -> Vec<(Vec<String>, Option<String>)> {
    let parts = |text: &str| -> Vec<String> {
        text.split("::").map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
    };
    let Some((before, inner)) = tree.split_once('{') else {
        let (path, alias) = tree.split_once(" as ").map_or((tree, None), |(path, alias)| (path, Some(alias)));
        let mut path = parts(path);
        path.pop_if(|last| last == "self");
        let name = alias.map(|alias| alias.trim().to_owned()).or_else(|| path.last().cloned());
        return vec![(path, name.filter(|name| name != "*"))];
    };
    let inner = inner.trim_end().strip_suffix('}').unwrap_or(inner);
    let (mut depth, mut start, mut all) = (0, 0, Vec::new());
    for (at, c) in inner.char_indices().chain([(inner.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let branch = inner[start..at].trim();
                start = (at + 1).min(inner.len());
                if !branch.is_empty() {
                    all.extend(leaves(&format!("{before}{branch}")));
                }
            }
            _ => {}
        }
    }
    all
}

/// Every path of a text that begins with `crate`, `self`, `super`, a module below or a name that `use` gave; as trees.
fn paths(text: &str, module: &Module) -> Vec<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_known = |name: &str| {
        ["crate", "self", "super"].contains(&name)
            || module.children.contains_key(name)
            || module.names.contains_key(name)
    };
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some(start) = rest.find(is_name) {
        let is_begun = !rest[..start].ends_with(':');
        let end = rest[start..].find(|c| !is_name(c)).map_or(rest.len(), |length| start + length);
        let name = &rest[start..end];
        if !is_begun || !rest[end..].starts_with("::") || !is_known(name) {
            rest = &rest[end..];
            continue;
        }
        let plain = rest[end..].find(|c| !is_name(c) && c != ':').map_or(rest.len(), |length| end + length);
        let close = |open: usize| {
            let mut depth = 0;
            rest[open..].char_indices().find(|(_, c)| {
                depth += i32::from(*c == '{') - i32::from(*c == '}');
                depth == 0
            })
        };
        let is_tree = rest[plain..].starts_with('{') && rest[..plain].ends_with("::");
        let last = if is_tree { close(plain).map_or(plain, |(length, _)| plain + length + 1) } else { plain };
        found.push(rest[start..last].to_owned());
        rest = &rest[last..];
    }
    found
}

/// Whether a text defines something of this name.
fn defines(text: &str, name: &str) -> bool {
    let words = ["fn", "struct", "enum", "trait", "type", "const", "static", "union", "macro_rules!"];
    let is_end = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    words.iter().any(|word| text.split(&format!("{word} {name}")).skip(1).any(is_end))
}

#[test]
fn files_of_a_crate_know_each_other_in_one_direction() {
    let roots = tracked("*/src/lib.rs").into_iter().chain(tracked("*/src/main.rs"));
    let crates: BTreeSet<PathBuf> =
        roots.filter_map(|root| Some(root.parent()?.parent()?.to_owned())).collect();
    for folder in crates.iter().filter(|folder| !folder.ends_with("fuzz")) {
        let file = ["src/lib.rs", "src/main.rs"].map(|file| folder.join(file));
        let file = file.iter().find(|file| root().join(file).exists()).expect("a crate has a root");
        let modules = Crate::read(file);
        let found = modules.in_circles();
        let known = NOT_YET.iter().find(|(name, _)| folder == Path::new(name)).map_or(0, |(_, count)| *count);
        assert!(found.len() <= known, "files of {} in circles: {found:#?}", folder.display());
    }
}
