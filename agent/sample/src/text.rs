//! Lines, keys and numbers as the kernel writes them. A line counts only with its newline: a reader's buffer that is too
//! small, or a file that is cut, would otherwise turn 1234 into 12.

/// Whole lines, without their newline.
pub(crate) fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(&bytes[..0], |last| &bytes[..last]);
    let is_empty = whole.is_empty();
    whole.split(|byte| *byte == b'\n').filter(move |_| !is_empty)
}

/// The first line of a file that holds one value. Nothing when it is not whole.
pub(crate) fn first_line(bytes: &[u8]) -> Option<&[u8]> {
    lines(bytes).next()
}

/// The value behind `key` and a space.
pub(crate) fn value<'a>(bytes: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    lines(bytes).find_map(|line| {
        let rest = line.strip_prefix(key)?;
        rest.strip_prefix(b" ")
    })
}

/// Decimal digits that fit 64 bits, and nothing else.
pub(crate) fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |sum, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

/// The number behind `key=` among words.
pub(crate) fn assigned(line: &[u8], key: &[u8]) -> Option<Option<u64>> {
    line.split(|byte| *byte == b' ').find_map(|word| word.strip_prefix(key)?.strip_prefix(b"=")).map(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn takes_only_whole_lines() {
        let all = |text: &'static str| lines(text.as_bytes()).collect::<Vec<_>>();
        assert_eq!(all("a 1\nb 12"), [b"a 1"]);
        assert_eq!(all("a 1\nb 12\n"), [&b"a 1"[..], b"b 12"]);
        assert!(all("12").is_empty() && all("").is_empty() && all("\n").is_empty());
    }

    #[test]
    fn takes_only_digits_that_fit() {
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        for wrong in ["18446744073709551616", "-1", "+1", " 1", "1 ", "0x1", "1.5", "", "max", "\u{661}"] {
            assert_eq!(number(wrong.as_bytes()), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_standard_library(digits in "[0-9]{1,24}") {
            prop_assert_eq!(number(digits.as_bytes()), digits.parse::<u64>().ok());
        }
    }
}
