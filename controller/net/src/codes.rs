//! The codes of this crate's errors, for docs/errors.md.

/// Code and meaning of each error, sorted by code.
pub const CODES: &[(&str, &str)] = &[
    ("E-NET-001", "The host is not one that the configuration names."),
    ("E-NET-002", "The host's name leads to an address that is never called."),
    ("E-NET-003", "The address of a server cannot be used."),
    ("E-NET-004", "The server redirects in a way that is not followed."),
    ("E-NET-005", "The server's answer is larger than allowed."),
    ("E-NET-006", "The server did not answer in time."),
    ("E-NET-007", "The server cannot be reached."),
    ("E-NET-008", "The server's certificate or the TLS handshake was not accepted."),
    ("E-NET-009", "There are no root certificates on this system, so that https cannot be used."),
    ("E-NET-010", "The file of a secret cannot be read or does not hold a usable value."),
    ("E-NET-011", "The server answered with an error status."),
    ("E-NET-012", "The server's answer is not what its protocol says."),
    ("E-NET-013", "A certificate file cannot be used."),
    ("E-NET-014", "The connection broke before the answer was complete."),
    ("E-NET-015", "A request cannot be built from the given header or body."),
    ("E-NET-016", "No credentials of a cloud were found for a managed service."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_and_unique() {
        assert!(CODES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(CODES.iter().all(|(code, meaning)| code.starts_with("E-NET-") && meaning.ends_with('.')));
    }
}
