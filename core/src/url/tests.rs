use super::*;
use alloc::format;

fn url(text: &str) -> GatewayUrl {
    GatewayUrl::parse(text).unwrap()
}

#[test]
fn a_key_of_the_query_can_be_read_and_left_out() {
    for (given, value, without) in [
        ("wss://h", None, "wss://h/"),
        ("wss://h/?", None, "wss://h/"),
        ("wss://h/?v", Some(""), "wss://h/"),
        ("wss://h/a?x=1&v=2&y&%76=%33", Some("3"), "wss://h/a?x=1&y"),
        ("wss://h/?v=a=b&w=1", Some("a=b"), "wss://h/?w=1"),
        ("wss://h/?v=%ff", Some("\u{fffd}"), "wss://h/"),
        ("wss://h/v=1", None, "wss://h/v=1"),
    ] {
        assert_eq!(url(given).query("v").as_deref(), value, "{given}");
        assert_eq!(url(given).without_query(&["v"]).as_str(), without, "{given}");
    }
}

#[test]
fn the_query_is_set_once_whatever_the_url_ends_with() {
    let query = [("v", "10"), ("encoding", "json"), ("compress", "zlib-stream")];
    for (given, expected) in [
        ("wss://h", "wss://h/?v=10&encoding=json&compress=zlib-stream"),
        ("wss://h/", "wss://h/?v=10&encoding=json&compress=zlib-stream"),
        ("wss://h/?", "wss://h/?v=10&encoding=json&compress=zlib-stream"),
        ("wss://h?v=9", "wss://h/?v=10&encoding=json&compress=zlib-stream"),
        ("wss://h/?v=9&x=1", "wss://h/?x=1&v=10&encoding=json&compress=zlib-stream"),
        ("wss://h/?v=9&&v=8&%76=7&x", "wss://h/?x&v=10&encoding=json&compress=zlib-stream"),
        ("wss://h:444/a/b?vv=1", "wss://h:444/a/b?vv=1&v=10&encoding=json&compress=zlib-stream"),
    ] {
        let full = url(given).with_query(&query);
        assert_eq!(full.as_str(), expected);
        assert_eq!(full.with_query(&query), full);
        assert_eq!(url(full.as_str()), full);
    }
}

#[test]
fn a_query_value_is_escaped_and_the_last_of_a_key_counts() {
    let full = url("ws://h").with_query(&[("a", "1"), ("b&", "x y/é%"), ("a", "2")]);
    assert_eq!(full.as_str(), "ws://h/?b%26=x%20y%2F%C3%A9%25&a=2");
    assert_eq!(full.with_query(&[("b&", "")]).as_str(), "ws://h/?a=2&b%26=");
    assert_eq!(url("ws://h/?a=1").with_query(&[]).as_str(), "ws://h/?a=1");
}

#[test]
fn spellings_of_one_address_are_one_url() {
    assert_eq!(url("WSS://Gateway.Discord.GG"), url("wss://gateway.discord.gg:443/"));
    assert_eq!(url("ws://[0:0::0:1]:80?x"), url("ws://[::1]/?x"));
    assert_ne!(url("ws://h/"), url("wss://h/"));
    let address = url("ws://[::1]:8080/path");
    let parts = (address.scheme(), address.host(), address.port(), address.path_and_query());
    assert_eq!(parts, (Scheme::Ws, "::1", 8080, "/path"));
    let address = url("wss://127.0.0.1");
    assert_eq!((address.host(), address.port(), address.path_and_query()), ("127.0.0.1", 443, "/"));
}

#[test]
fn what_is_no_gateway_url_is_refused_with_its_fault() {
    let long = format!("wss://h/{}", "a".repeat(GatewayUrl::LEN_MAX));
    for (text, error) in [
        (long.as_str(), UrlError::TooLong { len: 2056, max: 2048 }),
        ("", UrlError::Scheme),
        ("gateway.discord.gg", UrlError::Scheme),
        ("https://h", UrlError::Scheme),
        ("wss:/h", UrlError::Scheme),
        ("wss://h/#f", UrlError::Fragment),
        ("wss://bot:token@h/", UrlError::Userinfo),
        ("wss://", UrlError::NoHost),
        ("wss:///path", UrlError::NoHost),
        ("wss://:443", UrlError::NoHost),
        ("wss://h..i", UrlError::Host),
        ("wss://h.", UrlError::Host),
        ("wss://1.2.3.400", UrlError::Host),
        ("wss://evil.1.2.3.4", UrlError::Host),
        ("wss://[::1", UrlError::Host),
        ("wss://[fe80::1%25eth0]", UrlError::Host),
        ("wss://[::1]8", UrlError::Port),
        ("wss://h:", UrlError::Port),
        ("wss://h:0", UrlError::Port),
        ("wss://h:+80", UrlError::Port),
        ("wss://h:65536", UrlError::Port),
        ("wss://h:1:2", UrlError::Port),
        ("wss://h /", UrlError::Character { at: 7 }),
        ("wss://h/\r\nX: y", UrlError::Character { at: 8 }),
        ("wss://h\u{e9}", UrlError::Character { at: 7 }),
        ("wss://h\\evil", UrlError::Character { at: 7 }),
    ] {
        assert_eq!(GatewayUrl::parse(text), Err(error), "{text}");
    }
}

#[test]
fn errors_say_what_to_mend() {
    assert_eq!(UrlError::Port.to_string(), "the port of the url must be a number from 1 to 65535");
    assert_eq!(
        UrlError::TooLong { len: 2056, max: 2048 }.to_string(),
        "the url has 2056 bytes, give one of at most 2048"
    );
}

#[test]
fn a_url_prints_neither_path_nor_query() {
    let secret = url("wss://gateway.discord.gg/secret?token=x");
    assert_eq!(format!("{secret} {secret:?}"), "wss://gateway.discord.gg:443/… wss://gateway.discord.gg:443/…");
    assert_eq!(url("ws://[::1]:9/a").to_string(), "ws://[::1]:9/…");
}

#[test]
fn json_holds_the_whole_url_and_is_checked() {
    let whole = url("wss://h/?v=10");
    let json = serde_json::to_string(&whole).unwrap();
    assert_eq!(json, "\"wss://h/?v=10\"");
    assert_eq!(serde_json::from_str::<GatewayUrl>(&json).unwrap(), whole);
    let error = serde_json::from_str::<GatewayUrl>("\"https://h\"").unwrap_err();
    assert!(error.to_string().starts_with("the url must start with wss:// or ws://"), "{error}");
}

#[test]
fn a_resume_url_stays_on_the_site_of_its_base() {
    let (base, domain) = (url("wss://gateway.discord.gg"), Some("discord.gg"));
    for (text, same, within) in [
        ("wss://gateway.discord.gg:8443/x", true, true),
        ("wss://east.gateway.discord.gg", true, true),
        ("wss://gateway-us-east1-b.discord.gg", false, true),
        ("wss://discord.gg", false, true),
        ("wss://evil-discord.gg", false, false),
        ("wss://gateway.discord.gg.evil.example", false, false),
        ("ws://gateway.discord.gg", false, false),
    ] {
        assert_eq!(url(text).same_site(&base, None), same, "{text}");
        assert_eq!(url(text).same_site(&base, domain), within, "{text}");
    }
}

#[test]
fn a_domain_counts_only_for_a_base_within_it() {
    let local = url("ws://127.0.0.1:9000");
    assert!(!url("wss://gateway.discord.gg").same_site(&local, Some("discord.gg")));
    assert!(url("ws://127.0.0.1:9001/resume").same_site(&local, Some("discord.gg")));
    assert!(url("wss://127.0.0.1").same_site(&local, None));
}
