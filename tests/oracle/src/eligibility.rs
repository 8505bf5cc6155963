//! The table of section 4: all failing codes of one drawdown trigger, in the order of the table.

use reflow::domain::events::{ApplicationEvent, ApplicationKind, EmployerSource, Flag, OwnProductState};
use reflow::domain::time::DAY_MS;
use reflow::domain::{CandidateKind, EventTime, ReasonCode, Text};

use super::local_day;
use super::plain_policy::{OracleContract, OraclePolicy, within};
use super::record::{Key, Record, Value};
use super::standing::Standing;

/// Where a customer's one candidate is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hold {
    #[default]
    Free,
    /// A proposal waits for its reply.
    Pending,
    /// A candidate is live, or ended and not yet released.
    Taken,
}

/// What is judged: the event, the record it led to, and the customer's candidates.
pub struct Trigger<'a> {
    pub event: &'a ApplicationEvent<'a>,
    pub record: &'a Record,
    pub now: EventTime,
    pub hold: Hold,
    /// Currency of the partner's limit, else of the application, as far as stated.
    pub currency: Option<Text>,
    /// When candidates of this customer were admitted.
    pub offered_at: &'a [EventTime],
}

type Codes = Vec<ReasonCode>;

fn fails(codes: &mut Codes, fails: bool, code: ReasonCode) {
    if fails && !codes.contains(&code) {
        codes.push(code);
    }
}

impl Trigger<'_> {
    /// All failing codes; empty: propose.
    pub fn judge(&self, policy: &OraclePolicy) -> Vec<ReasonCode> {
        let Some(contract) = policy.contracts.get(self.event.partner) else {
            return vec![ReasonCode::DataUnknownPartner];
        };
        let mut codes = Codes::new();
        self.gates(contract, &mut codes);
        self.exclusions(policy, contract, &mut codes);
        self.data(policy, contract, &mut codes);
        self.holds(policy, &mut codes);
        if codes.is_empty() && policy.holdout.iter().any(|customer| customer == self.event.customer) {
            codes.push(ReasonCode::CtrlHoldout);
        }
        codes
    }

    /// Own product first, then any door through which the customer has borrowed before.
    pub fn kind(&self) -> CandidateKind {
        let borrowed = self.record.facts().any(|fact| match (&fact.key, &fact.value) {
            (Key::DrawdownEnd(..), Value::DrawdownEnd { kind, .. }) => *kind == ApplicationKind::DrawdownDisbursed,
            (Key::Disbursed(..) | Key::Closed(..) | Key::Schedule(..) | Key::Payment(..), _) => true,
            _ => false,
        });
        match self.record.value(&Key::OwnProduct) {
            Some(Value::OwnProduct(OwnProductState::Active)) => CandidateKind::UseOwnLimit,
            _ if borrowed => CandidateKind::ReturningRt,
            _ => CandidateKind::NewRt,
        }
    }

    fn gates(&self, contract: &OracleContract, codes: &mut Codes) {
        use ReasonCode as R;
        let at = self.event.event_time;
        fails(codes, !within(contract.listed, at), R::GatePartnerUnlisted);
        fails(codes, !contract.real_time, R::GateContractForbids);
        fails(codes, !within(contract.dates, at), R::GateContractDates);
        let consents = self.record.cross_marketing();
        let consented = consents.iter().any(|(given, withdrawn)| *given <= at && !withdrawn);
        fails(codes, !consented, R::GateNoConsent);
        let flags = [
            (Flag::OptOut, R::GateOptOut),
            (Flag::Hardship, R::GateHardship),
            (Flag::Dispute, R::GateDispute),
            (Flag::Complaint, R::GateComplaint),
            (Flag::InCollection, R::GateInCollection),
            (Flag::SelfExclusion, R::GateSelfExclusion),
            (Flag::Deceased, R::GateDeceased),
            (Flag::Minor, R::GateMinor),
        ];
        flags.iter().for_each(|(flag, code)| fails(codes, self.record.flag(*flag), *code));
        fails(codes, self.record.merged(), R::DataMerged);
        fails(codes, self.now.ms_since(at) > contract.answer_within_ms, R::GateDeadline);
    }

    fn exclusions(&self, policy: &OraclePolicy, contract: &OracleContract, codes: &mut Codes) {
        use ReasonCode as R;
        let listed_staff = policy.staff.iter().any(|token| token == self.event.customer);
        let marked = |marker| self.record.marked(self.event.partner, self.event.drawdown.unwrap_or(""), marker);
        fails(codes, marked("staff") || listed_staff, R::ExcPartnerStaff);
        fails(codes, marked("test order"), R::ExcTestOrder);
        let employed = [EmployerSource::Form, EmployerSource::CreditReport].iter().any(|source| {
            self.token(&Key::Employer(*source))
                .is_some_and(|token| policy.employers.iter().any(|e| *e == token.as_str()))
        });
        fails(codes, employed, R::ExcEmployer);
        let run_out = policy.employers_until.is_some_and(|until| until <= self.event.event_time);
        fails(codes, run_out, R::DataMissing);
        let today = self.now.max(self.event.event_time);
        let standing = Standing::of(self.record, local_day(Some(&contract.zone), today));
        let severe = standing.dpd_now > policy.dpd_now_max
            || standing.worst_dpd_24m >= policy.worst_dpd_24m_from
            || standing.months_late_in_a_row() >= policy.months_in_a_row_from
            || standing.months_late() >= policy.months_from
            || standing.written_off;
        fails(codes, severe, R::ExcSevereDpd);
        fails(codes, standing.compensated, R::ExcCompensated);
        let flags = [
            (Flag::Student, R::ExcStudent),
            (Flag::Abuse, R::ExcAbuse),
            (Flag::Fraud, R::ExcFraud),
            (Flag::CourtFreeze, R::ExcCourtFreeze),
            (Flag::OwnStaff, R::ExcOwnStaff),
        ];
        for (flag, code) in flags {
            fails(codes, policy.excluded_flags.contains(&flag) && self.record.flag(flag), code);
        }
    }

    fn data(&self, policy: &OraclePolicy, contract: &OracleContract, codes: &mut Codes) {
        use ReasonCode as R;
        if !contract.regions.is_empty() {
            let region = self.token(&Key::Region);
            let inside = region.is_some_and(|token| contract.regions.iter().any(|r| *r == token.as_str()));
            fails(codes, !inside, R::ExcRegion);
            fails(codes, region.is_none(), R::DataMissing);
        }
        match self.record.value(&Key::Verdict) {
            Some(Value::Verdict { decided_at, .. }) if *decided_at > self.now.max(self.event.event_time) => {
                fails(codes, true, R::DataVerdictMissing);
            }
            Some(Value::Verdict { band, decided_at, valid_days }) => {
                let until = decided_at.plus_ms(i64::from(*valid_days) * DAY_MS);
                fails(codes, until < self.event.event_time, R::DataVerdictExpired);
                let known = policy.bands.is_empty() || policy.bands.iter().any(|b| *b == band.as_str());
                fails(codes, !known, R::ExcRiskBand);
            }
            _ => fails(codes, true, R::DataVerdictMissing),
        }
        self.at_most(&Key::Lenders, policy.lenders_max, R::ExcMultiLender, codes);
        self.at_most(&Key::DebtBurden, policy.debt_burden_max_ppm, R::ExcDebtBurden, codes);
        self.offer(policy, contract, codes);
    }

    /// Some offer is for this kind and currency, and all that it builds on is known.
    fn offer(&self, policy: &OraclePolicy, contract: &OracleContract, codes: &mut Codes) {
        let kind = self.kind();
        let stated = self.event.currency.or(self.currency.as_deref());
        let currency = stated.unwrap_or(contract.currency.as_str());
        let product = self.record.limit_of(self.event.partner, self.event.product.unwrap_or_default());
        let known = |product: &Text| {
            let key = Key::LimitTerm(self.event.partner.into(), product.clone(), "limit");
            self.record.fact(&key).is_some()
        };
        let limit = self.event.limit_minor.is_some() || product.as_ref().is_some_and(known);
        let mut meant = policy.offers.iter().filter(|o| o.kinds.contains(&kind) && o.currency == currency);
        let (any, fits) = (meant.clone().next().is_some(), meant.any(|offer| limit || !offer.needs_limit));
        fails(codes, !fits, ReasonCode::ExcNoOffer);
        fails(codes, any && !fits, ReasonCode::DataMissing);
    }

    fn holds(&self, policy: &OraclePolicy, codes: &mut Codes) {
        let at = self.now;
        fails(codes, self.hold == Hold::Pending, ReasonCode::HoldPending);
        fails(codes, self.hold == Hold::Taken, ReasonCode::HoldLiveCandidate);
        if let Some((cap, window_ms)) = policy.frequency_cap {
            let recent = self.offered_at.iter().filter(|offered| at.ms_since(**offered) < window_ms).count();
            fails(codes, recent >= cap, ReasonCode::HoldFreqCap);
        }
        let last = self.offered_at.iter().max();
        let cooling = last.is_some_and(|offered| at.ms_since(*offered) < policy.cool_down_ms);
        fails(codes, cooling, ReasonCode::HoldCoolDown);
    }

    fn at_most(&self, key: &Key, max: Option<i64>, code: ReasonCode, codes: &mut Codes) {
        match (max, self.record.value(key)) {
            (Some(max), Some(Value::Number(value))) => fails(codes, *value > max, code),
            (Some(_), _) => fails(codes, true, ReasonCode::DataMissing),
            (None, _) => {}
        }
    }

    fn token(&self, key: &Key) -> Option<&Text> {
        match self.record.value(key) {
            Some(Value::Token(token)) => Some(token),
            _ => None,
        }
    }
}
