//! Flags of a JVM in a container's command, arguments and environment. Of the environment only the variables are looked at
//! that JVMs and their start scripts take options from, and of all options only those that size the heap are kept.

use kubeopt_model::Bytes;
use kubeopt_model::java::JavaFlags;
use serde_json::Value;

use crate::wire;

/// Variables with options, from the one that counts least: HotSpot reads `JAVA_TOOL_OPTIONS` before the command line and
/// `_JAVA_OPTIONS` after it; the `java` launcher puts `JDK_JAVA_OPTIONS` before its arguments; start scripts put the others
/// there (`docs.oracle.com`, "The java Command" and "Troubleshooting Guide: Environment Variables").
const BEFORE_COMMAND: [&str; 5] =
    ["JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "JVM_OPTS", "CATALINA_OPTS", "JAVA_OPTS"];
const AFTER_COMMAND: &str = "_JAVA_OPTIONS";

/// Longest text that is looked through for one container; options of a JVM are some hundred characters.
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// What the flags say; none where nothing shows a JVM.
pub(super) fn flags(container: &wire::Container) -> Option<JavaFlags> {
    let mut found = Found::default();
    for name in BEFORE_COMMAND {
        found.read_variable(container.env.list(), name);
    }
    for (place, words) in [("command", &container.command), ("args", &container.args)] {
        words.list().iter().filter_map(Value::as_str).for_each(|text| found.read(place, text));
    }
    found.read_variable(container.env.list(), AFTER_COMMAND);
    found.is_java.then_some(found.flags)
}

#[derive(Default)]
struct Found {
    is_java: bool,
    text_bytes: usize,
    flags: JavaFlags,
}

impl Found {
    fn read_variable(&mut self, env: &[Value], name: &str) {
        let is_it = |variable: &&Value| variable.get("name").and_then(Value::as_str) == Some(name);
        // Of two variables of one name the later one counts.
        let Some(variable) = env.iter().rev().find(is_it) else { return };
        self.is_java = true;
        match variable.get("value").and_then(Value::as_str) {
            Some(text) => self.read(&format!("env {name}"), text),
            None => self.flags.is_hidden |= variable.get("valueFrom").is_some(),
        }
    }

    /// Words of an argument, or of a whole command line in one argument of a shell.
    fn read(&mut self, place: &str, text: &str) {
        self.text_bytes += text.len();
        if self.text_bytes > TEXT_BYTES_MAX {
            return;
        }
        let is_between = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ';' | '&' | '|' | '(' | ')');
        for word in text.split(is_between) {
            self.is_java |= is_java(word);
            if self.read_word(word) {
                self.is_java = true;
                self.flags.set_in = Some(place.to_owned());
            }
        }
    }

    /// Whether the word sizes the heap.
    fn read_word(&mut self, word: &str) -> bool {
        let size = |prefixes: [&str; 2]| prefixes.iter().find_map(|prefix| bytes(word.strip_prefix(prefix)?));
        let share = || word.strip_prefix("-XX:MaxRAMPercentage=").and_then(basis_points);
        if let Some(heap) = size(["-Xmx", "-XX:MaxHeapSize="]) {
            self.flags.heap_max = Some(heap);
        } else if let Some(heap) = size(["-Xms", "-XX:InitialHeapSize="]) {
            self.flags.heap_initial = Some(heap);
            return false;
        } else if let Some(share) = share() {
            self.flags.max_ram_basis_points = Some(share);
        } else {
            return false;
        }
        true
    }
}

/// The launcher, or an option that no other program has.
fn is_java(word: &str) -> bool {
    word.rsplit('/').next() == Some("java") || word.starts_with("-XX:") || word.starts_with("-Xm")
}

/// `512m`, `2G`, `1073741824`: the units of the JVM are powers of 1024.
fn bytes(text: &str) -> Option<Bytes> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..)? {
        "" => 1,
        "k" | "K" => 1 << 10,
        "m" | "M" => 1 << 20,
        "g" | "G" => 1 << 30,
        "t" | "T" => 1_u64 << 40,
        _ => return None,
    };
    Some(Bytes(digits.parse::<u64>().ok()?.checked_mul(unit)?)).filter(|bytes| bytes.0 > 0)
}

/// `75.0` is 7500.
fn basis_points(text: &str) -> Option<u32> {
    let percent: f64 = text.parse().ok()?;
    // In the range, so that the cast loses nothing.
    (percent > 0.0 && percent <= 100.0).then(|| (percent * 100.0).round() as u32)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(mut container: Value) -> Option<JavaFlags> {
        container["name"] = json!("app");
        let container: wire::Container = serde_json::from_value(container).unwrap();
        assert!(!format!("{container:?}").contains("hunter2"));
        flags(&container)
    }

    fn env(pairs: &[(&str, &str)]) -> Value {
        let of = |(name, value): &(&str, &str)| json!({"name": name, "value": value});
        json!({"env": pairs.iter().map(of).collect::<Vec<_>>()})
    }

    #[test]
    fn heap_flags_are_found_wherever_a_jvm_takes_them_from() {
        let heap = |mebi: u64, place: &str| JavaFlags {
            heap_max: Some(Bytes::mebi(mebi)),
            set_in: Some(place.to_owned()),
            ..JavaFlags::default()
        };
        let shell = "exec java -Xmx1g -Dx='y' -jar /app.jar";
        for (container, wanted) in [
            (json!({"args": ["-Xmx512m", "-jar", "app.jar"]}), heap(512, "args")),
            (json!({"command": ["sh", "-c", shell]}), heap(1024, "command")),
            (env(&[("JAVA_OPTS", "-Dx=1 -Xmx2048K")]), heap(2, "env JAVA_OPTS")),
            (
                env(&[("JAVA_TOOL_OPTIONS", "-XX:MaxHeapSize=1073741824")]),
                heap(1024, "env JAVA_TOOL_OPTIONS"),
            ),
            (env(&[("JAVA_OPTS", "-Xmx1g"), ("JAVA_OPTS", "-Xmx2g")]), heap(2048, "env JAVA_OPTS")),
        ] {
            assert_eq!(read(container.clone()), Some(wanted), "{container}");
        }
    }

    #[test]
    fn the_command_line_counts_before_the_tool_options_and_the_last_flag_before_all() {
        let mut container = env(&[("JAVA_TOOL_OPTIONS", "-Xmx1g"), ("PASSWORD", "hunter2 -Xmx9g")]);
        container["args"] = json!(["-Xmx512m", "-Xmx256m", "-Xms64m"]);
        let found = read(container.clone()).unwrap();
        assert_eq!((found.heap_max, found.heap_initial), (Some(Bytes::mebi(256)), Some(Bytes::mebi(64))));
        container["env"].as_array_mut().unwrap().push(json!({"name": "_JAVA_OPTIONS", "value": "-Xmx3g"}));
        assert_eq!(read(container).unwrap().heap_max, Some(Bytes::mebi(3072)));
    }

    #[test]
    fn a_share_of_the_limit_and_options_that_are_not_shown_are_told() {
        let share = read(env(&[("JDK_JAVA_OPTIONS", "-XX:MaxRAMPercentage=62.5")])).unwrap();
        assert_eq!(share.max_ram_basis_points, Some(6250));
        let hidden =
            json!({"env": [{"name": "JAVA_OPTS", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}]});
        assert!(read(hidden).unwrap().is_hidden);
        let bare = read(json!({"command": ["/opt/jdk/bin/java", "-jar", "a.jar"]})).unwrap();
        assert_eq!(bare, JavaFlags::default());
    }

    #[test]
    fn what_is_no_jvm_and_what_is_no_size_says_nothing() {
        for container in [
            json!({"args": ["--javascript", "serve"]}),
            json!({"command": ["node", "java.js"], "env": [{"name": "JAVA", "value": "-Xmx1g"}]}),
            json!({"args": "-Xmx1g", "env": {"JAVA_OPTS": "-Xmx1g"}, "command": [7, null]}),
            json!({}),
        ] {
            assert_eq!(read(container.clone()), None, "{container}");
        }
        for flag in ["-Xmx", "-Xmxlots", "-Xmx99999999999t", "-Xmx0", "-XX:MaxRAMPercentage=900"] {
            let found = read(json!({"args": [flag]})).unwrap();
            assert_eq!((found.heap_max, found.max_ram_basis_points), (None, None), "{flag}");
        }
        let long = format!("{} -Xmx1g", "x ".repeat(TEXT_BYTES_MAX));
        assert_eq!(read(json!({"args": [long]})), None);
    }
}
