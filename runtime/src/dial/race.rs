//! One connection to a host of several addresses: each gets a head start on the next, and the first that answers is
//! taken (RFC 8305). An address family that leads nowhere so costs a moment, not every attempt. Addresses that failed
//! lately, behind a connection that they took, come last.

use super::route::Route;
use crate::runtime::Runtime;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;
use std::net::SocketAddr;

/// How long one address is tried alone. *(source: RFC 8305 §5, Connection Attempt Delay)*
const HEAD_START: Duration = Duration::from_millis(250);
/// More addresses than any gateway has: a resolver's answer must not cost an unlimited number of sockets.
const ADDRESSES_MAX: usize = 16;

/// How long the others are tried alone before an address that failed lately: a working address accepts a connection in
/// less, also when the first packet is lost, which is sent again after 1 s (RFC 6298 §2).
const HEAD_START_OF_FAILED: Duration = Duration::from_secs(2);

/// An address, and what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    address: SocketAddr,
    /// How long those before it are tried without it.
    after: Duration,
}

/// The order in which addresses are tried. When all have failed lately, none is better than another, and each gets the
/// usual head start.
pub(super) fn candidates(fresh: &[SocketAddr], failed: &[SocketAddr]) -> Vec<Candidate> {
    let after = if fresh.is_empty() { HEAD_START } else { HEAD_START_OF_FAILED };
    let fresh = alternating(fresh).into_iter().map(|address| Candidate { address, after: HEAD_START });
    let failed = failed.iter().map(|address| Candidate { address: *address, after });
    fresh.chain(failed).take(ADDRESSES_MAX).collect()
}

pub(super) async fn connect<R: Runtime>(
    runtime: &R,
    candidates: &[Candidate],
    route: &Route,
) -> io::Result<(R::Stream, SocketAddr)> {
    let mut candidates = candidates.iter().peekable();
    let mut race = Race { attempts: Vec::new(), last: None };
    let mut head_start = Box::pin(runtime.sleep_until(runtime.now()));
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(stream) = race.poll(cx) {
                return Poll::Ready(Ok(stream));
            }
            if candidates.peek().is_none() {
                return race.is_lost().map_or(Poll::Pending, |error| Poll::Ready(Err(error)));
            }
            // The first starts at once, and so does the next when all that were started have failed.
            if !race.attempts.is_empty() && head_start.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if let Some(Candidate { address, .. }) = candidates.next().copied() {
                route.trying(address);
                race.attempts.push((address, Box::pin(runtime.connect(address))));
            }
            if let Some(next) = candidates.peek() {
                head_start.set(runtime.sleep_until(runtime.now() + next.after));
            }
        }
    })
    .await
}

struct Race<F> {
    attempts: Vec<(SocketAddr, Pin<Box<F>>)>,
    last: Option<io::Error>,
}

impl<S, F: Future<Output = io::Result<S>>> Race<F> {
    /// The first stream there is; those that failed are out.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<(S, SocketAddr)> {
        let mut won = None;
        let last = &mut self.last;
        self.attempts.retain_mut(|(address, attempt)| {
            if won.is_some() {
                return true;
            }
            match attempt.as_mut().poll(cx) {
                Poll::Pending => true,
                Poll::Ready(Ok(stream)) => {
                    won = Some((stream, *address));
                    false
                }
                Poll::Ready(Err(error)) => {
                    *last = Some(error);
                    false
                }
            }
        });
        won.map_or(Poll::Pending, Poll::Ready)
    }

    /// The last error, when no attempt is left.
    fn is_lost(&mut self) -> Option<io::Error> {
        if self.attempts.is_empty() {
            Some(self.last.take().unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()))
        } else {
            None
        }
    }
}

/// The families in turn, the resolver's first choice first. *(source: RFC 8305 §4)*
fn alternating(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let first_is_v4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (chosen, other): (Vec<_>, Vec<_>) =
        addresses.iter().copied().partition(|address| address.is_ipv4() == first_is_v4);
    let (mut chosen, mut other) = (chosen.into_iter(), other.into_iter());
    let mut order = Vec::new();
    while order.len() < ADDRESSES_MAX {
        let pair = [chosen.next(), other.next()];
        if pair == [None, None] {
            break;
        }
        order.extend(pair.into_iter().flatten());
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn those_that_failed_come_last_and_wait_longer_for_the_others_only() {
        let (fresh, failed) = (parse(&["[::1]:1", "[::2]:1", "1.1.1.1:1"]), parse(&["[::3]:1", "2.2.2.2:1"]));
        let order = |fresh: &[SocketAddr], failed: &[SocketAddr]| -> Vec<(String, u128)> {
            let candidates = candidates(fresh, failed).into_iter();
            candidates.map(|candidate| (candidate.address.to_string(), candidate.after.as_millis())).collect()
        };
        let all = [("[::1]:1", 250), ("1.1.1.1:1", 250), ("[::2]:1", 250), ("[::3]:1", 2000), ("2.2.2.2:1", 2000)];
        assert_eq!(order(&fresh, &failed), all.map(|(address, after)| (address.to_owned(), after)));
        let rest = [("[::3]:1", 250), ("2.2.2.2:1", 250)];
        assert_eq!(order(&[], &failed), rest.map(|(address, after)| (address.to_owned(), after)));
    }

    #[test]
    fn the_families_take_turns() {
        let given = parse(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"]);
        let order = parse(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"]);
        assert_eq!(alternating(&given), order);
        assert_eq!(alternating(&[]), Vec::new());
        assert_eq!(alternating(&parse(&["1.1.1.1:1"; 40])).len(), ADDRESSES_MAX);
    }
}
