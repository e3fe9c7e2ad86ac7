//! Versions and ranges as Helm, Flux and Argo CD read them. Pure.
//!
//! `1.2.3`, `1.2`, `1.x`, `*`, `>=1.2 <2`, `~1.2`, `^0.3`, `1.2 - 1.4`, `!=1.5.0`, joined by spaces or commas (and) and by
//! `||` (or). A version with a pre-release, `2.0.0-rc.1`, is chosen only where the range itself names one.

use semver::{Prerelease, Version};

/// Parts of a range; people write two or three.
const PARTS_MAX: usize = 50;

/// A range of versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRange {
    /// One of them must hold.
    any: Vec<Group>,
}

/// All of them must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Group {
    bounds: Vec<Bound>,
    pre_releases: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Bound {
    AtLeast(Version),
    Above(Version),
    AtMost(Version),
    Below(Version),
    Not(Box<Bound>, Box<Bound>),
}

impl VersionRange {
    /// Reads a range; an empty text is any version.
    pub fn parse(text: &str) -> Option<Self> {
        let any = text.split("||").map(group).collect::<Option<Vec<_>>>()?;
        (any.iter().map(|group| group.bounds.len()).sum::<usize>() <= PARTS_MAX).then_some(Self { any })
    }

    /// Whether a version is in it.
    pub fn contains(&self, version: &Version) -> bool {
        self.any.iter().any(|group| {
            (version.pre.is_empty() || group.pre_releases)
                && group.bounds.iter().all(|bound| bound.holds(version))
        })
    }
}

/// Reads a version leniently: `v1.2` is 1.2.0. None for what is no version.
pub fn read_version(text: &str) -> Option<Version> {
    let (version, parts) = read_parts(text)?;
    (parts > 0).then_some(version)
}

/// The newest of these texts that the range contains; of equal versions the first.
pub fn newest<'a>(range: &VersionRange, texts: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut best: Option<(Version, &str)> = None;
    for text in texts {
        let Some(version) = read_version(text).filter(|version| range.contains(version)) else { continue };
        if best.as_ref().is_none_or(|(kept, _)| version.cmp_precedence(kept).is_gt()) {
            best = Some((version, text));
        }
    }
    best.map(|(_, text)| text)
}

impl Bound {
    fn holds(&self, version: &Version) -> bool {
        match self {
            Self::AtLeast(least) => version.cmp_precedence(least).is_ge(),
            Self::Above(least) => version.cmp_precedence(least).is_gt(),
            Self::AtMost(most) => version.cmp_precedence(most).is_le(),
            Self::Below(most) => version.cmp_precedence(most).is_lt(),
            Self::Not(low, high) => !(low.holds(version) && high.holds(version)),
        }
    }
}

fn group(text: &str) -> Option<Group> {
    let mut group = Group::default();
    let text = text.trim();
    if let Some((low, high)) = text.split_once(" - ") {
        group.add(">=", low.trim())?;
        group.add("<=", high.trim())?;
        return Some(group);
    }
    let mut operator = String::new();
    for word in text.split([' ', ',']).filter(|word| !word.is_empty()) {
        let version = word.trim_start_matches(['<', '>', '=', '!', '~', '^']);
        operator.push_str(&word[..word.len() - version.len()]);
        // `>= 1.2` is written with a space, too.
        if !version.is_empty() {
            group.add(&operator, version)?;
            operator.clear();
        }
    }
    operator.is_empty().then_some(group)
}

impl Group {
    fn add(&mut self, operator: &str, text: &str) -> Option<()> {
        let (version, parts) = read_parts(text)?;
        self.pre_releases |= !version.pre.is_empty();
        // A version that is written in part stands for all that begin with it: from itself to the next.
        let next = match parts {
            0 => None,
            1 => Some(Version::new(version.major.checked_add(1)?, 0, 0)),
            2 => Some(Version::new(version.major, version.minor.checked_add(1)?, 0)),
            _ => None,
        };
        let all = parts == 0;
        match (operator, next) {
            ("" | "=" | "==" | ">=" | "=>" | "<=" | "=<" | "~" | "~>" | "^", _) if all => {}
            ("" | "=" | "==", Some(next)) => self.bounds.extend([Bound::AtLeast(version), below(next)]),
            ("" | "=" | "==", None) => {
                self.bounds.extend([Bound::AtLeast(version.clone()), Bound::AtMost(version)]);
            }
            ("!=", Some(next)) => {
                self.bounds.push(Bound::Not(Box::new(Bound::AtLeast(version)), Box::new(below(next))));
            }
            ("!=", None) if !all => {
                let equal = (Bound::AtLeast(version.clone()), Bound::AtMost(version));
                self.bounds.push(Bound::Not(Box::new(equal.0), Box::new(equal.1)));
            }
            (">=" | "=>", _) => self.bounds.push(Bound::AtLeast(version)),
            (">", Some(next)) => self.bounds.push(Bound::AtLeast(next)),
            (">", None) if !all => self.bounds.push(Bound::Above(version)),
            ("<=" | "=<", Some(next)) => self.bounds.push(below(next)),
            ("<=" | "=<", None) => self.bounds.push(Bound::AtMost(version)),
            ("<", _) if !all => self.bounds.push(Bound::Below(version)),
            ("~" | "~>", next) => {
                let next =
                    next.or_else(|| Some(Version::new(version.major, version.minor.checked_add(1)?, 0)))?;
                self.bounds.extend([Bound::AtLeast(version), below(next)]);
            }
            ("^", next) => {
                let next = compatible(&version, parts, next)?;
                self.bounds.extend([Bound::AtLeast(version), below(next)]);
            }
            _ => return None,
        }
        Some(())
    }
}

/// The first version that `^` excludes: the first part that is not zero goes up.
fn compatible(version: &Version, parts: usize, next: Option<Version>) -> Option<Version> {
    Some(match (version.major, version.minor, parts) {
        (0, 0, 1 | 2) => next?,
        (0, 0, _) => Version::new(0, 0, version.patch.checked_add(1)?),
        (0, minor, _) => Version::new(0, minor.checked_add(1)?, 0),
        (major, ..) => Version::new(major.checked_add(1)?, 0, 0),
    })
}

/// Pre-releases of the excluded version are excluded, too.
fn below(mut version: Version) -> Bound {
    version.pre = Prerelease::new("0").unwrap_or(Prerelease::EMPTY);
    Bound::Below(version)
}

/// A version and how many of its three numbers are written; `1.x` has one, `*` none.
fn read_parts(text: &str) -> Option<(Version, usize)> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let end = text.find(['-', '+']).unwrap_or(text.len());
    let (numbers, rest) = text.split_at(end);
    let mut read = [0_u64; 3];
    let mut parts = 0;
    let mut open = false;
    for (index, part) in numbers.split('.').enumerate() {
        let slot = read.get_mut(index)?;
        match part {
            "x" | "X" | "*" => open = true,
            // Nothing but digits, and nothing after an open part.
            _ if !open
                && !part.is_empty()
                && part.len() <= 19
                && part.bytes().all(|b| b.is_ascii_digit()) =>
            {
                *slot = part.parse().ok()?;
                parts += 1;
            }
            _ => return None,
        }
    }
    let mut version = Version::new(read[0], read[1], read[2]);
    if !rest.is_empty() {
        let whole = Version::parse(&format!("0.0.0{rest}")).ok()?;
        (version.pre, version.build) = (whole.pre, whole.build);
        // `1.2-rc.1` is 1.2.0-rc.1 and nothing beside it.
        return (!open).then_some((version, 3));
    }
    Some((version, parts))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn contains(range: &str, version: &str) -> bool {
        VersionRange::parse(range).unwrap().contains(&read_version(version).unwrap())
    }

    #[test]
    fn ranges_contain_what_helm_says_they_do() {
        for (range, within, without) in [
            ("1.2.3", &["1.2.3", "v1.2.3"][..], &["1.2.4", "1.2.2"][..]),
            ("=1.2.3", &["1.2.3"], &["1.2.4"]),
            ("1.2", &["1.2.0", "1.2.9"], &["1.3.0", "1.1.9", "1.2.9-rc.1"]),
            ("1.2.x", &["1.2.0", "1.2.9"], &["1.3.0"]),
            ("1.x.x", &["1.0.0", "1.9.9"], &["2.0.0"]),
            ("*", &["0.0.1", "9.9.9"], &["1.0.0-rc.1"]),
            ("", &["0.0.1", "9.9.9"], &["1.0.0-rc.1"]),
            (">=1.2", &["1.2.0", "2.0.0"], &["1.1.9"]),
            (">= 1.2, < 2", &["1.2.0", "1.9.9"], &["2.0.0", "1.1.0"]),
            (">1.2", &["1.3.0"], &["1.2.9"]),
            (">1.2.3", &["1.2.4"], &["1.2.3"]),
            ("<=1.2", &["1.2.9"], &["1.3.0"]),
            ("<1.2", &["1.1.9"], &["1.2.0"]),
            ("~1.2.3", &["1.2.3", "1.2.9"], &["1.3.0", "1.2.2"]),
            ("~1.2", &["1.2.0", "1.2.9"], &["1.3.0"]),
            ("~1", &["1.0.0", "1.9.9"], &["2.0.0"]),
            ("^1.2.3", &["1.2.3", "1.9.9"], &["2.0.0", "1.2.2"]),
            ("^0.2.3", &["0.2.3", "0.2.9"], &["0.3.0"]),
            ("^0.0.3", &["0.0.3"], &["0.0.4"]),
            ("^0.0", &["0.0.9"], &["0.1.0"]),
            ("^0", &["0.9.9"], &["1.0.0"]),
            ("^1", &["1.9.9"], &["2.0.0"]),
            ("1.2 - 1.4", &["1.2.0", "1.4.9"], &["1.5.0", "1.1.0"]),
            ("1.2.x || ^3", &["1.2.1", "3.9.0"], &["2.0.0"]),
            (">=1 !=1.5.0", &["1.4.0", "1.5.1"], &["1.5.0"]),
            ("!=1.5", &["1.4.0", "1.6.0"], &["1.5.3"]),
            (">=1.0.0-0", &["1.0.0-rc.1", "1.5.0-rc.1", "2.0.0"], &["0.9.0"]),
            ("1.0.0-rc.1", &["1.0.0-rc.1"], &["1.0.0", "1.0.0-rc.2"]),
            ("^2.0.0-0", &["2.0.0-rc.1", "2.1.0"], &["3.0.0-rc.1"]),
        ] {
            for version in within {
                assert!(contains(range, version), "{range} must contain {version}");
            }
            for version in without {
                assert!(!contains(range, version), "{range} must not contain {version}");
            }
        }
    }

    #[test]
    fn what_is_no_range_is_none() {
        for text in
            ["latest", ">", "1.2.3.4", "1..2", ">>1", "1.x.2", "-1", "1.2.3 -", "<*", "!=*", &"1 ".repeat(60)]
        {
            assert_eq!(VersionRange::parse(text), None, "{text}");
        }
        assert_eq!(read_version("*"), None);
    }

    #[test]
    fn the_newest_is_chosen_by_its_numbers() {
        let texts = ["1.9.0", "1.10.0", "2.0.0-rc.1", "broken", "v1.2", "1.10.0+build"];
        let newest_of = |range| newest(&VersionRange::parse(range).unwrap(), texts);
        assert_eq!(newest_of("*"), Some("1.10.0"));
        assert_eq!(newest_of(">=1-0"), Some("2.0.0-rc.1"));
        assert_eq!(newest_of("~1.2"), Some("v1.2"));
        assert_eq!(newest_of("3"), None);
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "[0-9.xv*<>=!~^|, +-]{0,40}") {
            if let Some(range) = VersionRange::parse(&text) {
                range.contains(&Version::new(1, 2, 3));
            }
        }
    }
}
