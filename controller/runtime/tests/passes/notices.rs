//! What people are told of passes outside the forge: each thing once, and when it is over.

use kubeopt_model::ClusterName;
use kubeopt_model::usage::OomKill;
use kubeopt_notify::{NoticeKind, NoticeState, Severity};
use kubeopt_observe::RecordedMetrics;
use kubeopt_runtime::PassReport;
use kubeopt_runtime::edges::Edges;
use kubeopt_runtime::noticing::{Noticed, Standing, notices};

use crate::apps::{API, DAY_S, SITE, WEB, quiet_millicores, recorded};
use crate::world::World;

const HOUR_S: i64 = 3600;

/// A controller's memory of what was told.
#[derive(Default)]
struct Told(Standing);

impl Told {
    fn news(&mut self, kubeopt: &Edges, report: &PassReport) -> Vec<Noticed> {
        let home = ClusterName::new("prod").unwrap();
        self.0.news(notices(report, kubeopt.operator_policy.as_ref(), &home), report.at)
    }
}

fn shown(news: &[Noticed]) -> Vec<(NoticeKind, Severity, NoticeState)> {
    news.iter().map(|one| (one.notice.kind, one.notice.severity, one.notice.state)).collect()
}

#[tokio::test]
async fn a_merge_that_does_not_arrive_is_told_once_and_that_it_did_in_the_end() {
    let world = World::of(&[API]).await;
    let kubeopt = world.controller("a").await;
    let mut told = Told::default();
    let news = told.news(&kubeopt, &world.pass(&kubeopt).await);
    assert_eq!(shown(&news), [(NoticeKind::PullRequest, Severity::Info, NoticeState::Raised)]);
    assert!(news[0].notice.title.contains("was opened: "), "{}", news[0].notice.title);
    assert_eq!(told.news(&kubeopt, &world.pass(&kubeopt).await), [], "what did not change is no news");

    let pull = world.the_open_one(&API).await;
    world.forge.merge(&API.repository_id(), pull.number, "alice").await.unwrap();
    let news = told.news(&kubeopt, &world.pass(&kubeopt).await);
    assert_eq!(shown(&news), [(NoticeKind::PullRequestEnded, Severity::Info, NoticeState::Raised)]);
    world.advance(2 * HOUR_S);
    let late = told.news(&kubeopt, &world.pass(&kubeopt).await);
    assert_eq!(shown(&late), [(NoticeKind::NotSynced, Severity::Warning, NoticeState::Raised)]);
    world.advance(HOUR_S);
    assert_eq!(told.news(&kubeopt, &world.pass(&kubeopt).await), [], "it is late still");

    world.apply().await;
    let news = shown(&told.news(&kubeopt, &world.pass(&kubeopt).await));
    let over = (NoticeKind::NotSynced, Severity::Warning, NoticeState::Resolved);
    let arrived = (NoticeKind::PullRequestEnded, Severity::Info, NoticeState::Raised);
    assert_eq!(news, [over, arrived]);
}

#[tokio::test]
async fn harm_and_the_pull_request_that_takes_it_back_are_told_with_their_numbers() {
    let world = World::of(&[API, WEB]).await;
    let kubeopt = world.controller("a").await;
    let mut told = Told::default();
    told.news(&kubeopt, &world.pass(&kubeopt).await);
    let pull = world.the_open_one(&API).await;
    world.forge.merge(&API.repository_id(), pull.number, "alice").await.unwrap();
    world.apply().await;
    told.news(&kubeopt, &world.pass(&kubeopt).await);
    let kill = |hours: i64| {
        let at_unix_s = world.now().as_second() + hours * HOUR_S;
        OomKill { container: API.container(), at_unix_s, limit: None }
    };
    let killed =
        RecordedMetrics { oom_kills: vec![kill(2), kill(3)], ..recorded(&[API, WEB], quiet_millicores) };
    world.metrics["prod"].set(killed);
    world.advance(DAY_S / 2);
    let news = told.news(&kubeopt, &world.pass(&kubeopt).await);
    let of = |severity| news.iter().find(|one| one.notice.severity == severity).map(|one| &one.notice);
    let harm = of(Severity::Critical).unwrap();
    assert_eq!(
        (harm.kind, harm.key.as_str()),
        (NoticeKind::Revert, &*format!("outcome:{}#{}", API.repository_id(), pull.number))
    );
    assert!(harm.text.contains("OOM kills 2 in "), "{}", harm.text);
    let back = of(Severity::Error).unwrap();
    assert_eq!(
        (back.kind, back.title.contains("was opened: ")),
        (NoticeKind::Revert, true),
        "{}",
        back.title
    );
    assert_eq!(told.news(&kubeopt, &world.pass(&kubeopt).await), []);
}

#[tokio::test]
async fn a_repository_that_cannot_be_read_is_told_and_the_others_go_on() {
    let world = World::of(&[API, SITE]).await;
    let kubeopt = world.controller("a").await;
    let mut told = Told::default();
    told.news(&kubeopt, &world.pass(&kubeopt).await);
    std::fs::remove_dir_all(world.forge.repository_folder(&SITE.repository_id()).unwrap()).unwrap();
    let news = told.news(&kubeopt, &world.pass(&kubeopt).await);
    let failures: Vec<_> = news.iter().filter(|one| one.notice.kind == NoticeKind::Failure).collect();
    let of_site =
        failures.iter().find(|one| one.notice.key == format!("repository:{}", SITE.repository_id()));
    let notice = &of_site.unwrap_or_else(|| panic!("{news:#?}")).notice;
    assert_eq!(notice.severity, Severity::Error);
    assert!(notice.text.contains("What to do: "), "{}", notice.text);
    assert_eq!(told.news(&kubeopt, &world.pass(&kubeopt).await), []);
}
