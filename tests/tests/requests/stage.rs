//! A machine driven by hand, and beside it what puts answers together, told as text.

use portcullis::dialect::discord::{Discord, Intents};
use portcullis::requests::{Answer, Request, RequestError, RequestId, RequestPolicy, Requests};
use portcullis::{Config, Message, Timestamp};
use portcullis_tests::rig::{TOKEN, config, prompt};
use portcullis_tests::{Rig, frames};
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

pub(crate) struct Stage {
    pub(crate) rig: Rig,
    pub(crate) requests: Requests,
    pub(crate) results: Vec<(RequestId, Result<Answer, RequestError>)>,
    story: Vec<String>,
    observed: usize,
    told: usize,
    sequence: u64,
}

/// A member as these tests see one.
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) id: u64,
}

impl Stage {
    pub(crate) fn online() -> Self {
        Self::with(prompt(), RequestPolicy::default())
    }

    pub(crate) fn with(config: Config, policy: RequestPolicy) -> Self {
        let mut stage = Self::offline(config, policy);
        stage.act(|rig| rig.start().open().message(frames::hello("40000")).message(frames::ready("5e551011", 1)));
        stage.story.clear();
        stage
    }

    /// A machine that has not started.
    pub(crate) fn offline(config: Config, policy: RequestPolicy) -> Self {
        let discord = Discord::new(TOKEN, Intents::all()).unwrap();
        let mut rig = Rig::of(discord, config);
        rig.ack_beats();
        let requests = rig.machine.requests(policy);
        Self { rig, requests, results: Vec::new(), story: Vec::new(), observed: 0, told: 0, sequence: 1 }
    }

    /// A machine of other intents and another filter.
    pub(crate) fn refusal(
        intents: Intents,
        events: portcullis::machine::EventFilter,
        request: impl Into<Request>,
    ) -> RequestError {
        let discord = Discord::new(TOKEN, intents).unwrap();
        let rig = Rig::of(discord, Config { events, ..config() });
        let mut requests = rig.machine.requests(RequestPolicy::default());
        let error = requests.ask(request).unwrap_err();
        assert_eq!((requests.open(), requests.deadline()), (0, None));
        error
    }

    pub(crate) fn ask(&mut self, request: impl Into<Request>) -> RequestId {
        let id = self.requests.ask(request).unwrap();
        self.sync();
        id
    }

    pub(crate) fn act(&mut self, deed: impl FnOnce(&mut Rig) -> &mut Rig) -> &mut Self {
        deed(&mut self.rig);
        self.sync();
        self
    }

    pub(crate) fn message(&mut self, message: Message) -> &mut Self {
        self.act(|rig| rig.message(message))
    }

    pub(crate) fn dispatch(&mut self, name: &str, data: &str) -> &mut Self {
        self.sequence += 1;
        self.message(frames::dispatch(name, self.sequence, data))
    }

    /// A chunk of the answer to the request that was sent with the `attempt`th nonce; its one member has the index as id.
    pub(crate) fn chunk(&mut self, attempt: u64, index: u64, count: u64) -> &mut Self {
        let data = format!(
            r#"{{"guild_id":"1","members":[{{"id":{index}}}],"chunk_index":{index},"chunk_count":{count},"nonce":"{}"}}"#,
            nonce(attempt)
        );
        self.dispatch("GUILD_MEMBERS_CHUNK", &data)
    }

    pub(crate) fn sounds(&mut self, guild_id: &str) -> &mut Self {
        self.dispatch("SOUNDBOARD_SOUNDS", &format!(r#"{{"soundboard_sounds":[{{"id":7}}],"guild_id":{guild_id}}}"#))
    }

    /// The connection is lost, and the next one is in the handshake of a resume.
    pub(crate) fn resume(&mut self) -> &mut Self {
        self.act(Rig::lose);
        self.act(|rig| rig.next().open().message(frames::hello("40000")))
    }

    pub(crate) fn resumed(&mut self) -> &mut Self {
        self.sequence += 1;
        self.message(frames::resumed(self.sequence))
    }

    /// Lets time pass, and gives a tick at each deadline in it.
    pub(crate) fn advance(&mut self, span: Duration) -> &mut Self {
        let end = self.rig.now + span;
        while let Some(next) = self.deadline().filter(|next| *next <= end) {
            self.rig.now = self.rig.now.max(next);
            self.act(Rig::tick);
        }
        self.rig.now = end;
        self
    }

    pub(crate) fn sync(&mut self) {
        loop {
            for (at, event) in &self.rig.events[self.observed..] {
                self.requests.observe(*at, event);
            }
            self.observed = self.rig.events.len();
            let (now, before) = (self.rig.now, self.rig.machine.room());
            self.requests.tick(now, |command| self.rig.machine.send(now, command));
            let has_sent = self.rig.machine.room() < before;
            if has_sent {
                self.rig.tick();
            }
            for (at, message) in &self.rig.sends[self.told..] {
                self.story.extend(told(message).map(|told| format!("{at} > {told}")));
            }
            self.told = self.rig.sends.len();
            while let Some((id, result)) = self.requests.next_result() {
                self.story.push(format!("{now} = {}: {}", id.0, outcome(&result)));
                self.results.push((id, result));
            }
            if !has_sent && self.observed == self.rig.events.len() {
                return;
            }
        }
    }

    /// The numbers of the nonces of all Request Guild Members that were sent.
    pub(crate) fn attempts(&self) -> Vec<u64> {
        let sends = self.rig.sends.iter().filter_map(|(_, message)| told(message));
        sends.filter_map(|told| told.split_once("nonce ")?.1.parse().ok()).collect()
    }

    /// Compares what was sent and what came of it with `expected`, and forgets it.
    #[track_caller]
    pub(crate) fn assert(&mut self, expected: &str) -> &mut Self {
        let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        assert!(self.story == expected, "it was\n  {}\nand not\n  {}", self.story.join("\n  "), expected.join("\n  "));
        self.story.clear();
        self
    }

    fn deadline(&self) -> Option<Timestamp> {
        [self.rig.machine.deadline(), self.requests.deadline()].into_iter().flatten().min()
    }
}

/// The nonce of the `attempt`th request that was sent, on the rig's seed.
pub(crate) fn nonce(attempt: u64) -> String {
    format!("0000000000000007{attempt:016x}")
}

/// A request that was sent, in short.
fn told(message: &Message) -> Option<String> {
    let frame: Value = serde_json::from_slice(message.bytes()).unwrap();
    let data = &frame["d"];
    match frame["op"].as_u64()? {
        8 => {
            let attempt = u64::from_str_radix(&data["nonce"].as_str().unwrap()[16..], 16).unwrap();
            assert_eq!(data["nonce"], nonce(attempt));
            Some(format!("members of {}, nonce {attempt}", data["guild_id"].as_str().unwrap()))
        }
        31 => Some(format!("sounds of {}", data["guild_ids"])),
        43 => Some(format!("channels of {}", data["guild_id"])),
        _ => None,
    }
}

fn outcome(result: &Result<Answer, RequestError>) -> String {
    let ids = |members: Vec<Member>| members.iter().map(|member| member.id.to_string()).collect::<Vec<_>>().join(" ");
    match result {
        Ok(Answer::GuildMembers(answer)) => format!("members {}", ids(answer.members().unwrap())),
        Ok(Answer::SoundboardSounds(answer)) => {
            let guilds: Vec<u64> = answer.guilds().map(|(guild_id, _)| guild_id).collect();
            format!("sounds of {guilds:?}, not of {:?}", answer.unanswered().collect::<Vec<_>>())
        }
        Ok(Answer::ChannelInfo(answer)) => format!("channels of {}", answer.guild_id()),
        Ok(other) => format!("{other:?}"),
        Err(error) => error.to_string(),
    }
}
