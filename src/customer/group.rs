//! Events that are met together. What does not depend on their order is done for all of them first, one thing after the other:
//! the code of one thing fits into the processor's instruction cache, that of everything which an event needs does not.

use smallvec::SmallVec;

use super::{Read, Shard, apply, check};
use crate::domain::events::Event;
use crate::domain::{EventTime, Fate, Output};
use crate::policy::PolicySet;
use crate::store::{At, TOGETHER_MAX, Wanted};

/// Most events that are met together.
pub const GROUP_MAX: usize = TOGETHER_MAX;

/// An event with what is known of it before its turn comes.
pub struct Met<'a> {
    pub event: Event<'a>,
    pub(super) checked: Result<(), String>,
    /// Its customer's record; none when there is none, or was none yet.
    pub(super) at: Option<At>,
}

impl<'a> From<Event<'a>> for Met<'a> {
    fn from(event: Event<'a>) -> Self {
        Self { event, checked: Ok(()), at: None }
    }
}

impl Shard {
    /// Checks a group of events and finds their customers, before they are stepped in their order with [`Shard::step_met`]; at
    /// most [`GROUP_MAX`] inputs of any kind are stepped until the next group is met.
    pub fn meet<'m, 'a: 'm>(&mut self, group: impl Iterator<Item = &'m mut Met<'a>>) {
        let mut sound: SmallVec<[&mut Met<'a>; GROUP_MAX]> = SmallVec::new();
        for met in group {
            met.checked = check::event(&met.event);
            if met.checked.is_ok() {
                sound.push(met);
            }
        }
        let mut wanted: SmallVec<[Wanted<'_>; GROUP_MAX]> = SmallVec::new();
        for met in &sound {
            wanted.push(Wanted::new(met.event.customer().unwrap_or_default(), apply::reads(&met.event)));
        }
        self.customers.gather(&mut wanted);
        let found: SmallVec<[Option<At>; GROUP_MAX]> = wanted.iter().map(|one| one.at).collect();
        for (met, at) in sound.into_iter().zip(found) {
            met.at = at;
        }
    }

    /// Takes the event of a record, which was met, by the record's coordinates; see [`Shard::step`].
    pub fn step_met(
        &mut self,
        met: &mut Met<'_>,
        (topic, partition, offset): (&str, i32, i64),
        now: EventTime,
        policies: &PolicySet,
        out: &mut Vec<Output>,
    ) -> Fate {
        let read = Read { topic, partition, offset, event_id: met.event.event_id() };
        let checked = std::mem::replace(&mut met.checked, Ok(()));
        self.step_event(&super::Arrival { event: &met.event, read, now }, checked, met.at, policies, out)
    }
}
