//! Users debug and measure under valgrind: a program with an adapter must live there.

use portcullis_runtime::Runtime as _;
use portcullis_tokio::Tokio;
use std::env;
use std::process::{Command, Stdio};

/// Set for the process that runs under valgrind.
const PROBE: &str = "PORTCULLIS_VALGRIND_PROBE";

#[tokio::test]
async fn found_39_the_clocks_of_an_adapter_can_be_read_under_valgrind() {
    if env::var_os(PROBE).is_some() {
        // The clock that goes on while the host sleeps was read from a page that valgrind has unmapped: SIGSEGV.
        let tokio = Tokio::new();
        assert!(tokio.slept() < core::time::Duration::from_secs(3600));
        return;
    }
    let version = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status();
    if version.is_err() {
        println!("skipped: valgrind is not installed");
        return;
    }
    let name = "found_39_the_clocks_of_an_adapter_can_be_read_under_valgrind";
    let program = env::current_exe().expect("a test program has a path");
    let run = Command::new("valgrind")
        .args(["--quiet", "--error-exitcode=9"])
        .arg(program)
        .args(["--exact", name])
        .env(PROBE, "1")
        .output()
        .expect("valgrind starts");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
}
