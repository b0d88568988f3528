//! Every seed of the fuzz targets through its body, on stable.

use portcullis_tests::fuzz;
use std::path::Path;

#[test]
fn every_seed_of_a_frame_holds() {
    run("frame", fuzz::frame);
}

#[test]
fn every_seed_of_a_life_holds() {
    run("machine", fuzz::machine);
}

#[test]
fn every_seed_of_a_packed_stream_holds() {
    run("inflate", fuzz::inflate);
}

#[test]
fn every_seed_of_a_websocket_holds() {
    run("websocket", fuzz::websocket);
}

#[test]
fn every_seed_of_a_websocket_is_heard_alike_by_tungstenite() {
    run("websocket_differential", fuzz::websocket_differential);
}

#[test]
fn every_seed_of_a_websocket_handshake_holds() {
    run("websocket_handshake", fuzz::websocket_handshake);
}

fn run(target: &str, body: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target);
    let mut seeds: Vec<_> =
        std::fs::read_dir(folder).expect("a folder of seeds").map(|entry| entry.expect("an entry").path()).collect();
    seeds.sort();
    assert!(seeds.len() >= 20, "only {} seeds", seeds.len());
    for seed in seeds {
        println!("{}", seed.display());
        body(&std::fs::read(&seed).expect("a seed that can be read"));
    }
}
