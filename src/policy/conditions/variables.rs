//! The variables a condition may read: the one table of their names, types, units and sources.

use cel::common::types::{CelBool, CelInt, CelList, CelString};
use cel::common::value::{CowVal, Val};

use crate::domain::Text;
use crate::domain::check::Unit;
use crate::domain::events::{Flag, Score};
use crate::domain::time::DAY_MS;
use crate::domain::words::Word;
use crate::policy::Facts;
use crate::words;

words! {
    /// Where a value comes from, which decides what it may be used for.
    pub enum Origin {
        /// The lender's own records and decisions.
        Own = "own",
        /// Handed over by the partner: only for what the contract's `data_use` covers.
        PartnerSupplied = "partner_supplied",
        /// From a credit bureau, under the customer's authorisation.
        Bureau = "bureau",
    }
}

/// What a condition computes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Flag,
    Number,
    Word,
    /// A list of words, on the right of `in`.
    Words,
}

/// The score a variable reads; its model must be approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelOf {
    Verdict,
    Risk,
    Response,
    Conversion,
    Value,
}

/// One variable that conditions may read.
#[derive(Debug)]
pub struct Variable {
    pub name: &'static str,
    pub kind: Kind,
    pub unit: Unit,
    pub origin: Origin,
    /// False: it may choose whom and when, never price, limit or coupon.
    pub may_set_price: bool,
    /// The score or verdict it stands for.
    pub model: Option<ModelOf>,
    read: for<'f> fn(&Facts<'f>) -> Option<Seen<'f>>,
}

/// A value as the facts hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen<'f> {
    Flag(bool),
    Number(i64),
    Word(&'f str),
    Words(&'f [Text]),
}

impl<'f> Seen<'f> {
    /// The value for the evaluator, borrowed where it is text.
    pub fn value<'b>(self) -> CowVal<'b, 'f>
    where
        'f: 'b,
    {
        match self {
            Self::Flag(flag) => CowVal::owned(CelBool::from(flag)),
            Self::Number(number) => CowVal::owned(CelInt::from(number)),
            Self::Word(word) => CowVal::owned(CelString::from(word)),
            Self::Words(words) => {
                let words = words.iter().map(|word| Box::new(CelString::from(word.as_str())) as Box<dyn Val + 'f>);
                CowVal::owned(CelList::from(words.collect::<Vec<_>>()))
            }
        }
    }
}

impl Variable {
    /// The variable of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|variable| variable.name == name)
    }

    /// What the facts say; `None`: not known.
    pub fn read<'f>(&self, facts: &Facts<'f>) -> Option<Seen<'f>> {
        (self.read)(facts)
    }
}

const fn own(name: &'static str, kind: Kind, unit: Unit, read: for<'f> fn(&Facts<'f>) -> Option<Seen<'f>>) -> Variable {
    Variable { name, kind, unit, origin: Origin::Own, may_set_price: true, model: None, read }
}

const fn from(origin: Origin, variable: Variable) -> Variable {
    Variable { origin, ..variable }
}

/// It may choose whom and when, never the terms (PIPL art. 24).
const fn selects_only(variable: Variable) -> Variable {
    Variable { may_set_price: false, ..variable }
}

const fn scored(model: ModelOf, variable: Variable) -> Variable {
    Variable { model: Some(model), ..variable }
}

const fn flag(name: &'static str, read: for<'f> fn(&Facts<'f>) -> Option<Seen<'f>>) -> Variable {
    own(name, Kind::Flag, Unit::Flag, read)
}

const fn count(name: &'static str, read: for<'f> fn(&Facts<'f>) -> Option<Seen<'f>>) -> Variable {
    own(name, Kind::Number, Unit::Count, read)
}

const fn days(name: &'static str, read: for<'f> fn(&Facts<'f>) -> Option<Seen<'f>>) -> Variable {
    own(name, Kind::Number, Unit::Days, read)
}

const fn money(name: &'static str, read: for<'f> fn(&Facts<'f>) -> Option<Seen<'f>>) -> Variable {
    own(name, Kind::Number, Unit::MoneyMinor, read)
}

const fn ppm(name: &'static str, read: for<'f> fn(&Facts<'f>) -> Option<Seen<'f>>) -> Variable {
    own(name, Kind::Number, Unit::Ppm, read)
}

const fn word(name: &'static str, read: for<'f> fn(&Facts<'f>) -> Option<Seen<'f>>) -> Variable {
    own(name, Kind::Word, Unit::Word, read)
}

/// Every variable, in the order of `docs/policy.md`.
pub static ALL: &[Variable] = &[
    word("kind", |f| Some(Seen::Word(f.kind.name()))),
    money("amount_minor", |f| f.amount_minor.map(Seen::Number)),
    word("product_kind", |f| f.limit.product_kind.map(|kind| Seen::Word(kind.name()))),
    word("repayment_method", |f| f.limit.repayment_method.map(|method| Seen::Word(method.name()))),
    own("term_months", Kind::Number, Unit::Count, |f| f.limit.term_months.map(whole)),
    word("currency", |f| f.limit.currency.map(Seen::Word)),
    money("partner_limit_minor", |f| f.limit.limit_minor.map(Seen::Number)),
    ppm("partner_cost_ppm", |f| f.limit.all_in_cost_ppm.map(Seen::Number)),
    selects_only(word("partner", |f| Some(Seen::Word(f.partner)))),
    selects_only(from(Origin::PartnerSupplied, word("region", |f| f.region.map(Seen::Word)))),
    from(Origin::PartnerSupplied, flag("staff", |f| Some(Seen::Flag(f.staff)))),
    from(Origin::PartnerSupplied, flag("test_order", |f| Some(Seen::Flag(f.test_order)))),
    from(Origin::Bureau, count("lenders", |f| f.lenders.map(whole))),
    from(Origin::Bureau, ppm("debt_burden_ppm", |f| f.debt_burden_ppm.map(Seen::Number))),
    days("dpd_now", |f| Some(whole(f.standing.dpd_now))),
    days("worst_dpd_24m", |f| Some(whole(f.standing.worst_dpd_24m))),
    count("late_months", |f| Some(Seen::Number(i64::from((f.standing.late_months & STRIP).count_ones())))),
    flag("compensated", |f| Some(Seen::Flag(f.standing.compensated))),
    flag("written_off", |f| Some(Seen::Flag(f.standing.written_off))),
    flag("restructured", |f| Some(Seen::Flag(f.person.restructured))),
    scored(ModelOf::Verdict, word("risk_band", |f| f.verdict.as_ref().map(|v| Seen::Word(v.band)))),
    scored(ModelOf::Verdict, days("verdict_age_days", |f| f.verdict.as_ref().map(|v| age(f, v.decided_at)))),
    scored(ModelOf::Risk, ppm("risk_score", |f| score(f.person.risk.as_ref()))),
    scored(ModelOf::Response, selects_only(ppm("response_score", |f| score(f.person.response.as_ref())))),
    scored(ModelOf::Conversion, selects_only(ppm("conversion_score", |f| score(f.person.conversion.as_ref())))),
    scored(ModelOf::Value, selects_only(ppm("value_score", |f| score(f.person.value.as_ref())))),
    selects_only(own("tags", Kind::Words, Unit::Word, |f| f.person.tags.map(Seen::Words))),
    word("own_product", |f| f.own_product.map(|state| Seen::Word(state.name()))),
    days("own_product_days", |f| f.person.own_product_at.map(|at| age(f, at))),
    money("own_limit_minor", |f| f.person.own_limit_minor.map(Seen::Number)),
    count("offers_made", |f| Some(Seen::Number(i64::try_from(f.offered_at.len()).unwrap_or(i64::MAX)))),
    days("days_since_offer", |f| f.offered_at.iter().max().map(|at| age(f, *at))),
    flag("reachable", |f| f.person.reachable.map(Seen::Flag)),
    flag("opt_out", |f| set(f, Flag::OptOut)),
    flag("complaint", |f| set(f, Flag::Complaint)),
    flag("dispute", |f| set(f, Flag::Dispute)),
    flag("hardship", |f| set(f, Flag::Hardship)),
    flag("in_collection", |f| set(f, Flag::InCollection)),
    flag("student", |f| set(f, Flag::Student)),
    flag("self_exclusion", |f| set(f, Flag::SelfExclusion)),
    flag("abuse", |f| set(f, Flag::Abuse)),
    flag("fraud", |f| set(f, Flag::Fraud)),
    flag("court_freeze", |f| set(f, Flag::CourtFreeze)),
    flag("own_staff", |f| set(f, Flag::OwnStaff)),
];

/// The months of the lateness strip.
const STRIP: u32 = (1 << 24) - 1;

fn whole<'f>(number: i32) -> Seen<'f> {
    Seen::Number(i64::from(number))
}

/// Whole days from a moment to the event that is judged.
fn age<'f>(facts: &Facts<'_>, at: crate::domain::EventTime) -> Seen<'f> {
    Seen::Number(facts.event_time.ms_since(at).div_euclid(DAY_MS))
}

fn score<'f>(score: Option<&Score<'f>>) -> Option<Seen<'f>> {
    score.map(|score| Seen::Number(score.value_ppm))
}

fn set<'f>(facts: &Facts<'f>, flag: Flag) -> Option<Seen<'f>> {
    Some(Seen::Flag(facts.flags & (1 << flag.ordinal()) != 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::is_protected;

    #[test]
    fn each_name_is_declared_once_and_no_protected_one_at_all() {
        for (at, variable) in ALL.iter().enumerate() {
            assert!(ALL[..at].iter().all(|other| other.name != variable.name), "{} twice", variable.name);
            assert!(!is_protected(variable.name), "{}", variable.name);
        }
        // What only chooses whom and when can never set a price.
        for name in ["response_score", "conversion_score", "value_score", "partner", "tags"] {
            assert!(!Variable::named(name).unwrap().may_set_price, "{name}");
        }
    }
}
