//! One input to the machine, and what it says to do.

use super::Driver;
use super::alarm::Due;
use super::backlog::Backlog;
use super::permits::PermitCall;
use super::request_tracker::ReadState;
use super::shared::Inner;
use crate::dial;
use crate::runtime::Runtime;
use crate::websocket::SocketLimits;
use core::task::Waker;
use portcullis::dialect::Dialect;
use portcullis::{Action, Event, Input};

impl<D: Dialect, R: Runtime> Driver<D, R> {
    /// Gives the machine an input and carries out its actions, in their order. Nothing here waits: what cannot be done
    /// at once (a dial, a write) goes into a field and is polled by the loop.
    pub(super) fn feed(&mut self, input: Input) {
        let now = self.runtime.now();
        let told = self.inbox.len();
        let read_state = if matches!(input, Input::Tick) { ReadState::Drained } else { ReadState::Unread };
        match read_state {
            ReadState::Drained => self.backlog.judged(),
            ReadState::Unread if self.is_due_at(now) => self.backlog.put_off(self.connection.bytes_read()),
            ReadState::Unread => {}
        }
        let (mut wanted, mut permit_calls) = (None, Vec::new());
        self.due = Due::Never;
        let mut inner = self.shared.lock();
        let Inner { machine, tracker, .. } = &mut *inner;
        for action in self.scratch.handle(machine, now, input) {
            match action {
                Action::Connect { connection, url, limits } => {
                    self.backlog = Backlog::default();
                    let limits = SocketLimits { message: limits.message, payload: self.payload_max };
                    self.connection
                        .start_dial(connection, dial::dial(self.runtime.clone(), self.network.clone(), url, limits));
                }
                Action::Send { connection, message } => self.connection.start_send(connection, message),
                Action::Close { connection, code, reason } => self.connection.start_close(connection, code, reason),
                Action::Abort { connection } => self.connection.drop_connection(connection),
                Action::RequestIdentify { connection } => permit_calls.push(PermitCall::Request(connection)),
                Action::ReleaseIdentify { connection } => permit_calls.push(PermitCall::Release(connection)),
                Action::RequestToken { reason } => wanted = Some(reason),
                Action::Event(event) => {
                    if let Some(tracker) = tracker {
                        tracker.observe(now, &event);
                    }
                    self.inbox.push_back(event);
                }
                Action::Wait { until, .. } => self.due = Due::At(until),
            }
        }
        let phase = machine.phase();
        let wakers = inner.tick_requests(now, read_state);
        self.requests_due = inner.requests_due();
        drop(inner);
        // The gate, the token source and wakers are code of the application's, which may call a sender: they run
        // without the lock, or that call would block for ever.
        for call in permit_calls {
            self.permits.carry_out(call);
        }
        self.permits.note(phase);
        if let Some(reason) = wanted {
            self.tokens.ask(reason);
        }
        wakers.into_iter().for_each(Waker::wake);
        for event in self.inbox.range(told..) {
            if let Event::Command(id, outcome) = event {
                self.shared.report_outcome(*id, *outcome);
            }
        }
    }
}
