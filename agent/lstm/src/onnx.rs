//! The network as an ONNX file, for other programs and for people who look into it: LSTM, Squeeze, Concat, Gemm, then the
//! quantiles as a running sum of softplus. Written field by field after `onnx.proto` (ONNX 1.12, IR version 8, opset 17).
//!
//! Inputs are `windows` `[steps, windows, features]` and `statics` `[windows, statics]`, the output is `quantiles`
//! `[windows, targets, 5]`. Initial states are left out: they are 0.

use crate::network::Network;
use crate::shape::{QUANTILES, Shape};

const IR_VERSION: u64 = 8;
const OPSET: u64 = 17;

/// `TensorProto.DataType`
const FLOAT: u64 = 1;
const INT64: u64 = 7;

/// `AttributeProto.AttributeType.INT`
const ATTRIBUTE_INT: u64 = 2;

/// The file. `notes` are kept as its metadata: name and text.
pub fn onnx(network: &Network, notes: &[(&str, &str)]) -> Vec<u8> {
    let mut model = Message::default();
    model.number(1, IR_VERSION);
    model.text(2, "kubeopt");
    model.message(7, &graph(network));
    let mut opset = Message::default();
    opset.text(1, "");
    opset.number(2, OPSET);
    model.message(8, &opset);
    for (name, text) in notes {
        let mut note = Message::default();
        note.text(1, name);
        note.text(2, text);
        model.message(14, &note);
    }
    model.0
}

fn graph(network: &Network) -> Message {
    let shape = network.shape();
    let last = (QUANTILES.len() - 1) as i64;
    let mut graph = Message::default();
    let lstm =
        node("LSTM", &["windows", "W", "R", "B"], &["", "state"], &[("hidden_size", shape.hidden as u64)]);
    for node in [
        lstm,
        node("Squeeze", &["state", "first"], &["last"], &[]),
        node("Concat", &["last", "statics"], &["joined"], &[("axis", 1)]),
        node("Gemm", &["joined", "D", "E"], &["said"], &[("transB", 1)]),
        node("Reshape", &["said", "by_target"], &["raw"], &[]),
        node("Slice", &["raw", "zero", "one", "two"], &["lowest"], &[]),
        node("Slice", &["raw", "one", "five", "two"], &["rest"], &[]),
        node("Softplus", &["rest"], &["steps"], &[]),
        node("Concat", &["lowest", "steps"], &["parts"], &[("axis", 2)]),
        node("CumSum", &["parts", "axis"], &["quantiles"], &[]),
    ] {
        graph.message(1, &node);
    }
    graph.text(2, "kubeopt-lstm");
    for tensor in weights(network) {
        graph.message(5, &tensor);
    }
    for (name, dimensions, values) in [
        ("first", &[1][..], &[0][..]),
        ("by_target", &[3], &[0, -1, last + 1]),
        ("zero", &[1], &[0]),
        ("one", &[1], &[1]),
        ("two", &[1], &[2]),
        ("five", &[1], &[last + 1]),
        ("axis", &[], &[2]),
    ] {
        graph.message(5, &whole_numbers(name, dimensions, values));
    }
    let (steps, windows) = (Dimension::Named("steps"), Dimension::Named("windows"));
    let input = [steps, windows, Dimension::Fixed(shape.features)];
    graph.message(11, &value("windows", &input));
    graph.message(11, &value("statics", &[windows, Dimension::Fixed(shape.statics)]));
    let output = [windows, Dimension::Fixed(shape.targets), Dimension::Fixed(QUANTILES.len())];
    graph.message(12, &value("quantiles", &output));
    graph
}

/// The order of gates is ONNX's own: input, output, forget, cell. The second bias is 0.
fn weights(network: &Network) -> [Message; 5] {
    let shape: Shape = network.shape();
    let of = |range: std::ops::Range<usize>| &network.parameters()[range];
    let gates = 4 * shape.hidden;
    let bias: Vec<f32> = of(shape.gate_bias()).iter().copied().chain(vec![0.0; gates]).collect();
    [
        numbers("W", &[1, gates, shape.features], of(shape.input_weights())),
        numbers("R", &[1, gates, shape.hidden], of(shape.recurrent_weights())),
        numbers("B", &[1, 2 * gates], &bias),
        numbers("D", &[shape.outputs(), shape.joined()], of(shape.head_weights())),
        numbers("E", &[shape.outputs()], of(shape.head_bias())),
    ]
}

fn node(kind: &str, inputs: &[&str], outputs: &[&str], attributes: &[(&str, u64)]) -> Message {
    let mut node = Message::default();
    inputs.iter().for_each(|name| node.text(1, name));
    outputs.iter().for_each(|name| node.text(2, name));
    node.text(4, kind);
    for (name, number) in attributes {
        let mut attribute = Message::default();
        attribute.text(1, name);
        attribute.number(3, *number);
        attribute.number(20, ATTRIBUTE_INT);
        node.message(5, &attribute);
    }
    node
}

fn numbers(name: &str, dimensions: &[usize], values: &[f32]) -> Message {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    tensor(name, dimensions, FLOAT, &bytes)
}

fn whole_numbers(name: &str, dimensions: &[usize], values: &[i64]) -> Message {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    tensor(name, dimensions, INT64, &bytes)
}

fn tensor(name: &str, dimensions: &[usize], kind: u64, bytes: &[u8]) -> Message {
    let mut tensor = Message::default();
    dimensions.iter().for_each(|dimension| tensor.number(1, *dimension as u64));
    tensor.number(2, kind);
    tensor.text(8, name);
    tensor.bytes(9, bytes);
    tensor
}

#[derive(Clone, Copy)]
enum Dimension {
    Fixed(usize),
    Named(&'static str),
}

fn value(name: &str, dimensions: &[Dimension]) -> Message {
    let mut shape = Message::default();
    for dimension in dimensions {
        let mut one = Message::default();
        match dimension {
            Dimension::Fixed(size) => one.number(1, *size as u64),
            Dimension::Named(name) => one.text(2, name),
        }
        shape.message(1, &one);
    }
    let mut tensor = Message::default();
    tensor.number(1, FLOAT);
    tensor.message(2, &shape);
    let mut kind = Message::default();
    kind.message(1, &tensor);
    let mut value = Message::default();
    value.text(1, name);
    value.message(2, &kind);
    value
}

/// A message of Protocol Buffers as it grows.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn number(&mut self, field: u64, value: u64) {
        self.varint(field << 3);
        self.varint(value);
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
    }

    fn text(&mut self, field: u64, text: &str) {
        self.bytes(field, text.as_bytes());
    }

    fn message(&mut self, field: u64, message: &Self) {
        self.bytes(field, &message.0);
    }

    /// Seven bits a byte, the lowest first; the highest bit says that more follow.
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}
