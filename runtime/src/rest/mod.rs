//! `GET /gateway/bot`: where to connect, with how many shards, and how many identifies are left.

mod http;

use crate::network::Network;
use crate::runtime::Runtime;
use ::http::header::{AUTHORIZATION, HeaderValue, RETRY_AFTER, USER_AGENT};
use ::http::{Request, Response, StatusCode, Uri};
use core::fmt;
use core::time::Duration;
use portcullis::identify::SessionStartLimit;
use portcullis::machine::Backoff;
use portcullis::token::Token;
use std::io;
use std::sync::Arc;

pub use http::{HttpClient, HttpFuture};

/// What the gateway's HTTP API says to a bot that asks where to connect. *(source: Gateway, Get Gateway Bot)*
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayBot {
    /// The gateway's URL.
    pub url: String,
    /// With how many shards to connect: at least one.
    pub shards: u32,
    /// How many identifies there are, and how many at a time.
    pub session_start_limit: SessionStartLimit,
}

/// Discord's HTTP API, for the one request that a gateway client makes.
///
/// ```
/// use portcullis::token::Token;
/// use portcullis_runtime::http::{Request, Response};
/// use portcullis_runtime::{AskError, Rest};
///
/// # async fn ask() -> Result<(), Box<dyn std::error::Error>> {
/// // An HTTP client of one's own, here one that knows the answer.
/// let rest = Rest::with_client(|_: Request<()>| async {
///     Ok(Response::builder().status(401).body(Vec::new()).unwrap())
/// });
/// let rest = rest.at("http://127.0.0.1:8080/api/v10");
/// let refused = rest.gateway_bot(&Token::new("a.bot.token")?).await;
/// assert!(matches!(refused, Err(AskError::Unauthorized)));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Rest {
    base: String,
    client: Arc<dyn HttpClient>,
    backoff: Backoff,
}

/// *(source: API Reference, API Versioning)*
const BASE: &str = "https://discord.com/api/v10";

impl Rest {
    /// How an API that does not answer is asked again, unless set: ten times more, with waits of 1 s doubling to 60 s,
    /// each shortened by up to a quarter at random. So a bot waits for a network that comes up within three minutes,
    /// and reports one that does not.
    pub const BACKOFF: Backoff = Backoff::TEN_ATTEMPTS;

    /// The API by the built-in client, over the shards' own network with its proxy and user agent. Headers that were
    /// set for the gateway are not sent.
    #[must_use]
    pub fn new<R: Runtime>(runtime: R, network: Network) -> Self {
        Self::with_client(http::OneShot { runtime, network })
    }

    /// The API, by another client.
    #[must_use]
    pub fn with_client(client: impl HttpClient) -> Self {
        Self { base: BASE.to_owned(), client: Arc::new(client), backoff: Self::BACKOFF }
    }

    /// The API at another base: a proxy, or a fake. `base` is what comes before `/gateway/bot`. The token is sent
    /// there.
    #[must_use]
    pub fn at(mut self, base: impl Into<String>) -> Self {
        self.base = base.into();
        self
    }

    /// How it is asked again by [`Builder::build_all`](crate::Builder::build_all) while it is not reached, answers with
    /// a status of 500 or above, or with 429: [`BACKOFF`](Self::BACKOFF) unless set. `attempts: None`, as
    /// [`Backoff::STANDARD`] has it, goes on for ever.
    ///
    /// A wait that the API asks for with a 429 takes the place of the backoff's. One of more than five minutes is an
    /// error, unless the attempts are unlimited.
    ///
    /// ```
    /// # use portcullis_runtime::{AutoError, Builder, Runtime};
    /// use portcullis::machine::Backoff;
    ///
    /// # async fn run<R: Runtime>(builder: Builder<R>) -> Result<(), AutoError> {
    /// // A bot that may start long before the network is up.
    /// let rest = builder.rest()?.with_backoff(Backoff::STANDARD);
    /// let shards = builder.build_all_by(&rest).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    pub(crate) const fn backoff(&self) -> Backoff {
        self.backoff
    }

    /// Asks once.
    ///
    /// # Errors
    /// [`AskError`]; [`AskError::may_pass`] says whether to ask again.
    pub async fn gateway_bot(&self, token: &Token) -> Result<GatewayBot, AskError> {
        let answer = self.client.send(self.request(token)?).await.map_err(AskError::Unreachable)?;
        match answer.status() {
            StatusCode::OK => read(answer.body()),
            StatusCode::UNAUTHORIZED => Err(AskError::Unauthorized),
            StatusCode::TOO_MANY_REQUESTS => Err(AskError::RateLimited { retry_after: retry_after(&answer) }),
            status => Err(AskError::Status(status.as_u16())),
        }
    }

    fn request(&self, token: &Token) -> Result<Request<()>, AskError> {
        let uri: Uri =
            format!("{}/gateway/bot", self.base.trim_end_matches('/')).parse().map_err(|_| AskError::Base)?;
        if uri.host().is_none() || !matches!(uri.scheme_str(), Some("https" | "http")) {
            return Err(AskError::Base);
        }
        // A token is printable ASCII, so this does not fail. Marked as sensitive, `Debug` of the header does not print
        // it.
        let mut authorization =
            HeaderValue::from_str(&format!("Bot {}", token.reveal())).map_err(|_| AskError::Unauthorized)?;
        authorization.set_sensitive(true);
        let request = Request::get(uri).header(AUTHORIZATION, authorization).header(USER_AGENT, Network::USER_AGENT);
        request.body(()).map_err(|_| AskError::Base)
    }
}

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rest").field("base", &self.base).finish_non_exhaustive()
    }
}

#[derive(serde::Deserialize)]
struct Answer {
    url: String,
    shards: u32,
    session_start_limit: SessionStartLimit,
}

fn read(body: &[u8]) -> Result<GatewayBot, AskError> {
    let answer: Answer = serde_json::from_slice(body).map_err(AskError::Unreadable)?;
    let Answer { url, shards, session_start_limit } = answer;
    Ok(GatewayBot { url, shards: shards.max(1), session_start_limit })
}

/// In seconds: the body's, which has fractions, else the header's.
fn retry_after(answer: &Response<Vec<u8>>) -> Option<Duration> {
    #[derive(serde::Deserialize)]
    struct Limited {
        retry_after: f64,
    }
    let in_body = serde_json::from_slice::<Limited>(answer.body()).ok().map(|limited| limited.retry_after);
    let in_header = || answer.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok();
    Duration::try_from_secs_f64(in_body.or_else(in_header)?).ok()
}

/// Why the API did not say how to connect.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The token is wrong, or was reset. Discord counts each further request with it against the host.
    #[error(
        "the API refused the token with 401: copy the bot's token again from the developer portal, page Bot, \
         or reset it there if it leaked"
    )]
    Unauthorized,
    /// It was asked too often.
    #[error("asked too often: ask again in {}", match retry_after {
        Some(after) => format!("{} s", after.as_secs_f32().ceil()),
        None => "a minute".into(),
    })]
    RateLimited {
        /// When to ask again, if the API said so.
        retry_after: Option<Duration>,
    },
    /// The API answered with another status than 200.
    #[error("the API answered /gateway/bot with status {0}: check its base, or ask again later")]
    Status(u16),
    /// No answer came.
    #[error("the API was not reached, check the network, the proxy and the API's base: {0}")]
    Unreachable(#[source] io::Error),
    /// The answer is not valid JSON, or lacks a field.
    #[error("the API's answer to /gateway/bot could not be read, check the API's base: {0}")]
    Unreadable(#[source] serde_json::Error),
    /// The base is not a URL of http or https.
    #[error("the API's base is no URL: it should look like https://discord.com/api/v10")]
    Base,
}

impl AskError {
    /// Whether the same question may have another answer later.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        match self {
            Self::RateLimited { .. } | Self::Unreachable(_) => true,
            Self::Status(status) => *status >= 500,
            Self::Unauthorized | Self::Unreadable(_) | Self::Base => false,
        }
    }
}
