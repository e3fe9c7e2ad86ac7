//! What a node agent keeps until the controller has it: records with ascending numbers in checksummed segments.
//!
//! Bounded in bytes and age: the oldest segment goes first, and what goes is counted. A record is handed out only after
//! it is on disk, and its number is never given to another record, so that a receiver may drop what it has seen. Whatever
//! the files hold, no more than one record's cap is allocated for it. It knows no network and no clock; `now` is given.
//!
//! ```
//! use kubeopt_buffer::{Buffer, Chunk, Limits, MemoryDisk};
//! let mut buffer = Buffer::open(MemoryDisk::default(), Limits::default()).unwrap();
//! let seq = buffer.append(0, b"sixty seconds of a node").unwrap();
//! let mut chunk = Chunk::default();
//! buffer.chunk_after(0, &mut chunk).unwrap();
//! assert_eq!(chunk.records().next(), Some((seq, &b"sixty seconds of a node"[..])));
//! buffer.acknowledged(seq);
//! ```

mod buffer;
mod checksum;
mod chunk;
mod disk;
mod error;
mod frame;
mod memory_disk;
mod opening;
mod segment;
mod stream_file;

pub use buffer::{Buffer, Counts, Limits};
pub use checksum::crc32c;
pub use chunk::Chunk;
pub use disk::{Disk, FolderDisk};
pub use error::{AppendError, OpenError, ReadError};
pub use frame::{FRAME_OVERHEAD, Parsed, RECORD_BYTES_MAX, parse_frame, push_frame};
pub use memory_disk::MemoryDisk;
pub use segment::BootId;

#[cfg(test)]
mod tests;
