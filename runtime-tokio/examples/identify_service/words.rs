//! What the two sides say to each other, a line each: a word, the number of a question, and one number more.

use core::fmt;
use core::time::Duration;

/// What a process says to the service. Each of its questions has a number of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// A shard wants to identify: `ask 7 0`.
    Permit { question: u32, shard: u32 },
    /// The question is withdrawn, or its permit given back: `back 7`.
    Back { question: u32 },
    /// The Identify goes out now: `spent 7`.
    Spent { question: u32 },
}

/// What the service answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// The permit is granted: `granted 7`.
    Granted { question: u32 },
    /// The budget is used up for a time in milliseconds: `exhausted 7 3600000`.
    Exhausted { question: u32, resets_in: Duration },
    /// Too many requests wait; ask again after a time in milliseconds: `later 7 30000`.
    Later { question: u32, after: Duration },
}

impl Ask {
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let (word, question) = (words.next()?, words.next()?.parse().ok()?);
        match word {
            "ask" => Some(Self::Permit { question, shard: words.next()?.parse().ok()? }),
            "back" => Some(Self::Back { question }),
            "spent" => Some(Self::Spent { question }),
            _ => None,
        }
    }
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Permit { question, shard } => writeln!(f, "ask {question} {shard}"),
            Self::Back { question } => writeln!(f, "back {question}"),
            Self::Spent { question } => writeln!(f, "spent {question}"),
        }
    }
}

impl Reply {
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let (word, question) = (words.next()?, words.next()?.parse().ok()?);
        let mut span = || Some(Duration::from_millis(words.next()?.parse().ok()?));
        match word {
            "granted" => Some(Self::Granted { question }),
            "exhausted" => Some(Self::Exhausted { question, resets_in: span()? }),
            "later" => Some(Self::Later { question, after: span()? }),
            _ => None,
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Granted { question } => writeln!(f, "granted {question}"),
            Self::Exhausted { question, resets_in } => writeln!(f, "exhausted {question} {}", resets_in.as_millis()),
            Self::Later { question, after } => writeln!(f, "later {question} {}", after.as_millis()),
        }
    }
}
