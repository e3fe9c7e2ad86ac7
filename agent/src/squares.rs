//! What a training leaves for the next one on this node: how large gradients are. It lies in the buffer's folder, and takes memory
//! while a training runs only.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use kubeopt_outlook::Squares;

use crate::log;
use crate::model::replace;

const FILE: &str = "squares";

/// Of the largest network that is trained on nodes; more is not read.
const BYTES_MAX: u64 = 4 << 20;

/// Keeps them for the next training.
pub(crate) fn keep_squares(folder: &Path, squares: &Squares) {
    if let Err(error) = replace(&folder.join(FILE), &squares.to_bytes()) {
        log::warn(format_args!("unable to keep what a training left: {}", log::chain(&error)));
    }
}

/// What was kept; nothing where there is none, or it is damaged: a training then begins without.
pub(crate) fn kept_squares(folder: &Path) -> Option<Squares> {
    let mut bytes = Vec::new();
    File::open(folder.join(FILE)).ok()?.take(BYTES_MAX).read_to_end(&mut bytes).ok()?;
    Squares::from_bytes(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_again_and_damage_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(kept_squares(folder.path()), None);
        let bytes: Vec<u8> = [7_i32.to_le_bytes(), 0.5_f32.to_le_bytes()].concat();
        let squares = Squares::from_bytes(&bytes).unwrap();
        keep_squares(folder.path(), &squares);
        assert_eq!(kept_squares(folder.path()), Some(squares));
        let negative: Vec<u8> = [7_i32.to_le_bytes(), (-0.5_f32).to_le_bytes()].concat();
        for damaged in [&bytes[..6], &[], &negative] {
            std::fs::write(folder.path().join(FILE), damaged).unwrap();
            assert_eq!(kept_squares(folder.path()), None);
        }
    }
}
