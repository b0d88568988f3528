//! The conformance suite on async-std.

#[path = "hosts/async_std.rs"]
mod host;

portcullis_tests::conformance!(host::OnAsyncStd);
