//! The conformance suite with the WebSocket layer of async-tungstenite, which a config can choose.

#[path = "hosts/tokio.rs"]
mod host;

use core::future::Future;
use portcullis_runtime::WebSocketLayer;
use portcullis_tests::conformance::Host;

/// tokio on one thread, and that layer.
struct OnTungstenite;

impl Host for OnTungstenite {
    type Runtime = <host::CurrentThread as Host>::Runtime;

    const WEBSOCKET: WebSocketLayer = WebSocketLayer::Tungstenite;

    fn run(case: impl Future<Output = ()> + Send + 'static) {
        host::CurrentThread::run(case);
    }

    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        host::CurrentThread::spawn(task);
    }
}

portcullis_tests::conformance!(OnTungstenite);
