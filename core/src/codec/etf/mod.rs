//! The external term format of Erlang: what a gateway sends in it is read into JSON, what we send is written from JSON.
//! *(source: Erlang's External Term Format; what the gateway makes of it is observed)*
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
//! A compressed term is read where a whole payload is one. What else there is (pids, functions, bit strings) is never
//! sent, and an error.

mod extent;
mod heads;
mod json;
mod read;
mod write;

pub(super) use extent::EtfExtent;
pub(super) use read::Transcoder;
pub(super) use write::write;

/// What every payload begins with.
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

/// Bytes of a float that is written as text.
const FLOAT_LEN: usize = 31;
