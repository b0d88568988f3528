//! What a new `Discord` tells `tracing`.

use super::Intents;

/// Warns of intents that are not documented: the gateway closes with 4013 if it does not know them.
#[cfg(feature = "tracing")]
pub(super) fn undocumented(intents: Intents) {
    let bits = intents.difference(Intents::all()).bits();
    if bits != 0 {
        tracing::warn!(bits, "intents that are not documented: the gateway may close with 4013");
    }
}

#[cfg(not(feature = "tracing"))]
pub(super) const fn undocumented(_: Intents) {}
