//! The proxy that the environment names, by the variables that curl reads.

use super::bypass::Bypass;
use super::error::ProxyError;
use super::url::Proxy;
use std::env;
use std::ffi::OsString;

/// Those that name the proxy: the first one that is set counts. Gateway and HTTP API are reached by TLS, so the
/// variable for `https` comes before the one for everything. The name in lower case comes first, as in curl.
const NAMES: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
/// Those that name the hosts to reach without it.
const EXCEPTIONS: [&str; 2] = ["no_proxy", "NO_PROXY"];

impl Proxy {
    /// The proxy that the environment names; `None` if it names none. Nothing reads these variables unless this is
    /// called.
    ///
    /// The proxy is the first of `https_proxy`, `HTTPS_PROXY`, `all_proxy` and `ALL_PROXY` that is set and not empty: a
    /// URL as [`parse`](Self::parse) takes it, where `http://` may be missing. `http_proxy` is not read: it is for
    /// requests without TLS, and gateway and API have TLS. A proxy that the program sets itself is not changed.
    ///
    /// `no_proxy`, else `NO_PROXY`, lists the hosts to reach without the proxy, separated by commas or white space:
    ///
    /// | entry | hosts |
    /// |---|---|
    /// | `example.com`, `.example.com`, `*.example.com` | the domain and all its subdomains |
    /// | `10.1.2.3`, `::1`, `[::1]` | the address |
    /// | `10.0.0.0/8`, `fd00::/8` | the network |
    /// | each of them but a network with a port: `example.com:8443`, `[::1]:8443` | the same, at this port only |
    /// | `*` | all hosts |
    ///
    /// Upper and lower case are the same. An entry of any other form covers no host. A host name is compared as text
    /// and never resolved, so entries with addresses cover only hosts that are written as addresses. No host is an
    /// exception by itself, not `localhost` either.
    ///
    /// ```no_run
    /// use portcullis_runtime::{Network, Proxy};
    ///
    /// let mut network = Network::default();
    /// if let Some(proxy) = Proxy::from_env()? {
    ///     network = network.with_proxy(proxy);
    /// }
    /// # Ok::<(), portcullis_runtime::ProxyVariableError>(())
    /// ```
    ///
    /// # Errors
    /// [`ProxyVariableError`], when the variable that counts holds no URL of a supported proxy.
    pub fn from_env() -> Result<Option<Self>, ProxyVariableError> {
        Self::from_variables(|name| env::var_os(name))
    }

    fn from_variables(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Option<Self>, ProxyVariableError> {
        let Some((variable, value)) = first_set(&NAMES, &lookup) else { return Ok(None) };
        let parse = |value: OsString| {
            let text = value.into_string().map_err(|_| ProxyError::NotUnicode)?;
            let url = text.trim();
            if url.contains("://") { Self::parse(url) } else { Self::parse(&format!("http://{url}")) }
        };
        let proxy = parse(value).map_err(|error| ProxyVariableError { variable, error })?;
        let exceptions = first_set(&EXCEPTIONS, &lookup).map(|(_, value)| value.to_string_lossy().into_owned());
        Ok(Some(proxy.with_bypass(Bypass::parse(&exceptions.unwrap_or_default()))))
    }
}

/// The first variable that holds more than white space.
fn first_set(names: &[&'static str], lookup: &impl Fn(&str) -> Option<OsString>) -> Option<(&'static str, OsString)> {
    let is_set = |value: &OsString| value.to_str().is_none_or(|text| !text.trim().is_empty());
    names.iter().find_map(|name| Some((*name, lookup(name).filter(is_set)?)))
}

/// An environment variable that names no proxy that can be used. It never holds the variable's value.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("the environment variable {variable}: {error}")]
pub struct ProxyVariableError {
    variable: &'static str,
    #[source]
    error: ProxyError,
}

impl ProxyVariableError {
    /// The name of the variable.
    #[must_use]
    pub const fn variable(&self) -> &'static str {
        self.variable
    }

    /// What is wrong with its value.
    #[must_use]
    pub const fn reason(&self) -> &ProxyError {
        &self.error
    }
}

#[cfg(test)]
mod tests {
    use super::super::error::UnsupportedScheme;
    use super::*;

    fn from(variables: &[(&str, &str)]) -> Result<Option<Proxy>, ProxyVariableError> {
        Proxy::from_variables(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.into())
        })
    }

    fn told(variables: &[(&str, &str)]) -> String {
        from(variables).unwrap().map_or_else(|| "none".into(), |proxy| proxy.to_string())
    }

    #[test]
    fn found_14_the_environment_names_the_proxy_and_the_first_variable_counts() {
        assert_eq!(told(&[]), "none");
        let all = [
            ("https_proxy", "http://a:1"),
            ("HTTPS_PROXY", "http://b:2"),
            ("all_proxy", "socks5://c:3"),
            ("ALL_PROXY", "socks5h://d:4"),
        ];
        for (skipped, proxy) in
            [(0, "http://a:1"), (1, "http://b:2"), (2, "socks5://c:3"), (3, "socks5://d:4"), (4, "none")]
        {
            assert_eq!(told(&all[skipped..]), proxy);
        }
        assert_eq!(told(&[("http_proxy", "http://a:1"), ("HTTP_PROXY", "http://a:1"), ("no_proxy", "b")]), "none");
    }

    #[test]
    fn found_14_an_empty_variable_is_as_none_and_the_scheme_may_be_missing() {
        assert_eq!(
            told(&[("https_proxy", ""), ("HTTPS_PROXY", " \t"), ("all_proxy", " proxy.example:3128 ")]),
            "http://proxy.example:3128"
        );
        assert_eq!(told(&[("HTTPS_PROXY", "bot:hush@[::1]:80/")]), "http://[::1]:80");
        let proxy = from(&[("HTTPS_PROXY", "bot:hush@h:80")]).unwrap().unwrap();
        assert_eq!(proxy.credentials.unwrap().password, b"hush");
    }

    #[test]
    fn found_14_a_variable_that_names_no_proxy_is_told_by_its_name_and_without_its_value() {
        let error = from(&[("HTTPS_PROXY", "https://bot:hush@h"), ("ALL_PROXY", "http://h")]).unwrap_err();
        assert_eq!(
            (error.variable(), error.reason()),
            ("HTTPS_PROXY", &ProxyError::Unsupported(UnsupportedScheme::Https))
        );
        assert_eq!(
            error.to_string(),
            "the environment variable HTTPS_PROXY: proxies of https are not supported, use one of http or socks5"
        );
        for value in ["ftp://hush", "http://hush/path", "bot:hush%@h", "http://bot:hush@"] {
            let error = from(&[("all_proxy", value)]).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hush"), "{value}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn found_14_a_variable_that_is_not_unicode_is_told() {
        use std::os::unix::ffi::OsStringExt as _;
        let value = OsString::from_vec(b"http://bot:\xff@h".to_vec());
        let error = Proxy::from_variables(|name| (name == "ALL_PROXY").then(|| value.clone())).unwrap_err();
        assert_eq!(error, ProxyVariableError { variable: "ALL_PROXY", error: ProxyError::NotUnicode });
    }

    #[test]
    fn found_14_the_exceptions_are_those_of_the_first_variable_that_is_set() {
        let proxy = |variables: &[(&str, &str)]| from(&[&[("all_proxy", "h")], variables].concat()).unwrap().unwrap();
        let one = proxy(&[("no_proxy", "a.example"), ("NO_PROXY", "b.example")]);
        assert_eq!((one.serves("a.example", 443), one.serves("b.example", 443)), (false, true));
        let other = proxy(&[("no_proxy", ""), ("NO_PROXY", "b.example")]);
        assert_eq!((other.serves("a.example", 443), other.serves("b.example", 443)), (true, false));
        assert!(Proxy::parse("http://h").unwrap().serves("localhost", 80), "one that was set is for every host");
    }
}
