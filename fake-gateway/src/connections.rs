//! The connections that are open, by their number.

use crate::connection::Connection;
use crate::faults::{Target, Who};
use crate::input::ConnectionId;
use crate::session::SessionKey;
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(super) struct Connections {
    open: BTreeMap<ConnectionId, Connection>,
}

impl Connections {
    pub(super) fn insert(&mut self, id: ConnectionId, connection: Connection) {
        self.open.insert(id, connection);
    }

    pub(super) fn remove(&mut self, id: ConnectionId) -> Option<Connection> {
        self.open.remove(&id)
    }

    pub(super) fn get_mut(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.open.get_mut(&id)
    }

    pub(super) fn get(&self, id: ConnectionId) -> Option<&Connection> {
        self.open.get(&id)
    }

    pub(super) fn is_open(&self, id: ConnectionId) -> bool {
        self.open.contains_key(&id)
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = ConnectionId> {
        self.open.keys().copied()
    }

    /// Those that a target means, in the order of their numbers.
    pub(super) fn met_by(&self, target: Target) -> Vec<ConnectionId> {
        self.open.iter().filter(|(_, open)| target.meets(open.who())).map(|(&id, _)| id).collect()
    }

    /// Who stands at a connection; it is known by its number alone if it is not open.
    pub(super) fn who(&self, id: ConnectionId) -> Who {
        self.get(id).map_or(Who { connection: Some(id), session: None }, Connection::who)
    }

    /// The session on a connection.
    pub(super) fn session(&self, id: ConnectionId) -> Option<SessionKey> {
        self.get(id)?.session()
    }

    /// The same once more; none while one of them has a compressor, which cannot be copied.
    pub(super) fn fork(&self) -> Option<Self> {
        let fork = |(&id, open): (&ConnectionId, &Connection)| Some((id, open.fork()?));
        Some(Self { open: self.open.iter().map(fork).collect::<Option<_>>()? })
    }
}
