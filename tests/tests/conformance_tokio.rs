//! The conformance suite on tokio.

#[path = "hosts/tokio.rs"]
mod host;

mod current_thread {
    portcullis_tests::conformance!(super::host::CurrentThread);
    portcullis_tests::conformance_native!(super::host::CurrentThread);
}

mod multi_thread {
    portcullis_tests::conformance!(super::host::MultiThread);
    portcullis_tests::conformance_native!(super::host::MultiThread);
}
