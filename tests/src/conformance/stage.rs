//! A shard on the runtime under test, its gateway, and the steps of the cases.

use super::{Fake, Host, Lab, patiently};
use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;
use portcullis::dialect::discord::Intents;
use portcullis::machine::{Cause, EndReason, Phase};
use portcullis::{CloseReason, Discord, Event, Seed, Sequence};
use portcullis_fake::{FakeGateway, Target};
use portcullis_runtime::{Builder, Driver};

/// A shard in a laboratory.
pub type Shard<H> = Driver<Discord, Lab<<H as Host>::Runtime>>;

/// Its builder.
pub type Settings<H> = Builder<Lab<<H as Host>::Runtime>>;

/// A shard and its gateway.
pub struct Stage<H: Host> {
    /// The gateway.
    pub fake: Fake,
    /// The shard's runtime: its clock can be moved.
    pub lab: Lab<H::Runtime>,
    /// The shard.
    pub shard: Shard<H>,
}

/// A dispatch's sequence, whether it was replayed, and its content.
pub type Heard = (Option<Sequence>, bool, String);

/// The builder of a shard that connects to a URL.
pub fn settings<H: Host>(lab: &Lab<H::Runtime>, url: impl Into<String>) -> Settings<H> {
    let intents = Intents::GUILDS | Intents::DIRECT_MESSAGES;
    Builder::new(lab.clone(), "a.bot.token", intents).gateway(url).seed(Seed(7)).websocket(H::WEBSOCKET)
}

impl<H: Host> Stage<H> {
    /// A shard that has not connected, and a gateway with the suite's config.
    pub fn new() -> Self {
        Self::with(Fake::start(), |settings| settings)
    }

    /// The same with a gateway and a builder of the case's own.
    pub fn with(fake: Fake, set: impl FnOnce(Settings<H>) -> Settings<H>) -> Self {
        Self::within(Lab::default(), fake, set)
    }

    /// The same in a laboratory of the case's own.
    pub fn within(lab: Lab<H::Runtime>, fake: Fake, set: impl FnOnce(Settings<H>) -> Settings<H>) -> Self {
        let shard = set(settings::<H>(&lab, &fake.url)).build().unwrap();
        Self { fake, lab, shard }
    }

    /// A shard in phase Active: its Ready and its guilds were taken.
    pub async fn online() -> Self {
        let mut stage = Self::new();
        stage.come_online().await;
        stage
    }

    /// Takes Ready and what belongs to it.
    pub async fn come_online(&mut self) {
        self.until(|event| matches!(event, Event::Ready(_)).then_some(())).await;
        for _ in 0..self.fake.with(|gateway, _| gateway.config().guilds) {
            self.until(|event| matches!(event, Event::Dispatch(_)).then_some(())).await;
        }
    }

    /// The next event. If it is a wait before the next connection, the clock leaps over that wait.
    pub async fn next(&mut self) -> Option<Event> {
        let event = patiently::<H, _>(self.shard.next_event()).await;
        self.hurry(event.as_ref());
        event
    }

    /// Takes events until the one that is wanted.
    pub async fn until<T>(&mut self, mut wanted: impl FnMut(&Event) -> Option<T>) -> T {
        loop {
            let event = self.next().await.expect("the shard ended");
            if let Some(found) = wanted(&event) {
                return found;
            }
        }
    }

    /// Takes events until a future completes, and returns them.
    pub async fn during<T>(&mut self, deed: impl Future<Output = T>) -> (Vec<Event>, T) {
        let mut events = Vec::new();
        let mut deed = pin!(deed);
        let done = patiently::<H, _>(poll_fn(|cx| {
            loop {
                if let Poll::Ready(done) = deed.as_mut().poll(cx) {
                    return Poll::Ready(done);
                }
                match self.shard.poll_event(cx) {
                    Poll::Ready(Some(event)) => {
                        self.hurry(Some(&event));
                        events.push(event);
                    }
                    Poll::Ready(None) | Poll::Pending => return Poll::Pending,
                }
            }
        }));
        let done = done.await;
        (events, done)
    }

    /// Takes events until the gateway fulfils the condition.
    pub async fn until_gateway(&mut self, condition: impl Fn(&FakeGateway) -> bool) -> Vec<Event> {
        let handle = self.fake.handle.clone();
        self.during(handle.until(condition)).await.0
    }

    /// Takes events until the shard is in this phase. The clock does not leap over a wait then.
    pub async fn reach(&mut self, phase: Phase) -> Vec<Event> {
        let mut events = Vec::new();
        let shard = &mut self.shard;
        let lab = self.lab.clone();
        patiently::<H, _>(poll_fn(|cx| {
            loop {
                let polled = shard.poll_event(cx);
                let is_there = shard.phase() == phase;
                if let Poll::Ready(Some(event)) = &polled {
                    if let (Event::Reconnecting { after, .. }, false) = (event, is_there) {
                        lab.leap(*after);
                    }
                    events.push(event.clone());
                }
                if is_there {
                    return Poll::Ready(());
                }
                if !matches!(polled, Poll::Ready(Some(_))) {
                    return Poll::Pending;
                }
            }
        }))
        .await;
        events
    }

    /// The content of the next message.
    pub async fn hear(&mut self) -> Heard {
        self.until(heard).await
    }

    /// How the open connection ends, and why the next one is opened.
    pub async fn lose_link(&mut self) -> (Option<CloseReason>, Cause) {
        let mut seen = None;
        self.until(|event| match event {
            Event::Closed { reason, .. } => {
                seen = Some(reason.clone());
                None
            }
            Event::Reconnecting { cause, .. } => Some((seen.take(), *cause)),
            _ => None,
        })
        .await
    }

    /// Waits until the session is resumed, and returns the messages, replayed and new.
    pub async fn resumed(&mut self) -> Vec<String> {
        let mut contents = Vec::new();
        self.until(|event| {
            assert!(!matches!(event, Event::SessionLost { .. } | Event::Ready(_)), "{event:?}");
            contents.extend(heard(event).map(|(_, _, content)| content));
            matches!(event, Event::Resumed(_)).then_some(())
        })
        .await;
        contents
    }

    /// The end reason, which is the last event.
    pub async fn end(&mut self) -> EndReason {
        let reason =
            self.until(|event| if let Event::Ended(reason) = event { Some(reason.clone()) } else { None }).await;
        assert_eq!(self.next().await, None, "nothing comes after the end");
        assert_eq!(self.shard.end_reason().as_ref(), Some(&reason));
        reason
    }

    /// Moves the clock to the shard's deadline.
    pub fn leap_to_deadline(&self) {
        let deadline = self.shard.machine().deadline();
        self.lab.leap_to(deadline.expect("a shard that lives waits for something"));
    }

    /// Moves the clock from deadline to deadline, until the gateway has received one more heartbeat.
    pub async fn beat(&mut self) -> Vec<Event> {
        let before = self.fake.heartbeats();
        self.leap_to_deadline();
        self.until_gateway(|gateway| gateway.counters().heartbeats > before).await
    }

    /// Waits until the last heartbeat is acknowledged, so that a leap does not judge it: waits for a message that the gateway
    /// sent behind the acknowledgement.
    pub async fn acknowledged(&mut self) {
        self.fake.say("behind the acknowledgement");
        let event = self.next().await.expect("the shard ended");
        assert!(heard(&event).is_some_and(|(_, _, content)| content == "behind the acknowledgement"), "{event:?}");
    }

    /// Dispatches a message whose content is of this size.
    pub fn say_much(&self, size: usize) -> usize {
        self.fake.say(&"x".repeat(size))
    }

    /// Cuts all connections.
    pub fn cut(&self) {
        assert_eq!(self.fake.with(|gateway, now| gateway.drop_connections(now, Target::All)), 1);
    }

    fn hurry(&self, event: Option<&Event>) {
        if let Some(Event::Reconnecting { after, .. }) = event {
            self.lab.leap(*after);
        }
    }
}

impl<H: Host> Default for Stage<H> {
    fn default() -> Self {
        Self::new()
    }
}

/// A message, if an event is one.
pub fn heard(event: &Event) -> Option<Heard> {
    match event {
        Event::Dispatch(dispatch) if dispatch.name() == "MESSAGE_CREATE" => {
            let content: Content = dispatch.decode().expect("a message as the suite writes them");
            Some((dispatch.sequence(), dispatch.is_replayed(), content.content.into_owned()))
        }
        _ => None,
    }
}

#[derive(serde::Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    content: std::borrow::Cow<'a, str>,
}

/// A backoff so long that a case which waits for it would not end.
pub const NEVER: Duration = Duration::from_secs(100_000);
