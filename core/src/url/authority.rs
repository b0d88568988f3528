//! The host and the port of a URL.

use super::UrlError;
use core::net::{Ipv4Addr, Ipv6Addr};

pub(super) enum Host<'a> {
    /// A DNS name or an IPv4 address, in any case.
    Name(&'a str),
    V6(Ipv6Addr),
}

pub(super) fn split_authority(authority: &str) -> Result<(Host<'_>, Option<&str>), UrlError> {
    if let Some(bracketed) = authority.strip_prefix('[') {
        let (address, rest) = bracketed.split_once(']').ok_or(UrlError::Host)?;
        let address = address.parse().map_err(|_| UrlError::Host)?;
        return match rest.strip_prefix(':') {
            None if rest.is_empty() => Ok((Host::V6(address), None)),
            None => Err(UrlError::Port),
            port => Ok((Host::V6(address), port)),
        };
    }
    let (name, port) = match authority.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (authority, None),
    };
    if name.is_empty() {
        return Err(UrlError::NoHost);
    }
    if is_host_name(name) { Ok((Host::Name(name), port)) } else { Err(UrlError::Host) }
}

/// A DNS name without a final dot, or an IPv4 address. A name whose last label is a number must be an IPv4 address: resolvers
/// read it as one, and `same_site` relies on it.
fn is_host_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let ends_in_a_number = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    name.len() <= 253 && name.split('.').all(is_label) && (!ends_in_a_number || name.parse::<Ipv4Addr>().is_ok())
}

pub(super) fn parse_port(digits: &str) -> Result<u16, UrlError> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(UrlError::Port);
    }
    digits.parse().ok().filter(|&port| port != 0).ok_or(UrlError::Port)
}
