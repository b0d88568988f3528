//! Requests of a shard of Discord, each an `await`.

use super::onlooker::{Onlooker, ReadState, Upshot};
use super::shared::{Inner, Shared};
use super::{Driver, Sender};
use crate::runtime::Runtime;
use core::any::Any;
use core::fmt;
use core::future::Future;
use core::marker::PhantomData;
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use portcullis::dialect::discord::{RequestChannelInfo, RequestGuildMembers, RequestSoundboardSounds};
use portcullis::machine::Phase;
use portcullis::requests::{
    Answer, ChannelInfo, GuildMembers, Request, RequestError, RequestId, RequestPolicy, Requests, SoundboardSounds,
};
use portcullis::{Discord, Event, GatewayMachine, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A request that was made, and in time its answer. Dropped, it is forgotten: what still comes of it is passed over.
///
/// Await it **in another task** than the one that polls the shard: answers come while that is polled, so in the same
/// task it would never be done.
#[must_use = "a request that is dropped is forgotten: await it"]
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
    /// The chunks are given to the application as events too. See [`Requests`] for what becomes of a request when the
    /// connection is lost or the gateway refuses it for now, and [`RequestPolicy`] for how long it may take.
    ///
    /// # Errors
    /// [`RequestError`]; at the first poll when it is known already that no answer would come.
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
    ///         Err(RequestError::SessionLost) => return Ok(()), // The next READY begins anew.
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

    /// Asks for what is said of a guild's channels.
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
        RequestDesk::of(&mut self.shared.lock()).requests.set_policy(policy);
        self
    }
}

impl Shared<Discord> {
    fn ask(&self, request: Request) -> Result<RequestId, RequestError> {
        let mut inner = self.lock();
        if inner.machine.phase() == Phase::Ended {
            return Err(RequestError::Ended);
        }
        let requests = RequestDesk::of(&mut inner);
        let id = requests.requests.ask(request)?;
        requests.seats.insert(id, Seat::Empty);
        super::shared::set_wake_flag(inner);
        Ok(id)
    }
}

/// Requests, and who waits for them.
struct RequestDesk {
    requests: Requests,
    seats: BTreeMap<RequestId, Seat>,
}

/// The place of one who waits.
enum Seat {
    Empty,
    Taken(Waker),
    Served(Result<Answer, RequestError>),
}

impl RequestDesk {
    /// The one beside the machine of a shard. It comes with the first request.
    fn of(inner: &mut Inner<Discord>) -> &mut Self {
        let Inner { machine, onlooker, .. } = inner;
        let onlooker = onlooker.get_or_insert_with(|| {
            let requests = machine.requests(RequestPolicy::default());
            Box::new(Self { requests, seats: BTreeMap::new() })
        });
        let requests = onlooker.as_any().downcast_mut();
        let Some(requests) = requests else { unreachable!("one-onlooker: Discord has no other than this") };
        requests
    }

    fn poll(&mut self, id: RequestId, cx: &Context<'_>) -> Poll<Result<Answer, RequestError>> {
        match self.seats.remove(&id) {
            Some(Seat::Served(result)) => Poll::Ready(result),
            Some(Seat::Empty | Seat::Taken(_)) => {
                self.seats.insert(id, Seat::Taken(cx.waker().clone()));
                Poll::Pending
            }
            // A seat is there until its result is taken.
            None => Poll::Ready(Err(RequestError::Ended)),
        }
    }

    fn cancel(&mut self, id: RequestId) {
        self.seats.remove(&id);
        self.requests.cancel(id);
    }
}

impl Onlooker<Discord> for RequestDesk {
    fn observe(&mut self, now: Timestamp, event: &Event) {
        self.requests.observe(now, event);
    }

    fn tick(&mut self, now: Timestamp, read_state: ReadState, machine: &mut GatewayMachine<Discord>) -> Upshot {
        let mut upshot = Upshot::default();
        let send = |command| {
            upshot.sent += 1;
            machine.send(now, command)
        };
        match read_state {
            ReadState::Drained => self.requests.tick(now, send),
            ReadState::Unread => self.requests.tick_unread(now, send),
        }
        while let Some((id, result)) = self.requests.next_result() {
            if let Some(seat) = self.seats.get_mut(&id)
                && let Seat::Taken(waker) = mem::replace(seat, Seat::Served(result))
            {
                upshot.woken.push(waker);
            }
        }
        upshot
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.requests.deadline()
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

impl<A: TryFrom<Answer>> Future for RequestFuture<A> {
    type Output = Result<A, RequestError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<A, RequestError>> {
        let result = match mem::replace(&mut self.state, State::Done) {
            State::Refused(error) => Err(error),
            State::Open { shared, id } => {
                let polled = RequestDesk::of(&mut shared.lock()).poll(id, cx);
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
        Poll::Ready(result.map(|answer| {
            let Ok(answer) = A::try_from(answer) else { unreachable!("kind-kept: an answer is of its request's kind") };
            answer
        }))
    }
}

impl<A> Drop for RequestFuture<A> {
    fn drop(&mut self) {
        if let State::Open { shared, id } = &self.state {
            RequestDesk::of(&mut shared.lock()).cancel(*id);
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
