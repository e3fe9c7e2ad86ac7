//! The text of pull requests: golden, and within its limit.

use kubeopt_model::edit::ProvenBy;
use kubeopt_model::pull_request::{BODY_CHARS_MAX, Marker};
use kubeopt_model::recommendation::Member;
use kubeopt_model::{NoRecommendation, ObjectName, RepoPath, Verification};
use kubeopt_report::{MODEL_CREDIT, Templates, describe};

use crate::golden::assert_golden;
use crate::sample::{
    Sample, in_a_patch, not_rendered, sample, with_hours, without_cpu_limit, without_requests,
};

fn body(sample: &Sample) -> String {
    describe(&Templates::embedded(), &sample.input()).unwrap().body
}

/// So many workloads, each with its own charts.
fn many(count: usize) -> Sample {
    let mut many = sample();
    let one = many.recommendations.remove(0);
    many.recommendations = (0..count)
        .map(|at| {
            let mut next = one.clone();
            let name = ObjectName::new(format!("service-with-a-long-name-{at:04}")).unwrap();
            next.members[0].container.workload.name = name;
            next
        })
        .collect();
    many.left_alone =
        (0..count).map(|at| (format!("payments/deploy/left-{at}"), NoRecommendation::AlreadyRight)).collect();
    many
}

/// What is unusual in a workload beside.
const LEAK: &str = "medium: `payments/deploy/cache/redis` grows 3.1 MB/h since 2026-09-21 (leak suspected, limit of 512Mi reached in about 9 days). Memory stays as it is";

#[test]
fn a_pull_request_reads_as_designed() {
    let mut sample = sample();
    sample.findings.push(LEAK.to_owned());
    let described = describe(&Templates::embedded(), &sample.input()).unwrap();
    assert_eq!(described.title, "chore(rightsizing): payments - 2 workloads, -$108/month requested");
    assert_eq!(Marker::find(&described.body), Some(described.marker));
    assert_golden("pull-request.md", &described.body);
    assert_golden("commit.txt", &described.commit_message);
}

#[test]
fn why_a_value_is_right_stands_first_in_its_details_and_says_whose_words_it_is() {
    let mut sample = sample();
    let body = body(&sample);
    let details = |body: &str, subject: &str| {
        let (_, rest) = body.split_once(subject).unwrap();
        rest.split_once("</details>").unwrap().0.to_owned()
    };
    let (api, ledger) = (details(&body, "<b>deploy/api"), details(&body, "<b>sts/ledger"));
    let at = |text: &str, part: &str| text.find(part).unwrap_or_else(|| panic!("{part}: {text}"));
    assert!(at(&api, "A service that answers requests") < at(&api, "```mermaid"), "{api}");
    assert!(at(&api, "_Support by data: high; computed by kubeopt._") < at(&api, "```mermaid"), "{api}");
    assert!(!api.contains(MODEL_CREDIT) && !api.contains("**Risk:**"), "{api}");
    assert!(
        at(&ledger, "- **Risk:** It was killed for memory") < at(&ledger, "- **Risk:** A restart is dear")
    );
    assert!(
        ledger.contains(&format!("low; {MODEL_CREDIT}small-1, numbers computed by kubeopt._")),
        "{ledger}"
    );
    sample.explanations = vec![None];
    let silent = self::body(&sample);
    assert!(!silent.contains("Support by data:") && silent.contains("deploy/api"), "{silent}");
}

#[test]
fn a_limit_that_goes_is_shown_as_removed_everywhere() {
    let described = describe(&Templates::embedded(), &without_cpu_limit().input()).unwrap();
    assert_golden("pull-request-removal.md", &described.body);
    assert!(described.body.contains("| 2000m → **removed** |"), "{}", described.body);
    assert!(described.body.contains(":17` sets `limits.cpu`: `2` → removed."), "{}", described.body);
    assert!(described.commit_message.contains("limits.cpu: 2 -> removed"), "{}", described.commit_message);
    let marked = described.marker.fields.iter().find(|field| field.field == "limits.cpu").unwrap();
    assert_eq!((marked.value.before.as_str(), marked.value.after.as_str()), ("2", ""));
}

#[test]
fn what_each_hour_would_need_stands_folded_beside_the_value_that_holds_all() {
    let described = describe(&Templates::embedded(), &with_hours().input()).unwrap();
    assert_golden("pull-request-by-hour.md", &described.body);
    assert!(
        described.body.contains("| `deploy/api/api` | busy | 09:00-17:00 UTC | 310m |\n"),
        "{}",
        described.body
    );
    assert!(described.body.contains(" and 7 more | 2000m |"), "{}", described.body);
    // Two recommendations, each folded, and in each a folded table.
    assert_eq!(described.body.matches("<details>").count(), described.body.matches("</details>").count());
    assert!(!body(&sample()).contains("Requests by hour"));
}

#[test]
fn a_value_in_a_patch_says_which_base_stays_and_whom_it_feeds() {
    let described = describe(&Templates::embedded(), &in_a_patch().input()).unwrap();
    assert_golden("pull-request-patch.md", &described.body);
    assert!(described.body.contains("| 1000m → **310m** |"), "{}", described.body);
    let said = "`apps/payments/overlays/prod/kubeopt-resources.yaml` sets `requests.cpu`: `1000m` → `310m`, over \
                `apps/payments/base/api.yaml:14`, which stays: it also feeds `apps/payments/overlays/dev`, \
                `apps/payments/overlays/test`.";
    assert!(described.body.contains(said), "{}", described.body);
    assert!(described.body.contains("why 310m CPU and 1184Mi memory<"), "{}", described.body);
    let told = "requests.cpu: 1000m -> 310m (apps/payments/overlays/prod/kubeopt-resources.yaml)";
    assert!(described.commit_message.contains(told), "{}", described.commit_message);
    let marked = described.marker.fields.iter().find(|field| field.field == "requests.cpu").unwrap();
    assert_eq!(marked.file.as_str(), "apps/payments/overlays/prod/kubeopt-resources.yaml");
    assert_eq!((marked.value.before.as_str(), marked.value.after.as_str()), ("1000m", "310m"));
}

#[test]
fn a_request_that_is_created_is_shown_as_not_set_before() {
    let described = describe(&Templates::embedded(), &without_requests().input()).unwrap();
    assert_golden("pull-request-creation.md", &described.body);
    assert!(described.body.contains("| - → **310m** |"), "{}", described.body);
    assert!(described.body.contains(":12` gets `requests.cpu`: not set → `310m`."), "{}", described.body);
    assert!(described.body.contains("why 310m CPU and 1184Mi memory<"), "{}", described.body);
    assert!(
        described.commit_message.contains("requests.cpu: not set -> 310m"),
        "{}",
        described.commit_message
    );
    let marked = described.marker.fields.iter().find(|field| field.field == "requests.cpu").unwrap();
    assert_eq!(marked.container, "payments/deploy/api/api");
    assert_eq!((marked.value.before.as_str(), marked.value.after.as_str()), ("", "310m"));
}

#[test]
fn what_was_not_rendered_is_a_draft_that_says_so_twice() {
    let described = describe(&Templates::embedded(), &not_rendered().input()).unwrap();
    assert_golden("pull-request-not-rendered.md", &described.body);
    assert!(described.marker.not_rendered);
    assert_eq!(Marker::find(&described.body), Some(described.marker));
    let at = |part: &str| described.body.find(part).unwrap_or_else(|| panic!("{part} is missing"));
    assert!(
        at("**A draft:** `apps/payments/overlays/prod` could not be rendered (kustomize was not found)")
            < at("| workload |")
    );
    let reason = at("- `apps/payments/overlays/prod` not rendered: kustomize was not found.");
    assert!(reason < at("- `apps/payments/base` parsed before and after"), "what is not proven comes first");
    assert!(reason < at("a patch, a template or a transformer may change what arrives"));
    let rendered = describe(&Templates::embedded(), &sample().input()).unwrap();
    assert!(!rendered.marker.not_rendered && !rendered.body.contains("draft"), "{}", rendered.body);
}

#[test]
fn a_long_list_of_proofs_shows_first_what_is_not_proven() {
    let mut sample = not_rendered();
    let entries = |by: &ProvenBy, names: std::ops::Range<usize>, of: &Verification| -> Vec<Verification> {
        let entry = |at| RepoPath::new(&format!("apps/{at:02}")).unwrap();
        names.map(|at| Verification { entry: entry(at), by: by.clone(), ..of.clone() }).collect()
    };
    let reason = ProvenBy::NotRendered("chart <b>podinfo</b> | @team is not at hand".into());
    let of = sample.verifications[0].clone();
    sample.verifications = [entries(&ProvenBy::Parsed, 0..30, &of), entries(&reason, 30..33, &of)].concat();
    let body = body(&sample);
    for at in 30..33 {
        assert!(body.contains(&format!("- `apps/{at}` not rendered: chart &lt;b&gt;podinfo")), "{body}");
    }
    assert!(body.contains("`apps/30` and 2 more entry points could not be rendered"), "{body}");
    assert!(body.contains("- and 13 more entry points.\n"), "{body}");
    assert!(!body.contains("@team"), "{body}");
}

#[test]
fn a_removal_alone_makes_a_pull_request() {
    let mut sample = without_cpu_limit();
    sample.recommendations.truncate(1);
    sample.recommendations[0].changes.clear();
    let described = describe(&Templates::embedded(), &sample.input()).unwrap();
    assert!(described.body.contains("<b>deploy/api · api</b> - why no CPU limit<"), "{}", described.body);
    assert_eq!(described.marker.fields.len(), 1);
}

#[test]
fn the_sections_stand_in_the_order_of_the_contract() {
    let body = body(&sample());
    let order = [
        "kubeopt looked at",
        "| workload |",
        "**Requested capacity:",
        "<details>",
        "**Noticed:**",
        "**Left alone:**",
        "**Proof:**",
        "**Your turn:**",
        "<!-- kubeopt:v1 ",
    ];
    let places: Vec<usize> =
        order.iter().map(|part| body.find(part).unwrap_or_else(|| panic!("{part} is missing"))).collect();
    assert!(places.is_sorted(), "{places:?}");
    assert!(body.ends_with("-->\n"));
}

#[test]
fn a_pull_request_without_prices_says_so_and_invents_nothing() {
    let mut sample = sample();
    sample.prices = None;
    for member in sample.recommendations.iter_mut().flat_map(|recommendation| &mut recommendation.members) {
        member.cost = None;
    }
    let described = describe(&Templates::embedded(), &sample.input()).unwrap();
    assert_eq!(described.title, "chore(rightsizing): payments - 2 workloads");
    let said = "**Requested capacity: the price is unknown** (no sheet holds prices of its provider); CPU 12.0 cores → 7.9 cores";
    assert!(described.body.contains(said), "{}", described.body);
    assert!(!described.body.contains("$0"), "{}", described.body);
    assert_golden("pull-request-unpriced.md", &described.body);
}

#[test]
fn several_containers_of_the_same_lines_share_one_section() {
    let mut sample = sample();
    let mut other: Member = sample.recommendations[0].members[0].clone();
    other.container.workload.name = ObjectName::new("api-canary").unwrap();
    sample.recommendations[0].members.push(other);
    let body = body(&sample);
    assert!(body.contains("<b>deploy/api · api and 1 other fed by the same lines</b>"), "{body}");
    assert!(body.contains("| `deploy/api-canary` ×6 |"), "{body}");
    assert_eq!(body.matches("<details>").count(), 2);
    // What is saved counts for each of them, so the marker tells both.
    let requests = Marker::find(&body).unwrap().changed_requests();
    let canary = requests.iter().filter(|request| request.container == "payments/deploy/api-canary/api");
    assert_eq!((requests.len(), canary.count()), (5, 2), "{requests:?}");
}

#[test]
fn five_hundred_workloads_fit_and_what_is_left_out_is_said() {
    let sample = many(500);
    let described = describe(&Templates::embedded(), &sample.input()).unwrap();
    let chars = described.body.chars().count();
    assert!(chars <= BODY_CHARS_MAX, "{chars}");
    assert!(described.body.contains(
        "The details of 500 recommendations are left out: a pull request holds 58,000 characters."
    ));
    assert!(described.body.contains("more rows do not fit here; the sums count them"));
    assert!(described.body.contains("- and 480 more; `kubeopt scan` lists all."));
    // The sums still count everything, and the marker's hash is over all fields.
    assert!(described.title.contains("500 workloads, -$59,200/month"), "{}", described.title);
    assert_eq!(Marker::find(&described.body), Some(described.marker.clone()));
    assert!(described.marker.fields.len() < 1000);
    assert!(described.commit_message.contains("and 950 more"));
}

#[test]
fn details_go_before_rows_do() {
    let body = body(&many(40));
    assert!(body.chars().count() <= BODY_CHARS_MAX);
    assert_eq!(body.matches("\n| `deploy/").count(), 40);
    let shown = body.matches("<details>").count();
    assert!((1..40).contains(&shown), "{shown}");
    assert!(body.contains(&format!("The details of {} recommendations are left out", 40 - shown)));
    assert_eq!(body.matches("<details>").count(), body.matches("</details>").count());
}

#[test]
fn the_same_input_gives_the_same_text() {
    assert_eq!(body(&sample()), body(&sample()));
}

#[test]
fn nothing_to_say_is_an_error_and_not_an_empty_pull_request() {
    let mut sample = sample();
    sample.recommendations.clear();
    assert_eq!(describe(&Templates::embedded(), &sample.input()).unwrap_err().code(), "E-RPT-005");
}
