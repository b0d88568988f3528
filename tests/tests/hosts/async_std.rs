//! async-std as a host. All cases of a process share its threads.

use core::future::Future;
use portcullis_async_std::AsyncStd;
use portcullis_tests::conformance::Host;

/// The executor of the process.
pub struct OnAsyncStd;

impl Host for OnAsyncStd {
    type Runtime = AsyncStd;

    fn run(case: impl Future<Output = ()> + Send + 'static) {
        async_std::task::block_on(async_std::task::spawn(case));
    }

    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        async_std::task::spawn(task);
    }
}
