//! Free loopback ports.
//!
//! Ports are taken below the range from which the system picks the source
//! ports of outgoing connections, so that a connection of one test does not
//! take the port that a server of another is about to listen on.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{LazyLock, Mutex, PoisonError};

/// Linux picks source ports from 32768 on (`net.ipv4.ip_local_port_range`); well-known servers sit below 20000.
const FIRST: u16 = 20_000;
const LAST: u16 = 32_000;

static GIVEN: LazyLock<Mutex<BTreeSet<u16>>> = LazyLock::new(Mutex::default);

/// A loopback port on which nothing listens now, never given twice by one process.
pub fn free() -> u16 {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let span = u32::from(LAST - FIRST);
    // Test processes that run side by side start at different places.
    let offset = std::process::id().wrapping_mul(2_654_435_761) % span;
    let mut candidates = (0..span).map(|step| FIRST + u16::try_from((offset + step) % span).unwrap_or(0));
    let port = candidates
        .find(|port| !given.contains(port) && TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .expect("one of twelve thousand ports is free");
    given.insert(port);
    port
}
