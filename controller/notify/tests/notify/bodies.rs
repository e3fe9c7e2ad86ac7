//! The bodies, as golden files and by properties. `KUBEOPT_BLESS=1` writes the files anew, to be read before they are committed.

use std::path::Path;

use kubeopt_notify::{Notice, NoticeState, Service, Severity, render};
use proptest::prelude::*;
use serde_json::Value;

use crate::notices::{SECRET, notice, services};

#[test]
fn every_service_is_sent_what_it_understands() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let resolved = Notice { state: NoticeState::Resolved, text: String::new(), url: None, ..notice() };
    let mut wrong = Vec::new();
    for service in services("https://hooks.example") {
        for (name, notice) in [("raised", notice()), ("resolved", resolved.clone())] {
            let file = folder.join(format!("{}-{name}.json", service.as_str()));
            let mut text = serde_json::to_string_pretty(render(&service, &notice).body()).unwrap();
            text.push('\n');
            assert!(!text.contains(SECRET), "{text}");
            if std::env::var_os("KUBEOPT_BLESS").is_some() {
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(&file, &text).unwrap();
            }
            if std::fs::read_to_string(&file).unwrap_or_default() != text {
                wrong.push(format!("{}\n{text}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "KUBEOPT_BLESS=1 rewrites these; read them:\n{}", wrong.join("\n"));
}

/// Every text of a body, with the keys that lead to it.
fn texts(value: &Value, path: &str, out: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => out.push((path.to_owned(), text.clone())),
        Value::Array(values) => values.iter().for_each(|value| texts(value, path, out)),
        Value::Object(map) => map.iter().for_each(|(key, value)| texts(value, &format!("{path}/{key}"), out)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The limits that each service publishes.
fn check_limits(service: &Service, body: &Value, whole_bytes: usize) {
    let at = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    match service {
        Service::Slack { .. } => {
            assert!((1..=150).contains(&units(at("/blocks/0/text/text"))));
            assert!(units(at("/blocks/1/text/text")) <= 3000 && units(at("/text")) <= 3000);
        }
        Service::Teams { .. } => assert!(whole_bytes <= 28 * 1024, "{whole_bytes}"),
        Service::Discord { .. } => {
            let [title, text] =
                ["/embeds/0/title", "/embeds/0/description"].map(|pointer| units(at(pointer)));
            let footer = units(at("/embeds/0/footer/text"));
            assert!(title <= 256 && text <= 4096 && footer <= 2048 && title + text + footer <= 6000);
        }
        Service::PagerDuty { .. } => {
            assert!(units(at("/payload/summary")) <= 1024 && (1..=255).contains(&at("/dedup_key").len()));
            assert!(whole_bytes <= 512 * 1024);
        }
        Service::Webhook { .. } => assert!(whole_bytes <= 256 * 1024),
    }
}

/// What must stand in no text of a service that would do something with it.
fn check_harmless(service: &Service, body: &Value) {
    let mut found = Vec::new();
    texts(body, "", &mut found);
    for (path, text) in found {
        let is_link =
            ["url", "href", "client_url", "$schema"].iter().any(|key| path.ends_with(&format!("/{key}")));
        assert!(!text.contains(['\u{202e}', '\u{7}', '\u{1b}']), "{path}: {text}");
        match service {
            // Only the fallback text is markup; everything else is of type `plain_text`.
            Service::Slack { .. } if path == "/text" => {
                assert!(!text.contains('<') && !text.contains("://"), "{text}")
            }
            Service::Discord { .. } if path.ends_with("/description") || path.ends_with("/title") => {
                let bare = text.replace("\\\\", "");
                for sign in ["*", "[", "<", "@", "`", "_"] {
                    assert_eq!(
                        bare.matches(sign).count(),
                        bare.matches(&format!("\\{sign}")).count(),
                        "{text}"
                    );
                }
                assert!(!text.contains("://"), "{text}");
            }
            Service::Teams { .. } if !is_link => {
                assert!(!text.contains("{{") && !text.contains("${"), "{text}")
            }
            Service::Slack { .. }
            | Service::Teams { .. }
            | Service::Discord { .. }
            | Service::PagerDuty { .. }
            | Service::Webhook { .. } => {}
        }
    }
    if let Service::Slack { .. } = service {
        let markup: Vec<&Value> =
            body["blocks"].as_array().unwrap().iter().map(|block| &block["text"]).collect();
        let markup = markup.into_iter().filter(|text| text["type"] == "mrkdwn");
        let link = "<https://forge.example/acme/gitops/pulls/12|Open>";
        assert!(markup.into_iter().all(|text| text["text"] == link), "no text of a notice is read as markup");
    }
    if let Service::Discord { .. } = service {
        assert_eq!(body["allowed_mentions"]["parse"], serde_json::json!([]));
    }
}

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "@everyone",
        "<!channel>",
        "<@U123>",
        "<https://evil.example|click>",
        "[x](https://evil.example)",
        "**b**",
        "`c`",
        "_i_",
        "{{DATE(2026-01-01T00:00:00Z)}}",
        "{{{",
        "${a}",
        "<at>you</at>",
        "\u{202e}",
        "\u{1b}[31m",
        "\u{7}",
        "&amp;",
        "\"",
        "\\",
        "\n",
        "https://evil.example",
        "<script>",
        "größe",
        "\u{1f680}",
        ":tada:",
        "# h",
        "> q",
        "- l",
    ]);
    let text =
        prop::collection::vec(prop_oneof![4 => piece.prop_map(str::to_owned), 1 => "\\PC{0,9}"], 0..40)
            .prop_map(|pieces| pieces.concat());
    (text, prop_oneof![6 => Just(1_usize), 1 => Just(300)]).prop_map(|(text, times)| text.repeat(times))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_notice_holds_it_fits_and_does_nothing(title in hostile(), text in hostile(), key in hostile()) {
        for severity in [Severity::Info, Severity::Critical] {
            for state in [NoticeState::Raised, NoticeState::Resolved] {
                let notice = Notice { title: title.clone(), text: text.clone(), key: key.clone(), severity, state, ..notice() };
                for service in services("https://hooks.example") {
                    let rendered = render(&service, &notice);
                    let whole = serde_json::to_vec(rendered.body()).unwrap();
                    check_limits(&service, rendered.body(), whole.len());
                    check_harmless(&service, rendered.body());
                }
            }
        }
    }
}

#[test]
fn only_a_link_that_is_one_is_shown() {
    let long = format!("https://forge.example/{}", "a".repeat(4000));
    for url in
        ["javascript:alert(1)", "https://user:password@forge.example/", "file:///etc/passwd", long.as_str()]
    {
        let notice = Notice { url: Some(url.parse().unwrap()), ..notice() };
        for service in services("https://hooks.example") {
            let text = render(&service, &notice).body().to_string();
            assert!(!text.contains(url), "{text}");
        }
    }
}
