//! What a trigger tells the policy of the person: scores, tags, consents and contacts, read from the record.

use smallvec::SmallVec;

use super::record::fact::Dated;
use super::record::{Customer, Profile, ScoreKind};
use super::standing;
use crate::domain::events::{ConsentPurpose, Income, OutcomeKind, Score};
use crate::domain::words::Word;
use crate::domain::{CalendarDay, EventTime};
use crate::policy::facts::{ContactFact, KnownAt, Person};

/// Contacts of one customer, newest first; few have more than a handful.
pub type Contacts<'a> = SmallVec<[ContactFact<'a>; 4]>;
/// Doors at which a customer is past due, with the days.
pub type Overdue<'a> = SmallVec<[(&'a str, i32); 2]>;

/// The contacts that were made.
pub fn contacts(customer: &Customer) -> Contacts<'_> {
    let contacts = customer.profile.iter().flat_map(|profile| &profile.contacts);
    contacts
        .filter(|contact| contact.is_made())
        .map(|contact| ContactFact { at: contact.at, channel: contact.channel.as_deref() })
        .collect()
}

/// Days past due on a day, at each door where something is. Loans are sorted by partner.
pub fn overdue(customer: &Customer, today: CalendarDay) -> Overdue<'_> {
    let doors = customer.loans.chunk_by(|a, b| a.partner == b.partner);
    let overdue = doors.filter_map(|loans| {
        let days = standing::of_loans(loans, today).dpd_now;
        loans.first().filter(|_| days > 0).map(|loan| (loan.partner.as_str(), days))
    });
    overdue.collect()
}

/// The person at an event.
pub fn of<'f>(
    customer: &'f Customer,
    at: EventTime,
    contacts: &'f [ContactFact<'f>],
    overdue: &'f [(&'f str, i32)],
) -> Person<'f> {
    let restructured = customer.loans.iter().any(|loan| loan.marks.restructured);
    let traits = &customer.traits;
    let employers = [&traits.employer_form, &traits.employer_report].into_iter().flatten();
    let known_at = KnownAt {
        region: traits.region.as_ref().map(|region| region.at),
        employer: employers.map(|employer| employer.at).min(),
        ..KnownAt::default()
    };
    let Some(profile) = customer.profile.as_deref() else {
        return Person { restructured, known_at, contacts, overdue, ..Person::default() };
    };
    Person {
        risk: profile.score(ScoreKind::Risk),
        response: profile.score(ScoreKind::Response),
        conversion: profile.score(ScoreKind::Conversion),
        value: profile.score(ScoreKind::Value),
        tags: profile.tags.as_ref().map(|tags| tags.value.as_slice()),
        zone: profile.zone.as_ref().map(|zone| zone.value.as_str()),
        own_limit_minor: profile.own_limit_minor.map(|limit| limit.value),
        income: profile
            .income
            .as_ref()
            .map(|Dated { value, .. }| Income { monthly_minor: value.monthly_minor, currency: &value.currency }),
        own_declined_at: profile.own_declined_at,
        merged: profile.merged(),
        own_product_at: profile.own_product.map(|own| own.at),
        restructured,
        reachable: profile.reachable(),
        purposes: profile.purposes(at),
        bureau_given_at: profile.bureau_given_at(at),
        known_at: KnownAt {
            lenders: profile.lenders.map(|lenders| lenders.at),
            debt_burden: profile.debt_burden_ppm.map(|Dated { at, .. }| at),
            income: profile.income.as_ref().map(|income| income.at),
            ..known_at
        },
        contacts,
        overdue,
    }
}

impl Profile {
    fn score(&self, kind: ScoreKind) -> Option<Score<'_>> {
        self.scores.iter().find(|score| score.kind == kind).map(|score| Score {
            model: &score.model,
            version: &score.version,
            value_ppm: score.value_ppm,
            scored_at: score.scored_at,
        })
    }

    /// The record was merged into another one.
    pub fn merged(&self) -> bool {
        self.merged_into.as_ref().is_some_and(|into| !into.value.is_empty())
    }

    /// Whether the newest try to contact the customer came through.
    fn reachable(&self) -> Option<bool> {
        self.contacts.iter().find_map(|contact| match contact.kind {
            OutcomeKind::Delivered | OutcomeKind::Contacted | OutcomeKind::Responded => Some(true),
            OutcomeKind::Failed => Some(false),
            OutcomeKind::Accepted | OutcomeKind::Rejected | OutcomeKind::Disbursed => None,
        })
    }

    /// The purposes for which a consent stands at an event, as a bit set of ordinals.
    fn purposes(&self, at: EventTime) -> u32 {
        let standing = self.consents.iter().filter(|consent| {
            consent.withdrawal().is_none() && consent.giving.as_ref().is_some_and(|giving| giving.given_at <= at)
        });
        standing.fold(0, |bits, consent| bits | 1 << consent.purpose.ordinal())
    }

    fn bureau_given_at(&self, at: EventTime) -> Option<EventTime> {
        let asked = self.consents.iter().filter(|consent| consent.purpose == ConsentPurpose::CreditBureauQuery);
        let standing =
            asked.filter(|consent| consent.withdrawal().is_none()).filter_map(|consent| consent.giving.as_ref());
        standing.map(|giving| giving.given_at).filter(|given| *given <= at).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::record::{Consent, Contact, Giving, Income as Earned, Loan, Marks, ScoreFact};

    const AT: EventTime = EventTime(1_700_000_000_000);

    fn contact(at: i64, kind: OutcomeKind) -> Contact {
        Contact { at: AT.plus_ms(at), event: "e".into(), kind, channel: Some("sms".into()) }
    }

    fn consent(purpose: ConsentPurpose, given: i64, withdrawn: Option<i64>) -> Consent {
        let giving =
            Giving { given_at: AT.plus_ms(given), consent: "k".into(), text_version: "1".into(), collected_via: None };
        let withdrawn_at = withdrawn.map(|at| AT.plus_ms(at));
        Consent { purpose, controller: "us".into(), recipient: None, giving: Some(giving), withdrawn_at }
    }

    #[test]
    fn a_person_is_read_from_the_record() {
        let score = |kind, value_ppm| ScoreFact {
            kind,
            at: AT,
            scored_at: AT,
            value_ppm,
            model: "m".into(),
            version: "1".into(),
        };
        let profile = Profile {
            tags: Some(Dated { at: AT, value: ["vip".into()].into_iter().collect() }),
            zone: Some(Dated { at: AT, value: "Asia/Shanghai".into() }),
            lenders: Some(Dated { at: AT.plus_ms(-5), value: 3 }),
            own_limit_minor: Some(Dated { at: AT, value: 7 }),
            income: Some(Dated { at: AT, value: Earned { monthly_minor: 9, currency: "CNY".into() } }),
            scores: vec![score(ScoreKind::Risk, 11), score(ScoreKind::Value, 22)],
            consents: vec![
                consent(ConsentPurpose::MarketingOwn, -9, None),
                consent(ConsentPurpose::LoanServicing, -9, Some(-8)),
                consent(ConsentPurpose::Collection, 1, None),
                consent(ConsentPurpose::CreditBureauQuery, -7, Some(-8)),
            ],
            contacts: vec![
                contact(3, OutcomeKind::Accepted),
                contact(2, OutcomeKind::Failed),
                contact(1, OutcomeKind::Delivered),
            ],
            ..Profile::default()
        };
        let loan = Loan { marks: Marks { restructured: true, ..Marks::default() }, ..Loan::new("p1", "l1") };
        let customer = Customer { profile: Some(Box::new(profile)), loans: vec![loan], ..Customer::default() };
        let made = contacts(&customer);
        assert_eq!(made.as_slice(), [ContactFact { at: AT.plus_ms(1), channel: Some("sms") }]);
        let person = of(&customer, AT, &made, &[]);
        assert_eq!(person.risk.map(|score| score.value_ppm), Some(11));
        assert_eq!((person.response, person.value.map(|score| score.value_ppm)), (None, Some(22)));
        assert_eq!(
            (person.tags.map(<[_]>::len), person.zone, person.own_limit_minor),
            (Some(1), Some("Asia/Shanghai"), Some(7))
        );
        assert_eq!(person.income, Some(Income { monthly_minor: 9, currency: "CNY" }));
        assert_eq!(person.known_at.income, Some(AT));
        // Withdrawn, or given after the event: no consent.
        assert_eq!(
            person.purposes,
            1 << ConsentPurpose::MarketingOwn.ordinal() | 1 << ConsentPurpose::CreditBureauQuery.ordinal()
        );
        assert_eq!(person.bureau_given_at, Some(AT.plus_ms(-7)));
        assert_eq!(person.known_at.lenders, Some(AT.plus_ms(-5)));
        assert_eq!((person.reachable, person.restructured), (Some(false), true));
        let nobody = Customer::default();
        assert_eq!(of(&nobody, AT, &[], &[]).reachable, None);
    }
}
