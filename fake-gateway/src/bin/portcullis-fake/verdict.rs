//! What the referee says at the end.

use core::fmt;
use portcullis_fake::{Breach, Counters, Failure, FakeGateway, Observation};
use serde_json::json;

/// The rules that clients broke and the habits they showed, each with how often and where first, and how much they did
/// otherwise.
#[derive(Debug)]
pub(crate) struct Verdict {
    broken: Vec<(Breach, u64)>,
    habits: Vec<(Observation, u64)>,
    failures: Vec<Failure>,
    counters: Counters,
}

impl Verdict {
    pub(crate) fn on(gateway: &FakeGateway) -> Self {
        let broken = counted(gateway.breaches(), |breach| breach.rule.name());
        let habits = counted(gateway.habits(), |seen| seen.habit.name());
        Self { broken, habits, failures: gateway.failures().to_vec(), counters: gateway.counters() }
    }

    /// Whether a rule was broken, the script found something wrong, or no client came: a check of nothing is no check.
    pub(crate) const fn is_bad(&self) -> bool {
        self.counters.breaches > 0 || !self.failures.is_empty() || self.counters.connects == 0
    }

    pub(crate) fn to_json(&self) -> String {
        let rules: Vec<_> = self
            .broken
            .iter()
            .map(|(first, times)| {
                let (rule, connection) = (first.rule, first.connection.0);
                json!({"rule": rule.name(), "text": rule.to_string(), "times": times, "connection": connection})
            })
            .collect();
        let habits: Vec<_> = self
            .habits
            .iter()
            .map(|(first, times)| {
                let (habit, connection) = (first.habit, first.connection.0);
                json!({"habit": habit.name(), "text": habit.to_string(), "times": times, "connection": connection})
            })
            .collect();
        let failures: Vec<_> = self.failures.iter().map(|failure| &failure.text).collect();
        let Counters { connects, sessions, resumed, heartbeats, breaches, .. } = self.counters;
        json!({
            "event": "verdict", "good": !self.is_bad(), "broken": breaches, "rules": rules, "habits": habits, "failed": failures, "connects": connects,
            "sessions": sessions, "resumed": resumed, "heartbeats": heartbeats,
        })
        .to_string()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counters { connects, sessions, resumed, heartbeats, breaches, .. } = self.counters;
        match (connects, breaches) {
            (0, _) => return f.write_str("verdict: no client came"),
            (_, 0) if !self.failures.is_empty() => f.write_str("verdict: the script found fault")?,
            (_, 0) => f.write_str("verdict: no rule was broken")?,
            (_, 1) => f.write_str("verdict: a rule was broken, once")?,
            (_, times) => write!(f, "verdict: rules were broken, {times} times")?,
        }
        write!(f, "; {connects} connects, {sessions} sessions, {resumed} resumed, {heartbeats} heartbeats")?;
        for (first, times) in &self.broken {
            let Breach { at, connection, rule } = first;
            write!(f, "\n  {}, {times} times, first {at} on {connection}: {rule}", rule.name())?;
        }
        for (Observation { at, connection, habit }, times) in &self.habits {
            write!(f, "\n  habit {}, {times} times, first {at} on {connection}: {habit}", habit.name())?;
        }
        for Failure { at, text } in &self.failures {
            write!(f, "\n  {at} {text}")?;
        }
        Ok(())
    }
}

/// The first of each name, and how many have it.
fn counted<'a, T: Copy + 'a>(all: impl Iterator<Item = &'a T>, name: impl Fn(&T) -> &'static str) -> Vec<(T, u64)> {
    let mut counted: Vec<(T, u64)> = Vec::new();
    for one in all {
        match counted.iter_mut().find(|(first, _)| name(first) == name(one)) {
            Some((_, times)) => *times += 1,
            None => counted.push((*one, 1)),
        }
    }
    counted
}
