//! Real frames of the gateway, from a folder that is not part of the project: `PORTCULLIS_CORPUS` names the folder
//! that contains `discord/`. Without it the test says that it was skipped.
//!
//! A file is one frame. The machine must return what a plain parse by `serde_json` finds.

// Tools of tests fail by panicking: that is what they are for.
#![allow(clippy::expect_used)]

use bytes::Bytes;
use portcullis::dispatch::Dispatch;
use portcullis::machine::{Action, Event, Fault, Input, Phase, Timer};
use portcullis::{Message, Sequence};
use portcullis_tests::rig::config;
use portcullis_tests::{Rig, frames, millis, seconds};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

#[test]
fn every_frame_of_the_corpus_is_read_as_a_plain_parse_reads_it() {
    let Some(folder) = std::env::var_os("PORTCULLIS_CORPUS") else {
        println!("corpus: skipped, PORTCULLIS_CORPUS is not set");
        return;
    };
    let samples = samples(&Path::new(&folder).join("discord"));
    let (dispatches, others): (Vec<_>, Vec<_>) = samples.into_iter().partition(|sample| sample.event().is_some());
    let mut online = Rig::online(config());
    let mut sequence = 2;
    for sample in &dispatches {
        match sample.event().as_deref() {
            Some("READY") => writings().for_each(|writing| ready(sample, writing)),
            Some("RESUMED") => writings().for_each(|writing| resumed(sample, writing)),
            Some(_) | None => {
                for writing in writings() {
                    sequence += 1;
                    let event = only_event(&mut online, writing.write(sample, sequence), sample);
                    let Event::Dispatch(dispatch) = event else { panic!("{}: {event:?}", sample.file) };
                    sample.assert_same(&dispatch, sequence);
                }
            }
        }
    }
    others.iter().for_each(frame_of_no_event);
    println!("corpus: {} dispatches in {} writings each, {} other frames", dispatches.len(), WRITINGS, others.len());
    assert!(dispatches.len() >= 150, "{} dispatches are not the whole corpus", dispatches.len());
}

fn ready(sample: &Sample, writing: Writing) {
    let mut rig = Rig::new(config());
    rig.start().open().message(frames::hello("40000")).message(frames::ack());
    let mut events = events(&mut rig, writing.write(sample, 1));
    let url = sample.data()["resume_gateway_url"].as_str().map(str::to_owned);
    let is_own = url.as_deref().is_some_and(|url| url.starts_with("wss://") && url.contains(".discord.gg"));
    let event = events.pop();
    let Some(Event::Ready(dispatch)) = event else { panic!("{}: {event:?}", sample.file) };
    sample.assert_same(&dispatch, 1);
    let faults = if is_own || url.is_none() { vec![] } else { vec![Event::Faulted(Fault::ForeignResumeUrl)] };
    assert_eq!(events, faults, "{}", sample.file);

    let session = rig.machine.session().expect("a session");
    assert_eq!(session.id(), sample.data()["session_id"].as_str(), "{}", sample.file);
    assert_eq!(session.resume_url().map(|url| url.as_str().to_owned()), url.filter(|_| is_own), "{}", sample.file);
}

fn resumed(sample: &Sample, writing: Writing) {
    let mut rig = Rig::resuming(config());
    let event = only_event(&mut rig, writing.write(sample, 3), sample);
    let Event::Resumed(dispatch) = event else { panic!("{}: {event:?}", sample.file) };
    sample.assert_same(&dispatch, 3);
    assert_eq!(rig.machine.phase(), Phase::Active);
}

/// Frames without an event, each in a machine of its own, exactly as the file has it.
fn frame_of_no_event(sample: &Sample) {
    match sample.op() {
        1 => {
            let mut rig = Rig::online(config());
            rig.message(sample.message()).assert_kinds("t+0.000 > heartbeat 2");
        }
        7 => {
            let mut rig = Rig::online(config());
            rig.message(sample.message()).assert_kinds("t+0.000 > close 4000");
            rig.close(4000);
            assert!(rig.story.text().contains(", resume: "), "{}", rig.story.text());
        }
        9 if sample.data() == Value::Bool(true) => {
            let mut rig = Rig::online(config());
            rig.message(sample.message()).assert_kinds("t+0.000 > close 4000");
        }
        9 => {
            let mut rig = Rig::online(config());
            rig.message(sample.message()).assert_kinds(
                "t+0.000 * session lost: invalid_session_lost
                 t+0.000 > close 1000",
            );
            let wait = rig.close(1000).machine.deadline().expect("a reconnect") - rig.now;
            assert!((seconds(1)..=seconds(5)).contains(&wait), "{wait:?}");
            assert_eq!(rig.machine.session(), None);
        }
        10 => hello(sample),
        11 => {
            let mut rig = Rig::online(config());
            rig.advance(seconds(40)).assert_kinds("t+40.000 > heartbeat 2");
            rig.message(sample.message());
            assert_eq!(rig.machine.health().counts.beats_acked, 2, "{}", sample.file);
            rig.advance(seconds(40)).assert_kinds("t+80.000 > heartbeat 2");
        }
        op => {
            let mut rig = Rig::online(config());
            let event = only_event(&mut rig, sample.bytes.clone(), sample);
            let Event::Unknown(unknown) = event else { panic!("{}: {event:?}", sample.file) };
            assert_eq!((unknown.op(), unknown.frame()), (Some(op), &sample.bytes), "{}", sample.file);
        }
    }
}

fn hello(sample: &Sample) {
    let mut rig = Rig::new(config());
    rig.hold_identify().start().open().story.clear();
    rig.message(sample.message()).assert_kinds(
        "t+0.000 > ask identify
         t+0.000 > heartbeat null",
    );
    let interval = millis(sample.data()["heartbeat_interval"].as_u64().expect("whole milliseconds"));
    assert_eq!(rig.machine.timers(), [(rig.now + interval, Timer::Heartbeat)], "{}", sample.file);
}

/// What the machine makes of a frame: events and no action but its `Wait`.
fn events(rig: &mut Rig, frame: Bytes) -> Vec<Event> {
    let (now, input) = (rig.now, Input::Message(rig.connection(), Message::Text(frame)));
    let mut actions: Vec<Action> = rig.machine.handle(now, input).collect();
    let last = actions.pop();
    assert!(matches!(last, Some(Action::Wait { until, .. }) if until > now), "{last:?}");
    let event = |action| match action {
        Action::Event(event) => event,
        other => panic!("{other:?}"),
    };
    actions.into_iter().map(event).collect()
}

fn only_event(rig: &mut Rig, frame: Bytes, sample: &Sample) -> Event {
    let mut events = events(rig, frame);
    assert_eq!(events.len(), 1, "{}: {events:?}", sample.file);
    events.remove(0)
}

/// One file.
struct Sample {
    file: String,
    bytes: Bytes,
    keys: BTreeMap<String, Box<RawValue>>,
}

impl Sample {
    fn value(&self, key: &str) -> Value {
        self.keys.get(key).map_or(Value::Null, |raw| serde_json::from_str(raw.get()).expect("a value"))
    }

    fn op(&self) -> u64 {
        self.value("op").as_u64().expect("an opcode")
    }

    /// The event's name, if it is a dispatch.
    fn event(&self) -> Option<String> {
        self.value("t").as_str().filter(|_| self.op() == 0).map(str::to_owned)
    }

    fn data(&self) -> Value {
        self.value("d")
    }

    fn message(&self) -> Message {
        Message::Text(self.bytes.clone())
    }

    #[track_caller]
    fn assert_same(&self, dispatch: &Dispatch, sequence: u64) {
        let Self { file, .. } = self;
        assert_eq!(Some(dispatch.name()), self.event().as_deref(), "{file}");
        assert_eq!(dispatch.sequence(), Some(Sequence(sequence)), "{file}");
        assert_eq!(dispatch.decode::<Value>().as_ref(), Ok(&self.data()), "{file}");
        assert_eq!(dispatch.detach().decode::<Value>().as_ref(), Ok(&self.data()), "{file}");
    }
}

/// How a dispatch is written.
#[derive(Clone, Copy)]
struct Writing {
    order: &'static [&'static str],
    space: Space,
}

#[derive(Clone, Copy)]
enum Space {
    None,
    Around,
}

impl Writing {
    /// The sample's frame with another sequence.
    fn write(self, sample: &Sample, sequence: u64) -> Bytes {
        let (before, after) = match self.space {
            Space::None => ("", ""),
            Space::Around => (" \n\t", "\r\n "),
        };
        let sequence = sequence.to_string();
        let mut frame = format!("{before}{{");
        for (index, key) in self.order.iter().enumerate() {
            let value = match *key {
                "s" => &sequence,
                "later" => "{\"op\":7,\"d\":[\"}\"]}",
                key => sample.keys.get(key).map_or("null", |raw| raw.get()),
            };
            let comma = if index == 0 { "" } else { "," };
            write!(frame, "{comma}{before}\"{key}\"{after}:{before}{value}{after}").expect("a string takes all");
        }
        frame.push('}');
        frame.push_str(after);
        frame.into()
    }
}

/// Every way in which a dispatch is written.
fn writings() -> impl Iterator<Item = Writing> {
    let spaced = |order| [Space::None, Space::Around].map(|space| Writing { order, space });
    ORDERS.into_iter().flat_map(spaced)
}

/// The order of real frames, with a key of tomorrow behind the data, four more, among them `d` first.
const ORDERS: [&[&str]; 6] = [
    &["t", "s", "op", "d"],
    &["t", "s", "op", "d", "later"],
    &["op", "d", "s", "t"],
    &["d", "op", "s", "t"],
    &["s", "t", "later", "d", "op"],
    &["op", "s", "t", "d"],
];
const WRITINGS: usize = ORDERS.len() * 2;

/// Every frame in the folder, in the order of its names. `rest-gateway*` are answers of the HTTP API.
fn samples(folder: &Path) -> Vec<Sample> {
    let entries = std::fs::read_dir(folder).expect("PORTCULLIS_CORPUS contains discord/");
    let mut samples: Vec<Sample> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let file = path.file_name().expect("a name").to_string_lossy().into_owned();
            let bytes = Bytes::from(std::fs::read(&path).expect("a file that can be read"));
            (file, bytes)
        })
        .filter(|(file, _)| !file.starts_with("rest-gateway"))
        .map(|(file, bytes)| {
            let keys = serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{file}: {error}"));
            Sample { file, bytes, keys }
        })
        .collect();
    samples.sort_by(|a, b| a.file.cmp(&b.file));
    samples
}
