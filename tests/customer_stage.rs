//! Properties of the customer stage that hold for any facts in any order, seen from outside. No policy: no decisions.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use reflow::customer::record::Customer;
use reflow::customer::{Input, Settings, Shard, contribution};
use reflow::domain::candidate::Source;
use reflow::domain::counter::Tally;
use reflow::domain::events::*;
use reflow::domain::fate::FateCounts;
use reflow::domain::time::{DAY_MS, HOUR_MS};
use reflow::domain::words::Word;
use reflow::domain::{CalendarDay, Counter, EventTime, FactBundle, Fate, Output};
use reflow::policy::PolicySet;

const START: EventTime = EventTime(20_000 * DAY_MS);
const NOW: EventTime = EventTime(20_100 * DAY_MS);
const PARTITIONS: i32 = 3;
const END_TO_END_DAYS: i64 = 2;

fn shard() -> Shard {
    Shard::new(Settings {
        shard: 1,
        shards: 2,
        partner_partitions: PARTITIONS,
        future_event_secs_max: 3_600,
        late_event_secs_max: i64::MAX / 2_000,
        decision_age_secs_max: 86_400,
        end_to_end_days: END_TO_END_DAYS,
        heartbeat_secs: 5,
    })
}

fn take(shard: &mut Shard, event: &Event<'_>) -> Fate {
    shard.step(Input::Event { event, source: &Source::default() }, NOW, &PolicySet::default(), &mut Vec::new())
}

fn seal(shard: &mut Shard, now: EventTime) -> Vec<(i32, FactBundle)> {
    let mut out = Vec::new();
    shard.seal(now, 0, "", &mut out);
    let bundles = out.into_iter().map(|output| match output {
        Output::Bundle { partition, bundle } => (partition, *bundle),
        other => panic!("nothing but bundles is expected: {other:?}"),
    });
    bundles.collect()
}

fn accept(shard: &mut Shard) {
    shard.hand_over();
    shard.commit();
}

fn word<W: Word + std::fmt::Debug>() -> impl Strategy<Value = W> {
    select(W::ALL)
}

fn token(tokens: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    select(tokens)
}

/// Few different moments, so that facts meet on the same one.
fn moment() -> impl Strategy<Value = EventTime> {
    (0..6i64).prop_map(|step| START.plus_ms(step * 17 * HOUR_MS))
}

fn minor() -> impl Strategy<Value = Option<i64>> {
    prop::option::of((0..4i64).prop_map(|hundreds| hundreds * 100))
}

fn components() -> impl Strategy<Value = Option<Components>> {
    let parts = (0..3i64, 0..2i64).prop_map(|(p, i)| Components {
        principal_minor: p * 50,
        interest_minor: i * 10,
        fee_minor: 0,
    });
    prop::option::weighted(0.9, parts)
}

prop_compose! {
    fn application()(
        (event_time, kind) in (moment(), word::<ApplicationKind>()),
        (customer, partner, application) in (token(&["c1", "c2"]), token(&["p1", "p2"]), token(&["a1", "a2"])),
        drawdown in prop::option::weighted(0.9, token(&["d1", "d2"])),
        product in prop::option::of(token(&["x", "y"])),
        (amount_minor, limit_minor) in (minor(), minor()),
        currency in prop::option::of(Just("CNY")),
        term_months in prop::option::of(6..8i32),
        cancel_reason in prop::option::of(word::<CancelReason>()),
        verdict in prop::option::of((moment(), token(&["A", "B"]))),
        region in prop::option::of(token(&["r1", "r2"])),
        employer in prop::option::of((token(&["e1", "e2"]), word::<EmployerSource>())),
        (staff, test_order) in (prop::bool::weighted(0.1), prop::bool::weighted(0.1)),
    ) -> Event<'static> {
        Event::Application(ApplicationEvent {
            event_id: "e", event_time, customer, partner, application, drawdown, loan: None, kind, product,
            product_kind: None, amount_minor, limit_minor, currency, all_in_cost_ppm: limit_minor, term_months,
            repayment_method: None, decline_reason: None, cancel_reason,
            risk_verdict: verdict.map(|(decided_at, band)| RiskVerdict { model: "m", version: "1", band, decided_at: decided_at.min(event_time), valid_days: 30 }),
            risk_bearing: None, enhancer: None, funder_share_ppm: None, staff, test_order, region,
            employer: employer.map(|(token, source)| Employer { token, source }),
        })
    }
}

prop_compose! {
    fn repayment()(
        (event_time, kind) in (moment(), word::<RepaymentKind>()),
        (customer, partner, loan) in (token(&["c1", "c2"]), token(&["p1", "p2"]), token(&["l1", "l2"])),
        instalment in prop::option::weighted(0.9, 1..4i32),
        due_date in prop::option::weighted(0.9, (0..4i32).prop_map(|d| CalendarDay(19_998 + 2 * d))),
        (due, paid) in (components(), components()),
        payer in prop::option::of(word::<Payer>()),
        close_reason in prop::option::of(word::<CloseReason>()),
        currency in prop::option::of(Just("CNY")),
        instalments in prop::option::of(1..3i32),
    ) -> Event<'static> {
        Event::Repayment(RepaymentEvent {
            event_id: "e", event_time, customer, partner, loan, instalment, kind, due_date, due, paid, payer, close_reason,
            payment: None, currency, instalments,
        })
    }
}

prop_compose! {
    fn person()(
        event_time in moment(),
        customer in token(&["c1", "c2"]),
        region in prop::option::of(token(&["r1", "r2"])),
        risk in prop::option::of((moment(), 0..3i64)),
        tags in prop::collection::vec(token(&["t1", "t2"]), 0..2),
        lenders in prop::option::of(0..3i32),
        consent in prop::option::of((word::<ConsentPurpose>(), moment(), prop::option::of(moment()), token(&["k1", "k2"]))),
        flags in prop::collection::vec((word::<Flag>(), any::<bool>()), 0..3),
        own_product in prop::option::of(word::<OwnProductState>()),
    ) -> Event<'static> {
        Event::Customer(CustomerEvent {
            event_id: "e", event_time, customer, region, zone: None, employer: None,
            risk: risk.map(|(scored_at, value_ppm)| Score { model: "m", version: "1", value_ppm, scored_at: scored_at.min(event_time) }),
            response: None, conversion: None, value: None, tags, lenders, debt_burden_ppm: None,
            consents: consent.into_iter().map(|(purpose, given_at, withdrawn_at, consent)| Consent {
                consent, purpose, controller: "lender", recipient: None, text_version: "1", given_at: given_at.min(event_time), withdrawn_at,
                collected_via: None,
            }).collect(),
            flags: flags.into_iter().map(|(flag, value)| FlagValue { flag, value }).collect(),
            own_product, own_limit_minor: None, merged_into: None, erased: false, income: None,
        })
    }
}

prop_compose! {
    fn contact()(
        event_time in moment(),
        event_id in token(&["o1", "o2", "o3"]),
        customer in token(&["c1", "c2"]),
        kind in word::<OutcomeKind>(),
    ) -> Event<'static> {
        Event::Outcome(Outcome {
            event_id, event_time, customer, candidate: None, kind, channel: None, amount_minor: None, currency: None,
        })
    }
}

fn fact() -> impl Strategy<Value = Event<'static>> {
    prop_oneof![4 => application(), 4 => repayment(), 1 => person(), 1 => contact()]
}

fn records(shard: &Shard) -> BTreeMap<String, Customer> {
    shard.customers().map(|(_, token, customer)| (token.to_string(), customer)).collect()
}

type Sums = BTreeMap<(String, Counter, i64), Tally>;

fn nonzero(mut sums: Sums) -> Sums {
    sums.retain(|_, tally| !tally.is_zero());
    sums
}

fn add_deltas(sums: &mut Sums, bundles: &[(i32, FactBundle)]) {
    for delta in bundles.iter().flat_map(|(_, bundle)| bundle.deltas.iter()) {
        assert!(!delta.change.is_zero(), "a delta of nothing is not sent");
        sums.entry((delta.partner.to_string(), delta.counter, delta.at)).or_default().add(delta.change);
    }
}

fn contributions(shard: &Shard) -> Sums {
    let mut sums = Sums::new();
    for (_, _, customer) in shard.customers() {
        contribution::whole(&customer, END_TO_END_DAYS, |partner, cell| {
            sums.entry((partner.to_owned(), cell.counter, cell.at)).or_default().add(cell.tally);
        });
    }
    nonzero(sums)
}

fn copy_changes(from: &mut Shard, to: &mut Shard) {
    from.changes(&mut |key, value| to.load(key, value).unwrap());
}

/// Everything that can be seen of a shard.
fn seen(shard: &Shard) -> (Vec<(u32, String, Customer)>, EventTime, bool) {
    let customers = shard.customers().map(|(slot, token, customer)| (slot, token.to_string(), customer));
    (customers.collect(), shard.high_event_time(), shard.due(NOW))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// The record is the same in any order and with any repetition; so is what it contributes.
    #[test]
    fn order_and_repetition_do_not_matter(
        facts in prop::collection::vec(fact(), 1..40),
        order in prop::collection::vec(any::<Index>(), 0..60),
        seed in any::<u64>(),
    ) {
        let (mut straight, mut mixed) = (shard(), shard());
        facts.iter().for_each(|fact| { take(&mut straight, fact); });
        // Some of them first, with repetitions, then all of them in another order.
        order.iter().for_each(|index| { take(&mut mixed, index.get(&facts)); });
        let mut all: Vec<_> = facts.iter().enumerate().collect();
        all.sort_by_key(|(position, _)| (*position as u64 + 1).wrapping_mul(seed | 1).rotate_left(17));
        all.iter().for_each(|(_, fact)| { take(&mut mixed, fact); });
        prop_assert_eq!(records(&straight), records(&mixed));
        let (mut a, mut b) = (Sums::new(), Sums::new());
        add_deltas(&mut a, &seal(&mut straight, NOW));
        add_deltas(&mut b, &seal(&mut mixed, NOW));
        prop_assert_eq!(nonzero(a), nonzero(b));
    }

    /// The sum of all deltas is what the final records contribute; every fact met one fate; no sequence has a gap; what an
    /// undone batch said is not said; a copy made from the changelog is the same shard.
    #[test]
    fn deltas_add_up_to_contributions(
        batches in prop::collection::vec((prop::collection::vec(fact(), 0..12), any::<bool>()), 1..12),
    ) {
        let (mut original, mut copy) = (shard(), shard());
        let (mut sums, mut sequences) = (Sums::new(), BTreeMap::new());
        for (number, (facts, keep)) in batches.iter().enumerate() {
            let now = NOW.plus_ms(number as i64 * 6_000);
            let before = seen(&original);
            let mut fates = FateCounts::default();
            for fact in facts {
                let fate = take(&mut original, fact);
                prop_assert_eq!(&take(&mut copy, fact), &fate);
                fates.count(&fate);
            }
            copy.undo();
            let bundles = seal(&mut original, now);
            if !keep {
                original.undo();
                prop_assert_eq!(seen(&original), before);
                continue;
            }
            prop_assert_eq!(bundles.len(), PARTITIONS as usize, "a heartbeat is owed after 6 s");
            for (partition, bundle) in &bundles {
                let sequence = sequences.entry(*partition).or_insert(0);
                *sequence += 1;
                prop_assert_eq!(bundle.header.sequence, *sequence);
                prop_assert_eq!(bundle.header.fates, fates);
            }
            prop_assert_eq!(fates.consumed(), facts.len() as i64);
            add_deltas(&mut sums, &bundles);
            copy_changes(&mut original, &mut copy);
            accept(&mut original);
            prop_assert_eq!(seen(&original), seen(&copy));
        }
        prop_assert_eq!(nonzero(sums), contributions(&original));
    }

    /// A fact that is not applied leaves the record as it was, and a repetition is never applied again.
    #[test]
    fn only_applied_facts_change_the_record(facts in prop::collection::vec(fact(), 1..40)) {
        let mut shard = shard();
        for fact in &facts {
            let before = records(&shard);
            let fate = take(&mut shard, fact);
            prop_assert_eq!(fate == Fate::Applied, records(&shard) != before, "{:?} {:?}", fate, fact);
            prop_assert_ne!(take(&mut shard, fact), Fate::Applied);
        }
    }

    /// Per request minute: requested = what drawdowns came to, plus those pending, by count and by amount.
    #[test]
    fn the_drawdown_row_adds_up(facts in prop::collection::vec(application(), 1..60)) {
        let mut shard = shard();
        facts.iter().for_each(|fact| { take(&mut shard, fact); });
        let mut row = BTreeMap::<(String, i64), Tally>::new();
        let mut add = |partner: &str, at: i64, sign: i64, tally: Tally| {
            let signed = Tally { count: sign * tally.count, amount_minor: sign * tally.amount_minor };
            row.entry((partner.to_owned(), at)).or_default().add(signed);
        };
        for (_, _, customer) in shard.customers() {
            contribution::whole(&customer, END_TO_END_DAYS, |partner, cell| match cell.counter {
                Counter::DrawdownRequested => add(partner, cell.at, 1, cell.tally),
                counter if counter.family() == Counter::DrawdownRequested.family() => add(partner, cell.at, -1, cell.tally),
                _ => {}
            });
            for drawdown in customer.drawdowns.iter().filter(|d| d.outcome.is_none()) {
                let at = drawdown.requested.unwrap().at.floor(60_000).0;
                add(&drawdown.partner, at, -1, Tally { count: 1, amount_minor: drawdown.amount_minor() });
            }
        }
        prop_assert!(row.values().all(|rest| rest.is_zero()), "{row:?}");
    }
}

#[test]
fn silence_is_broken_by_a_heartbeat() {
    let mut shard = shard();
    assert!(shard.due(NOW), "never heard");
    assert_eq!(seal(&mut shard, NOW).len(), PARTITIONS as usize);
    accept(&mut shard);
    assert!(!shard.due(NOW.plus_ms(4_999)));
    assert_eq!(seal(&mut shard, NOW.plus_ms(4_999)).len(), 0);
    accept(&mut shard);
    assert!(shard.due(NOW.plus_ms(5_000)));
    let fate = shard.step(Input::Tick, NOW.plus_ms(5_000), &PolicySet::default(), &mut Vec::new());
    let bundles = seal(&mut shard, NOW.plus_ms(5_000));
    assert_eq!((fate, bundles.len()), (Fate::Applied, PARTITIONS as usize));
    assert!(bundles.iter().all(|(_, bundle)| bundle.header.sequence == 2 && bundle.deltas.is_empty()));
    assert!(bundles.iter().all(|(_, bundle)| (bundle.header.source_shard, bundle.header.source_shards) == (1, 2)));
}

#[test]
fn hostile_changelog_entries_are_errors() {
    let mut shard = shard();
    for (key, value) in [(&b""[..], &b""[..]), (b"x", b"\x01"), (b"c1", b""), (b"c1", b"\x02\0"), (b"l\0", b"\x01\0\0")]
    {
        assert!(shard.load(key, Some(value)).is_err(), "{key:?}");
    }
    assert!(shard.load(&[b'c', 0xff], Some(&[1])).is_err());
}
