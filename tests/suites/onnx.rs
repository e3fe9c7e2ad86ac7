//! The network of forecasts as an ONNX file: the checker of the format accepts it, and ONNX Runtime says of it what the network
//! itself says.

use std::path::Path;

use kubeopt_lstm::{Batch, Network, Shape, onnx};
use kubeopt_tests::process::Launch;
use kubeopt_tests::{OrFail, servers, servers_enabled};
use serde_json::json;

/// As large as what is shipped, about.
const SHAPE: Shape = Shape { features: 9, statics: 40, hidden: 48, targets: 26 };

const STEPS: usize = 168;
const WINDOWS: usize = 4;

/// Agreement of two engines in single precision.
const TOLERANCE: f32 = 1e-5;

#[tokio::test]
async fn the_checker_accepts_the_file_and_onnx_runtime_says_what_the_network_says() {
    if !servers_enabled() {
        return;
    }
    let network = Network::seeded(SHAPE, 5);
    let inputs = waves(STEPS * WINDOWS * SHAPE.features, 0.37);
    let statics = waves(WINDOWS * SHAPE.statics, 0.11);
    let batch = Batch { steps: STEPS, size: WINDOWS, inputs: &inputs, statics: &statics };
    let own = network.quantiles(&batch).or_fail("run the network");

    let folder = kubeopt_tests::folder("onnx");
    let file = folder.path().join("network.onnx");
    std::fs::write(&file, onnx(&network, &[("schema", "a test")])).or_fail("write the file");
    let input = folder.path().join("input.json");
    let told = json!({
        "windows": inputs, "windowsShape": [STEPS, WINDOWS, SHAPE.features],
        "statics": statics, "staticsShape": [WINDOWS, SHAPE.statics],
    });
    std::fs::write(&input, told.to_string()).or_fail("write the input");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("suites/onnx.py");
    let python = Launch::new("python", servers::program("onnx", "python"));
    let answer = python.arg(script).arg(&file).arg(&input).run().await;
    let others: Vec<f32> = serde_json::from_str(&answer).or_fail("read the engine's answer");

    assert_eq!(own.len(), others.len());
    for (own, other) in own.iter().zip(others) {
        assert!((own - other).abs() <= TOLERANCE * (1.0 + own.abs()), "{own} {other}");
    }
}

fn waves(count: usize, step: f32) -> Vec<f32> {
    (0..count).map(|at| (at as f32 * step).sin() * 2.0).collect()
}
