//! The columns of a file of traces: what each name means, and in which unit.

/// Bytes of a MiB.
const MIB: f64 = 1_048_576.0;

/// What a column holds, the names that it may have, and what its numbers are multiplied by to become seconds, millicores or
/// bytes. For documents and help texts.
pub const COLUMNS: &[(&str, &[(&str, f64)])] = &[
    ("series", &[("series", 1.0), ("container", 1.0), ("name", 1.0)]),
    ("time", &[("unix_s", 1.0), ("timestamp", 1.0), ("unix_ms", 1e-3)]),
    ("CPU", &[("cpu_millicores", 1.0), ("cpu_cores", 1e3)]),
    (
        "CPU provisioned",
        &[
            ("cpu_provisioned_millicores", 1.0),
            ("cpu_request_millicores", 1.0),
            ("cpu_provisioned_cores", 1e3),
            ("cpu_request_cores", 1e3),
        ],
    ),
    ("memory", &[("memory_bytes", 1.0), ("memory_mib", MIB)]),
    (
        "memory provisioned",
        &[
            ("memory_provisioned_bytes", 1.0),
            ("memory_request_bytes", 1.0),
            ("memory_provisioned_mib", MIB),
            ("memory_request_mib", MIB),
        ],
    ),
];

/// Which columns are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    Everything,
    /// Only what is provisioned.
    Provisioned,
}

/// Where a column stands, and what its numbers are multiplied by.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) index: usize,
    pub(super) factor: f64,
}

/// The columns of one file, in the order of [`COLUMNS`].
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Columns {
    pub(super) series: Column,
    pub(super) time: Column,
    pub(super) cpu: Column,
    pub(super) cpu_provisioned: Column,
    pub(super) memory: Column,
    pub(super) memory_provisioned: Column,
}

impl Columns {
    /// Finds each column by the first of its names that is there.
    ///
    /// # Errors
    /// What is missing, by what it holds.
    pub(super) fn find(names: &[String]) -> Result<Self, Vec<&'static str>> {
        let find = |accepted: &[(&str, f64)]| {
            accepted.iter().find_map(|(name, factor)| {
                let index = names.iter().position(|found| found.trim().eq_ignore_ascii_case(name))?;
                Some(Column { name: names.get(index)?.clone(), index, factor: *factor })
            })
        };
        let found: Vec<Option<Column>> = COLUMNS.iter().map(|(_, accepted)| find(accepted)).collect();
        let missing: Vec<&'static str> = COLUMNS
            .iter()
            .zip(&found)
            .filter(|(_, found)| found.is_none())
            .map(|((what, _), _)| *what)
            .collect();
        let mut found = found.into_iter().flatten();
        let mut next = || found.next().filter(|_| missing.is_empty());
        match (next(), next(), next(), next(), next(), next()) {
            (
                Some(series),
                Some(time),
                Some(cpu),
                Some(cpu_provisioned),
                Some(memory),
                Some(memory_provisioned),
            ) => Ok(Self { series, time, cpu, cpu_provisioned, memory, memory_provisioned }),
            _ => Err(missing),
        }
    }
}

/// All columns with the names that each may have, as one sentence.
pub(super) fn wanted() -> String {
    let names =
        |accepted: &[(&str, f64)]| accepted.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" or ");
    let all: Vec<String> =
        COLUMNS.iter().map(|(what, accepted)| format!("{what}: {}", names(accepted))).collect();
    all.join("; ")
}
