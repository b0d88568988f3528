//! Erlang's external term format (ETF): received terms become JSON, sent JSON becomes terms. *(source: Erlang's External Term
//! Format; Gateway, Using ETF Encoding; which terms the gateway uses is observed)*
//!
//! The conversion is here, so that the rest of the code reads one encoding.
//!
//! | term | JSON |
//! |---|---|
//! | atoms `nil` and `null`, `true`, `false` | null, true, false |
//! | any other atom, a binary | a string |
//! | an integer of up to 32 bits | a number |
//! | a larger one, as ids are | a string of its digits |
//! | a float | a number |
//! | a list, a tuple, a string of bytes, nil | an array |
//! | a map, its keys atoms, binaries or integers | an object |
//!
//! A compressed term is accepted as a whole payload only. Other terms (pids, functions, bit strings) are errors: the gateway
//! never sends them.

mod extent;
mod heads;
mod json;
mod read;
mod write;

pub(super) use extent::EtfExtent;
pub(super) use read::Transcoder;
pub(super) use write::write;

/// The first byte of every payload.
const VERSION: u8 = 131;

const NEW_FLOAT: u8 = 70;
const COMPRESSED: u8 = 80;
const SMALL_INTEGER: u8 = 97;
const INTEGER: u8 = 98;
const FLOAT: u8 = 99;
const ATOM: u8 = 100;
const SMALL_TUPLE: u8 = 104;
const LARGE_TUPLE: u8 = 105;
const NIL: u8 = 106;
const STRING: u8 = 107;
const LIST: u8 = 108;
const BINARY: u8 = 109;
const SMALL_BIG: u8 = 110;
const LARGE_BIG: u8 = 111;
const SMALL_ATOM: u8 = 115;
const MAP: u8 = 116;
const ATOM_UTF8: u8 = 118;
const SMALL_ATOM_UTF8: u8 = 119;

/// Bytes of a float in the old text form (`FLOAT_EXT`).
const FLOAT_LEN: usize = 31;
