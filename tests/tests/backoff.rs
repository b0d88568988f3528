//! How long a shard waits between connections. Invariant 5, calm; scenarios 65 to 68 and 77.

use portcullis::Seed;
use portcullis::machine::ConnectFailure;
use portcullis_tests::rig::{config, discord};
use portcullis_tests::{Rig, seconds};

#[test]
fn shards_told_the_same_retry_after_do_not_come_back_in_one_moment() {
    let waits: Vec<_> = (0..8)
        .map(|seed| {
            let mut rig = Rig::seeded(discord(), config(), Seed(seed));
            rig.start().refuse(ConnectFailure::Http { status: 429, retry_after: Some(seconds(30)) });
            rig.machine.deadline().map(|deadline| deadline - rig.now).unwrap()
        })
        .collect();
    assert!(waits.iter().all(|wait| (seconds(30)..seconds(32)).contains(wait)), "{waits:?}");
    assert!(waits.iter().any(|wait| *wait != waits[0]), "{waits:?}");
}
