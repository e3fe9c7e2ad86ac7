//! Connections on which nobody has proved a node yet: so many of all and of one address. Where they are full, one that is there
//! goes when another comes, since an agent proves its node within moments. Knows nothing of what a proof is.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// How many there may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    pub(crate) of_all: usize,
    pub(crate) of_address: usize,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Unproven {
    room: Room,
    held: Arc<Mutex<Held>>,
}

#[derive(Debug, Default)]
struct Held {
    /// The number of the next one: they rise with time.
    next: u64,
    count: usize,
    by_address: HashMap<IpAddr, BTreeMap<u64, Entry>>,
}

#[derive(Debug)]
struct Entry {
    waiting: Arc<AtomicUsize>,
    displace: oneshot::Sender<()>,
}

/// What came of the calls of a connection. It is among the unproven until a call is let in, or this is dropped.
#[derive(Debug)]
pub(crate) struct Standing {
    number: u64,
    address: IpAddr,
    held: Arc<Mutex<Held>>,
    known: AtomicBool,
    /// Calls whose caller is being asked for.
    waiting: Arc<AtomicUsize>,
}

/// Told when a connection has to go; never where it proved a node.
pub(crate) type Displaced = oneshot::Receiver<()>;

/// A call whose caller is being asked for, until it is dropped.
pub(crate) struct Waiting(Arc<AtomicUsize>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a new connection meets.
pub(crate) struct Entered {
    pub(crate) standing: Standing,
    pub(crate) displaced: Displaced,
    /// Whose connection went for it.
    pub(crate) instead_of: Option<IpAddr>,
}

impl Unproven {
    pub(crate) fn new(room: Room) -> Self {
        Self { room, held: Arc::default() }
    }

    /// One more. Where its address has all that it may, the oldest of that address goes; where there are too many in all,
    /// see [`Self::make_room`]. None where all of them wait for an answer that is not theirs to give.
    pub(crate) fn enter(&self, address: IpAddr) -> Option<Entered> {
        let mut held = lock(&self.held);
        let instead_of = if held.by_address.get(&address).map_or(0, BTreeMap::len) >= self.room.of_address {
            Some(held.displace_of(address)?)
        } else if held.count >= self.room.of_all {
            Some(held.displace_any()?)
        } else {
            None
        };
        let number = held.next;
        held.next += 1;
        held.count += 1;
        let waiting = Arc::<AtomicUsize>::default();
        let (displace, displaced) = oneshot::channel();
        let entry = Entry { waiting: Arc::clone(&waiting), displace };
        held.by_address.entry(address).or_default().insert(number, entry);
        let known = AtomicBool::new(false);
        let standing = Standing { number, address, held: Arc::clone(&self.held), known, waiting };
        Some(Entered { standing, displaced, instead_of })
    }

    /// The oldest goes, of the address that has the most: who floods loses his own. Gives whose it was.
    pub(crate) fn make_room(&self) -> Option<IpAddr> {
        lock(&self.held).displace_any()
    }
}

impl Held {
    fn displace_any(&mut self) -> Option<IpAddr> {
        let addresses = self.by_address.iter().filter_map(|(address, entries)| {
            let mut idle = entries.iter().filter(|(_, entry)| entry.is_idle());
            let (oldest, _) = idle.next()?;
            Some((1 + idle.count(), Reverse(*oldest), *address))
        });
        let (_, _, address) = addresses.max()?;
        self.displace_of(address)
    }

    fn displace_of(&mut self, address: IpAddr) -> Option<IpAddr> {
        let mut entries = self.by_address.get(&address)?.iter();
        let number = entries.find_map(|(number, entry)| entry.is_idle().then_some(*number))?;
        let entry = self.remove(address, number)?;
        // It may have ended at this moment.
        let _ = entry.displace.send(());
        Some(address)
    }

    fn remove(&mut self, address: IpAddr, number: u64) -> Option<Entry> {
        let entries = self.by_address.get_mut(&address)?;
        let entry = entries.remove(&number)?;
        if entries.is_empty() {
            self.by_address.remove(&address);
        }
        self.count -= 1;
        Some(entry)
    }
}

impl Entry {
    /// Whether it waits for nobody but its own caller.
    fn is_idle(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) == 0
    }
}

impl Standing {
    /// A call was let in: the connection may last.
    pub(crate) fn let_in(&self) {
        if !self.known.swap(true, Ordering::Relaxed) {
            lock(&self.held).remove(self.address, self.number);
        }
    }

    /// Whether a call was let in.
    pub(crate) fn is_known(&self) -> bool {
        self.known.load(Ordering::Relaxed)
    }

    /// Somebody is asked who calls: meanwhile the connection may last, since it does not wait for the caller.
    pub(crate) fn wait(&self) -> Waiting {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Waiting(Arc::clone(&self.waiting))
    }

    /// Whether somebody is asked.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        lock(&self.held).remove(self.address, self.number);
    }
}

fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    // Nothing can panic while it is held.
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn address(last: u8) -> IpAddr {
        Ipv4Addr::new(10, 0, 0, last).into()
    }

    fn went(entered: &mut Entered) -> bool {
        entered.displaced.try_recv().is_ok()
    }

    #[test]
    fn the_oldest_of_an_address_that_has_its_share_goes_and_no_other() {
        let unproven = Unproven::new(Room { of_all: 100, of_address: 2 });
        let enter = |last| unproven.enter(address(last)).expect("room");
        let (mut other, mut first, mut second) = (enter(2), enter(1), enter(1));
        let third = enter(1);
        assert_eq!(third.instead_of, Some(address(1)));
        assert_eq!([&mut other, &mut first, &mut second].map(went), [false, true, false]);
        drop(second);
        assert_eq!(enter(1).instead_of, None, "what ended by itself left its place");
    }

    #[test]
    fn where_all_are_full_who_has_the_most_loses_one() {
        let unproven = Unproven::new(Room { of_all: 4, of_address: 3 });
        let enter = |last| unproven.enter(address(last)).expect("room");
        let (mut honest, mut flood) = (enter(1), [enter(2), enter(2), enter(2)]);
        assert_eq!(enter(3).instead_of, Some(address(2)));
        assert!(went(&mut flood[0]) && !went(&mut flood[1]) && !went(&mut honest));
        assert_eq!(unproven.make_room(), Some(address(2)));
        // Nobody has more than another: the oldest of all.
        assert_eq!(unproven.make_room(), Some(address(1)));
        assert!(went(&mut honest));
    }

    #[test]
    fn who_proved_a_node_is_never_displaced_and_takes_no_place() {
        let unproven = Unproven::new(Room { of_all: 2, of_address: 2 });
        let mut proven: Vec<Entered> = Vec::new();
        for _ in 0..10 {
            let entered = unproven.enter(address(1)).expect("room");
            assert_eq!(entered.instead_of, None);
            entered.standing.let_in();
            proven.push(entered);
        }
        assert_eq!(unproven.make_room(), None);
        assert!(!proven.iter_mut().any(went));
        assert_eq!(lock(&unproven.held).by_address.len(), 0, "who proved a node is forgotten");
    }

    #[test]
    fn a_call_that_is_being_asked_about_is_not_displaced() {
        let unproven = Unproven::new(Room { of_all: 10, of_address: 1 });
        let mut asked = unproven.enter(address(1)).expect("room");
        let waiting = asked.standing.wait();
        assert!(unproven.enter(address(1)).is_none());
        assert!(unproven.enter(address(2)).is_some());
        drop(waiting);
        assert!(unproven.enter(address(1)).is_some() && went(&mut asked));
    }
}
