//! The ONNX file, read and run by an engine of others.

use kubeopt_lstm::{Batch, Network, Shape, onnx};
use rten::Model;
use rten_tensor::{AsView as _, NdTensor, Tensor};

use super::{Case, SHAPE};

/// What the other engine says of a batch.
fn by_others(file: Vec<u8>, shape: Shape, batch: &Batch<'_>) -> Vec<f32> {
    let model = Model::load(file).unwrap();
    let node = |name: &str| model.find_node(name).unwrap();
    let windows = [batch.steps, batch.size, shape.features];
    let windows: NdTensor<f32, 3> = NdTensor::from_data(windows, batch.inputs.to_vec());
    let statics = NdTensor::from_data([batch.size, shape.statics], batch.statics.to_vec());
    let inputs = vec![(node("windows"), windows.into()), (node("statics"), statics.into())];
    let mut outputs = model.run(inputs, &[node("quantiles")], None).unwrap();
    let quantiles: Tensor<f32> = outputs.remove(0).try_into().unwrap();
    quantiles.to_vec()
}

#[test]
fn another_engine_says_the_same_of_the_onnx_file() {
    let wide = Shape { features: 9, statics: 30, hidden: 48, targets: 26 };
    for (shape, steps, size) in [(SHAPE, 1, 1), (SHAPE, 9, 3), (wide, 168, 5)] {
        let network = Network::seeded(shape, 23);
        let case = Case::new(shape, steps, size, 4);
        let own = network.quantiles(&case.batch()).unwrap();
        let others = by_others(onnx(&network, &[("schema", "a")]), shape, &case.batch());
        assert_eq!(own.len(), others.len());
        for (own, other) in own.iter().zip(others) {
            assert!((own - other).abs() < 1e-5, "{own} {other}");
        }
    }
}
