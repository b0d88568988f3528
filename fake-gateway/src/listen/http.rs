//! The head of an HTTP request: bytes → a WebSocket upgrade, a plain request, or what is wrong with it; and answers.

use crate::rest::HttpAnswer;
use async_tungstenite::tungstenite::handshake::derive_accept_key;
use core::time::Duration;
use futures_util::io::{AsyncRead, AsyncReadExt as _};

/// No head of a request may be longer.
const HEAD_MAX: usize = 16 << 10;

/// No body is read beyond this: deeds are short, but a dispatch may be long.
const BODY_MAX: usize = 4 << 20;

/// What a client asked for, with the bytes that came behind its head.
pub(super) enum Ask {
    Upgrade { target: String, key: String, behind: Vec<u8> },
    Plain(Plain),
    Wrong(Wrong),
}

/// A request that asks for no upgrade.
pub(super) struct Plain {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) authorization: Option<String>,
    /// How long its body is, if it says so.
    length: Option<usize>,
    /// What came behind the head.
    behind: Vec<u8>,
}

/// Why a request cannot be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    NotHttp,
    HeadTooLong,
    NoKey,
    Version,
    NoLength,
    BodyTooLong,
}

/// Reads a head; `None` when the stream ends or fails before its end.
pub(super) async fn ask(stream: &mut (impl AsyncRead + Unpin)) -> Option<Ask> {
    let mut bytes = Vec::new();
    let mut piece = [0; 1024];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            return Some(judge(&bytes[..end], &bytes[end + 4..]));
        }
        if bytes.len() > HEAD_MAX {
            return Some(Ask::Wrong(Wrong::HeadTooLong));
        }
        // What does not begin like a method is no HTTP: its end may never come.
        if bytes.first().is_some_and(|byte| !byte.is_ascii_uppercase()) {
            return Some(Ask::Wrong(Wrong::NotHttp));
        }
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => bytes.extend_from_slice(&piece[..read]),
        }
    }
}

fn judge(head: &[u8], behind: &[u8]) -> Ask {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target), Some(version), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return Ask::Wrong(Wrong::NotHttp);
    };
    if !version.starts_with("HTTP/1.") {
        return Ask::Wrong(Wrong::NotHttp);
    }
    let headers: Vec<_> =
        lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.trim(), value.trim())).collect();
    let header =
        |wanted: &str| headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|&(_, value)| value);
    let target = without_authority(target).to_owned();
    let upgrades = header("upgrade").is_some_and(|value| has_word(value, "websocket"));
    if method != "GET" || !upgrades {
        let authorization = header("authorization").map(str::to_owned);
        let length = header("content-length").and_then(|length| length.parse().ok());
        let (method, behind) = (method.to_owned(), behind.to_vec());
        return Ask::Plain(Plain { method, target, authorization, length, behind });
    }
    match (header("sec-websocket-version"), header("sec-websocket-key")) {
        (Some("13"), Some(key)) => Ask::Upgrade { target, key: key.to_owned(), behind: behind.to_vec() },
        (Some("13"), None) => Ask::Wrong(Wrong::NoKey),
        (Some(_) | None, _) => Ask::Wrong(Wrong::Version),
    }
}

impl Plain {
    /// Reads the body; `None` when the stream ends or fails before its end.
    pub(super) async fn body(self, stream: &mut (impl AsyncRead + Unpin)) -> Option<Result<Vec<u8>, Wrong>> {
        let Some(length) = self.length else { return Some(Err(Wrong::NoLength)) };
        if length > BODY_MAX {
            return Some(Err(Wrong::BodyTooLong));
        }
        let mut body = self.behind;
        body.truncate(length);
        // No room is made for what has not come: a length is quickly said.
        let more = u64::try_from(length - body.len()).unwrap_or(u64::MAX);
        stream.take(more).read_to_end(&mut body).await.ok()?;
        (body.len() == length).then_some(Ok(body))
    }
}

/// `ws://host/?v=10` → `/?v=10`: clients behind a proxy name the whole URL.
fn without_authority(target: &str) -> &str {
    match target.split_once("://") {
        Some((scheme, rest)) if scheme.bytes().all(|byte| byte.is_ascii_lowercase()) => {
            rest.find(['/', '?']).map_or("/", |start| &rest[start..])
        }
        Some(_) | None => target,
    }
}

fn has_word(list: &str, word: &str) -> bool {
    list.split(',').any(|item| item.trim().eq_ignore_ascii_case(word))
}

/// The head that turns the stream into a WebSocket. No extension and no subprotocol is agreed to.
pub(super) fn switching(key: &str) -> String {
    let accept = derive_accept_key(key.as_bytes());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    )
}

pub(super) fn refusal(status: u16, retry_after: Option<Duration>) -> String {
    let retry = retry_after.map_or_else(String::new, |span| {
        let seconds = span.as_secs() + u64::from(span.subsec_nanos() > 0);
        format!("Retry-After: {seconds}\r\n")
    });
    format!("{}{retry}Content-Length: 0\r\nConnection: close\r\n\r\n", status_line(status))
}

pub(super) fn answer(answer: &HttpAnswer) -> String {
    // Exactly this content type: clients compare it as a whole.
    format!(
        "{}Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
        status_line(answer.status),
        answer.body.len(),
        answer.body
    )
}

pub(super) fn objection(wrong: Wrong) -> String {
    let (status, why, more) = match wrong {
        Wrong::NotHttp => (400, "this is no http/1.1 request", ""),
        Wrong::HeadTooLong => (431, "the head of the request is longer than 16 KiB", ""),
        Wrong::NoKey => (400, "the upgrade has no Sec-WebSocket-Key", ""),
        Wrong::NoLength => (411, "the request has no Content-Length", ""),
        Wrong::BodyTooLong => (413, "the body of the request is longer than 4 MiB", ""),
        Wrong::Version => (426, "only websocket version 13 is spoken", "Sec-WebSocket-Version: 13\r\n"),
    };
    let body = format!("{{\"message\":\"{why}\",\"code\":0}}");
    format!(
        "{}{more}Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        status_line(status),
        body.len()
    )
}

fn status_line(status: u16) -> String {
    let phrase = match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        411 => "Length Required",
        413 => "Content Too Large",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Refused",
    };
    format!("HTTP/1.1 {status} {phrase}\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(head: &str) -> String {
        match judge(head.as_bytes(), b"rest") {
            Ask::Upgrade { target, key, behind } => format!("upgrade {target} {key} {}", behind.len()),
            Ask::Plain(Plain { method, target, authorization, .. }) => format!("{method} {target} {authorization:?}"),
            Ask::Wrong(wrong) => format!("{wrong:?}"),
        }
    }

    #[test]
    fn heads_are_told_apart() {
        let upgrade = |target: &str| {
            let fields = "upgrade: WebSocket\r\nCONNECTION: keep-alive, Upgrade\r\nSec-WebSocket-Key: k";
            format!("GET {target} HTTP/1.1\r\n{fields}\r\nsec-websocket-version: 13")
        };
        for (head, what) in [
            (upgrade("/?v=10"), "upgrade /?v=10 k 4"),
            (upgrade("?v=10"), "upgrade ?v=10 k 4"),
            (upgrade("ws://127.0.0.1:1/?v=10"), "upgrade /?v=10 k 4"),
            (upgrade("http://127.0.0.1:1"), "upgrade / k 4"),
            (upgrade("/").replace("13", "8"), "Version"),
            (upgrade("/").replace("Sec-WebSocket-Key: k", "X: y"), "NoKey"),
            ("GET /gateway HTTP/1.1\r\nAuthorization: Bot x".into(), r#"GET /gateway Some("Bot x")"#),
            ("POST / HTTP/1.0".into(), "POST / None"),
            ("GET /".into(), "NotHttp"),
            ("GET / a HTTP/1.1".into(), "NotHttp"),
            ("GET / SSH-2.0".into(), "NotHttp"),
        ] {
            assert_eq!(asked(&head), what, "{head}");
        }
    }

    #[test]
    fn the_accept_key_is_the_one_of_the_rfc() {
        assert!(switching("dGhlIHNhbXBsZSBub25jZQ==").contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"));
        let late = refusal(429, Some(Duration::from_millis(1500)));
        assert!(late.starts_with("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 2\r\n"));
    }
}
