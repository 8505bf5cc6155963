//! Exclusions that ask who the person is and how fresh what is known of the person is; each only where the document states it.

use super::exclusions::{TokenList, expiry};
use super::findings::{Case, Findings};
use crate::domain::ReasonCode::*;
use crate::domain::check::{Check, Relation, Unit};
use crate::domain::events::OwnProductState;
use crate::domain::time::DAY_MS;
use crate::domain::{EventTime, Subject, Text};

/// What a document may ask of the person beyond lists of staff and employers.
#[derive(Clone, Debug, Default)]
pub(super) struct Persons {
    pub test_orders: Option<TokenList>,
    pub own_staff: Option<TokenList>,
    pub related_parties: Option<TokenList>,
    /// Days after the own product was declined during which the customer is left alone.
    pub own_declined_days: Option<i64>,
    /// The token under which the lender reports its own loans, and the days past due there that are borne.
    pub own_overdue: Option<(Text, i64)>,
    pub restructured: bool,
    /// Days for which an authorisation to ask the credit bureau counts.
    pub bureau_days: Option<i64>,
    pub max_age: MaxAge,
}

/// Oldest statement that may be relied on, days, for each thing that is known of the person.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MaxAge {
    pub region: Option<i64>,
    pub employer: Option<i64>,
    pub lenders: Option<i64>,
    pub debt_burden: Option<i64>,
    pub income: Option<i64>,
}

/// Those who belong to the lender or to a test.
pub(super) fn judge_lists(case: &Case<'_>, found: &mut Findings) {
    let persons = &case.policy.exclusions.persons;
    let lists = [
        (&persons.test_orders, ExcTestOrder, Subject::OnTestList, Subject::TestListCurrent),
        (&persons.own_staff, ExcOwnStaff, Subject::OnOwnStaffList, Subject::OwnStaffListCurrent),
        (&persons.related_parties, ExcRelatedParty, Subject::OnRelatedPartyList, Subject::RelatedPartyListCurrent),
    ];
    for (list, code, subject, current) in lists {
        if let Some(list) = list {
            found.flag(code, subject, list.holds(case.facts.customer), false);
        }
        expiry(list, current, case, found);
    }
}

/// What the customer has been with us, and what we may ask and rely on.
pub(super) fn judge(case: &Case<'_>, found: &mut Findings) {
    let (facts, persons) = (case.facts, &case.policy.exclusions.persons);
    if let Some(days) = persons.own_declined_days {
        own_declined(case, days, found);
    }
    if let Some((own, days)) = &persons.own_overdue {
        let overdue = facts.person.overdue.iter().find(|(partner, _)| *partner == own).map_or(0, |(_, days)| *days);
        found.number(ExcOwnOverdue, Subject::OwnDpdNow, Unit::Days, i64::from(overdue), Relation::AtMost, *days);
    }
    if persons.restructured {
        found.flag(ExcRestructured, Subject::Restructured, facts.person.restructured, false);
    }
    if let Some(days) = persons.bureau_days {
        let subject = Subject::BureauAuthorisationAge;
        let age = facts.person.bureau_given_at.map(|given| age_days(case, given));
        let check = Check::maybe(GateBureauAuthorisation, subject, Unit::Days, age, Relation::AtMost, Some(days));
        found.push(Check { passed: age.is_some_and(|age| age <= days), ..check });
    }
    let known = facts.person.known_at;
    let ages = [
        (Subject::RegionAge, known.region, persons.max_age.region),
        (Subject::EmployerAge, known.employer, persons.max_age.employer),
        (Subject::LendersAge, known.lenders, persons.max_age.lenders),
        (Subject::DebtBurdenAge, known.debt_burden, persons.max_age.debt_burden),
        (Subject::IncomeAge, known.income, persons.max_age.income),
    ];
    for (subject, known, most) in ages {
        if let (Some(known), Some(most)) = (known, most) {
            found.number(DataStale, subject, Unit::Days, age_days(case, known), Relation::AtMost, most);
        }
    }
}

fn own_declined(case: &Case<'_>, days: i64, found: &mut Findings) {
    let state = case.facts.own_product;
    // Any other state came after the decline and says more; that there is no product takes back nothing.
    let without = matches!(state, None | Some(OwnProductState::None | OwnProductState::Declined));
    match case.facts.person.own_declined_at.filter(|_| without) {
        Some(at) => {
            found.number(
                ExcOwnDeclined,
                Subject::OwnDeclinedAge,
                Unit::Days,
                age_days(case, at),
                Relation::AtLeast,
                days,
            );
        }
        None => {
            found.flag(ExcOwnDeclined, Subject::OwnDeclined, state == Some(OwnProductState::Declined), false);
        }
    }
}

/// Whole days before the event.
fn age_days(case: &Case<'_>, at: EventTime) -> i64 {
    case.facts.event_time.ms_since(at).div_euclid(DAY_MS)
}
