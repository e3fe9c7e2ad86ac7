//! The pages of the local forge.

use kubeopt_model::Problem;
use kubeopt_model::Resource;
use kubeopt_report::page::{IndexPage, PageComment, PageState, PullRequestCard, PullRequestPage};
use kubeopt_report::templates::{FAVICON_SVG, STYLE_CSS};
use kubeopt_report::{
    SvgPlace, Templates, UsageChart, describe, index_page, problem_page, pull_request_page, usage_svg,
};

use crate::golden::assert_golden;
use crate::sample::{NOW_UNIX_S, files, now, sample};

fn comments() -> Vec<PageComment> {
    vec![
        PageComment {
            author: "you".into(),
            by_kubeopt: false,
            at_unix_s: NOW_UNIX_S - 120,
            markdown: "Looks right. **Merging after lunch.**".into(),
        },
        PageComment {
            author: "kubeopt".into(),
            by_kubeopt: true,
            at_unix_s: NOW_UNIX_S - 60,
            markdown: "Flux applied `main@sha1:4f2a1c9`; the new values run in 6 of 6 pods.".into(),
        },
    ]
}

fn page(state: &PageState) -> String {
    page_of(state, false)
}

fn page_of(state: &PageState, is_draft: bool) -> String {
    let described = describe(&Templates::embedded(), &sample().input()).unwrap();
    let page = PullRequestPage {
        owner: "acme",
        name: "gitops",
        number: 1,
        title: &described.title,
        is_draft,
        state,
        author: "kubeopt",
        base: "main",
        branch: "kubeopt/payments-5f2c91ab",
        head: "9be0d11c0ffee",
        opened_unix_s: NOW_UNIX_S - 240,
        body: &described.body,
        files: &files(),
        comments: &comments(),
        labels: &["kubeopt".into()],
        form_token: "TOKEN",
        notice: None,
        now: now(),
    };
    pull_request_page(&Templates::embedded(), &page).unwrap()
}

fn index(cards: &[PullRequestCard]) -> String {
    let page = IndexPage {
        pull_requests: cards,
        missing: "The last pass found nothing to change",
        help: "run `kubeopt demo` once more, or wait for the next pass",
        now: now(),
    };
    index_page(&Templates::embedded(), &page).unwrap()
}

/// Every tag is closed, in order; attributes are quoted. Enough to know that no value broke the markup.
fn assert_well_formed(html: &str) {
    const VOID: [&str; 6] = ["meta", "link", "img", "input", "br", "!doctype"];
    let mut open: Vec<&str> = Vec::new();
    for part in html.split('<').skip(1) {
        let (tag, _) = part.split_once('>').unwrap_or_else(|| panic!("unclosed <{part}"));
        assert_eq!(tag.matches('"').count() % 2, 0, "<{tag}>");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "</{name}>");
        } else {
            let name = tag.split([' ', '\n']).next().unwrap();
            if !VOID.contains(&name) && !tag.ends_with('/') {
                open.push(name);
            }
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn a_pull_request_is_read_commented_merged_and_closed_on_its_page() {
    let html = page(&PageState::Open);
    assert_well_formed(&html);
    assert_golden("pull-request.html", &html);
    for action in ["comments", "merge", "close"] {
        let form = format!(
            "<form method=\"post\" action=\"/acme/gitops/pulls/1/{action}\"><input type=\"hidden\" name=\"token\" value=\"TOKEN\">"
        );
        assert!(
            html.replace("class=\"comment-form\" ", "").replace("\n<input", "<input").contains(&form),
            "{action}"
        );
    }
    assert_eq!(html.matches("<svg").count(), 3, "CPU and memory of api, memory of ledger");
    assert!(
        html.contains("cpu: &quot;<mark>1</mark>&quot;") || html.contains("<mark>1</mark>"),
        "the changed part is marked"
    );
}

#[test]
fn a_decided_pull_request_offers_no_decision() {
    let merged =
        PageState::Merged { commit: "4f2a1c9aaaaaaaa".into(), by: "you".into(), at_unix_s: NOW_UNIX_S };
    let html = page(&merged);
    assert!(!html.contains("/merge\"") && !html.contains("/close\""));
    assert!(html.contains("Merged as <code>4f2a1c9</code>"));
    let html = page(&PageState::Closed { by: "you".into(), at_unix_s: NOW_UNIX_S });
    assert!(!html.contains("/merge\"") && html.contains("state-closed"));
    assert!(html.contains("/comments\""), "talking goes on");
}

#[test]
fn a_draft_offers_to_be_marked_as_ready_and_no_merge() {
    let html = page_of(&PageState::Open, true);
    assert_well_formed(&html);
    assert!(html.contains("<span class=\"state state-draft\">draft</span>"), "{html}");
    let form = "action=\"/acme/gitops/pulls/1/ready\"><input type=\"hidden\" name=\"token\" value=\"TOKEN\">";
    assert!(html.contains(form) && html.contains(">Ready for review</button>"), "{html}");
    assert!(html.contains("/close\"") && !html.contains("/merge\""), "{html}");
    assert!(html.contains("wants to merge 1 commit"), "{html}");
    assert!(!page(&PageState::Open).contains("/ready\""));
    let merged = PageState::Merged { commit: "4f2a1c9".into(), by: "you".into(), at_unix_s: NOW_UNIX_S };
    assert_eq!(page_of(&merged, true), page(&merged), "what is decided is no draft any more");
}

#[test]
fn pages_need_neither_script_nor_inline_style() {
    let problem = problem_page(
        &Templates::embedded(),
        "Not here",
        &Problem::new("E-SRV-003", "no such page", "go back"),
    )
    .unwrap();
    assert_well_formed(&problem);
    for html in [page(&PageState::Open), index(&[]), problem] {
        for bad in ["<script", "<style", " style=", " onclick", "javascript:", "https://", "url("] {
            assert!(!html.contains(bad), "{bad}");
        }
    }
    assert!(!STYLE_CSS.contains("url(") && !STYLE_CSS.contains("@import"));
    assert_well_formed(FAVICON_SVG.trim());
}

#[test]
fn an_empty_list_says_what_is_missing_and_what_helps() {
    let html = index(&[]);
    assert_well_formed(&html);
    assert!(
        html.contains("The last pass found nothing to change.")
            && html.contains("<strong>What to do:</strong>")
    );
}

#[test]
fn the_list_links_every_pull_request() {
    let card = PullRequestCard {
        owner: "acme".into(),
        name: "gitops".into(),
        number: 1,
        title: "chore(rightsizing): payments <b>".into(),
        is_draft: false,
        state: PageState::Open,
        opened_unix_s: NOW_UNIX_S - 240,
        comments: 2,
        labels: vec!["kubeopt".into()],
    };
    let draft = index(&[PullRequestCard { is_draft: true, ..card.clone() }]);
    assert!(draft.contains("<span class=\"state state-draft\">draft</span>"), "{draft}");
    assert!(draft.contains("1 open, 1 in all"), "{draft}");
    let html = index(&[card]);
    assert_well_formed(&html);
    assert!(
        html.contains(
            "<a class=\"list-title\" href=\"/acme/gitops/pulls/1\">chore(rightsizing): payments &lt;b&gt;</a>"
        ),
        "{html}"
    );
    assert_golden("index.html", &html);
}

#[test]
fn a_chart_is_well_formed_and_says_its_numbers_in_words() {
    let sample = sample();
    for resource in [Resource::Cpu, Resource::Memory] {
        let mut chart = UsageChart::of(&sample.recommendations[0].members[0], resource).unwrap();
        chart.title.push_str(" <&\">\u{202e}");
        for place in [SvgPlace::Page, SvgPlace::Alone] {
            let svg = usage_svg(&chart, "c", place);
            assert_well_formed(&svg);
            assert!(svg.contains("aria-labelledby=\"c-title c-desc\""));
            assert_eq!(svg.contains("prefers-color-scheme"), place == SvgPlace::Alone);
        }
    }
    let chart = UsageChart::of(&sample.recommendations[0].members[0], Resource::Cpu).unwrap();
    let svg = usage_svg(&chart, "c", SvgPlace::Alone);
    assert!(svg.contains("Request today 1000m, proposed 310m."), "{svg}");
    assert_golden("chart.svg", &svg);
}
