//! What is set on every TCP socket, whichever runtime opened it.

use core::time::Duration;
use socket2::{SockRef, TcpKeepalive};
use std::io;

/// How long a connection is quiet before the first probe. Beats keep a living one busier than that.
const IDLE: Duration = Duration::from_secs(60);

/// Sets up a connected TCP socket; an adapter does so before it hands the stream out.
///
/// Small messages leave at once (`TCP_NODELAY`): a heartbeat must not wait for an acknowledgement of what went before.
/// Keepalive probes after 60 s, four of them 15 s apart, keep the way through middleboxes open and end a connection
/// whose peer is gone, also while the shard is not polled. Where the system refuses probes the socket is used without:
/// the beats find a dead peer, too.
///
/// # Errors
/// When `TCP_NODELAY` cannot be set: the connection is gone already.
#[cfg(unix)]
pub fn prepare_socket(socket: &impl std::os::fd::AsFd) -> io::Result<()> {
    prepare(&SockRef::from(socket))
}

/// Sets up a connected TCP socket; an adapter does so before it hands the stream out.
///
/// # Errors
/// When `TCP_NODELAY` cannot be set: the connection is gone already.
#[cfg(windows)]
pub fn prepare_socket(socket: &impl std::os::windows::io::AsSocket) -> io::Result<()> {
    prepare(&SockRef::from(socket))
}

fn probes() -> TcpKeepalive {
    let probes = TcpKeepalive::new().with_time(IDLE);
    // The other systems have settings of their own for the rest.
    #[cfg(any(
        target_os = "android",
        target_os = "freebsd",
        target_os = "ios",
        target_os = "linux",
        target_os = "macos",
        windows
    ))]
    let probes = probes.with_interval(Duration::from_secs(15)).with_retries(4);
    probes
}

fn prepare(socket: &SockRef<'_>) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    let _ = socket.set_tcp_keepalive(&probes());
    Ok(())
}
