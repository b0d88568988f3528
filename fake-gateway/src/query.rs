//! What the URL of a connection asks for.

use crate::rules::Rule;

/// Reads `v`, `encoding` and `compress`, and gives the API version.
///
/// Versions 10 and 9 are spoken. A missing `v` means an old version, so it is refused like any other. ETF and the
/// transport compressions are real, but this fake does not speak them yet: 4012, which ends a client, so that it does
/// not come back and back. What nobody speaks is 4002.
///
/// Clients in the wild append their query to a resume URL that has one already, with a slash or without
/// (`/?v=10/?v=10`): what comes first counts, and a slash behind a value is none of it.
pub(super) fn version(path_and_query: &str) -> Result<u8, Rule> {
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
        None => Ok(version),
        Some("zlib-stream" | "zstd-stream") => Err(Rule::InvalidVersion),
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
            ("/?v=10&compress=zlib-stream", Err(Rule::InvalidVersion)),
            ("/?v=10&compress=gzip", Err(Rule::InvalidQuery)),
        ] {
            assert_eq!(version(query), version_or_rule, "{query}");
        }
    }
}
