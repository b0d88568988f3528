//! Tokens that expire, fetched when the machine asks for one.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use portcullis::Input;
use portcullis::machine::TokenReason;
use portcullis::token::Token;

/// A source of tokens that expire. A function from a reason to a future is one.
///
/// Only gateways whose tokens expire need it; the token of a Discord bot does not. When the machine asks for a token
/// and the shard has no source, the shard ends with
/// [`EndReason::TokenDenied`](portcullis::machine::EndReason::TokenDenied): set one with
/// [`Driver::with_tokens`](crate::Driver::with_tokens).
///
/// ```
/// use core::time::Duration;
/// use portcullis::machine::TokenReason;
/// use portcullis::token::Token;
/// use portcullis_runtime::{TokenAnswer, Tokens};
///
/// fn takes(_: impl Tokens) {}
/// takes(|_reason: TokenReason| async {
///     match Token::new("from.the.app.api") {
///         Ok(token) => TokenAnswer::Fresh { token, lifetime: Duration::from_secs(7200) },
///         Err(_) => TokenAnswer::Later(Duration::from_secs(30)),
///     }
/// });
/// ```
pub trait Tokens: Send + 'static {
    /// Fetches a token. The machine limits its time; a new call replaces one that is still open.
    fn fetch(&mut self, reason: TokenReason) -> Pin<Box<dyn Future<Output = TokenAnswer> + Send>>;
}

impl<F, A> Tokens for F
where
    F: FnMut(TokenReason) -> A + Send + 'static,
    A: Future<Output = TokenAnswer> + Send + 'static,
{
    fn fetch(&mut self, reason: TokenReason) -> Pin<Box<dyn Future<Output = TokenAnswer> + Send>> {
        Box::pin(self(reason))
    }
}

/// What came of fetching a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenAnswer {
    /// A token.
    Fresh {
        /// The token.
        token: Token,
        /// How long it is good for, from now.
        lifetime: Duration,
    },
    /// None now: ask again after this time.
    Later(Duration),
    /// None ever: the shard ends.
    Never,
}

/// The source, and the call that is open.
#[derive(Default)]
pub(super) struct TokenFetcher {
    source: Option<Box<dyn Tokens>>,
    open: Fetch,
}

#[derive(Default)]
enum Fetch {
    #[default]
    None,
    /// There is no source.
    NoSource,
    Fetching(Pin<Box<dyn Future<Output = TokenAnswer> + Send>>),
}

impl TokenFetcher {
    pub(super) fn set_source(&mut self, source: Box<dyn Tokens>) {
        self.source = Some(source);
    }

    pub(super) fn ask(&mut self, reason: TokenReason) {
        self.open = self.source.as_mut().map_or(Fetch::NoSource, |source| Fetch::Fetching(source.fetch(reason)));
    }

    pub(super) fn poll_answer(&mut self, cx: &mut Context<'_>) -> Option<Input> {
        let answer = match &mut self.open {
            Fetch::None => return None,
            Fetch::NoSource => TokenAnswer::Never,
            Fetch::Fetching(fetch) => match fetch.as_mut().poll(cx) {
                Poll::Pending => return None,
                Poll::Ready(answer) => answer,
            },
        };
        self.open = Fetch::None;
        Some(match answer {
            TokenAnswer::Fresh { token, lifetime } => Input::Token(token, lifetime),
            TokenAnswer::Later(after) => Input::TokenDenied(Some(after)),
            TokenAnswer::Never => Input::TokenDenied(None),
        })
    }
}
