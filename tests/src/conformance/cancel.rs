//! A dropped `next_event()` loses nothing, and a shard may move between tasks.

use super::stage::{Shard, heard};
use super::{Fake, Host, Stage, patiently};
use core::future::{Future as _, poll_fn};
use core::ops::Range;
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;
use futures_channel::oneshot;
use portcullis::Event;
use portcullis::dialect::discord::{Command, RequestGuildMembers};
use portcullis::machine::{CommandId, EndReason, Outcome, Shutdown};
use portcullis_fake::{Fault, Span, Target};

fn say(fake: &Fake, numbers: Range<usize>) {
    for number in numbers {
        fake.say(&format!("{number} {}", "x".repeat(2000)));
    }
}

/// Polls one `next_event()` once, and drops it.
async fn poll_once<H: Host>(shard: &mut Shard<H>) -> Poll<Option<Event>> {
    poll_fn(|cx| Poll::Ready(pin!(shard.next_event()).poll(cx))).await
}

/// Waits for the next wake-up of this task.
async fn wake_up() {
    let mut is_awake = false;
    poll_fn(|_| if core::mem::replace(&mut is_awake, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

/// A run of a shard in which no `next_event()` future is polled twice.
pub async fn nothing_is_lost_when_next_event_is_dropped_at_every_poll<H: Host>() {
    const COUNT: usize = 300;
    let mut stage = Stage::<H>::new();
    let split = Fault::Split { pieces: 4, gap: Duration::ZERO };
    stage.fake.with(|gateway, _| gateway.fault(Target::All, split, Span::UntilLifted));
    let day = async {
        let (mut contents, mut outcomes, mut asked, mut reason) = (Vec::new(), Vec::new(), Vec::new(), None);
        loop {
            let event = match poll_once::<H>(&mut stage.shard).await {
                Poll::Pending => {
                    wake_up().await;
                    continue;
                }
                Poll::Ready(None) => return (contents, outcomes, asked, reason),
                Poll::Ready(Some(event)) => event,
            };
            match &event {
                Event::Ready(_) => say(&stage.fake, 0..100),
                Event::Reconnecting { after, .. } => stage.lab.leap(*after),
                Event::Command(id, outcome) => outcomes.push((*id, *outcome)),
                Event::Resumed(_) if contents.len() == COUNT => stage.shard.shutdown(Shutdown::KeepSession),
                Event::Ended(ended) => reason = Some(ended.clone()),
                Event::SessionLost { .. } | Event::Faulted(_) => panic!("{event:?}"),
                event => {
                    let Some((_, _, content)) = heard(event) else { continue };
                    contents.push(content.split(' ').next().unwrap().parse::<usize>().unwrap());
                    match contents.len() {
                        100 => {
                            stage.cut();
                            say(&stage.fake, 100..200);
                        }
                        200 => {
                            assert_eq!(stage.fake.with(|gateway, now| gateway.reconnect(now, Target::All)), 1);
                            say(&stage.fake, 200..COUNT);
                        }
                        count if count % 50 == 0 => {
                            let ask = Command::RequestGuildMembers(RequestGuildMembers::all(count as u64));
                            asked.push(stage.shard.send(ask).unwrap().id());
                        }
                        _ => {}
                    }
                }
            }
        }
    };
    let (contents, mut outcomes, asked, reason) = patiently::<H, _>(day).await;
    assert_eq!(contents, (0..COUNT).collect::<Vec<_>>());
    assert_eq!(reason, Some(EndReason::Shutdown));
    outcomes.sort_by_key(|(CommandId(id), _)| *id);
    let sent: Vec<_> = asked.into_iter().map(|id| (id, Outcome::Sent)).collect();
    assert_eq!(outcomes, sent, "each command has one outcome");
    assert!(stage.shard.session().is_some());
    assert_eq!(stage.shard.machine().health().counts.connections, 3);
}

/// A shard that is polled once in each task wakes the last of them.
pub async fn a_shard_goes_on_in_another_task_at_any_moment<H: Host>() {
    let Stage { fake, lab: _lab, mut shard } = Stage::<H>::new();
    let mut contents = Vec::new();
    let mut has_spoken = 0;
    while contents.len() < 20 {
        // One task polls it once, a second one waits for the event.
        for is_second in [false, true] {
            // The first task took the last event: the second would wait forever.
            if contents.len() == 20 {
                break;
            }
            let (tell, told) = oneshot::channel();
            H::spawn(async move {
                let event =
                    if is_second { Poll::Ready(shard.next_event().await) } else { poll_once::<H>(&mut shard).await };
                let _ = tell.send((shard, event));
            });
            // The next message is sent before or after the second task waits: both orders must work.
            if is_second && has_spoken < 20 && fake.say(&has_spoken.to_string()) == 1 {
                has_spoken += 1;
            }
            let (back, event) = patiently::<H, _>(told).await.unwrap();
            shard = back;
            if let Poll::Ready(Some(event)) = &event {
                contents.extend(heard(event).map(|(_, _, content)| content));
            }
        }
    }
    assert_eq!(contents, (0..20).map(|number| number.to_string()).collect::<Vec<_>>());
}
