//! tokio as a host, on one thread and on two.

use core::future::Future;
use portcullis_tests::conformance::Host;
use portcullis_tokio::Tokio;
use tokio::runtime::{Builder, Runtime};

/// All tasks on one thread.
pub struct CurrentThread;

/// Tasks that move between two threads.
#[allow(dead_code, reason = "not every test that is on tokio is on both")]
pub struct MultiThread;

impl Host for CurrentThread {
    type Runtime = Tokio;

    fn run(case: impl Future<Output = ()> + Send + 'static) {
        run(Builder::new_current_thread().enable_all().build().unwrap(), case);
    }

    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(task);
    }
}

impl Host for MultiThread {
    type Runtime = Tokio;

    fn run(case: impl Future<Output = ()> + Send + 'static) {
        run(Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap(), case);
    }

    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(task);
    }
}

fn run(runtime: Runtime, case: impl Future<Output = ()> + Send + 'static) {
    // In a task, as applications run, and not on the thread beside the workers.
    let result = runtime.block_on(async { tokio::spawn(case).await });
    if let Err(error) = result {
        std::panic::resume_unwind(error.into_panic());
    }
}
