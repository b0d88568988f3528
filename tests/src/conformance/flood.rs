//! Peers that send endless frames which are no events. Timers and requests must be on time.

use super::sockets::given_up;
use super::{Fake, Host, Relay, Stage, patiently};
use core::future::poll_fn;
use core::task::Poll;
use portcullis::CloseReason;
use portcullis::machine::{Cause, EndReason, Phase, Shutdown, Timer};
use portcullis_fake::{Fate, Fault, Span, Target};
use portcullis_runtime::WebSocketLayer;

/// A pong of the largest size.
fn pong() -> Vec<u8> {
    [&[0x8a, 125][..], &[b'x'; 125]].concat()
}

/// A shard behind a relay that can flood it.
fn on_relay<H: Host>() -> (Relay, Stage<H>) {
    let fake = Fake::start();
    let relay = Relay::to(fake.address);
    let stage = Stage::with(fake, |settings| settings.gateway(relay.url()));
    (relay, stage)
}

/// Twelve intervals of pongs without a pause, and a shutdown among them.
pub async fn found_28_beats_and_a_shutdown_go_out_in_a_flood_of_pongs<H: Host>() {
    let (relay, mut stage) = on_relay::<H>();
    stage.come_online().await;
    relay.flood(&[], &pong());
    for _ in 0..12 {
        let (shard, lab) = (&mut stage.shard, &stage.lab);
        let acknowledged = shard.machine().health().last_ack;
        lab.leap_to(shard.machine().deadline().unwrap());
        // The heartbeat, and its acknowledgement.
        patiently::<H, _>(poll_fn(|cx| {
            let polled = shard.poll_event(cx);
            assert!(polled.is_pending(), "{polled:?}");
            if shard.machine().health().last_ack == acknowledged { Poll::Pending } else { Poll::Ready(()) }
        }))
        .await;
    }
    assert_eq!(stage.fake.heartbeats(), 12);
    stage.shard.shutdown(Shutdown::EndSession);
    assert_eq!(stage.end().await, EndReason::Shutdown);
}

/// Pongs instead of a Hello: the deadline is judged when all bytes are read that could have arrived before it.
pub async fn found_28_a_hello_is_given_up_in_a_flood_of_pongs<H: Host>() {
    let (relay, mut stage) = on_relay::<H>();
    stage.fake.with(|gateway, _| gateway.fault(Target::All, Fault::Hello(Fate::Omit), Span::Next));
    stage.reach(Phase::AwaitingHello).await;
    relay.flood(&[], &pong());
    assert_eq!(given_up(&mut stage).await.1, Cause::TimedOut(Timer::Hello));
    stage.come_online().await;
}

/// A message of empty fragments without end: the heartbeat goes out, and other tasks run. The native layer, which counts
/// fragments, closes the connection.
pub async fn found_32_a_beat_goes_out_in_a_message_without_end<H: Host>() {
    let (relay, mut stage) = on_relay::<H>();
    stage.come_online().await;
    // An acknowledgement cannot come within a message.
    stage.fake.with(|gateway, _| gateway.stop_acking(Target::All));
    relay.flood(&[0x01, 0], &[0x00, 0]);
    match H::WEBSOCKET {
        WebSocketLayer::Tungstenite => assert_eq!(stage.beat().await, []),
        _ => assert_eq!(stage.lose_link().await.0, Some(CloseReason::Protocol)),
    }
}
