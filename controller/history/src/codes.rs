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
];
