//! Addresses behind which something failed: they took a TCP connection, and then came no TLS, no upgrade, no Hello.
//!
//! A resolver gives all addresses of a pool, the dead ones among them, in any order. Whether one is alive is known only
//! behind TCP; so what failed there is remembered, and the next attempt, of whichever shard, tries the others first. It
//! is an order and no ban: when the others fail, an address that failed is tried as well.
//!
//! # Invariants
//! * `bounded-memory`: at most [`ADDRESSES_MAX`] addresses, each for [`REMEMBERED`] at the most.

use core::time::Duration;
use portcullis::Timestamp;
use std::collections::VecDeque;
use std::net::SocketAddr;

/// Long enough for a shard's attempts at the others, whose backoff grows to a minute or two; short enough for a host
/// that is restarted.
const REMEMBERED: Duration = Duration::from_secs(5 * 60);
/// More addresses than a gateway and its resume hosts have together. Above it the oldest failure is forgotten.
const ADDRESSES_MAX: usize = 256;

/// Oldest first.
#[derive(Default)]
pub(super) struct FailedAddresses {
    failed: VecDeque<(SocketAddr, Timestamp)>,
}

impl FailedAddresses {
    pub(super) fn note(&mut self, address: SocketAddr, now: Timestamp) {
        self.forget(address);
        if self.failed.len() == ADDRESSES_MAX {
            self.failed.pop_front();
        }
        self.failed.push_back((address, now));
    }

    /// It is alive.
    pub(super) fn forget(&mut self, address: SocketAddr) {
        self.failed.retain(|(failed, _)| *failed != address);
    }

    /// Those of the addresses that did not fail lately in the order in which they came, and those that did, the oldest
    /// failure first.
    pub(super) fn split_by_failure(
        &mut self,
        addresses: &[SocketAddr],
        now: Timestamp,
    ) -> (Vec<SocketAddr>, Vec<SocketAddr>) {
        self.failed.retain(|(_, since)| now - *since < REMEMBERED);
        let failed: Vec<_> =
            self.failed.iter().map(|(failed, _)| *failed).filter(|failed| addresses.contains(failed)).collect();
        let fresh = addresses.iter().copied().filter(|address| !failed.contains(address)).collect();
        (fresh, failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], number))
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn the_oldest_failure_is_tried_first_and_forgotten_in_minutes() {
        let mut failed = FailedAddresses::default();
        let all = [address(1), address(2), address(3)];
        failed.note(address(1), at(0));
        failed.note(address(2), at(10));
        failed.note(address(1), at(20));
        assert_eq!(failed.split_by_failure(&all, at(20)), (vec![address(3)], vec![address(2), address(1)]));
        failed.forget(address(2));
        assert_eq!(failed.split_by_failure(&all, at(20)), (vec![address(2), address(3)], vec![address(1)]));
        assert_eq!(failed.split_by_failure(&all, at(320)), (all.to_vec(), vec![]));
    }

    #[test]
    fn so_many_are_remembered_and_no_more() {
        let mut failed = FailedAddresses::default();
        for number in 0..1000 {
            failed.note(address(number), at(0));
        }
        assert_eq!(failed.failed.len(), ADDRESSES_MAX);
        assert_eq!(failed.split_by_failure(&[address(0), address(999)], at(1)), (vec![address(0)], vec![address(999)]));
    }
}
