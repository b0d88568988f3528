//! What the WebSocket layer's read buffer costs, by its size: the numbers behind the one that a shard has.
//!
//! `cargo run --release -p portcullis-tokio --example read_buffer` (Linux, two cores, about a minute). Each measurement
//! is a process of its own against a gateway in another; sizes take turns, and medians and minima over the rounds are
//! told.

use async_tungstenite::tungstenite::protocol::WebSocketConfig;
use async_tungstenite::{WebSocketStream, client_async_with_config};
use futures_util::StreamExt as _;
use std::error::Error;
use std::io::{BufRead as _, BufReader, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt as _};

type Failure = Box<dyn Error + Send + Sync>;
type Socket = WebSocketStream<Compat<TcpStream>>;

const SIZES: [usize; 3] = [4 << 10, 16 << 10, 128 << 10];
const ROUNDS: usize = 7;
/// A message of an ordinary event.
const PAYLOAD: usize = 1300;
const PACED: u32 = 2000;
const FLOOD: u32 = 200_000;
const CONNECTIONS: u32 = 1000;
/// How many each of them gets before it is quiet.
const BEFORE_QUIET: u32 = 20;

fn main() -> Result<(), Failure> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => compare(),
        ["serve"] => serve(),
        ["client", mode, size, address] => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let (size, address) = (size.parse()?, address.to_owned());
            let cost = match mode {
                "paced" => runtime.block_on(cpu_an_event(address, size, PACED))?,
                "flood" => runtime.block_on(cpu_an_event(address, size, FLOOD))?,
                "quiet" => runtime.block_on(memory_a_connection(address, size))?,
                _ => return Err("the mode is paced, flood or quiet".into()),
            };
            println!("{cost}");
            Ok(())
        }
        _ => Err("it takes no arguments".into()),
    }
}

/// Runs it all, and prints a table.
fn compare() -> Result<(), Failure> {
    let me = std::env::current_exe()?;
    let mut server = Command::new(&me).arg("serve").stdout(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(server.stdout.take().ok_or("no stdout")?).lines();
    let addresses =
        [lines.next().ok_or("no address")??, lines.next().ok_or("no address")??, lines.next().ok_or("no address")??];
    println!("| | read buffer | median | minimum | of 4 KiB |\n|---|---|---|---|---|");
    for ((mode, unit), address) in
        [("paced", "µs an event"), ("flood", "µs an event"), ("quiet", "KB a connection")].iter().zip(addresses)
    {
        let mut costs = SIZES.map(|_| Vec::new());
        for _ in 0..ROUNDS {
            for (size, costs) in SIZES.iter().zip(&mut costs) {
                let done = Command::new(&me).args(["client", mode, &size.to_string(), &address]).output()?;
                costs.push(String::from_utf8(done.stdout)?.trim().parse::<f64>()?);
            }
        }
        for costs in &mut costs {
            costs.sort_by(f64::total_cmp);
        }
        for (size, known) in SIZES.iter().zip(&costs) {
            let (median, least) = (known[ROUNDS / 2], known[0]);
            println!(
                "| {mode}, {unit} | {} KiB | {median:.2} | {least:.2} | {:.2} |",
                size >> 10,
                median / costs[0][ROUNDS / 2]
            );
        }
    }
    server.kill()?;
    server.wait()?;
    Ok(())
}

/// Three listeners: one sends an event a millisecond, one as many as it can, one a few and then none.
fn serve() -> Result<(), Failure> {
    let frame = [&[0x81, 126][..], &u16::try_from(PAYLOAD)?.to_be_bytes(), &vec![b'x'; PAYLOAD]].concat();
    let mut threads = Vec::new();
    for mode in 0..3 {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        println!("{}", listener.local_addr()?);
        let frame = frame.clone();
        threads.push(thread::spawn(move || -> Result<(), Failure> {
            let mut quiet = Vec::new();
            for stream in listener.incoming() {
                let stream = stream?;
                stream.set_nodelay(true)?;
                let mut stream = async_tungstenite::tungstenite::accept(stream)?;
                let _ = match mode {
                    0 => paced(stream.get_mut(), &frame),
                    1 => flood(stream.get_mut(), &frame),
                    _ => (0..BEFORE_QUIET).try_for_each(|_| stream.get_mut().write_all(&frame)),
                };
                // Who is quiet stays connected; the room for the next run's is made by those that are gone.
                quiet.push(stream);
                let surplus = quiet.len().saturating_sub(CONNECTIONS as usize);
                quiet.drain(..surplus);
            }
            Ok(())
        }));
    }
    for thread in threads {
        thread.join().map_err(|_| "a thread panicked")??;
    }
    Ok(())
}

fn paced(stream: &mut impl Write, frame: &[u8]) -> std::io::Result<()> {
    let start = Instant::now();
    for number in 0..PACED {
        thread::sleep((Duration::from_millis(1) * number).saturating_sub(start.elapsed()));
        stream.write_all(frame)?;
    }
    Ok(())
}

fn flood(stream: &mut impl Write, frame: &[u8]) -> std::io::Result<()> {
    let many = frame.repeat(50);
    (0..FLOOD / 50).try_for_each(|_| stream.write_all(&many))
}

async fn open(address: &str, size: usize) -> Result<Socket, Failure> {
    let stream = TcpStream::connect(address).await?.compat();
    let config = WebSocketConfig::default().read_buffer_size(size).write_buffer_size(0);
    Ok(client_async_with_config(format!("ws://{address}/"), stream, Some(config)).await?.0)
}

/// In microseconds, of this thread alone.
async fn cpu_an_event(address: String, size: usize, events: u32) -> Result<f64, Failure> {
    let mut socket = open(&address, size).await?;
    let before = cpu()?;
    for _ in 0..events {
        socket.next().await.ok_or("it ended")??;
    }
    Ok(cpu()?.saturating_sub(before).as_secs_f64() * 1e6 / f64::from(events))
}

/// In thousands of bytes, resident.
async fn memory_a_connection(address: String, size: usize) -> Result<f64, Failure> {
    let before = resident()?;
    let mut sockets = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut socket = open(&address, size).await?;
        for _ in 0..BEFORE_QUIET {
            socket.next().await.ok_or("it ended")??;
        }
        sockets.push(socket);
    }
    Ok((resident()? - before) / f64::from(CONNECTIONS))
}

#[cfg(target_os = "linux")]
fn cpu() -> Result<Duration, Failure> {
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeValLike as _;
    let used = getrusage(UsageWho::RUSAGE_THREAD)?;
    Ok(Duration::from_micros(u64::try_from(
        used.user_time().num_microseconds() + used.system_time().num_microseconds(),
    )?))
}

#[cfg(not(target_os = "linux"))]
fn cpu() -> Result<Duration, Failure> {
    Err("what a thread has used is told on Linux only".into())
}

fn resident() -> Result<f64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(f64::from(line.trim().trim_end_matches(" kB").parse::<u32>()?) * 1.024)
}
