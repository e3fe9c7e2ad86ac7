//! A small global network for many series: one LSTM layer over the last hours, and a head that reads its last state beside
//! what is known without it. It gives quantiles that never cross, for each hour of a horizon and for the peaks of longer
//! spans. One flat list of parameters is the model: what is trained, averaged, stored and sent.
//!
//! Pure: no IO, no clock; a seed is all the chance there is. It knows nothing of CPU, memory or hours: what goes in and what
//! comes out has been scaled by others.
//!
//! ```
//! use kubeopt_lstm::{Batch, Network, Shape};
//!
//! let shape = Shape { features: 3, statics: 2, hidden: 4, targets: 6 };
//! let network = Network::seeded(shape, 7);
//! // Two windows of five steps.
//! let batch = Batch { steps: 5, size: 2, inputs: &[0.1; 5 * 2 * 3], statics: &[0.2; 2 * 2] };
//! let quantiles = network.quantiles(&batch)?;
//! assert_eq!(quantiles.len(), 2 * 6 * kubeopt_lstm::QUANTILES.len());
//! # Ok::<(), kubeopt_lstm::LstmError>(())
//! ```

mod activation;
mod adam;
mod batch;
mod error;
mod gradient;
mod loss;
mod network;
mod onnx;
mod shape;
mod tape;
mod weights;

pub use adam::{Adam, Squares, Step};
pub use batch::Batch;
pub use error::LstmError;
pub use gradient::Gradient;
pub use loss::pinball;
pub use network::Network;
pub use onnx::onnx;
pub use shape::{QUANTILES, Shape};
pub use tape::Tape;
pub use weights::{Weights, digest};
