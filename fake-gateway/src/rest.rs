//! The HTTP endpoints that clients ask before they connect: paths in, JSON out. Any API version in front of a path,
//! or none. `POST /_fake/do` is the fake's own.

use crate::config::{AcceptedToken, FakeConfig};
use crate::payloads;
use core::time::Duration;

/// The recommended number of guilds on a shard *(documented)*.
const GUILDS_A_SHARD: u32 = 1000;

/// Where deeds are posted to.
pub(super) const DO: &str = "/_fake/do";

/// What to answer to an HTTP request that asks for no upgrade. Its content type is `application/json`, exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// A JSON object.
    pub body: String,
}

/// Answers a request that asks for no upgrade. `left` is how many Identifies the day has left, and until when.
pub(super) fn answer(
    config: &FakeConfig,
    left: impl Fn() -> (u32, Duration),
    method: &str,
    target: &str,
    authorization: Option<&str>,
) -> HttpAnswer {
    let path = target.split('?').next().unwrap_or_default().trim_end_matches('/');
    let path = path.strip_prefix("/api").map_or(path, without_version);
    if path == "/gateway" {
        return only_get(method, || format!(r#"{{"url":{}}}"#, quoted(&config.url)));
    }
    let body: &dyn Fn() -> String = match path {
        "/gateway/bot" => &|| gateway_bot(config, left()),
        "/users/@me" => &payloads::user,
        "/applications/@me" | "/oauth2/applications/@me" => &|| payloads::application(config),
        DO => return failure(405, "405: Method Not Allowed"),
        _ => return failure(404, "404: Not Found"),
    };
    if !lets_in(&config.token, authorization) {
        return failure(401, "401: Unauthorized");
    }
    only_get(method, body)
}

fn lets_in(token: &AcceptedToken, authorization: Option<&str>) -> bool {
    let Some(said) = authorization else { return false };
    match token {
        AcceptedToken::Nothing => false,
        AcceptedToken::Any | AcceptedToken::Only(_) => token.accepts(said.strip_prefix("Bearer ").unwrap_or(said)),
    }
}

fn gateway_bot(config: &FakeConfig, (remaining, reset_after): (u32, Duration)) -> String {
    format!(
        r#"{{"url":{},"shards":{},"session_start_limit":{{"total":{},"remaining":{remaining},"reset_after":{},"max_concurrency":{}}}}}"#,
        quoted(&config.url),
        config.shards.unwrap_or_else(|| config.guilds.div_ceil(GUILDS_A_SHARD).max(1)),
        config.daily_limit,
        reset_after.as_millis(),
        config.max_concurrency,
    )
}

/// `/v10/gateway` → `/gateway`; what has no version stays.
fn without_version(path: &str) -> &str {
    let Some(rest) = path.strip_prefix("/v") else { return path };
    let tail = rest.trim_start_matches(|digit: char| digit.is_ascii_digit());
    if tail.len() < rest.len() && tail.starts_with('/') { tail } else { path }
}

fn only_get(method: &str, body: impl FnOnce() -> String) -> HttpAnswer {
    if method == "GET" { HttpAnswer { status: 200, body: body() } } else { failure(405, "405: Method Not Allowed") }
}

pub(super) fn failure(status: u16, message: &str) -> HttpAnswer {
    HttpAnswer { status, body: format!(r#"{{"message":{},"code":0}}"#, quoted(message)) }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::FakeGateway;
    use portcullis::Timestamp;

    fn statuses(token: AcceptedToken, asks: &[(&str, &str, Option<&str>)]) -> Vec<u16> {
        let gateway = FakeGateway::new(FakeConfig { token, ..FakeConfig::default() });
        asks.iter().map(|(method, target, said)| gateway.http(Timestamp::ZERO, method, target, *said).status).collect()
    }

    #[test]
    fn paths_are_answered_with_and_without_a_version() {
        let right = Some("Bot x");
        let asks = [
            ("GET", "/gateway", None),
            ("GET", "/api/v10/gateway", None),
            ("GET", "/api/gateway/?x=1", None),
            ("GET", "/api/v9/gateway/bot", right),
            ("GET", "/users/@me", right),
            ("GET", "/api/v10/oauth2/applications/@me", right),
            ("POST", "/api/v10/gateway/bot", right),
            ("GET", "/api/v/gateway", None),
            ("GET", "/api/v10x/gateway", None),
            ("GET", "/channels/1", right),
        ];
        assert_eq!(statuses(AcceptedToken::Any, &asks), [200, 200, 200, 200, 200, 200, 405, 404, 404, 404]);
    }

    #[test]
    fn a_wrong_token_gets_401_where_one_is_needed() {
        let only = AcceptedToken::Only("right".into());
        let bot = "/gateway/bot";
        let asks = [("GET", bot, Some("Bot right")), ("GET", bot, Some("Bot x")), ("GET", bot, None)];
        assert_eq!(statuses(only, &asks), [200, 401, 401]);
        assert_eq!(statuses(AcceptedToken::Any, &asks), [200, 200, 401]);
        assert_eq!(statuses(AcceptedToken::Nothing, &asks), [401, 401, 401]);
    }

    #[test]
    fn bodies_are_the_objects_of_the_protocol_page() {
        let gateway = FakeGateway::new(FakeConfig { guilds: 2500, ..FakeConfig::default() });
        let body = |target| gateway.http(Timestamp::ZERO, "GET", target, Some("Bot x")).body;
        let limit = r#"{"total":1000,"remaining":1000,"reset_after":0,"max_concurrency":1}"#;
        let bot = format!(r#"{{"url":"ws://fake.invalid","shards":3,"session_start_limit":{limit}}}"#);
        assert_eq!(body("/gateway/bot"), bot);
        let told = FakeConfig { shards: Some(16), max_concurrency: 16, daily_limit: 2000, ..FakeConfig::default() };
        let answer = FakeGateway::new(told).http(Timestamp::ZERO, "GET", "/gateway/bot", Some("Bot x"));
        let limit = r#"{"total":2000,"remaining":2000,"reset_after":0,"max_concurrency":16}"#;
        let bot = format!(r#"{{"url":"ws://fake.invalid","shards":16,"session_start_limit":{limit}}}"#);
        assert_eq!((answer.status, answer.body), (200, bot));
        assert_eq!(body("/gateway"), r#"{"url":"ws://fake.invalid"}"#);
        let user: serde_json::Value = serde_json::from_str(&body("/users/@me")).unwrap();
        assert_eq!((&user["id"], &user["bot"]), (&payloads::BOT.into(), &true.into()));
        let application: serde_json::Value = serde_json::from_str(&body("/applications/@me")).unwrap();
        assert_eq!(application["id"], payloads::BOT);
    }
}
