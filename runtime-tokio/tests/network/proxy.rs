//! Two proxies, of HTTP CONNECT and SOCKS5: as little of them as a right client needs.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// A proxy that leads to one address, whatever it is asked for, and asks for `bot` and `p@ss`.
#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    /// What it was asked for: `name:port`.
    asked: Arc<Mutex<Vec<String>>>,
    behind: SocketAddr,
}

#[derive(Clone, Copy)]
pub(crate) enum Speaks {
    Http,
    Socks5,
}

impl Proxy {
    pub(crate) async fn start(speaks: Speaks, behind: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self { address: listener.local_addr().unwrap(), asked: Arc::default(), behind };
        let serving = proxy.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let proxy = serving.clone();
                tokio::spawn(async move {
                    let _ = match speaks {
                        Speaks::Http => proxy.http(&mut stream).await,
                        Speaks::Socks5 => proxy.socks5(&mut stream).await,
                    };
                });
            }
        });
        proxy
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    async fn http(&self, stream: &mut TcpStream) -> std::io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        let head = String::from_utf8(head).unwrap();
        if !head.contains("Proxy-Authorization: Basic Ym90OnBAc3M=\r\n") {
            let challenge =
                "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n";
            return stream.write_all(challenge.as_bytes()).await;
        }
        let target = head.split(' ').nth(1).unwrap();
        assert!(head.starts_with("CONNECT ") && head.contains(&format!("\r\nHost: {target}\r\n")), "{head}");
        self.asked.lock().unwrap().push(target.to_owned());
        match TcpStream::connect(self.behind).await {
            Ok(mut gateway) => {
                stream.write_all(b"HTTP/1.1 200 Connection established\r\nVia: a test\r\n\r\n").await?;
                copy_bidirectional(stream, &mut gateway).await.map(|_| ())
            }
            Err(_) => stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n").await,
        }
    }

    async fn socks5(&self, stream: &mut TcpStream) -> std::io::Result<()> {
        assert_eq!(stream.read_u8().await?, 5);
        let offered = counted(stream).await?;
        if !offered.contains(&2) {
            return stream.write_all(&[5, 0xff]).await;
        }
        stream.write_all(&[5, 2]).await?;
        assert_eq!(stream.read_u8().await?, 1);
        let shown = [counted(stream).await?, counted(stream).await?];
        if shown != [b"bot".as_slice(), b"p@ss"] {
            return stream.write_all(&[1, 1]).await;
        }
        stream.write_all(&[1, 0]).await?;
        let mut request = [0; 4];
        stream.read_exact(&mut request).await?;
        assert_eq!(request[..3], [5, 1, 0]);
        let host = match request[3] {
            1 => std::net::Ipv4Addr::from(stream.read_u32().await?).to_string(),
            3 => String::from_utf8(counted(stream).await?).unwrap(),
            4 => format!("[{}]", std::net::Ipv6Addr::from(stream.read_u128().await?)),
            kind => panic!("an address of kind {kind}"),
        };
        let port = stream.read_u16().await?;
        self.asked.lock().unwrap().push(format!("{host}:{port}"));
        match TcpStream::connect(self.behind).await {
            Ok(mut gateway) => {
                stream.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 9]).await?;
                copy_bidirectional(stream, &mut gateway).await.map(|_| ())
            }
            Err(_) => stream.write_all(&[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]).await,
        }
    }
}

async fn counted(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::from(stream.read_u8().await?)];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}
