//! The history as one file: out of one store and into another, whatever the two have, and what is no such file.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use polars::prelude::*;

use super::*;

/// A store with two days of two containers, an OOM kill, and an hour that is incomplete.
async fn filled() -> MemoryUsage {
    let store = MemoryUsage::default();
    let days = window(0, 36);
    let all = [
        flat("api", "api-a", Signal::CpuMillicores, days, 200.0),
        flat("api", "api-b", Signal::CpuMillicores, window(3, 9), 700.0),
        flat("api", "api-a", Signal::MemoryBytes, days, 5e8),
        flat("web", "web-a", Signal::MemoryBytes, window(30, 36), 3e8),
        series("api", "api-a", Signal::ThrottledRatio, vec![(0, 0.5), (HOUR_S, 0.1)]),
    ];
    append(&store, days, &all).await;
    append_partial(&store, window(36, 37), &all[..1], Some("a store was down")).await;
    let kill = OomKill { container: container("api"), at_unix_s: 3 * HOUR_S, limit: Some(Bytes(1 << 30)) };
    store.remember_oom_kills(&cluster(), &[kill]).await.unwrap();
    store
}

async fn all_points(store: &dyn UsageStore) -> Vec<kubeopt_model::usage::ContainerPoints> {
    store.points(&cluster(), None, window(0, 48)).await.unwrap()
}

async fn assert_same(one: &dyn UsageStore, other: &dyn UsageStore) {
    assert_eq!(usage(one, window(0, 48)).await, usage(other, window(0, 48)).await);
    assert_eq!(all_points(one).await, all_points(other).await);
    assert_eq!(one.covered(&cluster()).await.unwrap(), other.covered(&cluster()).await.unwrap());
}

fn file_in(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("usage.parquet")
}

#[tokio::test]
async fn what_was_exported_comes_back_and_doing_it_twice_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (file, again) = (file_in(&folder), folder.path().join("again.parquet"));
    let store = filled().await;
    let moved = store.export(&file).await.unwrap();
    assert_eq!(moved, Moved { clusters: 1, days: 2, hours: 37 });
    let on_disk = ParquetUsage::open(folder.path().join("history")).unwrap();
    assert_eq!(on_disk.import(&file).await.unwrap(), moved);
    assert_same(&store, &on_disk).await;
    let nothing = Moved { clusters: 1, days: 0, hours: 0 };
    assert_eq!(on_disk.import(&file).await.unwrap(), nothing);
    assert_eq!(store.import(&file).await.unwrap(), nothing);
    assert_same(&store, &on_disk).await;
    on_disk.export(&again).await.unwrap();
    assert_eq!(std::fs::read(&file).unwrap(), std::fs::read(&again).unwrap());
}

#[tokio::test]
async fn an_import_fills_gaps_and_replaces_only_what_is_incomplete() {
    let folder = tempfile::tempdir().unwrap();
    let file = file_in(&folder);
    let cpu = |hours: Window, value: f64| [flat("api", "api-a", Signal::CpuMillicores, hours, value)];
    let other = MemoryUsage::default();
    append(&other, window(0, 4), &cpu(window(0, 4), 100.0)).await;
    append_partial(&other, window(4, 6), &cpu(window(4, 6), 100.0), Some("down")).await;
    other.export(&file).await.unwrap();

    let store = MemoryUsage::default();
    append(&store, window(2, 3), &cpu(window(2, 3), 900.0)).await;
    append_partial(&store, window(3, 4), &cpu(window(3, 4), 900.0), Some("down")).await;
    append(&store, window(5, 7), &cpu(window(5, 7), 900.0)).await;
    let moved = store.import(&file).await.unwrap();
    assert_eq!(moved, Moved { clusters: 1, days: 1, hours: 4 });
    let hours = usage(&store, window(0, 7)).await.remove(0).cpu_hours;
    let maxima: Vec<f64> = hours.iter().map(|hour| hour.max).collect();
    assert_eq!(maxima, [100.0, 100.0, 900.0, 100.0, 100.0, 900.0, 900.0]);
    // The hour that is incomplete in both is still to be read.
    assert_eq!(store.covered(&cluster()).await.unwrap(), [window(0, 4), window(5, 7)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn two_stores_joined_are_the_one_that_read_it_all(mine in proptest::collection::vec(any::<bool>(), 8)) {
        let run = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        run.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let [whole, one, other] = [(); 3].map(|()| MemoryUsage::default());
            for (part, is_mine) in (0..).zip(&mine) {
                let hours = window(part * 4, part * 4 + 4);
                let all = [
                    flat("api", "api-a", Signal::CpuMillicores, hours, 10.0 * (part + 1) as f64),
                    flat("web", "web-a", Signal::MemoryBytes, hours, 1e6 * (part + 1) as f64),
                ];
                append(&whole, hours, &all).await;
                append(if *is_mine { &one } else { &other }, hours, &all).await;
            }
            other.export(&file_in(&folder)).await.unwrap();
            one.import(&file_in(&folder)).await.unwrap();
            assert_same(&whole, &one).await;
        });
    }
}

#[tokio::test]
async fn a_file_that_is_there_is_not_written_over_and_none_is_left_half_done() {
    let folder = tempfile::tempdir().unwrap();
    let file = file_in(&folder);
    std::fs::write(&file, "mine").unwrap();
    let store = filled().await;
    assert_eq!(store.export(&file).await.unwrap_err().code(), "E-HIS-001");
    assert_eq!(std::fs::read(&file).unwrap(), b"mine");
    let nowhere = folder.path().join("none/usage.parquet");
    assert_eq!(store.export(&nowhere).await.unwrap_err().code(), "E-HIS-001");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let empty = folder.path().join("empty.parquet");
    assert_eq!(MemoryUsage::default().export(&empty).await.unwrap(), Moved::default());
    assert_eq!(store.import(&empty).await.unwrap(), Moved::default());
}

/// What is done to the table of a file.
type Change = Box<dyn FnOnce(DataFrame) -> PolarsResult<DataFrame>>;

/// The table of an exported file, changed by hand.
fn changed(file: &Path, change: impl FnOnce(DataFrame) -> PolarsResult<DataFrame>) {
    let bytes = Cursor::new(std::fs::read(file).unwrap());
    let mut table = change(ParquetReader::new(bytes).finish().unwrap()).unwrap();
    ParquetWriter::new(std::fs::File::create(file).unwrap()).finish(&mut table).unwrap();
}

/// The same table with the value of a column in one row replaced.
fn with<T: Copy>(
    mut table: DataFrame,
    name: &str,
    row: usize,
    value: T,
    column: fn(&str, &Column, usize, T) -> Column,
) -> PolarsResult<DataFrame> {
    let replaced = column(name, table.column(name)?, row, value);
    table.with_column(replaced)?;
    Ok(table)
}

fn number(name: &str, column: &Column, row: usize, value: i64) -> Column {
    let mut all: Vec<Option<i64>> = column.i64().unwrap().iter().collect();
    all[row] = Some(value);
    Int64Chunked::new(name.into(), all).into_column()
}

fn id(name: &str, column: &Column, row: usize, value: u64) -> Column {
    let mut all: Vec<Option<u64>> = column.u64().unwrap().iter().collect();
    all[row] = Some(value);
    UInt64Chunked::new(name.into(), all).into_column()
}

fn text(name: &str, column: &Column, row: usize, value: &'static str) -> Column {
    let mut all: Vec<Option<&str>> = column.str().unwrap().iter().collect();
    all[row] = Some(value);
    StringChunked::new(name.into(), all).into_column()
}

#[tokio::test]
async fn what_no_export_wrote_is_refused_with_its_place_and_nothing_is_stored() {
    let hostile = r#"{"version":1,"hours":{"0":{"attempts":1}},"containers":[{"workload":{"cluster":"test","namespace":"../..","kind":"Deployment","name":"x"},"container":"x"}],"oomKills":[]}"#;
    let foreign = hostile.replace("../..", "shop").replace(r#""test""#, r#""other""#);
    let foreign: &'static str = foreign.leak();
    let late = r#"{"version":1,"hours":{"86400":{"attempts":1}},"containers":[],"oomKills":[]}"#;
    let whole: [(&str, &str, Change); 12] = [
        ("the file", "`bin` is missing", Box::new(|table| table.drop("bin"))),
        ("row 0", "do not say of what", Box::new(|t| with(t, "part", 0, "sums", text))),
        ("row 0", "../etc", Box::new(|t| with(t, "cluster", 0, "../etc", text))),
        ("row 3", "not the start of a day", Box::new(|t| with(t, "day", 3, 77, number))),
        ("row 4", "do not stand together", Box::new(|t| with(t, "day", 3, DAY_S, number))),
        ("row 5", "do not stand together", Box::new(|t| with(t, "part", 4, "points", text))),
        ("cluster test, 1970-01-01", "of no container", Box::new(|t| with(t, "series", 2, 1, id))),
        (
            "cluster test, 1970-01-01",
            "not in its ledger",
            Box::new(|t| with(t, "hour", 2, 50 * HOUR_S, number)),
        ),
        ("cluster test, 1970-01-01", "missing field", Box::new(|t| with(t, "ledger", 0, "{}", text))),
        ("cluster test, 1970-01-01", "../..", Box::new(move |t| with(t, "ledger", 0, hostile, text))),
        (
            "cluster test, 1970-01-01",
            "another cluster",
            Box::new(move |t| with(t, "ledger", 0, foreign, text)),
        ),
        (
            "cluster test, 1970-01-01",
            "not one of its day",
            Box::new(move |t| with(t, "ledger", 0, late, text)),
        ),
    ];
    for (place, why, change) in whole {
        let folder = tempfile::tempdir().unwrap();
        let file = file_in(&folder);
        filled().await.export(&file).await.unwrap();
        changed(&file, change);
        let store = MemoryUsage::default();
        let error = store.import(&file).await.unwrap_err();
        assert_eq!(error.code(), "E-HIS-012", "{error}");
        let said = error.to_string();
        assert!(said.contains(place) && said.contains(why), "{place}, {why}: {said}");
        assert_eq!(store.covered(&cluster()).await.unwrap(), [], "{said}");
    }
}

#[tokio::test]
async fn a_damaged_file_is_refused_wherever_it_is_cut_and_the_store_stays_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let file = file_in(&folder);
    filled().await.export(&file).await.unwrap();
    let bytes = std::fs::read(&file).unwrap();
    let store = MemoryUsage::default();
    append(&store, window(0, 1), &[flat("api", "api-a", Signal::CpuMillicores, window(0, 1), 1.0)]).await;
    let before = usage(&store, window(0, 48)).await;
    let mut damaged: Vec<Vec<u8>> = (0..8).map(|part| bytes[..bytes.len() * part / 8].to_vec()).collect();
    damaged.push(b"not a table".to_vec());
    for bytes in damaged {
        std::fs::write(&file, &bytes).unwrap();
        assert_eq!(store.import(&file).await.unwrap_err().code(), "E-HIS-012", "{} bytes", bytes.len());
        assert_eq!(usage(&store, window(0, 48)).await, before);
    }
    let missing = store.import(&folder.path().join("none")).await.unwrap_err();
    assert_eq!(missing.code(), "E-HIS-012");
}

#[tokio::test]
async fn days_and_points_are_kept_as_long_as_the_operator_says() {
    let store = MemoryUsage::default().keeping(Retention { hours_days: 10, points_days: 2 });
    for day in 0..14 {
        let hours = window(day * 24, day * 24 + 24);
        append(&store, hours, &[flat("api", "api-a", Signal::CpuMillicores, hours, 100.0)]).await;
    }
    let points = store.points(&cluster(), None, window(0, 14 * 24)).await.unwrap();
    assert_eq!(points[0].cpu.len(), 3 * 288, "the days that touch the last two");
    let now = Timestamp::from_second(14 * DAY_S + 5).unwrap();
    assert_eq!(store.prune(&cluster(), now).await.unwrap(), 4);
    assert_eq!(store.covered(&cluster()).await.unwrap(), [window(4 * 24, 14 * 24)]);
    let points = store.points(&cluster(), None, window(0, 14 * 24)).await.unwrap();
    assert_eq!(points[0].cpu.len(), 2 * 288);
}
