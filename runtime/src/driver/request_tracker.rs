//! The requests of a shard, beside its machine: which are open, and who waits for each result.
//!
//! The driver tells the tracker every event before the application sees it, and the time after every input. The tracker
//! sends commands by the machine and notes results. It decides nothing about a request: core's
//! [`Requests`] does. It wakes no task itself, since it is called under the lock.
//!
//! A shard gets a tracker with its first request, so a shard that makes none pays nothing for it.

use core::mem;
use core::task::{Context, Poll, Waker};
use portcullis::dialect::Dialect;
use portcullis::dialect::discord::Command;
use portcullis::machine::{CommandId, SendError};
use portcullis::requests::{Answer, Request, RequestError, RequestId, RequestPolicy, Requests};
use portcullis::{Discord, Event, GatewayMachine, Timestamp};
use std::collections::BTreeMap;

/// Whether the driver has read the socket until it had nothing.
#[derive(Clone, Copy)]
pub(super) enum ReadState {
    Drained,
    Unread,
}

/// How a request's command is given to a machine of the dialect `D`.
///
/// Only Discord has requests, but the driver is generic over dialects. Since only
/// `RequestTracker::<Discord>::new` fills this in, no other dialect can have a tracker, and the driver calls the one
/// that may be there without asking which dialect it drives.
type SendCommand<D> = fn(&mut GatewayMachine<D>, Timestamp, Command) -> Result<CommandId, SendError>;

pub(super) struct RequestTracker<D: Dialect> {
    requests: Requests,
    /// One for each [`RequestFuture`](super::RequestFuture) whose result was not taken.
    waiting: BTreeMap<RequestId, Waiting>,
    send: SendCommand<D>,
}

/// Where the future of a request stands.
enum Waiting {
    /// It was not polled yet.
    Unpolled,
    Polled(Waker),
    Done(Result<Answer, RequestError>),
}

/// What came of a tick.
#[derive(Default)]
pub(super) struct Ticked {
    /// The tasks whose result is there, to be woken without the lock.
    pub(super) wakers: Vec<Waker>,
    /// How many commands the machine was given: it needs a tick to send them.
    pub(super) sent: usize,
}

impl RequestTracker<Discord> {
    pub(super) fn new(machine: &GatewayMachine<Discord>) -> Self {
        let requests = machine.requests(RequestPolicy::default());
        Self { requests, waiting: BTreeMap::new(), send: GatewayMachine::send }
    }
}

impl<D: Dialect> RequestTracker<D> {
    pub(super) fn set_policy(&mut self, policy: RequestPolicy) {
        self.requests.set_policy(policy);
    }

    pub(super) fn request(&mut self, request: Request) -> Result<RequestId, RequestError> {
        let id = self.requests.ask(request)?;
        self.waiting.insert(id, Waiting::Unpolled);
        Ok(id)
    }

    pub(super) fn cancel(&mut self, id: RequestId) {
        self.waiting.remove(&id);
        self.requests.cancel(id);
    }

    pub(super) fn observe(&mut self, now: Timestamp, event: &Event) {
        self.requests.observe(now, event);
    }

    /// Does what is due: afterwards the deadline is later than `now`.
    pub(super) fn tick(&mut self, now: Timestamp, read_state: ReadState, machine: &mut GatewayMachine<D>) -> Ticked {
        let mut ticked = Ticked::default();
        let send = |command| {
            ticked.sent += 1;
            (self.send)(machine, now, command)
        };
        match read_state {
            ReadState::Drained => self.requests.tick(now, send),
            ReadState::Unread => self.requests.tick_unread(now, send),
        }
        while let Some((id, result)) = self.requests.next_result() {
            if let Some(waiting) = self.waiting.get_mut(&id)
                && let Waiting::Polled(waker) = mem::replace(waiting, Waiting::Done(result))
            {
                ticked.wakers.push(waker);
            }
        }
        ticked
    }

    /// When the next tick is due at the latest.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.requests.deadline()
    }

    pub(super) fn poll_result(&mut self, id: RequestId, cx: &Context<'_>) -> Poll<Result<Answer, RequestError>> {
        match self.waiting.remove(&id) {
            Some(Waiting::Done(result)) => Poll::Ready(result),
            Some(Waiting::Unpolled | Waiting::Polled(_)) => {
                self.waiting.insert(id, Waiting::Polled(cx.waker().clone()));
                Poll::Pending
            }
            // An entry is there until its result is taken.
            None => Poll::Ready(Err(RequestError::Ended)),
        }
    }
}
