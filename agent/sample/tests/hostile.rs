//! Any bytes, any counters, any path: no panic, no number that was not there, nothing negative.

use std::time::Duration;

use kubeopt_sample::{
    Bound, CORES_MAX, CgroupMode, ContainerId, Counters, Heat, Life, PodUid, Sample, StatFile, identify,
};
use proptest::prelude::*;

const MODES: [CgroupMode; 3] = [CgroupMode::V1, CgroupMode::V2, CgroupMode::Hybrid];

fn any_file() -> impl Strategy<Value = StatFile> {
    let all: Vec<StatFile> = MODES.iter().flat_map(|mode| StatFile::of(*mode)).copied().collect();
    prop::sample::select(all)
}

/// Text that looks like a cgroup file more often than bytes do.
fn alike() -> impl Strategy<Value = Vec<u8>> {
    let word = prop::sample::select(vec![
        "usage_usec",
        "nr_periods",
        "nr_throttled",
        "throttled_usec",
        "throttled_time",
        "anon",
        "inactive_file",
        "total_rss",
        "total_inactive_file",
        "oom_kill",
        "under_oom",
        "some",
        "full",
        "total=",
        "rbytes=",
        "wbytes=",
        "8:0",
        "Read",
        "Write",
        "Total",
        "max",
        "-1",
        "=",
        "9223372036854771712",
        "18446744073709551615",
        "007",
    ]);
    let token = prop_oneof![
        4 => word.prop_map(|word| word.as_bytes().to_vec()),
        3 => any::<u64>().prop_map(|number| number.to_string().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ];
    let gap = prop::sample::select(vec![" ", "\n", "", "  ", "\t"]);
    prop::collection::vec((token, gap), 0..24).prop_map(|parts| {
        parts.into_iter().flat_map(|(token, gap)| [token, gap.as_bytes().to_vec()].concat()).collect()
    })
}

fn any_counters() -> impl Strategy<Value = Counters> {
    let value = || prop_oneof![Just(None), (0..2000_u64).prop_map(Some), any::<u64>().prop_map(Some)];
    prop::collection::vec(value(), 16).prop_map(|values| Counters {
        cpu_used_us: values[0],
        cfs_periods: values[1],
        cfs_periods_throttled: values[2],
        cpu_throttled_us: values[3],
        cfs_quota_us: values[4].map(Bound::At),
        cfs_period_us: values[5],
        memory_bytes: values[6],
        inactive_file_bytes: values[7],
        anon_bytes: values[8],
        memory_limit_bytes: values[9].map(Bound::At),
        memory_peak_bytes: values[10],
        oom_kills: values[11],
        cpu_waited_us: values[12],
        memory_waited_us: values[13],
        io_waited_us: values[14],
        io_read_bytes: values[15],
        io_written_bytes: values[0],
        pids: values[1],
    })
}

/// The numbers that a file told, without sums.
fn told(counters: &Counters) -> Vec<u64> {
    [
        counters.cfs_periods,
        counters.cfs_periods_throttled,
        counters.cfs_quota_us.and_then(Bound::at),
        counters.cfs_period_us,
        counters.memory_bytes,
        counters.inactive_file_bytes,
        counters.anon_bytes,
        counters.memory_limit_bytes.and_then(Bound::at),
        counters.memory_peak_bytes,
        counters.oom_kills,
        counters.cpu_waited_us,
        counters.memory_waited_us,
        counters.io_waited_us,
        counters.pids,
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn is_written_in(number: u64, text: &str) -> bool {
    let is_digit = |c: char| c.is_ascii_digit();
    text.split(|c: char| !is_digit(c)).any(|digits| digits.parse() == Ok(number))
}

proptest! {
    #[test]
    fn no_number_that_was_not_there(file in any_file(), bytes in alike()) {
        let mut counters = Counters::default();
        counters.read(file, &bytes);
        let text = String::from_utf8_lossy(&bytes);
        for number in told(&counters) {
            prop_assert!(is_written_in(number, &text), "{} of {:?} in {:?}", number, file, text);
        }
    }

    #[test]
    fn a_cut_file_tells_less_and_nothing_else(file in any_file(), bytes in alike(), cut in any::<prop::sample::Index>()) {
        let (mut whole, mut part) = (Counters::default(), Counters::default());
        whole.read(file, &bytes);
        part.read(file, &bytes[..cut.index(bytes.len() + 1)]);
        let all = told(&whole);
        // One line less may uncover no other value: the first line of a key counts.
        prop_assert!(told(&part).iter().all(|number| all.contains(number)));
    }

    #[test]
    fn reading_again_leaves_nothing_of_before(file in any_file(), first in alike(), second in alike()) {
        let (mut fresh, mut used) = (Counters::default(), Counters::default());
        used.read(file, &first);
        let counted = used.read(file, &second);
        prop_assert_eq!(fresh.read(file, &second), counted);
        prop_assert_eq!(fresh, used);
    }

    #[test]
    fn samples_are_never_negative_nor_faster_than_a_machine(
        before in any_counters(), after in any_counters(), span_ms in 0..120_000_u64,
    ) {
        let sample = Sample::between(&before, &after, Duration::from_millis(span_ms));
        for (grown, before, after) in [
            (sample.cpu_used_us, before.cpu_used_us, after.cpu_used_us),
            (sample.cfs_periods, before.cfs_periods, after.cfs_periods),
            (sample.oom_kills, before.oom_kills, after.oom_kills),
            (sample.io_read_bytes, before.io_read_bytes, after.io_read_bytes),
        ] {
            let Some(grown) = grown else { continue };
            let (before, after) = (before.unwrap(), after.unwrap());
            match sample.life {
                Life::Same => prop_assert_eq!(before + grown, after),
                Life::New => prop_assert_eq!(grown, after),
            }
        }
        prop_assert!(sample.cpu_millicores().is_none_or(|millicores| millicores <= CORES_MAX * 1000));
        prop_assert!(sample.working_set_bytes <= after.memory_bytes);
        let _ = Heat::of(&sample, &after);
    }

    #[test]
    fn any_path_is_a_container_or_none(path in "(/|[a-z0-9_:.-]{0,20}|kubepods|pod|[0-9a-f]{64}|[0-9a-f]{32}|\\PC){0,12}") {
        if let Some(found) = identify(&path) {
            prop_assert_eq!(identify(&path[..found.folder_len]), Some(found));
            prop_assert!(path.contains(&found.container_id.to_string()));
        }
    }

    #[test]
    fn ids_read_as_they_are_written(uid in "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}", id in "[0-9a-f]{64}") {
        prop_assert_eq!(PodUid::parse(&uid).unwrap().to_string(), uid.clone());
        prop_assert_eq!(PodUid::parse(&uid.replace('-', "_")), PodUid::parse(&uid));
        prop_assert_eq!(ContainerId::parse(&id).unwrap().to_string(), id);
    }
}

#[test]
fn a_counter_that_falls_is_a_new_life() {
    let reading = |cpu, kills, io| Counters {
        cpu_used_us: Some(cpu),
        oom_kills: Some(kills),
        io_read_bytes: Some(io),
        memory_peak_bytes: Some(cpu),
        ..Counters::default()
    };
    let ten = Duration::from_secs(10);
    let again = Sample::between(&reading(5_000_000, 3, 9), &reading(400_000, 1, 2), ten);
    assert_eq!((again.life, again.cpu_used_us, again.oom_kills), (Life::New, Some(400_000), Some(1)));
    assert_eq!((again.cpu_millicores(), again.memory_peak_bytes), (Some(40), Some(400_000)));
    // A device that goes takes its bytes along, and the container lives on.
    let unplugged = Sample::between(&reading(5_000_000, 3, 9), &reading(6_000_000, 3, 2), ten);
    assert_eq!((unplugged.life, unplugged.io_read_bytes), (Life::Same, None));
    // A counter that was wrong once does not become usage when it is right again.
    let glitch = Sample::between(&reading(0, 0, 0), &reading(u64::MAX, 0, 0), ten);
    assert_eq!((glitch.cpu_used_us, glitch.cpu_millicores()), (None, None));
    let unread = Sample::between(&Counters::default(), &reading(1, 1, 1), ten);
    assert_eq!((unread.life, unread.cpu_used_us, unread.oom_kills), (Life::Same, None, None));
    let no_time = Sample::between(&reading(1, 0, 0), &reading(1, 0, 0), Duration::ZERO);
    assert_eq!(no_time.cpu_millicores(), None);
}

#[test]
fn who_is_no_container_of_a_pod_is_nobody() {
    let (uid, id) = ("1858680e-b044-4fd5-9dd4-f137e30e2180", "a".repeat(64));
    for path in [
        format!("/kubepods/burstable/pod{uid}"),
        format!("/kubepods/burstable/pod{uid}/{}", &id[..63]),
        format!("/kubepods/burstable/pod{uid}/{id}a"),
        format!("/kubepods/burstable/pod{uid}/{}", id.to_uppercase()),
        format!("/kubepods/burstable/pod{uid}a/{id}"),
        format!("/kubepods/burstable/pod1858680e-b044_4fd5-9dd4-f137e30e2180/{id}"),
        format!("/kubepods.slice/kubepods-pod{uid}.slice/crio-conmon-{id}.scope"),
        format!("/docker/{id}"),
        format!("/machine.slice/libpod-{id}.scope"),
        format!("/user.slice/pod{uid}/{id}"),
        String::new(),
    ] {
        assert_eq!(identify(&path), None, "{path}");
    }
    // A container in which another kubelet runs owns all that is below it.
    let outer = format!("/kubepods/pod{uid}/{id}");
    let inner = format!("{outer}/kubepods/besteffort/pod{}/{}", uid.replace('1', "2"), "b".repeat(64));
    let found = identify(&inner).unwrap();
    assert_eq!((found, found.folder_len), (identify(&outer).unwrap(), outer.len()));
}
