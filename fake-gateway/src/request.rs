//! Reads a client's frame: bytes → what it asks for, or the rule it breaks.

use crate::connection::{Answered, MembersAsked};
use crate::habit::Habit;
use crate::record::{ClientFrame, Identify, Json};
use crate::rules::Rule;
use crate::session::Shard;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// A longer nonce does not come back.
pub(super) const NONCE_MAX: usize = 32;

/// A frame that has an opcode the gateway takes, its `d` not looked at yet.
pub(super) struct Envelope<'a> {
    pub(super) op: Opcode,
    data: Option<&'a RawValue>,
}

/// The opcodes a bot may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    Heartbeat,
    Identify,
    PresenceUpdate,
    VoiceStateUpdate,
    Resume,
    RequestGuildMembers,
    RequestSoundboardSounds,
    RequestChannelInfo,
}

impl Opcode {
    pub(super) const fn number(self) -> i64 {
        match self {
            Self::Heartbeat => 1,
            Self::Identify => 2,
            Self::PresenceUpdate => 3,
            Self::VoiceStateUpdate => 4,
            Self::Resume => 6,
            Self::RequestGuildMembers => 8,
            Self::RequestSoundboardSounds => 31,
            Self::RequestChannelInfo => 43,
        }
    }

    fn of(number: i64) -> Option<Self> {
        [
            Self::Heartbeat,
            Self::Identify,
            Self::PresenceUpdate,
            Self::VoiceStateUpdate,
            Self::Resume,
            Self::RequestGuildMembers,
            Self::RequestSoundboardSounds,
            Self::RequestChannelInfo,
        ]
        .into_iter()
        .find(|op| op.number() == number)
    }
}

/// What a frame asks for, its shape checked; the token is beside what the record keeps.
pub(super) enum Request {
    Heartbeat(Option<u64>),
    Identify { token: String, identify: Identify },
    Resume { token: String, session_id: String, sequence: u64 },
    Command { op: Opcode, data: Json },
}

impl Request {
    pub(super) fn frame(&self, op: Opcode) -> ClientFrame {
        match self {
            Self::Heartbeat(sequence) => ClientFrame::Heartbeat { sequence: *sequence },
            Self::Identify { identify, .. } => ClientFrame::Identify(Box::new(identify.clone())),
            Self::Resume { session_id, sequence, .. } => {
                ClientFrame::Resume { session_id: session_id.clone(), sequence: *sequence }
            }
            Self::Command { data, .. } => ClientFrame::Command { op: op.number(), data: data.clone() },
        }
    }
}

#[derive(Deserialize)]
struct Keys<'a> {
    op: i64,
    #[serde(borrow, default)]
    d: Option<&'a RawValue>,
}

/// Reads the envelope: 4002 for bytes that are none, 4001 for an opcode that no bot may send.
pub(super) fn envelope(bytes: &[u8]) -> Result<Envelope<'_>, Rule> {
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(Rule::Undecodable);
    }
    let keys: Keys<'_> = serde_json::from_slice(bytes).map_err(|_| Rule::Undecodable)?;
    let op = Opcode::of(keys.op).ok_or(Rule::UnknownOpcode { op: keys.op })?;
    Ok(Envelope { op, data: keys.d })
}

impl Envelope<'_> {
    /// Checks the shape of `d`. Adds what the real gateway takes although the documentation forbids it.
    pub(super) fn request(&self, habits: &mut Vec<Habit>) -> Result<Request, Rule> {
        self.shaped(habits).ok_or(Rule::Malformed { op: self.op.number() })
    }

    fn shaped(&self, habits: &mut Vec<Habit>) -> Option<Request> {
        if self.op == Opcode::Heartbeat {
            return match self.data {
                None => Some(Request::Heartbeat(None)),
                Some(data) => serde_json::from_str(data.get()).ok().map(|sequence| Request::Heartbeat(Some(sequence))),
            };
        }
        let raw = self.data?;
        let data: Value = serde_json::from_str(raw.get()).ok()?;
        let is_right = match self.op {
            Opcode::Heartbeat => false,
            Opcode::Identify => return identify(&data, habits),
            Opcode::Resume => return resume(&data),
            Opcode::PresenceUpdate => is_presence(&data, self.op, habits),
            Opcode::VoiceStateUpdate => is_voice_state(&data),
            Opcode::RequestGuildMembers => is_members_request(&data),
            Opcode::RequestSoundboardSounds => data["guild_ids"].as_array().is_some_and(|ids| all(ids, is_snowflake)),
            Opcode::RequestChannelInfo => {
                is_snowflake(&data["guild_id"])
                    && data["fields"].as_array().is_some_and(|list| all(list, Value::is_string))
            }
        };
        is_right.then(|| Request::Command { op: self.op, data: Json(raw.get().into()) })
    }
}

impl Json {
    /// Who asked for members, for a script that answers, its shape known to be right.
    pub(super) fn members_asked(&self) -> Option<MembersAsked> {
        let data: Value = serde_json::from_str(self.as_str()).ok()?;
        let nonce_bytes = data["nonce"].as_str().map_or(0, str::len);
        let nonce = (1..=NONCE_MAX).contains(&nonce_bytes).then(|| data["nonce"].to_string());
        // Ids are texts on the wire, whatever a client wrote.
        let guild = data["guild_id"].as_u64().map_or_else(|| data["guild_id"].to_string(), |id| format!("\"{id}\""));
        let all = data["query"] == "" && data["limit"] == 0;
        Some(MembersAsked { guild, nonce, nonce_bytes, all, answered: Answered::ByGateway, too_soon: None })
    }
}

/// Members to be given.
pub(super) struct MembersRequest {
    pub(super) guild: u64,
    pub(super) chosen: Chosen,
    pub(super) presences: bool,
}

/// Which members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Chosen {
    All,
    Called { prefix: String, limit: u64 },
    Users(Vec<u64>),
}

/// Which fields of channels are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChannelFields {
    pub(super) status: bool,
    pub(super) voice_start_time: bool,
}

/// Where the bot's voice is to be.
pub(super) struct VoiceState {
    pub(super) guild: u64,
    pub(super) channel: Option<u64>,
    pub(super) self_mute: bool,
    pub(super) self_deaf: bool,
}

/// Reads a Request Guild Members of the right shape.
pub(super) fn members(data: &Json) -> Option<MembersRequest> {
    let data = parsed(data)?;
    let chosen = match (data["query"].as_str(), data["limit"].as_u64()) {
        (Some(""), Some(0)) => Chosen::All,
        (Some(prefix), Some(limit)) => Chosen::Called { prefix: prefix.to_owned(), limit },
        _ => Chosen::Users(snowflakes(&data["user_ids"])),
    };
    Some(MembersRequest { guild: snowflake(&data["guild_id"])?, chosen, presences: data["presences"] == true })
}

/// Reads the guilds of a Request Soundboard Sounds.
pub(super) fn guild_ids(data: &Json) -> Vec<u64> {
    parsed(data).map(|data| snowflakes(&data["guild_ids"])).unwrap_or_default()
}

/// Reads a Request Channel Info: its guild and fields. An unknown field is passed over.
pub(super) fn channel_info(data: &Json) -> Option<(u64, ChannelFields)> {
    let data = parsed(data)?;
    let has = |field: &str| data["fields"].as_array().is_some_and(|list| list.iter().any(|item| item == field));
    let fields = ChannelFields { status: has("status"), voice_start_time: has("voice_start_time") };
    Some((snowflake(&data["guild_id"])?, fields))
}

/// Reads a Voice State Update.
pub(super) fn voice_state(data: &Json) -> Option<VoiceState> {
    let data = parsed(data)?;
    Some(VoiceState {
        guild: snowflake(&data["guild_id"])?,
        channel: snowflake(&data["channel_id"]),
        self_mute: data["self_mute"] == true,
        self_deaf: data["self_deaf"] == true,
    })
}

fn parsed(data: &Json) -> Option<Value> {
    serde_json::from_str(data.as_str()).ok()
}

fn snowflakes(value: &Value) -> Vec<u64> {
    match value {
        Value::Array(items) => items.iter().filter_map(snowflake).collect(),
        other => snowflake(other).into_iter().collect(),
    }
}

fn snowflake(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn identify(data: &Value, habits: &mut Vec<Habit>) -> Option<Request> {
    let token = data["token"].as_str()?.to_owned();
    let intents = optional(&data["intents"], Value::as_i64)?;
    let shard = optional(&data["shard"], |value| {
        let [id, count] = value.as_array()?.as_slice() else { return None };
        let (id, count) = (id.as_i64()?, count.as_i64()?);
        // Numbers that no shard has are a shard out of range, not a wrong shape.
        Some(Shard { id: u32::try_from(id).unwrap_or(u32::MAX), count: u32::try_from(count).unwrap_or(0) })
    })?;
    let large_threshold = optional(&data["large_threshold"], Value::as_u64)?;
    let compress = match &data["compress"] {
        Value::String(_) => {
            habits.push(Habit::CompressAsText);
            None
        }
        compress => optional(compress, Value::as_bool)?,
    };
    let presence = match &data["presence"] {
        Value::Null => None,
        presence => Some(is_presence(presence, Opcode::Identify, habits).then(|| json(presence))?),
    };
    let properties = data["properties"].is_object().then(|| json(&data["properties"]))?;
    let identify = Identify { intents, shard, large_threshold, compress, properties, presence };
    Some(Request::Identify { token, identify })
}

fn resume(data: &Value) -> Option<Request> {
    Some(Request::Resume {
        token: data["token"].as_str()?.to_owned(),
        session_id: data["session_id"].as_str()?.to_owned(),
        sequence: data["seq"].as_u64()?,
    })
}

/// `since`, `activities`, `status` and `afk` are documented as required (api-docs issue 2226). Three of six published
/// clients leave `since` or `activities` out or send null, and log in. No client is known that leaves the status out, so
/// that stays malformed.
fn is_presence(data: &Value, op: Opcode, habits: &mut Vec<Habit>) -> bool {
    let op = op.number();
    let since = match data.get("since") {
        None => {
            habits.push(Habit::PresenceWithoutSince { op });
            true
        }
        Some(since) => since.is_null() || since.is_number(),
    };
    let activities = match data.get("activities") {
        None => {
            habits.push(Habit::PresenceWithoutActivities { op });
            true
        }
        Some(Value::Null) => {
            habits.push(Habit::PresenceNullActivities { op });
            true
        }
        Some(activities) => activities.as_array().is_some_and(|list| all(list, is_activity)),
    };
    let status = matches!(data["status"].as_str(), Some("online" | "dnd" | "idle" | "invisible" | "offline"));
    since && activities && status && optional(&data["afk"], Value::as_bool).is_some()
}

fn is_activity(data: &Value) -> bool {
    data["name"].is_string() && data["type"].is_u64()
}

fn is_voice_state(data: &Value) -> bool {
    let channel = data.get("channel_id").is_some_and(|channel| channel.is_null() || is_snowflake(channel));
    is_snowflake(&data["guild_id"]) && channel && data["self_mute"].is_boolean() && data["self_deaf"].is_boolean()
}

fn is_members_request(data: &Value) -> bool {
    let ids = &data["user_ids"];
    let who = match (data["query"].is_null(), ids.is_null()) {
        (false, true) => data["query"].is_string() && data["limit"].is_u64(),
        (true, false) => {
            is_snowflake(ids) || ids.as_array().is_some_and(|ids| ids.len() <= 100 && all(ids, is_snowflake))
        }
        (true, true) | (false, false) => false,
    };
    let presences = optional(&data["presences"], Value::as_bool).is_some();
    let nonce = data["nonce"].is_null() || data["nonce"].is_string();
    who && presences && nonce && is_snowflake(&data["guild_id"])
}

fn is_snowflake(value: &Value) -> bool {
    value.is_u64() || value.as_str().is_some_and(|text| text.parse::<u64>().is_ok())
}

fn all(list: &[Value], is_right: impl Fn(&Value) -> bool) -> bool {
    list.iter().all(is_right)
}

/// Absent and null are `Some(None)`, a value of the wrong shape is `None`.
#[expect(clippy::option_option, reason = "wrong, absent and present are three things")]
fn optional<'a, T>(value: &'a Value, read: impl Fn(&'a Value) -> Option<T>) -> Option<Option<T>> {
    if value.is_null() { Some(None) } else { read(value).map(Some) }
}

fn json(value: &Value) -> Json {
    Json(value.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(text: &str) -> Result<(), Rule> {
        envelope(text.as_bytes())?.request(&mut Vec::new()).map(|_| ())
    }

    #[test]
    fn what_is_no_envelope_does_not_decode() {
        for text in ["", "[]", "[1,null]", "null", "{", r#"{"d":1}"#, r#"{"op":"1"}"#, "{\"op\":1}x", "\u{0}"] {
            assert_eq!(judged(text), Err(Rule::Undecodable), "{text}");
        }
    }

    #[test]
    fn what_only_servers_and_users_send_is_an_unknown_opcode() {
        for op in [0, 5, 7, 9, 10, 11, 12, 13, 40, 99, -1] {
            assert_eq!(judged(&format!(r#"{{"op":{op},"d":null}}"#)), Err(Rule::UnknownOpcode { op }));
        }
    }

    #[test]
    fn the_frames_of_the_protocol_page_are_taken() {
        for text in [
            r#"{"op":1,"d":4}"#,
            r#"{"op":1,"d":null}"#,
            r#"{"op":1}"#,
            r#"{"op":2,"d":{"token":"T","intents":33281,"properties":{"os":"linux"},"compress":false,"large_threshold":250,"shard":[0,2]}}"#,
            r#"{"op":6,"d":{"token":"T","session_id":"bf8eb88e4939e52df093261f3abbc638","seq":4}}"#,
            r#"{"op":4,"d":{"guild_id":"967500967257968680","channel_id":null,"self_mute":false,"self_deaf":false}}"#,
            r#"{"op":3,"d":{"since":null,"activities":[{"name":"x","type":4,"state":"busy"}],"status":"dnd","afk":false}}"#,
            r#"{"op":8,"d":{"guild_id":"967500967257968680","query":"","limit":0,"nonce":"a1"}}"#,
            r#"{"op":8,"d":{"guild_id":1,"user_ids":["1",2]}}"#,
            r#"{"op":31,"d":{"guild_ids":["967500967257968680"]}}"#,
            r#"{"s":null,"d":{"guild_id":"9","fields":["status"]},"t":null,"op":43}"#,
        ] {
            assert_eq!(judged(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn a_wrong_shape_is_told_from_a_wrong_opcode() {
        for (op, text) in [
            (1, r#"{"op":1,"d":"4"}"#),
            (1, r#"{"op":1,"d":-1}"#),
            (2, r#"{"op":2}"#),
            (2, r#"{"op":2,"d":["T",1]}"#),
            (2, r#"{"op":2,"d":{"token":"T","intents":1}}"#),
            (2, r#"{"op":2,"d":{"token":"T","intents":"1","properties":{}}}"#),
            (2, r#"{"op":2,"d":{"token":"T","intents":1,"properties":{},"shard":[0]}}"#),
            (3, r#"{"op":3,"d":{"since":null,"activities":[],"afk":false}}"#),
            (3, r#"{"op":3,"d":{"since":null,"activities":[],"status":"asleep","afk":false}}"#),
            (4, r#"{"op":4,"d":{"guild_id":"x","channel_id":null,"self_mute":false,"self_deaf":false}}"#),
            (6, r#"{"op":6,"d":{"token":"T","session_id":"a","seq":null}}"#),
            (8, r#"{"op":8,"d":{"guild_id":"1","query":"","limit":0,"user_ids":"1"}}"#),
            (8, r#"{"op":8,"d":{"guild_id":"1","query":"a"}}"#),
            (31, r#"{"op":31,"d":{"guild_ids":"1"}}"#),
            (43, r#"{"op":43,"d":{"guild_id":"1","fields":[1]}}"#),
        ] {
            assert_eq!(judged(text), Err(Rule::Malformed { op }), "{text}");
        }
    }
}
