//! The day that the fake gateway plays.

use core::time::Duration;
use portcullis::machine::Shutdown;
use portcullis_fake::{FakeConfig, FakeGateway, FakeHandle, FakeServer, Limits, Target, Tolerance};
use portcullis_tokio::Sender;
use serde_json::json;
use std::io;
use tokio::time::sleep;

/// A gateway that beats every second, so that a day is short.
pub(crate) async fn gateway() -> io::Result<FakeServer> {
    let config = FakeConfig {
        heartbeat_interval: Duration::from_secs(1),
        tolerance: Tolerance::Percent(1000),
        guilds: 3,
        limits: Limits::Lifted,
        ..FakeConfig::default()
    };
    FakeServer::start(config).await
}

/// Plays the day, then ends the shard, and gives the last sequence that the gateway gave to an event.
pub(crate) async fn play(handle: FakeHandle, shard: Sender) -> u64 {
    let day = Day { handle };
    day.attached().await;
    sleep(BREATH).await;
    for line in ["good morning", "is the gate open?", "it is"] {
        day.typing().await;
        day.says(line);
        sleep(BREATH).await;
    }

    // A line is cut; what is said meanwhile comes with the resume.
    day.with(|gateway, now| gateway.drop_connections(now, Target::All));
    day.says("did you hear that?");
    day.says("hear what?");
    day.attached().await;
    day.says("there you are");
    sleep(5 * BREATH).await;

    // The gateway moves house and asks for a new connection.
    day.with(|gateway, now| gateway.reconnect(now, Target::All));
    day.away().await;
    day.says("said while you were away");
    day.attached().await;
    day.typing().await;
    day.says("welcome back");
    sleep(5 * BREATH).await;

    // A zombie: the line stands and answers no heartbeat.
    day.with(|gateway, _| gateway.stop_acking(Target::All));
    day.away().await;
    day.with(|gateway, _| gateway.ack_again(Target::All));
    day.says("nobody noticed");
    day.attached().await;
    day.says("good night");
    sleep(2 * BREATH).await;

    let sequence = day.with(|gateway, _| gateway.sessions().map(|session| session.sequence).max());
    shard.shutdown(Shutdown::EndSession);
    sequence.unwrap_or(0)
}

struct Day {
    handle: FakeHandle,
}

impl Day {
    fn with<R>(&self, deed: impl FnOnce(&mut FakeGateway, portcullis::Timestamp) -> R) -> R {
        self.handle.with(deed)
    }

    /// Until the session is on a connection.
    async fn attached(&self) {
        self.handle.until(|gateway| gateway.sessions().any(|session| session.connection.is_some())).await;
    }

    /// Until it is on none.
    async fn away(&self) {
        self.handle.until(|gateway| gateway.sessions().all(|session| session.connection.is_none())).await;
    }

    fn says(&self, text: &str) {
        let message = json!({
            "id": "1099511627776", "channel_id": CHANNEL, "author": { "id": USER, "username": "ada" },
            "content": text, "timestamp": "2026-01-01T08:00:00Z",
        });
        self.dispatch("MESSAGE_CREATE", &message);
    }

    async fn typing(&self) {
        self.dispatch("TYPING_START", &json!({ "channel_id": CHANNEL, "user_id": USER, "timestamp": 1_767_254_400 }));
        sleep(BREATH).await;
    }

    fn dispatch(&self, name: &str, data: &serde_json::Value) {
        let json = data.to_string();
        self.with(|gateway, now| gateway.dispatch(now, Target::All, name, &json));
    }
}

const CHANNEL: &str = "41771983423143937";
const USER: &str = "80351110224678912";
const BREATH: Duration = Duration::from_millis(200);
