//! A script on the machine: what is due is performed, deed by deed. When it is due is known to `script/play.rs`.

use crate::clock::Timer;
use crate::config::AcceptedToken;
use crate::event::EventKind;
use crate::faults::Target;
use crate::gateway::FakeGateway;
use crate::input::ConnectionId;
use crate::payloads;
use crate::script::{Cue, Deed, Deeds, Due, Failure, Judged, Payload, Play, Script, Whom};
use crate::session::Shard;
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
        self.context.clock.see(now);
        *self.script = Play::new(self.context.now(), script, self.context.config.seed);
        self.act();
    }

    /// Does deeds at once, line by line: [`FakeGateway::deadline`] says then that something is due. Those without a
    /// connection in front are done to everyone.
    ///
    /// # Errors
    /// [`NotConnected`] at the first line whose connection is not open. The lines before it were done.
    pub fn carry_out(&mut self, now: Timestamp, deeds: &Deeds) -> Result<(), NotConnected> {
        self.context.clock.see(now);
        for line in &deeds.lines {
            let target = match line.connection {
                None => Target::All,
                Some(connection) if self.connections.is_open(connection) => Target::Connection(connection),
                Some(connection) => return Err(NotConnected { line: line.number, connection }),
            };
            self.context.announce(line.connection, EventKind::Deed { text: line.text.to_string() });
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
        self.context.clock.see(now);
        self.context.announce(None, EventKind::Failed { text: text.to_owned() });
        self.script.fail(self.context.now(), text);
    }

    /// Whether the script came to an `end`.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.script.is_ended()
    }

    /// What the script found wrong with the clients: its `fail`s, and what it expected in vain. The first thousand.
    #[must_use]
    pub fn failures(&self) -> &[Failure] {
        self.script.failures()
    }

    /// A client does something that is about to be answered.
    pub(super) fn cue(&mut self, cue: Cue, connection: ConnectionId) {
        for due in self.script.cue(self.context.now(), cue, connection) {
            self.perform(due, Part::Whole);
        }
    }

    /// Does all that the script has due, and sets the timer for the rest.
    pub(super) fn act(&mut self) -> Acted {
        let mut acted = Acted::Nothing;
        while let Some(due) = self.script.take_due(self.context.now()) {
            acted = Acted::Something;
            for _ in 0..due.times {
                self.perform(due, Part::Whole);
            }
        }
        while let Some(judged) = self.script.take_expected(self.context.now()) {
            acted = Acted::Something;
            if let Judged::Failed(text) = judged {
                self.fail(self.context.now(), &text);
            }
        }
        match self.script.deadline() {
            Some(at) => self.context.clock.set(Timer::Script, at),
            None => self.context.clock.cancel(Timer::Script),
        }
        acted
    }

    pub(super) fn perform(&mut self, due: Due, part: Part) {
        let Some(scene) = self.script.scene(due) else { return };
        if let Some(line) = scene.line.filter(|_| part != Part::Rest) {
            self.context.announce(due.connection, EventKind::Played { line });
        }
        let before = self.script.count(scene.events);
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
        self.script.count(before);
    }

    fn enact(&mut self, target: Target, deed: &Deed) {
        let now = self.context.now();
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
            Deed::RateLimit(span) => {
                for connection in self.connections.met_by(target) {
                    self.refuse_members(connection, *span);
                }
            }
            Deed::AnswerMembers(members) => {
                for connection in self.connections.met_by(target) {
                    self.send_members(connection, *members);
                }
            }
            Deed::ResetToken => self.reset_token(now),
            Deed::AcceptToken(token) => self.accept_token(AcceptedToken::Only(token.to_string())),
            Deed::Say(text) => self.context.announce(None, EventKind::Said { text: text.to_string() }),
            Deed::Fail(text) => self.fail(now, text),
            Deed::Expect { wanted, cue, within } => self.script.expect(now, *wanted, *cue, *within),
            Deed::End => self.script.end(),
        }
    }

    fn dispatch_scripted(&mut self, target: Target, name: &str, data: &Payload) {
        let now = self.context.now();
        match data {
            Payload::Given(json) => {
                self.dispatch(now, target, name, json);
            }
            Payload::Generated { members } => {
                if self.sessions.len() == 0 {
                    return;
                }
                let shard = match target {
                    Target::Connection(connection) => self.connections.who(connection).session.map(|(_, shard)| shard),
                    Target::All | Target::Session(_) | Target::Shard(_) | Target::Guild(_) => None,
                };
                let guild = self.any_guild(shard.unwrap_or(Shard::WHOLE));
                let generator = &mut self.script.generator;
                let name = if name == Script::TRAFFIC { generator.traffic() } else { name };
                let json = match members {
                    Some(members) => generator.guild(guild).members(*members).build(),
                    None => generator.event(name, guild),
                };
                // To everyone means to those who have the guild; a bot without guilds has all of them.
                let is_shared = target == Target::All && self.context.config.guilds > 0;
                let target = if is_shared { Target::Guild(guild) } else { target };
                self.dispatch(now, target, name, &json);
            }
        }
    }

    /// One of the guilds on a shard, drawn.
    fn any_guild(&mut self, shard: Shard) -> u64 {
        let guilds = u64::from(self.context.config.guilds);
        let first = self.script.generator.below(guilds);
        let index = (0..guilds.min(u64::from(shard.count)))
            .map(|step| (first + step) % guilds)
            .find_map(|index| u32::try_from(index).ok().filter(|&index| shard.holds(payloads::guild_id(index))));
        payloads::guild_id(index.unwrap_or_default())
    }

    /// Says that the last Request Guild Members came too soon; nothing if there was none. The client may ask again after
    /// the time that it is told, so the wait of an earlier request ends here.
    fn refuse_members(&mut self, connection: ConnectionId, retry_after: Duration) {
        if let Some(asked) = self.connections.get(connection).and_then(|open| open.members_asked.as_ref()) {
            self.members_limit.close(&asked.guild);
        }
        self.rate_limit_members(connection, retry_after);
    }

    /// Answers the last Request Guild Members with this many generated ones; nothing if there was none.
    fn send_members(&mut self, connection: ConnectionId, members: u32) {
        let Some(asked) = self.connections.get(connection).and_then(|open| open.members_asked.clone()) else { return };
        let chunks = members.div_ceil(CHUNK).max(1);
        for index in 0..chunks {
            let count = members.saturating_sub(index * CHUNK).min(CHUNK);
            let nonce = asked.nonce.as_deref();
            let json = self.script.generator.chunk(&asked.guild, nonce, count.into(), index.into(), chunks.into());
            self.dispatch(self.context.now(), Target::Connection(connection), "GUILD_MEMBERS_CHUNK", &json);
        }
    }
}
