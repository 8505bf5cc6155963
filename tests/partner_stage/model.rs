//! The partner stage as its rules read: everything that ever happened is kept, and added up anew each time.

use std::collections::{BTreeMap, BTreeSet};

use reflow::domain::fact::{SettlementKind, Verdict};
use reflow::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS};
use reflow::domain::{Counter, Delta, EventTime, FactBundle, Output, Proposal, Settlement, Text};
use reflow::partner::{AT_ONCE_PART, STALE_HOLD_MS_MAX};
use reflow::policy::{Contract, GuardTerms, Horizon};

use crate::market::{Book, CUSTOMER_SHARDS, STALE_MS};
use crate::scenes::replies;

/// An admitted candidate, live or ended.
#[derive(Clone, Debug)]
struct Admitted {
    candidate: Text,
    partner: Text,
    requested_at: EventTime,
    at: EventTime,
    expires_at: EventTime,
    coupon_minor: i64,
    exposure_minor: i64,
    cost_ppm: Option<i64>,
    /// `None` while it is live; a kind when it was settled.
    ended: Option<Option<SettlementKind>>,
}

/// Everything that ever happened.
#[derive(Default)]
pub struct Model {
    deltas: Vec<Delta>,
    admitted: Vec<Admitted>,
    heard: [Option<EventTime>; CUSTOMER_SHARDS as usize],
    /// Closed horizons, and the minute in which they were last looked at.
    closed: BTreeSet<(Text, Text)>,
    looked_at: Option<EventTime>,
    stale_since: Option<EventTime>,
    began_current: bool,
    room: BTreeMap<Text, i64>,
    known: BTreeSet<Text>,
}

/// The moment at which a window begins, with the pane that moment lies in as a whole.
fn window_start(now: EventTime, length_ms: i64) -> i64 {
    let first = now.floor(MINUTE_MS).plus_ms(MINUTE_MS - length_ms);
    match () {
        _ if first >= now.floor(MINUTE_MS).plus_ms(-2 * HOUR_MS) => first.0,
        _ if first >= now.floor(HOUR_MS).plus_ms(-35 * DAY_MS) => first.floor(HOUR_MS).0,
        _ => first.floor(DAY_MS).0,
    }
}

fn up(a: i128, b: i128) -> i128 {
    (a + b - 1) / b
}

/// One horizon with `more` admissions on top.
struct Sight {
    judged: bool,
    effect: i128,
    share: i128,
    projected: i128,
    ours: i128,
}

impl Model {
    fn count(&self, partner: &str, counter: Counter, now: EventTime, length_ms: i64) -> i128 {
        let window = window_start(now, length_ms)..=now.floor(MINUTE_MS).0;
        let inside =
            self.deltas.iter().filter(|d| d.partner == partner && d.counter == counter && window.contains(&d.at));
        i128::from(inside.map(|d| d.change.count).sum::<i64>())
    }

    fn live<'a>(&'a self, partner: &'a str) -> impl Iterator<Item = &'a Admitted> {
        self.admitted.iter().filter(move |a| a.partner == partner && a.ended.is_none())
    }

    fn sight(&self, terms: &GuardTerms, horizon: &Horizon, partner: &str, now: EventTime, more: i128) -> Sight {
        let five = |ms| {
            [
                Counter::DrawdownDisbursed,
                Counter::DrawdownDeclined,
                Counter::DrawdownDiverted,
                Counter::DrawdownCancelled,
                Counter::DrawdownTimedOut,
            ]
            .map(|counter| self.count(partner, counter, now, ms))
        };
        let held_out =
            [Counter::HeldOutDisbursed, Counter::HeldOutDeclined, Counter::HeldOutCancelled, Counter::HeldOutTimedOut]
                .map(|counter| self.count(partner, counter, now, 28 * DAY_MS));
        let [c, d, _, k, t] = five(28 * DAY_MS);
        let enough = i128::from(terms.holdout_min_n.unwrap_or(terms.min_n));
        let [c, d, k, t] = if held_out.iter().sum::<i128>() >= enough { held_out } else { [c, d, k, t] };
        let q = if c + d + k + t == 0 { 1_000_000 } else { up(c * 1_000_000, c + d + k + t) };
        let [c, d, x, k, t] = five(horizon.length_ms);
        let start = window_start(now, horizon.length_ms);
        let r = self.live(partner).filter(|l| l.requested_at.0 >= start).count() as i128 + more;
        let concluded = c + d + x + k + t;
        let n = concluded + r + 1;
        Sight {
            judged: concluded >= i128::from(terms.min_n),
            effect: up(q * (x + r + 1), n),
            share: up(1_000_000 * (x + r + 1), n),
            projected: c * 1_000_000 / n,
            ours: x + r + 1,
        }
    }

    /// Why the guard would refuse one more after `more` admissions.
    fn guard(&self, terms: &GuardTerms, partner: &str, now: EventTime, more: i128) -> Vec<&'static str> {
        let [mut effect, mut share, mut floor, mut few] = [false; 4];
        for horizon in &terms.horizons {
            let sight = self.sight(terms, horizon, partner, now, more);
            if !sight.judged {
                few |= sight.ours > i128::from(terms.below_min_n_max);
                continue;
            }
            let closed = self.closed.contains(&(Text::from(partner), horizon.name.clone()));
            effect |= sight.effect > i128::from(horizon.effect_max_ppm) || closed && terms.reopen_margin_ppm.is_some();
            share |= terms.diverted_share_max_ppm.is_some_and(|most| sight.share > i128::from(most));
            floor |= terms.drawdown_pass_floor_ppm.is_some_and(|floor| sight.projected < i128::from(floor));
        }
        effect |= self.live(partner).count() as i128 + more + 1 > i128::from(terms.reserved_max);
        let approval = terms.limit_approval_min_ppm.is_some_and(|least| {
            let of = |ms| [Counter::Approved, Counter::Declined].map(|counter| self.count(partner, counter, now, ms));
            let read = [DAY_MS, 28 * DAY_MS].map(of).into_iter().find(|[a, d]| a + d >= i128::from(terms.min_n));
            read.is_none_or(|[a, d]| a * 1_000_000 / (a + d) < i128::from(least))
        });
        let codes = [
            (effect, "HOLD_REFLOW_EFFECT"),
            (share, "HOLD_DIVERTED_SHARE"),
            (floor, "HOLD_DRAWDOWN_PASS_FLOOR"),
            (few, "HOLD_MIN_N"),
            (approval, "HOLD_LIMIT_APPROVAL"),
        ];
        codes.into_iter().filter(|(failed, _)| *failed).map(|(_, code)| code).collect()
    }

    /// The day of the contract, in UTC+8 with its cut-off, and the hour there.
    fn day(contract: &Contract, at: EventTime) -> i64 {
        at.plus_ms(8 * HOUR_MS - contract.day_begins_at_ms).0.div_euclid(DAY_MS)
    }

    /// No stretch of time up to now holds more than may go at once and what the pace lets through meanwhile.
    fn paced(&self, partner: &str, per_hour: i64, now: EventTime) -> bool {
        let each_ns = i128::from(HOUR_MS) * 1_000_000 / i128::from(per_hour.max(1));
        let at_once = i128::from((per_hour / AT_ONCE_PART).max(1));
        let past: Vec<i64> = self.admitted.iter().filter(|a| a.partner == partner).map(|a| a.at.0).collect();
        past.iter().enumerate().all(|(i, first)| {
            let since = (past.len() - i) as i128;
            i128::from(now.0 - first) * 1_000_000 >= (since - at_once + 1) * each_ns
        })
    }

    /// Why quotas and budgets would refuse one more.
    fn allowance(&self, contract: &Contract, proposal: &Proposal, now: EventTime) -> Vec<&'static str> {
        let of = || self.admitted.iter().filter(|a| a.partner == proposal.partner);
        let today = || of().filter(|a| Self::day(contract, a.at) == Self::day(contract, now));
        let hour = |at: EventTime| at.plus_ms(8 * HOUR_MS).0.div_euclid(HOUR_MS);
        let (coupon, exposure) = money(proposal);
        let offers =
            today().filter(|a| matches!(a.ended, None | Some(Some(SettlementKind::Diverted | SettlementKind::Kept))));
        let coupons = today().filter(|a| matches!(a.ended, None | Some(Some(SettlementKind::Diverted))));
        let coupons: i64 = coupons.map(|a| a.coupon_minor).sum();
        let exposures: i64 = self.live(&proposal.partner).map(|a| a.exposure_minor).sum();
        let hourly =
            contract.quota_per_hour.is_some_and(|most| of().filter(|a| hour(a.at) == hour(now)).count() as i64 >= most);
        let budgets = &contract.budgets;
        let coupon_over =
            coupon.is_none_or(|amount| amount > 0 && coupons + amount > budgets.coupon_minor_per_day.unwrap_or(0));
        let codes = [
            (today().count() as i64 >= contract.quota_per_day, "HOLD_QUOTA_DAY"),
            (hourly, "HOLD_QUOTA_HOUR"),
            (contract.quota_per_hour.is_some_and(|rate| !self.paced(&proposal.partner, rate, now)), "HOLD_PACE"),
            (budgets.offers_per_day.is_some_and(|most| offers.count() as i64 >= most), "HOLD_BUDGET_OFFERS"),
            (budgets.coupon_minor_per_day.is_some() && coupon_over, "HOLD_BUDGET_COUPON"),
            (
                budgets.exposure_minor.is_some_and(|most| exposure > 0 && exposures + exposure > most),
                "HOLD_BUDGET_EXPOSURE",
            ),
            (
                exposure > 0
                    && budgets.avg_cost_max_ppm(now).is_some_and(|most| {
                        self.average_cost(contract, proposal, now).is_none_or(|average| average > i128::from(most))
                    }),
                "HOLD_AVG_COST",
            ),
        ];
        codes.into_iter().filter(|(failed, _)| *failed).map(|(_, code)| code).collect()
    }

    /// The cost of this month's live and taken candidates with this one, weighed by exposure.
    fn average_cost(&self, contract: &Contract, proposal: &Proposal, now: EventTime) -> Option<i128> {
        let own = proposal.candidate.offer.all_in_cost_ppm?;
        let month = |at| {
            let day = jiff::civil::date(1970, 1, 1) + jiff::Span::new().days(Self::day(contract, at));
            (day.year(), day.month())
        };
        let counted = self.admitted.iter().filter(|a| {
            a.partner == proposal.partner
                && month(a.at) == month(now)
                && matches!(a.ended, None | Some(Some(SettlementKind::Diverted)))
        });
        let costs = counted.filter_map(|a| Some((a.exposure_minor, a.cost_ppm?)));
        let costs: Vec<(i64, i64)> = costs.chain([(money(proposal).1, own)]).collect();
        let weight: i128 = costs.iter().map(|(weight, _)| i128::from(*weight)).sum();
        Some(up(costs.iter().map(|(weight, ppm)| i128::from(*weight) * i128::from(*ppm)).sum(), weight))
    }

    fn is_stale(&self, now: EventTime) -> bool {
        self.heard.iter().any(|heard| heard.is_none_or(|at| now.ms_since(at) > STALE_MS))
    }

    fn judge(&self, contract: &Contract, proposal: &Proposal, now: EventTime) -> Vec<&'static str> {
        let mut codes = Vec::new();
        if now > proposal.candidate.decide_by {
            codes.push("GATE_DEADLINE");
        }
        let holds = contract.guard.stale_holds
            && self.stale_since.is_some_and(|since| now.ms_since(since) <= STALE_HOLD_MS_MAX)
            && self.room.get(&proposal.partner).is_some_and(|room| *room > 0);
        if self.is_stale(now) && !holds {
            codes.push("DATA_STALE");
        }
        codes.extend(self.guard(&contract.guard, &proposal.partner, now, 0));
        codes.extend(self.allowance(contract, proposal, now));
        codes
    }

    /// What comes before anything else that a step does: closed horizons are looked at once a minute.
    pub fn step(&mut self, book: &Book, now: EventTime) {
        if self.closed.is_empty() || self.looked_at == Some(now.floor(MINUTE_MS)) {
            return;
        }
        self.looked_at = Some(now.floor(MINUTE_MS));
        let closed = std::mem::take(&mut self.closed);
        let still = |(partner, name): &(Text, Text)| {
            let terms = &book.contract(partner).guard;
            let horizon = terms.horizons.iter().find(|horizon| horizon.name == *name).unwrap();
            let sight = self.sight(terms, horizon, partner, now, 0);
            let most = horizon.effect_max_ppm - terms.reopen_margin_ppm.unwrap();
            sight.judged && sight.effect > i128::from(most)
        };
        self.closed = closed.into_iter().filter(still).collect();
    }

    /// Whether the data are current is looked at after a bundle's header was read, or at the end of a tick.
    pub fn look(&mut self, book: &Book, now: EventTime) {
        if !self.is_stale(now) {
            (self.stale_since, self.began_current) = (None, true);
            self.room.clear();
        } else if self.stale_since.is_none() {
            self.stale_since = Some(now);
            for partner in self.known.iter().filter(|_| self.began_current) {
                let terms = &book.contract(partner).guard;
                if terms.stale_holds {
                    let room = (0..).find(|more| !self.guard(terms, partner, now, *more).is_empty()).unwrap();
                    self.room.insert(partner.clone(), room as i64);
                }
            }
        }
    }

    pub fn tick(&mut self, book: &Book, now: EventTime) {
        self.step(book, now);
        for live in self.admitted.iter_mut().filter(|a| a.ended.is_none() && a.expires_at <= now) {
            live.ended = Some(None);
        }
        self.look(book, now);
    }

    /// Takes a bundle, and compares each answer.
    pub fn take(&mut self, book: &Book, bundle: &FactBundle, now: EventTime, out: &[Output]) {
        self.step(book, now);
        let header = &bundle.header;
        self.heard[header.source_shard as usize] = Some(header.now);
        self.look(book, now);
        self.known.extend(bundle.deltas.iter().map(|delta| delta.partner));
        self.deltas.extend(bundle.deltas.iter());
        // What ends a candidate of this very bundle is taken after the proposals.
        let own = |s: &&Settlement| bundle.proposals.iter().any(|p| p.candidate.candidate == s.candidate);
        bundle.settlements.iter().filter(|settlement| !own(settlement)).for_each(|settlement| self.settle(settlement));
        let answers: Vec<_> = replies(out).into_iter().filter(|(_, r)| r.verdict != Verdict::Released).collect();
        assert_eq!(answers.len(), bundle.proposals.len(), "exactly one reply per proposal");
        for (proposal, (shard, reply)) in bundle.proposals.iter().zip(answers) {
            assert_eq!((&reply.candidate, shard), (&proposal.candidate.candidate, header.source_shard));
            let contract = book.contract(&proposal.partner);
            let expected = self.judge(contract, proposal, now);
            assert_eq!(reply.reasons, expected, "{} of {}", proposal.candidate.candidate, proposal.partner);
            assert_eq!(reply.verdict == Verdict::Admitted, expected.is_empty());
            self.known.insert(proposal.partner.clone());
            self.close(&contract.guard, &proposal.partner, now);
            if let Some(expires_at) = reply.expires_at {
                self.admit(contract, proposal, now, expires_at);
            }
        }
        bundle.settlements.iter().filter(own).for_each(|settlement| self.settle(settlement));
    }

    fn settle(&mut self, settlement: &Settlement) {
        let live = self.admitted.iter_mut().find(|a| a.candidate == settlement.candidate && a.ended.is_none());
        if let Some(live) = live {
            live.ended = Some(Some(settlement.kind));
        }
    }

    /// A horizon above its maximum as a proposal met it is closed.
    fn close(&mut self, terms: &GuardTerms, partner: &Text, now: EventTime) {
        for horizon in terms.horizons.iter().filter(|_| terms.reopen_margin_ppm.is_some()) {
            let sight = self.sight(terms, horizon, partner, now, 0);
            if sight.judged && sight.effect > i128::from(horizon.effect_max_ppm) {
                self.closed.insert((partner.clone(), horizon.name.clone()));
                self.looked_at = Some(now.floor(MINUTE_MS));
            }
        }
    }

    /// Notes an admission; nothing may be overspent with it.
    fn admit(&mut self, contract: &Contract, proposal: &Proposal, now: EventTime, expires_at: EventTime) {
        if let Some(room) = self.room.get_mut(&proposal.partner).filter(|_| self.stale_since.is_some()) {
            *room -= 1;
        }
        let (coupon, exposure_minor) = money(proposal);
        self.admitted.push(Admitted {
            candidate: proposal.candidate.candidate.clone(),
            partner: proposal.partner.clone(),
            requested_at: proposal.requested_at,
            at: now,
            expires_at,
            coupon_minor: coupon.unwrap_or(0),
            exposure_minor,
            cost_ppm: proposal.candidate.offer.all_in_cost_ppm,
            ended: None,
        });
        self.nothing_is_overspent(contract, now);
    }

    fn nothing_is_overspent(&self, contract: &Contract, now: EventTime) {
        let of = || self.admitted.iter().filter(|a| a.partner == contract.partner);
        let live = || of().filter(|a| a.ended.is_none());
        let today = || of().filter(|a| Self::day(contract, a.at) == Self::day(contract, now));
        let within = |used: i64, most: Option<i64>| assert!(most.is_none_or(|most| used <= most), "{used} of {most:?}");
        within(live().count() as i64, Some(contract.guard.reserved_max));
        within(today().count() as i64, Some(contract.quota_per_day));
        within(of().filter(|a| a.at.floor(HOUR_MS) == now.floor(HOUR_MS)).count() as i64, contract.quota_per_hour);
        let unspent = |a: &&Admitted| {
            a.ended.is_none_or(|how| matches!(how, Some(SettlementKind::Diverted | SettlementKind::Kept)))
        };
        within(today().filter(unspent).count() as i64, contract.budgets.offers_per_day);
        let paid = today().filter(|a| matches!(a.ended, None | Some(Some(SettlementKind::Diverted))));
        within(paid.map(|a| a.coupon_minor).sum(), contract.budgets.coupon_minor_per_day);
        within(live().map(|a| a.exposure_minor).sum(), contract.budgets.exposure_minor);
    }
}

/// Face value of the coupons, if all of them say, and the limit offered or else the drawdown.
fn money(proposal: &Proposal) -> (Option<i64>, i64) {
    let offer = &proposal.candidate.offer;
    let coupon = offer.coupons.iter().map(|coupon| coupon.amount_minor).sum();
    (coupon, offer.limit_minor.unwrap_or(proposal.amount_minor))
}
