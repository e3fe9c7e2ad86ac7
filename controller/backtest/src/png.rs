//! Pictures as PNG: the SVG, drawn with a font that kubeopt brings along.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};

use crate::picture::Picture;
use crate::svg::{size, svg};

/// Pixels of the PNG for each of the SVG: sharp on a screen with two for one.
const SCALE: f32 = 2.0;

/// A fault of kubeopt: the picture is its own.
#[derive(Debug, thiserror::Error)]
#[error("unable to draw the plot: {0}")]
pub struct PngError(String);

/// The bytes of a PNG file.
///
/// # Errors
/// [`PngError`] where the picture cannot be drawn, which is a fault of kubeopt.
pub fn png(picture: &Picture) -> Result<Vec<u8>, PngError> {
    let mut options = Options { font_family: "Noto Sans".to_owned(), ..Options::default() };
    let fonts = options.fontdb_mut();
    fonts.load_font_data(notosans::REGULAR_TTF.to_vec());
    fonts.load_font_data(notosans::BOLD_TTF.to_vec());
    let tree = Tree::from_str(&svg(picture), &options).map_err(|error| PngError(error.to_string()))?;
    let (width, height) = size(picture);
    let (width, height) = (width as f32 * SCALE, height as f32 * SCALE);
    let mut pixels = Pixmap::new(width as u32, height as u32)
        .ok_or_else(|| PngError(format!("{width} x {height} is no size of a picture")))?;
    resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| PngError(error.to_string()))
}
