//! A dialect of another shape than Discord's, so that two implement the trait: a frame is an event and its data, the server
//! sends the heartbeats, a session has a cursor instead of a sequence, and the token expires.
//!
//! | from   | frame                                             | says                                     |
//! |--------|---------------------------------------------------|------------------------------------------|
//! | server | `welcome {"silent_after": s}`                     | Hello                                    |
//! | client | `login {"token"}`                                 | Identify                                 |
//! | server | `logged_in {"session", "resume_at"}`, `cursor`    | Ready                                    |
//! | client | `relogin {"token", "session", "cursor"}`          | Resume                                   |
//! | server | `relogged_in`                                     | Resumed                                  |
//! | server | `beat`                                            | a heartbeat; the answer is `beat_ack`    |
//! | server | `moved {"after_ms"}`                              | Reconnect                                |
//! | server | `logged_out {"again": bool}`                      | Invalid Session                          |
//! | server | `token_expiring`                                  | the token expires soon                   |
//! | server | any other event, `cursor`                         | Dispatch                                 |
//! | client | `subscribe {"topic"}`, `unsubscribe {"topic"}`    | standing, by topic                       |
//! | client | `say {"text"}`                                    | sent once                                |

use bytes::Bytes;
use core::time::Duration;
use portcullis::codec::Format;
use portcullis::dialect::{
    CloseRow, CommandError, Dialect, Encoded, Extras, Fate, FrameError, GatewayLimits, HeartRate, IdentifyFrame,
    OnNewSession, Reading, Recovery, Repeat, SessionStart, ShardId, Signal, Span, Spans, Standing, StandingKey,
    TokenFate, TokenSource,
};
use portcullis::machine::Session;
use portcullis::token::Token;
use portcullis::url::GatewayUrl;
use portcullis::{CloseCode, Sequence};
use serde::Deserialize;
use serde_json::error::Category;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// The toy's dialect.
#[derive(Clone, Debug)]
pub struct Toy {
    base: GatewayUrl,
    sessions: Sessions,
}

/// Whether the toy's gateway has sessions that can be resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sessions {
    /// Ready names one.
    Kept,
    /// Ready names none.
    None,
}

/// The commands of the toy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToyCommand {
    /// Subscribes to the events of a topic, in this session and each later one.
    Subscribe(&'static str),
    /// Ends the subscription.
    Unsubscribe(&'static str),
    /// Says something, once.
    Say(String),
    /// Asks for something whose answer is the session's: it may be sent twice, but not on another session.
    Ask(&'static str),
}

impl Toy {
    /// The gateway's URL.
    pub const GATEWAY: &'static str = "wss://toy.example/";
    /// The most bytes of a frame to the toy.
    pub const PAYLOAD_MAX: usize = 256;

    /// A toy with or without sessions.
    #[must_use]
    pub fn new(sessions: Sessions) -> Self {
        Self { base: GatewayUrl::parse(Self::GATEWAY).unwrap(), sessions }
    }
}

impl Dialect for Toy {
    type Command = ToyCommand;

    fn encode(&self, command: ToyCommand) -> Result<Encoded, CommandError> {
        let key = |topic: &str| StandingKey(topic.into());
        Ok(match command {
            ToyCommand::Subscribe(topic) => Encoded {
                standing: Standing::Set(key(topic)),
                repeat: Repeat::Harmless,
                ..Encoded::once(frame("subscribe", &json!({ "topic": topic })))
            },
            ToyCommand::Unsubscribe(topic) => Encoded {
                standing: Standing::Clear(key(topic)),
                on_new_session: OnNewSession::Return,
                ..Encoded::once(frame("unsubscribe", &json!({ "topic": topic })))
            },
            ToyCommand::Ask(what) => Encoded {
                repeat: Repeat::Harmless,
                on_new_session: OnNewSession::Return,
                ..Encoded::once(frame("ask", &json!({ "what": what })))
            },
            ToyCommand::Say(text) => Encoded::once(frame("say", &json!({ "text": text }))),
        })
    }

    fn name(&self) -> &'static str {
        "toy"
    }

    fn limits(&self) -> GatewayLimits {
        GatewayLimits {
            pace: None,
            payload: Self::PAYLOAD_MAX,
            invalid_session_wait: (Duration::from_secs(3), Duration::from_secs(3)),
            session_life: Duration::from_secs(60),
            close_keep: CloseCode(3000),
            close_end: CloseCode::NORMAL,
        }
    }

    fn shard(&self) -> Option<ShardId> {
        None
    }

    fn base_url(&self) -> &GatewayUrl {
        &self.base
    }

    fn connect_url(&self, url: &GatewayUrl) -> GatewayUrl {
        url.with_query(&[("toy", "1")])
    }

    fn format(&self) -> Format {
        Format::default()
    }

    fn is_own_host(&self, url: &GatewayUrl) -> bool {
        url.host() == self.base.host() || url.host().ends_with(".toy.example")
    }

    fn token_source(&self) -> TokenSource {
        TokenSource::Requested
    }

    fn events(&self) -> Option<&'static [&'static str]> {
        None
    }

    fn missing_intent(&self, event: &str) -> Option<&'static str> {
        // The toy delivers whispers to listeners only, and this application is none.
        (event == "whisper").then_some("ears")
    }

    fn read(&self, frame: &[u8]) -> Result<Reading, FrameError> {
        let read: Frame<'_> = serde_json::from_slice(frame).map_err(|error| match error.classify() {
            Category::Data => FrameError::Field { name: "event" },
            Category::Io | Category::Syntax | Category::Eof => FrameError::NotJson { at: error.column() },
        })?;
        let Some(event) = read.event else { return Ok(Signal::Unknown { op: None, sequence: None }.into()) };
        let data = read.data.map_or("null", RawValue::get);
        let spans = Spans {
            name: span_in(frame, event),
            data: read.data.map_or_else(Span::default, |data| span_in(frame, data.get())),
            id: None,
            position: read.cursor.map(|cursor| span_in(frame, cursor)),
            sequence: None,
        };
        Ok(match event {
            "welcome" => {
                let Welcome { silent_after } = field(data, "silent_after")?;
                Signal::Hello(HeartRate::Theirs { silent_after: Duration::from_secs(silent_after) })
            }
            "logged_in" => {
                let LoggedIn { session, resume_at } = field(data, "session")?;
                let id = session.filter(|_| self.sessions == Sessions::Kept);
                Signal::Ready(Box::new(SessionStart { id, resume_url: resume_at }), spans)
            }
            "relogged_in" => Signal::Resumed(spans),
            "beat" => Signal::Beat,
            "moved" => {
                let Moved { after_ms } = field(data, "after_ms")?;
                Signal::Reconnect { after: Duration::from_millis(after_ms) }
            }
            "logged_out" => {
                let LoggedOut { again } = field(data, "again")?;
                Signal::InvalidSession(if again { Fate::Resumable } else { Fate::Lost })
            }
            "token_expiring" => Signal::TokenExpiring,
            _ => Signal::Dispatch(spans),
        }
        .into())
    }

    fn identify(&self, token: Option<&Token>, _: Extras<'_>) -> IdentifyFrame {
        let payload = frame("login", &json!({ "token": token.map(Token::reveal) }));
        IdentifyFrame { payload, carried: Vec::new() }
    }

    fn resume(&self, token: Option<&Token>, session: &Session) -> Bytes {
        let cursor = String::from_utf8_lossy(session.position());
        let data = json!({ "token": token.map(Token::reveal), "session": session.id(), "cursor": cursor });
        frame("relogin", &data)
    }

    fn heartbeat(&self, _: Option<Sequence>) -> Bytes {
        frame("ping", &json!(null))
    }

    fn beat_answer(&self) -> Bytes {
        frame("beat_ack", &json!(null))
    }

    fn close_row(&self, code: Option<CloseCode>) -> &'static CloseRow {
        match code {
            None => &NO_CODE,
            Some(_) => CLOSE_CODES.iter().find(|row| row.code == code).unwrap_or(&UNKNOWN_CODE),
        }
    }
}

/// The toy's close codes. They differ from Discord's, which are unknown here.
pub const CLOSE_CODES: &[CloseRow] = &[
    row(3001, "too busy", Recovery { wait_min: Duration::from_secs(20), ..Recovery::RESUME }),
    row(3002, "token expired", Recovery { token: TokenFate::Renew, ..Recovery::RESUME }),
    row(3003, "logged in elsewhere", Recovery::IDENTIFY),
    row(3004, "banned", Recovery::END),
];

const NO_CODE: CloseRow = CloseRow { code: None, ..row(0, "no code", Recovery::RESUME) };
const UNKNOWN_CODE: CloseRow = CloseRow { code: None, ..row(0, "unknown code", Recovery::RESUME) };

const fn row(code: u16, name: &'static str, recovery: Recovery) -> CloseRow {
    CloseRow { code: Some(CloseCode(code)), name, recovery, advice: "ask the toymaker", source: "this file" }
}

#[derive(Deserialize)]
struct Frame<'a> {
    event: Option<&'a str>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    cursor: Option<&'a str>,
}

#[derive(Deserialize)]
struct Welcome {
    silent_after: u64,
}

#[derive(Deserialize)]
struct LoggedIn {
    session: Option<String>,
    resume_at: Option<String>,
}

#[derive(Deserialize)]
struct Moved {
    after_ms: u64,
}

#[derive(Deserialize)]
struct LoggedOut {
    again: bool,
}

fn field<'a, T: Deserialize<'a>>(data: &'a str, name: &'static str) -> Result<T, FrameError> {
    serde_json::from_str(data).map_err(|_| FrameError::Field { name })
}

/// The offsets of a part that was borrowed from the frame.
fn span_in(frame: &[u8], part: &str) -> Span {
    let start = part.as_ptr().addr() - frame.as_ptr().addr();
    Span::new(start, start + part.len()).unwrap()
}

/// A frame of the toy in a story's words: the event, then its data. The toy's tokens are not secret.
#[must_use]
pub fn told(event: &str, data: &Value) -> String {
    let known = ["token", "session", "cursor", "topic", "text", "silent_after", "after_ms", "again"];
    let words = known.iter().filter_map(|key| match &data[*key] {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    });
    core::iter::once(event.to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

fn frame(event: &str, data: &Value) -> Bytes {
    json!({ "event": event, "data": data }).to_string().into()
}
