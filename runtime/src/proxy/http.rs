//! HTTP CONNECT, without I/O. *(source: RFC 9110 §9.3.6; credentials: RFC 7617)*

use super::credentials::Credentials;
use super::step::{FAILED, Step, refused};
use data_encoding::BASE64;
use portcullis::machine::{ConnectFailure, ProxyStatus};
use std::net::Ipv6Addr;

/// The most bytes of an answer's head: servers and clients commonly allow 8 to 16 KiB.
const HEAD_MAX: usize = 16 << 10;

/// The answer as far as it has come.
#[derive(Default)]
pub(super) struct Connect {
    head: Vec<u8>,
    standing: Standing,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Standing {
    /// The status line is not whole.
    #[default]
    Unknown,
    Accepted,
}

impl Connect {
    /// What to say first.
    pub(super) fn request(host: &str, port: u16, credentials: Option<&Credentials>, user_agent: &[u8]) -> Vec<u8> {
        let brackets = if host.parse::<Ipv6Addr>().is_ok() { ("[", "]") } else { ("", "") };
        let authority = format!("{}{host}{}:{port}", brackets.0, brackets.1);
        let mut request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: ").into_bytes();
        request.extend_from_slice(user_agent);
        if let Some(Credentials { user, password }) = credentials {
            let plain = [user.as_slice(), b":", password].concat();
            request.extend_from_slice(b"\r\nProxy-Authorization: Basic ");
            request.extend_from_slice(BASE64.encode(&plain).as_bytes());
        }
        request.extend_from_slice(b"\r\n\r\n");
        request
    }

    pub(super) fn on_answer(&mut self, bytes: &[u8]) -> Result<Step, ConnectFailure> {
        // An end of the head may have begun in what came before.
        let seen = self.head.len().saturating_sub(END.len() - 1);
        self.head.extend_from_slice(bytes);
        if self.standing == Standing::Unknown {
            match status(&self.head)? {
                None => return self.go_on(),
                // The status decides; there is no need to wait for the fields behind it.
                Some(code) if !(200..300).contains(&code) => return Err(refused(ProxyStatus::Http(code))),
                Some(_) => self.standing = Standing::Accepted,
            }
        }
        match self.head[seen..].windows(END.len()).position(|window| window == END) {
            None => self.go_on(),
            // The gateway sends nothing before the client does. What comes here is the proxy's own, and must not be
            // taken for the gateway's.
            Some(at) if seen + at + END.len() < self.head.len() => Err(FAILED),
            Some(_) => Ok(Step::Done),
        }
    }

    fn go_on(&self) -> Result<Step, ConnectFailure> {
        if self.head.len() > HEAD_MAX { Err(FAILED) } else { Ok(Step::Read) }
    }
}

/// The status, once its line is whole. The fields behind it are not read: nothing in them changes what to do.
fn status(head: &[u8]) -> Result<Option<u16>, ConnectFailure> {
    let mut answer = httparse::Response::new(&mut []);
    let parsed = answer.parse(head);
    match (answer.reason, answer.code, parsed) {
        // The reason is there when the line has ended. The parser takes any three digits for a status.
        (Some(_), Some(code @ 100..), _) => Ok(Some(code)),
        (None, _, Ok(_)) => Ok(None),
        _ => Err(FAILED),
    }
}

const END: &[u8] = b"\r\n\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(answer: &[u8]) -> Result<Step, ConnectFailure> {
        Connect::default().on_answer(answer)
    }

    #[test]
    fn a_request_names_the_host_as_it_is_and_shows_the_credentials() {
        let request = |host, credentials| String::from_utf8(Connect::request(host, 443, credentials, b"me/1")).unwrap();
        assert_eq!(
            request("gateway.discord.gg", None),
            "CONNECT gateway.discord.gg:443 HTTP/1.1\r\nHost: gateway.discord.gg:443\r\nUser-Agent: me/1\r\n\r\n"
        );
        // The example of RFC 7617 §2.
        let credentials = Credentials { user: b"Aladdin".to_vec(), password: b"open sesame".to_vec() };
        assert_eq!(
            request("::1", Some(&credentials)),
            "CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\nUser-Agent: me/1\r\n\
             Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"
        );
    }

    #[test]
    fn an_answer_may_come_in_any_pieces() {
        for answer in [
            &b"HTTP/1.1 200 Connection established\r\n\r\n"[..],
            b"HTTP/1.0 200\r\nProxy-Agent: x\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 204 No Content\r\n\r\n",
        ] {
            assert_eq!(heard(answer), Ok(Step::Done));
            for size in 1..answer.len() {
                let mut connect = Connect::default();
                let steps: Vec<_> = answer.chunks(size).map(|piece| connect.on_answer(piece)).collect();
                let (last, before) = steps.split_last().unwrap();
                assert_eq!(*last, Ok(Step::Done), "{size}");
                assert!(before.iter().all(|step| *step == Ok(Step::Read)), "{size}");
            }
        }
    }

    #[test]
    fn a_refusal_is_told_by_its_status_line_alone() {
        for (answer, status) in [
            (&b"HTTP/1.1 407 Proxy Authentication Required\r\n"[..], 407),
            (b"HTTP/1.0 502\n", 502),
            (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", 101),
            (b"HTTP/1.1 302 Found\r\nLocation: http://login/\r\n\r\n<html>", 302),
            (b"HTTP/1.1 999 Odd\r\n", 999),
        ] {
            assert_eq!(heard(answer), Err(refused(ProxyStatus::Http(status))));
        }
        assert_eq!(heard(b"HTTP/1.1 407 Proxy Authentication Required"), Ok(Step::Read));
    }

    #[test]
    fn nonsense_is_told_at_once() {
        for answer in [
            &b"SSH-2.0-OpenSSH_9.6\r\n"[..],
            b"\x05\xff",
            b"\x15\x03\x03\x00\x02",
            b"HTTP/2 200\r\n",
            b"HTTP/1.1 2xx\r\n",
            b"HTTP/1.1 20\r\n",
            b"HTTP/1.1 099 x\r\n",
            b"HTTP/1.1 2000\r\n",
            b"HTTP/1.1\r\n",
            b"HTTP/1.\n",
            b"HTTP/1.1 200 OK\r\n\r\nhello",
        ] {
            assert_eq!(heard(answer), Err(FAILED), "{:?}", answer.escape_ascii().to_string());
        }
    }

    #[test]
    fn a_flood_is_cut_off() {
        for flood in [&b"X-Again: and again\r\n"[..], b"x"] {
            let mut connect = Connect::default();
            let mut step = connect.on_answer(b"HTTP/1.1 200 ");
            let mut heard = 0;
            while step == Ok(Step::Read) {
                step = connect.on_answer(flood);
                heard += flood.len();
                assert!(heard < HEAD_MAX + 100);
            }
            assert_eq!(step, Err(FAILED));
        }
    }
}
