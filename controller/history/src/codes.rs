//! The codes of this crate's errors, for docs/errors.md.

/// Code and meaning of each error, sorted by code.
pub const CODES: &[(&str, &str)] = &[
    ("E-HIS-001", "A file of the usage history cannot be read or written."),
    ("E-HIS-002", "A file of the usage history was damaged; it was set aside and its hours are read again."),
    ("E-HIS-003", "A computation on the usage history failed."),
    ("E-HIS-004", "A slice of usage does not lie on whole hours."),
    ("E-HIS-005", "The database cannot be opened."),
    ("E-HIS-006", "The database is locked by another process."),
    ("E-HIS-007", "The disk that holds the database is full."),
    ("E-HIS-008", "The database failed."),
    ("E-HIS-009", "The database holds something that this version does not understand."),
    ("E-HIS-010", "The database did not exist and was created anew."),
    ("E-HIS-011", "The database server cannot be reached, or refuses."),
    ("E-HIS-012", "A file of exported usage is not what an export writes."),
    ("E-HIS-013", "The database was damaged; it was set aside and created anew."),
    ("E-HIS-031", "A file of traces cannot be read."),
    ("E-HIS-032", "A file of traces lacks columns."),
    ("E-HIS-033", "A line of a file of traces is not what its header says."),
    ("E-HIS-034", "The rows of a series do not stand together in a file of traces."),
    ("E-HIS-035", "A series of a file of traces is too long."),
    ("E-HIS-036", "A file of traces is damaged or not what Parquet says."),
];
