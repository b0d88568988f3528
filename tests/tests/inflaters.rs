//! Both inflaters side by side: the same events of every stream, and the same fault at the same message where it is damaged.

use bytes::Bytes;
use portcullis::Message;
use portcullis::codec::{Compression, Format};
use portcullis::machine::{Config, Phase};
use portcullis_tests::pair::{INFLATERS, compressed, formats};
use portcullis_tests::rig::prompt;
use portcullis_tests::{Pair, frames};
use proptest::prelude::*;

/// The damage to the bytes of one message.
#[derive(Clone, Debug)]
enum Damage {
    None,
    Flip { at: prop::sample::Index, bit: u8 },
    Cut { to: prop::sample::Index },
    Doubled,
    Insert { at: prop::sample::Index, byte: u8 },
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        3 => (any::<prop::sample::Index>(), 0_u8..8).prop_map(|(at, bit)| Damage::Flip { at, bit }),
        1 => any::<prop::sample::Index>().prop_map(|to| Damage::Cut { to }),
        1 => (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Insert { at, byte }),
        1 => Just(Damage::Doubled),
        1 => Just(Damage::None),
    ]
}

impl Damage {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let len = bytes.len();
        match self {
            Self::None => {}
            Self::Flip { at, bit } => bytes[at.index(len)] ^= 1 << bit,
            Self::Cut { to } => bytes.truncate(to.index(len)),
            Self::Doubled => bytes.extend([0, 0, 0xFF, 0xFF]),
            Self::Insert { at, byte } => bytes.insert(at.index(len), *byte),
        }
    }
}

/// A client after a message: its phase, the number of frames it read, and the faults it reported so far.
type Stood = (Phase, u64, Vec<String>);

/// Gives the messages until the client closes the connection. Returns the client's state after each, and the frames.
fn lived(mut pair: Pair, messages: &[Vec<u8>]) -> (Vec<Stood>, Vec<Bytes>) {
    let mut stood = Vec::new();
    for message in messages {
        pair.give(Bytes::copy_from_slice(message));
        let health = pair.rig.machine.health();
        let faults = pair.rig.story.of_kind('!').into_iter().map(str::to_owned).collect();
        stood.push((health.phase, health.counts.frames_in, faults));
        if health.phase == Phase::Closing {
            break;
        }
    }
    (stood, pair.rig.dispatches.iter().map(|dispatch| dispatch.frame().clone()).collect())
}

/// How payloads are put into messages.
#[derive(Clone, Debug)]
enum Split {
    /// One payload is one message.
    Whole,
    /// This many payloads are one message.
    Together(usize),
    /// One payload is several messages, of this many bytes.
    Apart(usize),
}

impl Split {
    fn messages(&self, payloads: &[Vec<u8>]) -> Vec<Vec<u8>> {
        match self {
            Self::Whole => payloads.to_vec(),
            Self::Together(count) => payloads.chunks(*count).map(<[_]>::concat).collect(),
            Self::Apart(size) => payloads.iter().flat_map(|bytes| bytes.chunks(*size)).map(<[_]>::to_vec).collect(),
        }
    }
}

fn split() -> impl Strategy<Value = Split> {
    prop_oneof![
        3 => Just(Split::Whole),
        1 => (2_usize..5).prop_map(Split::Together),
        1 => prop_oneof![Just(1), 2_usize..40].prop_map(Split::Apart),
    ]
}

/// Payloads of repeated words, as in real ones.
fn payloads(words: &[u16]) -> Vec<Message> {
    let mut payloads = vec![frames::hello("40000"), frames::ack(), frames::ready("5e551011", 1)];
    for (index, word) in words.iter().enumerate() {
        let text: Vec<String> =
            (0..u32::from(word % 97)).map(|count| format!("{} {}", word / 7, count * u32::from(*word) % 31)).collect();
        let data = format!(r#"{{"id":"{word}","content":"{}"}}"#, text.join(" "));
        payloads.push(frames::dispatch("MESSAGE_CREATE", index as u64 + 2, &data));
    }
    payloads
}

const SUFFIX: [u8; 4] = [0, 0, 0xFF, 0xFF];

/// The index of the message at which the client closed the connection, if it did.
fn left_at(stood: &[Stood]) -> Option<usize> {
    stood.iter().position(|(phase, ..)| *phase == Phase::Closing)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn inflaters_agree_on_every_stream_whole_or_damaged(
        format in prop::sample::select(formats().into_iter().filter(compressed).collect::<Vec<_>>()),
        level in 0_i32..10,
        words in proptest::collection::vec(any::<u16>(), 1..12),
        damage in damage(),
        damaged in any::<prop::sample::Index>(),
        split in split(),
    ) {
        let with = |inflater| Pair::open_at(format, Config { inflater, ..prompt() }, level);
        let payloads = payloads(&words);
        let mut packer = with(None);
        let mut packed: Vec<_> = payloads.iter().map(|payload| packer.pack(payload)).collect();
        // The payloads after Hello wait for the Identify, and other formats have a message for each payload.
        let messages = |packed: &[Vec<u8>]| match format.compression {
            Compression::ZlibStream => [split.messages(&packed[..1]), split.messages(&packed[1..])].concat(),
            _ => packed.to_vec(),
        };
        let whole = INFLATERS.map(|inflater| lived(with(inflater), &messages(&packed)));
        prop_assert_eq!(&whole[0], &whole[1]);
        prop_assert_eq!(left_at(&whole[0].0), None);
        prop_assert_eq!(whole[0].1.len(), words.len() + 1);

        let at = damaged.index(packed.len());
        damage.apply(&mut packed[at]);
        let messages = messages(&packed);
        let [miniz, zlib_rs] = INFLATERS.map(|inflater| lived(with(inflater), &messages));
        prop_assert_eq!(&miniz.1, &zlib_rs.1);
        if miniz.0 != zlib_rs.0 {
            // A message that does not end in the suffix: one inflater read less far, and found the damage at the next suffix.
            let (Some(miniz), Some(zlib_rs)) = (left_at(&miniz.0), left_at(&zlib_rs.0)) else {
                return Err(TestCaseError::fail("one inflater found no damage"));
            };
            let (first, last) = (miniz.min(zlib_rs), miniz.max(zlib_rs));
            prop_assert!(first < last, "they left at the same message for another reason");
            prop_assert!(messages[first..last].iter().all(|message| !message.ends_with(&SUFFIX)));
        }
    }
}

#[test]
fn inflaters_agree_on_every_flip_of_a_short_stream() {
    let format = Format { compression: Compression::ZlibStream, ..Format::default() };
    for (level, words) in [(0, &[3][..]), (6, &[40, 41, 1000])] {
        let open = |inflater| Pair::open_at(format, Config { inflater, ..prompt() }, level);
        let mut packer = open(None);
        let plain: Vec<_> = payloads(words).iter().map(|payload| packer.pack(payload)).collect();
        for message in 0..plain.len() {
            for bit in 0..plain[message].len() * 8 {
                let mut damaged = plain.clone();
                damaged[message][bit / 8] ^= 1 << (bit % 8);
                let [miniz, zlib_rs] = INFLATERS.map(|inflater| lived(open(inflater), &damaged));
                assert_eq!(miniz, zlib_rs, "level {level}, message {message}, bit {bit}");
            }
        }
    }
}
