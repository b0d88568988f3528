//! Standard output: a line for each thing that happens, written by a thread of its own, so that a reader who does not
//! read holds up no client.

use core::time::Duration;
use portcullis_fake::{Event, EventKind};
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// How many lines may wait for the reader; more are counted, and left out.
const WAITING_MAX: usize = 65_536;
/// How long a reader who does not read is waited for, at the end.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Text,
    Json,
}

/// Where lines go. Clones write to one output.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    style: Style,
    quiet: bool,
    lost: Arc<AtomicU64>,
    queue: SyncSender<Option<String>>,
    written: Arc<Mutex<Receiver<()>>>,
}

impl Lines {
    pub(crate) fn new(style: Style, quiet: bool) -> Self {
        let (queue, waiting) = sync_channel(WAITING_MAX);
        let (done, written) = sync_channel(0);
        std::thread::spawn(move || {
            write(&waiting);
            drop(done);
        });
        Self { style, quiet, lost: Arc::default(), queue, written: Arc::new(Mutex::new(written)) }
    }

    /// Never waits.
    pub(crate) fn event(&mut self, event: &Event) {
        if self.quiet && !matches!(event.kind, EventKind::Broke(_) | EventKind::Failed { .. }) {
            return;
        }
        let line = match self.style {
            Style::Text => event.to_string(),
            Style::Json => event.to_json(),
        };
        if self.queue.try_send(Some(line)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits for room, but not for ever: a reader may have stopped reading. At the start there is room.
    pub(crate) fn line(&self, text: &str) {
        self.offer(Some(text.to_owned()));
    }

    fn offer(&self, mut line: Option<String>) {
        let until = Instant::now() + PATIENCE;
        while let Err(TrySendError::Full(back)) = self.queue.try_send(line) {
            if Instant::now() >= until {
                return;
            }
            line = back;
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn certificate(&self, path: &Path) {
        match self.style {
            Style::Text => self.line(&format!("trust {}", path.display())),
            Style::Json => {
                let path = serde_json::Value::from(path.to_string_lossy());
                self.line(&format!(r#"{{"at":0.000000,"event":"certificate","path":{path}}}"#));
            }
        }
    }

    /// Says what was left out, and waits until all is written, or the reader is gone.
    pub(crate) fn finish(&self) {
        match (self.lost.load(Ordering::Relaxed), self.style) {
            (0, _) => {}
            (lost, Style::Text) => self.line(&format!("{lost} lines were left out: they were not read in time")),
            (lost, Style::Json) => self.line(&format!(r#"{{"event":"lost","lines":{lost}}}"#)),
        }
        self.offer(None);
        // The writer drops its end when it is done.
        let _ = self.written.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(PATIENCE);
    }
}

/// Writes line after line, and flushes whenever none waits. Ends with the output: who reads no more wants no more.
fn write(waiting: &Receiver<Option<String>>) {
    let mut output = BufWriter::new(io::stdout().lock());
    loop {
        let line = match waiting.try_recv() {
            Ok(line) => line,
            Err(TryRecvError::Disconnected) => None,
            Err(TryRecvError::Empty) => {
                if output.flush().is_err() {
                    return;
                }
                waiting.recv().unwrap_or_default()
            }
        };
        let written = match line {
            Some(line) => writeln!(output, "{line}"),
            None => return drop(output.flush()),
        };
        if written.is_err() {
            return;
        }
    }
}
