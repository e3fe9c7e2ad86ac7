//! Markdown of a pull request or a comment as HTML for a page: rendered, then sanitised. Charts become our own SVG.
//!
//! The text may come from anyone; what is drawn in place of a chart is ours and is put in after sanitising.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Mutex;

use comrak::adapters::CodefenceRendererAdapter;
use comrak::nodes::Sourcepos;
use comrak::options::Plugins;
use comrak::{Options, markdown_to_html_with_plugins};

use crate::chart::UsageChart;
use crate::escape;
use crate::svg::{SvgPlace, usage_svg};

/// Longest Markdown that is rendered: a body has at most 58,000 characters, a comment 64 KiB.
const MARKDOWN_BYTES_MAX: usize = 256 * 1024;

/// Most charts of one text; the rest stays text.
const CHARTS_MAX: usize = 200;

/// Which collapsed section of a page is open at first sight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sections {
    /// None: as written.
    AsWritten,
    /// The first one: it holds the charts that a reader came for.
    FirstOpen,
}

/// Renders and sanitises. The result is safe within a page of ours.
pub(crate) fn to_html(markdown: &str, sections: Sections) -> String {
    let mut end = markdown.len().min(MARKDOWN_BYTES_MAX);
    while !markdown.is_char_boundary(end) {
        end -= 1;
    }
    let charts = Charts::default();
    let mut plugins = Plugins::default();
    plugins.render.codefence_renderers.insert("mermaid".to_owned(), &charts);
    let html = markdown_to_html_with_plugins(&markdown[..end], &options(), &plugins);
    let drawn = charts.drawn.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut clean = sanitised(&html, drawn.len());
    for (at, svg) in drawn.iter().enumerate() {
        clean = clean.replacen(&place(at), svg, 1);
    }
    match sections {
        Sections::AsWritten => clean,
        Sections::FirstOpen => clean.replacen("<details>", "<details open>", 1),
    }
}

fn options() -> Options<'static> {
    let mut options = Options::default();
    options.extension.table = true;
    options.extension.strikethrough = true;
    options.extension.autolink = true;
    // Raw HTML passes here, because `<details>` is HTML; the sanitiser decides what stays.
    options.render.r#unsafe = true;
    options
}

/// Keeps ammonia's list without pictures (nothing is loaded from elsewhere) and with the places of our charts.
fn sanitised(html: &str, charts: usize) -> String {
    let classes: Vec<String> = (0..charts).map(class).collect();
    let allowed: HashSet<&str> = classes.iter().map(String::as_str).collect();
    ammonia::Builder::default()
        .rm_tags(["img", "map", "area"])
        .allowed_classes(HashMap::from([("div", allowed)]))
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        .link_rel(Some("noopener noreferrer nofollow"))
        .clean(html)
        .to_string()
}

fn class(at: usize) -> String {
    format!("chart-place-{at}")
}

fn figure(chart: &UsageChart, at: usize) -> String {
    let caption = html_text(&escape::visible(&chart.title, escape::SHOWN_CHARS_MAX));
    let svg = usage_svg(chart, &format!("chart-{at}"), SvgPlace::Page);
    format!("<figure class=\"chart-box\"><figcaption>{caption}</figcaption>{svg}</figure>")
}

fn html_text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The sanitiser writes attributes in this form.
fn place(at: usize) -> String {
    format!("<div class=\"{}\"></div>", class(at))
}

/// Draws the charts that it can read and leaves a numbered place for each.
#[derive(Default)]
struct Charts {
    drawn: Mutex<Vec<String>>,
}

impl CodefenceRendererAdapter for Charts {
    fn write(
        &self,
        output: &mut dyn fmt::Write,
        _lang: &str,
        _meta: &str,
        code: &str,
        _sourcepos: Option<Sourcepos>,
    ) -> fmt::Result {
        let mut drawn = self.drawn.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match UsageChart::from_mermaid(code) {
            Some(chart) if drawn.len() < CHARTS_MAX => {
                let at = drawn.len();
                drawn.push(figure(&chart, at));
                writeln!(output, "{}", place(at))
            }
            _ => {
                writeln!(output, "<pre><code>{}</code></pre>", html_text(code))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_and_collapsed_sections_are_kept() {
        let html = to_html(
            "| a |\n|--:|\n| `b` |\n\n<details><summary><b>x</b></summary>\n\n- y\n</details>",
            Sections::FirstOpen,
        );
        assert!(html.contains("<td align=\"right\"><code>b</code></td>"), "{html}");
        assert!(html.contains("<details open><summary><b>x</b></summary>"), "{html}");
        assert!(html.contains("<li>y</li>"), "{html}");
    }

    #[test]
    fn nothing_active_survives() {
        let hostile = "<script>x</script><img src=http://e onerror=x><a href=\"javascript:x\">a</a>\n\n[b](javascript:x)\n\n\
                       <div class=\"header\" style=\"x\" onclick=x id=y>c</div><form action=/x><input></form><style>*{}</style><iframe src=x>";
        let html = to_html(hostile, Sections::AsWritten);
        for bad in [
            "<script",
            "href=",
            "<img",
            "onclick",
            "onerror",
            "style",
            "<form",
            "<input",
            "<iframe",
            "class=\"header\"",
            "id=",
        ] {
            assert!(!html.contains(bad), "{bad}: {html}");
        }
    }

    #[test]
    fn our_charts_are_drawn_and_foreign_ones_stay_text() {
        let chart = UsageChart {
            title: "CPU of a".into(),
            resource: kubeopt_model::Resource::Cpu,
            from_unix_s: 0,
            to_unix_s: 86_400,
            usage: vec![1.0, 2.0],
            before: None,
            after: Some(3.0),
            ahead: None,
        };
        let body =
            format!("```mermaid\n{}```\n\n```mermaid\ngraph TD; A-->B<script>\n```\n", chart.to_mermaid());
        let html = to_html(&body, Sections::AsWritten);
        assert_eq!(html.matches("<svg").count(), 1, "{html}");
        assert!(html.contains("<pre><code>graph TD; A--&gt;B&lt;script&gt;"), "{html}");
        // Somebody who writes the place of a chart by hand gets no second one.
        let forged = to_html(&format!("{}\n\n{}", place(0), place(7)), Sections::AsWritten);
        assert!(!forged.contains("<svg") && !forged.contains("chart-place"), "{forged}");
    }
}
