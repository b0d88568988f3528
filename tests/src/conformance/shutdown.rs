//! Shutdown in every phase, both kinds: the shard ends once, and keeps its session only with `KeepSession`.

use super::{Fake, Host, Relay, Stage, patiently};
use core::task::{Context, Poll};
use core::time::Duration;
use portcullis::ConnectionId;
use portcullis::dialect::ShardId;
use portcullis::machine::{EndReason, Phase, Shutdown};
use portcullis_fake::{Fate, Fault, Rebuff, Span, Target};
use portcullis_runtime::{GateAnswer, IdentifyGate};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

const BOTH: [Shutdown; 2] = [Shutdown::KeepSession, Shutdown::EndSession];

/// Whether there is a session to keep.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Session {
    None,
    Begun,
}

/// Shuts a shard down, and checks the session that it keeps.
async fn ends<H: Host>(stage: &mut Stage<H>, how: Shutdown, session: Session) {
    stage.shard.shutdown(how);
    assert_eq!(stage.end().await, EndReason::Shutdown);
    assert_eq!(stage.shard.phase(), Phase::Ended);
    let is_kept = session == Session::Begun && how == Shutdown::KeepSession;
    assert_eq!(stage.shard.session().is_some(), is_kept, "{how:?}");
    patiently::<H, _>(stage.fake.handle.until(|gateway| gateway.connections().count() == 0)).await;
}

fn arm<H: Host>(stage: &Stage<H>, fault: Fault) {
    stage.fake.with(|gateway, _| gateway.fault(Target::All, fault, Span::UntilLifted));
}

/// Idle: it never connects.
pub async fn before_the_first_poll<H: Host>() {
    for how in BOTH {
        let mut stage = Stage::<H>::new();
        ends(&mut stage, how, Session::None).await;
        assert_eq!(stage.fake.with(|gateway, _| gateway.counters().connects), 0);
    }
}

/// Connecting, to a server that accepts connections and sends nothing.
pub async fn while_dialing<H: Host>() {
    for how in BOTH {
        let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("ws://{}", silent.local_addr().unwrap());
        let mut stage = Stage::<H>::with(Fake::start(), |settings| settings.gateway(url));
        stage.reach(Phase::Connecting).await;
        ends(&mut stage, how, Session::None).await;
    }
}

/// `AwaitingHello`: Hello does not come.
pub async fn before_hello<H: Host>() {
    for how in BOTH {
        let mut stage = Stage::<H>::new();
        arm(&stage, Fault::Hello(Fate::Omit));
        stage.reach(Phase::AwaitingHello).await;
        ends(&mut stage, how, Session::None).await;
    }
}

/// `AwaitingIdentify`: the gate grants no permit.
pub async fn while_queued_for_an_identify<H: Host>() {
    for how in BOTH {
        let mut stage = Stage::<H>::new();
        let given_back = Arc::<AtomicU32>::default();
        stage.shard = stage.shard.with_identify(Shut { given_back: Arc::clone(&given_back) });
        stage.reach(Phase::AwaitingIdentify).await;
        ends(&mut stage, how, Session::None).await;
        assert_eq!(given_back.load(Ordering::Relaxed), 1, "the question is withdrawn");
    }
}

/// Identifying: no Ready comes.
pub async fn before_ready<H: Host>() {
    for how in BOTH {
        let mut stage = Stage::<H>::new();
        arm(&stage, Fault::Identify(Rebuff::Ignore));
        stage.reach(Phase::Identifying).await;
        ends(&mut stage, how, Session::None).await;
    }
}

/// Active.
pub async fn while_online<H: Host>() {
    for how in BOTH {
        let mut stage = Stage::<H>::online().await;
        ends(&mut stage, how, Session::Begun).await;
        let sessions = stage.fake.with(|gateway, _| gateway.sessions().count());
        assert_eq!(sessions, usize::from(how == Shutdown::KeepSession), "{how:?}");
    }
}

/// Resuming: no Resumed comes.
pub async fn before_resumed<H: Host>() {
    for how in BOTH {
        let mut stage = Stage::<H>::online().await;
        arm(&stage, Fault::Resume(Rebuff::Ignore));
        stage.cut();
        stage.reach(Phase::Resuming).await;
        ends(&mut stage, how, Session::Begun).await;
    }
}

/// Backoff: the shard stops waiting, and does not connect.
pub async fn while_waiting_to_reconnect<H: Host>() {
    for how in BOTH {
        let mut stage = Stage::<H>::online().await;
        stage.cut();
        stage.reach(Phase::Backoff).await;
        ends(&mut stage, how, Session::Begun).await;
        assert_eq!(stage.fake.with(|gateway, _| gateway.counters().connects), 1);
    }
}

/// Closing: an unanswered close frame has its deadline, and a second shutdown changes nothing.
pub async fn while_closing<H: Host>() {
    for how in BOTH {
        let fake = Fake::start();
        let relay = Relay::to(fake.address);
        let mut stage = Stage::<H>::with(fake, |settings| settings.gateway(relay.url()));
        stage.come_online().await;
        relay.stop();
        stage.shard.shutdown(how);
        stage.reach(Phase::Closing).await;
        stage.shard.shutdown(how);
        // The shutdown is due at once; after it, the close.
        stage.reach(Phase::Closing).await;
        stage.leap_to_deadline();
        assert_eq!(stage.end().await, EndReason::Shutdown);
        assert_eq!(stage.shard.session().is_some(), how == Shutdown::KeepSession, "{how:?}");
    }
}

/// Ended: there is nothing left to end.
pub async fn after_the_end<H: Host>() {
    for how in BOTH {
        let mut stage = Stage::<H>::online().await;
        ends(&mut stage, how, Session::Begun).await;
        stage.shard.shutdown(Shutdown::EndSession);
        assert_eq!(stage.next().await, None);
        assert_eq!(stage.shard.session().is_some(), how == Shutdown::KeepSession, "{how:?}");
    }
}

/// A gate that grants no permit.
struct Shut {
    given_back: Arc<AtomicU32>,
}

impl IdentifyGate for Shut {
    fn ask(&mut self, _: ConnectionId, _: Option<ShardId>) {}

    fn give_back(&mut self, _: ConnectionId) {
        self.given_back.fetch_add(1, Ordering::Relaxed);
    }

    fn spent(&mut self, _: ConnectionId) {}

    fn poll_answer(&mut self, _: &mut Context<'_>) -> Poll<GateAnswer> {
        Poll::Pending
    }

    fn wait(&self) -> Option<Duration> {
        None
    }
}
