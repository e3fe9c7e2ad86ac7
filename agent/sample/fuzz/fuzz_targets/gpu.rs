//! Any text of an exporter, and any device file, is read or not; a line that is read is so again behind other labels.
#![no_main]

use kubeopt_sample::{DcgmLine, device_number, device_word, devices_given};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = (device_number(bytes), device_word(bytes), devices_given(bytes).count());
    for line in bytes.split(|byte| *byte == b'\n') {
        let Some(told) = DcgmLine::read(line) else { continue };
        assert!(told.value.is_finite() && told.value >= 0.0);
        let text = std::str::from_utf8(line).expect("it was read as text");
        let (name, rest) = text.split_once('{').expect("it has labels");
        let again = format!("{name}{{an_own_label=\"}} 7\",{rest}");
        assert_eq!(DcgmLine::read(again.as_bytes()), Some(told));
    }
});
