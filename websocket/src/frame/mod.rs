//! Single frames: their headers and their masks. *(source: RFC 6455 §5.2)*
//!
//! This is the layer below [`Decoder`](crate::Decoder) and [`Connection`](crate::Connection), for those who forward
//! frames, send messages of unknown length in fragments, or test another implementation. It knows the rules for one
//! frame and nothing about the frames around it.

mod header;
mod mask;

pub use header::{FrameHeader, Opcode, Parsed};
pub use mask::{apply_mask, rotate_mask};

use alloc::vec::Vec;

/// Appends a frame: its header, then the payload, masked if the header has a mask.
///
/// The header's length is set to the payload's.
pub fn encode_frame(header: FrameHeader, payload: &[u8], out: &mut Vec<u8>) {
    let header = header.with_len(payload.len());
    out.reserve(FrameHeader::LEN_MAX + payload.len());
    header.encode(out);
    let start = out.len();
    out.extend_from_slice(payload);
    if let Some(mask) = header.mask() {
        apply_mask(mask, &mut out[start..]);
    }
}
