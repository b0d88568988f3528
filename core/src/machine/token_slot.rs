//! The token that the driver gave, where tokens expire.

use super::action::TokenReason;
use crate::time::Timestamp;
use crate::token::Token;
use core::time::Duration;

/// The token, or why there is none.
#[derive(Debug)]
pub(super) enum TokenSlot {
    Missing(TokenReason),
    Good { token: Token, until: Timestamp },
}

impl Default for TokenSlot {
    fn default() -> Self {
        Self::Missing(TokenReason::First)
    }
}

impl TokenSlot {
    /// Takes a token that is good for `lifetime`.
    pub(super) fn put(&mut self, token: Token, lifetime: Duration, now: Timestamp) {
        // A token that is given out dead would be asked for again and again.
        let lifetime = lifetime.max(Duration::from_secs(1));
        *self = Self::Good { token, until: now + lifetime };
    }

    /// The gateway refused the token.
    pub(super) fn refuse(&mut self) {
        *self = Self::Missing(TokenReason::Refused);
    }

    pub(super) const fn get(&self) -> Option<&Token> {
        match self {
            Self::Missing(_) => None,
            Self::Good { token, .. } => Some(token),
        }
    }

    /// Why a token must be asked for, if it must.
    pub(super) fn needed(&self, now: Timestamp) -> Option<TokenReason> {
        match self {
            Self::Missing(reason) => Some(*reason),
            Self::Good { until, .. } => (*until <= now).then_some(TokenReason::Expiring),
        }
    }
}
