#![cfg_attr(feature = "listen", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "listen"),
    doc = "The server's side of the Discord gateway, for tests: the sans-IO machine. The feature `listen` adds a server."
)]

mod answer;
mod broadcast;
mod clock;
mod config;
mod connection;
mod connections;
mod context;
mod control;
mod damage;
mod delivery;
mod etf;
mod event;
mod faults;
mod flood;
mod frames;
mod gateway;
mod generate;
mod guilds;
mod habit;
mod handshake;
mod identify_limit;
mod input;
mod inspect;
mod intents;
mod late;
mod lifecycle;
#[cfg(feature = "listen")]
mod listen;
mod log;
mod members_limit;
mod outgoing;
mod pack;
mod payloads;
mod perform;
mod query;
mod receive;
mod record;
mod request;
mod rest;
mod rules;
mod script;
mod session;
mod sessions;

pub use config::{AcceptedToken, Answers, Blocks, FakeConfig, Limits, SessionFate, Tolerance};
pub use control::EncodeError;
pub use damage::{Damage, LastPiece};
pub use event::{Event, EventKind};
pub use faults::{Fate, Fault, FaultKind, Rebuff, ResumeUrl, SequenceFault, Span, Target};
pub use flood::Flood;
pub use frames::Resumable;
pub use gateway::FakeGateway;
pub use generate::{Generator, GuildBuilder};
pub use habit::{Habit, Observation};
pub use input::{Action, Actions, ConnectionId, Delivery, Input, Malformed, Piece};
#[cfg(feature = "listen")]
pub use listen::{FakeHandle, FakeServer, Identity, Listen, Observer};
pub use perform::NotConnected;
pub use portcullis::{CloseCode, Message, Timestamp};
pub use record::{Arrival, Breach, ClientFrame, Counters, Identify, Json, Received};
pub use rest::HttpAnswer;
pub use rules::Rule;
pub use script::{Deeds, Expected, Failure, Script, ScriptError};
pub use session::{SessionId, SessionStatus, Shard};
