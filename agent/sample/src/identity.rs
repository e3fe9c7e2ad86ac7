//! Which container a cgroup path belongs to.
//!
//! Kubelets, cgroup drivers and runtimes write the same two facts in many ways, below roots of any depth. So the facts are
//! looked for wherever they stand: a pod's UID behind `pod`, below something named `kubepods`; then, in the same folder name
//! or a deeper one, the 64 hexadecimal digits of a container id. What lies below a container belongs to it: its counters
//! include it.

use std::fmt;

/// A pod's UID, as the API server writes it; of a static pod the kubelet's hash, which the API server shows in the
/// annotation `kubernetes.io/config.hash`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PodUid {
    bits: u128,
    is_hash: bool,
}

impl PodUid {
    /// `8-4-4-4-12` hexadecimal digits with `-` or `_` between them, or 32 digits without. Nothing else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (uid, length) = Self::leading(text.as_bytes())?;
        (length == text.len()).then_some(uid)
    }

    /// The UID that `bytes` begin with, and its length.
    fn leading(bytes: &[u8]) -> Option<(Self, usize)> {
        const DASHED: usize = 36;
        const HASH: usize = 32;
        let ends = |length: usize| bytes.get(length).is_none_or(|byte| !byte.is_ascii_alphanumeric());
        if let Some(text) = bytes.get(..DASHED).filter(|_| ends(DASHED)) {
            let separator = text[8];
            let is_dashed =
                matches!(separator, b'-' | b'_') && [13, 18, 23].iter().all(|at| text[*at] == separator);
            let digits = text.iter().enumerate().filter(|(at, _)| ![8, 13, 18, 23].contains(at));
            if is_dashed && let Some(bits) = hex(digits.map(|(_, byte)| *byte)) {
                return Some((Self { bits, is_hash: false }, DASHED));
            }
        }
        let text = bytes.get(..HASH).filter(|_| ends(HASH))?;
        Some((Self { bits: hex(text.iter().copied())?, is_hash: true }, HASH))
    }
}

impl fmt::Display for PodUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.bits;
        if self.is_hash {
            return write!(f, "{bits:032x}");
        }
        let part = |shift: u32, digits: u32| (bits >> shift) & ((1_u128 << (digits * 4)) - 1);
        let parts = [part(96, 8), part(80, 4), part(64, 4), part(48, 4), part(0, 12)];
        let [a, b, c, d, e] = parts;
        write!(f, "{a:08x}-{b:04x}-{c:04x}-{d:04x}-{e:012x}")
    }
}

/// A container's id: 64 hexadecimal digits, kept as 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContainerId {
    high: u128,
    low: u128,
}

impl ContainerId {
    const DIGITS: usize = 64;

    /// 64 lower-case hexadecimal digits, and nothing else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::of(text.as_bytes())
    }

    fn of(bytes: &[u8]) -> Option<Self> {
        let (high, low) = bytes.split_at_checked(Self::DIGITS / 2)?;
        if low.len() != Self::DIGITS / 2 {
            return None;
        }
        Some(Self { high: hex(high.iter().copied())?, low: hex(low.iter().copied())? })
    }

    /// 64 bits of it, which are as random as the id is.
    pub(crate) fn bits(&self) -> u64 {
        let low = self.low ^ self.high;
        u64::try_from((low >> 64) ^ (low & u128::from(u64::MAX))).unwrap_or_default()
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}{:032x}", self.high, self.low)
    }
}

fn hex(digits: impl Iterator<Item = u8>) -> Option<u128> {
    let mut bits = 0_u128;
    for digit in digits {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        bits = (bits << 4) | u128::from(value);
    }
    Some(bits)
}

/// The class that a pod's requests and limits put it in, as its folder tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Qos {
    /// No folder of a class: requests equal limits.
    Guaranteed,
    /// Some requests.
    Burstable,
    /// None.
    BestEffort,
}

/// What a path tells of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContainerPath {
    /// Its pod.
    pub pod_uid: PodUid,
    /// Itself.
    pub container_id: ContainerId,
    /// Its pod's class.
    pub qos: Qos,
    /// How many bytes of the path lead to the container's own folder: fewer than all where the path goes on below it.
    pub folder_len: usize,
}

/// The container that a folder belongs to. Nothing for a pod's own folder, for the monitors that CRI-O and Podman keep
/// beside containers, and for what is no pod's. Sandboxes (pause containers) look like containers here; only who knows
/// the pod can tell.
#[must_use]
pub fn identify(path: &str) -> Option<ContainerPath> {
    let (pod_uid, qos, mut at) = pod(path)?;
    let bytes = path.as_bytes();
    loop {
        let end = bytes[at..].iter().position(|byte| matches!(byte, b'/' | b':')).map(|length| at + length);
        let name = &path[at..end.unwrap_or(path.len())];
        if let Some(container_id) = container(name) {
            let folder_len = path[at..].find('/').map_or(path.len(), |length| at + length);
            return Some(ContainerPath { pod_uid, container_id, qos, folder_len });
        }
        at = end? + 1;
    }
}

/// The pod that a folder belongs to, be it the pod's own or one below it.
#[must_use]
pub fn identify_pod(path: &str) -> Option<(PodUid, Qos)> {
    pod(path).map(|(uid, qos, _)| (uid, qos))
}

/// The first pod of a path, its class, and where the text behind its UID begins.
fn pod(path: &str) -> Option<(PodUid, Qos, usize)> {
    const POD: &str = "pod";
    let root = path.find("kubepods")?;
    path[root..].match_indices(POD).find_map(|(at, _)| {
        let begin = root + at + POD.len();
        let (uid, length) = PodUid::leading(&path.as_bytes()[begin..])?;
        let above = &path[root..begin];
        let qos = if above.contains("besteffort") {
            Qos::BestEffort
        } else if above.contains("burstable") {
            Qos::Burstable
        } else {
            Qos::Guaranteed
        };
        Some((uid, qos, begin + length))
    })
}

/// `ID`, `RUNTIME-ID`, `RUNTIME-ID.scope`.
fn container(name: &str) -> Option<ContainerId> {
    let name = name.strip_suffix(".scope").unwrap_or(name);
    let (runtime, id) = name.rsplit_once('-').unwrap_or(("", name));
    if runtime.contains("conmon") {
        return None;
    }
    ContainerId::parse(id)
}
