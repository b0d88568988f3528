//! What requests tell `tracing`: ids, opcodes, results. Never the data of a request or an answer.

#[cfg(feature = "tracing")]
mod on {
    use crate::requests::{Answer, RequestError, RequestId};
    use core::time::Duration;

    pub(in super::super) fn sent(id: RequestId, op: u64) {
        tracing::debug!(request = id.0, op, "request sent");
    }

    pub(in super::super) fn held(id: RequestId, span: Duration) {
        tracing::debug!(request = id.0, ?span, "request held");
    }

    pub(in super::super) fn done(id: RequestId, result: &Result<Answer, RequestError>, bytes: usize) {
        match result {
            Ok(_) => tracing::debug!(request = id.0, bytes, "request answered"),
            Err(error) => tracing::debug!(request = id.0, %error, "request failed"),
        }
    }
}

#[cfg(not(feature = "tracing"))]
mod off {
    use crate::requests::{Answer, RequestError, RequestId};
    use core::time::Duration;

    pub(in super::super) const fn sent(_: RequestId, _: u64) {}
    pub(in super::super) const fn held(_: RequestId, _: Duration) {}
    pub(in super::super) const fn done(_: RequestId, _: &Result<Answer, RequestError>, _: usize) {}
}

#[cfg(not(feature = "tracing"))]
pub(super) use off::{done, held, sent};
#[cfg(feature = "tracing")]
pub(super) use on::{done, held, sent};
