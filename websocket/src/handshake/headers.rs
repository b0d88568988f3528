//! The header lines of a head, in one allocation for all texts.

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

/// The headers of a request or an answer, in their order. Names are compared case-insensitively.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    text: Vec<u8>,
    fields: Vec<Field>,
}

#[derive(Clone, PartialEq, Eq)]
struct Field {
    name: Range<usize>,
    value: Range<usize>,
}

/// How often a header occurs that may occur once.
pub(super) enum Single<'a> {
    Missing,
    Value(&'a [u8]),
    Doubled,
}

impl Headers {
    pub(super) fn of(headers: &[httparse::Header<'_>]) -> Self {
        let size = headers.iter().map(|header| header.name.len() + header.value.len()).sum();
        let mut kept = Self { text: Vec::with_capacity(size), fields: Vec::with_capacity(headers.len()) };
        for header in headers {
            let start = kept.text.len();
            kept.text.extend_from_slice(header.name.as_bytes());
            let middle = kept.text.len();
            kept.text.extend_from_slice(header.value.trim_ascii());
            kept.fields.push(Field { name: start..middle, value: middle..kept.text.len() });
        }
        kept
    }

    /// The first value of a header.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.all(name).next()
    }

    /// All values of a header, one for each line.
    pub fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        let is_it = move |field: &&Field| self.text[field.name.clone()].eq_ignore_ascii_case(name.as_bytes());
        self.fields.iter().filter(is_it).map(|field| &self.text[field.value.clone()])
    }

    pub(super) fn single(&self, name: &str) -> Single<'_> {
        let mut values = self.all(name);
        match (values.next(), values.next()) {
            (None, _) => Single::Missing,
            (Some(value), None) => Single::Value(value),
            (Some(_), Some(_)) => Single::Doubled,
        }
    }
}

/// Prints names, never values: they may contain secrets.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.fields.iter().map(|field| self.text[field.name.clone()].escape_ascii());
        f.debug_list().entries(names.map(|name| alloc::format!("{name}"))).finish()
    }
}
