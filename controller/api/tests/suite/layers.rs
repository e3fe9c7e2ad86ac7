//! All layers together: guardrails take the most restrictive, preferences the nearest that may set them.

use std::collections::{BTreeMap, BTreeSet};

use kubeopt_api::policy::{not_allowed, policy_paths};
use kubeopt_api::{Config, Layer, PolicyFile, Subject, effective_policy};
use kubeopt_model::policy::{
    ApprovalPolicy, AutoMergePolicy, BelowObservedMax, CodeOwners, CommitPolicy, Environment, GroupBy,
    HpaPolicy, LimitPolicy, NotificationPolicy, OutlookPolicy, RevertMode, RolloutPolicy, Severity,
    SharedBase, SizingStrategy, TitleStyle, VpaPolicy, WatchPolicy,
};
use kubeopt_model::recommendation::Risk;
use kubeopt_model::{
    Bytes, EffectivePolicy, MilliCores, Money, Namespace, ObjectName, RepoPath, WorkloadKind,
};
use proptest::prelude::*;

const PRESETS: &[(&str, &str)] =
    &[("careful", "sizing: {cpu: {quantile: 0.99}}\nchanges: {maxDecrease: 30%, maxIncrease: 100%}")];

fn repository(path: &str, text: &str) -> Layer {
    let file =
        PolicyFile::parse(text, path, PRESETS).unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
    Layer { name: path.to_owned(), file }
}

fn operator(policy: &str) -> Layer {
    let text = format!("policy:\n{}", policy.lines().map(|line| format!("  {line}\n")).collect::<String>());
    let file = Config::parse(&text, "kubeopt.yaml", PRESETS).unwrap().policy.unwrap();
    Layer { name: "kubeopt.yaml".to_owned(), file }
}

fn ask(layers: &[Layer], path: &str, namespace: &str, kind: WorkloadKind, app: &str) -> EffectivePolicy {
    let labels = BTreeMap::from([("app".to_owned(), app.to_owned())]);
    let subject = Subject {
        path: &RepoPath::new(path).unwrap(),
        namespace: &Namespace::new(namespace).unwrap(),
        kind,
        name: &ObjectName::new("api").unwrap(),
        labels: &labels,
    };
    effective_policy(layers, &subject)
}

fn policy(layers: &[Layer]) -> EffectivePolicy {
    ask(layers, "apps/payments/api.yaml", "payments", WorkloadKind::Deployment, "web")
}

#[test]
fn no_layer_gives_the_defaults() {
    assert_eq!(policy(&[]), EffectivePolicy::default());
}

#[test]
fn every_key_arrives_where_it_belongs_and_names_its_line() {
    let layer = repository(
        ".kubeopt.yaml",
        "sizing:\n  strategy: quantile\n  history: 30d\n  minHistory: 8d\n  minRuns: 6\n  minCoverage: 90%\n  cpu: {price: 200%, quantile: 0.9, margin: 20%, floor: 20m, ceiling: 4}\n  \
         memory: {price: 50%, margin: 25%, floor: 64Mi, ceiling: 8Gi}\n  limits: {cpu: none, memory: ratio}\n  belowObservedMax: allow\n  outlook: raise\n  vpa: hand-over\n  hpa: together\n\
         changes:\n  maxIncrease: 300%\n  maxDecrease: 90%\n  ignoreBelow: {ratio: 5%, cpu: 10m, memory: 16Mi}\n  sharedBase: ask\n  minConfidence: 0.8\n\
         pullRequests: {groupBy: single, maxOpen: 7, perHour: 3, schedule: [\"* 8-16 * * 1-4\"], timezone: Europe/Berlin, labels: [a, b], reopenAfter: {moved: 40%, days: 30}}\n",
    );
    let policy = policy(&[layer]);
    assert_eq!(policy.sizing.history_seconds, 30 * 86_400);
    assert_eq!((policy.sizing.min_history_seconds, policy.sizing.min_runs), (8 * 86_400, 6));
    assert_eq!(policy.sizing.strategy, SizingStrategy::Quantile);
    assert_eq!((policy.sizing.cpu_price, policy.sizing.memory_price), (2.0, 0.5));
    assert_eq!((policy.sizing.cpu_quantile, policy.sizing.cpu_margin), (0.9, 0.2));
    assert_eq!(
        (policy.sizing.cpu_floor, policy.sizing.cpu_ceiling),
        (MilliCores(20), Some(MilliCores(4000)))
    );
    assert_eq!((policy.sizing.memory_margin, policy.sizing.min_coverage), (0.25, 0.9));
    assert_eq!(
        (policy.sizing.memory_floor, policy.sizing.memory_ceiling),
        (Bytes::mebi(64), Some(Bytes::mebi(8192)))
    );
    assert_eq!(
        (policy.sizing.cpu_limit, policy.sizing.memory_limit),
        (LimitPolicy::None, LimitPolicy::Ratio)
    );
    assert_eq!(policy.sizing.below_observed_max, BelowObservedMax::Allow);
    assert_eq!(policy.sizing.outlook, OutlookPolicy::Raise);
    assert_eq!((policy.sizing.vpa, policy.sizing.hpa), (VpaPolicy::HandOver, HpaPolicy::Together));
    assert_eq!((policy.changes.max_increase, policy.changes.max_decrease), (3.0, 0.9));
    assert_eq!(policy.changes.ignore_below_ratio, 0.05);
    assert_eq!(
        (policy.changes.ignore_below_cpu, policy.changes.ignore_below_memory),
        (MilliCores(10), Bytes::mebi(16))
    );
    assert_eq!((policy.changes.shared_base, policy.changes.min_confidence), (SharedBase::Ask, 0.8));
    assert_eq!(policy.pull_requests.group_by, GroupBy::Single);
    assert_eq!((policy.pull_requests.max_open, policy.pull_requests.per_hour), (7, 3));
    let schedule = &policy.pull_requests.schedules[0];
    assert_eq!(
        (&schedule.crons[..], schedule.timezone.as_str()),
        (&["* 8-16 * * 1-4".to_owned()][..], "Europe/Berlin")
    );
    assert_eq!(policy.pull_requests.labels, ["a", "b"]);
    assert_eq!((policy.pull_requests.reopen_moved_percent, policy.pull_requests.reopen_days), (40, 30));
    assert_eq!(policy.set_by["sizing.cpu.quantile"], ".kubeopt.yaml:7");
    assert_eq!(policy.set_by["changes.maxIncrease"], ".kubeopt.yaml:15");
}

#[test]
fn every_key_of_the_life_cycle_arrives_where_it_belongs() {
    let layer = repository(
        ".kubeopt.yaml",
        "pullRequests: {reviewers: [codeowners, \"@ann\"], assignees: [acme/ops], draft: true, titles: conventional, onboarding: false, dashboard: false}\n\
         commits: {signoff: true, signed: true}\n\
         approval: {large: {aboveRatio: 50%, aboveIncrease: 200%, aboveDecrease: 30%, aboveMonthly: 500 USD, approvers: 2}, label: yes-please}\n\
         autoMerge: {enabled: true, environments: [staging, dev], maxChange: 10%, minConfidence: 0.95, maxRisk: medium, requireStatus: [ci]}\n\
         rollout: {order: [dev, prod], soak: 2d, waves: {clusters: [canary, \"eu-*\"]}, revertOn: {oomKills: 2, throttledPeriodsPoints: 10}}\n\
         watch: {soak: 3d, freeze: 7d, revert: auto-merge, slo: {promql: avg(up), min: 0.9}}\n\
         notifications: {enabled: false, least: critical, to: [ops]}\nreasoning: false\n",
    );
    let allowing = operator("allowedOverrides: [\"*\"]");
    let policy = policy(&[allowing, layer]);
    let manners = &policy.pull_requests;
    assert_eq!(
        (&manners.reviewers[..], manners.codeowners),
        (&["ann".to_owned()][..], CodeOwners::Reviewers)
    );
    assert_eq!((&manners.assignees[..], manners.draft), (&["acme/ops".to_owned()][..], true));
    assert_eq!(
        (manners.titles, manners.onboarding, manners.dashboard),
        (TitleStyle::Conventional, false, false)
    );
    assert_eq!(policy.commits, CommitPolicy { signoff: true, signed: true });
    assert_eq!(
        policy.approval,
        ApprovalPolicy {
            above_ratio: Some(0.5),
            above_increase: Some(2.0),
            above_decrease: Some(0.3),
            above_monthly: Some(Money(500.into())),
            approvers: 2,
            label: "yes-please".to_owned(),
        }
    );
    assert_eq!(
        policy.auto_merge,
        AutoMergePolicy {
            enabled: true,
            environments: BTreeSet::from([Environment::Dev, Environment::Staging]),
            max_change: 0.1,
            min_confidence: 0.95,
            max_risk: Risk::Medium,
            require_status: BTreeSet::from(["ci".to_owned()]),
        }
    );
    assert_eq!(
        policy.rollout,
        RolloutPolicy {
            order: BTreeSet::from([Environment::Dev, Environment::Prod]),
            soak_seconds: 2 * 86_400,
            waves: vec!["canary".to_owned(), "eu-*".to_owned()],
        }
    );
    assert_eq!(
        policy.watch,
        WatchPolicy {
            soak_seconds: 3 * 86_400,
            freeze_seconds: 7 * 86_400,
            revert: RevertMode::AutoMerge,
            oom_kills: Some(2),
            throttled_points: Some(10),
            slo_promql: Some("avg(up)".to_owned()),
            slo_min: 0.9,
        }
    );
    let to = vec!["ops".to_owned()];
    assert_eq!(policy.notifications, NotificationPolicy { enabled: false, least: Severity::Critical, to });
    assert!(!policy.reasoning);
    assert_eq!(policy.set_by["watch.slo.promql"], ".kubeopt.yaml:6");
}

#[test]
fn a_namespace_can_have_a_confidence_approvals_and_a_watch_of_its_own() {
    let far = operator(
        "changes: {minConfidence: 0.5}\noverrides:\n- match: {namespace: pay*}\n  changes: {minConfidence: 0.95}\n  \
         approval: {large: {aboveRatio: 10%, approvers: 2}}\n  autoMerge: {enabled: false}\n  watch: {soak: 7d}",
    );
    let near = repository(".kubeopt.yaml", "changes: {minConfidence: 0.1}\nautoMerge: {enabled: true}");
    let ask = |namespace: &str| {
        let layers = [far.clone(), near.clone()];
        let policy = ask(&layers, "apps/api.yaml", namespace, WorkloadKind::Deployment, "web");
        let soak = policy.watch.soak_seconds / 86_400;
        (policy.changes.min_confidence, policy.approval.approvers, policy.auto_merge.enabled, soak)
    };
    assert_eq!(ask("payments"), (0.95, 2, false, 7));
    assert_eq!(ask("web"), (0.5, 1, true, 1));
}

#[test]
fn guardrails_take_the_most_restrictive_layer_whatever_the_order() {
    let strict = operator("changes: {maxDecrease: 40%}\nsizing: {cpu: {floor: 50m}, memory: {ceiling: 1Gi}}");
    let loose = repository(
        ".kubeopt.yaml",
        "changes: {maxDecrease: 90%}\nsizing: {cpu: {floor: 5m}, memory: {ceiling: 4Gi}}",
    );
    for layers in [[strict.clone(), loose.clone()], [loose, strict]] {
        let policy = policy(&layers);
        assert_eq!(policy.changes.max_decrease, 0.4);
        assert_eq!(
            (policy.sizing.cpu_floor, policy.sizing.memory_ceiling),
            (MilliCores(50), Some(Bytes::mebi(1024)))
        );
        assert_eq!(policy.set_by["changes.maxDecrease"], "kubeopt.yaml:2");
    }
}

#[test]
fn of_several_words_on_shared_bases_the_most_careful_counts() {
    let says = |word: &str, path: &str| repository(path, &format!("changes: {{sharedBase: {word}}}"));
    for (far, near, counts, by) in [
        ("edit-base", "overlay-patch", SharedBase::OverlayPatch, "apps/.kubeopt.yaml:1"),
        ("ask", "edit-base", SharedBase::Ask, ".kubeopt.yaml:1"),
        ("overlay-patch", "ask", SharedBase::Ask, "apps/.kubeopt.yaml:1"),
        ("overlay-patch", "edit-base", SharedBase::OverlayPatch, ".kubeopt.yaml:1"),
    ] {
        let policy = policy(&[says(far, ".kubeopt.yaml"), says(near, "apps/.kubeopt.yaml")]);
        assert_eq!(policy.changes.shared_base, counts, "{far}, {near}");
        assert_eq!(policy.set_by["changes.sharedBase"], by, "{far}, {near}");
    }
    let one = repository(
        ".kubeopt.yaml",
        "changes: {sharedBase: ask}\noverrides: [{match: {namespace: payments}, changes: {sharedBase: edit-base}}]",
    );
    assert_eq!(policy(&[one]).changes.shared_base, SharedBase::EditBase, "an override of the same file");
}

#[test]
fn a_preference_takes_the_nearest_folder() {
    let root = repository(".kubeopt.yaml", "sizing: {cpu: {quantile: 0.9}}");
    let near = repository("apps/payments/.kubeopt.yaml", "sizing: {cpu: {quantile: 0.99}}");
    let elsewhere = repository("apps/web/.kubeopt.yaml", "enabled: false\nsizing: {cpu: {quantile: 0.5}}");
    let policy = policy(&[root, near, elsewhere]);
    assert_eq!(policy.sizing.cpu_quantile, 0.99);
    assert_eq!(policy.set_by["sizing.cpu.quantile"], "apps/payments/.kubeopt.yaml:1");
    assert!(policy.enabled, "a file of another folder says nothing here");
}

#[test]
fn the_operator_decides_which_preferences_a_repository_sets() {
    let repository = repository(".kubeopt.yaml", "sizing: {cpu: {quantile: 0.5, margin: 0%}, history: 14d}");
    let allowing =
        |list: &str| operator(&format!("sizing: {{cpu: {{quantile: 0.99}}}}\nallowedOverrides: {list}"));
    let quantile = |layer: Layer| {
        let policy = policy(&[layer, repository.clone()]);
        (policy.sizing.cpu_quantile, policy.sizing.cpu_margin, policy.sizing.history_seconds / 86_400)
    };
    assert_eq!(quantile(allowing("[]")), (0.99, 0.15, 28));
    assert_eq!(quantile(allowing("[sizing.cpu.margin]")), (0.99, 0.0, 28));
    assert_eq!(quantile(allowing("[sizing.cpu]")), (0.5, 0.0, 28));
    assert_eq!(quantile(allowing("[\"*\"]")), (0.5, 0.0, 14));
    assert_eq!(quantile(operator("sizing: {cpu: {quantile: 0.99}}")), (0.5, 0.0, 14));
}

#[test]
fn within_one_file_overrides_come_before_own_keys_before_the_preset() {
    let layer = repository(
        ".kubeopt.yaml",
        "extends: kubeopt:careful\nchanges: {maxDecrease: 60%}\noverrides:\n\
         - match: {namespace: pay*}\n  changes: {maxDecrease: 80%}\n\
         - match: {kind: sts}\n  changes: {maxDecrease: 10%}\n",
    );
    let payments = policy(std::slice::from_ref(&layer));
    assert_eq!((payments.changes.max_decrease, payments.changes.max_increase), (0.8, 1.0));
    assert_eq!(payments.set_by["changes.maxDecrease"], ".kubeopt.yaml:5");
    assert_eq!(payments.set_by["changes.maxIncrease"], "kubeopt:careful (.kubeopt.yaml:1)");
    let other = ask(std::slice::from_ref(&layer), "a.yaml", "web", WorkloadKind::Deployment, "web");
    assert_eq!(other.changes.max_decrease, 0.6);
    let both = ask(&[layer], "a.yaml", "payments", WorkloadKind::StatefulSet, "web");
    assert_eq!(both.changes.max_decrease, 0.1, "of several overrides the last one counts");
}

#[test]
fn selectors_and_exclusions_of_all_layers_count() {
    for (text, enabled) in [
        ("selectors: {namespaces: [pay*], kinds: [deploy]}", true),
        ("selectors: {namespaces: [pay*], kinds: [sts]}", false),
        ("selectors: {paths: [\"payments/**\"]}", true),
        ("selectors: {paths: [\"apps/payments/**\"]}", false),
        ("selectors: {labels: {app: web}}", true),
        ("selectors: {labels: {app: web, tier: a}}", false),
        ("exclude: {namespaces: [kube-system]}", true),
        ("exclude: {namespaces: [payments], kinds: [sts]}", false),
        ("exclude: {labels: {app: web}}", false),
        ("overrides: [{match: {labels: {app: web}, name: api}, enabled: false}]", false),
        ("overrides: [{match: {labels: {app: web}, name: db}, enabled: false}]", true),
        ("enabled: false\noverrides: [{match: {namespace: payments}, enabled: true}]", true),
    ] {
        let near = repository("apps/.kubeopt.yaml", text);
        assert_eq!(policy(std::slice::from_ref(&near)).enabled, enabled, "{text}");
        let far = operator("enabled: false");
        assert!(
            !policy(&[far, near]).enabled,
            "{text}: no repository switches on what the operator switched off"
        );
    }
    let by = policy(&[repository(".kubeopt.yaml", "\nexclude: {namespaces: [payments]}")]).set_by["enabled"]
        .clone();
    assert_eq!(by, "`exclude` of .kubeopt.yaml:2");
}

#[test]
fn blackouts_add_up() {
    let night = "blackouts: [{cron: 0 22 * * *, duration: 8h, timezone: Europe/Berlin, reason: night}]";
    let policy = policy(&[
        operator(night),
        repository(".kubeopt.yaml", "blackouts: [{cron: 0 0 * * 6, duration: 2d}]"),
    ]);
    let seen: Vec<_> =
        policy.blackouts.iter().map(|b| (b.seconds, b.timezone.as_str(), b.reason.as_deref())).collect();
    assert_eq!(seen, [(28_800, "Europe/Berlin", Some("night")), (172_800, "UTC", None)]);
    assert_eq!(policy.set_by["blackouts[1]"], ".kubeopt.yaml:1");
}

#[test]
fn silences_of_all_layers_count_for_the_workloads_that_they_match_and_name_their_line() {
    let layers = [
        operator(
            "findings:\n  silences:\n  - {to: 2026-12-01, reason: move}\nallowedOverrides: [findings.silences]",
        ),
        repository(
            ".kubeopt.yaml",
            "findings:\n  silences:\n  - {match: {namespace: pay*}, kinds: [leak], cron: 0 22 * * SAT, duration: 4h, timezone: Europe/Berlin, reason: load}\n  - {match: {name: other}, from: 2026-12-01, reason: no}\n",
        ),
    ];
    let found = policy(&layers).findings;
    assert_eq!((found.enabled, found.min_severity), (true, kubeopt_model::finding::Severity::Medium));
    let shown: Vec<_> = found.silences.iter().map(|one| (one.reason.as_str(), one.by.as_str())).collect();
    assert_eq!(shown, [("move", "kubeopt.yaml:4"), ("load", ".kubeopt.yaml:3")]);
    assert_eq!(found.silences[1].kinds, [kubeopt_model::finding::Kind::Leak]);
    for list in ["[findings.minSeverity]", "[sizing]"] {
        let banning = [operator(&format!("allowedOverrides: {list}")), layers[1].clone()];
        assert_eq!(policy(&banning).findings.silences, [], "{list}");
        let problems = not_allowed(&banning[..1], &banning[1]);
        let text = "`findings.silences` is not taken: `allowedOverrides` of kubeopt.yaml:2 does not hold it";
        assert_eq!(problems.iter().map(|problem| problem.text.as_str()).collect::<Vec<_>>(), [text]);
    }
    assert_eq!(policy(&layers[1..]).findings.silences, [], "not by default either");
    let repository = [repository(".kubeopt.yaml", "findings: {minSeverity: low, enabled: false}")];
    assert_eq!(policy(&repository), EffectivePolicy::default(), "the operator says who may set preferences");
    let allowed = [operator("allowedOverrides: [findings]"), repository[0].clone()];
    let found = policy(&allowed).findings;
    assert_eq!((found.enabled, found.min_severity), (false, kubeopt_model::finding::Severity::Low));
}

#[test]
fn policy_files_are_looked_for_from_the_root_to_the_folder() {
    let paths = policy_paths(&RepoPath::new("apps/payments/api.yaml").unwrap());
    let paths: Vec<&str> = paths.iter().map(RepoPath::as_str).collect();
    assert_eq!(paths, [".kubeopt.yaml", "apps/.kubeopt.yaml", "apps/payments/.kubeopt.yaml"]);
}

prop_compose! {
    fn some_layer()(
        enabled in prop::option::of(any::<bool>()),
        increase in prop::option::of(1_u32..500),
        decrease in prop::option::of(0_u32..99),
        floor in prop::option::of(1_u32..1000),
        ceiling in prop::option::of(1000_u32..9000),
        coverage in prop::option::of(0_u32..100),
        open in prop::option::of(0_u32..20),
        excluded in any::<bool>(),
        blackout in any::<bool>(),
        careful in any::<bool>(),
    ) -> Layer {
        let line = |key: &str, value: Option<String>| value.map_or(String::new(), |value| format!("{key}: {value}\n"));
        let text = [
            line("extends", careful.then(|| "kubeopt:careful".to_owned())),
            line("enabled", enabled.map(|value| value.to_string())),
            line("exclude", excluded.then(|| "{namespaces: [payments]}".to_owned())),
            line("blackouts", blackout.then(|| "[{cron: 0 0 * * *, duration: 1h}]".to_owned())),
            line("pullRequests", open.map(|value| format!("{{maxOpen: {value}}}"))),
            "sizing:\n".to_owned(),
            line("  minCoverage", coverage.map(|value| format!("{value}%"))),
            "  cpu:\n".to_owned(),
            line("    floor", floor.map(|value| format!("{value}m"))),
            line("    ceiling", ceiling.map(|value| format!("{value}m"))),
            "changes:\n".to_owned(),
            line("  maxIncrease", increase.map(|value| format!("{value}%"))),
            line("  maxDecrease", decrease.map(|value| format!("{value}%"))),
        ].concat();
        repository(".kubeopt.yaml", &text)
    }
}

proptest! {
    #[test]
    fn another_layer_never_loosens_a_guardrail_that_a_layer_has_set(
        layers in prop::collection::vec(some_layer(), 1..4),
        another in some_layer(),
        at in 0_usize..4,
    ) {
        let before = policy(&layers);
        let mut more = layers.clone();
        more.insert(at.min(layers.len()), another);
        let after = policy(&more);
        let set = |key: &str| before.set_by.contains_key(key);
        prop_assert!(before.enabled || !after.enabled);
        prop_assert!(!set("changes.maxIncrease") || after.changes.max_increase <= before.changes.max_increase);
        prop_assert!(!set("changes.maxDecrease") || after.changes.max_decrease <= before.changes.max_decrease);
        prop_assert!(!set("sizing.cpu.floor") || after.sizing.cpu_floor >= before.sizing.cpu_floor);
        prop_assert!(!set("sizing.cpu.ceiling") || after.sizing.cpu_ceiling <= before.sizing.cpu_ceiling);
        prop_assert!(!set("sizing.minCoverage") || after.sizing.min_coverage >= before.sizing.min_coverage);
        prop_assert!(!set("pullRequests.maxOpen") || after.pull_requests.max_open <= before.pull_requests.max_open);
        prop_assert!(after.blackouts.len() >= before.blackouts.len());
    }
}
