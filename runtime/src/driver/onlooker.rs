//! What looks on while a machine works, and has commands of its own to send.

use core::any::Any;
use core::task::Waker;
use portcullis::dialect::Dialect;
use portcullis::{Event, GatewayMachine, Timestamp};

/// It sees each event before the application does, sends by the machine, and shares the driver's timer. It is called
/// under the lock, so it wakes nobody itself.
pub(super) trait Onlooker<D: Dialect>: Send {
    fn observe(&mut self, now: Timestamp, event: &Event);

    /// Does what is due: its deadline is later than `now` then.
    fn tick(&mut self, now: Timestamp, read_state: ReadState, machine: &mut GatewayMachine<D>) -> Upshot;

    /// When it is to be given a tick at the latest.
    fn deadline(&self) -> Option<Timestamp>;

    /// Itself, for those who know what it is.
    fn as_any(&mut self) -> &mut dyn Any;
}

/// Whether the socket was read until it had nothing.
#[derive(Clone, Copy)]
pub(super) enum ReadState {
    Drained,
    Unread,
}

/// What came of a tick.
#[derive(Default)]
pub(super) struct Upshot {
    /// Whose result is there.
    pub(super) woken: Vec<Waker>,
    /// Commands that were given to the machine, which wants a tick for them.
    pub(super) sent: usize,
}
