//! The sessions that live: on a connection, or waiting for a resume.
//!
//! # Invariants
//! * `one-holder`: a session is on at most one connection, and that connection's phase names the session.
//! * `expiry-covers-detached`: a session has an expiry exactly while it is on no connection.

use crate::clock::Timer;
use crate::config::SessionFate;
use crate::connection::Attached;
use crate::context::Context;
use crate::faults::Target;
use crate::frames;
use crate::input::ConnectionId;
use crate::session::{Dispatch, Session, SessionId, SessionKey};
use portcullis::Message;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub(super) struct Sessions {
    by_key: BTreeMap<SessionKey, Session>,
    by_id: BTreeMap<SessionId, SessionKey>,
    begun: u64,
    /// The state of the generator behind session ids.
    draws: u64,
}

impl Sessions {
    /// None yet. The seed is for their ids.
    pub(super) const fn new(seed: u64) -> Self {
        Self { by_key: BTreeMap::new(), by_id: BTreeMap::new(), begun: 0, draws: seed }
    }

    /// Adds a session that is on no connection yet.
    pub(super) fn insert(&mut self, session: Session) -> SessionKey {
        self.begun += 1;
        let key = SessionKey(self.begun);
        self.by_id.insert(session.id, key);
        self.by_key.insert(key, session);
        key
    }

    /// Puts a session on a connection.
    pub(super) fn attach(&mut self, cx: &mut Context, key: SessionKey, connection: ConnectionId) -> Option<Attached> {
        cx.clock.cancel(Timer::Expiry(key));
        let session = self.by_key.get_mut(&key)?;
        debug_assert!(session.connection.is_none(), "one-holder: a session is attached twice");
        session.connection = Some(connection);
        Some(Attached { key, id: session.id, shard: session.slice() })
    }

    /// Takes a session off its connection.
    pub(super) fn detach(&mut self, cx: &mut Context, key: SessionKey, fate: SessionFate) {
        match fate {
            SessionFate::Ended => self.end(cx, key),
            SessionFate::Kept => {
                if let Some(session) = self.by_key.get_mut(&key) {
                    session.connection = None;
                    cx.clock.after(Timer::Expiry(key), cx.config.session_lifetime);
                }
            }
        }
    }

    /// Ends a session that is on no connection.
    pub(super) fn end(&mut self, cx: &mut Context, key: SessionKey) {
        cx.clock.cancel(Timer::Expiry(key));
        if let Some(session) = self.by_key.remove(&key) {
            self.by_id.remove(&session.id);
            cx.log.counters.sessions_ended += 1;
        }
    }

    /// Numbers a dispatch, keeps it for a resume, and gives it as it goes out.
    pub(super) fn number(&mut self, cx: &mut Context, key: SessionKey, dispatch: &Arc<Dispatch>) -> Message {
        cx.log.counters.dispatches += 1;
        let session = self.by_key.get_mut(&key);
        let number = session.map(|open| open.number(Arc::clone(dispatch), cx.config.ring, cx.config.ring_bytes));
        frames::dispatch(dispatch, number)
    }

    /// The session of this name: 32 hexadecimal digits.
    pub(super) fn named(&self, text: &str) -> Option<SessionKey> {
        let is_id = text.len() == 32 && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        let id = is_id.then(|| u128::from_str_radix(text, 16).ok()).flatten()?;
        self.key(SessionId(id))
    }

    pub(super) fn key(&self, id: SessionId) -> Option<SessionKey> {
        self.by_id.get(&id).copied()
    }

    pub(super) fn get(&self, key: SessionKey) -> Option<&Session> {
        self.by_key.get(&key)
    }

    pub(super) fn get_mut(&mut self, key: SessionKey) -> Option<&mut Session> {
        self.by_key.get_mut(&key)
    }

    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// In the order they began.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Session> {
        self.by_key.values()
    }

    /// Those that a target means, on a connection or not, in the order they began.
    pub(super) fn met_by(&self, target: Target) -> Vec<SessionKey> {
        self.by_key.iter().filter(|(_, session)| target.meets(session.who())).map(|(&key, _)| key).collect()
    }

    /// `SplitMix64`, twice. Not a secret: a fake has none to keep.
    pub(super) fn draw_id(&mut self) -> SessionId {
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
