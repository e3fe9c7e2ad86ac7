//! Texts that name figures as `{{name}}`: what they name, and what they say once the figures are filled in. Knows no figure
//! by name.

use crate::figures::Figures;

/// Why a text cannot be filled in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfillable {
    /// Braces that open or close nothing.
    #[error("its braces do not name a figure")]
    Braces,
    /// A figure that is not there.
    #[error("it names a figure that does not exist")]
    Unknown,
}

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// As it stands.
    Plain(&'a str),
    /// The name of a figure.
    Figure(&'a str),
}

/// The pieces of a text.
///
/// # Errors
/// [`Unfillable::Braces`] where a brace stands alone.
pub(crate) fn pieces(text: &str) -> Result<Vec<Piece<'_>>, Unfillable> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        let (plain, after) = (&rest[..at], &rest[at + 2..]);
        let end = after.find("}}").ok_or(Unfillable::Braces)?;
        let name = after[..end].trim();
        if plain.contains(['{', '}']) || name.contains(['{', '}']) {
            return Err(Unfillable::Braces);
        }
        pieces.extend([Piece::Plain(plain), Piece::Figure(name)]);
        rest = &after[end + 2..];
    }
    if rest.contains(['{', '}']) {
        return Err(Unfillable::Braces);
    }
    pieces.push(Piece::Plain(rest));
    Ok(pieces)
}

/// The text with its figures.
///
/// # Errors
/// [`Unfillable`] where it names what is not there.
pub(crate) fn fill(text: &str, figures: &Figures) -> Result<String, Unfillable> {
    let mut out = String::with_capacity(text.len());
    for piece in pieces(text)? {
        match piece {
            Piece::Plain(plain) => out.push_str(plain),
            Piece::Figure(name) => out.push_str(figures.get(name).ok_or(Unfillable::Unknown)?),
        }
    }
    Ok(out)
}

/// Whether a text names a figure.
pub(crate) fn names(text: &str, figure: &str) -> bool {
    pieces(text).is_ok_and(|pieces| pieces.contains(&Piece::Figure(figure)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_filled_in_and_braces_that_name_none_are_told() {
        let figures = Figures::from([("days", "28".to_owned()), ("cpu_high", "262m".to_owned())]);
        assert_eq!(fill("in {{days}} days {{ cpu_high }}.", &figures), Ok("in 28 days 262m.".to_owned()));
        assert_eq!(fill("{{memory_high}}", &figures), Err(Unfillable::Unknown));
        for text in ["{days}", "{{days}", "{{days", "{{{days}}}", "}}", "{{a{{days}}}}"] {
            assert!(fill(text, &figures).is_err(), "{text}");
        }
        assert!(names("{{ days }}", "days") && !names("days", "days"));
    }
}
