//! What becomes of notices over several passes.

use super::*;

fn home() -> ClusterName {
    ClusterName::new("prod").unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + second).unwrap()
}

fn problem(code: &str) -> Problem {
    Problem::new(code, "unable to read 12 files", "look at it")
}

fn opened(number: u64) -> Noticed {
    let home = home();
    let about = About { home: &home, at: at(0) };
    about.ended(format!("pull:acme/gitops#{number}"), format!("#{number}"), "closed")
}

fn titles(noticed: &[Noticed]) -> Vec<(String, NoticeState)> {
    noticed.iter().map(|one| (one.notice.title.clone(), one.notice.state)).collect()
}

#[test]
fn what_stands_is_told_once_and_once_more_when_it_is_over() {
    let mut standing = Standing::default();
    let broken = || failed(&problem("E-SRC-001"), at(0), &home());
    assert_eq!(standing.news(vec![broken()], at(0)).len(), 1);
    assert_eq!(standing.news(vec![broken()], at(60)), []);
    let over = standing.news(vec![], at(120));
    assert_eq!((over.len(), over[0].notice.state, over[0].notice.at), (1, NoticeState::Resolved, at(120)));
    assert_eq!(over[0].notice.severity, Severity::Error, "it passes the filters that its beginning passed");
    assert_eq!(standing.news(vec![], at(180)), []);
    assert_eq!(standing.news(vec![broken()], at(240)).len(), 1, "it is there again");
}

#[test]
fn what_happened_is_told_once_however_many_passes_find_it() {
    let mut standing = Standing::default();
    assert_eq!(titles(&standing.news(vec![opened(1), opened(2), opened(1)], at(0))).len(), 2);
    assert_eq!(standing.news(vec![opened(2), opened(3)], at(60)).len(), 1);
    assert_eq!(standing.news(vec![], at(120)), [], "and is never over");
}

#[test]
fn another_problem_of_the_same_place_is_news_and_a_failed_pass_ends_nothing() {
    let mut standing = Standing::default();
    let home = home();
    let about = About { home: &home, at: at(0) };
    let of = |code: &str| about.failure(Severity::Error, "repository:a".to_owned(), "a", &problem(code));
    assert_eq!(standing.news(vec![of("E-SRC-001")], at(0)).len(), 1);
    assert_eq!(standing.news(vec![of("E-SRC-002")], at(60)).len(), 1);
    assert!(standing.add(failed(&problem("E-HIS-001"), at(120), &home)).is_some());
    assert!(standing.add(failed(&problem("E-HIS-001"), at(180), &home)).is_none());
    let over = standing.news(vec![of("E-SRC-002")], at(240));
    assert_eq!(titles(&over), [("E-HIS-001: a whole pass".to_owned(), NoticeState::Resolved)]);
}

#[test]
fn the_same_problem_has_the_same_key_whatever_its_numbers() {
    let with = |text: &str| key_of(&Problem::new("E-X-001", text, "wait"));
    assert_eq!(with("merged 61 minutes ago"), with("merged 62 minutes ago"));
    assert_ne!(with("merged 61 minutes ago"), with("61 files are gone"));
}

#[test]
fn policies_say_who_is_told_and_from_which_severity_on() {
    let told = |least, to: &[&str], enabled| {
        let to = to.iter().map(|name| (*name).to_owned()).collect();
        let policy = NotificationPolicy { enabled, least, to };
        let noticed = Noticed { policy, ..failed(&problem("E-X-001"), at(0), &home()) };
        (noticed.is_allowed(), noticed.is_for("ops"), noticed.is_for("team"))
    };
    assert_eq!(told(LeastSeverity::Info, &[], true), (true, true, true));
    assert_eq!(told(LeastSeverity::Warning, &["ops"], true), (true, true, false));
    assert_eq!(told(LeastSeverity::Critical, &[], true), (false, true, true));
    assert!(!told(LeastSeverity::Info, &[], false).0);
}

#[test]
fn spikes_beyond_the_most_urgent_are_told_as_one_and_leaks_each() {
    use kubeopt_model::finding::Evidence;
    use kubeopt_model::{ContainerId, ContainerName, Finding, Resource};
    let workload: kubeopt_model::WorkloadId = kubeopt_model::WorkloadId {
        cluster: home(),
        namespace: kubeopt_model::Namespace::new("shop").unwrap(),
        kind: kubeopt_model::WorkloadKind::Deployment,
        name: kubeopt_model::ObjectName::new("api").unwrap(),
    };
    let news = |number: usize, evidence: Evidence| News {
        turn: Turn::Opened,
        finding: Finding {
            container: ContainerId {
                workload: workload.clone(),
                container: ContainerName::new(format!("c{number}")).unwrap(),
            },
            resource: Resource::Cpu,
            severity: FindingSeverity::High,
            since_unix_s: 1_795_000_000,
            last_unix_s: 1_795_000_000,
            evidence,
            limit: None,
            resolved_unix_s: None,
            told: None,
            silenced: None,
        },
        notifications: NotificationPolicy::default(),
    };
    let spike = Evidence::Spike { observed: 900.0, expected: 100.0, z: 7.0 };
    let leak = Evidence::Leak { bytes_per_hour: 3e6, grown_bytes: 1e8, hours: 24, eta_s: None };
    let mut all: Vec<News> = (0..50).map(|number| news(number, spike)).collect();
    all.extend((50..80).map(|number| news(number, leak)));
    let home = home();
    let told = of_findings(&all, &About { home: &home, at: at(0) });
    assert_eq!(told.len(), 30 + FINDINGS_MAX + 1);
    let last = told.last().unwrap();
    assert_eq!(last.notice.title, "30 more spikes and drifts were found at once");
    assert_eq!(last.notice.severity, Severity::Error);
}
