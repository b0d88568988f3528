//! The conformance suite on async-std.

#[path = "hosts/async_std.rs"]
mod host;

portcullis_tests::conformance!(host::OnAsyncStd);
portcullis_tests::conformance_native!(host::OnAsyncStd);
