//! Archives as they should be, as they should not be, and as nobody would make them but to do harm.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use tar::{Builder, Header};

use super::*;

const LIMITS: UnpackLimits =
    UnpackLimits { packed_bytes: 100_000, bytes: 20_000, file_bytes: 10_000, entries: 20 };

fn zipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The path goes into the header as it is, whatever it says.
fn entry(builder: &mut Builder<Vec<u8>>, kind: EntryType, path: &[u8], content: &[u8]) {
    let mut header = Header::new_gnu();
    header.as_old_mut().name[..path.len()].copy_from_slice(path);
    header.set_entry_type(kind);
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    builder.append(&header, content).unwrap();
}

fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (path, content) in files {
        entry(&mut builder, EntryType::Regular, path.as_bytes(), content.as_bytes());
    }
    zipped(&builder.into_inner().unwrap())
}

fn refused_for(bytes: &[u8]) -> String {
    let problem = unpack(bytes, &LIMITS).unwrap_err();
    assert_eq!(problem.code, codes::ARCHIVE, "{problem}");
    problem.text
}

#[test]
fn the_top_folder_is_taken_off_and_folders_are_left_out() {
    let mut builder = Builder::new(Vec::new());
    entry(&mut builder, EntryType::XGlobalHeader, b"pax_global_header", b"");
    entry(&mut builder, EntryType::Directory, b"web/", b"");
    entry(&mut builder, EntryType::Regular, b"web/Chart.yaml", b"name: web");
    entry(&mut builder, EntryType::Regular, b"./web/templates/a.yaml", b"a");
    let files = unpack(&zipped(&builder.into_inner().unwrap()), &LIMITS).unwrap();
    let names: Vec<&str> = files.keys().map(RepoPath::as_str).collect();
    assert_eq!(names, ["Chart.yaml", "templates/a.yaml"]);
}

#[test]
fn long_names_are_read() {
    let long = format!("web/templates/{}.yaml", "x".repeat(150));
    let mut builder = Builder::new(Vec::new());
    for path in ["web/Chart.yaml", &long] {
        let mut header = Header::new_gnu();
        header.set_size(1);
        builder.append_data(&mut header, path, &b"a"[..]).unwrap();
    }
    let files = unpack(&zipped(&builder.into_inner().unwrap()), &LIMITS).unwrap();
    assert!(files.keys().any(|path| format!("web/{path}") == long));
}

#[test]
fn what_leads_out_or_is_no_file_is_refused() {
    for path in ["../Chart.yaml", "web/../../x", "/etc/passwd", "web\\..\\x", "web/.git/config"] {
        assert!(refused_for(&archive(&[(path, "")])).contains("leads out"), "{path}");
    }
    for kind in [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Char,
        EntryType::Block,
        EntryType::Fifo,
        EntryType::GNUSparse,
        EntryType::Continuous,
    ] {
        let mut builder = Builder::new(Vec::new());
        entry(&mut builder, kind, b"web/Chart.yaml", b"");
        let text = refused_for(&zipped(&builder.into_inner().unwrap()));
        assert!(text.contains("neither a file") || text.contains("damaged"), "{kind:?}: {text}");
    }
    for files in [&[("Chart.yaml", "")][..], &[("a/Chart.yaml", ""), ("b/Chart.yaml", "")]] {
        refused_for(&archive(files));
    }
    assert!(refused_for(&archive(&[("w/Chart.yaml", "1"), ("w//Chart.yaml", "2")])).contains("two files"));
    assert_eq!(unpack(&archive(&[("web/a", "")]), &LIMITS).unwrap_err().code, codes::CHART);
}

#[test]
fn what_is_too_large_is_refused_before_it_is_read() {
    let large = "x".repeat(10_001);
    assert!(refused_for(&archive(&[("web/Chart.yaml", &large)])).contains("more bytes"));
    let many: Vec<(String, &str)> = (0..21).map(|number| (format!("web/{number}"), "")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(path, content)| (path.as_str(), *content)).collect();
    assert!(refused_for(&archive(&many)).contains("more than 20 entries"));
    assert!(refused_for(&vec![0; 100_001]).contains("larger than"));
    // A bomb: 5 MB of zeros in 30 kB, as one file and as nothing but padding.
    let zeros = vec![0; 5_000_000];
    let mut builder = Builder::new(Vec::new());
    entry(&mut builder, EntryType::Regular, b"web/Chart.yaml", &zeros);
    let bomb = zipped(&builder.into_inner().unwrap());
    assert!(bomb.len() < 50_000);
    let limits = UnpackLimits { packed_bytes: 300_000, ..LIMITS };
    assert_eq!(unpack(&bomb, &limits).unwrap_err().code, codes::ARCHIVE);
    assert!(unpack(&zipped(&zeros), &limits).is_err());
}

#[test]
fn a_name_that_claims_gigabytes_is_refused() {
    let mut builder = Builder::new(Vec::new());
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::GNULongName);
    header.set_size(8 * 1024 * 1024 * 1024);
    header.set_cksum();
    builder.append(&header, &b"short"[..]).unwrap();
    refused_for(&zipped(&builder.into_inner().unwrap()));
}

proptest! {
    #[test]
    fn damaged_archives_end_in_a_problem_or_in_a_chart(flips in prop::collection::vec((0_usize..4_000, any::<u8>()), 1..20)) {
        let mut builder = Builder::new(Vec::new());
        entry(&mut builder, EntryType::Regular, b"web/Chart.yaml", b"name: web");
        entry(&mut builder, EntryType::Regular, b"web/values.yaml", b"a: 1");
        let mut bytes = builder.into_inner().unwrap();
        for (at, byte) in flips {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        for archive in [zipped(&bytes), bytes] {
            if let Ok(files) = unpack(&archive, &LIMITS) {
                prop_assert!(files.keys().all(|path| !path.as_str().contains("..") || RepoPath::new(path.as_str()).is_ok()));
            }
        }
    }
}
