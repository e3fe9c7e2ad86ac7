//! What device files tell of GPUs: amdgpu's in sysfs
//! (<https://docs.kernel.org/gpu/amdgpu/thermal.html>, <https://docs.kernel.org/gpu/amdgpu/driver-misc.html>), and which devices a
//! container of cgroup version 1 may open (<https://docs.kernel.org/admin-guide/cgroup-v1/devices.html>).

use crate::text::{first_line, lines, number};

/// The major number of DRM devices; the minor of a card's `renderD128` is 128.
pub const DRM_MAJOR: u32 = 226;

/// The major number of NVIDIA's devices; the minor of `nvidia0` is 0.
pub const NVIDIA_MAJOR: u32 = 195;

/// A device of characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CharDevice {
    /// The driver.
    pub major: u32,
    /// The device of it.
    pub minor: u32,
}

/// A file of one number: percent of `gpu_busy_percent`, bytes of `mem_info_vram_used` and `mem_info_vram_total`.
#[must_use]
pub fn device_number(bytes: &[u8]) -> Option<u64> {
    number(first_line(bytes)?)
}

/// A file of one word, such as `unique_id`: letters and digits. Zeros stand for none.
#[must_use]
pub fn device_word(bytes: &[u8]) -> Option<&str> {
    let word = std::str::from_utf8(first_line(bytes)?).ok()?;
    let is_word = word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (is_word && word.bytes().any(|byte| byte != b'0')).then_some(word)
}

/// The GPUs that `devices.list` names, one by one. Who may open all devices was given none of them.
pub fn devices_given(bytes: &[u8]) -> impl Iterator<Item = CharDevice> + '_ {
    lines(bytes).filter_map(|line| {
        let mut words = line.split(|byte| *byte == b' ');
        let (kind, place) = (words.next()?, words.next()?);
        let colon = place.iter().position(|byte| *byte == b':')?;
        let part = |digits: &[u8]| number(digits).and_then(|number| u32::try_from(number).ok());
        let device = CharDevice { major: part(&place[..colon])?, minor: part(&place[colon + 1..])? };
        (kind == b"c" && matches!(device.major, DRM_MAJOR | NVIDIA_MAJOR)).then_some(device)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_gpus_that_are_named_are_given() {
        let list = b"c 1:3 rwm\nc 195:0 rw\nc 195:255 rw\nc 226:129 rwm\nb 226:1 rw\nc 226:* rwm\na *:* rwm\nc 195 rw\nc 195:1";
        let given: Vec<(u32, u32)> = devices_given(list).map(|device| (device.major, device.minor)).collect();
        assert_eq!(given, [(195, 0), (195, 255), (226, 129)], "a line without its end may be half of one");
        assert_eq!(devices_given(b"a *:* rwm\n").count(), 0);
    }

    #[test]
    fn files_of_one_value_are_that_or_nothing() {
        assert_eq!(device_number(b"97\n"), Some(97));
        assert_eq!(device_number(b"97"), None, "cut");
        assert_eq!(device_number(b"-1\n"), None);
        assert_eq!(device_word(b"4c1e2f0a9b7d3355\n"), Some("4c1e2f0a9b7d3355"));
        for none in [&b"0\n"[..], b"0000\n", b"\n", b"", b"a b\n", b"\xff\n"] {
            assert_eq!(device_word(none), None, "{none:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (device_number(&bytes), device_word(&bytes), devices_given(&bytes).count());
        }
    }
}
