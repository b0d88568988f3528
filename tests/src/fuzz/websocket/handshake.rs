//! Any bytes as the head of a handshake.

use core::fmt::Debug;
use portcullis_websocket::handshake::{
    ClientHandshake, ClientRequest, HandshakeLimits, Progress, Scheme, ServerHandshake, UpgradeRequest,
};

/// The first byte is the side, the second how the rest is cut. Whole, cut and byte by byte it gives the same. What a server
/// grants, `tungstenite` grants as well, with the same proof.
///
/// # Panics
/// When something does not hold.
pub fn websocket_handshake(bytes: &[u8]) {
    let [side, cut, head @ ..] = bytes else { return };
    let cut = usize::from(*cut).max(1);
    if side & 1 == 0 {
        let accepted = alike(head, cut, || {
            let mut client = start();
            move |piece: &[u8]| client.receive(piece)
        });
        assert!(accepted.is_err() || accepted.is_ok_and(|accepted| accepted.is_none_or(|(_, len)| len <= head.len())));
        return;
    }
    let granted = alike(head, cut, || {
        let mut server = ServerHandshake::new(LIMITS);
        move |piece: &[u8]| server.receive(piece)
    });
    if let Ok(Some((request, len))) = granted {
        granted_by_both(&request, &head[..len]);
    }
}

const LIMITS: HandshakeLimits = HandshakeLimits { head: 2000 };

/// A client that offers two subprotocols, with the key of the sample in RFC 6455 §1.3.
fn start() -> ClientHandshake {
    let request = ClientRequest::new(Scheme::Ws, "server.example.com", 80, "/chat").expect("a request");
    let request = request.with_protocol("chat").and_then(|request| request.with_protocol("superchat"));
    ClientHandshake::start(&request.expect("two protocols"), *b"the sample nonce", LIMITS, &mut Vec::new())
}

/// What comes of a head, however it is cut, and how many bytes it had.
fn alike<T, E, F>(head: &[u8], size: usize, make: impl Fn() -> F) -> Result<Option<(T, usize)>, E>
where
    T: Debug + PartialEq,
    E: Debug + PartialEq,
    F: FnMut(&[u8]) -> Result<Progress<T>, E>,
{
    let read = |size: usize| {
        let mut receive = make();
        let mut before = 0;
        for piece in head.chunks(size.max(1)) {
            match receive(piece)? {
                Progress::More => before += piece.len(),
                Progress::Done { outcome, consumed } => {
                    assert!(consumed <= piece.len());
                    return Ok(Some((outcome, before + consumed)));
                }
            }
        }
        Ok(None)
    };
    let whole = read(head.len());
    assert_eq!(read(size), whole);
    assert_eq!(read(1), whole);
    whole
}

/// `tungstenite` wants `Upgrade` to be one word, `Connection` to be one line of ASCII, and the request's target to be a URI as
/// the crate `http` has it.
fn granted_by_both(request: &UpgradeRequest, head: &[u8]) {
    let mut ours = Vec::new();
    request.accept(None, &[], &mut ours).expect("nothing is wrong with an answer without anything");
    let is_one_word = request.headers().all("upgrade").all(|value| value.eq_ignore_ascii_case(b"websocket"))
        && request.headers().all("connection").count() == 1
        && request.headers().all("connection").all(<[u8]>::is_ascii);
    let Ok(theirs) = tungstenite::handshake::server::create_response(&match their_request(head) {
        Some(request) if is_one_word => request,
        _ => return,
    }) else {
        panic!("it is not granted: {}", head.escape_ascii())
    };
    let proof = theirs.headers().get("sec-websocket-accept").expect("a proof").as_bytes();
    assert!(ours.windows(proof.len()).any(|window| window == proof), "{}", ours.escape_ascii());
}

fn their_request(head: &[u8]) -> Option<tungstenite::handshake::server::Request> {
    use tungstenite::handshake::machine::TryParse as _;
    tungstenite::handshake::server::Request::try_parse(head).ok().flatten().map(|(_, request)| request)
}
