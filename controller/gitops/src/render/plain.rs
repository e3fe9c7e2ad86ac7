//! A folder of plain manifests is its own rendering: its YAML files, one after the other, in the order of paths.

use kubeopt_model::{FileSet, Problem, RepoPath};
use serde::Deserialize as _;
use serde::de::IgnoredAny;

use crate::{codes, entry};

/// Concatenates the manifests. A file that is not YAML is left out and told, so that its neighbours are not lost.
///
/// # Errors
/// `E-REN-007` where no YAML file is there, `E-REN-006` where the output exceeds its limit.
pub(crate) fn concatenate(
    files: &FileSet,
    entry: &RepoPath,
    output_bytes_max: u64,
) -> Result<(Vec<u8>, Vec<Problem>), Problem> {
    let mut listed = entry::plain_resources(files.keys(), entry);
    // Argo CD takes JSON too; where it is given, it is wanted.
    let json = files.keys().filter(|path| path.is_within(entry) && path.file_name().ends_with(".json"));
    listed.extend(json.cloned());
    listed.sort();
    if listed.is_empty() {
        return Err(nothing_there(entry));
    }
    let (mut output, mut left_out) = (Vec::new(), Vec::new());
    for path in &listed {
        // A folder with a kustomization of its own is no file; who wants it rendered asks for kustomize.
        let Some(bytes) = files.get(path) else { continue };
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        if let Err(why) = check_yaml(bytes) {
            left_out.push(not_yaml(path, &why));
            continue;
        }
        append(&mut output, bytes);
        if output.len() as u64 > output_bytes_max {
            return Err(output_too_large(entry, output_bytes_max));
        }
    }
    Ok((output, left_out))
}

/// Each file becomes documents of its own, whether or not it begins or ends as one.
fn append(output: &mut Vec<u8>, bytes: &[u8]) {
    if !bytes.starts_with(b"---") {
        output.extend_from_slice(b"---\n");
    }
    output.extend_from_slice(bytes);
    if !bytes.ends_with(b"\n") {
        output.push(b'\n');
    }
}

/// Only syntax: duplicate keys, anchors and the like are judged where a value is traced.
fn check_yaml(bytes: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    crate::nesting::check_nesting(text)?;
    for document in serde_yaml::Deserializer::from_str(text) {
        IgnoredAny::deserialize(document).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn not_yaml(path: &RepoPath, why: &str) -> Problem {
    Problem::new(
        codes::NOT_YAML,
        format!("{path} was left out because it is not YAML: {why}"),
        "if it is a template, move it out of the folder that is applied, or map the folder to the tool that renders it",
    )
    .at(path.as_str(), None)
}

/// The entry is not there, or has nothing to apply.
pub(crate) fn nothing_there(entry: &RepoPath) -> Problem {
    Problem::new(
        codes::ENTRY_EMPTY,
        format!("the folder `{entry}` does not exist in the repository or holds no YAML file"),
        "check the path of the Flux Kustomization, or of the entry in `sources`",
    )
}

/// The rendered text is too large.
pub(crate) fn output_too_large(entry: &RepoPath, limit_bytes: u64) -> Problem {
    Problem::new(
        codes::RENDER_OUTPUT,
        format!("`{entry}` renders to more than {limit_bytes} bytes"),
        "split the folder into several entry points",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(files: &[(&str, &str)]) -> FileSet {
        files.iter().map(|(path, text)| (RepoPath::new(path).unwrap(), text.as_bytes().to_vec())).collect()
    }

    fn joined(list: &[(&str, &str)]) -> (String, Vec<Problem>) {
        let (output, left_out) =
            concatenate(&files(list), &RepoPath::new("apps").unwrap(), 1_000_000).unwrap();
        (String::from_utf8(output).unwrap(), left_out)
    }

    #[test]
    fn files_follow_each_other_as_documents_of_their_own() {
        let (output, left_out) = joined(&[
            ("apps/b.yml", "b: 1"),
            ("apps/a.yaml", "\u{feff}---\na: 1\n---\na: 2\n"),
            ("apps/sub/c.yaml", "c: 1\n"),
            ("apps/notes.txt", "not: this"),
            ("other.yaml", "not: this"),
        ]);
        assert_eq!(output, "---\na: 1\n---\na: 2\n---\nb: 1\n---\nc: 1\n");
        assert!(left_out.is_empty());
    }

    #[test]
    fn a_template_is_left_out_and_told_while_duplicate_keys_are_not_judged_here() {
        let (output, left_out) =
            joined(&[("apps/a.yaml", "a: {{ .Values.a }}\nb: [\n"), ("apps/b.yaml", "b: 1\nb: 2\n")]);
        assert_eq!(output, "---\nb: 1\nb: 2\n");
        assert_eq!(left_out.len(), 1);
        assert_eq!(
            (left_out[0].code.as_str(), left_out[0].place.as_ref().unwrap().file.as_str()),
            (codes::NOT_YAML, "apps/a.yaml")
        );
    }

    #[test]
    fn an_empty_folder_and_a_large_output_are_problems() {
        let entry = RepoPath::new("apps").unwrap();
        let empty = concatenate(&files(&[("other.yaml", "a: 1")]), &entry, 100).unwrap_err();
        assert_eq!(empty.code, codes::ENTRY_EMPTY);
        let large = concatenate(&files(&[("apps/a.yaml", "a: 123456789")]), &entry, 10).unwrap_err();
        assert_eq!(large.code, codes::RENDER_OUTPUT);
    }
}
