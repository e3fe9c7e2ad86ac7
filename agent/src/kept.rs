//! The hours of all containers over a restart: for each its id, then two rings with their lengths. Written and read piece by
//! piece: all of them together would be the largest thing in memory.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use kubeopt_outlook::HourRing;
use kubeopt_sample::ContainerId;

use crate::hours::HOURS_MAX;
use crate::log;
use crate::node::{KeptHours, Node};
use crate::shared::Shared;

const FILE: &str = "hours";

/// A ring of six weeks takes 4 KB.
const RING_BYTES_MAX: u32 = 16 + HOURS_MAX as u32 * 4;

/// Keeps the hours of all containers.
pub(crate) fn keep_hours(shared: &Shared, node: &Node) {
    if let Err(error) = write(&shared.args.buffer.join(FILE), node) {
        log::warn(format_args!("unable to keep hours over a restart: {}", log::chain(&error)));
    }
}

fn write(path: &Path, node: &Node) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut out = BufWriter::new(File::create(&new)?);
    for container in node.containers() {
        if container.hours.iter().any(|hours| !hours.ring().is_empty()) {
            out.write_all(container.path().container_id.to_string().as_bytes())?;
            for hours in &container.hours {
                let ring = hours.ring().to_bytes();
                out.write_all(&u32::try_from(ring.len()).unwrap_or(0).to_le_bytes())?;
                out.write_all(&ring)?;
            }
        }
    }
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_data()?;
    fs::rename(&new, path)
}

/// The hours that were kept; from a damaged file those before the damage.
pub(crate) fn kept_hours(folder: &Path) -> KeptHours {
    let mut kept = KeptHours::new();
    let Ok(file) = File::open(folder.join(FILE)) else { return kept };
    let mut file = BufReader::new(file);
    while let Some((id, rings)) = next(&mut file).filter(|_| kept.len() < kubeopt_proto::CONTAINERS_MAX) {
        kept.insert(id, rings);
    }
    kept
}

fn next(file: &mut impl Read) -> Option<(ContainerId, [HourRing; 2])> {
    let mut id = [0; 64];
    file.read_exact(&mut id).ok()?;
    let id = ContainerId::parse(std::str::from_utf8(&id).ok()?)?;
    Some((id, [ring(file)?, ring(file)?]))
}

fn ring(file: &mut impl Read) -> Option<HourRing> {
    let mut length = [0; 4];
    file.read_exact(&mut length).ok()?;
    let length = u32::from_le_bytes(length);
    if length > RING_BYTES_MAX {
        return None;
    }
    let mut bytes = vec![0; length as usize];
    file.read_exact(&mut bytes).ok()?;
    Some(HourRing::from_bytes(HOURS_MAX, &bytes).unwrap_or_else(|_| HourRing::new(HOURS_MAX)))
}
