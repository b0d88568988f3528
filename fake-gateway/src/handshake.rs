//! Identify and Resume: from the asking to Ready, Resumed, op 9 or a close.

use crate::broadcast::Broadcast;
use crate::config::{Limits, SessionFate};
use crate::connection::Phase;
use crate::faults::{Fault, FaultKind, Rebuff, ResumeUrl};
use crate::frames::{self, Resumable};
use crate::gateway::FakeGateway;
use crate::identify_limit::Admission;
use crate::input::ConnectionId;
use crate::outgoing::{Departure, session_fate};
use crate::record::Identify;
use crate::rules::Rule;
use crate::script::Cue;
use crate::session::{Session, SessionId, SessionKey, Shard, TokenPrint};
use crate::timers::Timer;
use crate::{intents, payloads};
use portcullis::CloseCode;

/// A shard may hold so many guilds.
const GUILDS_MAX: usize = 2500;

impl FakeGateway {
    pub(super) fn identify(&mut self, connection: ConnectionId, token: &str, identify: &Identify) {
        self.record.counters.identifies += 1;
        if let Some(Fault::Identify(rebuff)) = self.strike(FaultKind::Identify, self.who(connection)) {
            return self.rebuff(connection, rebuff);
        }
        let intents = match self.check_identify(token, identify) {
            Ok(intents) => intents,
            Err(rule) => return self.breach(connection, rule),
        };
        let shard = identify.shard.unwrap_or(Shard::WHOLE);
        let verdict = match self.config.limits {
            Limits::Lifted => Admission::Granted,
            Limits::Real => {
                let bucket = shard.id % self.config.max_concurrency.max(1);
                self.identify_limit.ask(self.now, bucket, self.config.daily_limit)
            }
        };
        match verdict {
            Admission::TooSoon => {
                let bucket = shard.id % self.config.max_concurrency.max(1);
                self.breach(connection, Rule::IdentifyTooSoon { bucket });
                self.send_invalid(connection, Resumable::No);
            }
            Admission::Spent => self.spent(connection),
            Admission::Granted if self.sessions.len() >= self.config.sessions_max => {
                self.send_invalid(connection, Resumable::No);
            }
            Admission::Granted => {
                if let (Some(true), Some(open)) = (identify.compress, self.connections.get_mut(&connection)) {
                    open.packer.compress_payloads();
                }
                self.begin(connection, TokenPrint::of(token), intents, identify);
            }
        }
    }

    /// The checks in the order of the protocol page.
    fn check_identify(&self, token: &str, identify: &Identify) -> Result<u64, Rule> {
        if !self.config.token.accepts(token) {
            return Err(Rule::AuthenticationFailed);
        }
        let shard = identify.shard.unwrap_or(Shard::WHOLE);
        if shard.id >= shard.count {
            return Err(Rule::InvalidShard);
        }
        if self.config.limits == Limits::Real && payloads::guilds_of(&self.config, shard).nth(GUILDS_MAX).is_some() {
            return Err(Rule::ShardingRequired);
        }
        let intents = identify.intents.and_then(|bits| u64::try_from(bits).ok()).ok_or(Rule::InvalidIntents)?;
        if intents & !intents::ALL != 0 {
            return Err(Rule::InvalidIntents);
        }
        if intents & intents::PRIVILEGED & !self.config.privileged != 0 {
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
        let id = self.draw_session_id();
        let url = match self.strike(FaultKind::ResumeUrl, self.who(connection)) {
            Some(Fault::ResumeUrl(ResumeUrl::Omit)) => None,
            Some(Fault::ResumeUrl(ResumeUrl::Instead(url))) => Some(url),
            Some(Fault::ResumeUrl(ResumeUrl::Extended(tail))) => Some(format!("{}{tail}", self.config.resume_url)),
            Some(_) | None => Some(self.config.resume_url.clone()),
        };
        let version = self.connections.get(&connection).map_or(10, |open| open.version);
        let ready = payloads::ready(&self.config, version, id, shard, url.as_deref());
        let key = self.sessions.insert(Session::new(id, token, intents, shard));
        self.record.counters.sessions += 1;
        self.attach(key, connection);
        let departure = self.send_milestone(key, connection, FaultKind::Ready, &ready);
        let guilds: Vec<_> = payloads::guilds_of(&self.config, shard.unwrap_or(Shard::WHOLE)).collect();
        for (guild, availability) in guilds {
            let event = self.guilds.event(&self.config, guild, availability, identify.large_threshold);
            self.deliver(key, &Broadcast::new(event));
        }
        if departure == Departure::Now {
            self.cue(Cue::Ready, connection);
        }
    }

    pub(super) fn resume(&mut self, connection: ConnectionId, token: &str, session_id: &str, sequence: u64) {
        self.record.counters.resumes += 1;
        if let Some(Fault::Resume(rebuff)) = self.strike(FaultKind::Resume, self.who(connection)) {
            return self.rebuff(connection, rebuff);
        }
        if !self.config.token.accepts(token) {
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
                self.end_session(key);
            }
            return self.breach(connection, Rule::InvalidSequence);
        }
        if let Some(older) = older {
            self.end(older, Some(CloseCode(4000)), "Resumed on another connection.", SessionFate::Kept);
        }
        if !reached {
            self.end_session(key);
            return self.send_invalid(connection, Resumable::No);
        }
        self.attach(key, connection);
        self.replay(key, connection, sequence);
    }

    fn replay(&mut self, key: SessionKey, connection: ConnectionId, sequence: u64) {
        self.record.counters.resumed += 1;
        let missed = self.sessions.get(key).map(|session| session.after(sequence)).unwrap_or_default();
        for (number, event) in missed {
            self.record.counters.replayed += 1;
            self.send_in_lane(connection, frames::dispatch(&event, Some(number)));
        }
        if self.send_milestone(key, connection, FaultKind::Resumed, &payloads::resumed()) == Departure::Now {
            self.cue(Cue::Resumed, connection);
        }
    }

    fn attach(&mut self, key: SessionKey, connection: ConnectionId) {
        self.timers.cancel(Timer::Expiry(key));
        if let (Some(session), Some(open)) = (self.sessions.get_mut(key), self.connections.get_mut(&connection)) {
            debug_assert!(session.connection.is_none(), "one-holder: a session is attached twice");
            session.connection = Some(connection);
            open.phase = Phase::Active(key);
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
        self.record.counters.invalid_sessions += 1;
        self.send(connection, frames::invalid_session(resumable));
    }

    /// `SplitMix64`, twice. Not a secret: a fake has none to keep.
    fn draw_session_id(&mut self) -> SessionId {
        let mut half = || {
            self.draws = self.draws.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = self.draws;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            u128::from(z ^ (z >> 31))
        };
        SessionId(half() << 64 | half())
    }
}
