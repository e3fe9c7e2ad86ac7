//! Chromium without a window: pictures of pages.

use std::path::Path;
use std::process::Command;

use crate::OrFail as _;

/// A picture of fewer bytes shows a blank page, whatever its size.
const BLANK_BYTES_MAX: u64 = 20_000;

/// Draws a page of this address as a PNG of so many pixels; panics when nothing is on it.
pub fn draw(url: &str, (width, height): (u32, u32), picture: &Path) {
    let profile = crate::folder("browser");
    let drawn = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--hide-scrollbars", "--force-device-scale-factor=1"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("--window-size={width},{height}"))
        .arg(format!("--screenshot={}", picture.display()))
        .arg(url)
        .output()
        .or_fail("start chromium, which tests/run installs");
    assert!(drawn.status.success(), "{}", String::from_utf8_lossy(&drawn.stderr));
    let bytes = std::fs::metadata(picture).or_fail("find the picture").len();
    assert!(bytes > BLANK_BYTES_MAX, "{} has {bytes} bytes: the page is blank", picture.display());
}
