//! smol as a host, with the example that users copy. All cases of a process share its thread.

#[path = "../../../runtime/examples/smol.rs"]
#[allow(dead_code, unreachable_pub, reason = "it is an example, with a main of its own")]
mod example;

use core::future::Future;
use example::Smol;
use portcullis_tests::conformance::Host;

/// The executor of the process.
pub struct OnSmol;

impl Host for OnSmol {
    type Runtime = Smol;

    fn run(case: impl Future<Output = ()> + Send + 'static) {
        smol::block_on(smol::spawn(case));
    }

    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        smol::spawn(task).detach();
    }
}
