//! Many clients at once, and many dispatches to one: the program under load, in a process of its own, so that its
//! memory can be looked at.
//!
//! Small by default. `PORTCULLIS_LOAD=1000,1000000,20000` makes it 1,000 clients and a million dispatches, 20,000 a
//! second: best with `--release`, and with `--nocapture` to see the figures.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "the helpers are test code as well")]

use async_tungstenite::WebSocketStream;
use async_tungstenite::tokio::{TokioAdapter, client_async};
use async_tungstenite::tungstenite::Message;
use core::time::Duration;
use futures_util::StreamExt as _;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

const IDENTIFY: &str = r#"{"op":2,"d":{"token":"T","intents":53608447,"properties":{}}}"#;
const HEARTBEAT: &str = r#"{"op":1,"d":null}"#;

type Client = WebSocketStream<TokioAdapter<TcpStream>>;

/// Clients, dispatches, and dispatches a second.
fn size() -> [u64; 3] {
    let told = std::env::var("PORTCULLIS_LOAD").unwrap_or_else(|_| "100,5000,2500".into());
    let numbers: Vec<u64> = told.split(',').map(|number| number.parse().expect("three numbers")).collect();
    numbers.try_into().expect("three numbers")
}

struct Program {
    child: Child,
    url: String,
}

impl Program {
    fn start(args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis-fake"));
        let mut child = command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut url = String::new();
        output.read_line(&mut url).unwrap();
        // It is started `--quiet`; what it says all the same goes nowhere.
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        Self { child, url: url.trim().to_owned() }
    }

    async fn client(&self) -> Client {
        self.client_with("").await
    }

    async fn client_with(&self, query: &str) -> Client {
        let stream = TcpStream::connect(self.url.trim_start_matches("ws://")).await.unwrap();
        client_async(format!("{}/?v=10&encoding=json{query}", self.url), stream).await.unwrap().0
    }

    /// How much memory it has now and had at most, in KiB; nothing where that cannot be asked.
    fn memory(&self) -> Option<[u64; 2]> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let field = |name: &str| {
            status.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB")?.parse().ok())
        };
        Some([field("VmRSS:")?, field("VmHWM:")?])
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The next text that begins so.
async fn text(client: &mut Client, start: &str) {
    loop {
        match timeout(Duration::from_secs(60), client.next()).await.expect("silence") {
            Some(Ok(Message::Text(text))) if text.as_str().starts_with(start) => return,
            Some(Ok(_)) => {}
            other => panic!("no {start}: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_clients_at_once_are_each_served() {
    let [clients, ..] = size();
    let program = Program::start(&["--quiet", "--limits", "lifted"]);
    let before = program.memory();
    let mut all = Vec::new();
    for _ in 0..clients {
        let mut client = program.client().await;
        client.send(Message::text(IDENTIFY)).await.unwrap();
        text(&mut client, r#"{"t":"READY""#).await;
        all.push(client);
    }
    for client in &mut all {
        client.send(Message::text(HEARTBEAT)).await.unwrap();
    }
    for client in &mut all {
        text(client, r#"{"t":null,"s":null,"op":11"#).await;
    }
    if let (Some([before, _]), Some([after, _])) = (before, program.memory()) {
        println!("{clients} clients: {before} KiB before, {after} KiB with all of them");
        assert!(after < before + 200 * clients + 50_000, "{after} KiB");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_dispatches_to_one_client_leave_memory_bounded() {
    let [_, dispatches, a_second] = size();
    let program = Program::start(&["--quiet", "--limits", "lifted", "--events", &a_second.to_string()]);
    let mut client = program.client().await;
    client.send(Message::text(IDENTIFY)).await.unwrap();
    let (start, mut bytes) = (Instant::now(), 0);
    let mut early = None;
    for number in 0..dispatches {
        match timeout(Duration::from_secs(60), client.next()).await.expect("silence") {
            Some(Ok(Message::Text(text))) => bytes += text.len(),
            other => panic!("after {number}: {other:?}"),
        }
        // The ring of replays is full by now.
        if number == 4500 {
            early = program.memory();
        }
    }
    if let (Some([early, _]), Some([after, most])) = (early, program.memory()) {
        let took = start.elapsed();
        println!(
            "{dispatches} dispatches, {bytes} bytes in {took:?}: {early} KiB early, {after} KiB after, {most} KiB at most"
        );
        assert!(most < early + 100_000, "{most} KiB");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_costs_what_its_compression_needs() {
    let [clients, ..] = size();
    for (query, blocks, most) in [
        ("", "compressed", 200),
        ("&compress=zlib-stream", "compressed", 1000),
        ("&compress=zlib-stream", "stored", 200),
        ("&compress=zstd-stream", "compressed", 2000),
        ("&compress=zstd-stream", "stored", 200),
    ] {
        let program = Program::start(&["--quiet", "--limits", "lifted", "--guild-bytes", "99000", "--blocks", blocks]);
        let before = program.memory();
        let mut all = Vec::new();
        for _ in 0..clients {
            let mut client = program.client_with(query).await;
            client.send(Message::text(IDENTIFY)).await.unwrap();
            // Hello, Ready and two guilds.
            for _ in 0..4 {
                timeout(Duration::from_secs(60), client.next()).await.expect("silence").unwrap().unwrap();
            }
            all.push(client);
        }
        if let (Some([before, _]), Some([after, _])) = (before, program.memory()) {
            println!("{clients} clients with {query:?} {blocks}: {} KiB each", after.saturating_sub(before) / clients);
            assert!(after < before + most * clients + 50_000, "{query} {blocks}: {after} KiB");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_comes_as_fast_as_it_is_read_and_memory_is_bounded() {
    let [_, dispatches, _] = size();
    for (query, blocks) in
        [("", "compressed"), ("&compress=zlib-stream", "compressed"), ("&compress=zstd-stream", "compressed")]
    {
        let args = ["--quiet", "--blocks", blocks, "--flood", &dispatches.to_string(), "--size", "2000"];
        let program = Program::start(&args);
        let mut client = program.client_with(query).await;
        client.send(Message::text(IDENTIFY)).await.unwrap();
        let start = Instant::now();
        // Hello, Ready, two guilds; and the one behind them all.
        for number in 0..=4 + dispatches {
            match timeout(Duration::from_secs(60), client.next()).await.expect("silence") {
                Some(Ok(Message::Text(_) | Message::Binary(_))) => {}
                other => panic!("after {number}: {other:?}"),
            }
        }
        let a_second = dispatches * 1000 / u64::try_from(start.elapsed().as_millis()).unwrap().max(1);
        if let Some([_, most]) = program.memory() {
            println!("{dispatches} dispatches with {query:?}: {a_second} a second, {most} KiB at most");
            assert!(most < 120_000, "{most} KiB");
        }
    }
}
