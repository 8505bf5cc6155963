use super::*;
use crate::domain::Text;
use crate::domain::codec::{Reader, put_long};
use crate::store::Cursor;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A number in each of two sections.
#[derive(Debug, Default, PartialEq)]
struct Number([i64; 2]);

impl Number {
    fn sum(&self) -> i64 {
        self.0.iter().sum()
    }
}

impl Packed for Number {
    const TAG: u8 = b'n';
    const FORMAT: u8 = 7;
    const ALL: Sections = 3;
    type Spare = ();
    fn pack(&self, section: Sections, out: &mut Vec<u8>) {
        let number = self.0[section as usize - 1];
        if number != 0 {
            put_long(number, out);
            out.extend(std::iter::repeat_n(1, number as usize % 200));
        }
    }
    fn unpack(&mut self, section: Sections, bytes: &[u8], (): &mut ()) -> Result<(), CodecError> {
        let number = &mut self.0[section as usize - 1];
        assert_eq!(*number, 0, "filled when empty only");
        let mut reader = Reader::new(bytes);
        *number = reader.long()?;
        for _ in 0..*number as usize % 200 {
            reader.byte()?;
        }
        reader.end()
    }
    fn empty(&mut self, sections: Sections, (): &mut ()) {
        for at in (0..2).filter(|at| sections >> at & 1 == 1) {
            self.0[at] = 0;
        }
    }
}

type Contents = Vec<(u32, String, i64)>;

fn contents(records: &Records<Number>) -> Contents {
    records.all().map(|(slot, token, value)| (slot, token.to_string(), value.sum())).collect()
}

fn committed(records: &Records<Number>) -> Contents {
    let (mut copy, mut cursor) = (Records::<Number>::default(), Cursor::default());
    while cursor.table == 0 {
        records.walk(&mut cursor, 3, |token, value| {
            copy.load(std::str::from_utf8(token).unwrap(), value).unwrap();
        });
    }
    contents(&copy)
}

#[derive(Clone, Copy, Debug)]
enum Act {
    /// In one of the sections.
    Edit(u8, i64, bool),
    Look(u8),
    /// So many at once, each a little more in one section, an unknown one made.
    Gather(u8, u8),
    HandOver,
    Commit,
    Undo,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        6 => (0u8..40, 1i64..300, any::<bool>()).prop_map(|(key, by, second)| Act::Edit(key, by, second)),
        3 => (0u8..40).prop_map(Act::Look),
        3 => (0u8..40, 1u8..=TOGETHER_MAX as u8).prop_map(|(first, count)| Act::Gather(first, count)),
        2 => Just(Act::HandOver),
        2 => Just(Act::Commit),
        1 => Just(Act::Undo),
    ];
    prop::collection::vec(act, 1..200)
}

proptest! {
    /// In any legal order: undo gives back the contents and slots of the last commit, whatever was handed over; the changes
    /// of each batch bring a copy to the same contents; and only what is committed is seen as committed.
    #[test]
    fn batches_agree_with_a_model(acts in acts()) {
        let (mut records, mut copy) = (Records::<Number>::default(), Records::<Number>::default());
        let mut model = BTreeMap::<String, i64>::new();
        // Contents and model at the last commit, and those handed over since with their changes.
        let (mut kept, mut kept_model) = (Contents::new(), model.clone());
        let mut flight: Option<(Contents, BTreeMap<String, i64>, Vec<(Text, Vec<u8>)>)> = None;
        for act in acts {
            match act {
                Act::Edit(key, by, second) => {
                    let (token, section) = (format!("c{key}"), 1 << u8::from(second));
                    let at = records.find(&token, section).unwrap_or_else(|| records.make(&token));
                    records.edit(at, section).0.0[usize::from(second)] += by;
                    *model.entry(token).or_default() += by;
                }
                Act::Look(key) => {
                    let token = format!("c{key}");
                    let found = records.find(&token, Number::ALL).map(|at| records.get(at).sum());
                    prop_assert_eq!(found, model.get(&token).copied());
                }
                Act::Gather(first, count) => {
                    // Some of them twice.
                    let tokens: Vec<_> = (0..count).map(|at| format!("c{}", first + at % 24)).collect();
                    let mut wanted: Vec<_> = tokens.iter().map(|token| Wanted::new(token, Number::ALL)).collect();
                    records.gather(&mut wanted);
                    for (token, found) in tokens.iter().zip(wanted.iter().map(|one| one.at)) {
                        let at = found.or_else(|| records.find(token, Number::ALL));
                        prop_assert_eq!(at.map(|at| records.get(at).sum()), model.get(token).copied());
                        let at = at.unwrap_or_else(|| records.make(token));
                        records.edit(at, 2).0.0[1] += 3;
                        *model.entry(token.clone()).or_default() += 3;
                    }
                }
                Act::HandOver if flight.is_none() => {
                    let mut changed = Vec::new();
                    records.changed(|key, value| changed.push((Text::from_utf8(&key[1..]).unwrap(), value.to_vec())));
                    records.hand_over();
                    records.changed(|_, _| panic!("the next batch changed nothing yet"));
                    flight = Some((contents(&records), model.clone(), changed));
                }
                Act::Commit if flight.is_some() => {
                    let (then, then_model, changed) = flight.take().unwrap_or_default();
                    changed.iter().for_each(|(token, value)| copy.load(token, value).unwrap());
                    records.commit();
                    prop_assert_eq!(&then, &contents(&copy));
                    (kept, kept_model) = (then, then_model);
                }
                Act::HandOver | Act::Commit => {}
                Act::Undo => {
                    records.undo();
                    (model, flight) = (kept_model.clone(), None);
                    prop_assert_eq!(&contents(&records), &kept);
                }
            }
            prop_assert_eq!(&committed(&records), &kept);
            let mut all = contents(&records).into_iter().map(|(_, token, value)| (token, value)).collect::<Vec<_>>();
            all.sort();
            prop_assert_eq!(all, model.clone().into_iter().collect::<Vec<_>>());
            prop_assert_eq!(records.len(), model.len());
        }
    }
}

#[test]
fn the_lowest_free_slot_is_taken_first_after_a_restore_too() {
    let mut records = Records::<Number>::default();
    for (token, slot) in [("a", 4), ("b", 1), ("a", 3)] {
        let mut value = Vec::new();
        begin_value::<Number>(slot, &mut value);
        packed::pack(&Number([5, 0]), 3, (0, &Split::default()), &mut value);
        records.load(token, &value).unwrap();
    }
    for token in ["c", "d", "e", "f"] {
        records.make(token);
    }
    let slots: Vec<_> = contents(&records).into_iter().map(|(slot, token, _)| format!("{slot}{token}")).collect();
    assert_eq!(slots, ["0c", "1b", "2d", "3a", "4e", "5f"]);
    let unknown = [b"a".as_slice(), b"zz", b"b"];
    assert!((2..=3).contains(&records.bring(unknown.into_iter())));
}

#[test]
fn hostile_values_are_refused() {
    let mut records = Records::<Number>::default();
    assert_eq!(records.load("a", &[]), Err(CodecError::Truncated { at: 0, wanted: 1, left: 0 }));
    assert_eq!(records.load("a", &[1, 0, 2]), Err(CodecError::Format { found: 1, read: 7 }));
    assert_eq!(records.load("a", &[7, 0, 0, 0]), Err(CodecError::Truncated { at: 1, wanted: 4, left: 3 }));
    assert!(matches!(records.load("a", &[7, 0, 0, 0, 4, 0]), Err(CodecError::Number { at: 1 })), "slot 1 << 26");
    let mut load = |body: &[u8]| records.load("a", &[&[7, 0, 0, 0, 0], body].concat());
    // Which sections there are, the length of the first, sections.
    for early in [&[][..], &[1], &[1, 2], &[3, 2, 0], &[3, 2, 0, 0, 0, 2, 1], &[3, 4, 0, 0, 0, 2]] {
        assert!(matches!(load(early), Err(CodecError::Truncated { .. })), "{early:?}");
    }
    for late in [&[0, 1][..], &[1, 2, 1, 1], &[3, 3, 0, 0, 0, 2, 1, 1, 2, 1]] {
        assert!(matches!(load(late), Err(CodecError::Trailing { .. })), "{late:?}");
    }
    assert!(matches!(load(&[4, 1]), Err(CodecError::Ordinal { .. })), "no such section");
    assert!(records.is_empty());
    let sound = [7, 0, 0, 0, 0, 3, 2, 0, 0, 0, 2, 1, 2, 1];
    assert_eq!(records.load("a", &sound), Ok(()));
}
