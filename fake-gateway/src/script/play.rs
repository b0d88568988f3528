//! A script while it runs: which rules are due, by cues and by the clock. What they do is the machine's matter.
//!
//! # Invariants
//! * `counts-end`: what is counted on a connection is forgotten with it.
//! * `later-than-now`: a rule that comes again comes at a later moment than the one before.

use super::{Cue, Deed, Rule, Script, Timing, Wait, Wanted, When, Whom};
use crate::connection::Answered;
use crate::generate::Generator;
use crate::input::ConnectionId;
use core::time::Duration;
use portcullis::Timestamp;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// How many rules may wait for their moment; more are left out.
const WAITING_MAX: usize = 65_536;
/// How often a rule that comes again is made up for, after a time in which the machine was not called.
const MISSED_MAX: u32 = 10_000;

/// How many failures are kept: the first ones say most.
const FAILURES_MAX: usize = 1000;

/// A rule that is due, and for which connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    rule: usize,
    pub(crate) connection: Option<ConnectionId>,
    /// How often it is due at once.
    pub(crate) times: u32,
}

/// A rule that is played.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    /// Its line, if it is worth telling.
    pub(crate) line: Option<u32>,
    /// Whether what it dispatches is counted.
    pub(crate) events: Events,
    script: Arc<Script>,
    rule: usize,
}

impl Scene {
    pub(crate) fn deeds(&self) -> &[(Whom, Deed)] {
        self.script.rules.get(self.rule).map_or(&[], |rule| &rule.deeds)
    }
}

/// Whether dispatches count as events: those of a rule about events do not, so that it cannot answer itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Events {
    Counted,
    Muted,
}

/// A script that runs.
#[derive(Clone, Debug)]
pub(crate) struct Play {
    script: Arc<Script>,
    /// Makes up payloads, and draws spans.
    pub(crate) generator: Generator,
    counts: BTreeMap<Cue, u64>,
    counts_by_connection: BTreeMap<(ConnectionId, Cue), u64>,
    /// By moment, and in the order they were set.
    waiting: BTreeMap<(Timestamp, u64), Due>,
    numbered: u64,
    /// Due behind the answer to what happens now.
    after: VecDeque<Due>,
    /// Whether any rule counts events: a busy server is not to count for nothing.
    counts_events: bool,
    /// Whether the dispatches of the rule that is performed now are counted.
    events: Events,
    /// Rules that come again and were told of.
    told: BTreeSet<usize>,
    ended: bool,
    expected: BTreeMap<(Timestamp, u64), Expected>,
    failures: Vec<Failure>,
}

/// What is to have come by some moment, or not.
#[derive(Clone, Copy, Debug)]
struct Expected {
    wanted: Wanted,
    cue: Cue,
    within: Duration,
    /// How often it had come when this was said.
    before: u64,
}

/// What became of an expectation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    Met,
    Failed(String),
}

/// What a client should have done and did not, or the other way round, by its script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// When it was found out.
    pub at: Timestamp,
    /// What, for people.
    pub text: String,
}

impl Play {
    pub(crate) fn new(now: Timestamp, script: Script, seed: u64) -> Self {
        let counts_events = script.rules.iter().any(super::Rule::answers_events);
        let mut play = Self {
            script: Arc::new(script),
            generator: Generator::new(seed),
            counts: BTreeMap::new(),
            counts_by_connection: BTreeMap::new(),
            waiting: BTreeMap::new(),
            numbered: 0,
            after: VecDeque::new(),
            counts_events,
            events: Events::Counted,
            told: BTreeSet::new(),
            ended: false,
            expected: BTreeMap::new(),
            failures: Vec::new(),
        };
        let script = Arc::clone(&play.script);
        for (rule, Rule { when, .. }) in script.rules.iter().enumerate() {
            let due = Due { rule, connection: None, times: 1 };
            match when {
                When::Start => play.after.push_back(due),
                When::At(wait) | When::Every(wait) => play.set(now, *wait, due),
                When::Cue { .. } => {}
            }
        }
        play
    }

    /// A client does something. Gives what is due before it is answered; the rest is due after or later.
    pub(crate) fn cue(&mut self, now: Timestamp, cue: Cue, connection: ConnectionId) -> Vec<Due> {
        if cue == Cue::Event && (!self.counts_events || self.events == Events::Muted) {
            return Vec::new();
        }
        let number = if cue.is_counted_by_connection() {
            self.counts_by_connection.entry((connection, cue)).or_default()
        } else {
            self.counts.entry(cue).or_default()
        };
        *number += 1;
        let number = *number;
        let script = Arc::clone(&self.script);
        let mut before = Vec::new();
        for (rule, Rule { when, .. }) in script.rules.iter().enumerate() {
            let When::Cue { timing, .. } = when else { continue };
            if !script.rules[rule].is_due(cue, number, connection) {
                continue;
            }
            let due = Due { rule, connection: Some(connection), times: 1 };
            match timing {
                Timing::Before => before.push(due),
                Timing::After => self.after.push_back(due),
                Timing::Later(wait) => self.set(now, *wait, due),
            }
        }
        before
    }

    /// Who answers a request of members with which this cue comes next. A rule may answer before, after, or later.
    pub(crate) fn answered(&self, cue: Cue, connection: ConnectionId) -> Answered {
        let count = if cue.is_counted_by_connection() {
            self.counts_by_connection.get(&(connection, cue))
        } else {
            self.counts.get(&cue)
        };
        let number = count.copied().unwrap_or_default() + 1;
        let due = self.script.rules.iter().filter(|rule| rule.is_due(cue, number, connection));
        due.map(Rule::answered).max().unwrap_or(Answered::ByGateway)
    }

    /// Takes what is due behind an answer, or by the clock.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Option<Due> {
        if let Some(due) = self.after.pop_front() {
            return Some(due);
        }
        let ((at, _), mut due) = self.waiting.first_key_value().map(|(&key, &due)| (key, due))?;
        if at > now {
            return None;
        }
        self.waiting.pop_first();
        let script = Arc::clone(&self.script);
        if let Some(Rule { when: When::Every(wait), .. }) = script.rules.get(due.rule) {
            due.times = self.again(now, at, *wait, due);
        }
        Some(due)
    }

    /// The next moment at which something is due.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let waiting = self.waiting.first_key_value().map(|(&(at, _), _)| at);
        let expected = self.expected.first_key_value().map(|(&(at, _), _)| at);
        waiting.into_iter().chain(expected).min()
    }

    pub(crate) fn expect(&mut self, now: Timestamp, wanted: Wanted, cue: Cue, within: Duration) {
        if self.expected.len() < WAITING_MAX {
            self.numbered += 1;
            let before = self.counts.get(&cue).copied().unwrap_or_default();
            self.expected.insert((now + within, self.numbered), Expected { wanted, cue, within, before });
        }
    }

    /// Looks at an expectation whose time has come.
    pub(crate) fn take_expected(&mut self, now: Timestamp) -> Option<Judged> {
        let (&key, &Expected { wanted, cue, within, before }) = self.expected.first_key_value()?;
        if key.0 > now {
            return None;
        }
        self.expected.remove(&key);
        let came = self.counts.get(&cue).copied().unwrap_or_default() > before;
        Some(match (wanted, came) {
            (Wanted::Yes, false) => Judged::Failed(format!("no {} within {within:?}", cue.word())),
            (Wanted::No, true) => Judged::Failed(format!("a {} within {within:?}", cue.word())),
            (Wanted::Yes, true) | (Wanted::No, false) => Judged::Met,
        })
    }

    pub(crate) fn fail(&mut self, at: Timestamp, text: &str) {
        if self.failures.len() < FAILURES_MAX {
            self.failures.push(Failure { at, text: text.to_owned() });
        }
    }

    pub(crate) fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// What is known of a rule that is due, before its deeds are done.
    pub(crate) fn scene(&mut self, due: Due) -> Option<Scene> {
        let rule = self.script.rules.get(due.rule)?;
        // One that comes again and again would say nothing else.
        let is_told = rule.line > 0
            && match rule.when {
                When::Every(_) => self.told.insert(due.rule),
                When::Start | When::At(_) | When::Cue { .. } => true,
            };
        let line = is_told.then_some(rule.line);
        let events = if rule.answers_events() { Events::Muted } else { Events::Counted };
        Some(Scene { line, events, script: Arc::clone(&self.script), rule: due.rule })
    }

    /// Counts dispatches from now on, or does not; gives what was before.
    pub(crate) const fn count(&mut self, events: Events) -> Events {
        core::mem::replace(&mut self.events, events)
    }

    pub(crate) fn forget(&mut self, connection: ConnectionId) {
        let last = (connection, Cue::Event);
        let first = (connection, Cue::Connect);
        let keys: Vec<_> = self.counts_by_connection.range(first..=last).map(|(&key, _)| key).collect();
        for key in keys {
            self.counts_by_connection.remove(&key);
        }
    }

    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    pub(crate) const fn is_ended(&self) -> bool {
        self.ended
    }

    /// Sets a rule's next time; gives how often it was due until now.
    fn again(&mut self, now: Timestamp, at: Timestamp, wait: Wait, due: Due) -> u32 {
        let (mut next, mut times) = (at, 0);
        while next <= now && times < MISSED_MAX {
            next = next + self.span(wait).max(Duration::from_nanos(1));
            times += 1;
        }
        if next <= now {
            next = now + self.span(wait).max(Duration::from_nanos(1));
        }
        self.numbered += 1;
        self.waiting.insert((next, self.numbered), due);
        times
    }

    fn set(&mut self, now: Timestamp, wait: Wait, due: Due) {
        if self.waiting.len() < WAITING_MAX {
            self.numbered += 1;
            let at = now + self.span(wait);
            self.waiting.insert((at, self.numbered), due);
        }
    }

    fn span(&mut self, wait: Wait) -> Duration {
        let width = wait.most.saturating_sub(wait.least).as_millis();
        let drawn = match u64::try_from(width) {
            Ok(0) | Err(_) => 0,
            Ok(width) => self.generator.below(width + 1),
        };
        wait.least + Duration::from_millis(drawn)
    }
}

impl Rule {
    /// Whether it is about this cue, which comes for the `number`-th time.
    fn is_due(&self, cue: Cue, number: u64, connection: ConnectionId) -> bool {
        match &self.when {
            When::Start | When::At(_) | When::Every(_) => false,
            When::Cue { cue: wanted, nth, connections, .. } => {
                *wanted == cue && nth.is(number) && connections.has(connection.0)
            }
        }
    }

    /// Whether it answers or refuses a request of members.
    fn answered(&self) -> Answered {
        let does = |wanted: fn(&Deed) -> bool| self.deeds.iter().any(|(_, deed)| wanted(deed));
        if does(|deed| matches!(deed, Deed::RateLimit(_))) {
            Answered::RefusedByScript
        } else if does(|deed| matches!(deed, Deed::AnswerMembers(_))) {
            Answered::ByScript
        } else {
            Answered::ByGateway
        }
    }

    /// Whether it is about events: what it dispatches is not counted, so that it cannot answer itself.
    fn answers_events(&self) -> bool {
        matches!(self.when, When::Cue { cue: Cue::Event, .. })
    }
}
