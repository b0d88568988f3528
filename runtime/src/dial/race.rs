//! One connection to a host of several addresses: each gets a head start on the next, and the first that answers is
//! taken (RFC 8305). An address family that leads nowhere so costs a moment, not every attempt.

use crate::runtime::Runtime;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;
use std::net::SocketAddr;

/// How long one address is tried alone. *(source: RFC 8305 §5, Connection Attempt Delay)*
const HEAD_START: Duration = Duration::from_millis(250);
/// More addresses than any gateway names.
const ADDRESSES_MAX: usize = 16;

pub(super) async fn connect<R: Runtime>(runtime: &R, addresses: &[SocketAddr]) -> io::Result<R::Stream> {
    let mut addresses = alternating(addresses).into_iter();
    let mut race = Race { attempts: Vec::new(), last: None };
    let mut head_start = Box::pin(runtime.sleep_until(runtime.now()));
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(stream) = race.poll(cx) {
                return Poll::Ready(Ok(stream));
            }
            if addresses.len() == 0 {
                return race.is_lost().map_or(Poll::Pending, |error| Poll::Ready(Err(error)));
            }
            // The first starts at once, and so does the next when all that were started have failed.
            if !race.attempts.is_empty() && head_start.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if let Some(address) = addresses.next() {
                race.attempts.push(Box::pin(runtime.connect(address)));
                head_start.set(runtime.sleep_until(runtime.now() + HEAD_START));
            }
        }
    })
    .await
}

struct Race<F> {
    attempts: Vec<Pin<Box<F>>>,
    last: Option<io::Error>,
}

impl<S, F: Future<Output = io::Result<S>>> Race<F> {
    /// The first stream there is; those that failed are out.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<S> {
        let mut won = None;
        let last = &mut self.last;
        self.attempts.retain_mut(|attempt| {
            if won.is_some() {
                return true;
            }
            match attempt.as_mut().poll(cx) {
                Poll::Pending => true,
                Poll::Ready(Ok(stream)) => {
                    won = Some(stream);
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

    /// The last error, when nobody runs any more.
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

    #[test]
    fn the_families_take_turns() {
        let parse = |texts: &[&str]| -> Vec<SocketAddr> { texts.iter().map(|text| text.parse().unwrap()).collect() };
        let given = parse(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"]);
        let order = parse(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"]);
        assert_eq!(alternating(&given), order);
        assert_eq!(alternating(&[]), Vec::new());
        assert_eq!(alternating(&parse(&["1.1.1.1:1"; 40])).len(), ADDRESSES_MAX);
    }
}
