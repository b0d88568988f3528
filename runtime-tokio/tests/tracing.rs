//! What the feature `tracing` of an adapter brings.

use core::fmt::{self, Write as _};
use portcullis_fake::{FakeConfig, FakeServer};
use portcullis_tokio::Shard;
use portcullis_tokio::portcullis::{Event, Intents, Shutdown};
use std::sync::{Arc, Mutex, PoisonError};
use tracing::field::{Field, Visit};
use tracing::span;

/// Keeps the message and the fields of each event of the crates, as text.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Lines {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target().starts_with("portcullis") && *metadata.level() <= tracing::Level::DEBUG
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line.0);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // To write into a text never fails.
        let _ = write!(self.0, "{field}={value:?} ");
    }
}

#[tokio::test]
async fn found_22_an_adapter_brings_the_events_of_tracing() {
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(lines.clone());
    let server = FakeServer::start(FakeConfig::default()).await.unwrap();
    let mut shard = Shard::builder("a.bot.token", Intents::GUILDS).gateway(server.url()).build().unwrap();
    while let Some(event) = shard.next_event().await {
        if let Event::Ready(_) = event {
            shard.shutdown(Shutdown::EndSession);
        }
    }
    let lines = lines.0.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(lines.iter().any(|line| line.contains("transition") && line.contains("cause=ready")), "{lines:?}");
}
