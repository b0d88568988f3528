//! A shard from connect to end, polled directly and split, and its senders.

use super::stage::settings;
use super::{Host, Lab, Stage, patiently};
use core::num::NonZeroUsize;
use core::time::Duration;
use futures_channel::oneshot;
use portcullis::dialect::discord::{Command, Presence, RequestGuildMembers, Status};
use portcullis::machine::{Cause, CommandId, EndReason, Outcome, Phase, SendError, Shutdown};
use portcullis::{CloseReason, Event, Sequence};
use portcullis_fake::{ClientFrame, FakeGateway};

/// A shard connects, receives events, loses its connection, receives the events it missed, and ends.
pub async fn a_shard_connects_hears_loses_its_link_resumes_and_ends<H: Host>() {
    let mut stage = Stage::<H>::new();
    assert_eq!(stage.shard.phase(), Phase::Idle);
    stage.come_online().await;

    assert_eq!(stage.fake.say("one"), 1);
    assert_eq!(stage.hear().await, (Some(Sequence(4)), false, "one".to_owned()));

    stage.cut();
    let (reason, cause) = stage.lose_link().await;
    assert!(matches!(reason, Some(CloseReason::Eof | CloseReason::Reset)), "{reason:?}");
    assert_eq!(cause, Cause::ConnectionLost);
    stage.fake.say("two");
    assert_eq!(stage.resumed().await, ["two"]);
    let counts = stage.shard.machine().health().counts;
    assert_eq!((counts.connections, counts.resumes, counts.gaps, counts.duplicates), (2, 1, 0, 0));

    stage.shard.shutdown(Shutdown::EndSession);
    assert_eq!(stage.end().await, EndReason::Shutdown);
    assert_eq!(stage.shard.session(), None);
    let gone = |gateway: &FakeGateway| (gateway.connections().count(), gateway.sessions().count()) == (0, 0);
    assert!(stage.fake.with(|gateway, _| gone(gateway)), "a close with 1000 ended the session");
}

/// The spawned form: a pump in a task, and a stream of events.
pub async fn a_split_shard_lives_in_a_task_of_its_own<H: Host>() {
    let stage = Stage::<H>::new();
    let (pump, mut events) = stage.shard.split(NonZeroUsize::new(16).unwrap());
    let (done, is_done) = oneshot::channel();
    H::spawn(async move {
        pump.await;
        let _ = done.send(());
    });
    let mut names = Vec::new();
    while let Some(event) = patiently::<H, _>(events.next()).await {
        if let Event::Ready(dispatch) | Event::Dispatch(dispatch) = event {
            names.push(dispatch.name().to_owned());
            if names.len() == 3 {
                events.sender().shutdown(Shutdown::EndSession);
            }
        }
    }
    assert_eq!(names, ["READY", "GUILD_CREATE", "GUILD_CREATE"]);
    assert_eq!(patiently::<H, _>(is_done).await, Ok(()), "the pump is done when the shard has ended");
}

/// Another task than the one that polls the shard awaits a `CommandHandle`.
pub async fn a_sender_sends_from_another_task_and_awaits_its_ticket_there<H: Host>() {
    let mut stage = Stage::<H>::new();
    let sender = stage.shard.sender();
    let (tell, told) = oneshot::channel();
    H::spawn(async move {
        // The command is sent before there is a session, so it waits for one.
        let sent = sender.send(Command::UpdatePresence(Presence::new(Status::Idle))).unwrap();
        let id = sent.id();
        tell.send((id, sent.await)).unwrap();
    });
    let of_command = |event: &Event| if let Event::Command(id, outcome) = event { Some((*id, *outcome)) } else { None };
    let (id, outcome) = stage.until(of_command).await;
    assert_eq!((id, outcome), (CommandId(0), Outcome::Sent));
    assert_eq!(patiently::<H, _>(told).await, Ok((id, outcome)));
}

/// A command wakes a shard that waits for its socket.
pub async fn a_command_sent_while_the_shard_waits_for_events_leaves_at_once<H: Host>() {
    let stage = Stage::<H>::online().await;
    let sender = stage.shard.sender();
    let (handle, mut shard) = (stage.fake.handle.clone(), stage.shard);
    let (done, is_done) = oneshot::channel();
    H::spawn(async move {
        while shard.next_event().await.is_some() {}
        let _ = done.send(());
    });
    let sent = sender.send(Command::RequestGuildMembers(RequestGuildMembers::all(7))).unwrap();
    assert_eq!(patiently::<H, _>(sent).await, Outcome::Sent);
    let asked = |frame: &ClientFrame| matches!(frame, ClientFrame::Command { op: 8, .. });
    patiently::<H, _>(handle.until(|gateway| gateway.received().any(|received| asked(&received.frame)))).await;

    sender.shutdown(Shutdown::EndSession);
    assert_eq!(patiently::<H, _>(is_done).await, Ok(()));
    let refused = sender.send(Command::UpdatePresence(Presence::new(Status::Idle)));
    assert_eq!(refused.map(|sent| sent.id()), Err(SendError::Ended));
}

/// A session is exported, its shard dropped, and another shard resumes it.
pub async fn a_session_goes_on_in_another_shard<H: Host>() {
    let mut first = Stage::<H>::online().await;
    first.fake.say("one");
    first.hear().await;
    let session = first.shard.session().unwrap();
    let Stage { fake, shard, .. } = first;
    drop(shard);
    patiently::<H, _>(fake.handle.until(|gateway| gateway.connections().count() == 0)).await;
    fake.say("missed");

    let lab = Lab::default();
    let shard = settings::<H>(&lab, &fake.url).resume(session.clone(), Duration::from_secs(1)).build().unwrap();
    let mut second = Stage::<H> { fake, lab, shard };
    assert_eq!(second.shard.session().as_ref(), Some(&session));
    let (_, replayed, text) = second.hear().await;
    assert_eq!((replayed, text.as_str()), (true, "missed"));
    assert_eq!(second.resumed().await, [""; 0]);
    second.shard.shutdown(Shutdown::KeepSession);
    assert_eq!(second.end().await, EndReason::Shutdown);
    assert_eq!(second.shard.session().unwrap().id(), session.id());
}
