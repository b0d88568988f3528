//! A runtime of one's own in forty lines, here smol: `cargo run -p portcullis-runtime --example smol`.
//!
//! Copy `Smol` and `Shard` into your crate: nothing else stands between the driver and a runtime. `main` joins a fake
//! gateway, prints what happens, and leaves.

use core::future::Future;
use core::pin::Pin;
use core::time::Duration;
use portcullis::dialect::discord::Intents;
use portcullis::machine::Shutdown;
use portcullis::{Discord, Event, Timestamp};
use portcullis_fake::FakeGateway;
use portcullis_runtime::{Buffer, Clock, Driver, Runtime, prepare_socket};
use smol::Timer;
use smol::net::{TcpStream, resolve};
use std::error::Error;
use std::io;
use std::net::SocketAddr;

/// A shard on smol.
pub type Shard = Driver<Discord, Smol>;

/// The sockets and timers of smol.
#[derive(Clone, Copy, Debug, Default)]
pub struct Smol {
    clock: Clock,
}

impl Runtime for Smol {
    type Stream = TcpStream;
    type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn slept(&self) -> Duration {
        self.clock.slept()
    }

    fn sleep_until(&self, until: Timestamp) -> Self::Sleep {
        let timer = Timer::at(self.clock.instant(until));
        Box::pin(async {
            timer.await;
        })
    }

    fn resolve(&self, host: &str, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static {
        resolve((host.to_owned(), port))
    }

    #[expect(clippy::manual_async_fn, reason = "an async fn would borrow self")]
    fn connect(&self, address: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>> + Send + 'static {
        async move {
            let stream = TcpStream::connect(address).await?;
            prepare_socket(&stream)?;
            Ok(stream)
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    // The fake gateway is on tokio, in a thread of its own.
    let elsewhere = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let fake = elsewhere.block_on(FakeGateway::start())?;
    let shard = Shard::builder("a.fake.token", Intents::GUILDS).gateway(fake.url()).build()?;
    let (pump, mut events) = shard.split(Buffer::default());
    smol::block_on(async {
        let pump = smol::spawn(pump);
        while let Some(event) = events.next().await {
            println!("{event:?}");
            if let Event::Ready(_) = event {
                events.sender().shutdown(Shutdown::EndSession);
            }
        }
        pump.await;
    });
    Ok(())
}
