//! What is played is read back as it was counted, in every layout and over lives.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use kubeopt_player::{Account, Container, Layout, Load, PERIOD_MS, Player, Point, synthetic};
use kubeopt_sample::{
    Bound, CgroupMode, ContainerPath, Counters, Life, RootSeen, Sample, StatFile, Tree, identify,
};
use proptest::prelude::*;

fn seen(root: &Path) -> Option<CgroupMode> {
    let controllers = fs::read(root.join("cgroup.controllers")).ok();
    RootSeen {
        controllers: controllers.as_deref(),
        has_v1: root.join("memory").is_dir(),
        has_unified: root.join("unified/cgroup.controllers").exists(),
    }
    .mode()
}

/// Containers below a folder, as a reader walks: not into a container.
fn walk(root: &Path, at: &str, found: &mut Vec<(String, ContainerPath)>) {
    if let Some(container) = identify(at) {
        found.push((at.to_owned(), container));
        return;
    }
    for entry in fs::read_dir(root.join(at)).expect("a folder").map(|entry| entry.expect("an entry")) {
        if entry.file_type().expect("a type").is_dir() {
            let name = entry.file_name().into_string().expect("a name in UTF-8");
            walk(root, &if at.is_empty() { name } else { format!("{at}/{name}") }, found);
        }
    }
}

fn read(root: &Path, mode: CgroupMode, folder: &str) -> Counters {
    let mut counters = Counters::default();
    for file in StatFile::of(mode) {
        match fs::read(root.join(file.tree().folder()).join(folder).join(file.name())) {
            Ok(bytes) => assert_eq!(counters.read(*file, &bytes), 0, "{file:?}"),
            Err(_) => counters.missing(*file),
        }
    }
    counters
}

fn check(container: &Container, account: &Account, counters: &Counters, mode: CgroupMode) {
    let told = |bound: Option<u64>| Some(bound.map_or(Bound::Unlimited, Bound::At));
    assert_eq!(counters.cpu_used_us, Some(account.cpu_used_us));
    assert_eq!(counters.quota_millicores(), told(container.quota_millicores));
    assert_eq!(counters.memory_limit_bytes, told(container.limit_bytes));
    assert_eq!(counters.working_set_bytes(), Some(account.working_set_bytes));
    assert_eq!(counters.anon_bytes, Some(account.working_set_bytes));
    assert_eq!(counters.memory_peak_bytes, Some(account.memory_peak_bytes));
    assert_eq!(counters.oom_kills, Some(account.oom_kills));
    if container.quota_millicores.is_some() || mode != CgroupMode::V2 {
        assert_eq!(counters.cfs_periods, Some(account.cfs_periods));
        assert_eq!(counters.cfs_periods_throttled, Some(account.cfs_periods_throttled));
        assert_eq!(counters.cpu_throttled_us, Some(account.cpu_throttled_us));
    } else {
        assert_eq!((counters.cfs_periods, counters.cpu_throttled_us), (None, None));
    }
    let waited = (mode != CgroupMode::V1).then_some(account.cpu_waited_us);
    assert_eq!(counters.cpu_waited_us, waited);
    assert_eq!(counters.memory_waited_us, waited.map(|_| account.memory_waited_us));
}

#[test]
fn every_layout_is_read_back_as_it_was_counted() {
    for layout in Layout::ALL {
        let folder = tempfile::tempdir().unwrap();
        let mut player = Player::new(folder.path(), layout, synthetic::containers(25, 7)).unwrap();
        assert_eq!(seen(folder.path()), Some(layout.mode()), "{layout:?}");
        for to_ms in [0, 10_000, 11_000, 600_000] {
            player.advance(to_ms).unwrap();
            let tree = StatFile::of(layout.mode())[0].tree();
            let mut found = Vec::new();
            let root = folder.path().join(tree.folder());
            walk(&root, "", &mut found);
            assert_eq!(found.len(), 25, "{layout:?}");
            for (at, container) in player.containers().enumerate() {
                let path = layout.folder(container);
                let (_, identity) = found.iter().find(|(folder, _)| *folder == path).unwrap();
                assert_eq!(
                    (identity.pod_uid, identity.container_id),
                    (container.pod_uid, container.container_id)
                );
                let counters = read(folder.path(), layout.mode(), &path);
                check(container, player.account(at).unwrap(), &counters, layout.mode());
            }
        }
        let throttled = (0..25).filter(|at| player.account(*at).unwrap().cfs_periods_throttled > 0).count();
        assert!(throttled > 3, "{throttled} of 25 were held back in ten minutes");
    }
}

#[test]
fn vanishing_restarts_and_resets_are_lives_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let mut player = Player::new(folder.path(), Layout::SystemdHybrid, synthetic::containers(3, 1)).unwrap();
    player.advance(60_000).unwrap();
    let paths: Vec<String> = player.containers().map(|found| Layout::SystemdHybrid.folder(found)).collect();
    let names = || {
        let mut found = Vec::new();
        walk(&folder.path().join(Tree::Cpuacct.folder()), "", &mut found);
        found.into_iter().map(|(path, _)| path).collect::<BTreeSet<String>>()
    };
    assert_eq!(names().len(), 3);
    player.vanish(0).unwrap();
    assert_eq!(names(), BTreeSet::from([paths[1].clone(), paths[2].clone()]));
    let gone = read(folder.path(), CgroupMode::Hybrid, &paths[0]);
    assert_eq!(gone, Counters::default());

    player.restart(1, synthetic::ids(9, 9).1).unwrap();
    assert!(!names().contains(&paths[1]) && names().len() == 2);

    let before = read(folder.path(), CgroupMode::Hybrid, &paths[2]);
    player.reset(2).unwrap();
    player.advance(61_000).unwrap();
    let after = read(folder.path(), CgroupMode::Hybrid, &paths[2]);
    let sample = Sample::between(&before, &after, Duration::from_secs(1));
    assert_eq!((sample.life, sample.cpu_used_us), (Life::New, Some(player.account(2).unwrap().cpu_used_us)));
}

#[test]
fn an_open_file_shows_what_is_new_also_when_it_gets_shorter() {
    use std::os::unix::fs::FileExt;
    let folder = tempfile::tempdir().unwrap();
    let (pod_uid, container_id) = synthetic::ids(1, 1);
    let point = |from_ms, memory_bytes| Point { from_ms, cpu_millicores: 1, memory_bytes, burst: None };
    let load = Load::Points(vec![point(0, 1 << 40), point(1000, 5)]);
    let container = Container { pod_uid, container_id, quota_millicores: None, limit_bytes: None, load };
    let path = folder.path().join(Layout::CgroupfsV2.folder(&container)).join("memory.stat");
    let mut player = Player::new(folder.path(), Layout::CgroupfsV2, vec![container]).unwrap();
    player.advance(1000).unwrap();
    let open = fs::File::open(path).unwrap();
    let mut counters = Counters::default();
    for anon in [1 << 40, 5] {
        let mut buffer = [0; 4096];
        let length = open.read_at(&mut buffer, 0).unwrap();
        assert_eq!(counters.read(StatFile::MemoryStat, &buffer[..length]), 0);
        assert_eq!(counters.anon_bytes, Some(anon));
        player.advance(2000).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn however_time_is_cut_the_counts_are_the_same(
        seed in 0..1000_u64, cuts in prop::collection::btree_set(0..30_000_u64, 0..6),
    ) {
        let end = 30_000;
        let play = |times: Vec<u64>| {
            let folder = tempfile::tempdir().unwrap();
            let mut player =
                Player::new(folder.path(), Layout::CgroupfsV2, synthetic::containers(3, seed)).unwrap();
            for to_ms in times {
                player.advance(to_ms).unwrap();
            }
            (0..3).map(|at| *player.account(at).unwrap()).collect::<Vec<Account>>()
        };
        let cut = play(cuts.into_iter().chain([end]).collect());
        prop_assert_eq!(&cut, &play(vec![end]));
        for (account, container) in cut.iter().zip(synthetic::containers(3, seed)) {
            let most = container.quota_millicores.map(|quota| quota * PERIOD_MS * (end / PERIOD_MS));
            prop_assert!(most.is_none_or(|most| account.cpu_used_us <= most));
        }
    }
}
