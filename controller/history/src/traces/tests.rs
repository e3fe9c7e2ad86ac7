//! Files of traces as they are written by others.

use std::io::Write as _;

use kubeopt_model::trace::ResourceTrace;
use polars::prelude::{Column, DataFrame, NamedFrom as _, ParquetWriter, Series};

use super::*;

fn file(content: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(content).unwrap();
    file
}

fn read(content: &[u8]) -> Result<Vec<UsageTrace>, TracesError> {
    let file = file(content);
    TraceFile::open(file.path())?.traces()?.collect()
}

const HEADER: &str =
    "series,unix_s,cpu_millicores,cpu_provisioned_millicores,memory_mib,memory_provisioned_mib";

#[test]
fn csv_gives_series_in_the_order_of_time_without_what_was_not_measured() {
    let content = format!(
        "{HEADER}\n\"a,1\",600,20,100,2,8\n\"a,1\",300,10,,1,8\n\"a,1\",900,,100,3,\nb,0,1,2,3,4\n\n"
    );
    let traces = read(content.as_bytes()).unwrap();
    assert_eq!(traces.len(), 2);
    let [a, b] = [&traces[0], &traces[1]];
    assert_eq!((a.name.as_str(), b.name.as_str()), ("a,1", "b"));
    assert_eq!(a.cpu.points, [(300, 10.0), (600, 20.0)]);
    assert_eq!(a.cpu.provisioned, [100.0, 100.0]);
    assert_eq!(a.memory.points.last(), Some(&(900, 3.0 * 1_048_576.0)));
    assert_eq!(a.memory.provisioned, [8.0 * 1_048_576.0; 3]);
}

#[test]
fn generic_names_carry_their_units_and_semicolons_separate_too() {
    let content = "container;unix_ms;cpu_cores;cpu_request_cores;memory_bytes;memory_request_bytes\na;60500;0.25;1;7;9\n";
    let traces = read(content.as_bytes()).unwrap();
    assert_eq!(traces[0].cpu, ResourceTrace { points: vec![(60, 250.0)], provisioned: vec![1000.0] });
    assert_eq!(traces[0].memory, ResourceTrace { points: vec![(60, 7.0)], provisioned: vec![9.0] });
}

#[test]
fn the_mean_of_what_is_provisioned_counts_each_sample() {
    let content = format!("{HEADER}\na,0,1,100,1,1\na,300,1,300,1,\nb,0,1,800,1,4\n");
    let file = file(content.as_bytes());
    let mean = TraceFile::open(file.path()).unwrap().mean_provisioned().unwrap();
    assert_eq!(mean, MeanProvisioned { cpu_millicores: 400.0, memory_bytes: 2.5 * 1_048_576.0 });
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_the_next_step() {
    let cases: &[(&str, &str, &str)] = &[
        ("series,unix_s,cpu_cores\n", "E-HIS-032", "CPU provisioned, memory, memory provisioned"),
        ("", "E-HIS-032", "it has none: the file is empty"),
        (&format!("{HEADER}\na,0,1,2,3,4\nb,0,1,2,3,4\na,300,1,2,3,4\n"), "E-HIS-034", "`a`"),
        (&format!("{HEADER}\na,0,1,2,many,4\n"), "E-HIS-033", "line 2: `many` in column `memory_mib`"),
        (&format!("{HEADER}\na,0,1,2\n"), "E-HIS-033", "line 2: it has fewer fields"),
        (&format!("{HEADER}\na,,1,2,3,4\n"), "E-HIS-033", "no time"),
        (&"x".repeat(70_000), "E-HIS-033", "64 KiB"),
        ("PAR1 and nothing else", "E-HIS-036", "Parquet"),
    ];
    for (content, code, text) in cases {
        let problem = read(content.as_bytes()).unwrap_err().problem();
        assert_eq!(problem.code, *code, "{problem}");
        assert!(problem.text.contains(text), "{problem}");
        assert!(!problem.help.is_empty());
    }
    let missing = TraceFile::open("/nowhere/traces.csv").unwrap_err();
    assert_eq!(missing.code(), "E-HIS-031");
}

#[test]
fn parquet_gives_what_csv_gives() {
    let column = |series: Series| Column::from(series);
    let mut table = DataFrame::new(vec![
        column(Series::new("series".into(), vec![7_i64, 7, 12])),
        column(Series::new("unix_s".into(), vec![300_i64, 0, 5])),
        column(Series::new("cpu_millicores".into(), vec![Some(5_u32), None, Some(9)])),
        column(Series::new("cpu_provisioned_millicores".into(), vec![1000_u32, 1000, 500])),
        column(Series::new("memory_mib".into(), vec![1.5_f64, 2.5, 3.5])),
        column(Series::new("memory_provisioned_mib".into(), vec![4_i64, 4, 4])),
    ])
    .unwrap();
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes).finish(&mut table).unwrap();
    let csv = format!("{HEADER}\n7,300,5,1000,1.5,4\n7,0,,1000,2.5,4\n12,5,9,500,3.5,4\n");
    assert_eq!(read(&bytes).unwrap(), read(csv.as_bytes()).unwrap());
}
