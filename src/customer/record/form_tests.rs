//! Any record comes back from its packed form; no bytes break the reader; equal instalments take little.

use proptest::prelude::*;
use proptest::sample::select;

use super::fact::Dated;
use super::*;
use crate::domain::events::{Components, Flag, OwnProductState, Payer};
use crate::domain::words::Word;
use crate::domain::{CalendarDay, Text};
use crate::store::{Packed, packed};

fn text() -> impl Strategy<Value = Text> {
    prop_oneof![
        select(&["", "p1", "p2", "CNY"][..]).prop_map(Text::from),
        "\\PC{0,40}".prop_map(Text::from),
        (0..100u32).prop_map(|n| Text::from(format!("text-{n}")))
    ]
}

fn time() -> impl Strategy<Value = EventTime> {
    prop_oneof![4 => (0..4_000_000i64).prop_map(|s| 1_700_000_000_000 + s * 1_000), 2 => 0..4_000_000_000_000i64, 1 => any::<i64>()]
        .prop_map(EventTime)
}

fn day() -> impl Strategy<Value = CalendarDay> {
    prop_oneof![4 => 19_000..20_000i32, 1 => any::<i32>()].prop_map(CalendarDay)
}

fn word<W: Word + std::fmt::Debug>() -> impl Strategy<Value = W> {
    select(W::ALL)
}

fn some<T: std::fmt::Debug>(of: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    prop::option::of(of)
}

fn list<T: std::fmt::Debug>(of: impl Strategy<Value = T>) -> impl Strategy<Value = Vec<T>> {
    prop::collection::vec(of, 0..4)
}

fn dated<T: std::fmt::Debug>(of: impl Strategy<Value = T>) -> impl Strategy<Value = Option<Dated<T>>> {
    some((time(), of).prop_map(|(at, value)| Dated { at, value }))
}

fn asked() -> impl Strategy<Value = Option<Asked>> {
    some((time(), some(any::<i64>())).prop_map(|(at, amount_minor)| Asked { at, amount_minor }))
}

fn outcome() -> impl Strategy<Value = Option<Outcome>> {
    let parts = (time(), word(), some(any::<i64>()), some(word()));
    some(parts.prop_map(|(at, kind, amount_minor, cancel_reason)| Outcome { at, kind, amount_minor, cancel_reason }))
}

prop_compose! {
    fn application()(
        (partner, application) in (text(), text()), currency in some(text()), submitted in asked(),
        preaccepted_at in some(time()), outcome in outcome(),
    ) -> Application {
        Application { partner, application, currency, submitted, preaccepted_at, outcome }
    }
}

prop_compose! {
    fn drawdown()(
        (partner, drawdown, candidate) in (text(), text(), text()), requested in asked(), risk_passed_at in some(time()),
        outcome in outcome(), (request_known, admitted, own_accepted, held_out) in any::<(bool, bool, bool, bool)>(),
        offered_minor in some(any::<i64>()), (staff, test_order) in any::<(bool, bool)>(),
    ) -> Drawdown {
        Drawdown { partner, drawdown, requested, request_known, risk_passed_at, outcome, candidate: (&candidate).into(), offered_minor, admitted, own_accepted, held_out, staff, test_order }
    }
}

prop_compose! {
    fn limit()(
        (partner, product) in (text(), text()), currency in some(text()), terms_at in some(time()),
        limit_minor in dated(any::<i64>()), all_in_cost_ppm in dated(any::<i64>()), term_months in dated(any::<i32>()),
        repayment_method in dated(word()), product_kind in dated(word()), frozen in dated(any::<bool>()), ended in dated(word()),
    ) -> Limit {
        Limit {
            partner, product, currency, terms_at, limit_minor, all_in_cost_ppm, term_months, repayment_method, product_kind,
            frozen, ended,
        }
    }
}

fn components() -> impl Strategy<Value = Components> {
    let minor = || prop_oneof![select(&[0i64, 100, 50_000][..]), any::<i64>()];
    (minor(), minor(), minor()).prop_map(|(p, i, f)| Components { principal_minor: p, interest_minor: i, fee_minor: f })
}

prop_compose! {
    fn instalment()(
        number in prop_oneof![1..5i32, any::<i32>()],
        schedule in some((time(), day(), components())),
        payment in some((time(), some(components()), word::<Payer>(), day(), any::<bool>())),
    ) -> Instalment {
        Instalment {
            number,
            schedule: schedule.map(|(at, due_date, due)| Schedule { at, due_date, due }),
            payment: payment.map(|(at, paid, payer, day, same_day)| {
                let day = if same_day { at.utc_day() } else { day };
                // Often paid as due.
                let paid = if same_day { schedule.map(|(_, _, due)| due) } else { paid };
                Payment { at, paid, payer, day }
            }),
        }
    }
}

prop_compose! {
    fn loan()(
        (partner, loan) in (text(), text()), currency in some(text()),
        disbursed in some((time(), any::<i64>(), some(any::<i32>()))), closed in some((time(), word(), day())),
        (compensated, written_off, restructured) in any::<(bool, bool, bool)>(), instalments in prop::collection::vec(instalment(), 0..14),
    ) -> Loan {
        Loan {
            partner, loan, currency,
            disbursed: disbursed.map(|(at, principal_minor, instalments)| Disbursed { at, principal_minor, instalments }),
            closed: closed.map(|(at, reason, day)| Closed { at, reason, day }),
            marks: Marks { compensated, written_off, restructured },
            instalments,
        }
    }
}

prop_compose! {
    fn traits()(
        region in dated(text()), employer_form in dated(text()), employer_report in dated(text()),
        verdict in some((time(), any::<i32>(), text(), text(), text())),
    ) -> Traits {
        let verdict = verdict.map(|(decided_at, valid_days, model, version, band)| {
            Verdict { decided_at, valid_days, model, version, band }
        });
        Traits { region, employer_form, employer_report, verdict }
    }
}

prop_compose! {
    fn profile()(
        (zone, tags, lenders) in (dated(text()), dated(list(text())), dated(any::<i32>())),
        (debt_burden_ppm, own_product) in (dated(any::<i64>()), dated(word::<OwnProductState>())),
        income in dated((any::<i64>(), text())),
        (own_limit_minor, own_since, merged_into) in (dated(any::<i64>()), some(time()), dated(text())),
        own_declined_at in some(time()),
        scores in list((word(), time(), time(), any::<i64>(), text(), text())),
        consents in list((word(), text(), some(text()), some((time(), text(), text(), some(text()))), some(time()))),
        flags in list((word::<Flag>(), time(), any::<bool>())),
        contacts in list((time(), text(), word(), some(text()))),
    ) -> Profile {
        Profile {
            zone, tags: tags.map(|Dated { at, value }| Dated { at, value: value.into() }), lenders, debt_burden_ppm, own_product, own_limit_minor, own_since, merged_into, own_declined_at,
            income: income.map(|Dated { at, value: (monthly_minor, currency) }| Dated { at, value: Income { monthly_minor, currency } }),
            scores: scores.into_iter().map(|(kind, at, scored_at, value_ppm, model, version)| {
                ScoreFact { kind, at, scored_at, value_ppm, model, version }
            }).collect(),
            consents: consents.into_iter().map(|(purpose, controller, recipient, giving, withdrawn_at)| {
                let giving = giving.map(|(given_at, consent, text_version, collected_via)| {
                    Giving { given_at, consent, text_version, collected_via }
                });
                Consent { purpose, controller, recipient, giving, withdrawn_at }
            }).collect(),
            flags: flags.into_iter().map(|(flag, at, value)| FlagFact { flag, value: Dated { at, value } }).collect(),
            contacts: contacts.into_iter().map(|(at, event, kind, channel)| Contact { at, event, kind, channel }).collect(),
        }
    }
}

prop_compose! {
    fn offering()(
        pending in some((text(), text(), text(), any::<bool>())),
        live in some((text(), text(), text(), some(time()), any::<bool>())),
        offered_at in list(time()),
    ) -> Offering {
        Offering {
            pending: pending.map(|(candidate, partner, drawdown, settled)| Pending { candidate: (&candidate).into(), partner, drawdown, settled }),
            live: live.map(|(candidate, partner, drawdown, expires_at, settled)| {
                Live { candidate: (&candidate).into(), partner, drawdown, expires_at, settled }
            }),
            offered_at,
        }
    }
}

prop_compose! {
    fn customer()(
        erased_at in some(time()), applications in list(application()), drawdowns in list(drawdown()), limits in list(limit()),
        loans in list(loan()), traits in traits(), profile in some(profile()), offering in some(offering()),
    ) -> Customer {
        let (profile, offering) = (profile.map(Box::new), offering.map(Box::new));
        Customer { erased_at, applications, drawdowns, limits, loans, traits, profile, offering }
    }
}

fn bytes_of(customer: &Customer) -> Vec<u8> {
    let mut bytes = Vec::new();
    packed::pack(customer, section::ALL, (0, &packed::Split::default()), &mut bytes);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// A record comes back, also into a copy that held another one.
    #[test]
    fn any_record_comes_back(first in customer(), second in customer()) {
        let (mut spare, mut copy) = (Spare::default(), Customer::default());
        for customer in [&first, &second, &first] {
            prop_assert_eq!(packed::unpack(&mut copy, &bytes_of(customer), &mut spare), Ok(()));
            prop_assert_eq!(&copy, customer);
            copy.empty(section::ALL, &mut spare);
            prop_assert_eq!(&copy, &Customer::default());
        }
        let profile = spare.profile(first.profile.as_deref());
        prop_assert_eq!(*profile, first.profile.map(|profile| *profile).unwrap_or_default());
    }

    /// A record that ends early or goes on is refused; one with a byte changed is refused or read, never more.
    #[test]
    fn hostile_bytes_are_refused(customer in customer(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut spare = Spare::default();
        let mut read = |bytes: &[u8]| {
            let mut copy = Customer::default();
            let read = packed::unpack(&mut copy, bytes, &mut spare);
            copy.empty(section::ALL, &mut spare);
            read
        };
        let bytes = bytes_of(&customer);
        prop_assert!(read(&bytes[..at.index(bytes.len())]).is_err());
        prop_assert!(read(&[bytes.as_slice(), &[byte]].concat()).is_err());
        let mut other = bytes.clone();
        other[at.index(bytes.len())] = byte;
        let _ = read(&other);
    }

    #[test]
    fn random_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = packed::unpack(&mut Customer::default(), &bytes, &mut Spare::default());
    }
}

#[test]
fn a_loan_of_twelve_equal_instalments_is_small() {
    let at = EventTime(1_760_000_123_000);
    let due = Components { principal_minor: 100_000, interest_minor: 1_500, fee_minor: 0 };
    let instalment = |number: i32| Instalment {
        number,
        schedule: Some(Schedule { at, due_date: CalendarDay(20_400 + 30 * number), due }),
        payment: (number <= 4).then(|| {
            let at = CalendarDay(20_400 + 30 * number).utc_start().plus_ms(7_654_321);
            Payment { at, paid: Some(due), payer: Payer::Customer, day: at.utc_day() }
        }),
    };
    let disbursed = Some(Disbursed { at, principal_minor: 1_200_000, instalments: Some(12) });
    let instalments = (1..=12).map(instalment).collect();
    let loan =
        Loan { disbursed, instalments, currency: Some("CNY".into()), ..Loan::new("partner-07", "loan-00000042") };
    let bytes = bytes_of(&Customer { loans: vec![loan], ..Customer::default() });
    assert!(bytes.len() <= 110, "{} bytes", bytes.len());
}
