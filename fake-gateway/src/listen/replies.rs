//! What the reader of a connection owes the client and the writer has yet to send: one pong, one close frame.
//!
//! # Invariants
//! * `one-pong`: of several pings only the last is answered *(RFC 6455 §5.5.3 allows it)*, so a client that pings and
//!   does not read costs 125 bytes.
//! * `one-close`: a close frame is sent once, whoever began.

use bytes::Bytes;
use portcullis::CloseCode;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(super) struct Replies {
    state: Mutex<State>,
    owed: Notify,
}

#[derive(Debug, Default)]
struct State {
    pong: Option<Bytes>,
    close: Close,
}

/// How far the closing of a connection is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Close {
    #[default]
    Open,
    /// The client's close frame came, with this code or without one.
    Received(Option<CloseCode>),
    /// Ours is sent, or being sent.
    Sent,
}

/// Whether the client's close frame is to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CloseFrame {
    Owed,
    Sent,
}

/// What the writer is to send before all else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Pong(Bytes),
    /// The last frame: the code that came, or none.
    Close(Option<CloseCode>),
}

impl Replies {
    /// A ping came.
    pub(super) fn pong(&self, payload: &[u8]) {
        // A copy: the payload is a part of all that was read with it.
        self.lock().pong = Some(Bytes::copy_from_slice(payload));
        self.owed.notify_one();
    }

    /// A close frame came: says whether it is still to be answered.
    pub(super) fn close(&self, code: Option<CloseCode>) -> CloseFrame {
        let mut state = self.lock();
        if state.close == Close::Sent {
            return CloseFrame::Sent;
        }
        state.close = Close::Received(code);
        self.owed.notify_one();
        CloseFrame::Owed
    }

    /// The fake closes the connection: says whether a close frame is still to be sent.
    pub(super) fn begin_close(&self) -> CloseFrame {
        let mut state = self.lock();
        let close_frame = if state.close == Close::Sent { CloseFrame::Sent } else { CloseFrame::Owed };
        state.close = Close::Sent;
        close_frame
    }

    /// Waits for the next reply. Dropped, it loses none.
    pub(super) async fn next(&self) -> Reply {
        loop {
            if let Some(reply) = self.take() {
                return reply;
            }
            self.owed.notified().await;
        }
    }

    /// Waits until the client has closed the connection.
    pub(super) async fn closing(&self) {
        while !matches!(self.lock().close, Close::Received(_)) {
            self.owed.notified().await;
        }
    }

    fn take(&self) -> Option<Reply> {
        let mut state = self.lock();
        if let Close::Received(code) = state.close {
            state.close = Close::Sent;
            return Some(Reply::Close(code));
        }
        state.pong.take().map(Reply::Pong)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_pings_the_last_is_answered_and_a_close_goes_first() {
        let replies = Replies::default();
        assert_eq!(replies.take(), None);
        for number in 0..1000_u32 {
            replies.pong(&number.to_be_bytes());
        }
        assert_eq!(replies.close(Some(CloseCode(4000))), CloseFrame::Owed);
        assert_eq!(replies.take(), Some(Reply::Close(Some(CloseCode(4000)))));
        assert_eq!(replies.take(), Some(Reply::Pong(999_u32.to_be_bytes().to_vec().into())));
        assert_eq!(replies.take(), None);
    }

    #[test]
    fn a_close_frame_is_sent_once() {
        let ours = Replies::default();
        assert_eq!((ours.begin_close(), ours.close(None), ours.take()), (CloseFrame::Owed, CloseFrame::Sent, None));
        let theirs = Replies::default();
        assert_eq!((theirs.close(None), theirs.take()), (CloseFrame::Owed, Some(Reply::Close(None))));
        assert_eq!((theirs.begin_close(), theirs.close(None)), (CloseFrame::Sent, CloseFrame::Sent));
    }
}
