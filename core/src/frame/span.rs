//! A part of a frame, as offsets: it can be kept next to the frame without borrowing from it.

/// A part of a frame, from `start` up to but without `end`, in bytes.
///
/// It is meaningful only for the frame that it was made for. With another frame it returns wrong bytes or none, but never
/// panics.
///
/// # Invariants
/// * `ordered`: `start` is not above `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// The part from `start` up to but without `end`; `None` if `end` is before `start` or above 4 GiB.
    #[must_use]
    pub fn new(start: usize, end: usize) -> Option<Self> {
        let (start, end) = (u32::try_from(start).ok()?, u32::try_from(end).ok()?);
        (start <= end).then_some(Self { start, end })
    }

    /// The span of `part`, which was borrowed from `frame`; `None` if it lies behind 4 GiB.
    pub(crate) fn of_part(frame: &[u8], part: &str) -> Option<Self> {
        let start = part.as_ptr().addr().checked_sub(frame.as_ptr().addr())?;
        let span = Self::new(start, start.checked_add(part.len())?)?;
        debug_assert!(span.end() <= frame.len(), "within: a part of another buffer");
        Some(span)
    }

    /// The bytes of this part; empty if the frame is too short.
    #[must_use]
    pub fn of<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        frame.get(self.start()..self.end()).unwrap_or_default()
    }

    /// Offset of the first byte.
    #[must_use]
    pub fn start(&self) -> usize {
        // A `u32` that came from a `usize` goes back into one.
        usize::try_from(self.start).unwrap_or(usize::MAX)
    }

    /// Offset behind the last byte.
    #[must_use]
    pub fn end(&self) -> usize {
        usize::try_from(self.end).unwrap_or(usize::MAX)
    }

    /// How many bytes it has.
    #[must_use]
    pub fn len(&self) -> usize {
        debug_assert!(self.start <= self.end, "ordered: a span ends before its start");
        self.end().saturating_sub(self.start())
    }

    /// Whether it has no bytes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.start == self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_gives_its_part_and_nothing_of_a_shorter_frame() {
        let span = Span::new(2, 5).unwrap();
        assert_eq!((span.start(), span.end(), span.len(), span.is_empty()), (2, 5, 3, false));
        assert_eq!(span.of(b"0123456"), b"234");
        assert_eq!(span.of(b"01234"), b"234");
        assert_eq!(span.of(b"0123"), b"");
        assert_eq!(span.of(b""), b"");
    }

    #[test]
    fn an_empty_span_can_be_made_and_a_reversed_one_cannot_be_made() {
        assert!(Span::new(3, 3).unwrap().is_empty());
        assert_eq!(Span::new(3, 2), None);
        #[cfg(target_pointer_width = "64")]
        assert_eq!(Span::new(0, 1 << 32), None);
    }
}
