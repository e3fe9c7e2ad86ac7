//! What `kubeopt plan` prints.

use kubeopt_report::{PlanInput, plan_text, unified_diff};

use kubeopt_model::EditedFile;

use crate::golden::assert_golden;
use crate::sample::{Sample, files, not_rendered, now, sample};

fn input<'a>(sample: &'a Sample, files: &'a [EditedFile]) -> PlanInput<'a> {
    PlanInput {
        repository: "github.com/acme/gitops",
        files,
        recommendations: &sample.recommendations,
        verifications: &sample.verifications,
        bill: &sample.bill,
        prices: sample.prices.as_ref().ok_or("no node could be seen\u{1b}[2J"),
        now: now(),
    }
}

#[test]
fn a_plan_reads_as_designed() {
    let (sample, files) = (sample(), files());
    let input = input(&sample, &files);
    assert_golden("plan.txt", &plan_text(&input));
    assert_golden("plan.diff", &unified_diff(&files));
}

#[test]
fn a_plan_that_is_not_rendered_says_so_and_what_to_do() {
    let (sample, files) = (not_rendered(), files());
    let input = input(&sample, &files);
    let text = plan_text(&input);
    assert_golden("plan-not-rendered.txt", &text);
    assert!(text.contains("   (not rendered)\n"), "{text}");
    assert!(!plan_text(&PlanInput { verifications: &sample.verifications[..1], ..input }).contains("draft"));
}

#[test]
fn a_plan_without_prices_says_why() {
    let (mut sample, files) = (sample(), files());
    sample.prices = None;
    let text = plan_text(&input(&sample, &files));
    assert!(text.ends_with("prices: unknown, because no node could be seen⟨U+001B⟩[2J\n"), "{text}");
}

#[test]
fn the_content_of_a_file_sends_nothing_to_the_terminal() {
    let sample = sample();
    let mut files = files();
    files[0].content.after.extend_from_slice("x: \u{1b}]0;owned\u{7}\u{202e}\r\n".as_bytes());
    let input = PlanInput { repository: "github.com/acme/\u{1b}[2J", ..input(&sample, &files) };
    let text = plan_text(&input);
    assert!(text.contains("+x: ⟨U+001B⟩]0;owned⟨U+0007⟩⟨U+202E⟩␍\n"), "{text}");
    assert!(text.chars().all(|c| c == '\n' || c == '\t' || !c.is_control()));
}
