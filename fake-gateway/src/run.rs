//! A script on the machine: cues go to it, and its deeds are done.

use crate::config::AcceptedToken;
use crate::event::EventKind;
use crate::faults::{Target, Who};
use crate::gateway::FakeGateway;
use crate::input::ConnectionId;
use crate::payloads;
use crate::script::{Cue, Deed, Deeds, Due, Failure, Judged, Payload, Play, Script, Whom};
use crate::session::Shard;
use crate::timers::Timer;
use core::fmt;
use core::time::Duration;
use portcullis::Timestamp;

/// Members in one chunk *(documented)*.
const CHUNK: u32 = 1000;

/// Which of a rule's deeds: a client that asks for an upgrade has no connection yet that anything could be done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    Faults,
    Rest,
}

/// Whether a script had anything to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Acted {
    Nothing,
    Something,
}

/// Deeds are about a connection that is not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotConnected {
    /// The line of the deeds, from 1.
    pub line: usize,
    /// The connection.
    pub connection: ConnectionId,
}

impl fmt::Display for NotConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} is not open", self.line, self.connection)
    }
}

impl core::error::Error for NotConnected {}

impl FakeGateway {
    /// Plays a script from now on, in place of any other. Its `set` lines have no effect here: they are for
    /// [`Script::configure`], before the gateway is made. The config's seed seeds what it draws.
    pub fn play(&mut self, now: Timestamp, script: Script) {
        self.now = self.now.max(now);
        self.script = Some(Box::new(Play::new(self.now, script, self.config.seed)));
        self.act();
    }

    /// Does deeds at once, line by line: [`FakeGateway::deadline`] says then that something is due. Those without a
    /// connection in front are done to everyone.
    ///
    /// # Errors
    /// [`NotConnected`] at the first line whose connection is not open. The lines before it were done.
    pub fn carry_out(&mut self, now: Timestamp, deeds: &Deeds) -> Result<(), NotConnected> {
        self.see(now);
        if self.script.is_none() {
            self.play(now, Script::default());
        }
        for line in &deeds.lines {
            let target = match line.connection {
                None => Target::All,
                Some(connection) if self.connections.contains_key(&connection) => Target::Connection(connection),
                Some(connection) => return Err(NotConnected { line: line.number, connection }),
            };
            self.announce(line.connection, EventKind::Deed { text: line.text.to_string() });
            for (whom, deed) in &line.deeds {
                self.enact(if *whom == Whom::Everyone { Target::All } else { target }, deed);
            }
        }
        // What was to be expected has a time limit now.
        self.act();
        Ok(())
    }

    /// Says that something is wrong with this run, as a script's `fail` does: [`FakeGateway::failures`] has it.
    pub fn fail(&mut self, now: Timestamp, text: &str) {
        self.see(now);
        if self.script.is_none() {
            self.play(now, Script::default());
        }
        self.note_failure(text);
    }

    /// Whether the script came to an `end`.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.script.as_ref().is_some_and(|play| play.is_ended())
    }

    /// What the script found wrong with the clients: its `fail`s, and what it expected in vain. The first thousand.
    #[must_use]
    pub fn failures(&self) -> &[Failure] {
        self.script.as_ref().map_or(&[], |play| play.failures())
    }

    /// A client does something that is about to be answered.
    pub(super) fn cue(&mut self, cue: Cue, connection: ConnectionId) {
        for due in self.cued(cue, connection) {
            self.perform(due, Part::Whole);
        }
    }

    /// What is due when a client does this.
    pub(super) fn cued(&mut self, cue: Cue, connection: ConnectionId) -> Vec<Due> {
        match &mut self.script {
            Some(play) if !(cue == Cue::Event && self.muted) => play.cue(self.now, cue, connection),
            Some(_) | None => Vec::new(),
        }
    }

    /// Does all that a script has due, and sets the timer for the rest.
    pub(super) fn act(&mut self) -> Acted {
        let mut acted = Acted::Nothing;
        while let Some(due) = self.script.as_mut().and_then(|play| play.take_due(self.now)) {
            acted = Acted::Something;
            for _ in 0..due.times {
                self.perform(due, Part::Whole);
            }
        }
        while let Some(judged) = self.script.as_mut().and_then(|play| play.take_expected(self.now)) {
            acted = Acted::Something;
            if let Judged::Failed(text) = judged {
                self.note_failure(&text);
            }
        }
        match self.script.as_ref().and_then(|play| play.deadline()) {
            Some(at) => self.timers.set(Timer::Script, at),
            None => self.timers.cancel(Timer::Script),
        }
        acted
    }

    pub(super) fn perform(&mut self, due: Due, part: Part) {
        let Some(scene) = self.script.as_mut().and_then(|play| play.scene(due)) else { return };
        if let Some(line) = scene.line.filter(|_| part != Part::Rest) {
            self.announce(due.connection, EventKind::Played { line });
        }
        let before = core::mem::replace(&mut self.muted, scene.mutes);
        for (whom, deed) in scene.deeds() {
            let arms = matches!(deed, Deed::Arm(..));
            match part {
                Part::Faults if !arms => continue,
                Part::Rest if arms => continue,
                Part::Whole | Part::Faults | Part::Rest => {}
            }
            let target = match (whom, due.connection) {
                (Whom::Cued, Some(connection)) => Target::Connection(connection),
                (Whom::Cued, None) | (Whom::Everyone, _) => Target::All,
            };
            self.enact(target, deed);
        }
        self.muted = before;
    }

    fn enact(&mut self, target: Target, deed: &Deed) {
        let now = self.now;
        match deed {
            Deed::Dispatch { times, name, data } => {
                (0..*times).for_each(|_| self.dispatch_scripted(target, name, data));
            }
            Deed::Send { times, message } => (0..*times).for_each(|_| {
                self.send_raw(now, target, message);
            }),
            Deed::RequestHeartbeat { times } => (0..*times).for_each(|_| {
                self.request_heartbeat(now, target);
            }),
            Deed::Drop => {
                self.drop_connections(now, target);
            }
            Deed::Close { code, reason } => {
                self.close(now, target, *code, reason);
            }
            Deed::Reconnect => {
                self.reconnect(now, target);
            }
            Deed::InvalidSession(resumable) => {
                self.invalid_session(now, target, *resumable);
            }
            Deed::Arm(fault, span) => self.fault(target, fault.clone(), *span),
            Deed::Lift(kind) => self.lift(target, *kind),
            Deed::LiftAll => self.lift_all(),
            Deed::Flood(flood) => {
                self.flood(now, target, flood);
            }
            Deed::Bomb(blanks) => {
                self.bomb(now, target, *blanks);
            }
            Deed::RateLimit(span) => self.answer_members_request(target, |gateway, connection| {
                gateway.refuse_members(connection, *span);
            }),
            Deed::AnswerMembers(members) => self.answer_members_request(target, |gateway, connection| {
                gateway.send_members(connection, *members);
            }),
            Deed::ResetToken => self.reset_token(now),
            Deed::AcceptToken(token) => self.accept_token(AcceptedToken::Only(token.to_string())),
            Deed::Say(text) => self.announce(None, EventKind::Said { text: text.to_string() }),
            Deed::Fail(text) => self.note_failure(text),
            Deed::Expect { wanted, cue, within } => {
                if let Some(play) = &mut self.script {
                    play.expect(now, *wanted, *cue, *within);
                }
            }
            Deed::End => {
                if let Some(play) = &mut self.script {
                    play.end();
                }
            }
        }
    }

    fn note_failure(&mut self, text: &str) {
        self.announce(None, EventKind::Failed { text: text.to_owned() });
        if let Some(play) = &mut self.script {
            play.fail(self.now, text);
        }
    }

    fn dispatch_scripted(&mut self, target: Target, name: &str, data: &Payload) {
        match data {
            Payload::Given(json) => {
                self.dispatch(self.now, target, name, json);
            }
            Payload::Generated { members } => {
                if self.sessions.len() == 0 {
                    return;
                }
                let shard = match target {
                    Target::Connection(connection) => self.who(connection).session.map(|(_, shard)| shard),
                    Target::All | Target::Session(_) | Target::Shard(_) | Target::Guild(_) => None,
                };
                let guild = self.any_guild(shard.unwrap_or(Shard::WHOLE));
                let Some(play) = &mut self.script else { return };
                let name = if name == Script::TRAFFIC { play.generator.traffic() } else { name };
                let json = match members {
                    Some(members) => play.generator.guild(guild).members(*members).build(),
                    None => play.generator.event(name, guild),
                };
                // To everyone means to those who have the guild; a bot without guilds has all of them.
                let target =
                    if target == Target::All && self.config.guilds > 0 { Target::Guild(guild) } else { target };
                self.dispatch(self.now, target, name, &json);
            }
        }
    }

    /// One of the guilds on a shard, drawn.
    fn any_guild(&mut self, shard: Shard) -> u64 {
        let guilds = u64::from(self.config.guilds);
        let first = self.script.as_mut().map_or(0, |play| play.generator.below(guilds));
        let index = (0..guilds.min(u64::from(shard.count)))
            .map(|step| (first + step) % guilds)
            .find_map(|index| u32::try_from(index).ok().filter(|&index| shard.holds(payloads::guild_id(index))));
        payloads::guild_id(index.unwrap_or_default())
    }

    fn answer_members_request(&mut self, target: Target, answer: impl Fn(&mut Self, ConnectionId)) {
        let asked = |who: Who| target.meets(who);
        let connections: Vec<_> = self.connections.keys().copied().filter(|&open| asked(self.who(open))).collect();
        for connection in connections {
            answer(self, connection);
        }
    }

    /// Says that the last Request Guild Members came too soon; nothing if there was none.
    pub(super) fn rate_limit_members(&mut self, connection: ConnectionId, span: Duration) {
        let Some(asked) = self.connections.get(&connection).and_then(|open| open.members_asked.clone()) else { return };
        let nonce = asked.nonce.map_or_else(String::new, |nonce| format!(r#""nonce":{nonce},"#));
        // Rounded up: a client that waits as it is told must not come a fraction of a millisecond too soon.
        let (millis, guild) = (span.as_nanos().div_ceil(1_000_000), asked.guild);
        let json = format!(
            r#"{{"retry_after":{}.{:03},"opcode":8,"meta":{{{nonce}"guild_id":{guild}}}}}"#,
            millis / 1000,
            millis % 1000
        );
        self.dispatch(self.now, Target::Connection(connection), "RATE_LIMITED", &json);
    }

    /// Answers the last Request Guild Members with so many generated ones; nothing if there was none.
    fn send_members(&mut self, connection: ConnectionId, members: u32) {
        let Some(asked) = self.connections.get(&connection).and_then(|open| open.members_asked.clone()) else { return };
        let chunks = members.div_ceil(CHUNK).max(1);
        for index in 0..chunks {
            let count = members.saturating_sub(index * CHUNK).min(CHUNK);
            let Some(play) = &mut self.script else { return };
            let json =
                play.generator.chunk(&asked.guild, asked.nonce.as_deref(), count.into(), index.into(), chunks.into());
            self.dispatch(self.now, Target::Connection(connection), "GUILD_MEMBERS_CHUNK", &json);
        }
    }
}
