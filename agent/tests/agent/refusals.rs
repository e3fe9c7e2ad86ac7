//! Who is not believed, and what is not taken: certificates, models, words that are too long.

use kubeopt_lstm::{Network, Shape};
use kubeopt_player::Layout;
use kubeopt_proto::Model;

use crate::controller::Controller;
use crate::drive::{Drive, on_one_thread};

#[test]
fn a_controller_of_another_authority_gets_nothing() {
    on_one_thread(async {
        let mut drive = Drive::new(Layout::SystemdV2, 2);
        let controller = Controller::start(drive.path());
        let other = format!("--ca={}", drive.path().join("other-ca.pem").display());
        drive.start(Some(&controller), &[&other]).await;
        let told = drive.steps(60).await;
        assert_eq!((told.kept_seq, told.acknowledged_seq), (10, 0), "it goes on reading");
        assert!(controller.state.lock().unwrap().registered.is_empty());
        drive.kill().await;
    });
}

#[test]
fn certificates_and_tokens_say_who_speaks_and_tokens_are_read_anew() {
    on_one_thread(async {
        let mut drive = Drive::new(Layout::SystemdV2, 2);
        let mut controller = Controller::start(drive.path());
        let token = format!("--token={}", drive.path().join("token").display());
        drive.start(Some(&controller), &[&token]).await;
        drive.steps(6).await;
        drive.until(|told| told.acknowledged_seq >= 1).await;
        std::fs::write(drive.path().join("token"), "another-token").unwrap();
        controller.switch_off();
        controller.switch_on();
        drive.steps(6).await;
        drive.until(|told| told.acknowledged_seq >= 2).await;
        let state = controller.state.lock().unwrap();
        assert_eq!(state.tokens.first().map(String::as_str), Some("Bearer a-token"));
        assert_eq!(state.tokens.last().map(String::as_str), Some("Bearer another-token"));
        assert!(state.peers.iter().all(|certificates| *certificates == 1));
    });
}

#[test]
fn a_gigabyte_is_refused_before_it_is_read_and_batches_go_on() {
    on_one_thread(async {
        let mut drive = Drive::new(Layout::SystemdV2, 2);
        let controller = Controller::start(drive.path());
        // 64 MiB stand for it: the limit is 4 MiB, by the length that comes first.
        controller.state.lock().unwrap().model =
            Some(Model { weights: vec![0; 64 << 20], ..Model::default() });
        drive.start(Some(&controller), &[]).await;
        drive.steps(30).await;
        drive.until(|told| told.acknowledged_seq >= 5).await;
        assert!(controller.state.lock().unwrap().models_asked >= 1);
        assert!(controller.batches().iter().all(|batch| batch.model_sha256.is_empty()));
        drive.kill().await;
    });
}

#[test]
fn a_model_is_used_and_told_only_if_it_is_what_it_says() {
    on_one_thread(async {
        let mut drive = Drive::new(Layout::SystemdV2, 2);
        let controller = Controller::start(drive.path());
        let sound = small_model(3);
        let weights = sound.weights.clone();
        let mut cut = weights;
        cut.pop();
        let wrong = [
            Model { sha256: vec![7; 32], ..sound.clone() },
            Model { schema_sha256: vec![7; 32], ..sound.clone() },
            Model { sha256: sha256(&cut), weights: cut, ..sound.clone() },
        ];
        drive.start(Some(&controller), &[]).await;
        for model in wrong {
            controller.state.lock().unwrap().model = Some(model);
            let asked = controller.state.lock().unwrap().models_asked;
            while controller.state.lock().unwrap().models_asked == asked {
                drive.steps(6).await;
            }
        }
        let seq = drive.steps(12).await.kept_seq;
        drive.until(|told| told.acknowledged_seq >= seq).await;
        assert!(controller.batches().iter().all(|batch| batch.model_sha256.is_empty()));
        controller.state.lock().unwrap().model = Some(sound.clone());
        while controller.batches().last().is_none_or(|batch| batch.model_sha256 != sound.sha256) {
            drive.steps(6).await;
        }
        // It outlasts a restart without the controller.
        drive.kill().await;
        controller.state.lock().unwrap().model = None;
        drive.start(Some(&controller), &[]).await;
        drive.steps(1).await;
        drive.until(|_| controller.state.lock().unwrap().registered.len() >= 2).await;
        assert_eq!(controller.state.lock().unwrap().registered.last().unwrap().model_sha256, sound.sha256);
        drive.kill().await;
    });
}

/// A model of four cells.
pub(crate) fn small_model(version: u64) -> Model {
    let shape = Shape {
        features: kubeopt_outlook::FEATURES,
        statics: kubeopt_outlook::STATICS,
        hidden: 4,
        targets: kubeopt_outlook::TARGETS,
    };
    let weights = kubeopt_outlook::weights(&Network::seeded(shape, version));
    Model {
        version,
        sha256: sha256(&weights),
        schema_sha256: kubeopt_outlook::schema_hash().to_vec(),
        weights,
    }
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).to_vec()
}
