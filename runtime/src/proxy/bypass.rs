//! Which hosts are reached without the proxy: the entries of `NO_PROXY`. No name is resolved for it.

use core::str::FromStr;
use std::net::IpAddr;
use std::sync::Arc;

/// Hosts that the proxy is not for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bypass {
    entries: Arc<[Entry]>,
}

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    hosts: Hosts,
    /// `None`: any.
    port: Option<u16>,
}

#[derive(Debug, PartialEq, Eq)]
enum Hosts {
    All,
    /// A domain and its subdomains, in lower case.
    Domain(String),
    /// Addresses that begin with these bits.
    Network {
        base: IpAddr,
        prefix: u32,
    },
}

impl Bypass {
    /// Reads a list with commas or white space between its entries. What is no entry covers nothing: the list is often
    /// made for other programs, which know other forms.
    pub(super) fn parse(list: &str) -> Self {
        let entries = list.split(|c: char| c == ',' || c.is_whitespace()).filter_map(|entry| entry.parse().ok());
        Self { entries: entries.collect() }
    }

    pub(super) fn covers(&self, host: &str, port: u16) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let address = host.parse::<IpAddr>().ok().map(|address| address.to_canonical());
        self.entries.iter().any(|entry| {
            entry.port.is_none_or(|known| known == port)
                && match (&entry.hosts, address) {
                    (Hosts::All, _) => true,
                    (Hosts::Domain(domain), None) => is_within(&host, domain),
                    (Hosts::Network { base, prefix }, Some(address)) => begins_with(address, *base, *prefix),
                    (Hosts::Domain(_), Some(_)) | (Hosts::Network { .. }, None) => false,
                }
        })
    }
}

/// An entry of no known form.
struct Unknown;

impl FromStr for Entry {
    type Err = Unknown;

    fn from_str(text: &str) -> Result<Self, Unknown> {
        // As they stand: their colons lead to no port.
        if let Ok(address) = text.parse() {
            return Ok(Self { hosts: Hosts::address(address), port: None });
        }
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) if !port.contains([']', '/']) => (name, Some(port.parse().map_err(|_| Unknown)?)),
            _ => (text, None),
        };
        Ok(Self { hosts: name.parse()?, port })
    }
}

impl Hosts {
    const fn address(address: IpAddr) -> Self {
        let base = address.to_canonical();
        Self::Network { base, prefix: width(base) }
    }
}

impl FromStr for Hosts {
    type Err = Unknown;

    fn from_str(name: &str) -> Result<Self, Unknown> {
        if name == "*" {
            return Ok(Self::All);
        }
        if let Some((base, prefix)) = name.split_once('/') {
            let base: IpAddr = base.parse().map_err(|_| Unknown)?;
            let prefix = prefix.parse().ok().filter(|prefix| *prefix <= width(base)).ok_or(Unknown)?;
            return Ok(Self::Network { base, prefix });
        }
        let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        if let Ok(address) = bare.parse() {
            return Ok(Self::address(address));
        }
        let domain = name.strip_prefix("*.").or_else(|| name.strip_prefix('.')).unwrap_or(name);
        let domain = domain.strip_suffix('.').unwrap_or(domain).to_ascii_lowercase();
        let is_name = !domain.is_empty() && !domain.contains(['*', '[', ']', ':']);
        if is_name { Ok(Self::Domain(domain)) } else { Err(Unknown) }
    }
}

/// Whether a host is this domain, or one below it: `xexample.com` is not below `example.com`.
fn is_within(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|above| above.is_empty() || above.ends_with('.'))
}

const fn width(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn begins_with(address: IpAddr, base: IpAddr, prefix: u32) -> bool {
    // A shift by the whole width leaves nothing that could differ.
    match (address, base) {
        (IpAddr::V4(address), IpAddr::V4(base)) => {
            (u32::from(address) ^ u32::from(base)).checked_shr(32 - prefix).is_none_or(|differs| differs == 0)
        }
        (IpAddr::V6(address), IpAddr::V6(base)) => {
            (u128::from(address) ^ u128::from(base)).checked_shr(128 - prefix).is_none_or(|differs| differs == 0)
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn found_14_each_form_of_an_entry_covers_its_hosts_and_no_others() {
        for (entry, covered, others) in [
            (
                "example.com",
                &["example.com", "EXAMPLE.com.", "a.b.example.com"][..],
                &["xexample.com", "example.org", "com"][..],
            ),
            (".Example.com", &["example.com", "a.example.com"], &["xexample.com"]),
            ("*.example.com.", &["example.com", "a.example.com"], &["xexample.com"]),
            ("localhost", &["localhost", "x.localhost"], &["127.0.0.1", "::1"]),
            ("10.1.2.3", &["10.1.2.3", "::ffff:10.1.2.3"], &["10.1.2.30", "110.1.2.3", "x.10.1.2.3.example"]),
            ("10.0.0.0/8", &["10.0.0.0", "10.255.255.255"], &["11.0.0.0", "::1", "ten.example"]),
            ("192.168.4.0/22", &["192.168.7.255"], &["192.168.8.0", "192.168.3.255"]),
            ("0.0.0.0/0", &["1.2.3.4"], &["::1", "example.com"]),
            ("::1", &["::1"], &["::2", "127.0.0.1"]),
            ("[::1]", &["::1"], &["::2"]),
            ("fd00::/8", &["fd00::1", "fdff::1"], &["fe00::1", "10.0.0.1"]),
            ("::/0", &["::1"], &["1.2.3.4"]),
            ("*", &["example.com", "::1", "10.0.0.1"], &[]),
        ] {
            let bypass = Bypass::parse(entry);
            for host in covered {
                assert!(bypass.covers(host, 443), "{entry} covers {host}");
            }
            for host in others {
                assert!(!bypass.covers(host, 443), "{entry} does not cover {host}");
            }
        }
    }

    #[test]
    fn found_14_a_port_narrows_an_entry_to_itself() {
        for (entry, host) in [
            ("example.com:8443", "a.example.com"),
            (".example.com:8443", "example.com"),
            ("10.0.0.1:8443", "10.0.0.1"),
            ("[::1]:8443", "::1"),
            ("*:8443", "example.com"),
        ] {
            let bypass = Bypass::parse(entry);
            assert_eq!((bypass.covers(host, 8443), bypass.covers(host, 443)), (true, false), "{entry}");
        }
    }

    #[test]
    fn found_14_entries_are_separated_by_commas_or_white_space_and_odd_ones_cover_nothing() {
        let bypass = Bypass::parse(" a.example,b.example c.example,,\t10.0.0.1\n");
        for host in ["a.example", "b.example", "c.example", "10.0.0.1"] {
            assert!(bypass.covers(host, 443), "{host}");
        }
        for odd in [
            "",
            ",",
            "10.0.0.0/33",
            "10.0.0/8",
            "fd00::/129",
            "/8",
            "example.com:port",
            "example.com:",
            "[::1",
            "a*b",
            "192.168.*",
            "<local>:x",
            ".",
        ] {
            assert_eq!(Bypass::parse(odd), Bypass::default(), "{odd}");
            assert!(!Bypass::parse(odd).covers("192.168.0.1", 443));
        }
    }
}
