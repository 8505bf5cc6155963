//! What the market promises to the demo and to its readers.

use std::collections::{BTreeMap, BTreeSet};

use super::partners::PARTNERS;
use super::*;
use crate::domain::events::{
    ApplicationEvent, ApplicationKind, CustomerEvent, Outcome, OutcomeKind, Payer, RepaymentEvent,
};
use crate::domain::fate::DeadLetterClass;
use crate::domain::{Candidate, CandidateStatus};
use crate::ops::demo::calendar::{PLAY_DAY_END, day_number};
use crate::wire::{Schema, WireError};

const SEED: u64 = 1;

/// The whole story without anybody reacting: history and played day.
fn told() -> (Vec<MarketRecord>, Vec<MarketRecord>, Market) {
    let mut market = Market::new(SEED, MarketSize::default());
    let history = market.history().collect();
    let day = market.next_until(PLAY_DAY_END);
    (history, day, market)
}

/// Partner of a sound record, and checks that it decodes and says its own key and time.
fn partner_of(record: &MarketRecord) -> Option<String> {
    let ids = SchemaIds::default();
    let value = &record.value;
    let (customer, at, partner) = match record.schema {
        Schema::Application => {
            let event: ApplicationEvent<'_> = ids.decode(record.schema, value).unwrap();
            (event.customer, event.event_time, Some(event.partner))
        }
        Schema::Repayment => {
            let event: RepaymentEvent<'_> = ids.decode(record.schema, value).unwrap();
            (event.customer, event.event_time, Some(event.partner))
        }
        Schema::Customer => {
            let event: CustomerEvent<'_> = ids.decode(record.schema, value).unwrap();
            (event.customer, event.event_time, None)
        }
        Schema::Outcome => {
            let event: Outcome<'_> = ids.decode(record.schema, value).unwrap();
            (event.customer, event.event_time, None)
        }
        other => panic!("the market does not speak {other}"),
    };
    assert_eq!((record.key.as_str(), record.event_time), (customer, at));
    partner.map(str::to_owned)
}

#[test]
fn the_same_seed_says_the_same_bytes_and_another_does_not() {
    let small = MarketSize {
        customers: 300,
        history_drawdowns: 200,
        day_customers: 60,
        day_drawdowns: 200,
        ..MarketSize::default()
    };
    let tell = |seed, steps: i64| {
        let mut market = Market::new(seed, small);
        let mut all: Vec<_> = market.history().collect();
        for step in 1..=steps {
            all.extend(market.next_until(PLAY_DAY_START.plus_ms((PLAY_DAY_END.0 - PLAY_DAY_START.0) * step / steps)));
        }
        (all, market.truth.clone())
    };
    assert_eq!(tell(7, 1), tell(7, 1_000), "how often one asks does not matter");
    assert_ne!(tell(7, 1).0, tell(8, 1).0);
}

#[test]
fn the_story_has_the_size_and_the_order_it_should() {
    let (history, day, market) = told();
    assert!((60_000..150_000).contains(&history.len()), "history {}", history.len());
    assert!((40_000..80_000).contains(&day.len()), "day {}", day.len());
    assert!(history.iter().chain(&day).map(|record| record.at).is_sorted());
    assert!(history.iter().all(|record| record.truth == Trouble::None && record.at < PLAY_DAY_START));
    assert!(day.iter().all(|record| (PLAY_DAY_START..PLAY_DAY_END).contains(&record.at)));
    assert_eq!(market.truth().said(), (history.len() + day.len()) as i64);
}

#[test]
fn sound_records_decode_and_partners_have_their_shares() {
    let (history, day, _) = told();
    let mut doors: BTreeMap<Text, BTreeSet<String>> = BTreeMap::new();
    for (records, name) in [(&history, "history"), (&day, "day")] {
        let mut by_partner: BTreeMap<String, usize> = BTreeMap::new();
        for record in records.iter().filter(|record| record.truth == Trouble::None) {
            if let Some(partner) = partner_of(record) {
                *by_partner.entry(partner.clone()).or_default() += 1;
                doors.entry(record.key.clone()).or_default().insert(partner);
            }
        }
        let all: usize = by_partner.values().sum();
        assert!(by_partner["p01"] * 100 >= all * 60, "{name}: {by_partner:?}");
        for profile in PARTNERS {
            let silent = name == "day" && profile.silent;
            assert_eq!(by_partner.contains_key(profile.token), !silent, "{name} {}", profile.token);
        }
    }
    let several = doors.values().filter(|partners| partners.len() > 1).count();
    let share = several * 1_000 / doors.len();
    assert!((130..=170).contains(&share), "{share} per mille at two or more partners");
}

#[test]
fn every_kind_of_trouble_is_in_the_first_third_of_the_day() {
    let (_, day, _) = told();
    let third = PLAY_DAY_START.plus_ms((PLAY_DAY_END.0 - PLAY_DAY_START.0) / 3);
    let early: Vec<_> = day.iter().filter(|record| record.at < third).collect();
    let kinds: BTreeSet<_> = early.iter().map(|record| record.truth).collect();
    let mut expected: BTreeSet<_> = [Trouble::None, Trouble::Duplicate, Trouble::Late].into();
    for class in [
        DeadLetterClass::Framing,
        DeadLetterClass::Decode,
        DeadLetterClass::Invalid,
        DeadLetterClass::Key,
        DeadLetterClass::FutureTs,
    ] {
        expected.insert(Trouble::Broken(class));
    }
    assert_eq!(kinds, expected);
    let (mut timed_out, mut compensated) = (0, 0);
    for record in early.iter().filter(|record| record.truth == Trouble::None) {
        let ids = SchemaIds::default();
        match record.schema {
            Schema::Application => {
                let event: ApplicationEvent<'_> = ids.decode(record.schema, &record.value).unwrap();
                timed_out += i32::from(event.kind == ApplicationKind::DrawdownTimedOut);
            }
            Schema::Repayment => {
                let event: RepaymentEvent<'_> = ids.decode(record.schema, &record.value).unwrap();
                compensated += i32::from(event.payer == Some(Payer::Enhancer));
            }
            _ => {}
        }
    }
    assert!(timed_out >= 5, "timed out {timed_out}");
    assert!(compensated >= 3, "paid by the guarantor {compensated}");
}

#[test]
fn troubled_records_are_as_wrong_as_they_say() {
    let (_, day, _) = told();
    let ids = SchemaIds::default();
    let mut seen: BTreeSet<Vec<u8>> = BTreeSet::new();
    for record in &day {
        let read = || ids.decode::<ApplicationEvent<'_>>(Schema::Application, &record.value);
        match record.truth {
            Trouble::None => assert!(seen.insert(record.value.clone()), "a sound record was said before"),
            Trouble::Duplicate => assert!(seen.contains(&record.value), "a duplicate repeats nothing"),
            Trouble::Late => assert_eq!(day_number(read().unwrap().event_time), day_number(record.at) - 45),
            Trouble::Broken(DeadLetterClass::Framing) => {
                assert!(matches!(read(), Err(WireError::Short(_) | WireError::Magic(_) | WireError::SchemaId { .. })));
            }
            Trouble::Broken(DeadLetterClass::Decode) => assert!(matches!(read(), Err(WireError::Decode { .. }))),
            Trouble::Broken(DeadLetterClass::Invalid) => {
                let event = read().unwrap();
                let no_drawdown = event.kind == ApplicationKind::DrawdownRequested && event.drawdown.is_none();
                assert!(no_drawdown || event.amount_minor == Some(-1));
            }
            Trouble::Broken(DeadLetterClass::Key) => assert_ne!(read().unwrap().customer, record.key),
            Trouble::Broken(DeadLetterClass::FutureTs) => {
                assert_eq!(read().unwrap().event_time.to_string(), "9999-06-01T00:00:00Z")
            }
            Trouble::Broken(other) => panic!("the market does not make {other}"),
        }
    }
}

/// What a worker without any rules would emit: a candidate for every drawdown of a partner.
fn candidate_for(record: &MarketRecord, partner: &str) -> Option<Candidate> {
    let event: ApplicationEvent<'_> = SchemaIds::default().decode(Schema::Application, &record.value).ok()?;
    if event.kind != ApplicationKind::DrawdownRequested || event.partner != partner || record.truth != Trouble::None {
        return None;
    }
    Some(candidate(event.event_id, event.customer, record.at))
}

fn candidate(trigger: &str, customer: &str, at: EventTime) -> Candidate {
    use crate::domain::candidate::{Arm, CandidateKind, Delivery, Friction, Grounds, Offer, RightToAct, Source};
    Candidate {
        candidate: crate::domain::content_id(&[trigger.as_bytes()]),
        customer: Text::from(customer),
        kind: CandidateKind::NewRt,
        status: CandidateStatus::Active,
        version: 1,
        supersedes: None,
        campaign: None,
        arm: Arm::Treatment,
        origin_ref: Text::default(),
        decided_at: at,
        decide_by: at,
        valid_from: at,
        expires_at: at,
        act_within_ms: 0,
        send_windows: Vec::new(),
        revocable_until: None,
        end_reasons: Vec::new(),
        offer: Offer::default(),
        delivery: Delivery::default(),
        friction: Friction::default(),
        right_to_act: RightToAct::default(),
        grounds: Grounds {
            source: Source { event_id: Text::from(trigger), ..Source::default() },
            ..Grounds::default()
        },
    }
}

/// Plays a day in which every drawdown of one partner gets a candidate at once.
fn played_with_candidates(
    partner: &str,
    then: impl Fn(&mut Market, &mut Candidate, EventTime),
) -> (Vec<MarketRecord>, Market) {
    let mut market = Market::new(SEED, MarketSize::default());
    market.history().for_each(drop);
    let mut all = Vec::new();
    let mut at = PLAY_DAY_START;
    while at < PLAY_DAY_END {
        at = at.plus_ms(60_000);
        let records = market.next_until(at);
        for mut candidate in records.iter().filter_map(|record| candidate_for(record, partner)) {
            market.on_candidate(&candidate, at);
            then(&mut market, &mut candidate, at);
        }
        all.extend(records);
    }
    (all, market)
}

#[test]
fn drawdowns_are_diverted_where_our_offers_are_accepted_and_only_there() {
    let before = told().2.truth.partners[4];
    let (records, market) = played_with_candidates("p05", |_, _, _| {});
    let (p05, p01) = (market.truth.partners[4], market.truth.partners[0]);
    assert_eq!(before.diverted, 0);
    assert!(p05.diverted > 200, "{p05:?}");
    assert!(p05.disbursed < before.disbursed - 150, "the partner's drawdown pass sinks: {before:?} {p05:?}");
    assert_eq!(p01.diverted, 0);
    let mut kinds: BTreeMap<OutcomeKind, usize> = BTreeMap::new();
    for record in records.iter().filter(|record| record.schema == Schema::Outcome) {
        let event: Outcome<'_> = SchemaIds::default().decode(Schema::Outcome, &record.value).unwrap();
        *kinds.entry(event.kind).or_default() += 1;
    }
    assert!(kinds[&OutcomeKind::Delivered] > kinds[&OutcomeKind::Accepted], "{kinds:?}");
    assert!(kinds[&OutcomeKind::Accepted] as i64 >= p05.diverted, "{kinds:?}");
}

#[test]
fn a_candidate_that_is_revoked_at_once_diverts_nothing() {
    let (_, market) = played_with_candidates("p05", |market, candidate, at| {
        candidate.status = CandidateStatus::Revoked;
        market.on_candidate(candidate, at);
    });
    let p05 = market.truth.partners[4];
    assert_eq!(p05.diverted, 0);
    assert!(
        p05.requested - (p05.disbursed + p05.declined + p05.cancelled + p05.timed_out + p05.rerouted) < 60,
        "{p05:?}"
    );
}

#[test]
fn a_candidate_for_something_else_is_nothing_to_anybody() {
    let mut market = Market::new(SEED, MarketSize::default());
    market.history().for_each(drop);
    let planned = market.queue.len();
    market.on_candidate(&candidate("e0", "nobody", PLAY_DAY_START), PLAY_DAY_START);
    let known = market.customers[0].token.clone();
    market.on_candidate(&candidate("e0", &known, PLAY_DAY_START), PLAY_DAY_START);
    assert_eq!(market.queue.len(), planned);
}

#[test]
fn one_partner_sinks_by_its_own_declines_from_midday_on() {
    let mut market = Market::new(SEED, MarketSize::default());
    market.history().for_each(drop);
    let pass = |truth: PartnerTruth| {
        (truth.disbursed * 100 / (truth.disbursed + truth.declined + truth.cancelled + truth.timed_out), truth.declined)
    };
    let (before, _) = pass(market.truth.partners[6]);
    market.next_until(PLAY_DAY_START.plus_ms(5 * HOUR_MS));
    let early = market.truth.partners[6];
    market.next_until(PLAY_DAY_END);
    let late = market.truth.partners[6];
    let (after, _) = pass(PartnerTruth {
        disbursed: late.disbursed - early.disbursed,
        declined: late.declined - early.declined,
        cancelled: late.cancelled - early.cancelled,
        timed_out: late.timed_out - early.timed_out,
        ..PartnerTruth::default()
    });
    assert!(before >= 80 && after <= 65, "before {before} after {after}");
}

#[test]
fn days_follow_the_played_one() {
    let mut market = Market::new(
        SEED,
        MarketSize {
            customers: 500,
            history_drawdowns: 200,
            day_customers: 20,
            day_drawdowns: 100,
            day_troubles: 9,
            ..MarketSize::default()
        },
    );
    market.history().for_each(drop);
    let third_day = PLAY_DAY_END.plus_ms(48 * HOUR_MS);
    let records = market.next_until(third_day);
    assert!((0..3).all(|day| records.iter().any(|record| day_number(record.at) == 28 + day)));
}

/// Prints what the story is made of, for people who tune it: `cargo test --release --lib what_the_story -- --ignored --nocapture`.
#[test]
#[ignore = "prints figures for people"]
fn what_the_story_is_made_of() {
    let started = std::time::Instant::now();
    let (history, day, market) = told();
    println!("history {} day {} in {:?}", history.len(), day.len(), started.elapsed());
    let third = PLAY_DAY_START.plus_ms(8 * HOUR_MS);
    println!("first third {}", day.iter().filter(|record| record.at < third).count());
    let mut kinds: BTreeMap<(bool, Schema, String), usize> = BTreeMap::new();
    for record in history.iter().chain(&day).filter(|record| record.truth == Trouble::None) {
        let kind = match record.schema {
            Schema::Application => {
                market.ids.decode::<ApplicationEvent<'_>>(record.schema, &record.value).unwrap().kind.to_string()
            }
            Schema::Repayment => {
                market.ids.decode::<RepaymentEvent<'_>>(record.schema, &record.value).unwrap().kind.to_string()
            }
            _ => String::new(),
        };
        *kinds.entry((record.at >= PLAY_DAY_START, record.schema, kind)).or_default() += 1;
    }
    kinds.iter().for_each(|(kind, count)| println!("{kind:?} {count}"));
    PARTNERS.iter().zip(market.truth.partners).for_each(|(profile, truth)| println!("{} {truth:?}", profile.token));
    println!("{:?}", (market.truth.duplicate, market.truth.late, &market.truth.broken));
}

/// The policy names partners and persons of the market; its own rules are the policy module's to check.
#[test]
fn the_policy_speaks_of_this_market() {
    let policy: serde_json::Value = serde_saphyr::from_str(crate::ops::demo::POLICY).unwrap();
    let texts = |value: &serde_json::Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|item| item.as_str().unwrap().to_owned()).collect()
    };
    let contracts = policy["contracts"].as_array().unwrap();
    let partners: Vec<&str> = contracts.iter().map(|contract| contract["partner"].as_str().unwrap()).collect();
    let known: Vec<&str> = PARTNERS.iter().map(|profile| profile.token).filter(|token| *token != "p12").collect();
    assert_eq!(partners, known);
    for (contract, profile) in contracts.iter().zip(&PARTNERS) {
        let risk_passed = contract["trigger"].as_str() == Some("risk_passed");
        assert_eq!(risk_passed, profile.risk_step, "{}: a trigger that never comes", profile.token);
    }
    let staff = texts(&policy["exclusions"]["staff"]["tokens"]);
    let people: BTreeSet<Text> = (0..MarketSize::default().customers).map(people::token).collect();
    assert!(staff.iter().all(|token| people.contains(token.as_str())), "{staff:?}");
    assert_eq!(people.len(), MarketSize::default().customers as usize, "tokens are unique");
    let (history, _, _) = told();
    let employers = texts(&policy["exclusions"]["employers"]["tokens"]);
    let stated = |token: &String| {
        history.iter().any(|record| record.value.windows(token.len()).any(|part| part == token.as_bytes()))
    };
    assert!(employers.iter().all(stated), "{employers:?}");
}
