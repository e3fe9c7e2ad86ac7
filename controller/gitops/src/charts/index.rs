//! The index of a repository of charts: names, versions, addresses, digests. Pure.
//!
//! An index is one YAML file of up to tens of megabytes that others write. What is not needed is skipped unread, and an
//! entry that is odd costs itself only.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::nesting::check_nesting;

/// Most versions of all charts. The largest public index has some 20,000.
const VERSIONS_MAX: usize = 200_000;

/// Longest version, address or digest.
const TEXT_BYTES_MAX: usize = 4_096;

/// What an index says.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Index {
    #[serde(default)]
    pub(super) entries: Entries,
}

/// Versions by the name of the chart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Entries(pub(super) BTreeMap<String, Vec<Published>>);

/// One version of a chart.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Published {
    #[serde(default)]
    pub(super) version: Text,
    /// Absolute, or relative to the repository; the first is used.
    #[serde(default)]
    pub(super) urls: Texts,
    /// SHA-256 of the archive.
    #[serde(default)]
    pub(super) digest: Text,
}

/// A scalar, whatever YAML takes it for.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Text(pub(super) String);

/// A list of scalars.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Texts(pub(super) Vec<String>);

/// Reads an index; JSON is YAML.
///
/// # Errors
/// A sentence.
pub(super) fn read_index(bytes: &[u8]) -> Result<Index, String> {
    check_nesting(&String::from_utf8_lossy(bytes))?;
    serde_yaml::from_slice(bytes).map_err(|error| error.to_string())
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor)
    }
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Entries;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("charts by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
        let (mut entries, mut count) = (BTreeMap::new(), 0);
        while let Some(Text(name)) = map.next_key()? {
            let versions: Vec<Published> = map.next_value()?;
            count += versions.len();
            if count > VERSIONS_MAX {
                return Err(serde::de::Error::custom(format!("it lists more than {VERSIONS_MAX} versions")));
            }
            entries.insert(name, versions);
        }
        Ok(Entries(entries))
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E>(self, text: &str) -> Result<Text, E> {
        Ok(Text(if text.len() <= TEXT_BYTES_MAX { text.to_owned() } else { String::new() }))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Text, E> {
        Ok(Text(number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Text, E> {
        Ok(Text(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Text, E> {
        Ok(Text(number.to_string()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Text, E> {
        Ok(Text::default())
    }

    fn visit_unit<E>(self) -> Result<Text, E> {
        Ok(Text::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Text, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Text::default())
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let list = Option::<Vec<Text>>::deserialize(deserializer)?;
        Ok(Self(list.unwrap_or_default().into_iter().map(|text| text.0).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_is_read_and_what_is_odd_costs_itself_only() {
        let index = read_index(
            b"apiVersion: v1\ngenerated: 2026\nentries:\n  web:\n  - {version: 1.2.3, urls: [web-1.2.3.tgz], digest: abc, maintainers: [{name: x}]}\n  - {version: 2, urls: null, digest: {a: b}}\n  7: []\n",
        )
        .unwrap();
        let web = &index.entries.0["web"];
        assert_eq!(
            (web[0].version.0.as_str(), web[0].urls.0[0].as_str(), web[0].digest.0.as_str()),
            ("1.2.3", "web-1.2.3.tgz", "abc")
        );
        assert_eq!((web[1].version.0.as_str(), web[1].urls.0.len(), web[1].digest.0.as_str()), ("2", 0, ""));
        assert!(
            read_index(b"{\"entries\": {\"web\": [{\"version\": \"1.0.0\"}]}}")
                .unwrap()
                .entries
                .0
                .contains_key("web")
        );
    }

    #[test]
    fn what_is_no_index_is_a_sentence() {
        for text in ["[]", "entries: []", "entries: {a: 1}", "entries: {", "a: &a [*a]\nentries: *a"] {
            assert!(read_index(text.as_bytes()).is_err(), "{text}");
        }
        let deep = format!("entries: {{web: [{{urls: {}", "[".repeat(100_000));
        assert!(read_index(deep.as_bytes()).unwrap_err().contains("brackets are open at once"));
        assert_eq!(read_index(b"{}").unwrap(), Index::default());
    }
}
