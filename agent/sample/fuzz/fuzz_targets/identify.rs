//! Any path is a container's or nobody's; what is found is in the path, and found again from its own folder.
#![no_main]

use kubeopt_sample::{ContainerId, PodUid, identify, identify_pod};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|path: &str| {
    let Some(found) = identify(path) else { return };
    assert_eq!(identify(&path[..found.folder_len]), Some(found));
    assert_eq!(identify_pod(path), Some((found.pod_uid, found.qos)));
    let (id, uid) = (found.container_id.to_string(), found.pod_uid.to_string());
    assert!(path.contains(&id));
    assert!(path.replace('_', "-").contains(&uid));
    assert_eq!(ContainerId::parse(&id), Some(found.container_id));
    assert_eq!(PodUid::parse(&uid), Some(found.pod_uid));
});
