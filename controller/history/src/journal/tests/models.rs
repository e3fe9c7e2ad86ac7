//! Models and rounds: what every journal does with them.

use super::*;

fn weights(sha256: &str, bytes: usize) -> WeightsRecord {
    WeightsRecord { sha256: sha256.into(), at_unix_s: 100, weights: vec![7; bytes] }
}

fn round(number: u64, state: &str) -> RoundRecord {
    RoundRecord { round: number, at_unix_s: 200, detail: json!({"state": state}) }
}

fn upload(node: &str) -> UploadRecord {
    let delta = vec![0, 255, 7, 0];
    UploadRecord { round: 1, node: node.into(), nonce: "00ff".into(), at_unix_s: 210, delta }
}

/// What is written is all there or not at all, and nothing is lost between two who write.
pub(super) async fn models_change_as_one(journal: &dyn Journal) {
    assert_eq!(journal.models_revision().await.unwrap(), 0);
    let none = journal.models().await.unwrap();
    assert_eq!(none, KeptModels { revision: 0, detail: json!(null) });
    let first = ModelsChange {
        detail: json!({"versions": [1, 2]}),
        weights: vec![weights("aa", 3), weights("bb", 200_000), weights("aa", 9)],
        events: vec![event("m1", 100, "model 1")],
        ..ModelsChange::default()
    };
    assert!(journal.change_models(&first).await.unwrap());
    assert!(!journal.change_models(&first).await.unwrap(), "the second who has read the same writes nothing");
    let hostile = "node-b'); DROP TABLE model_state; --";
    let changed = ModelsChange {
        revision: 1,
        detail: json!({"versions": [2]}),
        round: Some(round(1, "open")),
        upload: Some(upload(hostile)),
        forgotten: vec!["cc".into()],
        ..ModelsChange::default()
    };
    assert!(journal.change_models(&changed).await.unwrap());
    let again = ModelsChange { revision: 2, round: Some(round(1, "twice")), ..changed.clone() };
    assert!(!journal.change_models(&again).await.unwrap(), "a node sends once");
    let more = ModelsChange { revision: 2, upload: Some(upload("a")), ..changed.clone() };
    assert!(journal.change_models(&more).await.unwrap());
    assert_eq!(journal.models_revision().await.unwrap(), 3);
    assert_eq!(journal.models().await.unwrap().detail, json!({"versions": [2]}));
    assert_eq!(journal.rounds().await.unwrap(), [round(1, "open")]);
    assert_eq!(journal.uploads(1).await.unwrap(), [upload("a"), upload(hostile)]);
    let length = async |sha256| journal.weights(sha256).await.unwrap().map(|bytes| bytes.len());
    assert_eq!((length("aa").await, length("bb").await, length("cc").await), (Some(3), Some(200_000), None));
    let subject = EventFilter { subject: Some("model 1".into()), ..EventFilter::default() };
    assert_eq!(journal.events(&subject).await.unwrap().len(), 1);

    let over = ModelsChange {
        revision: 3,
        forgotten: vec!["aa".into()],
        round: Some(round(u64::from(ROUNDS_MAX) + 1, "accepted")),
        ended: Some(1),
        ..ModelsChange::default()
    };
    assert!(journal.change_models(&over).await.unwrap());
    assert_eq!(journal.rounds().await.unwrap().len(), 1, "what is kept is bounded");
    assert_eq!(length("aa").await, None);
    assert!(journal.uploads(1).await.unwrap().is_empty());
}
