//! Values that others control reach the text, and do nothing there.

use kubeopt_model::NoRecommendation;
use kubeopt_model::explanation::WordedBy;
use kubeopt_model::pull_request::Marker;
use kubeopt_model::recommendation::Reason;
use kubeopt_report::page::{PageState, PullRequestPage};
use std::sync::LazyLock;

use kubeopt_report::{Templates, describe, escape, pull_request_page};
use proptest::prelude::*;

use crate::sample::{now, sample};

/// Parsed once: the properties render thousands of pages.
static TEMPLATES: LazyLock<Templates> = LazyLock::new(Templates::embedded);

const NASTY: &str = "<!-- kubeopt:v1 {} --> @everyone <img src=x onerror=alert(1)> | `x` ``` </details> --> [a](http://e.example) #1 \u{202e}\u{1b}[31m\n\n# head";

/// The HTML that a forge would make of the body.
fn page_of(body: &str) -> String {
    let page = PullRequestPage {
        owner: "acme",
        name: "gitops",
        number: 1,
        title: NASTY,
        is_draft: false,
        state: &PageState::Open,
        author: NASTY,
        base: NASTY,
        branch: NASTY,
        head: NASTY,
        opened_unix_s: 0,
        body,
        files: &[],
        comments: &[],
        labels: &[NASTY.to_owned()],
        form_token: "t",
        notice: Some(NASTY),
        now: now(),
    };
    pull_request_page(&TEMPLATES, &page).unwrap()
}

#[test]
fn a_hostile_sentence_changes_nothing_but_its_own_place() {
    let mut hostile = sample();
    let plain = describe(&TEMPLATES, &hostile.input()).unwrap();
    let nasty = || NASTY.to_owned();
    let reason = Reason { text: nasty(), ..hostile.recommendations[0].reasons[0].clone() };
    hostile.recommendations[0].reasons.push(reason);
    hostile.recommendations[0].changes[0].site.text = nasty();
    let why = hostile.explanations[1].as_mut().unwrap();
    (why.summary, why.risks[0].text) = (nasty(), nasty());
    why.worded_by = WordedBy::Model { model: nasty() };
    hostile.left_alone.push((nasty(), NoRecommendation::Disabled { by: nasty() }));
    hostile.noticed.push(nasty());
    hostile.findings.push(nasty());
    hostile.prices.as_mut().unwrap().basis = nasty();
    hostile.labels.push(nasty());
    let mut input = hostile.input();
    (input.label, input.group, input.repeat_command, input.delivered_by) =
        (NASTY, NASTY, Some(NASTY), Some(NASTY));
    let described = describe(&TEMPLATES, &input).unwrap();

    assert_eq!(Marker::find(&described.body), Some(described.marker.clone()));
    // In a code span a comment opens nothing; the last one is the marker.
    assert!(described.body.rfind("<!--") > described.body.rfind("</details>"));
    assert!(!described.body.contains('\u{202e}') && !described.body.contains('\u{1b}'));
    assert!(!described.title.contains('@') && !described.title.contains('#'), "{}", described.title);
    let (hostile, plain) = (page_of(&described.body), page_of(&plain.body));
    for tag in ["<table", "<tr", "<details", "<h1", "<h2", "<img", "<a ", "<svg", "<script"] {
        assert_eq!(hostile.matches(tag).count(), plain.matches(tag).count(), "{tag}");
    }
}

#[test]
fn a_page_escapes_every_value() {
    let html = page_of("x");
    assert!(!html.contains("<img src=x"), "{html}");
    assert!(!html.contains('\u{202e}'));
    assert!(!html.contains("onerror=alert(1)>"), "{html}");
}

/// What means something to Markdown, HTML or people, mixed with plain text.
fn nasty_text() -> impl Strategy<Value = String> {
    let parts = prop_oneof![
        Just("@a"),
        Just("#1"),
        Just("<b>"),
        Just("</details>"),
        Just("`"),
        Just("``"),
        Just("|"),
        Just("\\"),
        Just("["),
        Just("]("),
        Just(")"),
        Just("!"),
        Just("*"),
        Just("_"),
        Just("~~"),
        Just("\n"),
        Just("\n\n"),
        Just("- "),
        Just("1. "),
        Just("---"),
        Just("==="),
        Just("# "),
        Just("> "),
        Just("http://e.example/"),
        Just("www.e.example"),
        Just("&lt;"),
        Just("&#64;"),
        Just("\u{202e}"),
        Just("\u{200b}"),
        Just("\u{0}"),
        Just("\t"),
        Just("$x$"),
        Just("-->"),
        Just("a"),
        Just(" "),
        Just("ü"),
        Just("me@e.example"),
    ];
    prop::collection::vec(parts, 0..14).prop_map(|parts| parts.concat())
}

fn rendered(markdown: &str) -> String {
    let html = page_of(markdown);
    let start = html.find("<div class=\"markdown\">").unwrap() + 22;
    html[start..start + html[start..].find("</div>\n</article>").unwrap()].trim().to_owned()
}

/// The text that a reader sees.
fn seen(html: &str) -> String {
    let mut out = String::new();
    let mut rest = html;
    while let Some(open) = rest.find('<') {
        out.push_str(&rest[..open]);
        rest = &rest[open + rest[open..].find('>').unwrap() + 1..];
    }
    out.push_str(rest);
    out.replace("&lt;", "<").replace("&gt;", ">").replace("&nbsp;", "\u{a0}").replace("&amp;", "&")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn prose_is_one_paragraph_of_plain_text_and_code(text in nasty_text()) {
        let html = rendered(&format!("x{} y", escape::prose(&text)));
        let tags: Vec<&str> = html.split('<').skip(1).map(|part| part.split('>').next().unwrap()).collect();
        prop_assert!(tags.iter().all(|tag| ["p", "/p", "code", "/code"].contains(tag)), "{text:?}: {html}");
        // Outside of code no mention is left.
        let outside: String = html.split("<code>").map(|part| part.rsplit("</code>").next().unwrap()).collect();
        prop_assert!(!outside.replace("@\u{200b}", "").contains('@'), "{text:?}: {html}");
    }

    #[test]
    fn prose_at_the_start_of_a_line_opens_no_block(text in nasty_text()) {
        let html = rendered(&format!("{} y", escape::prose(&text)));
        for tag in ["<ul", "<ol", "<h1", "<h2", "<hr", "<blockquote", "<pre", "<table", "<a "] {
            prop_assert!(!html.contains(tag), "{text:?}: {html}");
        }
    }

    #[test]
    fn code_shows_exactly_the_text_and_cannot_be_left(text in nasty_text()) {
        let html = rendered(&format!("x {} y", escape::code(&text)));
        prop_assert_eq!(html.matches("<code>").count(), 1, "{:?}: {}", text, html);
        prop_assert_eq!(html.matches('<').count(), 4, "{:?}: {}", text, html);
        let inside = html.split("<code>").nth(1).unwrap().split("</code>").next().unwrap();
        let shown = escape::visible(&text, escape::SHOWN_CHARS_MAX);
        if !shown.trim().is_empty() {
            prop_assert_eq!(seen(inside).trim().to_owned(), shown.trim().to_owned());
        }
    }

    #[test]
    fn a_cell_stays_one_cell(text in nasty_text()) {
        for cell in [escape::cell(&text), escape::prose(&text)] {
            let html = rendered(&format!("| a | b |\n|---|---|\n| {cell} | z |"));
            prop_assert_eq!(html.matches("<td>").count(), 2, "{:?}: {}", text, html);
            prop_assert_eq!(html.matches("<tr>").count(), 2, "{:?}: {}", text, html);
            prop_assert!(html.contains("<td>z</td>"), "{:?}: {}", text, html);
        }
    }

    #[test]
    fn html_in_markdown_is_text(text in nasty_text()) {
        let html = rendered(&format!("<details><summary><b>{}</b></summary>\n\ny\n</details>", escape::html_in_markdown(&text)));
        prop_assert_eq!(html.matches('<').count(), 8, "{:?}: {}", text, html);
        prop_assert!(!html.replace("@\u{200b}", "").contains('@'), "{text:?}: {html}");
    }

    #[test]
    fn a_page_stays_a_page_whatever_the_body_is(text in "(.|\n){0,200}", nasty in nasty_text()) {
        let html = page_of(&format!("{text}{nasty}"));
        prop_assert_eq!(html.matches("<form ").count(), 3);
        prop_assert_eq!(html.matches("<script").count(), 0);
        prop_assert!(html.trim_end().ends_with("</html>"));
    }
}
