//! Clauses on labels, reviewers and assignees.

use super::branches::assert_not_found;
use super::fixture::{Fixture, TakeOff};
use super::made::{opened, repository};
use crate::asked::{Arranged, Asked};
use crate::forge::Forge;

pub(super) async fn labels_that_people_take_off_stay_off(forge: &dyn Forge, fixture: &dyn Fixture) {
    let repository = repository(fixture, "labelled").await;
    // Opened with the label `kubeopt`.
    let number = opened(forge, &repository, "kubeopt/labels-00000000", "l").await.number;
    let labels = async |wanted: &[&str], before: &[&str]| {
        forge.labels(&repository, number, &asked(wanted, before)).await.expect("the labels are put")
    };
    let done = labels(&["kubeopt", "rightsizing", "risk: high"], &["kubeopt"]).await;
    assert_eq!(
        done,
        arranged(&["kubeopt", "rightsizing", "risk: high"], &["kubeopt", "rightsizing", "risk: high"])
    );
    fixture.take_off(&repository, number, TakeOff::Label("risk: high")).await;
    let set = ["kubeopt", "rightsizing", "risk: high"];
    let done = labels(&set, &set).await;
    assert_eq!(done, arranged(&["kubeopt", "rightsizing"], &set), "what a person took off stays off");
    let done = labels(&["kubeopt"], &set).await;
    assert_eq!(done, arranged(&["kubeopt"], &["kubeopt"]), "what is not wanted any more is taken off");
    let done = labels(&[], &[]).await;
    assert_eq!(done, arranged(&["kubeopt"], &[]), "what others put there stays");
    let done = labels(&["", "good"], &[]).await;
    assert_eq!((done.there.len(), done.declined.len()), (2, 1));
    assert_not_found(forge.labels(&repository, 4711, &asked(&["x"], &[])).await);
}

pub(super) async fn people_are_asked_and_may_decline(forge: &dyn Forge, fixture: &dyn Fixture) {
    let repository = repository(fixture, "asked").await;
    let number = opened(forge, &repository, "kubeopt/asked-00000000", "a").await.number;
    let accounts = fixture.accounts(&repository).await;
    let (writer, other) = (accounts.writer.as_str(), repository.owner.as_str());
    let mut both = [writer, other];
    both.sort_unstable();

    let reviewers = async |wanted: &[&str], before: &[&str]| {
        forge.reviewers(&repository, number, &asked(wanted, before)).await.expect("they are asked")
    };
    assert_eq!(reviewers(&both, &[]).await, arranged(&both, &both));
    assert_eq!(reviewers(&both, &both).await, arranged(&both, &both));
    fixture.take_off(&repository, number, TakeOff::Reviewer(writer)).await;
    assert_eq!(reviewers(&both, &both).await, arranged(&[other], &both));
    assert_eq!(reviewers(&[writer], &both).await, arranged(&[], &[writer]));

    let assignees = async |wanted: &[&str], before: &[&str]| {
        forge.assignees(&repository, number, &asked(wanted, before)).await.expect("they are assigned")
    };
    assert_eq!(assignees(&both, &[]).await, arranged(&both, &both));
    fixture.take_off(&repository, number, TakeOff::Assignee(writer)).await;
    assert_eq!(assignees(&both, &both).await, arranged(&[other], &both));
    assert_eq!(assignees(&[], &both).await, arranged(&[], &[]));
}

pub(super) async fn unknown_people_keep_nothing_back(forge: &dyn Forge, fixture: &dyn Fixture) {
    let repository = repository(fixture, "unknown").await;
    let number = opened(forge, &repository, "kubeopt/unknown-00000000", "u").await.number;
    let accounts = fixture.accounts(&repository).await;
    let (writer, nobody) = (accounts.writer.as_str(), accounts.nobody.as_str());
    let wanted = asked(&[nobody, writer, "a\nb"], &[]);
    for done in [
        forge.reviewers(&repository, number, &wanted).await.expect("the others are asked"),
        forge.assignees(&repository, number, &wanted).await.expect("the others are assigned"),
    ] {
        assert_eq!(
            (done.there.as_slice(), done.set.as_slice()),
            (&[writer.to_owned()][..], &[writer.to_owned()][..])
        );
        let declined: Vec<&str> = done.declined.iter().map(|declined| declined.name.as_str()).collect();
        assert_eq!(declined, ["ab", nobody]);
        assert!(done.declined.iter().all(|declined| !declined.why.is_empty()), "{done:?}");
    }
    assert_not_found(forge.reviewers(&repository, 4711, &wanted).await);
    assert_not_found(forge.assignees(&repository, 4711, &wanted).await);
}

fn asked(wanted: &[&str], set_before: &[&str]) -> Asked {
    Asked { wanted: owned(wanted), set_before: owned(set_before) }
}

fn arranged(there: &[&str], set: &[&str]) -> Arranged {
    Arranged { there: owned(there), set: owned(set), declined: Vec::new() }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
