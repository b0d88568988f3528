//! The conformance suite on smol.

#[path = "hosts/smol.rs"]
mod host;

portcullis_tests::conformance!(host::OnSmol);
portcullis_tests::conformance_native!(host::OnSmol);
