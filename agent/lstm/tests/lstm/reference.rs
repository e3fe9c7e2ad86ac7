//! The same network, written as its equations stand in the books, number by number in `f64`.

use kubeopt_lstm::{Batch, Network, QUANTILES, Shape};

/// A network of `f64`.
#[derive(Clone)]
pub(crate) struct Reference {
    shape: Shape,
    parameters: Vec<f64>,
}

impl Reference {
    pub(crate) fn of(network: &Network) -> Self {
        let parameters = network.parameters().iter().map(|value| f64::from(*value)).collect();
        Self { shape: network.shape(), parameters }
    }

    /// With one parameter moved.
    pub(crate) fn with(&self, at: usize, by: f64) -> Self {
        let mut moved = self.clone();
        moved.parameters[at] += by;
        moved
    }

    pub(crate) fn quantiles(&self, batch: &Batch<'_>) -> Vec<f64> {
        (0..batch.size).flat_map(|row| self.of_window(batch, row)).collect()
    }

    /// The sum of the losses of all known targets.
    pub(crate) fn loss(&self, batch: &Batch<'_>, targets: &[f32]) -> f64 {
        let mut sum = 0.0;
        for (quantiles, truth) in self.quantiles(batch).chunks_exact(QUANTILES.len()).zip(targets) {
            if !truth.is_finite() {
                continue;
            }
            for (forecast, quantile) in quantiles.iter().zip(QUANTILES) {
                let above = f64::from(*truth) - forecast;
                sum += (f64::from(quantile) * above).max((f64::from(quantile) - 1.0) * above);
            }
        }
        sum
    }

    fn of_window(&self, batch: &Batch<'_>, row: usize) -> Vec<f64> {
        let Shape { features, statics, hidden, .. } = self.shape;
        let [w, r, b, d, e] = self.parts();
        let (mut state, mut cell) = (vec![0.0; hidden], vec![0.0; hidden]);
        for step in 0..batch.steps {
            let input = &batch.inputs[(step * batch.size + row) * features..][..features];
            let gate = |kind: usize, at: usize| -> f64 {
                let of = kind * hidden + at;
                let by_input: f64 =
                    input.iter().enumerate().map(|(k, x)| w[of * features + k] * f64::from(*x)).sum();
                let by_state: f64 = state.iter().enumerate().map(|(k, h)| r[of * hidden + k] * h).sum();
                by_input + by_state + b[of]
            };
            let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
            let gates: Vec<[f64; 4]> = (0..hidden)
                .map(|at| {
                    [sigmoid(gate(0, at)), sigmoid(gate(1, at)), sigmoid(gate(2, at)), gate(3, at).tanh()]
                })
                .collect();
            for (at, [i, o, f, g]) in gates.into_iter().enumerate() {
                cell[at] = f * cell[at] + i * g;
                state[at] = o * cell[at].tanh();
            }
        }
        let own = batch.statics[row * statics..(row + 1) * statics].iter().map(|x| f64::from(*x));
        let joined: Vec<f64> = state.into_iter().chain(own).collect();
        let said: Vec<f64> = e
            .iter()
            .enumerate()
            .map(|(out, bias)| {
                bias + joined.iter().enumerate().map(|(k, x)| d[out * joined.len() + k] * x).sum::<f64>()
            })
            .collect();
        let ascending = |raw: &[f64]| -> Vec<f64> {
            let mut quantile = raw[0];
            std::iter::once(quantile)
                .chain(raw[1..].iter().map(|x| {
                    quantile += x.exp().ln_1p();
                    quantile
                }))
                .collect()
        };
        said.chunks_exact(QUANTILES.len()).flat_map(ascending).collect()
    }

    /// Input weights, recurrent weights, gate bias, head weights, head bias.
    fn parts(&self) -> [&[f64]; 5] {
        let Shape { features, statics, hidden, .. } = self.shape;
        let outputs = self.shape.outputs();
        let lengths =
            [4 * hidden * features, 4 * hidden * hidden, 4 * hidden, outputs * (hidden + statics), outputs];
        let mut rest = self.parameters.as_slice();
        lengths.map(|length| {
            let (part, more) = rest.split_at(length);
            rest = more;
            part
        })
    }
}
