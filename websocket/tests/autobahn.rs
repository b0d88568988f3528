//! The frame-level cases of the Autobahn test suite, sections 1 to 7, by their numbers, written from what they are about.
//!
//! Each case runs on both roles and in four cuts: whole, a frame at a time, by 997 octets, and octet by octet. The suite's
//! cases that differ by their cut alone so give the same, and are listed with the first of them.

#![expect(clippy::unwrap_used, reason = "helpers are test code as well")]

mod wire;

use portcullis_websocket::{Client, Limits, Server};
use wire::{BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, TEXT};
use wire::{Echo, End, Raw, binary, close, encode, first, last, middle, ping, pong, read_back, text};

/// Plays frames to an endpoint that echoes: what it hears, and what it sends.
fn play<R: End, P: End>(frames: &[Raw], hears: &[&str], sends: &[&str]) {
    let frames: Vec<Vec<u8>> = frames.iter().map(Raw::encode::<R>).collect();
    let whole = frames.concat();
    let cuts: [Vec<&[u8]>; 4] = [
        vec![&whole],
        frames.iter().map(Vec::as_slice).collect(),
        whole.chunks(997).collect(),
        whole.chunks(1).collect(),
    ];
    for (cut, pieces) in cuts.into_iter().enumerate() {
        let mut echo = Echo::<R>::new(Limits::default());
        for piece in pieces {
            echo.hear(piece);
        }
        assert_eq!(echo.notes, hears, "cut {cut}");
        assert_eq!(read_back::<R, P>(echo.out), sends, "cut {cut}");
    }
}

macro_rules! cases {
    ($($(#[$meta:meta])* $name:ident: $frames:expr => $hears:expr, $sends:expr;)*) => {
        $(
            $(#[$meta])*
            #[test]
            fn $name() {
                let (hears, sends): (Vec<String>, Vec<String>) = ($hears, $sends);
                let hears: Vec<&str> = hears.iter().map(String::as_str).collect();
                let sends: Vec<&str> = sends.iter().map(String::as_str).collect();
                play::<Client, Server>(&$frames, &hears, &sends);
                play::<Server, Client>(&$frames, &hears, &sends);
            }
        )*
    };
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

/// How the event of a message of `len` stars is printed.
fn stars(kind: &str, len: usize) -> Vec<String> {
    vec![format!("{kind} {}", wire::brief(&b"*".repeat(len)))]
}

fn text_of(len: usize) -> [Raw; 1] {
    [text(b"*".repeat(len))]
}

fn binary_of(len: usize) -> [Raw; 1] {
    [binary(b"*".repeat(len))]
}

/// What an endpoint hears and sends that fails at once.
fn fails(code: u16) -> Vec<String> {
    vec![format!("fails with {code}")]
}

fn closes(code: u16) -> Vec<String> {
    vec![format!("close {code} ")]
}

cases! {
    case_1_1_1: text_of(0) => stars("text", 0), stars("text", 0);
    case_1_1_2: text_of(125) => stars("text", 125), stars("text", 125);
    case_1_1_3: text_of(126) => stars("text", 126), stars("text", 126);
    case_1_1_4: text_of(127) => stars("text", 127), stars("text", 127);
    case_1_1_5: text_of(128) => stars("text", 128), stars("text", 128);
    case_1_1_6: text_of(65_535) => stars("text", 65_535), stars("text", 65_535);
    case_1_1_7_and_8: text_of(65_536) => stars("text", 65_536), stars("text", 65_536);
    case_1_2_1: binary_of(0) => stars("binary", 0), stars("binary", 0);
    case_1_2_2: binary_of(125) => stars("binary", 125), stars("binary", 125);
    case_1_2_3: binary_of(126) => stars("binary", 126), stars("binary", 126);
    case_1_2_4: binary_of(127) => stars("binary", 127), stars("binary", 127);
    case_1_2_5: binary_of(128) => stars("binary", 128), stars("binary", 128);
    case_1_2_6: binary_of(65_535) => stars("binary", 65_535), stars("binary", 65_535);
    case_1_2_7_and_8: binary_of(65_536) => stars("binary", 65_536), stars("binary", 65_536);

    case_2_1: [ping("")] => words(&["ping "]), words(&["pong "]);
    case_2_2: [ping("Hello, world!")] => words(&["ping Hello, world!"]), words(&["pong Hello, world!"]);
    case_2_3: [ping(b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff")] =>
        words(&["ping \\x00\\xff\\xfe\\xfd\\xfc\\xfb\\x00\\xff"]), words(&["pong \\x00\\xff\\xfe\\xfd\\xfc\\xfb\\x00\\xff"]);
    case_2_4_and_6: [ping(b"*".repeat(125))] => stars("ping", 125), stars("pong", 125);
    case_2_5: [ping(b"*".repeat(126))] => fails(1002), closes(1002);
    case_2_7: [pong("")] => words(&["pong "]), words(&[]);
    case_2_8: [pong("unsolicited")] => words(&["pong unsolicited"]), words(&[]);
    case_2_9: [pong("unsolicited"), ping("ping")] => words(&["pong unsolicited", "ping ping"]), words(&["pong ping"]);
    case_2_10_and_11: (0..10).map(|n| ping(format!("{n}"))).collect::<Vec<_>>() =>
        (0..10).map(|n| format!("ping {n}")).collect(), (0..10).map(|n| format!("pong {n}")).collect();

    case_3_1: [Raw(FIN | TEXT | 0x10, b"x".to_vec())] => fails(1002), closes(1002);
    case_3_2: [text("a"), Raw(FIN | TEXT | 0x20, b"x".to_vec()), ping("")] =>
        words(&["text a", "fails with 1002"]), words(&["text a", "close 1002 "]);
    case_3_3: [text("a"), Raw(FIN | TEXT | 0x30, b"x".to_vec()), ping("")] =>
        words(&["text a", "fails with 1002"]), words(&["text a", "close 1002 "]);
    case_3_4: [text("a"), Raw(FIN | TEXT | 0x40, b"x".to_vec()), ping("")] =>
        words(&["text a", "fails with 1002"]), words(&["text a", "close 1002 "]);
    case_3_5: [Raw(FIN | BINARY | 0x50, b"x".to_vec())] => fails(1002), closes(1002);
    case_3_6: [Raw(FIN | PING | 0x60, b"x".to_vec())] => fails(1002), closes(1002);
    case_3_7: [Raw(FIN | CLOSE | 0x70, vec![])] => fails(1002), closes(1002);

    case_4_1_1: [Raw(FIN | 3, vec![])] => fails(1002), closes(1002);
    case_4_1_2: [Raw(FIN | 4, b"reserved".to_vec())] => fails(1002), closes(1002);
    case_4_1_3: [text("a"), Raw(FIN | 5, vec![]), ping("")] =>
        words(&["text a", "fails with 1002"]), words(&["text a", "close 1002 "]);
    case_4_1_4: [text("a"), Raw(FIN | 6, b"reserved".to_vec()), ping("")] =>
        words(&["text a", "fails with 1002"]), words(&["text a", "close 1002 "]);
    case_4_1_5: [text("a"), Raw(FIN | 7, b"reserved".to_vec()), ping("")] =>
        words(&["text a", "fails with 1002"]), words(&["text a", "close 1002 "]);
    case_4_2_1: [Raw(FIN | 0xb, vec![])] => fails(1002), closes(1002);
    case_4_2_2: [Raw(FIN | 0xc, b"reserved".to_vec())] => fails(1002), closes(1002);
    case_4_2_3: [text("a"), Raw(FIN | 0xd, vec![]), ping("")] =>
        words(&["text a", "fails with 1002"]), words(&["text a", "close 1002 "]);
    case_4_2_4: [text("a"), Raw(FIN | 0xe, b"reserved".to_vec()), ping("")] =>
        words(&["text a", "fails with 1002"]), words(&["text a", "close 1002 "]);
    case_4_2_5: [text("a"), Raw(FIN | 0xf, b"reserved".to_vec()), ping("")] =>
        words(&["text a", "fails with 1002"]), words(&["text a", "close 1002 "]);

    case_5_1: [Raw(PING, b"a".to_vec()), last("b")] => fails(1002), closes(1002);
    case_5_2: [Raw(PONG, b"a".to_vec()), last("b")] => fails(1002), closes(1002);
    case_5_3_to_5: [first("fragment1"), last("fragment2")] =>
        words(&["text fragment1fragment2"]), words(&["text fragment1fragment2"]);
    case_5_6_to_8: [first("fragment1"), ping("ping"), last("fragment2")] =>
        words(&["ping ping", "text fragment1fragment2"]), words(&["pong ping", "text fragment1fragment2"]);
    case_5_9_to_11: [last("nothing to continue"), text("x")] => fails(1002), closes(1002);
    case_5_12_to_14: [middle("nothing to continue"), text("x")] => fails(1002), closes(1002);
    case_5_15: [first("fragment1"), last("fragment2"), middle("fragment3"), text("fragment4")] =>
        words(&["text fragment1fragment2", "fails with 1002"]), words(&["text fragment1fragment2", "close 1002 "]);
    case_5_16: [middle("fragment1"), first("fragment2"), last("fragment3")] => fails(1002), closes(1002);
    case_5_17: [last("fragment1"), first("fragment2"), last("fragment3")] => fails(1002), closes(1002);
    case_5_18: [first("fragment1"), text("fragment2")] => fails(1002), closes(1002);
    case_5_19_and_20: [first("1"), middle("2"), ping("pongme 1"), middle("3"), middle("4"), ping("pongme 2"), last("5")] =>
        words(&["ping pongme 1", "ping pongme 2", "text 12345"]), words(&["pong pongme 1", "pong pongme 2", "text 12345"]);

    case_6_1_1: [text("")] => words(&["text "]), words(&["text "]);
    case_6_1_2: [first(""), middle(""), last("")] => words(&["text "]), words(&["text "]);
    case_6_1_3: [first(""), middle("middle frame payload"), last("")] =>
        words(&["text middle frame payload"]), words(&["text middle frame payload"]);
    case_6_2_1: [text(HELLO)] => told_as(HELLO), told_as(HELLO);
    case_6_2_2: [first("Hello-µ@ßöä"), last("üàá-UTF-8!!")] => told_as(HELLO), told_as(HELLO);
    case_6_2_3: by_octets(HELLO.as_bytes()) => told_as(HELLO), told_as(HELLO);
    case_6_2_4: by_octets("κόσμε".as_bytes()) => told_as("κόσμε"), told_as("κόσμε");
    case_6_3_1: [text(SURROGATE)] => fails(1007), closes(1007);
    case_6_3_2: by_octets(SURROGATE) => fails(1007), closes(1007);

    case_7_1_1: [text("a"), close(1000, "")] => words(&["text a", "close 1000 "]), words(&["text a", "close 1000 "]);
    case_7_1_2: [close(1000, ""), close(1000, "")] => closes(1000), closes(1000);
    case_7_1_3: [close(1000, ""), ping("")] => closes(1000), closes(1000);
    case_7_1_4: [close(1000, ""), text("a")] => closes(1000), closes(1000);
    case_7_1_5: [first("fragment1"), close(1000, ""), last("fragment2")] => closes(1000), closes(1000);
    case_7_1_6: [text(b"*".repeat(1 << 18)), close(1000, ""), ping("")] =>
        [stars("text", 1 << 18), closes(1000)].concat(), [stars("text", 1 << 18), closes(1000)].concat();
    case_7_3_1: [Raw(FIN | CLOSE, vec![])] => words(&["close none "]), words(&["close none "]);
    case_7_3_2: [Raw(FIN | CLOSE, b"a".to_vec())] => fails(1002), closes(1002);
    case_7_3_3: [close(1000, "")] => closes(1000), closes(1000);
    case_7_3_4: [close(1000, "Hello World!")] => words(&["close 1000 Hello World!"]), closes(1000);
    case_7_3_5: [close(1000, b"*".repeat(123))] => stars("close 1000", 123), closes(1000);
    case_7_3_6: [close(1000, b"*".repeat(124))] => fails(1002), closes(1002);
    /// The code is told all the same.
    case_7_5_1: [close(1000, SURROGATE)] =>
        vec![format!("close 1000 {}", wire::brief(SURROGATE))], closes(1007);
}

const HELLO: &str = "Hello-µ@ßöäüàá-UTF-8!!";
/// The example of the suite: `κόσμε`, a surrogate, `edited`.
const SURROGATE: &[u8] = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited";

fn told_as(text: &str) -> Vec<String> {
    vec![format!("text {}", wire::brief(text.as_bytes()))]
}

/// A text in fragments of one octet.
fn by_octets(text: &[u8]) -> Vec<Raw> {
    let end = text.len() - 1;
    let first = |at| if at == 0 { TEXT } else { CONTINUATION };
    let fin = |at| if at == end { FIN } else { 0 };
    text.iter().enumerate().map(|(at, octet)| Raw(first(at) | fin(at), vec![*octet])).collect()
}

/// After which piece an endpoint fails, counted from 0.
fn fails_at<R: End>(pieces: &[Vec<u8>]) -> Option<usize> {
    let mut echo = Echo::<R>::new(Limits::default());
    pieces.iter().position(|piece| {
        echo.hear(piece);
        echo.notes == ["fails with 1007"]
    })
}

/// 6.4.1 and 6.4.2: three fragments, the second of which makes the text invalid. 6.4.3 and 6.4.4: one frame in three pieces.
fn case_6_4<R: End>() {
    let start = "κόσμε".as_bytes();
    for (wrong, end) in [(&b"\xf4\x90\x80\x80"[..], &b"\x80\x80edited"[..]), (b"\xf4\x90", b"\x80\x80edited")] {
        let fragments = [first(start), middle(wrong), last(end)].map(|frame| frame.encode::<R>());
        assert_eq!(fails_at::<R>(&fragments), Some(1));
        let frame = text([start, wrong, end].concat()).encode::<R>();
        let head = frame.len() - wrong.len() - end.len();
        let pieces = [&frame[..head], &frame[head..head + wrong.len()], &frame[head + wrong.len()..]];
        assert_eq!(fails_at::<R>(&pieces.map(<[u8]>::to_vec)), Some(1));
        // Octet by octet: at the one that cannot be mended.
        let octets: Vec<Vec<u8>> = frame.chunks(1).map(<[u8]>::to_vec).collect();
        assert_eq!(fails_at::<R>(&octets), Some(head + 1));
    }
}

#[test]
fn case_6_4_1_to_4_fail_fast() {
    case_6_4::<Client>();
    case_6_4::<Server>();
}

/// Plays a text to both roles, in one frame and octet by octet.
fn check_text(text: &[u8], is_valid: bool) {
    let valid = vec![format!("text {}", wire::brief(text))];
    let (hears, sends) = if is_valid { (valid.clone(), valid) } else { (fails(1007), closes(1007)) };
    let hears: Vec<&str> = hears.iter().map(String::as_str).collect();
    let sends: Vec<&str> = sends.iter().map(String::as_str).collect();
    for frames in [vec![wire::text(text)], by_octets(text)] {
        play::<Client, Server>(&frames, &hears, &sends);
        play::<Server, Client>(&frames, &hears, &sends);
    }
}

fn hex(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// Sequences that are UTF-8, a line for each section.
const VALID: &str = "
    68656c6c6f24776f726c64 68656c6c6fc2a2776f726c64 68656c6c6fe282ac776f726c64 68656c6c6ff0a4ada2776f726c64 cebae1bdb9cf83cebcceb5
    ceba cebae1bdb9 cebae1bdb9cf83 cebae1bdb9cf83cebc
    00 c280 e0a080 f0908080
    7f dfbf efbfbf f48fbfbf
    ed9fbf ee8080 efbfbd
    efbfb9 efbfba efbfbb efbfbc efbfbe
";

/// Sequences that are not, a line for each section: 6.6 (cut characters), 6.8, 6.10, 6.11, 6.12 (lone continuations), 6.13
/// (lone starts), 6.14 (cut sequences), 6.15, 6.16 (impossible bytes), 6.17 to 6.19 (overlong), 6.20 and 6.21 (surrogates).
const INVALID: &str = "
    ce cebae1 cebae1bd cebae1bdb9cf cebae1bdb9cf83ce cebae1bdb9cf83cebcce
    f888808080 fc8480808080
    f7bfbfbf fbbfbfbfbf fdbfbfbfbfbf
    f4908080
    80 bf 80bf 80bf80 80bf80bf 80bf80bf80 80bf80bf80bf 808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e
    c020c120c220c320c420 e020e120e220e320 f020f120f220f320 f820f920fa20 fc20fd20
    c0 e080 f08080 f8808080 fc80808080 df efbf f7bfbf fbbfbfbf fdbfbfbfbf
    c0e080f08080f8808080fc80808080dfefbff7bfbffbbfbfbffdbfbfbfbf
    fe ff fefeffff
    c0af e080af f08080af f8808080af fc80808080af
    c1bf e09fbf f08fbfbf f887bfbfbf fc83bfbfbfbf
    c080 e08080 f0808080 f880808080 fc8080808080
    eda080 edadbf edae80 edafbf edb080 edbe80 edbfbf
    eda080edb080 eda080edbfbf edadbfedb080 edadbfedbfbf edae80edb080 edae80edbfbf edafbfedb080 edafbfedbfbf
";

#[test]
fn case_6_5_to_6_23_valid_and_invalid_sequences() {
    for text in VALID.split_whitespace() {
        check_text(&hex(text), true);
    }
    for text in INVALID.split_whitespace() {
        check_text(&hex(text), false);
    }
    // 6.22: the 34 noncharacters are characters to UTF-8.
    for plane in 0..=16_u32 {
        for last in [0xfffe, 0xffff] {
            let text = char::from_u32(plane << 16 | last).unwrap().to_string();
            check_text(text.as_bytes(), true);
        }
    }
}

/// Plays a close frame with a code and nothing else.
fn check_code(code: u16, answer: u16) {
    let (hears, sends) = (format!("close {code} "), format!("close {answer} "));
    play::<Client, Server>(&[close(code, "")], &[&hears], &[&sends]);
    play::<Server, Client>(&[close(code, "")], &[&hears], &[&sends]);
    let (hears, sends) = (format!("close {code} why"), format!("close {answer} "));
    play::<Client, Server>(&[close(code, "why")], &[&hears], &[&sends]);
    play::<Server, Client>(&[close(code, "why")], &[&hears], &[&sends]);
}

#[test]
fn case_7_7_1_to_13_codes_that_are_echoed() {
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999] {
        check_code(code, code);
    }
}

#[test]
fn found_12_case_7_9_and_7_13_codes_that_nobody_may_send_are_told_as_they_came() {
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        check_code(code, 1002);
    }
}

#[test]
fn masks_are_where_they_must_be() {
    let mut client = Echo::<Client>::new(Limits::default());
    client.hear(&encode(FIN | TEXT, b"x", Some([1, 2, 3, 4])));
    assert_eq!(client.notes, ["fails with 1002"]);
    let mut server = Echo::<Server>::new(Limits::default());
    server.hear(&encode(FIN | TEXT, b"x", None));
    assert_eq!(server.notes, ["fails with 1002"]);
}
