//! What commands are answered with: members, sounds, channels, voice.

use crate::config::{Answers, FakeConfig};
use crate::connection::MembersAsked;
use crate::generate::{Generator, Person};
use crate::intents;
use crate::payloads;
use crate::record::Json;
use crate::request::{self, Chosen, MembersRequest, Opcode, VoiceState};
use crate::session::{Session, SessionId};
use core::time::Duration;

/// Members in one chunk *(documented)*.
const CHUNK: usize = 1000;
/// A search gives no more *(documented)*.
const FOUND_MAX: usize = 100;

/// What a command of the right shape is answered with: names and data of dispatches. A guild that is not on the shard,
/// or has an outage, and what an intent is missing for, get no answer *(not documented)*. A presence has none: a client
/// is not told of its own.
pub(super) fn answers(
    config: &FakeConfig,
    session: &Session,
    asked: Option<&MembersAsked>,
    op: Opcode,
    data: &Json,
) -> Vec<(&'static str, String)> {
    if config.answers == Answers::Off {
        return Vec::new();
    }
    let has_guild = |guild: u64| payloads::is_available(config, session.slice(), guild);
    match op {
        Opcode::RequestGuildMembers => {
            members(config, session, asked, data).into_iter().map(|chunk| ("GUILD_MEMBERS_CHUNK", chunk)).collect()
        }
        Opcode::RequestSoundboardSounds => {
            let guilds = request::guild_ids(data).into_iter().filter(|&guild| has_guild(guild));
            guilds.map(|guild| ("SOUNDBOARD_SOUNDS", payloads::sounds(guild))).collect()
        }
        Opcode::RequestChannelInfo => {
            let info = request::channel_info(data).filter(|&(guild, _)| has_guild(guild));
            info.map(|(guild, fields)| ("CHANNEL_INFO", payloads::channel_info(guild, fields))).into_iter().collect()
        }
        Opcode::VoiceStateUpdate => {
            let voice = request::voice_state(data).filter(|voice| has_guild(voice.guild));
            voice.map(|voice| self::voice(&voice, session.id)).unwrap_or_default()
        }
        Opcode::Heartbeat | Opcode::Identify | Opcode::PresenceUpdate | Opcode::Resume => Vec::new(),
    }
}

/// The `d` of a Rate Limited for a request of members. The wait is rounded up: a client that waits as it is told must not
/// come a fraction of a millisecond too soon.
pub(super) fn rate_limited(asked: &MembersAsked, retry_after: Duration) -> String {
    let nonce = asked.nonce.as_ref().map_or_else(String::new, |nonce| format!(r#""nonce":{nonce},"#));
    let (millis, guild) = (retry_after.as_nanos().div_ceil(1_000_000), &asked.guild);
    format!(
        r#"{{"retry_after":{}.{:03},"opcode":8,"meta":{{{nonce}"guild_id":{guild}}}}}"#,
        millis / 1000,
        millis % 1000
    )
}

fn voice(voice: &VoiceState, session: SessionId) -> Vec<(&'static str, String)> {
    let state = ("VOICE_STATE_UPDATE", payloads::voice_state(voice, session));
    let server = voice.channel.map(|_| ("VOICE_SERVER_UPDATE", payloads::voice_server(voice.guild, session)));
    [state].into_iter().chain(server).collect()
}

fn members(config: &FakeConfig, session: &Session, asked: Option<&MembersAsked>, data: &Json) -> Vec<String> {
    let (Some(request), Some(asked)) = (request::members(data), asked) else { return Vec::new() };
    let MembersRequest { guild, ref chosen, presences } = request;
    let is_allowed = *chosen != Chosen::All || session.intents & intents::GUILD_MEMBERS != 0;
    if !is_allowed || !payloads::is_available(config, session.slice(), guild) {
        return Vec::new();
    }
    let (found, unknown) = chosen_of(guild, config.members, chosen);
    let with_presences = presences && session.intents & intents::GUILD_PRESENCES != 0;
    let count = found.len().div_ceil(CHUNK).max(1);
    let chunk = |index: usize| {
        let end = found.len().min((index + 1) * CHUNK);
        let people = found[index * CHUNK..end].iter().map(|&member| Person::of(guild, member)).collect::<Vec<_>>();
        let members = list(people.iter().map(|person| person.member.as_str()));
        let presences = with_presences.then(|| list(people.iter().filter_map(|person| person.presence.as_deref())));
        let not_found = (!unknown.is_empty()).then(|| list(unknown.iter().map(|id| format!("\"{id}\""))));
        let optional =
            |key: &str, list: Option<String>| list.map_or_else(String::new, |list| format!("\"{key}\":{list},"));
        format!(
            "{{{}{}{}",
            optional("presences", presences),
            optional("not_found", not_found),
            Generator::chunk_tail(&asked.guild, asked.nonce.as_deref(), &members, index, count)
        )
    };
    (0..count).map(chunk).collect()
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
