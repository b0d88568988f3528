//! The ready-made scripts: each is read, and played against a client that does everything right.

use crate::right_client::RightClient;
use portcullis_fake::{EventKind, FakeConfig, FakeGateway, Script, Timestamp};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Where a right client is not online in the end: what is final, and what never lets it in.
const NEVER_HOME: [&str; 9] = [
    "33-fatal-4004",
    "33-fatal-4010",
    "33-fatal-4011",
    "33-fatal-4012",
    "33-fatal-4013",
    "33-fatal-4014",
    "67-dropped-after-hello",
    "76-never-let-in",
    "77-closed-after-hello",
];

fn scripts() -> Vec<(String, PathBuf)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut scripts: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "script"))
        .map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), path))
        .collect();
    scripts.sort();
    scripts
}

/// The lines with conditions that this client must meet: all but those about commands, which it never sends.
fn rule_lines(text: &str) -> BTreeSet<u32> {
    let is_rule = |line: &str| !line.is_empty() && !line.starts_with([' ', '#']) && !line.starts_with("set ");
    let of_commands = |line: &str| line.contains(" op 8:");
    (1..).zip(text.lines()).filter(|(_, line)| is_rule(line) && !of_commands(line)).map(|(number, _)| number).collect()
}

#[test]
fn a_right_client_passes_each_of_them() {
    for (name, path) in scripts() {
        let text = fs::read_to_string(path).unwrap();
        let script = Script::parse(&text).unwrap_or_else(|error| panic!("{name}:{error}"));
        let mut config = FakeConfig::default();
        script.configure(&mut config);
        let mut gateway = FakeGateway::new(config);
        gateway.watch();
        gateway.play(Timestamp::ZERO, script);
        let mut client = RightClient::new(gateway);
        client.live();

        let story = || client.events.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert_eq!(client.gateway.breaches().next(), None, "{name}\n{}", story());
        assert_eq!(client.gateway.failures(), [], "{name}\n{}", story());
        assert!(client.gateway.is_ended(), "{name} does not end");
        let home = !NEVER_HOME.contains(&name.as_str());
        assert_eq!(client.is_online(), home, "{name}\n{}", story());
        assert_eq!(client.is_ended(), name.starts_with("33"), "{name}");
        let played: BTreeSet<_> = client
            .events
            .iter()
            .filter_map(|event| if let EventKind::Played { line } = event.kind { Some(line) } else { None })
            .collect();
        let unplayed: Vec<_> = rule_lines(&text).difference(&played).copied().collect();
        assert!(unplayed.is_empty(), "{name}: lines {unplayed:?} were not played\n{}", story());
    }
}

#[test]
fn the_index_has_each_of_them_once_and_their_heads_say_the_scenario() {
    let index = include_str!("../../scripts/README.md");
    let scripts = scripts();
    assert!(scripts.len() > 50);
    for (name, path) in &scripts {
        assert_eq!(index.matches(&format!("[{name}]({name}.script)")).count(), 1, "{name}");
        let text = fs::read_to_string(path).unwrap();
        assert!(text.starts_with("# Scenario"), "{name}");
    }
    assert_eq!(index.matches(".script)").count(), scripts.len());
}
