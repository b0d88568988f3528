//! Standard output: a line for each thing that happens, written by a thread of its own, so that a reader who does not
//! read holds up no client.

use portcullis_fake::{Happening, What};
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// So many lines wait for the reader; what comes then is counted, and left out.
const WAITING_MAX: usize = 65_536;

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
    writer: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Lines {
    pub(crate) fn new(style: Style, quiet: bool) -> Self {
        let (queue, waiting) = sync_channel(WAITING_MAX);
        let writer = std::thread::spawn(move || write(&waiting));
        Self { style, quiet, lost: Arc::default(), queue, writer: Arc::new(Mutex::new(Some(writer))) }
    }

    /// Never waits.
    pub(crate) fn happened(&mut self, happening: &Happening) {
        if self.quiet && !matches!(happening.what, What::Broke(_) | What::Failed { .. }) {
            return;
        }
        let line = match self.style {
            Style::Text => happening.to_string(),
            Style::Json => happening.to_json(),
        };
        if self.queue.try_send(Some(line)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn line(&self, text: &str) {
        // Without a writer there is nobody to tell.
        let _ = self.queue.send(Some(text.to_owned()));
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

    /// Says what was left out, and waits until all is written.
    pub(crate) fn finish(&self) {
        match (self.lost.load(Ordering::Relaxed), self.style) {
            (0, _) => {}
            (lost, Style::Text) => self.line(&format!("{lost} lines were left out: nobody read them in time")),
            (lost, Style::Json) => self.line(&format!(r#"{{"event":"lost","lines":{lost}}}"#)),
        }
        let _ = self.queue.send(None);
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            let _ = writer.join();
        }
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
