//! Tests of what the cache keeps: quotas, and old commits that go.

use kubeopt_model::Bytes;

use super::tests::{Served, client, remote, served};
use super::*;
use crate::fixture::{bare, commit, noise, repository_id, texts};

/// So many are 100 kB of text and some 57 kB of pack.
const LINES: u32 = 2_500;

fn limited(limits: StoreLimits) -> Served {
    let mut served = served();
    served.store = GitStore::open(&served.store.dir).unwrap().with_limits(limits);
    served
}

fn quota(bytes: u64) -> StoreLimits {
    StoreLimits { repository: Bytes(bytes), ..StoreLimits::default() }
}

fn folders(store: &GitStore) -> Vec<String> {
    let entries = std::fs::read_dir(&store.dir).unwrap().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn packs(store: &GitStore) -> usize {
    let mut packs = 0;
    for home in std::fs::read_dir(&store.dir).unwrap().flatten() {
        for generation in std::fs::read_dir(home.path()).unwrap().flatten() {
            let files = std::fs::read_dir(generation.path().join("objects/pack")).unwrap().flatten();
            packs += files.filter(|file| file.path().extension().is_some_and(|e| e == "pack")).count();
        }
    }
    packs
}

#[tokio::test]
async fn a_repository_over_its_quota_is_refused_and_removed_and_others_stay() {
    let served = limited(quota(30_000));
    let small = bare(&served.dir.path().join("small.git"));
    commit(&small, "main", &[("a.yaml", "a: 1\n")]);
    let url = served.server.url.join("/small.git").unwrap();
    let id = RepositoryId { name: "small".to_owned(), ..repository_id() };
    let other = Remote { id, location: Location::Http { url: url.clone(), client: client(&url) } };
    let kept = served.store.fetch(&other, None).await.unwrap();

    commit(&served.origin, "main", &[("big.txt", &noise(0, LINES))]);
    let error = served.store.fetch(&remote(&served.server.url), None).await.unwrap_err();
    assert_eq!(error.code(), crate::codes::OVER_QUOTA);
    assert!(!error.is_transient());
    let problem = error.problem();
    assert!(problem.text.contains("30000") && problem.text.contains("`store.gitRepositoryMax`"), "{problem}");
    assert!(problem.help.contains("split it, or raise the limit in kubeopt.yaml"), "{problem}");
    let left = folders(&served.store);
    assert!(left.len() == 1 && left[0].starts_with("small-"), "{left:?}");
    assert_eq!(texts(&kept), [("a.yaml".to_owned(), "a: 1\n".to_owned())]);
}

#[tokio::test]
async fn a_pack_over_its_limit_is_refused_and_names_the_other_key() {
    let limits = StoreLimits { pack: Bytes(20_000), ..StoreLimits::default() };
    let served = limited(limits);
    commit(&served.origin, "main", &[("big.txt", &noise(0, LINES))]);
    let error = served.store.fetch(&remote(&served.server.url), None).await.unwrap_err();
    assert_eq!(error.code(), crate::codes::OVER_QUOTA);
    assert!(error.to_string().contains("20000, the limit `store.gitPackMax`"), "{error}");
    assert_eq!(folders(&served.store), Vec::<String>::new());
}

#[tokio::test]
async fn what_was_refused_is_not_fetched_again_until_it_changes() {
    let served = limited(quota(30_000));
    let remote = remote(&served.server.url);
    commit(&served.origin, "main", &[("big.txt", &noise(0, LINES)), ("a.yaml", "a: 1\n")]);
    let first = served.store.fetch(&remote, None).await.unwrap_err();
    let asked = served.server.count();
    assert_eq!(served.store.fetch(&remote, None).await.unwrap_err(), first);
    assert_eq!(served.server.count() - asked, 2, "where the branch is, and no pack");
    commit(&served.origin, "main", &[("big.txt", "")]);
    let changed = served.store.fetch(&remote, None).await.unwrap();
    assert_eq!(texts(&changed)[0], ("a.yaml".to_owned(), "a: 1\n".to_owned()));
}

#[tokio::test]
async fn old_commits_go_before_a_repository_is_refused() {
    let served = limited(quota(160_000));
    let remote = remote(&served.server.url);
    for round in 0..8 {
        let text = noise(round * LINES, LINES);
        commit(&served.origin, "main", &[("big.txt", &text)]);
        let snapshot = served.store.fetch(&remote, None).await.unwrap();
        assert_eq!(texts(&snapshot), [("big.txt".to_owned(), text)], "round {round}");
        assert!(cache::bytes_below(&served.store.dir) <= 160_000, "round {round}");
    }
    assert_eq!(folders(&served.store).len(), 1);
}

#[tokio::test]
async fn a_limit_that_was_lowered_holds_for_what_is_there() {
    let served = limited(quota(160_000));
    let remote = remote(&served.server.url);
    commit(&served.origin, "main", &[("big.txt", &noise(0, LINES))]);
    served.store.fetch(&remote, None).await.unwrap();
    let lowered = GitStore::open(&served.store.dir).unwrap().with_limits(quota(30_000));
    let error = lowered.fetch(&remote, None).await.unwrap_err();
    assert_eq!(error.code(), crate::codes::OVER_QUOTA);
    assert_eq!(folders(&lowered), Vec::<String>::new());
}

#[tokio::test]
async fn a_year_of_commits_leaves_no_more_than_two_generations_of_packs() {
    let served = served();
    let remote = remote(&served.server.url);
    let mut generations = 0;
    for day in 0..85 {
        commit(&served.origin, "main", &[("a.yaml", &format!("day: {day}\n"))]);
        let snapshot = served.store.fetch(&remote, None).await.unwrap();
        assert_eq!(texts(&snapshot)[0].1, format!("day: {day}\n"));
        let home = std::fs::read_dir(&served.store.dir).unwrap().flatten().next().unwrap().path();
        generations = std::fs::read_dir(home).unwrap().count();
        assert!(generations <= 2 && packs(&served.store) <= 80, "day {day}");
    }
    // The third generation has begun on day 80, and the first is gone.
    assert_eq!((generations, packs(&served.store)), (2, 45));
}
