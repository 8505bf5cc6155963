//! Pacing within the hour: the generic cell rate algorithm of `governor`, on the stage's own time and the partner's own record.
//!
//! `governor` holds no state and reads no clock here: the token is copied out of the record before the test and back into
//! it after an admission, so it rolls back with the undo log, and a restart finds it where it was.

use std::cell::Cell;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{NotKeyed, StateStore};
use governor::{Quota, RateLimiter};

use crate::domain::EventTime;
use crate::domain::time::HOUR_MS;

/// The part of an hour's quota that may be admitted at once, at least one: what ten minutes would let through.
pub const AT_ONCE_PART: i64 = 6;
/// The latest moment that pacing tells apart, UTC milliseconds (year 2200): nanoseconds have room for it.
const LATEST_MS: i64 = 7_258_118_400_000;
const NANOS_PER_MS: u64 = 1_000_000;

/// The copy of a record's token that the algorithm works on.
struct Token(Cell<Option<Nanos>>);

impl StateStore for Token {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, _: &NotKeyed, test: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let (outcome, next) = test(self.0.get())?;
        self.0.set(Some(next));
        Ok(outcome)
    }
}

/// A clock that says what it is told. It begins at zero, from which `governor` counts.
#[derive(Default)]
struct Told(Cell<Nanos>);

impl Clock for Told {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.0.get()
    }
}

/// Whether one more may be admitted at `now`: the token to keep when it is, or the moment from which it may be.
/// Without a token there was no admission yet. A pace of nothing an hour never admits.
pub fn take(per_hour: i64, token: Option<i64>, now: EventTime) -> Result<i64, Option<EventTime>> {
    let quota = quota(per_hour).ok_or(None)?;
    let before = token.and_then(|nanos| u64::try_from(nanos).ok()).map(Nanos::new);
    let limiter: RateLimiter<NotKeyed, Token, Told, NoOpMiddleware<Nanos>> =
        RateLimiter::new(quota, Token(Cell::new(before)), Told::default());
    limiter.clock().0.set(nanos(now));
    limiter.check().map_err(|wait| Some(moment(wait.earliest_possible())))?;
    let after = limiter.into_state_store().0.get().unwrap_or_default();
    Ok(i64::try_from(after.as_u64()).unwrap_or(i64::MAX))
}

fn quota(per_hour: i64) -> Option<Quota> {
    let each = Duration::from_millis(HOUR_MS.unsigned_abs()).checked_div(u32::try_from(per_hour).ok()?)?;
    let at_once = NonZeroU32::new(u32::try_from((per_hour / AT_ONCE_PART).max(1)).ok()?)?;
    Some(Quota::with_period(each)?.allow_burst(at_once))
}

fn nanos(at: EventTime) -> Nanos {
    Nanos::new(at.0.clamp(0, LATEST_MS).unsigned_abs() * NANOS_PER_MS)
}

/// The first millisecond that is not before it.
fn moment(at: Nanos) -> EventTime {
    EventTime(i64::try_from(at.as_u64().div_ceil(NANOS_PER_MS)).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: EventTime = EventTime(1_728_026_580_000);

    #[test]
    fn twelve_an_hour_are_two_at_once_and_then_one_in_five_minutes() {
        let mut token = None;
        for _ in 0..2 {
            token = Some(take(12, token, START).unwrap());
        }
        let next = START.plus_ms(5 * 60_000);
        assert_eq!(take(12, token, START), Err(Some(next)));
        assert_eq!(take(12, token, next.plus_ms(-1)), Err(Some(next)));
        token = Some(take(12, token, next).unwrap());
        assert_eq!(take(12, token, next), Err(Some(next.plus_ms(5 * 60_000))));
    }

    #[test]
    fn a_silence_saves_no_more_than_may_go_at_once() {
        let token = Some(take(12, None, START).unwrap());
        let later = START.plus_ms(30 * 24 * HOUR_MS);
        let token = Some(take(12, token, later).unwrap());
        let token = Some(take(12, token, later).unwrap());
        assert!(take(12, token, later).is_err());
    }

    #[test]
    fn nothing_an_hour_admits_nothing_and_absurd_times_do_not_end_the_process() {
        assert_eq!(take(0, None, START), Err(None));
        assert_eq!(take(-1, None, START), Err(None));
        for at in [i64::MIN, -1, 0, LATEST_MS, i64::MAX] {
            let token = take(100_000_000, None, EventTime(at)).unwrap();
            assert!(take(100_000_000, Some(token), EventTime(at)).is_ok());
            assert!(take(1, Some(i64::MAX), EventTime(at)).is_err());
        }
    }

    proptest! {
        /// In any stretch of time no more than what may go at once and what the pace lets through meanwhile.
        #[test]
        fn the_pace_is_kept(per_hour in 1i64..2_000, gaps in prop::collection::vec(0i64..20 * 60_000, 1..200)) {
            let (mut token, mut now, mut admitted) = (None, START, Vec::new());
            for gap in gaps {
                now = now.plus_ms(gap);
                if let Ok(next) = take(per_hour, token, now) {
                    token = Some(next);
                    admitted.push(now.0);
                }
            }
            let at_once = (per_hour / AT_ONCE_PART).max(1);
            for (n, first) in admitted.iter().enumerate() {
                for (m, last) in admitted.iter().enumerate().skip(n) {
                    let most = at_once * HOUR_MS + (last - first + 1) * per_hour;
                    prop_assert!((m - n + 1) as i64 * HOUR_MS <= most, "{} in {} ms", m - n + 1, last - first);
                }
            }
        }
    }
}
