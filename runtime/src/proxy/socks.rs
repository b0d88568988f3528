//! SOCKS5, without I/O. *(source: RFC 1928; user and password: RFC 1929)*

use super::credentials::Credentials;
use super::step::{FAILED, Step, refused};
use portcullis::machine::{ConnectFailure, ProxyStatus};
use std::net::IpAddr;
use std::sync::Arc;

/// A handshake with a SOCKS5 proxy.
pub(super) struct Socks {
    credentials: Option<Arc<Credentials>>,
    /// What to ask for at last, made beforehand.
    request: Vec<u8>,
    stage: Stage,
    /// What was heard of the answer that is awaited.
    answer: Vec<u8>,
}

/// What the next answer is to.
#[derive(Clone, Copy)]
enum Stage {
    Methods,
    Credentials,
    Request,
}

impl Socks {
    pub(super) fn new(host: &str, port: u16, credentials: Option<Arc<Credentials>>) -> Self {
        Self { credentials, request: request(host, port), stage: Stage::Methods, answer: Vec::new() }
    }

    /// What to say first: the ways we can show who we are.
    pub(super) fn greeting(&self) -> Vec<u8> {
        match self.credentials {
            None => vec![VERSION, 1, OPEN],
            Some(_) => vec![VERSION, 2, OPEN, PASSWORD],
        }
    }

    pub(super) fn on_answer(&mut self, bytes: &[u8]) -> Result<Step, ConnectFailure> {
        // Between a question and its answer the proxy has nothing else to say; each answer is short.
        let room = REPLY_MAX.saturating_sub(self.answer.len());
        if bytes.len() > room {
            return Err(FAILED);
        }
        self.answer.extend_from_slice(bytes);
        match self.stage {
            Stage::Methods => self.heard_method(),
            Stage::Credentials => match *self.answer {
                [_] => Ok(Step::Read),
                // Its first byte is 1 by the standard, and 5 from some; it says nothing.
                [_, 0] => Ok(self.say_request()),
                [_, _] => Err(refused(ProxyStatus::SocksCredentials)),
                _ => Err(FAILED),
            },
            Stage::Request => self.heard_reply(),
        }
    }

    fn heard_method(&mut self) -> Result<Step, ConnectFailure> {
        match (&*self.answer, &self.credentials) {
            ([VERSION], _) => Ok(Step::Read),
            ([VERSION, OPEN], _) => Ok(self.say_request()),
            ([VERSION, PASSWORD], Some(credentials)) => {
                let mut shown = vec![1];
                for text in [&credentials.user, &credentials.password] {
                    push_counted(&mut shown, text);
                }
                self.stage = Stage::Credentials;
                self.answer.clear();
                Ok(Step::Send(shown))
            }
            ([VERSION, NONE_FITS | PASSWORD], _) => Err(refused(ProxyStatus::SocksCredentials)),
            _ => Err(FAILED),
        }
    }

    fn say_request(&mut self) -> Step {
        self.stage = Stage::Request;
        self.answer.clear();
        Step::Send(core::mem::take(&mut self.request))
    }

    fn heard_reply(&self) -> Result<Step, ConnectFailure> {
        let len = match *self.answer {
            [VERSION] | [VERSION, GRANTED] | [VERSION, GRANTED, _] => return Ok(Step::Read),
            // Some hang up behind it.
            [VERSION, reply, ..] if reply != GRANTED => return Err(refused(ProxyStatus::Socks(reply))),
            [VERSION, _, _, V4, ..] => 4 + 4 + 2,
            [VERSION, _, _, V6, ..] => 4 + 16 + 2,
            [VERSION, _, _, NAME] => return Ok(Step::Read),
            [VERSION, _, _, NAME, len, ..] => 4 + 1 + usize::from(len) + 2,
            _ => return Err(FAILED),
        };
        match self.answer.len() {
            heard if heard < len => Ok(Step::Read),
            heard if heard == len => Ok(Step::Done),
            _ => Err(FAILED),
        }
    }
}

/// The question for a connection to a host: an address as an address, a name as a name.
fn request(host: &str, port: u16) -> Vec<u8> {
    let mut request = vec![VERSION, CONNECT, 0];
    match host.parse() {
        Ok(IpAddr::V4(address)) => {
            request.push(V4);
            request.extend_from_slice(&address.octets());
        }
        Ok(IpAddr::V6(address)) => {
            request.push(V6);
            request.extend_from_slice(&address.octets());
        }
        Err(_) => {
            request.push(NAME);
            push_counted(&mut request, host.as_bytes());
        }
    }
    request.extend_from_slice(&port.to_be_bytes());
    request
}

/// Appends bytes behind their length. What comes here was checked: a name has at most 253 bytes, a credential 255.
fn push_counted(out: &mut Vec<u8>, bytes: &[u8]) {
    let len = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
    debug_assert_eq!(usize::from(len), bytes.len(), "counted-in-a-byte: names and credentials are short");
    out.push(len);
    out.extend_from_slice(&bytes[..usize::from(len)]);
}

const VERSION: u8 = 5;
const CONNECT: u8 = 1;
const GRANTED: u8 = 0;
/// Methods.
const OPEN: u8 = 0;
const PASSWORD: u8 = 2;
const NONE_FITS: u8 = 0xff;
/// Types of addresses.
const V4: u8 = 1;
const NAME: u8 = 3;
const V6: u8 = 4;
/// The longest answer there is: the reply with a name of 255 bytes.
const REPLY_MAX: usize = 4 + 1 + 255 + 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Arc<Credentials> {
        Arc::new(Credentials { user: b"bot".to_vec(), password: b"open".to_vec() })
    }

    fn asked(credentials: Option<Arc<Credentials>>) -> Socks {
        let mut socks = Socks::new("gateway.invalid", 443, credentials);
        let Ok(Step::Send(_)) = socks.on_answer(&[5, 0]) else { panic!("nothing was asked") };
        socks
    }

    #[test]
    fn without_credentials_only_the_open_way_is_offered() {
        let mut socks = Socks::new("gateway.invalid", 443, None);
        assert_eq!(socks.greeting(), [5, 1, 0]);
        let mut request = vec![5, 1, 0, 3, 15];
        request.extend_from_slice(b"gateway.invalid\x01\xbb");
        assert_eq!(socks.on_answer(&[5, 0]), Ok(Step::Send(request)));
        assert_eq!(socks.on_answer(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]), Ok(Step::Done));
    }

    #[test]
    fn credentials_are_shown_when_they_are_asked_for() {
        for version in [1, 5] {
            let mut socks = Socks::new("127.0.0.1", 80, Some(known()));
            assert_eq!(socks.greeting(), [5, 2, 0, 2]);
            assert_eq!(socks.on_answer(&[5, 2]), Ok(Step::Send(b"\x01\x03bot\x04open".to_vec())));
            assert_eq!(socks.on_answer(&[version, 0]), Ok(Step::Send(vec![5, 1, 0, 1, 127, 0, 0, 1, 0, 80])));
        }
        let mut socks = Socks::new("::1", 80, Some(known()));
        let request = [&[5, 1, 0, 4][..], &[0; 15], &[1, 0, 80]].concat();
        assert_eq!(socks.on_answer(&[5, 0]), Ok(Step::Send(request)));
    }

    #[test]
    fn answers_may_come_byte_by_byte_and_with_any_kind_of_address() {
        for reply in [
            &[&[5, 0, 0, 1][..], &[0; 6]].concat(),
            &[&[5, 0, 0, 4][..], &[9; 18]].concat(),
            &[&[5, 0, 0, 3, 2][..], &[9; 4]].concat(),
            &[&[5, 0, 0, 3, 255][..], &[9; 257]].concat(),
        ] {
            let mut socks = Socks::new("::1", 80, Some(known()));
            assert_eq!(socks.on_answer(&[5]), Ok(Step::Read));
            assert!(matches!(socks.on_answer(&[2]), Ok(Step::Send(_))));
            assert_eq!(socks.on_answer(&[1]), Ok(Step::Read));
            assert!(matches!(socks.on_answer(&[0]), Ok(Step::Send(_))));
            let (last, before) = reply.split_last().unwrap();
            for byte in before {
                assert_eq!(socks.on_answer(&[*byte]), Ok(Step::Read));
            }
            assert_eq!(socks.on_answer(&[*last]), Ok(Step::Done));
        }
    }

    #[test]
    fn a_refusal_is_told_as_what_it_is() {
        for reply in [1, 2, 5, 8, 200] {
            assert_eq!(asked(None).on_answer(&[5, reply]), Err(refused(ProxyStatus::Socks(reply))));
        }
        let unauthorized = Err(refused(ProxyStatus::SocksCredentials));
        assert_eq!(Socks::new("h", 1, None).on_answer(&[5, 0xff]), unauthorized);
        assert_eq!(Socks::new("h", 1, Some(known())).on_answer(&[5, 0xff]), unauthorized);
        assert_eq!(Socks::new("h", 1, None).on_answer(&[5, 2]), unauthorized, "it wants what we have not");
        let mut socks = Socks::new("h", 1, Some(known()));
        socks.on_answer(&[5, 2]).unwrap();
        assert_eq!(socks.on_answer(&[1, 1]), unauthorized);
    }

    #[test]
    fn nonsense_is_told_at_once() {
        for answer in [&b"HTTP/1.1 400 Bad Request\r\n"[..], &[4], &[5, 1], &[5, 0, 0], &[0; 600]] {
            assert_eq!(Socks::new("h", 1, Some(known())).on_answer(answer), Err(FAILED), "{answer:?}");
        }
        for reply in [&[4][..], &[5, 0, 0, 2], &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0, 9], &[0; 600]] {
            assert_eq!(asked(None).on_answer(reply), Err(FAILED), "{reply:?}");
        }
        let mut socks = Socks::new("h", 1, Some(known()));
        socks.on_answer(&[5, 2]).unwrap();
        assert_eq!(socks.on_answer(&[1, 0, 5]), Err(FAILED));
    }
}
