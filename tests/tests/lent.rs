//! Lent memory: many machines share one, and the events are the same as without.

use portcullis::codec::{Compression, Encoding, Format, Inflater, Scratch};
use portcullis::machine::{Config, Phase};
use portcullis::{ConnectionId, Message};
use portcullis_tests::memory::{Counting, asked, note_anew};
use portcullis_tests::pair::{INFLATERS, compressed, formats};
use portcullis_tests::rig::prompt;
use portcullis_tests::{Pair, frames};
use proptest::prelude::*;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn event(sequence: u64, len: usize) -> Message {
    let words: Vec<String> = (0..len as u64).map(|index| format!("{} ", (index + sequence) * 7_919)).collect();
    frames::dispatch("MESSAGE_CREATE", sequence, &format!(r#"{{"id":"{sequence}","content":"{}"}}"#, words.concat()))
}

/// An input for one of two machines.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A message of two payloads.
    Two,
    /// A payload in messages of this many bytes, alternating with the other machine's.
    Split { size: usize },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![Just(Step::Two), (1_usize..200).prop_map(|size| Step::Split { size })]
}

/// Gives two machines the same inputs, alternating piece by piece. Returns the events of each.
fn told(format: Format, inflater: Option<Inflater>, steps: &[Step], lends: &[bool]) -> Vec<Vec<String>> {
    let mut pairs = [(); 2].map(|()| Pair::online(format, Config { inflater, ..prompt() }));
    let (mut scratch, mut sequence, mut lends) = (Scratch::default(), 1, lends.iter().cycle());
    for step in steps {
        let mut pack = |pairs: &mut [Pair; 2]| {
            sequence += 1;
            let event = event(sequence, 1 + sequence as usize * 37 % 400);
            pairs.each_mut().map(|pair| pair.pack(&event))
        };
        let pieces: [Vec<Vec<u8>>; 2] = match (step, format.compression) {
            (Step::Split { size }, Compression::ZlibStream | Compression::ZstdStream) => {
                pack(&mut pairs).map(|bytes| bytes.chunks(*size).map(<[u8]>::to_vec).collect())
            }
            (Step::Two, Compression::ZlibStream | Compression::ZstdStream) => {
                let (first, second) = (pack(&mut pairs), pack(&mut pairs));
                [[&*first[0], &*second[0]].concat(), [&*first[1], &*second[1]].concat()].map(|both| vec![both])
            }
            _ => pack(&mut pairs).map(|bytes| vec![bytes]),
        };
        for index in 0..pieces[0].len() {
            for (pair, pieces) in pairs.iter_mut().zip(&pieces) {
                let lent = *lends.next().unwrap();
                pair.rig.scratch = lent.then(|| core::mem::take(&mut scratch));
                pair.give(pieces[index].clone());
                if lent {
                    scratch = pair.rig.scratch.take().unwrap();
                }
            }
        }
    }
    assert!(pairs.iter().all(|pair| pair.rig.machine.phase() == Phase::Active));
    let frame = |dispatch: &portcullis::Dispatch| String::from_utf8(dispatch.frame().to_vec()).unwrap();
    pairs.iter().map(|pair| pair.rig.dispatches.iter().map(frame).collect()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn machines_that_are_lent_memory_tell_the_same(
        format in prop::sample::select(formats().into_iter().skip(1).collect::<Vec<_>>()),
        inflater in prop::sample::select(INFLATERS.to_vec()),
        steps in proptest::collection::vec(step(), 1..8),
        lends in proptest::collection::vec(any::<bool>(), 1..8),
    ) {
        let own = told(format, inflater, &steps, &[false]);
        prop_assert_eq!(&own[0], &own[1]);
        prop_assert_eq!(&told(format, inflater, &steps, &[true]), &own);
        prop_assert_eq!(&told(format, inflater, &steps, &lends), &own);
    }
}

#[test]
fn a_hundred_machines_need_the_memory_once() {
    const MACHINES: usize = 100;
    const HISTORY: usize = 32 << 10;
    for (format, inflater) in
        formats().into_iter().filter(compressed).flat_map(|format| INFLATERS.map(|inflater| (format, inflater)))
    {
        let mut pair = Pair::online(format, Config { inflater, ..prompt() });
        let first = [frames::hello("40000"), frames::ack(), frames::ready("5e551011", 1)];
        let mut gateway = Pair::open(format, Config { inflater, ..prompt() });
        let first = first.map(|message| gateway.packer.message(core::str::from_utf8(message.bytes()).unwrap()));
        let large = event(2, 4000);
        let large = gateway.packer.message(core::str::from_utf8(large.bytes()).unwrap());
        pair.rig.message(large.clone());
        let size = pair.rig.dispatches[1].frame().len();
        assert!(size > 30_000, "{size} bytes");

        let held = [false, true].map(|lends| {
            let mut machines: Vec<_> =
                (0..MACHINES).map(|_| Pair::open(format, Config { inflater, ..prompt() }).rig).collect();
            for message in &first {
                for rig in &mut machines {
                    rig.message(message.clone());
                }
            }
            let mut scratch = Scratch::default();
            note_anew();
            for rig in &mut machines {
                let (connection, now) = (ConnectionId(1), rig.now);
                let input = portcullis::Input::Message(connection, large.clone());
                let actions = if lends {
                    rig.machine.handle_with(now, input, &mut scratch)
                } else {
                    rig.machine.handle(now, input)
                };
                assert!(actions.count() > 1);
            }
            asked().live
        });
        let [own, lent] = held.map(|bytes| usize::try_from(bytes).unwrap_or(0));
        println!("{format:?} {inflater:?}: {own} bytes held by {MACHINES} machines, {lent} where they are lent");
        assert!(own > MACHINES * size, "{own} bytes");
        // One scratch for inflated bytes and one for terms, each at most a mebibyte; and the window of each stream.
        let of_terms = usize::from(format.encoding == Encoding::Etf);
        assert!(lent <= MACHINES * (HISTORY + 1024) + ((1 + of_terms) << 20), "{lent} bytes");
    }
}
