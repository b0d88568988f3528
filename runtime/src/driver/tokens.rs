//! Tokens that expire, fetched when the machine asks for one.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use portcullis::Input;
use portcullis::machine::TokenReason;
use portcullis::token::Token;

/// Where tokens come from that expire. A reason that gives a future is one.
///
/// Only gateways whose tokens expire are asked for; a Discord bot's does not. A shard without a source that is asked
/// for a token ends with [`EndReason::TokenDenied`](portcullis::machine::EndReason::TokenDenied): set one with
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
    /// Fetches a token. The machine times it; another question takes the place of one that is still open.
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

/// The source, and the question that is open.
#[derive(Default)]
pub(super) struct TokenFetcher {
    source: Option<Box<dyn Tokens>>,
    open: Fetch,
}

#[derive(Default)]
enum Fetch {
    #[default]
    None,
    /// There is nobody to ask.
    Hopeless,
    Fetching(Pin<Box<dyn Future<Output = TokenAnswer> + Send>>),
}

impl TokenFetcher {
    pub(super) fn set_source(&mut self, source: Box<dyn Tokens>) {
        self.source = Some(source);
    }

    pub(super) fn ask(&mut self, reason: TokenReason) {
        self.open = self.source.as_mut().map_or(Fetch::Hopeless, |source| Fetch::Fetching(source.fetch(reason)));
    }

    pub(super) fn poll_answer(&mut self, cx: &mut Context<'_>) -> Option<Input> {
        let answer = match &mut self.open {
            Fetch::None => return None,
            Fetch::Hopeless => TokenAnswer::Never,
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
