//! With a model and hours of the past: forecasts, training, and what the agent tells of itself.

use std::path::Path;

use kubeopt_outlook::HourRing;
use kubeopt_player::Layout;
use kubeopt_proto::{NodeForecast, TrainPlan};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::controller::Controller;
use crate::drive::{BEGIN_MS, Drive, on_one_thread};
use crate::refusals::small_model;

/// Six weeks of hours with a wave a day, as an agent before this one kept them.
fn keep_hours(drive: &Drive) {
    let mut bytes = Vec::new();
    for container in drive.player.containers() {
        bytes.extend_from_slice(container.container_id.to_string().as_bytes());
        for level in [200.0, 3e8] {
            let mut ring = HourRing::new(42 * 24);
            let last = i64::try_from(BEGIN_MS / 3_600_000).unwrap();
            for hour in last - 42 * 24..last {
                let wave = 1.0 + 0.5 * ((hour % 24) as f64 / 24.0 * std::f64::consts::TAU).sin();
                // No day is quite like the one before, or there would be nothing to learn.
                let other = 1.0 + (hour * 7919 % 13) as f64 / 50.0;
                ring.push(hour, level * wave * other, level * wave * 0.8);
            }
            let ring = ring.to_bytes();
            bytes.extend_from_slice(&u32::try_from(ring.len()).unwrap().to_le_bytes());
            bytes.extend_from_slice(&ring);
        }
    }
    std::fs::create_dir_all(drive.path().join("buffer")).unwrap();
    std::fs::write(drive.path().join("buffer/hours"), bytes).unwrap();
}

fn pressure(root: &Path, percent: &str) {
    std::fs::write(
        root.join("cpu.pressure"),
        format!("some avg10={percent} avg60=0.00 avg300=0.00 total=1\n"),
    )
    .unwrap();
}

#[test]
fn kept_hours_and_a_model_make_forecasts_once_an_hour() {
    on_one_thread(async {
        let mut drive = Drive::new(Layout::SystemdV2, 3);
        let controller = Controller::start(drive.path());
        controller.state.lock().unwrap().model = Some(small_model(1));
        keep_hours(&drive);
        drive.start(Some(&controller), &[]).await;
        drive.until(|_| controller.state.lock().unwrap().models_asked > 0).await;
        // Forty minutes, in which rounds begin every five minutes and no hour ends.
        let seq = drive.steps(240).await.kept_seq;
        drive.until(|told| told.acknowledged_seq >= seq).await;
        let forecasts: Vec<NodeForecast> =
            controller.batches().into_iter().flat_map(|batch| batch.forecasts).collect();
        // Three containers, two resources, a day and a week. The controller has checked the quantiles.
        assert_eq!(forecasts.len(), 12);
        assert_eq!(forecasts.iter().filter(|one| one.horizon_hours == 168).count(), 6);
        assert!(forecasts.iter().all(|one| one.peak_quantiles.len() == 5));
        drive.kill().await;
    });
}

/// A node with six weeks of hours, and a controller with a model and a round of training on it.
fn training_drive() -> (Drive, Controller) {
    let drive = Drive::new(Layout::SystemdV2, 3);
    let controller = Controller::start(drive.path());
    let model = small_model(1);
    controller.state.lock().unwrap().plan = Some(TrainPlan {
        round_id: 5,
        base_sha256: model.sha256.clone(),
        local_epochs: 1,
        batch: 16,
        learning_rate: 0.01,
        prox_mu: 0.01,
        clip_norm: 1.0,
        min_windows: 5,
        deadline_unix_ms: BEGIN_MS + 86_400_000,
        max_cpu_ms: 60_000,
    });
    controller.state.lock().unwrap().model = Some(model);
    keep_hours(&drive);
    (drive, controller)
}

#[test]
fn a_round_is_trained_when_the_node_is_idle_and_uploaded_once() {
    on_one_thread(async {
        let (mut drive, controller) = training_drive();
        pressure(&drive.cgroup(), "87.00");
        drive.start(Some(&controller), &[]).await;
        drive.until(|_| controller.state.lock().unwrap().models_asked > 0).await;
        drive.steps(60).await;
        assert!(controller.state.lock().unwrap().uploads.is_empty(), "others wait for CPU");
        pressure(&drive.cgroup(), "1.00");
        drive.until(|_| !controller.state.lock().unwrap().uploads.is_empty()).await;
        drive.steps(60).await;
        let state = controller.state.lock().unwrap();
        assert_eq!(state.uploads.len(), 1, "the plan stays, the round is done");
        let upload = &state.uploads[0];
        assert_eq!(upload.round_id, 5);
        assert!(upload.windows >= 5 && upload.loss_before.is_finite() && upload.loss_after.is_finite());
        let norm: f32 =
            upload.delta.chunks(4).map(|four| f32::from_le_bytes(four.try_into().unwrap()).powi(2)).sum();
        assert!(norm > 0.0 && norm.sqrt() <= 1.001, "{norm}");
    });
}

#[test]
fn what_was_learned_is_sent_until_the_controller_has_decided() {
    on_one_thread(async {
        let (mut drive, mut controller) = training_drive();
        pressure(&drive.cgroup(), "1.00");
        controller.state.lock().unwrap().upload_fault = Some(tonic::Code::Unavailable);
        drive.start(Some(&controller), &[]).await;
        let sent = |controller: &Controller| controller.state.lock().unwrap().uploads.len();
        while sent(&controller) < 2 {
            drive.steps(6).await;
        }
        // Over another connection too.
        controller.switch_off();
        drive.steps(6).await;
        let before = sent(&controller);
        controller.switch_on();
        while sent(&controller) < before + 1 {
            drive.steps(6).await;
        }
        controller.state.lock().unwrap().upload_fault = None;
        let undecided = sent(&controller);
        while sent(&controller) < undecided + 1 {
            drive.steps(6).await;
        }
        drive.steps(120).await;
        let state = controller.state.lock().unwrap();
        assert_eq!(state.uploads.len(), undecided + 1, "it was taken");
        assert!(state.uploads.iter().all(|upload| upload == &state.uploads[0]), "each time the same");
    });
}

#[test]
fn what_was_refused_for_good_is_not_sent_again_and_another_base_is_another_try() {
    on_one_thread(async {
        let (mut drive, controller) = training_drive();
        pressure(&drive.cgroup(), "1.00");
        controller.state.lock().unwrap().upload_fault = Some(tonic::Code::InvalidArgument);
        drive.start(Some(&controller), &[]).await;
        drive.until(|_| !controller.state.lock().unwrap().uploads.is_empty()).await;
        drive.steps(120).await;
        assert_eq!(controller.state.lock().unwrap().uploads.len(), 1);
        let other = small_model(2);
        {
            let mut state = controller.state.lock().unwrap();
            state.plan.as_mut().unwrap().base_sha256 = other.sha256.clone();
            state.upload_fault = None;
        }
        // The round has another base, and the model comes later than the plan.
        drive.steps(60).await;
        assert_eq!(controller.state.lock().unwrap().uploads.len(), 1);
        controller.state.lock().unwrap().model = Some(other.clone());
        while controller.state.lock().unwrap().uploads.len() < 2 {
            drive.steps(6).await;
        }
        assert_eq!(controller.state.lock().unwrap().uploads[1].base_sha256, other.sha256);
    });
}

#[test]
fn health_and_metrics_are_served_and_slow_callers_do_not_stop_it() {
    on_one_thread(async {
        let mut drive = Drive::new(Layout::SystemdV2, 3);
        let controller = Controller::start(drive.path());
        controller.state.lock().unwrap().model = Some(small_model(1));
        drive.start(Some(&controller), &["--listen=127.0.0.1:0"]).await;
        let address = drive.address.get().unwrap();
        assert!(get(address, "/readyz").await.starts_with("HTTP/1.1 503"), "nothing was read yet");
        let mut slow = Vec::new();
        for _ in 0..4 {
            slow.push(TcpStream::connect(address).await.unwrap());
        }
        drive.steps(12).await;
        drive.until(|told| told.acknowledged_seq >= 2).await;
        for path in ["/healthz", "/readyz"] {
            assert!(get(address, path).await.starts_with("HTTP/1.1 200"), "{path}");
        }
        let page = get(address, "/metrics").await;
        for line in [
            "kubeopt_agent_containers 3",
            "kubeopt_agent_connected 1",
            "kubeopt_agent_buffer_dropped_batches_total 0",
            "kubeopt_agent_model_version 1",
        ] {
            assert!(page.lines().any(|one| one == line), "{line} in {page}");
        }
        assert!(page.contains("kubeopt_agent_model_info{sha256="));
        assert!(get(address, "/other").await.starts_with("HTTP/1.1 404"));
        drive.kill().await;
    });
}

async fn get(address: std::net::SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
