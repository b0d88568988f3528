//! Identify and Resume: from the asking to Ready, Resumed, op 9 or a close.

use crate::broadcast::Broadcast;
use crate::config::{Limits, SessionFate};
use crate::connection::Phase;
use crate::delivery::Departure;
use crate::faults::{Fault, FaultKind, Rebuff, ResumeUrl};
use crate::frames::{self, Resumable};
use crate::gateway::FakeGateway;
use crate::identify_limit::Admission;
use crate::input::ConnectionId;
use crate::lifecycle::session_fate;
use crate::record::Identify;
use crate::rules::Rule;
use crate::script::Cue;
use crate::session::{Session, SessionKey, Shard, TokenPrint};
use crate::{intents, payloads};
use portcullis::CloseCode;

/// How many guilds a shard may hold *(documented)*.
const GUILDS_MAX: usize = 2500;

impl FakeGateway {
    pub(super) fn identify(&mut self, connection: ConnectionId, token: &str, identify: &Identify) {
        self.context.log.counters.identifies += 1;
        if let Some(Fault::Identify(rebuff)) =
            self.context.strike(FaultKind::Identify, self.connections.who(connection))
        {
            return self.rebuff(connection, rebuff);
        }
        let intents = match self.check_identify(token, identify) {
            Ok(intents) => intents,
            Err(rule) => return self.breach(connection, rule),
        };
        let shard = identify.shard.unwrap_or(Shard::WHOLE);
        let verdict = match self.context.config.limits {
            Limits::Lifted => Admission::Granted,
            Limits::Real => {
                let bucket = shard.id % self.context.config.max_concurrency.max(1);
                self.identify_limit.ask(self.context.now(), bucket, self.context.config.daily_limit)
            }
        };
        match verdict {
            Admission::TooSoon => {
                let bucket = shard.id % self.context.config.max_concurrency.max(1);
                self.breach(connection, Rule::IdentifyTooSoon { bucket });
                self.send_invalid(connection, Resumable::No);
            }
            Admission::Spent => self.spent(connection),
            Admission::Granted if self.sessions.len() >= self.context.config.sessions_max => {
                self.send_invalid(connection, Resumable::No);
            }
            Admission::Granted => {
                if let (Some(true), Some(open)) = (identify.compress, self.connections.get_mut(connection)) {
                    open.outgoing.compress_payloads();
                }
                self.begin(connection, TokenPrint::of(token), intents, identify);
            }
        }
    }

    /// The checks in the order of the protocol page.
    fn check_identify(&self, token: &str, identify: &Identify) -> Result<u64, Rule> {
        if !self.context.config.token.accepts(token) {
            return Err(Rule::AuthenticationFailed);
        }
        let shard = identify.shard.unwrap_or(Shard::WHOLE);
        if shard.id >= shard.count {
            return Err(Rule::InvalidShard);
        }
        if self.context.config.limits == Limits::Real
            && payloads::guilds_of(&self.context.config, shard).nth(GUILDS_MAX).is_some()
        {
            return Err(Rule::ShardingRequired);
        }
        let intents = identify.intents.and_then(|bits| u64::try_from(bits).ok()).ok_or(Rule::InvalidIntents)?;
        if intents & !intents::ALL != 0 {
            return Err(Rule::InvalidIntents);
        }
        if intents & intents::PRIVILEGED & !self.context.config.privileged != 0 {
            return Err(Rule::DisallowedIntents);
        }
        Ok(intents)
    }

    /// The day's budget is spent: the token is reset, and with it all its sessions end.
    fn spent(&mut self, connection: ConnectionId) {
        self.breach(connection, Rule::DailyLimit);
        self.reset();
    }

    fn begin(&mut self, connection: ConnectionId, token: TokenPrint, intents: u64, identify: &Identify) {
        let shard = identify.shard;
        let id = self.sessions.draw_id();
        let url = match self.context.strike(FaultKind::ResumeUrl, self.connections.who(connection)) {
            Some(Fault::ResumeUrl(ResumeUrl::Omit)) => None,
            Some(Fault::ResumeUrl(ResumeUrl::Instead(url))) => Some(url),
            Some(Fault::ResumeUrl(ResumeUrl::Extended(tail))) => {
                Some(format!("{}{tail}", self.context.config.resume_url))
            }
            Some(_) | None => Some(self.context.config.resume_url.clone()),
        };
        let version = self.connections.get(connection).map_or(10, |open| open.version);
        let ready = payloads::ready(&self.context.config, version, id, shard, url.as_deref());
        let key = self.sessions.insert(Session::new(id, token, intents, shard));
        self.context.log.counters.sessions += 1;
        self.attach(key, connection);
        let departure = self.send_milestone(key, connection, FaultKind::Ready, &ready);
        let guilds: Vec<_> = payloads::guilds_of(&self.context.config, shard.unwrap_or(Shard::WHOLE)).collect();
        for (guild, availability) in guilds {
            let event = self.guilds.event(&self.context.config, guild, availability, identify.large_threshold);
            self.deliver(key, &Broadcast::new(event));
        }
        if departure == Departure::Now {
            self.cue(Cue::Ready, connection);
        }
    }

    pub(super) fn resume(&mut self, connection: ConnectionId, token: &str, session_id: &str, sequence: u64) {
        self.context.log.counters.resumes += 1;
        if let Some(Fault::Resume(rebuff)) = self.context.strike(FaultKind::Resume, self.connections.who(connection)) {
            return self.rebuff(connection, rebuff);
        }
        if !self.context.config.token.accepts(token) {
            return self.breach(connection, Rule::AuthenticationFailed);
        }
        let print = TokenPrint::of(token);
        let known = self.sessions.named(session_id).and_then(|key| Some((key, self.sessions.get(key)?)));
        let Some((key, session)) = known.filter(|(_, session)| session.token == print) else {
            return self.send_invalid(connection, Resumable::No);
        };
        let (last, reached, older) = (session.sequence, session.reaches(sequence), session.connection);
        if sequence > last {
            if older.is_none() {
                self.sessions.end(&mut self.context, key);
            }
            return self.breach(connection, Rule::InvalidSequence);
        }
        if let Some(older) = older {
            self.end(older, Some(CloseCode(4000)), "Resumed on another connection.", SessionFate::Kept);
        }
        if !reached {
            self.sessions.end(&mut self.context, key);
            return self.send_invalid(connection, Resumable::No);
        }
        self.attach(key, connection);
        self.replay(key, connection, sequence);
    }

    fn replay(&mut self, key: SessionKey, connection: ConnectionId, sequence: u64) {
        self.context.log.counters.resumed += 1;
        let missed = self.sessions.get(key).map(|session| session.after(sequence)).unwrap_or_default();
        for (number, event) in missed {
            self.context.log.counters.replayed += 1;
            self.send_dispatch(connection, frames::dispatch(&event, Some(number)));
        }
        if self.send_milestone(key, connection, FaultKind::Resumed, &payloads::resumed()) == Departure::Now {
            self.cue(Cue::Resumed, connection);
        }
    }

    fn attach(&mut self, key: SessionKey, connection: ConnectionId) {
        let Some(open) = self.connections.get_mut(connection) else { return };
        if let Some(attached) = self.sessions.attach(&mut self.context, key, connection) {
            open.phase = Phase::Active(attached);
        }
    }

    /// Turns a handshake down, as a fault wants it.
    fn rebuff(&mut self, connection: ConnectionId, rebuff: Rebuff) {
        match rebuff {
            Rebuff::InvalidSession(resumable) => self.send_invalid(connection, resumable),
            Rebuff::Close(code) => self.end(connection, code, "", session_fate(code)),
            Rebuff::Drop => self.cut(connection),
            Rebuff::Ignore => {}
        }
    }

    pub(super) fn send_invalid(&mut self, connection: ConnectionId, resumable: Resumable) {
        self.context.log.counters.invalid_sessions += 1;
        self.send(connection, frames::invalid_session(resumable));
    }
}
