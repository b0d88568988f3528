//! A client that knows none of this project's code, written in another language from the protocol page alone, goes
//! through every fault; and the program as its users run it.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "the helpers are test code as well")]

use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Lines, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

struct Program {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    url: String,
}

fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis-fake"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

impl Program {
    fn start(args: &[&str]) -> Self {
        Self::of(program(args).spawn().unwrap())
    }

    fn of(mut child: Child) -> Self {
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = lines.next().expect("the program said nothing").unwrap();
        Self { child, lines, url }
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(self.url.split_once("://").unwrap().1).unwrap()
    }

    /// Asks over HTTP, and gives the whole answer.
    fn ask(&self, request: &str) -> String {
        self.ask_with(request, "Accept: */*", "")
    }

    fn ask_with(&self, request: &str, header: &str, body: &str) -> String {
        let mut stream = self.connect();
        write!(stream, "{request}\r\nHost: x\r\n{header}\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn line_with(&mut self, part: &str) -> String {
        self.lines.by_ref().map(Result::unwrap).find(|line| line.contains(part)).expect("the program ended")
    }
}

/// A program whose test failed does not stay behind.
impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn said(args: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = program(args).output().unwrap();
    (status.code(), String::from_utf8(if stderr.is_empty() { stdout } else { stderr }).unwrap())
}

fn foreign(file: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign").join(file).to_string_lossy().into_owned()
}

/// A file for a test of its own, in the build's folder.
fn scratch(name: &str, text: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_client_of_another_language_gets_through_every_fault() {
    let saw = gets_through_every_fault(&[], &[]);
    assert!(saw == Value::Null || saw["inflated"] == 0, "{saw}");
}

#[test]
fn and_so_it_does_with_zlib_stream() {
    gets_through_every_fault(&["zlib-stream"], &["scatter"]);
}

#[test]
fn and_so_it_does_with_whole_payloads_compressed() {
    let saw = gets_through_every_fault(&["payload"], &[]);
    // Each Ready, each guild, and each generated message of those connections; none of those that were resumed.
    assert!(saw == Value::Null || saw["inflated"].as_u64() >= Some(20), "{saw}");
}

/// Gives what the client saw; null where there is no python.
fn gets_through_every_fault(options: &[&str], more: &[&'static str]) -> Value {
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: there is no python3");
        return Value::Null;
    }
    // given: the program with a script of every fault, to be judged
    let mut program = Program::start(&["--check", "--json", "--script", &foreign("every_fault.script")]);

    // when: the client lives until the gateway is gone
    let client = Command::new("python3").args([&foreign("client.py"), &program.url]).args(options).output().unwrap();
    assert!(client.status.success(), "{}", String::from_utf8_lossy(&client.stderr));

    // then: every fault struck, no rule was broken, and the client saw what was there to be seen
    let lines: Vec<Value> = program.lines.by_ref().map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    let of = |event: &'static str| lines.iter().filter(move |line| line["event"] == event);
    let verdict = of("verdict").next().unwrap();
    assert_eq!(verdict["good"], true, "{verdict}");
    assert_eq!(program.child.wait().unwrap().code(), Some(0));
    let struck: BTreeSet<_> = of("fault").filter_map(|line| line["fault"].as_str()).collect();
    let mut kinds = vec![
        "coalesce",
        "cut",
        "heartbeat-ack",
        "hello",
        "identify",
        "lag",
        "ready",
        "refuse-upgrade",
        "resume",
        "resume-url",
        "resumed",
        "sequence",
        "split",
        "stall",
    ];
    kinds.extend(more);
    kinds.sort_unstable();
    assert_eq!(struck.into_iter().collect::<Vec<_>>(), kinds);
    let saw: Value = serde_json::from_slice(&client.stdout).unwrap();
    assert!(saw["resumed"].as_u64() >= Some(8) && saw["zombies"].as_u64() >= Some(1), "{saw}");
    assert_eq!(saw["members"], 1200, "{saw}");
    saw
}

#[test]
fn found_24_a_standard_library_client_logs_in_with_each_shape_and_its_close_is_echoed() {
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: there is no python3");
        return;
    }
    let script = scratch("shapes.script", "set limits lifted\non the sixth leave: end");
    let mut program = Program::start(&["--check", "--json", "--script", &script.to_string_lossy()]);
    let client = Command::new("python3").args(["-B", &foreign("shapes.py"), &program.url]).output().unwrap();
    assert!(client.status.success(), "{}", String::from_utf8_lossy(&client.stderr));
    let verdict: Value = serde_json::from_str(&program.line_with(r#""event":"verdict""#)).unwrap();
    assert_eq!((&verdict["good"], &verdict["sessions"]), (&true.into(), &6.into()), "{verdict}");
    let habits: Vec<_> =
        verdict["habits"].as_array().unwrap().iter().map(|habit| (&habit["habit"], &habit["times"])).collect();
    // Each presence comes twice: in Identify and in op 3.
    assert_eq!(
        habits,
        [
            (&"presence-without-activities".into(), &4.into()),
            (&"presence-null-activities".into(), &2.into()),
            (&"presence-without-since".into(), &4.into()),
            (&"compress-as-text".into(), &1.into()),
        ]
    );
    assert_eq!(program.child.wait().unwrap().code(), Some(0));
}

fn post(program: &Program, body: &str) -> String {
    program.ask_with("POST /_fake/do HTTP/1.1", &format!("Content-Length: {}", body.len()), body)
}

#[test]
fn found_27_deeds_are_posted_and_read_from_standard_input() {
    let mut child = program(&["--check", "--stdin"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut program = Program::of(child);
    let mut stream = program.connect();
    let request = "GET /?v=10 HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nHost: x\r\n\r\n";
    write!(stream, "{request}").unwrap();
    program.line_with("> Hello");

    let answer = post(&program, "op 1\nsay \"over http\"");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("{\"done\":2}"), "{answer}");
    program.line_with("~ deed: op 1");
    program.line_with("~ over http");
    let answer = post(&program, "drob");
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("did you mean `drop`?"), "{answer}");
    assert!(program.ask("POST /_fake/do HTTP/1.1").starts_with("HTTP/1.1 411 "));
    let huge = program.ask("POST /_fake/do HTTP/1.1\r\nContent-Length: 99999999999");
    assert!(huge.starts_with("HTTP/1.1 413 "), "{huge}");
    assert!(program.ask("GET /_fake/do HTTP/1.1").starts_with("HTTP/1.1 405 "));

    writeln!(input, "\nconnection 1: op 7\ndrob\nconnection 9: drop\ndrop").unwrap();
    program.line_with("~ deed: connection 1: op 7");
    let told = program.line_with("! failed");
    assert!(told.contains("standard input:3:1: expected one of `dispatch`") && told.contains("found `drob`"), "{told}");
    assert!(program.line_with("! failed").contains("standard input:4: connection 9 is not open"));
    program.line_with("connection 1 dropped");
    drop(input);
    post(&program, "end");
    assert_eq!(program.child.wait().unwrap().code(), Some(1));
    let mut errors = String::new();
    program.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert!(errors.contains("   3 | drob\n     | ^^^^\nhint: did you mean `drop`?"), "{errors}");
}

#[test]
fn found_27_a_script_is_read_from_standard_input() {
    let piped = |script: &str| {
        let mut child = program(&["--script", "-"]).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
    };
    let (code, text) = piped("start: say \"from a pipe\"; end");
    assert_eq!((code, text.contains("~ from a pipe")), (Some(0), true), "{text}");
    let (code, text) = piped("start: drob");
    assert_eq!((code, text.contains("standard input:1:8: expected")), (Some(2), true), "{text}");
}

#[test]
fn found_27_the_help_says_what_http_wants() {
    let (_, text) = said(&["--help"]);
    for part in
        ["GET /gateway/bot", "401 without", "Authorization: Bot TOKEN", "POST /_fake/do", "--stdin", "- reads the"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn http_is_answered_on_the_same_port() {
    let program = Program::start(&["--token", "right", "--guilds", "2500"]);
    for (request, status, part) in [
        ("GET /api/v10/gateway HTTP/1.1", "200", program.url.as_str()),
        ("GET /gateway/bot HTTP/1.1\r\nAuthorization: Bot right", "200", "\"shards\":3"),
        ("GET /api/v9/users/@me HTTP/1.1\r\nAuthorization: Bot right", "200", "\"bot\":true"),
        ("GET /gateway/bot HTTP/1.1\r\nAuthorization: Bot wrong", "401", "401: Unauthorized"),
        ("GET /gateway/bot HTTP/1.1", "401", "401: Unauthorized"),
        ("GET /channels HTTP/1.1", "404", "404: Not Found"),
        ("GET / HTTP/1.1\r\nUpgrade: websocket", "426", "Sec-WebSocket-Version: 13"),
        ("hello", "400", "no http"),
    ] {
        let answer = program.ask(request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains(part), "{request}: {answer}");
        assert!(answer.contains("\r\nContent-Type: application/json\r\n"), "{answer}");
    }
}

#[test]
fn what_happens_is_said_line_by_line_and_the_verdict_decides_the_exit_code() {
    for (json, connected, broke) in [
        (false, "connection 1 connected by /?v=9", "! invalid-query"),
        (true, r#""event":"connected""#, r#""rule":"invalid-query""#),
    ] {
        let style: &[&str] = if json { &["--json"] } else { &[] };
        let script =
            scratch(&format!("leave-{json}.script"), "after connect: drop\non leave: end\n1 s after connect: end");
        let script = script.to_string_lossy();
        let args = [&["--check", "--script", script.as_ref()][..], style].concat();
        let mut program = Program::start(&args);
        let request = "GET /?v=9&encoding=xml HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
        let mut stream = program.connect();
        write!(stream, "{request}\r\nHost: x\r\n\r\n").unwrap();
        program.line_with(connected);
        program.line_with(broke);
        program.line_with("verdict");
        assert_eq!(program.child.wait().unwrap().code(), Some(1));
    }
}

#[test]
fn a_bad_start_is_explained_with_exit_code_2() {
    let (code, text) = said(&["--prot", "1"]);
    assert_eq!((code, text.contains("invalid option '--prot'")), (Some(2), true), "{text}");

    let bad = scratch("bad.script", "\n\nafter the third hartbeat: drop\n");
    let (code, text) = said(&["--script", &bad.to_string_lossy()]);
    assert_eq!(code, Some(2));
    assert!(text.contains("bad.script:3:17: expected one of `connect`"), "{text}");
    assert!(text.contains("hint: did you mean `heartbeat`?"), "{text}");

    let (code, text) = said(&["--script", "/nowhere/at.all"]);
    assert_eq!((code, text.contains("/nowhere/at.all")), (Some(2), true), "{text}");

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, text) = said(&["--port", &port]);
    assert_eq!((code, text.contains("is in use")), (Some(2), true), "{text}");
}

#[test]
fn a_check_without_a_client_fails_and_a_run_without_a_check_does_not() {
    let (code, text) = said(&["--seconds", "0", "--check"]);
    assert_eq!((code, text.ends_with("verdict: no client came\n")), (Some(1), true), "{text}");
    assert_eq!(said(&["--seconds", "0"]).0, Some(0));
    let (code, text) = said(&["--help"]);
    assert_eq!((code, text.contains("exit codes")), (Some(0), true));
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_it_with_a_verdict() {
    let mut program = Program::start(&["--check"]);
    let kill = Command::new("kill").args(["-INT", &program.child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    assert_eq!(program.line_with("verdict"), "verdict: no client came");
    assert_eq!(program.child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_certificate_is_written_where_a_client_can_read_it() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("trust.pem");
    let file = file.to_string_lossy();
    let mut program = Program::start(&["--tls", "--certificate", &file]);
    assert!(program.url.starts_with("wss://127.0.0.1:"));
    assert_eq!(program.line_with("trust"), format!("trust {file}"));
    assert!(std::fs::read_to_string(file.as_ref()).unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
}
