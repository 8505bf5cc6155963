//! The partner view: rates, guard, quota and ledger of one partner at one moment.

use super::Shard;
use super::admission::Contracts;
use super::budget;
use super::codec::Cell;
use super::quota::{Period, day_in};
use super::rates::{BUCKETS, Drawdowns, Ratio, Told};
use super::stock::Stock;
use super::windows::due;
use crate::domain::time::DAY_MS;
use crate::domain::view::{DataState, PartnerView};
use crate::domain::{CalendarDay, Counter, EventTime, Family, Output, Text};

/// Most views that one transaction writes; the rest is due at the next one.
pub const VIEWS_PER_SEAL_MAX: usize = 1_000;

/// Days after the first due date at which first-payment default is read.
const FPD_DAYS: [(i32, &str, Counter); 4] = [
    (1, "fpd_1", Counter::FirstLate1),
    (7, "fpd_7", Counter::FirstLate7),
    (15, "fpd_15", Counter::FirstLate15),
    (30, "fpd_30", Counter::FirstLate30),
];

impl Shard {
    /// Writes the views that are due, and looks whether a fall of the rate is foreign.
    pub(super) fn write_views(&mut self, now: EventTime, contracts: &impl Contracts, out: &mut Vec<Output>) {
        let mut due = std::mem::take(&mut self.due);
        self.partners.due(now, VIEWS_PER_SEAL_MAX, &mut due);
        for partner in &due {
            let terms = contracts.in_force(now, partner).map(|contract| &contract.guard);
            self.report_foreign_decline(partner, terms, now, out);
            let mut view = self.spent.views.take_or(Box::default);
            self.view(partner, now, contracts, &mut view);
            self.report_shifts(partner, &view.scores, now, out);
            self.partners.edit(partner).view_at = Some(now);
            let next = self.falls_idle_at(&view).map(|at| at.max(now.plus_ms(self.settings.view_every_ms)));
            self.partners.owe(partner, next);
            out.push(Output::View(view));
        }
        self.due = due;
    }

    /// When a live partner becomes idle if nothing more is heard of it.
    fn falls_idle_at(&self, view: &PartnerView) -> Option<EventTime> {
        let newest = view.last_event_at.filter(|_| view.state == DataState::Live)?;
        Some(newest.plus_ms(self.idle_after_ms()).plus_ms(1))
    }

    /// The view of one partner, over one that was written before.
    fn view(&mut self, partner: &Text, now: EventTime, contracts: &impl Contracts, view: &mut PartnerView) {
        let contract = contracts.in_force(now, partner);
        let today = contract.map_or(now.utc_day(), |contract| day_in(&contract.zone, now));
        let state = self.data_state(partner, now);
        let stock = Stock::read(&self.panes, partner, today);
        let held = self.ledger.held(partner);
        let account = contract.map(|contract| self.quotas.at(partner, Period::of(contract, now)));
        let quota_hour_max = contract.and_then(|contract| contract.quota_per_hour);
        let average_cost_max_ppm = contract.and_then(|contract| contract.budgets.avg_cost_max_ppm(now));
        view.partner.clone_from(partner);
        view.at = now;
        view.last_event_at = self.partners.get(partner).and_then(|known| known.newest_event_at);
        view.state = state;
        self.rates(partner, &stock, today, now, &mut Told::new(&mut view.rates, state, self.settings.min_n));
        view.guard.clear();
        view.budgets.clear();
        if let Some(contract) = contract {
            self.guard(partner, &contract.guard, now).view(&contract.guard, &mut view.guard);
        }
        if let Some((contract, account)) = contract.zip(account) {
            budget::view(contract, &account, held, &mut view.budgets);
        }
        view.quota_day_used = account.map_or(0, |account| account.admitted);
        view.quota_day_max = contract.map(|contract| contract.quota_per_day);
        view.live_candidates = held.live;
        view.outstanding = stock.total();
        view.currency = contract.map(|contract| contract.currency.clone());
        view.policy_version = contracts.version_in_force(now);
        view.quota_hour_used = quota_hour_max.and(account).map(|account| account.admitted_hour);
        view.quota_hour_max = quota_hour_max;
        view.average_cost_ppm =
            average_cost_max_ppm.and(account).and_then(|account| budget::average_cost_ppm(&account));
        view.average_cost_max_ppm = average_cost_max_ppm;
        view.scores = self.shifts(partner, now, contracts);
    }

    fn rates(&mut self, partner: &Text, stock: &Stock, today: CalendarDay, now: EventTime, told: &mut Told<'_>) {
        for (window, length_ms) in &self.settings.windows {
            let flows = [Family::DecisionFlow, Family::ApplicationCohort, Family::DrawdownCohort]
                .map(|family| self.windows.sum(&self.panes, partner, family, *length_ms, now));
            let mut push = |name: &str, ratio: Ratio| told.push([name, ""], window, ratio);
            flow_rates(&flows, &mut push);
            // A due date is a day: a shorter window has no instalments of its own.
            let days = i32::try_from(length_ms / DAY_MS).unwrap_or(i32::MAX);
            if days > 0 {
                self.due_rates(partner, today, days, &mut push);
            }
        }
        self.bucket_rates(partner, today, told);
        stock.rates(told);
        if let Some(snapshots) = self.snapshots.get(partner) {
            snapshots.rates(told);
        }
        told.end();
    }

    /// Rates over due dates in the window up to yesterday, and over first due dates whose k days have passed in it.
    fn due_rates(&self, partner: &Text, today: CalendarDay, days: i32, push: &mut dyn FnMut(&str, Ratio)) {
        let back = |days: i32| CalendarDay(today.0.saturating_sub(days));
        let book = due(&self.panes, partner, back(days), back(1));
        let count = |counter| book.count(counter);
        let all = count(Counter::InstalmentsDue);
        let settled_late = LATE.iter().fold(0i64, |sum, counter| sum.saturating_add(count(*counter)));
        let late = count(Counter::InstalmentsOpen).saturating_add(settled_late);
        push("overdue_instalments", Ratio::of(late, all));
        // A guarantor pays after the due date, so a compensated instalment stands in a late bucket already; only where
        // more were compensated than were late do some of them count on top.
        let by_customer =
            count(Counter::InstalmentsOpen).saturating_add(settled_late.max(count(Counter::SettledCompensated)));
        push("overdue_instalments_customer", Ratio::of(by_customer, all));
        push("compensation", Ratio::of(count(Counter::SettledCompensated), all));
        for (k, name, late) in FPD_DAYS {
            let firsts = due(&self.panes, partner, back(k.saturating_add(days).saturating_sub(1)), back(k));
            let bad = firsts.count(late).saturating_add(firsts.count(Counter::FirstOpen));
            push(name, Ratio::of(bad, firsts.count(Counter::FirstDue)));
        }
    }

    /// Of the instalments that are so many days past their due date today: the share still open.
    fn bucket_rates(&self, partner: &Text, today: CalendarDay, told: &mut Told<'_>) {
        for bucket in BUCKETS.iter().filter(|bucket| bucket.to > 0) {
            let (first, last) = bucket.due_dates(today);
            let mut book = due(&self.panes, partner, first, last);
            if bucket.to == i32::MAX {
                book.add_older(&self.panes, partner);
            }
            let (open, all) = (book.count(Counter::InstalmentsOpen), book.count(Counter::InstalmentsDue));
            told.push(["overdue_instalments_", bucket.name], "book", Ratio::of(open, all));
            let by_customer = open.saturating_add(book.count(Counter::SettledCompensated));
            told.push(["overdue_instalments_customer_", bucket.name], "book", Ratio::of(by_customer, all));
        }
    }
}

const LATE: [Counter; 7] = [
    Counter::Settled1To3,
    Counter::Settled4To7,
    Counter::Settled8To15,
    Counter::Settled16To30,
    Counter::Settled31To60,
    Counter::Settled61To90,
    Counter::Settled90Plus,
];

fn flow_rates(flows: &[Cell; 3], push: &mut dyn FnMut(&str, Ratio)) {
    let [decisions, cohort, drawdowns] = flows;
    let of = |cell: &Cell, hit, miss| {
        let (hits, misses) = (cell.get(hit).count, cell.get(miss).count);
        Ratio::of(hits, hits.saturating_add(misses))
    };
    push("limit_approval", of(decisions, Counter::Approved, Counter::Declined));
    push("limit_approval_cohort", of(cohort, Counter::CohortApproved, Counter::CohortDeclined));
    let drawdowns = Drawdowns::of(drawdowns);
    push("drawdown_pass", drawdowns.pass());
    push("drawdown_pass_own", drawdowns.pass_own());
    push("end_to_end", Ratio::of(cohort.get(Counter::CohortDisbursed).count, cohort.get(Counter::Submitted).count));
}
