//! Records that are late or broken, one kind after the other through the played day.

use super::dice::Purpose;
use super::plan::Action;
use super::record::{MarketRecord, Trouble};
use super::{Market, Place};
use crate::domain::events::{ApplicationEvent, ApplicationKind};
use crate::domain::fate::DeadLetterClass;
use crate::domain::time::DAY_MS;
use crate::domain::{EventTime, Text};
use crate::ops::demo::calendar::day_start;
use crate::wire::Schema;

/// Days before the moment that a late record claims: before anything the history knows.
const LATE_BY_DAYS: i64 = 45;
/// 9999-06-01T00:00:00Z, what a broken clock sends.
const YEAR_9999: EventTime = EventTime(253_383_811_200_000);
/// Share of the troubles that fall into the first third of the day, in eighths.
const EARLY_EIGHTHS: i64 = 5;

/// The ways in which a record can be wrong, in the order in which they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Late,
    Truncated,
    Magic,
    NegativeAmount,
    Year9999,
    OtherKey,
    SchemaId,
    NoDrawdown,
    TooShort,
}

const WRONGS: [Wrong; 9] = [
    Wrong::Late,
    Wrong::Truncated,
    Wrong::Magic,
    Wrong::NegativeAmount,
    Wrong::Year9999,
    Wrong::OtherKey,
    Wrong::SchemaId,
    Wrong::NoDrawdown,
    Wrong::TooShort,
];

impl Wrong {
    fn truth(self) -> Trouble {
        match self {
            Wrong::Late => Trouble::Late,
            Wrong::Truncated => Trouble::Broken(DeadLetterClass::Decode),
            Wrong::Magic | Wrong::SchemaId | Wrong::TooShort => Trouble::Broken(DeadLetterClass::Framing),
            Wrong::NegativeAmount | Wrong::NoDrawdown => Trouble::Broken(DeadLetterClass::Invalid),
            Wrong::Year9999 => Trouble::Broken(DeadLetterClass::FutureTs),
            Wrong::OtherKey => Trouble::Broken(DeadLetterClass::Key),
        }
    }
}

impl Market {
    /// Spreads the troubles of a played day evenly, most of them over its first third.
    pub(super) fn plan_troubles(&mut self, day: i64) {
        let all = i64::from(self.size.day_troubles);
        let early = all * EARLY_EIGHTHS / 8;
        let third_ms = DAY_MS / 3;
        for number in 0..all {
            let within_ms = match number < early {
                true => third_ms * number / early.max(1),
                false => third_ms + 2 * third_ms * (number - early) / (all - early).max(1),
            };
            self.plan(day_start(day).plus_ms(within_ms), Action::Trouble((day * 0x1_0000 + number) as u32));
        }
    }

    /// One troubled record: an application that would be in order, but for one thing.
    pub(super) fn trouble(&mut self, at: EventTime, number: u32) {
        let wrong = WRONGS[(number & 0xffff) as usize % WRONGS.len()];
        let mut dice = self.dice(Purpose::Trouble, number as usize);
        // Of the partner with most of the traffic: its clock is known on every shard.
        let those = &self.approved[0];
        let draw = |place: u64| those.get(place as usize).copied();
        let count = those.len() as u64;
        let (Some(account), Some(other)) = (draw(dice.below(count)), draw(dice.below(count))) else { return };
        if self.mute(account, at) || self.accounts[account].customer == self.accounts[other].customer {
            return;
        }
        let record = self.wrong_record(at, account, other, number, wrong);
        self.put(record);
    }

    fn wrong_record(&mut self, at: EventTime, account: Place, other: Place, number: u32, wrong: Wrong) -> MarketRecord {
        let event_time = match wrong {
            Wrong::Late => at.plus_ms(-LATE_BY_DAYS * DAY_MS),
            Wrong::Year9999 => YEAR_9999,
            _ => at,
        };
        let kind = match wrong {
            Wrong::NoDrawdown => ApplicationKind::DrawdownRequested,
            _ => ApplicationKind::Submitted,
        };
        let words = self.words(account);
        let application = compact_str::format_compact!("w{number:x}");
        let event = ApplicationEvent {
            application: &application,
            amount_minor: Some(if wrong == Wrong::NegativeAmount { -1 } else { 500_000 }),
            ..words.application(event_time, kind)
        };
        let mut value = Vec::with_capacity(192);
        self.ids.encode(Schema::Application, &event, &mut value);
        spoil(&mut value, wrong);
        let key: Text =
            if wrong == Wrong::OtherKey { self.holder(other).token.clone() } else { words.customer.clone() };
        MarketRecord { schema: Schema::Application, key, at, event_time, value, truth: wrong.truth() }
    }
}

/// Breaks the bytes, where it is the bytes that are wrong.
fn spoil(value: &mut Vec<u8>, wrong: Wrong) {
    match wrong {
        Wrong::Truncated => value.truncate(value.len() * 2 / 3),
        Wrong::TooShort => value.truncate(3),
        Wrong::Magic => value[0] = 1,
        Wrong::SchemaId => value[1] = 0x7f,
        Wrong::Late | Wrong::NegativeAmount | Wrong::Year9999 | Wrong::OtherKey | Wrong::NoDrawdown => {}
    }
}
