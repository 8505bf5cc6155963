//! Who the customers are: everything about a person is drawn from the seed and the person's number.

use super::dice::{Dice, Purpose};
use super::partners::{PARTNERS, Profile};
use crate::domain::events::{Flag, OwnProductState};
use crate::domain::{EventTime, Text};

/// The lender to whom consents are given.
pub const LENDER: &str = "demo-lender";
/// Region tokens; the last two are where the demo's lender may not act.
pub const REGIONS: [&str; 10] = ["r01", "r02", "r03", "r04", "r05", "r06", "r07", "r08", "r88", "r99"];
/// How many employer tokens there are; the demo's policy excludes some of the first.
pub const EMPLOYERS_COUNT: u64 = 400;
/// Bands of the lender's own risk verdict, best first, with their shares.
const BANDS: [(&str, u32); 5] = [("A", 22), ("B", 34), ("C", 26), ("D", 12), ("E", 6)];
/// Every that-many-th person works for a partner.
pub const STAFF_EVERY: u32 = 150;

/// How a person pays instalments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Punctuality {
    Early,
    OnTime,
    DaysLate,
    WeeksLate,
    Never,
}

/// What the lender's own risk model said, if it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnVerdict {
    pub band: &'static str,
    pub valid_days: i32,
}

/// One person.
#[derive(Clone, Debug)]
pub struct Person {
    pub region: Option<&'static str>,
    pub employer: Option<Text>,
    /// Knows nothing of the person but applications: no profile record exists.
    pub unprofiled: bool,
    pub consents: bool,
    pub withdrew: bool,
    pub flag: Option<Flag>,
    pub own_product: OwnProductState,
    pub verdict: Option<OwnVerdict>,
    pub lenders: Option<i32>,
    pub debt_burden_ppm: Option<i64>,
    pub staff: bool,
    pub punctuality: Punctuality,
    /// Had a loan before the history begins.
    pub veteran: bool,
    /// 1 for most; 2 or 3 for those who borrow through several doors.
    pub memberships: usize,
}

/// The token of a person: the same whatever the seed, so that a policy can name one.
pub fn token(number: u32) -> Text {
    use std::fmt::Write;
    let mut text = Text::const_new("c");
    // Writing to a string cannot fail.
    let _ = write!(text, "{:012x}", Dice::of(0, Purpose::Token, u64::from(number)).next() >> 16);
    text
}

/// The token of an employer.
fn employer(number: u64) -> Text {
    compact_str::format_compact!("emp{number:04}")
}

impl Person {
    /// The person of that number, whose first door is `home`.
    pub fn of(seed: u64, number: u32, home: &Profile) -> Self {
        let dice = &mut Dice::of(seed, Purpose::Person, u64::from(number));
        Self {
            region: (!dice.happens(30_000))
                .then(|| REGIONS[dice.weighted([20, 16, 14, 12, 10, 9, 8, 6, 3, 2].into_iter())]),
            employer: dice.happens(600_000).then(|| employer(dice.below(EMPLOYERS_COUNT))),
            unprofiled: dice.happens(20_000),
            consents: dice.happens(home.consenting_ppm),
            withdrew: dice.happens(40_000),
            flag: dice.happens(50_000).then(|| flag(dice)),
            own_product: own_product(dice),
            verdict: (!dice.happens(50_000)).then(|| verdict(dice)),
            lenders: (!dice.happens(40_000)).then(|| lenders(dice)),
            debt_burden_ppm: (!dice.happens(30_000)).then(|| dice.between(80_000, 620_000)),
            staff: number % STAFF_EVERY == STAFF_EVERY / 2,
            punctuality: punctuality(dice),
            veteran: dice.happens(300_000),
            memberships: [1, 2, 3][dice.weighted([850, 130, 20].into_iter())],
        }
    }
}

fn flag(dice: &mut Dice) -> Flag {
    const SHARES: [(Flag, u32); 10] = [
        (Flag::OptOut, 30),
        (Flag::Complaint, 12),
        (Flag::Dispute, 10),
        (Flag::Hardship, 14),
        (Flag::InCollection, 8),
        (Flag::Student, 14),
        (Flag::SelfExclusion, 4),
        (Flag::Abuse, 5),
        (Flag::Fraud, 4),
        (Flag::OwnStaff, 3),
    ];
    SHARES[dice.weighted(SHARES.iter().map(|(_, share)| *share))].0
}

fn own_product(dice: &mut Dice) -> OwnProductState {
    use OwnProductState as S;
    [S::None, S::Active, S::Frozen, S::Expired, S::Closed][dice.weighted([86, 7, 1, 3, 3].into_iter())]
}

fn verdict(dice: &mut Dice) -> OwnVerdict {
    let band = BANDS[dice.weighted(BANDS.iter().map(|(_, share)| *share))].0;
    OwnVerdict { band, valid_days: if dice.happens(60_000) { 3 } else { 180 } }
}

fn lenders(dice: &mut Dice) -> i32 {
    1 + dice.weighted([34, 28, 17, 10, 6, 3, 2].into_iter()) as i32
}

fn punctuality(dice: &mut Dice) -> Punctuality {
    use Punctuality as P;
    [P::Early, P::OnTime, P::DaysLate, P::WeeksLate, P::Never][dice.weighted([12, 71, 9, 4, 4].into_iter())]
}

/// The partners through which a person borrows, the first door first, each once.
pub fn memberships(seed: u64, number: u32, weights: impl Iterator<Item = u32> + Clone) -> Vec<usize> {
    let dice = &mut Dice::of(seed, Purpose::Membership, u64::from(number));
    let mut doors = vec![dice.weighted(weights.clone())];
    let wanted =
        doors.first().and_then(|home| PARTNERS.get(*home)).map_or(1, |home| Person::of(seed, number, home).memberships);
    while doors.len() < wanted {
        let others = weights.clone().enumerate().map(|(i, weight)| if doors.contains(&i) { 0 } else { weight });
        let door = dice.weighted(others);
        doors.push(door);
    }
    doors
}

/// What an application asks for and would cost: the limit in minor units, the all-in cost in parts per million.
pub fn limit_and_cost(seed: u64, account: usize) -> (i64, i64) {
    let dice = &mut Dice::of(seed, Purpose::Limit, account as u64);
    (dice.between(20, 200) * 10_000, dice.between(1_600, 2_399) * 100)
}

/// When the lender's own verdict was made: shortly before the application was decided.
pub fn verdict_time(decided: EventTime) -> EventTime {
    decided.plus_ms(-crate::domain::time::MINUTE_MS)
}
