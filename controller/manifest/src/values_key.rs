//! Which keys of chart values name an amount of CPU or memory, by their spelling alone.
//!
//! Charts spell them as they like: `adminResources.limits.cpu`, `cpuRequest`, `requests_cpu`, `memoryMb`. A key that is
//! named in vain costs one mark that arrives nowhere; a key that is missed costs a value that cannot be sized.

use kubeopt_model::{Amount, Bound, Field, Resource};

/// Bytes of a parameter's name that are read; the longest path of values that was seen has about 100.
const NAME_BYTES_MAX: usize = 1024;

/// The field that the end of a path within chart values names. Its bound is a hint only: what the value feeds is for
/// the rendering to say.
pub(crate) fn values_field(path: &[String]) -> Option<Field> {
    // Keys with dots (`resources.limits.cpu`) are written for paths; list positions say nothing.
    let keys: Vec<Vec<Word>> =
        path.iter().flat_map(|key| key.split('.')).filter(|key| !is_index(key)).map(words).collect();
    under_resources(&keys).or_else(|| by_spelling(&keys))
}

/// The field of a key that names one resource and nothing else (`web.cpu: 500m`), where the suffix of the amount says the
/// same: a bare number may be a count of cores, of megabytes, or of anything.
pub(crate) fn bare_field(path: &[String], text: &str) -> Option<Field> {
    let keys: Vec<Vec<Word>> = path.iter().filter(|key| !is_index(key)).map(|key| words(key)).collect();
    let last = keys.last().filter(|words| matches!(words.as_slice(), [Word::Of(_)]))?;
    let resource = resource_of(last).filter(|resource| resource_of_suffix(text) == Some(*resource))?;
    Amount::parse(resource, text).is_ok().then(|| Field { bound: bound_of(&keys), resource })
}

/// The field of a single value that stands for itself: any key that names one resource, and where none does, the suffix
/// of the amount. Wherever the value goes, its bound is a hint only.
pub(crate) fn single_field(path: &[String], text: &str) -> Option<Field> {
    let keys: Vec<Vec<Word>> = path.iter().filter(|key| !is_index(key)).map(|key| words(key)).collect();
    if keys.last()?.contains(&Word::Measure) {
        return None;
    }
    let named = keys.iter().rev().find_map(|words| resource_of(words));
    let resource = named.or_else(|| resource_of_suffix(text))?;
    Amount::parse(resource, text).is_ok().then(|| Field { bound: bound_of(&keys), resource })
}

/// Suffixes that only one resource is written with.
fn resource_of_suffix(text: &str) -> Option<Resource> {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    if number.is_empty() {
        return None;
    }
    match &text[number.len()..] {
        "m" => Some(Resource::Cpu),
        "Ki" | "Mi" | "Gi" | "Ti" => Some(Resource::Memory),
        _ => None,
    }
}

/// The keys of a path as `helm --set` writes it: `a.b[0].c`, with `\.` for a dot within a key.
pub(crate) fn helm_path(name: &str) -> Option<Vec<String>> {
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    let (mut keys, mut key) = (Vec::new(), String::new());
    let mut chars = name.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => key.extend(chars.next()),
            '.' | '[' | ']' => {
                if !key.is_empty() {
                    keys.push(std::mem::take(&mut key));
                }
            }
            other => key.push(other),
        }
    }
    if !key.is_empty() {
        keys.push(key);
    }
    (!keys.is_empty()).then_some(keys)
}

/// A position in a list, as paths and JSON pointers write it.
pub(crate) fn is_index(key: &str) -> bool {
    key == "-" || (!key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What a word of a key says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Of(Resource),
    To(Bound),
    /// A unit of an amount.
    Unit,
    /// The key ends in `resources`.
    Resources,
    /// A number that is no amount.
    Measure,
    Other,
}

/// Anything below a key that ends in `resources`, when a key says of which resource.
fn under_resources(keys: &[Vec<Word>]) -> Option<Field> {
    let last = keys.len().checked_sub(1)?;
    let at = keys[..last].iter().rposition(|words| words.last() == Some(&Word::Resources))?;
    let below = &keys[at + 1..];
    let resource = below.iter().rev().find_map(|words| resource_of(words))?;
    Some(Field { bound: bound_of(&keys[at..]), resource })
}

/// The last key, or the last two, say resource and bound, or resource and unit.
fn by_spelling(keys: &[Vec<Word>]) -> Option<Field> {
    let last = keys.len().checked_sub(1)?;
    let two = &keys[last.saturating_sub(1)..];
    let resource = two.iter().rev().find_map(|words| resource_of(words))?;
    let says = |wanted: fn(&Word) -> bool| two.iter().flatten().any(wanted);
    let is_amount = says(|word| matches!(word, Word::To(_) | Word::Unit));
    let is_measure = keys[last].contains(&Word::Measure);
    (is_amount && !is_measure).then(|| Field { bound: bound_of(two), resource })
}

fn resource_of(words: &[Word]) -> Option<Resource> {
    let mut named = words.iter().filter_map(|word| match word {
        Word::Of(resource) => Some(*resource),
        Word::To(_) | Word::Unit | Word::Resources | Word::Measure | Word::Other => None,
    });
    let first = named.next()?;
    named.all(|other| other == first).then_some(first)
}

fn bound_of(keys: &[Vec<Word>]) -> Bound {
    let named = keys.iter().flatten().rev().find_map(|word| match word {
        Word::To(bound) => Some(*bound),
        Word::Of(_) | Word::Unit | Word::Resources | Word::Measure | Word::Other => None,
    });
    named.unwrap_or(Bound::Request)
}

/// The words of a key in any usual spelling: `cpuRequest`, `CPU_REQUEST`, `cpu-request`, `cpurequest`.
fn words(key: &str) -> Vec<Word> {
    let mut words: Vec<Word> = pieces(key).iter().flat_map(|piece| vocabulary(piece)).collect();
    if key.to_ascii_lowercase().ends_with("resources") {
        words.push(Word::Resources);
    }
    words
}

/// Cuts at signs, at digits and where the case changes (`CPULimit` is `CPU` and `Limit`); lower case.
fn pieces(key: &str) -> Vec<String> {
    let chars: Vec<char> = key.chars().take(NAME_BYTES_MAX).collect();
    let (mut pieces, mut piece) = (Vec::new(), String::new());
    for (at, c) in chars.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| chars[before]);
        let after = chars.get(at + 1).copied();
        let rises = before.is_some_and(char::is_lowercase) && c.is_uppercase();
        let ends_acronym = before.is_some_and(char::is_uppercase)
            && c.is_uppercase()
            && after.is_some_and(char::is_lowercase);
        if (rises || ends_acronym || !c.is_ascii_alphabetic()) && !piece.is_empty() {
            pieces.push(std::mem::take(&mut piece));
        }
        if c.is_ascii_alphabetic() {
            piece.push(c.to_ascii_lowercase());
        }
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces
}

/// Words that are written together (`cpurequest`) are told apart where all of them are known.
fn vocabulary(piece: &str) -> Vec<Word> {
    let mut found = Vec::new();
    let mut rest = piece;
    while !rest.is_empty() {
        let known = KNOWN.iter().find(|(text, _)| rest.starts_with(text));
        let Some((text, word)) = known else { return vec![Word::Other] };
        found.push(*word);
        rest = &rest[text.len()..];
    }
    found
}

/// Longer words stand before those that they begin with.
const KNOWN: [(&str, Word); 46] = [
    ("vcpus", Word::Of(Resource::Cpu)),
    ("vcpu", Word::Of(Resource::Cpu)),
    ("cpus", Word::Of(Resource::Cpu)),
    ("cpu", Word::Of(Resource::Cpu)),
    ("memory", Word::Of(Resource::Memory)),
    ("mem", Word::Of(Resource::Memory)),
    ("requested", Word::To(Bound::Request)),
    ("requests", Word::To(Bound::Request)),
    ("request", Word::To(Bound::Request)),
    ("reqs", Word::To(Bound::Request)),
    ("req", Word::To(Bound::Request)),
    ("limits", Word::To(Bound::Limit)),
    ("limit", Word::To(Bound::Limit)),
    ("lim", Word::To(Bound::Limit)),
    ("millicores", Word::Unit),
    ("millicore", Word::Unit),
    ("millis", Word::Unit),
    ("milli", Word::Unit),
    ("cores", Word::Unit),
    ("core", Word::Unit),
    ("bytes", Word::Unit),
    ("mebibytes", Word::Unit),
    ("megabytes", Word::Unit),
    ("gibibytes", Word::Unit),
    ("gigabytes", Word::Unit),
    ("mib", Word::Unit),
    ("mb", Word::Unit),
    ("mi", Word::Unit),
    ("gib", Word::Unit),
    ("gb", Word::Unit),
    ("gi", Word::Unit),
    ("kib", Word::Unit),
    ("kb", Word::Unit),
    ("ki", Word::Unit),
    ("m", Word::Unit),
    ("b", Word::Unit),
    ("utilization", Word::Measure),
    ("utilisation", Word::Measure),
    ("percentage", Word::Measure),
    ("percent", Word::Measure),
    ("threshold", Word::Measure),
    ("ratio", Word::Measure),
    ("replicas", Word::Measure),
    ("count", Word::Measure),
    ("seconds", Word::Measure),
    ("swappiness", Word::Measure),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn field(path: &str) -> String {
        let keys: Vec<String> = path.split('/').map(str::to_owned).collect();
        values_field(&keys).map_or("-".to_owned(), |field| field.to_string())
    }

    #[test]
    fn keys_are_understood_in_every_usual_spelling() {
        for (path, expected) in [
            ("resources/requests/cpu", "requests.cpu"),
            ("adminResources/limits/memory", "limits.memory"),
            ("a/RESOURCES/0/limits/cpu", "limits.cpu"),
            ("resources.limits.cpu", "limits.cpu"),
            ("resources/cpu", "requests.cpu"),
            ("resources/memory/limit", "limits.memory"),
            ("limitResources/cpu", "limits.cpu"),
            ("cpuRequest", "requests.cpu"),
            ("requests_cpu", "requests.cpu"),
            ("CPU_LIMIT", "limits.cpu"),
            ("CPULimit", "limits.cpu"),
            ("cpu-request", "requests.cpu"),
            ("cpulimit", "limits.cpu"),
            ("memLimit", "limits.memory"),
            ("memoryMb", "requests.memory"),
            ("memoryMiB", "requests.memory"),
            ("cpuMillis", "requests.cpu"),
            ("server/cpu/limit", "limits.cpu"),
            ("server/limits/memory", "limits.memory"),
            ("server/memory/mb", "requests.memory"),
        ] {
            assert_eq!(field(path), expected, "{path}");
        }
    }

    #[test]
    fn other_numbers_are_left_alone() {
        for path in [
            "cpu",
            "replicas",
            "resources/requests/ephemeral-storage",
            "resources/limits/hugepages-2Mi",
            "resources/limits/nvidia.com/gpu",
            "resources/preset",
            "resources",
            "autoscaling/targetCPUUtilizationPercentage",
            "memoryLimitPercent",
            "maxMembers",
            "memberLimit",
            "cpuAndMemoryLimit",
            "requests",
        ] {
            assert_eq!(field(path), "-", "{path}");
        }
    }

    #[test]
    fn a_single_value_is_known_by_its_key_or_its_suffix() {
        for (path, text, expected) in [
            ("cpu", "100m", "requests.cpu"),
            ("cpu", "2", "requests.cpu"),
            ("limits/cpu", "2", "limits.cpu"),
            ("api-memory-limit", "1Gi", "limits.memory"),
            ("sizes/0/mem", "134217728", "requests.memory"),
            ("api", "100m", "requests.cpu"),
            ("api", "64Mi", "requests.memory"),
            ("api", "100", "-"),
            ("api", "5M", "-"),
            ("api", "m", "-"),
            ("cpuPercent", "80", "-"),
            ("cpu", "amd64", "-"),
            ("cpuAndMemory", "100", "-"),
        ] {
            let keys: Vec<String> = path.split('/').map(str::to_owned).collect();
            let found = single_field(&keys, text).map_or("-".to_owned(), |field| field.to_string());
            assert_eq!(found, expected, "{path}={text}");
        }
    }

    #[test]
    fn a_bare_key_is_known_where_its_suffix_says_the_same() {
        for (path, text, expected) in [
            ("web/cpu", "500m", "requests.cpu"),
            ("list/0/mem", "64Mi", "requests.memory"),
            ("limits/web/memory", "1Gi", "limits.memory"),
            ("web/cpu", "2", "-"),
            ("web/memory", "512", "-"),
            ("web/memory", "500m", "-"),
            ("web/cpu", "amd64", "-"),
            ("web/cpuPercent", "80m", "-"),
            ("api", "100m", "-"),
        ] {
            let keys: Vec<String> = path.split('/').map(str::to_owned).collect();
            let found = bare_field(&keys, text).map_or("-".to_owned(), |field| field.to_string());
            assert_eq!(found, expected, "{path}={text}");
        }
    }

    #[test]
    fn names_of_parameters_are_paths() {
        let keys = |name: &str| helm_path(name).map(|keys| keys.join("/"));
        assert_eq!(keys("api.resources.requests.cpu"), Some("api/resources/requests/cpu".to_owned()));
        assert_eq!(keys("list[0].a\\.b/c.cpu"), Some("list/0/a.b/c/cpu".to_owned()));
        assert_eq!(keys(""), None);
        assert_eq!(keys("..."), None);
        assert_eq!(keys(&"a.".repeat(2000)), None);
    }
}
