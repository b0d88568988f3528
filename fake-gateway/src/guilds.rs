//! The guilds' texts: the stub, or one of the size that is asked for. What is shared by many sessions is made once.

use crate::config::FakeConfig;
use crate::generate::{Generator, Person};
use crate::payloads::{self, Availability};
use crate::session::Dispatch;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many bytes of guilds are kept for later sessions.
const KEPT_BYTES: usize = 4 << 20;
/// How many channels a generated guild has beside its own two, if there is room.
const CHANNELS: u64 = 12;
/// Something that is longer than any one channel or member.
const ROOM: usize = 2000;
/// What fills the last bytes.
const FILLER: &str = "a moat and a bridge and a gate and a guard and a tower and a lantern and a key and ";

/// Guild Creates that were made, by guild and by whether they say it is large.
#[derive(Clone, Debug, Default)]
pub(super) struct Guilds {
    kept: BTreeMap<(u64, Size), Arc<Dispatch>>,
    bytes: usize,
}

/// Whether a guild has more members than the Identify's threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Size {
    Small,
    Large,
}

impl Guilds {
    /// The Guild Create of a guild, or the Guild Delete of one in an outage.
    pub(super) fn event(
        &mut self,
        config: &FakeConfig,
        id: u64,
        availability: Availability,
        large_threshold: Option<u64>,
    ) -> Arc<Dispatch> {
        if availability == Availability::Outage {
            return payloads::outage(id);
        }
        let is_large = u64::from(config.members) > large_threshold.unwrap_or(LARGE_THRESHOLD);
        let size = if is_large { Size::Large } else { Size::Small };
        if let Some(event) = self.kept.get(&(id, size)) {
            return Arc::clone(event);
        }
        let large = match size {
            Size::Small => "false",
            Size::Large => "true",
        };
        let stub = payloads::guild(config, id, large);
        let text = if config.guild_bytes > stub.len() { grown(&stub, config, id) } else { stub };
        let event = Arc::new(Dispatch { name: "GUILD_CREATE".into(), data: text.into_bytes().into() });
        if self.bytes + event.data.len() <= KEPT_BYTES {
            self.bytes += event.data.len();
            self.kept.insert((id, size), Arc::clone(&event));
        }
        event
    }
}

/// Guilds with more members are large, unless an Identify says otherwise.
const LARGE_THRESHOLD: u64 = 50;

/// The same guild with channels and members, of exactly the configured size.
fn grown(stub: &str, config: &FakeConfig, id: u64) -> String {
    let mut generator = Generator::new(id);
    let mut room = config.guild_bytes - stub.len();
    let mut take = |item: &mut dyn FnMut(u64) -> String, first: u64, most: u64| {
        let mut list = String::new();
        for index in first..most {
            if room < ROOM {
                break;
            }
            let item = item(index);
            room -= item.len() + 1;
            list.push(',');
            list.push_str(&item);
        }
        list
    };
    let channels = take(&mut |index| generator.channel(id, index), 2, 2 + CHANNELS);
    let person = |index: u64| Person::of(id, u32::try_from(index).unwrap_or(u32::MAX)).member;
    let members = take(&mut |index| person(index), 1, u64::MAX);
    let text = stub.replacen(r#"],"channels":["#, &format!(r#"{members}],"channels":["#), 1).replacen(
        r#"],"threads":["#,
        &format!(r#"{channels}],"threads":["#),
        1,
    );
    // The null of the description has as many bytes as two letters and their quotes.
    let filler: String = FILLER.chars().cycle().take(room + 2).collect();
    text.replacen(r#""description":null"#, &format!(r#""description":"{filler}""#), 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn a_guild_has_the_bytes_it_is_to_have_and_is_made_once() {
        let id = payloads::guild_id(0);
        let of = |guild_bytes| {
            let config = FakeConfig { guild_bytes, ..FakeConfig::default() };
            Guilds::default().event(&config, id, Availability::Available, None)
        };
        let stub = of(0).data.len();
        assert_eq!(of(stub - 1).data.len(), stub, "no guild is smaller");
        for size in [stub + 1, stub + 2, 5000, 99_000, 4_000_000] {
            let event = of(size);
            assert_eq!(event.data.len(), size);
            let guild: Value = serde_json::from_slice(&event.data).unwrap();
            assert_eq!(guild["id"], id.to_string());
            let count = |key: &str| guild[key].as_array().unwrap().len();
            assert!(size < 99_000 || count("channels") == 14 && count("members") > 100, "{size}");
        }
        let (config, mut guilds) = (FakeConfig::default(), Guilds::default());
        let event = guilds.event(&config, id, Availability::Available, None);
        assert!(Arc::ptr_eq(&event, &guilds.event(&config, id, Availability::Available, Some(50))));
        assert!(!Arc::ptr_eq(&event, &guilds.event(&config, id, Availability::Available, Some(1))));
    }
}
