//! What GPUs did since the last batch: by device and by who uses it, however often it was looked at.

use std::collections::BTreeMap;

use kubeopt_proto::{GPUS_MAX, GpuUse, is_gpu_id, is_object_name};
use kubeopt_sample::{CharDevice, ContainerPath};

/// Who uses a GPU.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum User {
    /// Nobody here can say.
    #[default]
    Unknown,
    /// The one container that was given it.
    Given(Given),
    /// Who an exporter says it is.
    Named(Named),
}

/// A container by its cgroup.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Given {
    pod_uid: String,
    container_id: String,
}

/// A container by its names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Named {
    pub(crate) namespace: String,
    pub(crate) pod: String,
    pub(crate) container: String,
    /// Empty where it is not told.
    pub(crate) pod_uid: String,
}

impl User {
    /// None of these names where one of them is none that an object may have.
    pub(crate) fn named(named: Named) -> Self {
        let names = [&named.namespace, &named.pod, &named.container];
        if !names.iter().all(|name| is_object_name(name)) {
            return Self::Unknown;
        }
        let is_uid =
            named.pod_uid.len() <= kubeopt_proto::POD_UID_BYTES_MAX && is_object_name(&named.pod_uid);
        let pod_uid = if is_uid { named.pod_uid } else { String::new() };
        Self::Named(Named { pod_uid, ..named })
    }
}

/// One look at a GPU; none where it does not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Look {
    /// Of the time, in thousandths.
    pub(crate) busy_permille: Option<u32>,
    pub(crate) memory_used_bytes: Option<u64>,
    pub(crate) memory_total_bytes: Option<u64>,
}

#[derive(Debug, Default)]
struct Tally {
    readings: u32,
    busy_sum: u64,
    busy_max: u32,
    memory_max: u64,
    memory_total: u64,
}

/// Looks since the last batch, and which container was given which device.
#[derive(Debug, Default)]
pub(crate) struct Gpus {
    tallies: BTreeMap<(String, User), Tally>,
    /// None where several were.
    given: BTreeMap<CharDevice, Option<Given>>,
    /// Somebody asked whose a device is.
    pub(crate) is_asked: bool,
}

impl Gpus {
    /// Takes a look. What the wire would not take is left out, and so is what there is too much of.
    pub(crate) fn note(&mut self, id: &str, user: User, look: Look) {
        let key = (id.to_owned(), user);
        if !is_gpu_id(id) || (self.tallies.len() >= GPUS_MAX && !self.tallies.contains_key(&key)) {
            return;
        }
        let tally = self.tallies.entry(key).or_default();
        if let Some(busy) = look.busy_permille.filter(|busy| *busy <= 1000) {
            tally.readings += 1;
            tally.busy_sum += u64::from(busy);
            tally.busy_max = tally.busy_max.max(busy);
        }
        let known = |bytes: &u64| *bytes <= MEMORY_MAX;
        let used = look.memory_used_bytes.filter(known).unwrap_or(0);
        tally.memory_max = tally.memory_max.max(used);
        tally.memory_total = tally.memory_total.max(look.memory_total_bytes.filter(known).unwrap_or(0));
    }

    /// What was seen since the last time.
    pub(crate) fn take(&mut self) -> Vec<GpuUse> {
        std::mem::take(&mut self.tallies)
            .into_iter()
            .map(|((id, user), tally)| tally.tell(id, user))
            .collect()
    }

    /// Whose a device is: of the one container that was given it.
    pub(crate) fn user_of(&mut self, device: CharDevice) -> User {
        self.is_asked = true;
        self.given.get(&device).cloned().flatten().map_or(User::Unknown, User::Given)
    }

    /// Forgets who was given what.
    pub(crate) fn forget_given(&mut self) {
        self.given.clear();
    }

    /// Notes that a container was given a device.
    pub(crate) fn give(&mut self, device: CharDevice, to: &ContainerPath) {
        let to = Given { pod_uid: to.pod_uid.to_string(), container_id: to.container_id.to_string() };
        let known = self.given.entry(device).or_insert_with(|| Some(to.clone()));
        if known.as_ref() != Some(&to) {
            *known = None;
        }
    }
}

/// 16 PiB: more is no GPU's.
const MEMORY_MAX: u64 = 1 << 54;

impl Tally {
    fn tell(self, id: String, user: User) -> GpuUse {
        let mean = self.busy_sum.checked_div(self.readings.into()).unwrap_or(0);
        // Not each look has both.
        let most = if self.memory_total == 0 { u64::MAX } else { self.memory_total };
        let told = GpuUse {
            id,
            readings: self.readings,
            busy_mean_permille: u32::try_from(mean).unwrap_or(0),
            busy_max_permille: self.busy_max,
            memory_used_max_bytes: self.memory_max.min(most),
            memory_total_bytes: self.memory_total,
            ..GpuUse::default()
        };
        match user {
            User::Unknown => told,
            User::Given(Given { pod_uid, container_id }) => GpuUse { pod_uid, container_id, ..told },
            User::Named(Named { namespace, pod, container, pod_uid }) => {
                GpuUse { namespace, pod, container, pod_uid, ..told }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use kubeopt_proto::{Batch, check};
    use kubeopt_sample::identify;

    use super::*;

    fn busy(permille: u32) -> Look {
        Look { busy_permille: Some(permille), ..Look::default() }
    }

    #[test]
    fn a_device_of_one_container_is_its_and_one_of_several_is_nobodys() {
        let container = |digit: &str| {
            let path = format!("/kubepods/pod1858680e-b044-4fd5-9dd4-f137e30e2180/{}", digit.repeat(64));
            identify(&path).unwrap()
        };
        let mut gpus = Gpus::default();
        let device = |minor| CharDevice { major: 226, minor };
        gpus.give(device(128), &container("a"));
        gpus.give(device(128), &container("a"));
        gpus.give(device(129), &container("a"));
        gpus.give(device(129), &container("b"));
        let User::Given(given) = gpus.user_of(device(128)) else { panic!("it is one's") };
        assert_eq!(given.container_id, "a".repeat(64));
        assert_eq!([129, 130].map(|minor| gpus.user_of(device(minor))), [User::Unknown, User::Unknown]);
        gpus.forget_given();
        assert_eq!(gpus.user_of(device(128)), User::Unknown);
    }

    #[test]
    fn what_is_told_is_what_the_wire_takes() {
        let mut gpus = Gpus::default();
        for n in 0..2 * GPUS_MAX {
            gpus.note(&format!("GPU-{n}"), User::Unknown, busy(10));
        }
        let hostile = Named {
            namespace: "ml".to_owned(),
            pod: "a b\n".to_owned(),
            container: "c".repeat(300),
            pod_uid: "x".repeat(300),
        };
        gpus.note("GPU-0", User::named(hostile.clone()), busy(1001));
        let fine = Named { pod: "train-0".to_owned(), container: "main".to_owned(), ..hostile };
        gpus.take();
        gpus.note("GPU-0\u{1b}", User::Unknown, busy(1));
        for permille in [100, 400, 1001] {
            gpus.note("GPU-0", User::named(fine.clone()), busy(permille));
        }
        let used = Look { memory_used_bytes: Some(5), memory_total_bytes: Some(3), ..Look::default() };
        gpus.note("GPU-0", User::named(fine), used);
        let told = gpus.take();
        assert_eq!(told.len(), 1, "{told:?}");
        let one = &told[0];
        assert_eq!((one.readings, one.busy_mean_permille, one.busy_max_permille), (2, 250, 400));
        assert_eq!((one.pod.as_str(), one.pod_uid.as_str()), ("train-0", ""));
        let batch = Batch {
            boot_id: "b".to_owned(),
            seq: 1,
            step_ms: 10_000,
            steps: 6,
            gpus: told,
            ..Batch::default()
        };
        assert_eq!(check(&batch), Ok(()));
        assert_eq!(gpus.take(), []);
    }
}
