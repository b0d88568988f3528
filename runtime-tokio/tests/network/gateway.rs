//! A fake gateway, and what stands in front of it.

use futures_rustls::TlsAcceptor;
use portcullis_fake::{FakeConfig, FakeServer, Limits};
use portcullis_tokio::rustls::ServerConfig;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::compat::{FuturesAsyncReadCompatExt as _, TokioAsyncReadCompatExt as _};

pub(crate) async fn gateway() -> FakeServer {
    FakeServer::start(FakeConfig { limits: Limits::Lifted, ..FakeConfig::default() }).await.unwrap()
}

/// A way with TLS to a gateway.
pub(crate) struct Secured {
    _gateway: FakeServer,
    pub(crate) address: SocketAddr,
    /// The names that clients asked for, as SNI has them.
    pub(crate) names: Arc<Mutex<Vec<String>>>,
}

pub(crate) async fn secured(config: ServerConfig) -> Secured {
    let gateway = gateway().await;
    let behind = gateway.address();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let names = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&names);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, noted) = (acceptor.clone(), Arc::clone(&noted));
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream.compat()).await else { return };
                noted.lock().unwrap().extend(stream.get_ref().1.server_name().map(str::to_owned));
                let mut gateway = TcpStream::connect(behind).await.unwrap();
                let _ = copy_bidirectional(&mut stream.compat(), &mut gateway).await;
            });
        }
    });
    Secured { _gateway: gateway, address, names }
}

/// Another address that leads to `behind`.
pub(crate) fn forward(listener: TcpListener, behind: SocketAddr) {
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut gateway = TcpStream::connect(behind).await.unwrap();
                let _ = copy_bidirectional(&mut stream, &mut gateway).await;
            });
        }
    });
}
