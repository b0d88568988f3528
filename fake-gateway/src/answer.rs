//! What commands are answered with: members, sounds, channels, voice.

use crate::config::{Answers, Limits};
use crate::connection::MembersAsked;
use crate::faults::Target;
use crate::gateway::FakeGateway;
use crate::generate::{Generator, Person};
use crate::input::ConnectionId;
use crate::intents;
use crate::payloads;
use crate::record::Json;
use crate::request::{self, Chosen, MembersRequest, Opcode};
use crate::session::{Session, Shard};
use core::time::Duration;

/// Members in one chunk *(documented)*.
const CHUNK: usize = 1000;
/// A search gives no more *(documented)*.
const FOUND_MAX: usize = 100;
/// All members of a guild may be asked for once in this.
const MEMBERS_SPACING: Duration = Duration::from_secs(30);
/// So many guilds are remembered for it.
const MEMBERS_ASKED_MAX: usize = 10_000;

impl FakeGateway {
    /// Answers a command whose shape is right. A guild that is not on the shard, or has an outage, and what an intent
    /// is missing for, get no answer *(not documented)*. A presence has none: nobody is told of his own.
    pub(super) fn answer(&mut self, connection: ConnectionId, op: Opcode, data: &Json) {
        if self.config.answers == Answers::Off {
            return;
        }
        match op {
            Opcode::RequestGuildMembers => self.answer_members(connection, data),
            Opcode::RequestSoundboardSounds => {
                for guild in request::guild_ids(data) {
                    if self.has_guild(connection, guild) {
                        self.tell_client(connection, "SOUNDBOARD_SOUNDS", &payloads::sounds(guild));
                    }
                }
            }
            Opcode::RequestChannelInfo => {
                let Some((guild, fields)) = request::channel_info(data) else { return };
                if self.has_guild(connection, guild) {
                    self.tell_client(connection, "CHANNEL_INFO", &payloads::channel_info(guild, fields));
                }
            }
            Opcode::VoiceStateUpdate => self.answer_voice(connection, data),
            Opcode::Heartbeat | Opcode::Identify | Opcode::PresenceUpdate | Opcode::Resume => {}
        }
    }

    fn answer_voice(&mut self, connection: ConnectionId, data: &Json) {
        let Some(voice) = request::voice_state(data) else { return };
        let Some(session) = self.session_on(connection).map(|session| session.id) else { return };
        if !self.has_guild(connection, voice.guild) {
            return;
        }
        self.tell_client(connection, "VOICE_STATE_UPDATE", &payloads::voice_state(&voice, session));
        if voice.channel.is_some() {
            self.tell_client(connection, "VOICE_SERVER_UPDATE", &payloads::voice_server(voice.guild, session));
        }
    }

    fn answer_members(&mut self, connection: ConnectionId, data: &Json) {
        let Some(request) = request::members(data) else { return };
        let MembersRequest { guild, ref chosen, presences } = request;
        let Some(intents) = self.session_on(connection).map(|session| session.intents) else { return };
        let is_allowed = *chosen != Chosen::All || intents & intents::GUILD_MEMBERS != 0;
        if !is_allowed || !self.has_guild(connection, guild) {
            return;
        }
        let (found, unknown) = chosen_of(guild, self.config.members, chosen);
        let with_presences = presences && intents & intents::GUILD_PRESENCES != 0;
        let Some(asked) = self.connections.get(&connection).and_then(|open| open.members_asked.clone()) else { return };
        let count = found.len().div_ceil(CHUNK).max(1);
        for index in 0..count {
            let end = found.len().min((index + 1) * CHUNK);
            let people = found[index * CHUNK..end].iter().map(|&member| Person::of(guild, member)).collect::<Vec<_>>();
            let members = list(people.iter().map(|person| person.member.as_str()));
            let presences = with_presences.then(|| list(people.iter().filter_map(|person| person.presence.as_deref())));
            let not_found = (!unknown.is_empty()).then(|| list(unknown.iter().map(|id| format!("\"{id}\""))));
            let optional =
                |key: &str, list: Option<String>| list.map_or_else(String::new, |list| format!("\"{key}\":{list},"));
            let json = format!(
                "{{{}{}{}",
                optional("presences", presences),
                optional("not_found", not_found),
                Generator::chunk_tail(&asked.guild, asked.nonce.as_deref(), &members, index, count)
            );
            self.tell_client(connection, "GUILD_MEMBERS_CHUNK", &json);
        }
    }

    /// How long it is until all members of this guild may be asked for: once in 30 s, by the whole bot. None if now.
    pub(super) fn members_wait(&self, guild: &str) -> Option<Duration> {
        let since = self.now - *self.members_asked.get(guild)?;
        let is_early = self.config.limits == Limits::Real && since < MEMBERS_SPACING;
        is_early.then(|| MEMBERS_SPACING.saturating_sub(since))
    }

    /// A request of all members is granted: the next one for its guild has to wait.
    pub(super) fn open_members_window(&mut self, asked: &MembersAsked) {
        let now = self.now;
        self.members_asked.retain(|_, &mut last| now - last < MEMBERS_SPACING);
        if asked.all && self.members_asked.len() < MEMBERS_ASKED_MAX {
            self.members_asked.insert(asked.guild.clone(), now);
        }
    }

    /// A script says that the last request came too soon. The client may ask again after the time that it is told, so
    /// the window of an earlier request ends here.
    pub(super) fn refuse_members(&mut self, connection: ConnectionId, retry_after: Duration) {
        if let Some(asked) = self.connections.get(&connection).and_then(|open| open.members_asked.as_ref()) {
            self.members_asked.remove(&asked.guild);
        }
        self.rate_limit_members(connection, retry_after);
    }

    fn tell_client(&mut self, connection: ConnectionId, name: &str, json: &str) {
        self.dispatch(self.now, Target::Connection(connection), name, json);
    }

    fn has_guild(&self, connection: ConnectionId, guild: u64) -> bool {
        let shard = self.session_on(connection).map_or(Shard::WHOLE, Session::slice);
        payloads::is_available(&self.config, shard, guild)
    }

    fn session_on(&self, connection: ConnectionId) -> Option<&Session> {
        self.sessions.get(self.connections.get(&connection)?.session()?)
    }
}

/// A list of JSON texts.
fn list(items: impl Iterator<Item = impl AsRef<str>>) -> String {
    let mut list = String::from("[");
    for item in items {
        if list.len() > 1 {
            list.push(',');
        }
        list.push_str(item.as_ref());
    }
    list.push(']');
    list
}

/// The members that were asked for, by index, and the users that are none.
fn chosen_of(guild: u64, members: u32, chosen: &Chosen) -> (Vec<u32>, Vec<u64>) {
    match chosen {
        Chosen::All => ((0..members).collect(), Vec::new()),
        Chosen::Called { prefix, limit } => {
            // A limit of 0 is for all members only; with a name it says nothing *(not documented)*.
            let most = usize::try_from(*limit).unwrap_or(FOUND_MAX).clamp(0, FOUND_MAX);
            let most = if most == 0 { FOUND_MAX } else { most };
            let is_called = |&index: &u32| prefix.is_empty() || Person::of(guild, index).is_called(prefix);
            ((0..members).filter(is_called).take(most).collect(), Vec::new())
        }
        Chosen::Users(users) => {
            let (mut found, mut unknown) = (Vec::new(), Vec::new());
            for &user in users {
                match Person::index_of(user, members) {
                    Some(index) => found.push(index),
                    None => unknown.push(user),
                }
            }
            (found, unknown)
        }
    }
}
