//! Which files of the machine a program needs to start: none for a static one, the dynamic loader and libraries for
//! others, the interpreter for a script.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// Where a dynamic loader looks for libraries, beside what its cache names.
const LIBRARIES: [&str; 8] = [
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/etc/ld.so.cache",
    "/nix/store",
    "/gnu/store",
];

/// Scripts that are interpreted by scripts; Linux follows five.
const INTERPRETERS_MAX: usize = 3;

/// Bytes of a program that hold its headers. Program headers follow the first header in everything that linkers write.
const HEADER_BYTES_MAX: u64 = 64 * 1024;

/// What can be opened beside the private folder.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Needs {
    /// Read and executed: the program, its loader, its interpreter.
    pub(super) executed: Vec<PathBuf>,
    /// Read: libraries.
    pub(super) libraries: Vec<PathBuf>,
}

/// What a program needs.
///
/// # Errors
/// When it cannot be read.
pub(super) fn needs(program: &Path) -> std::io::Result<Needs> {
    let mut needs = Needs::default();
    let mut next = Some(program.to_owned());
    while let Some(file) = next.take() {
        let mut head = Vec::new();
        File::open(&file)?.take(HEADER_BYTES_MAX).read_to_end(&mut head)?;
        needs.executed.push(file);
        if let Some(loader) = elf_interpreter(&head) {
            needs.executed.push(loader);
            needs.libraries = LIBRARIES.iter().map(PathBuf::from).collect();
        } else if needs.executed.len() <= INTERPRETERS_MAX {
            next = script_interpreter(&head);
        }
    }
    Ok(needs)
}

/// `#!/bin/sh -e` names `/bin/sh`.
fn script_interpreter(head: &[u8]) -> Option<PathBuf> {
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let name = line.split(|byte| byte.is_ascii_whitespace()).find(|part| !part.is_empty())?;
    Some(PathBuf::from(std::ffi::OsStr::from_bytes(name)))
}

/// The segment PT_INTERP of a 64-bit little-endian ELF file; <https://refspecs.linuxfoundation.org/elf/gabi4+/ch5.pheader.html>.
fn elf_interpreter(head: &[u8]) -> Option<PathBuf> {
    const CLASS_64_LITTLE_ENDIAN: [u8; 2] = [2, 1];
    const PT_INTERP: u64 = 3;
    if !head.starts_with(b"\x7fELF") || head.get(4..6)? != CLASS_64_LITTLE_ENDIAN {
        return None;
    }
    let (table, size, count) = (number(head, 32, 8)?, number(head, 54, 2)?, number(head, 56, 2)?);
    for at in (0..count).filter_map(|index| table.checked_add(index * size)) {
        if number(head, at, 4)? == PT_INTERP {
            let (start, length) =
                (number(head, at.checked_add(8)?, 8)?, number(head, at.checked_add(32)?, 8)?);
            let end = start.checked_add(length)?;
            let name = head.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)?;
            let name = name.split(|byte| *byte == 0).next()?;
            return Some(PathBuf::from(std::ffi::OsStr::from_bytes(name)));
        }
    }
    None
}

/// An unsigned little-endian number of at most eight bytes.
fn number(bytes: &[u8], at: u64, length: usize) -> Option<u64> {
    let at = usize::try_from(at).ok()?;
    let slice = bytes.get(at..at.checked_add(length)?)?;
    Some(slice.iter().rev().fold(0, |number, byte| (number << 8) | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_needs_its_interpreter_and_what_that_needs() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("script");
        std::fs::write(&script, "#! /bin/sh -e\nexit 0\n").unwrap();
        let needs = needs(&script).unwrap();
        assert_eq!(needs.executed[..2], [script, PathBuf::from("/bin/sh")]);
    }

    #[test]
    fn this_very_test_is_dynamic_or_static_and_a_text_needs_nothing() {
        let own = needs(&std::env::current_exe().unwrap()).unwrap();
        assert_eq!(own.executed.len() == 1, own.libraries.is_empty());
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("text");
        for content in [&b""[..], b"\x7fELF", b"\x7fELF\x02\x01", b"#!", b"a text"] {
            std::fs::write(&text, content).unwrap();
            assert_eq!(needs(&text).unwrap(), Needs { executed: vec![text.clone()], libraries: vec![] });
        }
        assert!(needs(Path::new("/nonexistent")).is_err());
    }

    #[test]
    fn damaged_headers_end_in_nothing() {
        let mut head = vec![0_u8; 200];
        head[..6].copy_from_slice(b"\x7fELF\x02\x01");
        head[32..40].copy_from_slice(&u64::MAX.to_le_bytes());
        head[54..58].copy_from_slice(&[56, 0, 255, 255]);
        assert_eq!(elf_interpreter(&head), None);
    }
}
