//! How many deliveries one peer may send. Given the time; knows no request.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Instant;

/// Deliveries at once: two hundred pull requests that are merged within a minute, each with a push and a comment.
const BURST: f64 = 600.0;

/// And on end, per second.
const PER_SECOND: f64 = 5.0;

/// Peers that are remembered. Forges send from a few addresses, and all of them through one where there is a proxy.
const PEERS_MAX: usize = 10_000;

/// What each peer has left.
#[derive(Debug, Default)]
pub(super) struct Pace(HashMap<IpAddr, Left>);

#[derive(Debug, Clone, Copy)]
struct Left {
    deliveries: f64,
    at: Instant,
}

impl Left {
    fn now(self, now: Instant) -> f64 {
        let seconds = now.saturating_duration_since(self.at).as_secs_f64();
        (self.deliveries + seconds * PER_SECOND).min(BURST)
    }
}

impl Pace {
    /// Whether a peer may send one more; counts it.
    pub(super) fn admits(&mut self, peer: IpAddr, now: Instant) -> bool {
        let peer = whole(peer);
        if !self.0.contains_key(&peer) && self.0.len() >= PEERS_MAX {
            self.forget(now);
        }
        let left = self.0.entry(peer).or_insert(Left { deliveries: BURST, at: now });
        let deliveries = left.now(now);
        let admits = deliveries >= 1.0;
        *left = Left { deliveries: if admits { deliveries - 1.0 } else { deliveries }, at: now };
        admits
    }

    /// Peers that may send all they like again are as good as new ones; where there are none, all are forgotten.
    fn forget(&mut self, now: Instant) {
        self.0.retain(|_, left| left.now(now) < BURST);
        if self.0.len() >= PEERS_MAX {
            self.0.clear();
        }
    }
}

/// One network of IPv6 is one peer: it has as many addresses as it likes.
fn whole(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        IpAddr::V4(address) => IpAddr::V4(address),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn peer(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_peer_has_a_burst_and_then_a_pace_and_others_are_not_held_up_by_it() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        let taken = (0..1000).filter(|_| pace.admits(peer("10.0.0.1"), now)).count();
        assert_eq!(taken, 600);
        assert!(pace.admits(peer("10.0.0.2"), now));
        let later = now + Duration::from_secs(2);
        let taken = (0..100).filter(|_| pace.admits(peer("10.0.0.1"), later)).count();
        assert_eq!(taken, 10);
    }

    #[test]
    fn addresses_of_one_network_and_mapped_ones_are_one_peer() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        for host in 0..600 {
            assert!(pace.admits(peer(&format!("2001:db8::{host:x}")), now));
        }
        assert!(!pace.admits(peer("2001:db8::ffff:1"), now));
        assert!(pace.admits(peer("2001:db8:0:1::1"), now));
        assert_eq!(whole(peer("::ffff:10.0.0.1")), peer("10.0.0.1"));
    }

    #[test]
    fn what_is_remembered_of_peers_has_a_bound() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        for number in 0..30_000_u32 {
            assert!(pace.admits(IpAddr::from(number.to_be_bytes()), now));
        }
        assert!(pace.0.len() <= PEERS_MAX);
    }
}
