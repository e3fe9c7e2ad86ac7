//! One value of the configuration by itself: there or missing, of the right form, a file, an address. What a whole
//! section means is the business of the files that read sections; this one knows none of them.

use std::path::PathBuf;

use url::Url;

use crate::text::{At, Fault, Reading};

/// The elements of a list; nothing where the key is absent.
pub(crate) fn elements<T>(list: Option<At<Vec<At<T>>>>) -> Vec<At<T>> {
    list.map(|at| at.value).unwrap_or_default()
}

/// The value of a required key; a problem at `line` where it is absent.
pub(crate) fn required<T>(
    key: Option<At<T>>,
    line: usize,
    path: &str,
    help: &str,
    reading: &mut Reading<'_>,
) -> Option<At<T>> {
    if key.is_none() {
        reading.refuse(line, Fault::Missing { path: path.to_owned(), help: help.to_owned() });
    }
    key
}

/// A value that its own type refuses.
pub(crate) fn malformed<T>(
    at: &At<String>,
    path: &str,
    expected: &str,
    reading: &mut Reading<'_>,
) -> Option<T> {
    let found = if at.value.contains("://") {
        "this address".to_owned()
    } else {
        format!("`{}`", crate::text::reading::shown(&at.value))
    };
    let fault = Fault::WrongType { path: path.to_owned(), expected: expected.to_owned(), found };
    reading.refuse(at.line, fault);
    None
}

/// A file or folder by name.
pub(crate) fn file(at: At<String>) -> PathBuf {
    PathBuf::from(at.value)
}

/// A base address: http or https, without user and password. None after a problem was told.
pub(crate) fn check_url(at: At<String>, path: &str, reading: &mut Reading<'_>) -> Option<Url> {
    let expected = "an address such as `https://example.org`";
    let Ok(url) = Url::parse(&at.value) else { return malformed(&at, path, expected, reading) };
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return malformed(&at, path, expected, reading);
    }
    if !url.username().is_empty() || url.password().is_some() {
        let help =
            "remove user and password from the address; write them to a file and name that file".to_owned();
        reading.refuse(at.line, Fault::InlineSecret { path: path.to_owned(), help });
        return None;
    }
    if url.query().is_some() || url.fragment().is_some() {
        return malformed(&at, path, "an address without `?` and `#`", reading);
    }
    Some(url)
}

/// Nothing stays nothing; something is checked.
pub(crate) fn optional<T, U>(key: Option<T>, check: impl FnOnce(T) -> Option<U>) -> Option<Option<U>> {
    match key {
        Some(value) => check(value).map(Some),
        None => Some(None),
    }
}
