//! `.kubeopt.yaml`: what is accepted, and what users are told when it is not.

use kubeopt_api::{CODES, PolicyFile, policy_schema};
use kubeopt_model::Problem;
use proptest::prelude::*;

const PRESETS: &[(&str, &str)] =
    &[("balanced", "sizing: {cpu: {quantile: 0.98}}"), ("conservative", "changes: {maxDecrease: 30%}")];

fn problems(text: &str) -> Vec<Problem> {
    PolicyFile::parse(text, ".kubeopt.yaml", PRESETS).expect_err("it must be refused")
}

#[test]
fn the_example_reads_without_a_warning_and_fits_its_schema() {
    let text = include_str!("../../../../examples/.kubeopt.yaml");
    let file = PolicyFile::parse(text, ".kubeopt.yaml", PRESETS).unwrap();
    assert_eq!(file.warnings(), []);
    let value: serde_json::Value = serde_yaml::from_str(text).unwrap();
    let errors: Vec<String> = jsonschema::validator_for(&policy_schema())
        .unwrap()
        .iter_errors(&value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(errors, Vec::<String>::new());
}

#[test]
fn the_life_cycle_of_a_pull_request_reads_without_a_warning_and_fits_its_schema() {
    let text = "\
extends: kubeopt:balanced
pullRequests: {groupBy: team, reviewers: codeowners, assignees: [\"@me\"], draft: true, titles: plain, onboarding: false, dashboard: false}
commits: {signoff: true, signed: true}
approval:
  large: {aboveMonthly: 500 USD, aboveRatio: 50%, aboveIncrease: 100%, aboveDecrease: 40%, approvers: 2}
  label: approved
autoMerge: {enabled: true, environments: [dev], maxChange: 10%, minConfidence: 0.9, maxRisk: low, requireStatus: [ci/build]}
rollout: {order: [dev, staging, prod], soak: 24h, waves: {clusters: [canary, \"{eu,us}-*\"]}, revertOn: {oomKills: 1, throttledPeriodsPoints: 10}}
watch: {soak: 2d, freeze: 7d, revert: none, slo: {promql: avg(up), min: 0.999}}
notifications: {enabled: true, least: warning, to: [ops]}
reasoning: false
";
    let file = PolicyFile::parse(text, ".kubeopt.yaml", PRESETS).unwrap();
    assert_eq!(file.warnings(), []);
    let value: serde_json::Value = serde_yaml::from_str(text).unwrap();
    let errors: Vec<String> = jsonschema::validator_for(&policy_schema())
        .unwrap()
        .iter_errors(&value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(errors, Vec::<String>::new());
}

#[test]
fn an_unknown_key_names_its_line_and_the_nearest_key() {
    let text = "extends: kubeopt:balanced\nsizing:\n  history: 28d\n  # größe\n  cpu: {quantil: 0.98}\n";
    assert_eq!(
        problems(text)[0].to_string(),
        "error[E-POL-002]: unknown key `sizing.cpu.quantil`\n  ┌─ .kubeopt.yaml:5\n  │   cpu: {quantil: 0.98}\n  \
         help: did you mean `quantile`?"
    );
}

#[test]
fn all_problems_are_told_at_once_in_the_order_of_their_lines() {
    let text = "\
enabled: yes
sizing:
  cpu: {quantile: 1.5, margin: 0.15}
  memory: {floor: 64 MB}
  history: 1y
changes:
  maxDecrease: 100%
  maxDecrease: 50%
unknown: 1
";
    let told: Vec<(usize, String)> = problems(text)
        .into_iter()
        .map(|problem| (problem.place.and_then(|place| place.line).unwrap_or(0), problem.code))
        .collect();
    let expected = [
        (1, "E-POL-003"),
        (3, "E-POL-004"),
        (3, "E-POL-003"),
        (4, "E-POL-003"),
        (5, "E-POL-003"),
        (7, "E-POL-004"),
        (8, "E-POL-005"),
        (9, "E-POL-002"),
    ];
    assert_eq!(told, expected.map(|(line, code)| (line, code.to_owned())));
}

#[test]
fn every_wrong_value_says_what_would_be_right() {
    for (text, told, help) in [
        (
            "sizing: {cpu: {quantile: 0}}",
            "`sizing.cpu.quantile` must be above 0 and at most 1, not `0`",
            "above 0",
        ),
        (
            "sizing: {cpu: {margin: 0.15}}",
            "`sizing.cpu.margin` must be a share such as `15%`, not `0.15`",
            "15%",
        ),
        ("sizing: {history: 28}", "not `28`", "`28d`"),
        ("sizing: {history: 91d}", "`sizing.history` must be from 1d to 90d, not `91d`", "90d"),
        ("sizing: {memory: {floor: lots}}", "`sizing.memory.floor` must be an amount of memory", "`64Mi`"),
        (
            "sizing: {limits: {cpu: keeps}}",
            "must be one of keep, ratio, none, not `keeps`",
            "keep, ratio, none",
        ),
        (
            "changes: {sharedBase: patch}",
            "`changes.sharedBase` must be one of edit-base, overlay-patch, ask, not `patch`",
            "overlay-patch",
        ),
        ("changes: {shareBase: ask}", "unknown key `changes.shareBase`", "did you mean `sharedBase`?"),
        ("sizing: 5", "`sizing` must be a mapping of strategy, history, minHistory", "mapping"),
        ("selectors: {kinds: [Pod]}", "`selectors.kinds[]` must be one of Deployment", "StatefulSet"),
        ("exclude: {namespaces: kube-system}", "must be a list such as `[a, b]`", "[a, b]"),
        ("blackouts: [{cron: 0 18 * * FRI}]", "`blackouts[].duration` is missing", "duration: 62h"),
        (
            "blackouts: [{cron: 0 0 30 2 *, duration: 1h}]",
            "`blackouts[].cron` must be a cron expression",
            "FRI",
        ),
        (
            "blackouts: [{cron: 0 0 * * *, duration: 1h, timezone: Mars}]",
            "must be a time zone",
            "Europe/Berlin",
        ),
        ("overrides: [{enabled: false}]", "`overrides[].match` is missing", "which workloads"),
        ("overrides: [{match: {}, enabled: false}]", "`overrides[].match` is missing", "which workloads"),
        (
            "extends: kubeopt:balancd",
            "preset `kubeopt:balancd` does not exist",
            "did you mean `kubeopt:balanced`?",
        ),
        ("extends: balanced", "preset `balanced` does not exist", "did you mean `kubeopt:balanced`?"),
        ("allowedOverrides: [sizing]", "`allowedOverrides` belongs to the operator", "kubeopt.yaml"),
        ("sizing: {history: 7d, minHistory: 14d}", "`sizing.minHistory` is longer than", "history"),
        (
            "sizing: {cpu: {floor: 2, ceiling: 1}}",
            "`sizing.cpu.ceiling` is below `sizing.cpu.floor`",
            "raise",
        ),
        ("sizing: {memory: {floor: 2Gi, ceiling: 1Gi}}", "`sizing.memory.ceiling` is below", "raise"),
        ("pullRequests: {reviewers: ann}", "`pullRequests.reviewers` must be a list such as", "codeowners"),
        ("pullRequests: {reviewers: [<b>]}", "must be a user such as `ann` or a team", "acme/payments"),
        ("pullRequests: {title: plain}", "unknown key `pullRequests.title`", "did you mean `titles`?"),
        ("pullRequests: {groupBy: folder}", "one of source, namespace, team, single", "team"),
        ("commits: {sign: true}", "unknown key `commits.sign`", "`signed`"),
        ("approvals: {label: a}", "unknown key `approvals`", "did you mean `approval`?"),
        ("approval: {large: {aboveMonthly: 500 EUR}}", "must be an amount such as `500 USD`", "500 USD"),
        ("approval: {large: {approvers: 0}}", "`approval.large.approvers` must be from 1 to 10", "1 to 10"),
        ("autoMerge: {minConfidence: 90%}", "must be a number from 0 to 1 such as `0.9`", "0.9"),
        ("autoMerge: {minConfidence: 1.5}", "must be from 0 to 1, not `1.5`", "0 to 1"),
        ("autoMerge: {environments: [qa]}", "must be one of dev, staging, prod", "staging"),
        (
            "rollout: {order: [prod, dev]}",
            "`rollout.order` does not go from the least",
            "[dev, staging, prod]",
        ),
        (
            "rollout: {order: [dev, dev]}",
            "`rollout.order` does not go from the least",
            "[dev, staging, prod]",
        ),
        ("watch: {soak: 10m}", "`watch.soak` must be from 1h to 31d", "31d"),
        ("watch: {revert: off}", "must be one of propose, auto-merge, none, not `off`", "propose"),
        ("notifications: {least: low}", "must be one of info, warning, critical", "warning"),
        ("changes: {minConfidence: high}", "`changes.minConfidence` must be a number", "0.9"),
    ] {
        let problems = problems(text);
        assert_eq!(problems.len(), 1, "{text}: {problems:?}");
        assert!(problems[0].text.contains(told), "{text}: {}", problems[0].text);
        assert!(problems[0].help.contains(help), "{text}: {}", problems[0].help);
    }
}

#[test]
fn a_template_or_broken_yaml_is_refused_with_its_line() {
    for (text, line) in [("a: [1\nb: 2\n", 2), ("sizing:\n\tcpu: {}\n", 2), ("{{ .Values.policy }}", 1)] {
        let problem = problems(text).remove(0);
        assert!(
            ["E-POL-001", "E-POL-002", "E-POL-003"].contains(&problem.code.as_str()),
            "{text}: {problem}"
        );
        assert_eq!(problem.place.and_then(|place| place.line), Some(line), "{text}");
    }
    let five_megabytes = format!("# {}\n", "x".repeat(5 << 20));
    assert_eq!(problems(&five_megabytes)[0].code, "E-POL-001");
}

#[test]
fn a_flood_of_problems_ends_with_a_count() {
    let text: String = (0..1000).map(|n| format!("k{n}: 1\n")).collect();
    let problems = problems(&text);
    assert_eq!(problems.len(), 51);
    assert!(problems[50].text.contains("950 more problems"));
}

#[test]
fn codes_are_unique_and_every_problem_uses_one_of_them() {
    let mut codes: Vec<&str> = CODES.iter().map(|(code, _)| *code).collect();
    codes.dedup();
    assert_eq!(codes.len(), CODES.len());
    for text in ["a: 1", "enabled: 5", "enabled: true\nenabled: true", "extends: x", "- a"] {
        for problem in problems(text) {
            assert!(codes.contains(&problem.code.as_str()), "{}", problem.code);
        }
    }
}

proptest! {
    #[test]
    fn no_text_panics_and_every_problem_has_a_place(text in "[a-zA-Z:{}\\[\\] \n%0-9&*-]{0,60}") {
        let text = format!("sizing: {{cpu: {{quantile: 0.9}}}}\n{text}");
        if let Err(problems) = PolicyFile::parse(&text, ".kubeopt.yaml", PRESETS) {
            prop_assert!(problems.iter().all(|problem| problem.place.is_some() && !problem.help.is_empty()));
        }
    }
}

#[test]
fn silences_that_say_nothing_or_too_much_are_refused_with_the_next_step() {
    let silences = |text: &str| format!("findings:\n  silences:\n  - {text}\n");
    for (text, code, told) in [
        ("{reason: x}", "E-POL-009", "`findings.silences[].to` is missing"),
        ("{cron: 0 1 * * *, reason: x}", "E-POL-009", "`findings.silences[].duration` is missing"),
        ("{duration: 1h, reason: x}", "E-POL-009", "`findings.silences[].cron` is missing"),
        ("{to: 2026-12-01}", "E-POL-009", "`findings.silences[].reason` is missing"),
        ("{from: 2026-12-02, to: 2026-12-01, reason: x}", "E-POL-010", "ends before it begins"),
        ("{to: 2026-12-01, cron: 0 1 * * *, duration: 1h, reason: x}", "E-POL-010", "both a span and a cron"),
        ("{to: 2026-12-01, match: {}, reason: x}", "E-POL-010", "names nothing"),
        ("{to: soon, reason: x}", "E-POL-003", "must be a time such as"),
        ("{to: 2026-12-01, kinds: [everything], reason: x}", "E-POL-003", "must be one of spike, leak"),
        ("{cron: 0 1 * * *, duration: 32d, reason: x}", "E-POL-004", "duration"),
        ("{cron: now, duration: 1h, reason: x}", "E-POL-003", "cron"),
        ("{to: 2026-12-01, reasons: x}", "E-POL-002", "unknown key `findings.silences[].reasons`"),
        ("{to: 2026-12-01, reason: \"a\\nb\"}", "E-POL-004", "reason"),
    ] {
        let found = problems(&silences(text));
        let hit = found.iter().find(|problem| problem.code == code);
        let hit = hit.unwrap_or_else(|| panic!("{text}: {found:?}"));
        assert!(hit.text.contains(told), "{text}: {}", hit.text);
        assert!(!hit.help.is_empty());
    }
    let wrong = problems("findings: {minSeverity: bad}");
    assert!(wrong[0].to_string().contains("one of low, medium, high, critical"), "{}", wrong[0]);
}
