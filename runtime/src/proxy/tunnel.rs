//! Carries a handshake with a proxy out, over a stream that is connected to it.

use super::http::Connect;
use super::socks::Socks;
use super::step::{FAILED, Step};
use super::url::{Kind, Proxy};
use futures_io::{AsyncRead, AsyncWrite};
use futures_util::{AsyncReadExt as _, AsyncWriteExt as _};
use portcullis::machine::ConnectFailure;
use std::sync::Arc;

/// A handshake underway.
enum Handshake {
    Http(Connect),
    Socks(Socks),
}

impl Handshake {
    fn on_answer(&mut self, bytes: &[u8]) -> Result<Step, ConnectFailure> {
        match self {
            Self::Http(connect) => connect.on_answer(bytes),
            Self::Socks(socks) => socks.on_answer(bytes),
        }
    }
}

/// Asks the proxy for a tunnel to the host. Afterwards the stream leads there.
pub(crate) async fn open_tunnel<S>(
    proxy: &Proxy,
    mut stream: S,
    host: &str,
    port: u16,
    user_agent: &[u8],
) -> Result<S, ConnectFailure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut handshake, mut to_send) = match proxy.kind {
        Kind::Http => {
            let request = Connect::request(host, port, proxy.credentials.as_deref(), user_agent);
            (Handshake::Http(Connect::default()), request)
        }
        Kind::Socks5 => {
            let socks = Socks::new(host, port, proxy.credentials.as_ref().map(Arc::clone));
            let greeting = socks.greeting();
            (Handshake::Socks(socks), greeting)
        }
    };
    let mut heard = [0; ONE_READ];
    loop {
        stream.write_all(&to_send).await.map_err(|_| FAILED)?;
        stream.flush().await.map_err(|_| FAILED)?;
        to_send = loop {
            let len = stream.read(&mut heard).await.map_err(|_| FAILED)?;
            if len == 0 {
                return Err(FAILED);
            }
            match handshake.on_answer(&heard[..len])? {
                Step::Read => {}
                Step::Send(to_send) => break to_send,
                Step::Done => return Ok(stream),
            }
        };
    }
}

/// How much is read at a time: most answers are shorter.
const ONE_READ: usize = 512;
