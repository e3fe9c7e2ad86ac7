//! The codes of this crate's errors, for docs/errors.md.

/// Code and meaning of each error, sorted by code.
pub const CODES: &[(&str, &str)] = &[
    ("E-RSN-001", "The model's server could not be asked, or answered with an error."),
    ("E-RSN-002", "The model's server is busy or asks for fewer requests."),
    ("E-RSN-003", "The model did not answer in time."),
    ("E-RSN-004", "The model's server does not answer as its API says."),
    ("E-RSN-005", "The model did not answer in the shape that it was asked for."),
    ("E-RSN-006", "The model declined to answer."),
    ("E-RSN-007", "The model's answer was cut off at its limit."),
    (
        "E-RSN-008",
        "The model's text holds something that is not shown, such as a number of its own or a link.",
    ),
    ("E-RSN-009", "The tokens for this pull request are used up."),
    ("E-RSN-010", "The tokens for the day are used up."),
    ("E-RSN-011", "The namespace has used up its share of the day's tokens."),
    ("E-RSN-012", "The model failed several times in a row and is left alone for a while."),
    ("E-RSN-013", "The configuration of the model cannot be used."),
    ("E-RSN-014", "The model's text for the same question was not used; it is asked again after a day."),
];
