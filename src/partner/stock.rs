//! The stock by days past due, and its daily snapshots, from which roll rates are read.

use compact_str::format_compact;

use super::panes::{Panes, Width};
use super::rates::{BUCKETS, Bucket, Ratio, Told};
use crate::domain::counter::{Family, Tally};
use crate::domain::time::DAY_MS;
use crate::domain::{CalendarDay, Counter, Text};
use crate::record;
use crate::store::Sorted;

/// Open loans of one partner by bucket of days past due on one day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stock {
    /// Loans with their outstanding principal.
    pub loans: [Tally; BUCKETS.len()],
    /// Of them, those that another than the customer paid for.
    pub compensated: [Tally; BUCKETS.len()],
    /// Of the loans, those on the bucket's first day: they were in the bucket before a day ago.
    pub entered: [Tally; BUCKETS.len()],
}

impl Stock {
    pub fn read(panes: &Panes, partner: &str, today: CalendarDay) -> Self {
        let mut stock = Self::default();
        for (start, cell) in panes.range(partner, Family::Stock, Width::Day, i64::MIN, i64::MAX) {
            let due = i32::try_from(start.div_euclid(DAY_MS)).unwrap_or(i32::MAX);
            let days_past_due = today.days_since(CalendarDay(due));
            let position = Bucket::position(days_past_due);
            stock.loans[position].add(cell.get(Counter::StockLoans));
            stock.compensated[position].add(cell.get(Counter::StockCompensated));
            if BUCKETS[position].from == days_past_due {
                stock.entered[position].add(cell.get(Counter::StockLoans));
            }
        }
        stock
    }

    pub fn total(&self) -> Tally {
        sum(&self.loans)
    }

    /// `overdue_balance` for all payers and for customer payments only, and by bucket.
    pub fn rates(&self, told: &mut Told<'_>) {
        let (total, current) = (self.total(), self.loans[0].amount_minor);
        let overdue = total.amount_minor.saturating_sub(current);
        // A current loan that a guarantor paid for is overdue by the customer's own payments.
        let by_customer = overdue.saturating_add(self.compensated[0].amount_minor);
        let mut push = |name, part| told.push(name, "now", Ratio::of_amount(part, total));
        push(["overdue_balance", ""], overdue);
        push(["overdue_balance_customer", ""], by_customer);
        for (bucket, loans) in BUCKETS.iter().zip(&self.loans) {
            push(["overdue_balance_", bucket.name], loans.amount_minor);
        }
    }
}

fn sum(tallies: &[Tally]) -> Tally {
    tallies.iter().fold(Tally::default(), |mut sum, tally| {
        sum.add(*tally);
        sum
    })
}

/// The stock as a day began (UTC).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub day: CalendarDay,
    pub loans: Vec<Tally>,
    pub entered: Vec<Tally>,
}
record!(Snapshot { day, loans, entered });

/// The last two snapshots of a partner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshots {
    pub last: Snapshot,
    pub before: Option<Snapshot>,
}
record!(Snapshots { last, before });

impl Snapshots {
    /// `roll_a_b`: of the balance that stood in bucket a a day ago, the part that stands in bucket b now.
    ///
    /// What rolled is read off the first day of bucket b: a loan comes there from bucket a only. Two days without a
    /// snapshot between them say nothing about a day's roll, so then there is no rate.
    pub fn rates(&self, told: &mut Told<'_>) {
        let Some(before) = self.before.as_ref().filter(|before| self.last.day.days_since(before.day) == 1) else {
            return;
        };
        let steps = BUCKETS.windows(2).zip(&before.loans).zip(self.last.entered.iter().skip(1));
        for ((buckets, was), rolled) in steps {
            if let [from, to] = buckets {
                let name = format_compact!("roll_{}_", from.name);
                told.push([&name, to.name], "1d", Ratio::of_amount(rolled.amount_minor, *was));
            }
        }
    }
}

/// Takes the snapshot of `today` for one partner.
pub fn snapshot(table: &mut Sorted<Text, Snapshots>, panes: &Panes, partner: &Text, today: CalendarDay) {
    let stock = Stock::read(panes, partner, today);
    let known = table.get(partner).map(|snapshots| snapshots.last.clone());
    if stock == Stock::default() && known.is_none() {
        return;
    }
    let last = Snapshot { day: today, loans: stock.loans.to_vec(), entered: stock.entered.to_vec() };
    table.put(partner.clone(), Snapshots { last, before: known });
}
