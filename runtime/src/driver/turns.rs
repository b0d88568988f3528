//! The turn to identify, where one shard is alone: granted at once, but never twice within the gateway's window.
//!
//! What rations identifies among many shards can take the place of this: it answers the same three calls.

use core::time::Duration;
use portcullis::{LinkId, Timestamp};

/// The gateway's window. *(source: Gateway, Rate limiting of Identify: `max_concurrency` per 5 s)*
const WINDOW: Duration = Duration::from_secs(5);

/// Who asked, and when turns were given.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// When the next may be given.
    free_at: Timestamp,
    step: Step,
}

#[derive(Debug, Default)]
enum Step {
    #[default]
    Free,
    Asked(LinkId),
    /// `before` is what `free_at` was: a turn that is given back was none.
    Granted {
        link: LinkId,
        before: Timestamp,
    },
}

impl Turns {
    pub(super) fn ask(&mut self, link: LinkId) {
        self.step = Step::Asked(link);
    }

    /// The link withdraws its question or gives its turn back.
    pub(super) fn give_back(&mut self, link: LinkId) {
        match self.step {
            Step::Asked(asked) if asked == link => self.step = Step::Free,
            Step::Granted { link: granted, before } if granted == link => {
                self.free_at = before;
                self.step = Step::Free;
            }
            Step::Free | Step::Asked(_) | Step::Granted { .. } => {}
        }
    }

    /// When a turn will be granted, if one is asked for.
    pub(super) fn due(&self) -> Option<Timestamp> {
        matches!(self.step, Step::Asked(_)).then_some(self.free_at)
    }

    /// Grants a turn, if one is asked for and its time has come.
    pub(super) fn grant(&mut self, now: Timestamp) -> Option<LinkId> {
        let Step::Asked(link) = self.step else { return None };
        if now < self.free_at {
            return None;
        }
        self.step = Step::Granted { link, before: self.free_at };
        self.free_at = now + WINDOW;
        Some(link)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::since_start(Duration::from_secs(seconds))
    }

    #[test]
    fn the_first_turn_comes_at_once_and_the_next_five_seconds_later() {
        let mut turns = Turns::default();
        assert_eq!((turns.grant(at(0)), turns.due()), (None, None));
        turns.ask(LinkId(1));
        assert_eq!(turns.grant(at(3)), Some(LinkId(1)));
        assert_eq!(turns.grant(at(3)), None);
        turns.ask(LinkId(2));
        assert_eq!((turns.due(), turns.grant(at(7))), (Some(at(8)), None));
        assert_eq!(turns.grant(at(8)), Some(LinkId(2)));
    }

    #[test]
    fn a_turn_given_back_was_none() {
        let mut turns = Turns::default();
        turns.ask(LinkId(1));
        assert_eq!(turns.grant(at(10)), Some(LinkId(1)));
        turns.give_back(LinkId(1));
        turns.ask(LinkId(2));
        assert_eq!(turns.grant(at(11)), Some(LinkId(2)));
    }

    #[test]
    fn a_question_withdrawn_is_not_answered_and_another_links_is_kept() {
        let mut turns = Turns::default();
        turns.ask(LinkId(1));
        turns.give_back(LinkId(9));
        assert_eq!(turns.due(), Some(at(0)));
        turns.give_back(LinkId(1));
        assert_eq!(turns.grant(at(1)), None);
    }
}
