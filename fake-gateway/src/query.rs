//! What the URL of a connection asks for.

use crate::pack::{Compression, Encoding};
use crate::rules::Rule;

/// What a client wants to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) version: u8,
    pub(super) encoding: Encoding,
    pub(super) compression: Compression,
}

/// Reads `v`, `encoding` and `compress`, and gives the API version.
///
/// Versions 10 and 9 are spoken. A missing `v` means an old version, so it is refused like any other: 4012, which ends a
/// client. An unknown encoding or compression is 4002. Without `encoding` it is JSON.
///
/// Clients in the wild append their query to a resume URL that has one already, with a slash or without
/// (`/?v=10/?v=10`): what comes first counts, and a slash behind a value is none of it.
pub(super) fn read(path_and_query: &str) -> Result<Asked, Rule> {
    let query = path_and_query.split_once('?').map_or("", |(_, query)| query);
    let pairs = || query.split(['&', '?']).filter_map(|pair| pair.split_once('='));
    let value = |key: &str| pairs().find(|(name, _)| *name == key).map(|(_, value)| value.trim_end_matches('/'));
    let version = match value("v") {
        Some("10") => 10,
        Some("9") => 9,
        Some(_) | None => return Err(Rule::InvalidVersion),
    };
    let encoding = match value("encoding") {
        None | Some("json") => Encoding::Json,
        Some("etf") => Encoding::Etf,
        Some(_) => return Err(Rule::InvalidQuery),
    };
    let compression = match value("compress") {
        None => Compression::None,
        Some("zlib-stream") => Compression::ZlibStream,
        Some("zstd-stream") => Compression::ZstdStream,
        Some(_) => return Err(Rule::InvalidQuery),
    };
    Ok(Asked { version, encoding, compression })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_in_any_order() {
        for (query, version_or_rule) in [
            ("/?v=10&encoding=json", Ok(10)),
            ("/?encoding=json&v=9", Ok(9)),
            ("?v=10", Ok(10)),
            ("/?v=10&encoding=json?v=10&encoding=json", Ok(10)),
            ("/?v=10&encoding=json/?v=10&encoding=json", Ok(10)),
            ("/?encoding=json/?v=9", Ok(9)),
            ("/?v=8", Err(Rule::InvalidVersion)),
            ("/", Err(Rule::InvalidVersion)),
            ("/?v=10&encoding=etf", Ok(10)),
            ("/?v=ten&encoding=json", Err(Rule::InvalidVersion)),
            ("/?v=10&encoding=ETF", Err(Rule::InvalidQuery)),
            ("/?v=10&compress=", Err(Rule::InvalidQuery)),
            ("/?v=8&compress=gzip", Err(Rule::InvalidVersion)),
            ("/?v=10&encoding=xml", Err(Rule::InvalidQuery)),
            ("/?v=10&compress=gzip", Err(Rule::InvalidQuery)),
        ] {
            assert_eq!(read(query).map(|asked| asked.version), version_or_rule, "{query}");
        }
    }

    #[test]
    fn encoding_and_compression_are_asked_for_by_name() {
        let asked = |query| read(query).map(|asked| (asked.encoding, asked.compression));
        assert_eq!(asked("/?v=10"), Ok((Encoding::Json, Compression::None)));
        assert_eq!(asked("/?v=10&compress=zlib-stream"), Ok((Encoding::Json, Compression::ZlibStream)));
        assert_eq!(asked("/?compress=zstd-stream&encoding=etf&v=10"), Ok((Encoding::Etf, Compression::ZstdStream)));
    }
}
