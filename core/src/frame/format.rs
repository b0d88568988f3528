//! How a gateway compresses and encodes payloads, in the protocol's words.

use core::fmt;
use core::str::FromStr;

/// How a gateway compresses and encodes payloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Format {
    /// How payloads are compressed.
    pub compression: Compression,
    /// How payloads are encoded, in both directions.
    pub encoding: Encoding,
}

/// How payloads from the gateway are compressed. Payloads to the gateway never are: it closes with 4002 over them. *(source:
/// Gateway, Encoding and Compression; Gateway Close Event Codes)*
///
/// The names for a command line or a config file are `none`, `zlib-stream`, `zstd-stream` and `payload`.
///
/// ```
/// use portcullis::codec::Compression;
///
/// assert_eq!("zlib-stream".parse(), Ok(Compression::ZlibStream));
/// let error = "gzip".parse::<Compression>().unwrap_err();
/// assert_eq!(error.to_string(), "no such compression; there are none, zlib-stream, zstd-stream and payload");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Compression {
    /// Not compressed.
    #[default]
    None,
    /// One zlib stream for the whole connection, with a flush at the end of each payload.
    ZlibStream,
    /// Each binary message is one payload in a zlib stream of its own. Small payloads are uncompressed text messages.
    ZlibPayload,
    /// One zstd stream for the whole connection, with a flush at the end of each payload.
    #[cfg(feature = "zstd")]
    ZstdStream,
}

impl FromStr for Compression {
    type Err = FormatError;

    fn from_str(name: &str) -> Result<Self, FormatError> {
        match name {
            "none" => Ok(Self::None),
            "zlib-stream" => Ok(Self::ZlibStream),
            "payload" => Ok(Self::ZlibPayload),
            "zstd-stream" => zstd_stream(),
            _ => Err(FormatError::NoCompression),
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::ZlibStream => "zlib-stream",
            Self::ZlibPayload => "payload",
            #[cfg(feature = "zstd")]
            Self::ZstdStream => "zstd-stream",
        })
    }
}

#[cfg(feature = "zstd")]
#[expect(clippy::unnecessary_wraps, reason = "without the feature it is an error")]
const fn zstd_stream() -> Result<Compression, FormatError> {
    Ok(Compression::ZstdStream)
}

#[cfg(not(feature = "zstd"))]
const fn zstd_stream() -> Result<Compression, FormatError> {
    Err(FormatError::NeedsZstd)
}

/// How payloads are encoded, in both directions.
///
/// The names are `json` and `etf`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Encoding {
    /// JSON.
    #[default]
    Json,
    /// Erlang's external term format. The codec converts received terms to JSON and written JSON to terms, so the rest of the
    /// code sees JSON only. An integer of more than 32 bits becomes a string, as ids are in JSON.
    Etf,
}

impl FromStr for Encoding {
    type Err = FormatError;

    fn from_str(name: &str) -> Result<Self, FormatError> {
        match name {
            "json" => Ok(Self::Json),
            "etf" => Ok(Self::Etf),
            _ => Err(FormatError::NoEncoding),
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "json",
            Self::Etf => "etf",
        })
    }
}

/// Why a name is not a known compression or encoding.
#[derive(Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// No compression has this name.
    #[error("no such compression; there are none, zlib-stream, zstd-stream and payload")]
    NoCompression,
    /// No encoding has this name.
    #[error("no such encoding; there are json and etf")]
    NoEncoding,
    /// `zstd-stream` is not compiled in: it needs the feature `zstd`, and a C compiler.
    #[error("zstd-stream was not compiled in; build with the feature `zstd`, or take zlib-stream")]
    NeedsZstd,
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    #[test]
    fn names_are_read_as_they_print() {
        for compression in [Compression::None, Compression::ZlibStream, Compression::ZlibPayload] {
            assert_eq!(compression.to_string().parse(), Ok(compression));
        }
        for encoding in [Encoding::Json, Encoding::Etf] {
            assert_eq!(encoding.to_string().parse(), Ok(encoding));
        }
        assert_eq!("ETF".parse::<Encoding>(), Err(FormatError::NoEncoding));
        assert_eq!("zlib".parse::<Compression>(), Err(FormatError::NoCompression));
    }

    #[test]
    fn zstd_is_there_with_its_feature_and_named_without() {
        #[cfg(feature = "zstd")]
        assert_eq!("zstd-stream".parse(), Ok(Compression::ZstdStream));
        #[cfg(not(feature = "zstd"))]
        assert_eq!("zstd-stream".parse::<Compression>(), Err(FormatError::NeedsZstd));
    }
}
