//! A million steps of a driver that keeps the rules but fails in every way; `PORTCULLIS_WALK` sets another number.

use portcullis_tests::walk::walk;

#[test]
fn a_random_walk_breaks_nothing() {
    let steps = std::env::var("PORTCULLIS_WALK").map_or(1_000_000, |steps| steps.parse().expect("a number of steps"));
    let walked = walk(7, steps)
        .unwrap_or_else(|broken| panic!("step {}: {:?}\n{}", broken.step, broken.violation, broken.trail.join("\n")));
    println!("{walked:?}");
    assert!(walked.online * 10 > walked.steps * 4, "too few steps were online: {walked:?}");
    assert!(walked.resumed > 0 && walked.outcomes > 0 && walked.ended > 10, "the walk came by too little: {walked:?}");
}
