//! How a session is resumed: where it is tried next, and how often it may still be.

use super::config::ResumePolicy;
use crate::dialect::Plan;
use crate::session::Session;
use crate::time::Timestamp;
use crate::url::GatewayUrl;

/// What a new connection is for.
#[derive(Clone, Debug)]
pub(super) enum Handshake {
    Identify,
    Resume(Resumption),
}

/// A session in hand and how its resumes went so far.
#[derive(Clone, Debug)]
pub(super) struct Resumption {
    pub(super) session: Session,
    pub(super) tries: Tries,
}

/// How often a session was tried, and where to try it next.
#[derive(Clone, Debug)]
pub(super) struct Tries {
    allowed: u32,
    failed: u32,
    unreachable: u32,
    first_failed: Option<Timestamp>,
    route: Route,
}

/// Where to resume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    ResumeUrl,
    Base,
}

impl Handshake {
    /// Whether the connection goes to the session's own resume URL, and not to the gateway's.
    pub(super) fn is_at_resume_host(&self) -> bool {
        match self {
            Self::Identify => false,
            Self::Resume(resumption) => resumption.url().is_some(),
        }
    }

    pub(super) const fn plan(&self) -> Plan {
        match self {
            Self::Identify => Plan::Identify,
            Self::Resume(_) => Plan::Resume,
        }
    }

    /// The session that it would resume.
    pub(super) const fn session(&self) -> Option<&Session> {
        match self {
            Self::Identify => None,
            Self::Resume(resumption) => Some(&resumption.session),
        }
    }

    /// The same, taken out.
    pub(super) fn into_session(self) -> Option<Session> {
        match self {
            Self::Identify => None,
            Self::Resume(resumption) => Some(resumption.session),
        }
    }
}

impl Resumption {
    /// A session whose connection has just ended.
    pub(super) fn fresh(session: Session) -> Self {
        Self { session, tries: Tries::fresh() }
    }

    /// Where to connect; `None` stands for the base URL.
    pub(super) fn url(&self) -> Option<&GatewayUrl> {
        match self.tries.route {
            Route::ResumeUrl => self.session.resume_url.as_ref(),
            Route::Base => None,
        }
    }
}

impl Tries {
    pub(super) const fn fresh() -> Self {
        Self { allowed: u32::MAX, failed: 0, unreachable: 0, first_failed: None, route: Route::ResumeUrl }
    }

    /// Whether the session is tried at the gateway's own URL, since its resume URL failed.
    pub(super) const fn is_at_base(&self) -> bool {
        matches!(self.route, Route::Base)
    }

    /// No more than `tries` from here on.
    pub(super) fn at_most(&mut self, tries: u32) {
        self.allowed = self.allowed.min(self.failed.saturating_add(tries));
    }

    /// A replayed dispatch shows that the session lives: what failed before does not count.
    pub(super) fn progressed(&mut self) {
        (self.failed, self.unreachable, self.first_failed) = (0, 0, None);
    }

    /// A Resume was sent, and its connection ended without Resumed, for whatever reason.
    pub(super) fn note_unanswered(&mut self, now: Timestamp) {
        self.failed = self.failed.saturating_add(1);
        self.first_failed.get_or_insert(now);
        self.route = Route::Base;
    }

    /// The gateway asked to come back: that says nothing against session or URL, but it counts, so that a gateway which
    /// only ever asks is left in the end.
    pub(super) fn note_moved(&mut self, now: Timestamp) {
        self.failed = self.failed.saturating_add(1);
        self.first_failed.get_or_insert(now);
    }

    /// No Resume could be sent: the resume URL may be the one to blame, the session is not.
    pub(super) fn note_unreachable(&mut self) {
        self.unreachable = self.unreachable.saturating_add(1);
        self.route = Route::Base;
    }

    /// Whether the session may be tried again.
    pub(super) fn may_go_on(&self, now: Timestamp, policy: &ResumePolicy) -> bool {
        let in_time = self.first_failed.is_none_or(|first| now - first < policy.within);
        self.failed < policy.tries.min(self.allowed) && self.unreachable < policy.unreachable && in_time
    }
}
