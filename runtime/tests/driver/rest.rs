//! `GET /gateway/bot`, and the shards that come of it.

use crate::memory::{Memory, Pipe};
use core::future::Future as _;
use core::pin::{Pin, pin};
use core::task::{Context, Poll};
use core::time::Duration;
use portcullis::dialect::discord::Intents;
use portcullis::dialect::{Dialect as _, ShardId};
use portcullis::identify::{QueueConfig, SessionStartLimit};
use portcullis::machine::{Backoff, Session};
use portcullis::token::Token;
use portcullis::{Discord, Seed, Sequence};
use portcullis_runtime::http::{Request, Response};
use portcullis_runtime::{AskError, AutoError, Builder, Driver, GatewayBot, Network, Rest, ShardSet, SharedIdentify};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::sync::{Arc, Mutex};
use std::task::Waker;

const BODY: &str = r#"{"url":"ws://127.0.0.1:9","shards":2,"session_start_limit":{"total":1000,"remaining":999,"reset_after":14400000,"max_concurrency":16}}"#;

fn bot() -> GatewayBot {
    let reset_after = Duration::from_secs(14_400);
    let session_start_limit = SessionStartLimit { max_concurrency: 16, total: 1000, remaining: 999, reset_after };
    GatewayBot { url: "ws://127.0.0.1:9".to_owned(), shards: 2, session_start_limit }
}

fn read_all(pipe: &mut Pipe) -> String {
    let mut text = Vec::new();
    let mut piece = [0; 1024];
    while let Ok(len @ 1..) = pipe.read(&mut piece) {
        text.extend_from_slice(&piece[..len]);
    }
    String::from_utf8(text).unwrap()
}

/// Asks over a pipe, and answers piece by piece; at last the pipe is closed.
fn ask(pieces: &[&[u8]]) -> (String, Result<GatewayBot, AskError>) {
    let memory = Memory::new();
    let rest = Rest::new(memory.clone(), Network::default()).at("http://127.0.0.1:80/api/v10/");
    let token = Token::new("a.bot.token").unwrap();
    let mut asked = pin!(rest.gateway_bot(&token));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(asked.as_mut().poll(&mut cx).is_pending());
    let mut pipe = memory.accept().unwrap();
    let request = read_all(&mut pipe);
    for piece in pieces {
        pipe.write_all(piece).unwrap();
        if let Poll::Ready(answer) = asked.as_mut().poll(&mut cx) {
            return (request, answer);
        }
    }
    drop(pipe);
    match asked.as_mut().poll(&mut cx) {
        Poll::Ready(answer) => (request, answer),
        Poll::Pending => panic!("it waits on"),
    }
}

#[test]
fn the_question_is_a_get_with_the_bots_token() {
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{BODY}", BODY.len());
    let (request, answer) = ask(&[answer.as_bytes()]);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        request,
        format!(
            "GET /api/v10/gateway/bot HTTP/1.1\r\nhost: 127.0.0.1\r\n\
             user-agent: DiscordBot ({}, {version})\r\nauthorization: Bot a.bot.token\r\n\r\n",
            env!("CARGO_PKG_REPOSITORY")
        )
    );
    assert_eq!(answer.unwrap(), bot());
}

#[test]
fn an_answer_is_read_however_it_is_framed_and_cut() {
    let (half, rest) = BODY.split_at(40);
    let chunked = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{half}\r\n{:x}\r\n{rest}\r\n0\r\n\r\n",
        half.len(),
        rest.len()
    );
    let answers = [
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{BODY}", BODY.len()),
        format!("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{BODY}", BODY.len()),
        format!("HTTP/1.0 200 OK\r\n\r\n{BODY}"),
        chunked,
    ];
    for answer in &answers {
        for size in [1, 7, answer.len()] {
            let pieces: Vec<_> = answer.as_bytes().chunks(size).collect();
            assert_eq!(ask(&pieces).1.unwrap(), bot(), "{size} {answer}");
        }
    }
}

#[test]
fn an_answer_that_is_cut_too_long_or_none_is_an_error() {
    let long = format!("HTTP/1.1 200 OK\r\n\r\n{}", " ".repeat(100_000));
    let answers: [(&str, ErrorKind); 4] = [
        ("HTTP/1.1 200 OK\r\ncontent-length: 9000\r\n\r\n{}", ErrorKind::UnexpectedEof),
        ("HTTP/1.1 200 OK\r\n", ErrorKind::UnexpectedEof),
        ("SSH-2.0-OpenSSH_9.6\r\n\r\n", ErrorKind::InvalidData),
        (&long, ErrorKind::InvalidData),
    ];
    for (answer, kind) in answers {
        let (_, answer) = ask(&[answer.as_bytes()]);
        assert!(matches!(&answer, Err(AskError::Unreachable(error)) if error.kind() == kind), "{answer:?}");
    }
    let (_, answer) = ask(&[b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"]);
    assert!(matches!(answer, Err(AskError::Unreadable(_))), "{answer:?}");
}

#[test]
fn an_api_that_says_nothing_is_given_up_after_twenty_seconds() {
    let memory = Memory::new();
    let rest = Rest::new(memory.clone(), Network::default()).at("http://127.0.0.1");
    let token = Token::new("a.bot.token").unwrap();
    let mut asked = pin!(rest.gateway_bot(&token));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(asked.as_mut().poll(&mut cx).is_pending());
    let error = loop {
        assert!(memory.advance());
        if let Poll::Ready(answer) = asked.as_mut().poll(&mut cx) {
            break answer.unwrap_err();
        }
    };
    assert_eq!(memory.time().as_nanos(), 20_000_000_000);
    assert!(matches!(&error, AskError::Unreachable(error) if error.kind() == ErrorKind::TimedOut), "{error}");
}

type Answer = io::Result<Response<Vec<u8>>>;

/// An API that gives these answers in turn, and what is left of them.
fn api(answers: Vec<Answer>) -> (Rest, Arc<Mutex<VecDeque<Answer>>>) {
    let answers = Arc::new(Mutex::new(VecDeque::from(answers)));
    let left = Arc::clone(&answers);
    (Rest::with_client(move |_: Request<()>| core::future::ready(answers.lock().unwrap().pop_front().unwrap())), left)
}

#[expect(clippy::unnecessary_wraps, reason = "as a client answers")]
fn answer(status: u16, body: &str) -> Answer {
    Ok(Response::builder().status(status).body(body.as_bytes().to_vec()).unwrap())
}

type Made = Result<ShardSet<Driver<Discord, Memory>>, AutoError>;

/// Makes all shards, and tells how long it took.
fn build_all(rest: &Rest, set: impl FnOnce(Builder<Memory>) -> Builder<Memory>) -> (Memory, Made, Duration) {
    let memory = Memory::new();
    let (made, took) = build_all_on(&memory, rest, set);
    (memory, made, took)
}

fn build_all_on(
    memory: &Memory,
    rest: &Rest,
    set: impl FnOnce(Builder<Memory>) -> Builder<Memory>,
) -> (Made, Duration) {
    let builder = set(Builder::new(memory.clone(), "a.bot.token", Intents::GUILDS).seed(Seed(7)));
    let mut made = pin!(builder.build_all_by(rest));
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(made) = made.as_mut().poll(&mut cx) {
            return (made, Duration::from_nanos(memory.time().as_nanos()));
        }
        assert!(memory.advance());
    }
}

#[test]
fn as_many_shards_are_made_as_the_api_recommends() {
    let (rest, _) = api(vec![answer(200, BODY)]);
    let session = |id, shard| Session::new(id, ShardId::new(shard, 2).ok(), Sequence(7), None);
    let (memory, made, took) = build_all(&rest, |builder| {
        // One of each shard, and one of another count.
        let stale = Session::new("stale", ShardId::new(0, 1).ok(), Sequence(7), None);
        builder.resume(session("one", 1), None).resume(stale, None)
    });
    let mut set = made.unwrap();
    assert_eq!(took, Duration::ZERO);
    let shards = set.iter().map(|(key, _)| set.shard(key).unwrap()).collect::<Vec<_>>();
    assert_eq!(shards, [ShardId::new(0, 2).unwrap(), ShardId::new(1, 2).unwrap()]);
    let sessions = set.sessions().map(|(_, session)| session.id().unwrap().to_owned());
    assert_eq!(sessions.collect::<Vec<_>>(), ["one"]);
    assert_eq!(set.identify().unwrap().left(), 994, "999, and a reserve of 5");
    drop(memory);
    assert!(pin!(set.next_event()).as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
}

#[test]
fn found_22_a_queue_that_was_set_is_the_fleets_and_is_told_what_the_api_allows() {
    let memory = Memory::new();
    let shared = SharedIdentify::new(&memory, SessionStartLimit::default(), QueueConfig::default());
    let (rest, _) = api(vec![answer(200, &BODY.replace("999", "500"))]);
    let (made, _) = build_all_on(&memory, &rest, |builder| builder.identify(&shared));
    assert_eq!(made.unwrap().identify().unwrap().left(), 495);
    assert_eq!(shared.left(), 495, "it is the one that was set");
}

#[test]
fn a_refused_token_ends_it_with_advice() {
    let (rest, _) = api(vec![answer(401, r#"{"message":"401: Unauthorized","code":0}"#)]);
    let (_, made, took) = build_all(&rest, |builder| builder);
    let error = made.unwrap_err();
    assert!(matches!(error, AutoError::Ask(AskError::Unauthorized)));
    assert!(error.to_string().contains("developer portal"), "{error}");
    assert_eq!(took, Duration::ZERO, "it is not asked twice");
}

#[test]
fn an_api_that_is_overloaded_or_away_is_asked_again_when_it_says_so() {
    let limited = Response::builder().status(429).header("retry-after", "65");
    let answers = vec![
        answer(429, r#"{"message":"You are being rate limited.","retry_after":2.5,"global":false}"#),
        Ok(limited.body(Vec::new()).unwrap()),
        answer(502, "<html>"),
        Err(ErrorKind::ConnectionRefused.into()),
        answer(200, BODY),
    ];
    let (rest, left) = api(answers);
    let (_, made, took) = build_all(&rest.with_backoff(EXACT), |builder| builder);
    assert_eq!(made.unwrap().len(), 2);
    // 2.5 s and 65 s as it said, 2 s and 4 s by our own count.
    assert_eq!(took, Duration::from_millis(2_500 + 65_000 + 2_000 + 4_000));
    assert!(left.lock().unwrap().is_empty());
}

/// Without chance: 1 s doubling to 60 s, four times.
const EXACT: Backoff = Backoff { spread: Duration::ZERO, jitter_percent: 0, attempts: Some(5), ..Backoff::STANDARD };

/// An API that is not reached before this moment, and when it was asked.
fn up_at(memory: &Memory, up: Duration) -> (Rest, Arc<Mutex<Vec<Duration>>>) {
    let (memory, asked) = (memory.clone(), Arc::new(Mutex::new(Vec::new())));
    let noted = Arc::clone(&asked);
    let client = move |_: Request<()>| {
        let now = Duration::from_nanos(memory.time().as_nanos());
        noted.lock().unwrap().push(now);
        core::future::ready(if now < up { Err(ErrorKind::NetworkUnreachable.into()) } else { answer(200, BODY) })
    };
    (Rest::with_client(client), asked)
}

#[test]
fn found_09_a_fleet_that_starts_before_its_network_waits_for_it() {
    // given: a network that comes up three minutes after the bot
    let memory = Memory::new();
    let (rest, asked) = up_at(&memory, Duration::from_secs(180));

    // when: the bot asks with the default patience
    let (made, took) = build_all_on(&memory, &rest, |builder| builder);

    // then: it has its shards within a minute more, by waits that grow
    assert_eq!(made.unwrap().len(), 2);
    assert!((180..=240).contains(&took.as_secs()), "{took:?}");
    let asked = asked.lock().unwrap();
    let waits: Vec<_> = asked.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
    assert!(waits.len() <= 10 && waits[1..7].is_sorted(), "{waits:?}");
}

#[test]
fn found_09_a_fleet_waits_for_ever_where_it_is_told_to() {
    // given: a network that is away for a week
    let memory = Memory::new();
    let (rest, asked) = up_at(&memory, Duration::from_secs(7 * 86_400));

    // when: the attempts have no bound
    let (made, took) = build_all_on(&memory, &rest.with_backoff(Backoff::STANDARD), |builder| builder);

    // then: it is asked at least once a minute, and not much more often
    assert_eq!(made.unwrap().len(), 2);
    assert!(took < Duration::from_secs(7 * 86_400 + 60), "{took:?}");
    let asked = asked.lock().unwrap().len();
    assert!((7 * 1440..=7 * 2 * 1440 + 10).contains(&asked), "{asked}");
}

#[test]
fn found_09_an_api_that_fails_at_once_is_not_flooded() {
    let memory = Memory::new();
    let (rest, asked) = up_at(&memory, Duration::from_secs(10));
    let none = Backoff { base: Duration::ZERO, cap: Duration::ZERO, spread: Duration::ZERO, ..Backoff::STANDARD };
    let (made, _) = build_all_on(&memory, &rest.with_backoff(none), |builder| builder);
    assert_eq!((made.unwrap().len(), asked.lock().unwrap().len()), (2, 41));
}

#[test]
fn found_09_it_is_not_asked_for_ever_unless_told_to_nor_waited_for_for_hours() {
    let (rest, left) = api((0..9).map(|_| answer(500, "")).collect());
    let (_, made, took) = build_all(&rest.with_backoff(EXACT), |builder| builder);
    assert!(matches!(made, Err(AutoError::Ask(AskError::Status(500)))));
    assert_eq!((left.lock().unwrap().len(), took), (3, Duration::from_millis(250 + 1_000 + 2_000 + 4_000 + 8_000)));

    let (rest, left) = api((0..12).map(|_| answer(500, "")).collect());
    let (_, made, took) = build_all(&rest, |builder| builder);
    assert!(matches!(made, Err(AutoError::Ask(AskError::Status(500)))));
    assert_eq!(left.lock().unwrap().len(), 1, "asked once, and ten times more");
    assert!((180..=245).contains(&took.as_secs()), "{took:?}");

    let (rest, _) = api(vec![answer(429, r#"{"retry_after":7200.0}"#)]);
    let (_, made, _) = build_all(&rest, |builder| builder);
    let error = made.unwrap_err().to_string();
    assert!(error.contains("7200 s"), "{error}");

    let asked_to_wait = [r#"{"retry_after":7200.0}"#, r#"{"retry_after":1e18}"#];
    let answers = asked_to_wait.map(|body| answer(429, body)).into_iter().chain([answer(200, BODY)]);
    let (rest, _) = api(answers.collect());
    let (_, made, took) = build_all(&rest.with_backoff(Backoff::STANDARD), |builder| builder);
    assert_eq!((made.unwrap().len(), took), (2, Duration::from_secs(7_200 + 86_400)));
}

#[test]
fn a_base_that_is_no_url_and_a_recommendation_of_none_are_borne() {
    for base in ["not a url", "", "/api/v10", "127.0.0.1:8080/api", "ftp://127.0.0.1/api", "http:///api"] {
        let rest = Rest::new(Memory::new(), Network::default()).at(base);
        let (_, made, took) = build_all(&rest, |builder| builder);
        assert!(matches!(made, Err(AutoError::Ask(AskError::Base))), "{base}: {made:?}");
        assert_eq!(took, Duration::ZERO, "{base} is not asked twice");
    }
    let (rest, _) = api(vec![answer(200, &BODY.replace(r#""shards":2"#, r#""shards":0"#))]);
    assert_eq!(build_all(&rest, |builder| builder).1.unwrap().len(), 1);
}

#[test]
fn a_recommendation_of_four_billion_shards_is_refused_and_none_is_made() {
    for (shards, is_refused) in [(16_384, false), (16_385, true), (u32::MAX, true)] {
        let (rest, _) = api(vec![answer(200, &BODY.replace(r#""shards":2"#, &format!(r#""shards":{shards}"#)))]);
        let (_, made, _) = build_all(&rest, |builder| builder);
        assert_eq!(matches!(made, Err(AutoError::TooMany { .. })), is_refused, "{shards}");
    }
}

#[test]
fn the_gateway_is_the_one_that_was_named_or_else_the_apis() {
    for (named, url) in [(None, "ws://127.0.0.1:9/"), (Some("ws://10.0.0.1"), "ws://10.0.0.1/")] {
        let (rest, _) = api(vec![answer(200, BODY)]);
        let (_, made, _) = build_all(&rest, |builder| match named {
            Some(url) => builder.gateway(url),
            None => builder,
        });
        let set = made.unwrap();
        let (_, shard) = set.iter().next().unwrap();
        assert_eq!(shard.machine().dialect().base_url().as_str(), url);
    }
}

#[test]
fn the_token_is_in_no_error_and_no_debug() {
    let (rest, _) = api(vec![answer(403, "")]);
    let token = Token::new("a.bot.token").unwrap();
    let answer = Pin::new(&mut Box::pin(rest.gateway_bot(&token))).poll(&mut Context::from_waker(Waker::noop()));
    for text in [format!("{rest:?}"), format!("{answer:?}")] {
        assert!(!text.contains("a.bot.token"), "{text}");
    }
}
