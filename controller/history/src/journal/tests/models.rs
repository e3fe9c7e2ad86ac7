//! Models and rounds: what every journal does with them.

use super::*;

fn version(number: u64, state: &str) -> VersionRecord {
    VersionRecord {
        version: number,
        sha256: format!("{number:064}"),
        at_unix_s: 100,
        detail: json!({"state": state}),
    }
}

fn round(number: u64, state: &str) -> RoundRecord {
    RoundRecord { round: number, at_unix_s: 200, detail: json!({"state": state}) }
}

fn upload(node: &str) -> UploadRecord {
    UploadRecord {
        round: 1,
        node: node.into(),
        nonce: "00ff".into(),
        at_unix_s: 210,
        detail: json!({"windows": 40}),
        delta: vec![0, 255, 7, 0],
    }
}

/// What is written is all there or not at all, and nothing is lost between two who write.
pub(super) async fn models_change_as_one(journal: &dyn Journal) {
    let none = journal.models().await.unwrap();
    assert_eq!((none.revision, none.detail, none.versions.len()), (0, json!(null), 0));
    let first = ModelsChange {
        detail: Some(json!({"inUse": 1})),
        new_versions: vec![(version(1, "full"), vec![1, 2, 3]), (version(2, "canary"), vec![0; 40_000])],
        events: vec![event("m1", 100, "model 1")],
        ..ModelsChange::default()
    };
    assert!(journal.change_models(&first).await.unwrap());
    assert!(!journal.change_models(&first).await.unwrap(), "the second who has read the same writes nothing");
    let changed = ModelsChange {
        revision: 1,
        versions: vec![version(2, "full")],
        round: Some(round(1, "open")),
        upload: Some(upload("node-b'); DROP TABLE model_version; --")),
        ..ModelsChange::default()
    };
    assert!(journal.change_models(&changed).await.unwrap());
    let again = ModelsChange { revision: 2, round: Some(round(1, "twice")), ..changed.clone() };
    assert!(!journal.change_models(&again).await.unwrap(), "a node sends once");
    let more = ModelsChange { revision: 2, upload: Some(upload("a")), ..ModelsChange::default() };
    assert!(journal.change_models(&more).await.unwrap());
    let kept = journal.models().await.unwrap();
    assert_eq!((kept.revision, kept.detail), (3, json!({"inUse": 1})));
    assert_eq!(kept.versions, [version(1, "full"), version(2, "full")]);
    assert_eq!(kept.rounds, [round(1, "open")]);
    assert_eq!(journal.uploads(1).await.unwrap(), [upload("a"), changed.upload.unwrap()]);
    assert_eq!(journal.model_weights(2).await.unwrap().map(|bytes| bytes.len()), Some(40_000));
    let subject = EventFilter { subject: Some("model 1".into()), ..EventFilter::default() };
    assert_eq!(journal.events(&subject).await.unwrap().len(), 1);

    let over = ModelsChange {
        revision: 3,
        forgotten: vec![1],
        round: Some(round(u64::from(ROUNDS_MAX) + 1, "accepted")),
        ended: Some(1),
        ..ModelsChange::default()
    };
    assert!(journal.change_models(&over).await.unwrap());
    let kept = journal.models().await.unwrap();
    assert_eq!((kept.versions.len(), kept.rounds.len()), (1, 1), "what is kept is bounded");
    assert_eq!(journal.model_weights(1).await.unwrap(), None);
    assert!(journal.uploads(1).await.unwrap().is_empty());
}
