//! What is unusual in usage is found once, told once, kept over restarts, held against raises, silenced by policies, and over
//! when it is mended.

use async_trait::async_trait;
use kubeopt_api::{Config, PolicyFile};
use kubeopt_findings::Turn;
use kubeopt_history::EventFilter;
use kubeopt_model::finding::{Kind, Severity};
use kubeopt_model::quantity::MIB;
use kubeopt_model::usage::{OomKill, Signal, UsageSeries};
use kubeopt_model::{Bytes, ClusterFacts, Finding, Problem, Timestamp};
use kubeopt_notify::{NoticeKind, NoticeState};
use kubeopt_observe::{RecordedMetrics, STEP_S};
use kubeopt_runtime::PassReport;
use kubeopt_runtime::edges::{Edges, FactsSource};
use kubeopt_runtime::explain::explain;
use kubeopt_runtime::finding::get_findings;
use kubeopt_runtime::noticing::{Standing, notices};

use crate::apps::{API, App, DAY_S, HISTORY_S, NOW_S, WEB, quiet_bytes, quiet_millicores};
use crate::world::World;

const HOUR_S: i64 = 3600;

/// It leaks in the namespace of the one that is sized.
const CACHE: App = App { name: "cache", ..API };

/// A cache whose memory grows by 8 MiB an hour since 30 hours before the first pass, up to `mended_unix_s`.
fn leaking(at: i64, mended_unix_s: i64) -> f64 {
    let hours = (at - (NOW_S - 30 * HOUR_S)).max(0) as f64 / 3600.0;
    let grown = if at < mended_unix_s { hours * 8.0 * MIB as f64 } else { 0.0 };
    quiet_bytes(at) * 2.2 + grown
}

fn usage(mended_unix_s: i64) -> RecordedMetrics {
    let steps = || (NOW_S - HISTORY_S..NOW_S + 4 * DAY_S).step_by(STEP_S as usize);
    let series = |app: App, signal, value: &dyn Fn(i64) -> f64| UsageSeries {
        container: app.container(),
        pod: app.pod_name(),
        signal,
        points: steps().map(|at| (at, value(at))).collect(),
    };
    let mut all = Vec::new();
    for app in [API, WEB, CACHE] {
        all.push(series(app, Signal::CpuMillicores, &quiet_millicores));
        let memory = |at| if app.name == CACHE.name { leaking(at, mended_unix_s) } else { quiet_bytes(at) };
        all.push(series(app, Signal::MemoryBytes, &memory));
    }
    RecordedMetrics { series: all, oom_kills: vec![], gpus: Vec::new() }
}

/// A leak without a limit is the least severity; here people want to know of it.
const ALL: &str = "findings: {minSeverity: low}\n";

async fn controller(world: &World) -> Edges {
    let policy = format!("{ALL}  allowedOverrides: [sizing, pullRequests, findings]\n");
    Edges { operator_policy: operator(&policy), ..world.controller("a").await }
}

async fn world() -> World {
    let world = World::of(&[API, WEB, CACHE]).await;
    world.metrics["prod"].set(usage(i64::MAX));
    world
}

/// An API server that does not answer.
struct Unreachable;

#[async_trait]
impl FactsSource for Unreachable {
    async fn facts(&self) -> Result<ClusterFacts, Problem> {
        Err(Problem::new("E-CLU-001", "the cluster does not answer", "look at its API server"))
    }
}

fn turns(report: &PassReport) -> Vec<(Turn, Kind)> {
    report.seen.findings.news.iter().map(|news| (news.turn, news.finding.kind())).collect()
}

fn leak(report: &PassReport) -> Option<&Finding> {
    report.seen.findings.open.iter().find(|finding| finding.kind() == Kind::Leak)
}

async fn table(kubeopt: &Edges, with_resolved: bool, now: Timestamp) -> Vec<(String, String)> {
    let table = get_findings(kubeopt, Severity::Low, with_resolved, now).await.unwrap();
    table.rows.into_iter().map(|row| (row.container, row.state.to_owned())).collect()
}

#[tokio::test]
async fn a_leak_is_told_once_over_restarts_is_in_the_pull_request_beside_it_and_is_over_when_mended() {
    let world = world().await;
    let kubeopt = controller(&world).await;
    let first = world.pass(&kubeopt).await;
    assert_eq!(turns(&first), [(Turn::Opened, Kind::Leak)], "{:#?}", first.seen.findings);
    let found = leak(&first).unwrap();
    assert_eq!(found.container, CACHE.container());
    let body = world.the_open_one(&API).await.body;
    let noticed = body.split("**Noticed:**").nth(1).unwrap_or_else(|| panic!("{body}"));
    let line = noticed.lines().nth(1).unwrap();
    assert!(line.contains("payments/deploy/cache/main") && line.contains("leak suspected"), "{line}");
    let beside: Vec<_> = world.pulls_of(&WEB).await.iter().map(|pull| pull.body.clone()).collect();
    assert!(beside.iter().all(|body| !body.contains("leak suspected")), "of another namespace");

    let again = world.pass(&kubeopt).await;
    assert_eq!((turns(&again), again.seen.findings.open.clone()), (vec![], first.seen.findings.open.clone()));
    assert_eq!(world.the_open_one(&API).await.body, body, "nothing is written anew");
    drop(kubeopt);
    let kubeopt = controller(&world).await;
    let after = world.pass(&kubeopt).await;
    assert_eq!((turns(&after), after.seen.findings.open.clone()), (vec![], first.seen.findings.open.clone()));
    assert_eq!(
        table(&kubeopt, true, world.now()).await,
        [("payments/deploy/cache/main".to_owned(), "open".to_owned())]
    );

    world.metrics["prod"].set(usage(NOW_S + HOUR_S));
    world.advance(DAY_S);
    let mended = world.pass(&kubeopt).await;
    assert_eq!(turns(&mended), [(Turn::Resolved, Kind::Leak)], "{:#?}", mended.seen.findings.open);
    assert_eq!(
        table(&kubeopt, true, world.now()).await,
        [("payments/deploy/cache/main".to_owned(), "resolved".to_owned())]
    );
    assert_eq!(table(&kubeopt, false, world.now()).await, []);
    let filter = EventFilter { subject: Some(CACHE.id().to_string()), ..EventFilter::default() };
    let events: Vec<String> =
        kubeopt.journal.events(&filter).await.unwrap().into_iter().map(|event| event.kind).collect();
    assert_eq!(events, ["finding-resolved", "finding-opened"]);
}

#[tokio::test]
async fn a_leak_is_told_outside_the_forge_when_it_opens_and_when_it_is_over() {
    let world = world().await;
    let kubeopt = controller(&world).await;
    let home = kubeopt_model::ClusterName::new("prod").unwrap();
    let mut told = Standing::default();
    let mut of_findings = async || {
        let report = world.pass(&kubeopt).await;
        let news = told.news(notices(&report, kubeopt.operator_policy.as_ref(), &home), report.at);
        let own = news.into_iter().filter(|one| one.notice.kind == NoticeKind::Finding);
        own.map(|one| one.notice).collect::<Vec<_>>()
    };
    let opened = of_findings().await;
    assert_eq!(opened.len(), 1);
    assert_eq!(opened[0].state, NoticeState::Raised);
    assert!(opened[0].title.contains("payments/deploy/cache/main"), "{}", opened[0].title);
    assert!(opened[0].text.contains("MB/h since"), "{}", opened[0].text);
    assert_eq!(of_findings().await, []);
    world.metrics["prod"].set(usage(NOW_S + HOUR_S));
    world.advance(DAY_S);
    let over = of_findings().await;
    assert_eq!((over.len(), over[0].state, &over[0].key), (1, NoticeState::Resolved, &opened[0].key));
}

#[tokio::test]
async fn what_was_found_in_a_cluster_is_over_where_it_is_not_configured_any_more_and_not_where_it_is_silent()
{
    let world = world().await;
    let mut kubeopt = controller(&world).await;
    world.pass(&kubeopt).await;
    kubeopt.clusters[0].facts = Box::new(Unreachable);
    let silent = world.pass(&kubeopt).await;
    assert_eq!((turns(&silent), silent.seen.findings.open.len()), (vec![], 1));
    kubeopt.clusters.clear();
    let gone = world.pass(&kubeopt).await;
    assert_eq!((turns(&gone), leak(&gone)), (vec![(Turn::Resolved, Kind::Leak)], None));
    assert_eq!(turns(&world.pass(&kubeopt).await), []);
}

/// The cache asks for less than it uses: without the leak it would get more.
async fn too_small() -> World {
    let world = world().await;
    let manifest = CACHE.manifest(("400m", "256Mi"));
    world.commit(CACHE.repository, &CACHE.path(), &manifest).await;
    world.apply().await;
    world
}

#[tokio::test]
async fn a_leak_stops_memory_from_being_raised_and_a_kill_does_not_let_it() {
    let world = too_small().await;
    let kubeopt = controller(&world).await;
    let report = world.pass(&kubeopt).await;
    let memory = |report: &PassReport| {
        let mut all = report.decided.admitted.iter().flat_map(|one| &one.recommendation.members);
        all.find(|member| member.container == CACHE.container())
            .and_then(|member| member.resources.after.requests.memory)
    };
    assert_eq!(memory(&report), Some(Bytes::mebi(256)));
    let body = world.the_open_one(&API).await.body;
    assert!(body.contains("Memory stays as it is"), "{body}");
    let mut reasons = report.decided.admitted.iter().flat_map(|one| &one.recommendation.reasons);
    let held = reasons.find(|reason| reason.rule == "leak").unwrap();
    assert!(held.text.ends_with(": memory stays as it is"), "{}", held.text);

    let kill = OomKill {
        container: CACHE.container(),
        at_unix_s: world.now().as_second() + HOUR_S / 2,
        limit: Some(Bytes::mebi(512)),
    };
    world.metrics["prod"].set(RecordedMetrics { oom_kills: vec![kill], ..usage(i64::MAX) });
    world.advance(HOUR_S);
    let report = world.pass(&kubeopt).await;
    assert!(memory(&report) > Some(Bytes::mebi(512)), "{:?}", memory(&report));
    assert_eq!(turns(&report), [(Turn::Opened, Kind::OutOfMemory)]);
    let body = &world.pulls_of(&CACHE).await[0].body;
    assert!(body.contains("Memory is raised to what its OOM kill asks for"), "{body}");
}

fn operator(text: &str) -> Option<PolicyFile> {
    let text = format!("policy:\n  pullRequests: {{onboarding: false}}\n  {text}");
    Config::parse(&text, "kubeopt.yaml", kubeopt_policy::PRESETS).unwrap().policy
}

#[tokio::test]
async fn what_a_repository_silences_is_shown_as_such_and_told_nowhere_else_until_the_silence_ends() {
    let world = too_small().await;
    let until = (world.now() + std::time::Duration::from_secs(2 * 3600)).to_string();
    let silence = format!(
        "findings: {{silences: [{{match: {{name: cache}}, kinds: [leak], to: {until}, reason: \"a | migration\"}}]}}\n"
    );
    world.commit(CACHE.repository, "apps/api/.kubeopt.yaml", &silence).await;
    let kubeopt = controller(&world).await;
    let report = world.pass(&kubeopt).await;
    assert_eq!(turns(&report), []);
    let why = leak(&report).unwrap().silenced.clone().unwrap();
    assert_eq!((why.reason.as_str(), why.by.as_str()), ("a | migration", "apps/api/.kubeopt.yaml:1"));
    assert!(world.the_open_one(&API).await.body.find("leak suspected").is_none());
    assert_eq!(table(&kubeopt, false, world.now()).await[0].1, "silenced");
    let explained = explain(&kubeopt, &"payments/deploy/cache".parse().unwrap(), world.now()).await.unwrap();
    assert_eq!(explained.findings[0].silenced, Some(why));
    world.advance(3 * HOUR_S);
    let report = world.pass(&kubeopt).await;
    assert_eq!(turns(&report), [(Turn::Opened, Kind::Leak)]);
    assert!(world.the_open_one(&API).await.body.contains("leak suspected"));
}

#[tokio::test]
async fn a_policy_file_that_is_wrong_or_may_not_silence_leaves_what_the_operator_says() {
    for text in [
        "findings: {silences: [{to: 2099-01-01, reason: for ever}]}\n",
        "findings: {minSeverity: [}\n",
        "findings: {enabled: false}\n",
    ] {
        let world = world().await;
        world.commit(CACHE.repository, "apps/api/.kubeopt.yaml", text).await;
        let kubeopt = Edges { operator_policy: operator(ALL), ..world.controller("a").await };
        let report = world.pass(&kubeopt).await;
        assert_eq!(turns(&report), [(Turn::Opened, Kind::Leak)], "{text}");
    }
}

#[tokio::test]
async fn the_policy_says_from_which_severity_on_people_are_told_and_whether_anything_is_looked_for() {
    let world = world().await;
    let mut kubeopt = controller(&world).await;
    for (policy, open) in [("findings: {minSeverity: critical}\n", 1), ("findings: {enabled: false}\n", 0)] {
        kubeopt.operator_policy = operator(policy);
        let report = world.pass(&kubeopt).await;
        assert_eq!((turns(&report).len(), report.seen.findings.open.len()), (0, open), "{policy}");
    }
    kubeopt.operator_policy = operator(ALL);
    assert_eq!(turns(&world.pass(&kubeopt).await).len(), 1);
}

#[tokio::test]
async fn nothing_is_over_because_a_source_of_usage_did_not_answer() {
    let world = world().await;
    let kubeopt = controller(&world).await;
    world.pass(&kubeopt).await;
    let played = crate::prometheus::Played::of(&[API, WEB, CACHE], crate::prometheus::Mood::Slow).await;
    world.metrics["prod"].set(played.source());
    world.advance(2 * DAY_S);
    let blind = world.pass(&kubeopt).await;
    assert_eq!((turns(&blind), blind.seen.findings.open.len()), (vec![], 1));
}
