//! The file of a network's weights: shape, the schema of what goes in and comes out, the flat list, and a digest over all of
//! it. Whatever is wrong with a file is told before a number of it is used.

use sha2::{Digest as _, Sha256};

use crate::error::LstmError;
use crate::network::Network;
use crate::shape::Shape;

/// What a file begins with; the last byte is the version.
const MAGIC: &[u8; 8] = b"kolstm\0\x01";

/// Bytes of a digest.
const DIGEST: usize = 32;

/// Bytes before the list: magic, four dimensions, the schema.
const HEAD: usize = MAGIC.len() + 4 * 4 + DIGEST;

/// A network with the schema that it was trained with.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// The network.
    pub network: Network,
    /// SHA-256 of the description of its inputs and targets: another schema means other numbers in the same places.
    pub schema: [u8; DIGEST],
}

impl Weights {
    /// As a file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let shape = self.network.shape();
        let mut bytes = MAGIC.to_vec();
        for dimension in [shape.features, shape.statics, shape.hidden, shape.targets] {
            // Dimensions are at most 1,024.
            bytes.extend((dimension as u32).to_le_bytes());
        }
        bytes.extend(self.schema);
        self.network.parameters().iter().for_each(|value| bytes.extend(value.to_le_bytes()));
        bytes.extend(digest(&bytes));
        bytes
    }

    /// From a file, for the schema that the program has.
    ///
    /// # Errors
    /// [`LstmError`] for a file that is none, is cut short, was changed, is of another schema or holds what is no number.
    pub fn from_bytes(bytes: &[u8], schema: &[u8; DIGEST]) -> Result<Self, LstmError> {
        let refused = |why: &str| LstmError::File { why: why.to_owned() };
        let body = bytes.len().checked_sub(DIGEST).filter(|body| *body >= HEAD);
        let (body, kept) = bytes.split_at(body.ok_or_else(|| refused("it is cut short"))?);
        if !body.starts_with(MAGIC) {
            return Err(refused("it is no file of weights, or one of another version"));
        }
        let mut dimensions = body[MAGIC.len()..].chunks_exact(4).map(|four| {
            usize::try_from(u32::from_le_bytes([four[0], four[1], four[2], four[3]])).unwrap_or(usize::MAX)
        });
        let mut dimension = || dimensions.next().unwrap_or(0);
        let shape =
            Shape { features: dimension(), statics: dimension(), hidden: dimension(), targets: dimension() };
        shape.check()?;
        if body.len() != HEAD + 4 * shape.parameters() {
            return Err(refused("it is cut short, or longer than its shape"));
        }
        if digest(body) != kept {
            return Err(refused("its digest is not that of its content: it was damaged or changed"));
        }
        if &body[HEAD - DIGEST..HEAD] != schema {
            return Err(refused("it was trained with another schema of inputs and targets"));
        }
        let numbers = body[HEAD..].chunks_exact(4);
        let parameters = numbers.map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]));
        Ok(Self { network: Network::of(shape, parameters.collect())?, schema: *schema })
    }
}

/// SHA-256.
pub fn digest(bytes: &[u8]) -> [u8; DIGEST] {
    Sha256::digest(bytes).into()
}
