//! What the URL of a connection asks for.

use crate::compress::{Stream, Transport};
use crate::rules::Rule;

/// What a client wants to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) version: u8,
    pub(super) transport: Transport,
}

/// Reads `v`, `encoding` and `compress`, and gives the API version.
///
/// Versions 10 and 9 are spoken. A missing `v` means an old version, so it is refused like any other. ETF is
/// real, but this fake does not speak it yet: 4012, which ends a client, so that it does not come back and back. What nobody speaks is 4002.
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
    match value("encoding") {
        None | Some("json") => {}
        Some("etf") => return Err(Rule::InvalidVersion),
        Some(_) => return Err(Rule::InvalidQuery),
    }
    match value("compress") {
        None => Ok(Asked { version, transport: Transport::Plain }),
        Some("zlib-stream") => Ok(Asked { version, transport: Transport::Zlib(Stream::New) }),
        Some("zstd-stream") => Ok(Asked { version, transport: Transport::Zstd(Stream::New) }),
        Some(_) => Err(Rule::InvalidQuery),
    }
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
            ("/?v=10&encoding=etf", Err(Rule::InvalidVersion)),
            ("/?v=10&encoding=xml", Err(Rule::InvalidQuery)),
            ("/?v=10&compress=gzip", Err(Rule::InvalidQuery)),
        ] {
            assert_eq!(read(query).map(|asked| asked.version), version_or_rule, "{query}");
        }
    }

    #[test]
    fn a_compression_is_asked_for_by_its_name() {
        let transport = |query| read(query).map(|asked| asked.transport);
        assert_eq!(transport("/?v=10"), Ok(Transport::Plain));
        assert_eq!(transport("/?v=10&compress=zlib-stream"), Ok(Transport::Zlib(Stream::New)));
        assert_eq!(transport("/?compress=zstd-stream&v=10"), Ok(Transport::Zstd(Stream::New)));
    }
}
