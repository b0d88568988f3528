//! Counts the bytes that were copied from memory to memory, for the tests that compare them with the bytes received. Outside
//! tests it is an empty struct.

/// The bytes that one [`Output`](super::output::Output) has copied.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Copies {
    #[cfg(test)]
    bytes: usize,
}

#[cfg(not(test))]
impl Copies {
    pub(super) const fn new() -> Self {
        Self {}
    }

    #[allow(clippy::unused_self, reason = "the tests' own counts")]
    pub(super) const fn note(self, _: usize) {}
}

#[cfg(test)]
impl Copies {
    pub(super) const fn new() -> Self {
        Self { bytes: 0 }
    }

    pub(super) const fn note(&mut self, len: usize) {
        self.bytes += len;
    }

    pub(super) const fn bytes(self) -> usize {
        self.bytes
    }
}
