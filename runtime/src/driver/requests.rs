//! Requests of a shard of Discord, each an `await`.

use super::shared::Shared;
use super::{Driver, Sender};
use crate::runtime::Runtime;
use core::fmt;
use core::future::Future;
use core::marker::PhantomData;
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll};
use portcullis::Discord;
use portcullis::dialect::discord::{RequestChannelInfo, RequestGuildMembers, RequestSoundboardSounds};
use portcullis::machine::Phase;
use portcullis::requests::{
    Answer, ChannelInfo, GuildMembers, Request, RequestError, RequestId, RequestPolicy, SoundboardSounds,
};
use std::sync::Arc;

/// A request, and in time its answer. Dropping it cancels the request: what still comes of the answer is an event like
/// any other.
///
/// Await it **in another task** than the one that polls the shard: answers come while the shard is polled, so in the
/// same task it would wait for ever.
#[must_use = "dropping a request cancels it: await it"]
pub struct RequestFuture<A> {
    state: State,
    answer: PhantomData<fn() -> A>,
}

enum State {
    Refused(RequestError),
    Open { shared: Arc<Shared<Discord>>, id: RequestId },
    Done,
}

impl Sender<Discord> {
    /// Asks for members of a guild: all chunks of the answer, however many there are.
    ///
    /// The application gets the chunks as events too.
    /// [`Requests`](portcullis::requests::Requests) says what happens to a request when the connection
    /// is lost or the gateway refuses it for now, and [`RequestPolicy`] how long it may take.
    ///
    /// # Errors
    /// [`RequestError`]. Where it is known at once that no answer would come, the first poll gives it.
    ///
    /// ```
    /// use portcullis::dialect::discord::RequestGuildMembers;
    /// use portcullis::requests::RequestError;
    /// use portcullis_runtime::Sender;
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Member {
    ///     nick: Option<String>,
    /// }
    ///
    /// async fn nicks(sender: Sender) -> Result<(), Box<dyn std::error::Error>> {
    ///     let request = RequestGuildMembers::all(41771983444115456);
    ///     let answer = match sender.request_guild_members(request).await {
    ///         Err(RequestError::SessionLost) => return Ok(()), // Ask again after the next READY.
    ///         answer => answer?,
    ///     };
    ///     for member in answer.members::<Member>()? {
    ///         println!("{:?}", member.nick);
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn request_guild_members(&self, request: RequestGuildMembers) -> RequestFuture<GuildMembers> {
        self.ask(request.into())
    }

    /// Asks for the soundboard sounds of guilds. It is done when each has answered, or when no more come for
    /// [`RequestPolicy::silent`]: the answer then tells which guilds said nothing.
    ///
    /// # Errors
    /// As [`request_guild_members`](Self::request_guild_members).
    pub fn request_soundboard_sounds(&self, request: RequestSoundboardSounds) -> RequestFuture<SoundboardSounds> {
        self.ask(request.into())
    }

    /// Asks for the fields of a guild's channels that are not in the channels themselves, such as the voice status.
    ///
    /// # Errors
    /// As [`request_guild_members`](Self::request_guild_members).
    pub fn request_channel_info(&self, request: RequestChannelInfo) -> RequestFuture<ChannelInfo> {
        self.ask(request.into())
    }

    fn ask<A>(&self, request: Request) -> RequestFuture<A> {
        let state = match self.shared.ask(request) {
            Ok(id) => State::Open { shared: Arc::clone(&self.shared), id },
            Err(error) => State::Refused(error),
        };
        RequestFuture { state, answer: PhantomData }
    }
}

impl<R: Runtime> Driver<Discord, R> {
    /// The same with another policy for requests.
    #[must_use]
    pub fn with_requests(self, policy: RequestPolicy) -> Self {
        self.shared.lock().request_tracker().set_policy(policy);
        self
    }
}

impl Shared<Discord> {
    fn ask(&self, request: Request) -> Result<RequestId, RequestError> {
        let mut inner = self.lock();
        if inner.machine.phase() == Phase::Ended {
            return Err(RequestError::Ended);
        }
        let id = inner.request_tracker().request(request)?;
        super::shared::set_wake_flag(inner);
        Ok(id)
    }
}

impl<A: TryFrom<Answer>> Future for RequestFuture<A> {
    type Output = Result<A, RequestError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<A, RequestError>> {
        let result = match mem::replace(&mut self.state, State::Done) {
            State::Refused(error) => Err(error),
            State::Open { shared, id } => {
                let polled = shared.lock().request_tracker().poll_result(id, cx);
                match polled {
                    Poll::Ready(result) => result,
                    Poll::Pending => {
                        self.state = State::Open { shared, id };
                        return Poll::Pending;
                    }
                }
            }
            State::Done => return Poll::Pending,
        };
        Poll::Ready(result.and_then(|answer| {
            A::try_from(answer).map_err(|_| {
                debug_assert!(false, "kind-kept: an answer is of its request's kind");
                RequestError::Ended
            })
        }))
    }
}

impl<A> Drop for RequestFuture<A> {
    fn drop(&mut self) {
        if let State::Open { shared, id } = &self.state {
            shared.lock().request_tracker().cancel(*id);
        }
    }
}

impl<A> fmt::Debug for RequestFuture<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            State::Refused(error) => f.debug_tuple("RequestFuture").field(error).finish(),
            State::Open { id, .. } => f.debug_tuple("RequestFuture").field(id).finish(),
            State::Done => f.write_str("RequestFuture(done)"),
        }
    }
}
