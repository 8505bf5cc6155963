//! What the record says of the customer's business with this funder: the terms at each door, what can be owed in all, and
//! when and where the customer borrowed before.
//!
//! Exposure is at the funder's full share: its own share of a joint loan is not kept, so never less than the truth is counted.
//! An amount without a currency counts as being in the currency asked about; one in another currency makes the sum unknown.

use smallvec::SmallVec;

use super::record::{Application, Customer, Drawdown, Limit, Loan, Origin, find};
use crate::domain::events::OwnProductState;
use crate::domain::time::DAY_MS;
use crate::domain::{EventTime, Subject, Text};
use crate::policy::facts::{Door, Exposure, History, Holdings, PartnerLimit};

/// A request without an answer lapses after so long, milliseconds.
const PENDING_MS: i64 = 90 * DAY_MS;

/// What is asked about: a drawdown at a partner's door, in a currency, at a moment.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    pub partner: &'a str,
    pub drawdown: &'a str,
    pub application: &'a str,
    /// The terms at the partner's door.
    pub terms: PartnerLimit<'a>,
    pub currency: &'a str,
    pub at: EventTime,
}

/// Everything the policy may know of what the customer holds.
pub fn holdings<'a>(customer: &'a Customer, asking: &Asking<'a>, doors: &'a [Door<'a>]) -> Holdings<'a> {
    Holdings { doors, exposure: exposure(customer, asking), history: history(customer, asking) }
}

fn own_state(customer: &Customer) -> Option<OwnProductState> {
    customer.profile.as_ref().and_then(|profile| profile.own_state())
}

/// The own limit, as far as one can still be drawn or freed again.
fn own_limit(customer: &Customer) -> Option<i64> {
    let profile = customer.profile.as_ref()?;
    let state = profile.own_state()?;
    let held = matches!(state, OwnProductState::Active | OwnProductState::Frozen);
    profile.own_limit_minor.filter(|_| held).map(|limit| limit.value)
}

/// Doors of one customer; few have more than a handful.
pub type Doors<'a> = SmallVec<[Door<'a>; 4]>;

/// The partner asked, the own door, and every other partner whose limit has not ended.
pub fn doors<'a>(customer: &'a Customer, asking: &Asking<'a>) -> Doors<'a> {
    let mut doors = Doors::new();
    doors.push(Door { partner: asking.partner, terms: asking.terms });
    if let Some(limit) = own_limit(customer) {
        let terms = PartnerLimit { limit_minor: Some(limit), ..PartnerLimit::default() };
        doors.push(Door { partner: "", terms });
    }
    let elsewhere = customer.limits.iter().filter(|limit| limit.partner != asking.partner && limit.is_live());
    doors.extend(elsewhere.map(|limit| Door { partner: &limit.partner, terms: limit.terms() }));
    doors
}

/// What one partner has granted, and what of it is drawn or asked for.
#[derive(Clone, Copy)]
struct Account<'a> {
    partner: &'a str,
    granted: i64,
    used: i64,
    applied: i64,
    /// A limit states no amount.
    unstated: bool,
    /// An amount is in another currency.
    foreign: bool,
}

impl Account<'_> {
    /// The open undrawn limit with the outstanding and the requests: the limit, or what is drawn where that is more.
    fn exposure(&self) -> i64 {
        self.granted.max(self.used).saturating_add(self.applied)
    }

    fn unknown(&self) -> Option<Subject> {
        match self {
            Self { unstated: true, .. } => Some(Subject::LimitMinor),
            Self { foreign: true, .. } => Some(Subject::ExposureInOneCurrency),
            _ => None,
        }
    }

    /// Notes whether an amount is in the currency asked about.
    fn same(&mut self, currency: &Option<Text>, asked: &str) -> bool {
        let same = currency.as_ref().is_none_or(|currency| currency == asked);
        self.foreign |= !same;
        same
    }
}

/// One account for each partner of the record.
#[derive(Default)]
struct Accounts<'a>(SmallVec<[Account<'a>; 4]>);

impl<'a> Accounts<'a> {
    fn of(&mut self, partner: &'a str) -> &mut Account<'a> {
        // The lists are sorted by partner, so it is mostly the one asked for last.
        let known = self.0.iter().rposition(|account| account.partner == partner);
        let at = known.unwrap_or_else(|| {
            self.0.push(Account { partner, granted: 0, used: 0, applied: 0, unstated: false, foreign: false });
            self.0.len() - 1
        });
        &mut self.0[at]
    }

    fn read(customer: &'a Customer, asking: &Asking<'_>) -> Self {
        let mut accounts = Self::default();
        for limit in &customer.limits {
            let account = accounts.of(&limit.partner);
            if limit.is_live() && account.same(&limit.currency, asking.currency) {
                account.granted = account.granted.saturating_add(limit.limit_minor.map_or(0, |granted| granted.value));
                account.unstated |= limit.limit_minor.is_none();
            }
        }
        for loan in &customer.loans {
            let (account, outstanding) = (accounts.of(&loan.partner), loan.outstanding_minor());
            if outstanding > 0 && account.same(&loan.currency, asking.currency) {
                account.used = account.used.saturating_add(outstanding);
            }
        }
        for drawdown in &customer.drawdowns {
            let account = accounts.of(&drawdown.partner);
            account.used = account.used.saturating_add(drawdown.reserved_minor(customer, asking));
        }
        for application in &customer.applications {
            let account = accounts.of(&application.partner);
            let asked = application.application == asking.application;
            if !asked && application.is_pending(asking.at) && account.same(&application.currency, asking.currency) {
                account.applied = account.applied.saturating_add(application.submitted_minor());
            }
        }
        accounts
    }
}

fn exposure(customer: &Customer, asking: &Asking<'_>) -> Exposure {
    let accounts = Accounts::read(customer, asking).0;
    let own_limit = own_limit(customer);
    let own_minor = own_limit.unwrap_or(0).max(accepted_minor(customer, asking.at));
    let mut sum = Exposure { own_minor, total_minor: own_minor, ..Exposure::default() };
    if own_state(customer) == Some(OwnProductState::Active) && own_limit.is_none() {
        sum.unknown = Some(Subject::OwnLimit);
    }
    for account in &accounts {
        sum.total_minor = sum.total_minor.saturating_add(account.exposure());
        if account.partner == asking.partner {
            (sum.here_minor, sum.here_used_minor) = (account.exposure(), account.used.saturating_add(account.applied));
        }
    }
    // Of several that are not known, that of the first partner is named.
    let unknown = accounts.iter().filter_map(|account| Some((account.partner, account.unknown()?)));
    sum.unknown = sum.unknown.or(unknown.min_by_key(|(partner, _)| *partner).map(|(_, what)| what));
    // The terms that the trigger itself states may be newer than the record.
    let stated = asking.terms.limit_minor.unwrap_or(0);
    let more = stated.saturating_sub(sum.here_minor).max(0);
    sum.total_minor = sum.total_minor.saturating_add(more);
    sum.here_minor = sum.here_minor.saturating_add(more);
    sum
}

/// The own limits that offers have promised and that are not reported yet: of each drawdown given up for an offer of ours, its
/// offered limit, and its own amount where none or less was offered. An own limit stated as of then or later is the answer to it.
fn accepted_minor(customer: &Customer, at: EventTime) -> i64 {
    let stated = customer.profile.as_ref().and_then(|profile| profile.own_limit_minor).map(|limit| limit.at);
    let waits = |taken: EventTime| stated.is_none_or(|stated| stated < taken) && lasts(Some(taken), at);
    let taken = customer.drawdowns.iter().filter(|drawdown| drawdown.chose_own());
    let open = taken.filter(|drawdown| drawdown.outcome.is_some_and(|outcome| waits(outcome.at)));
    let promised = open.map(|drawdown| drawdown.amount_minor().max(drawdown.offered_minor.unwrap_or(0)));
    promised.fold(0, i64::saturating_add)
}

fn lasts(since: Option<EventTime>, at: EventTime) -> bool {
    since.is_some_and(|since| at.ms_since(since) < PENDING_MS)
}

impl Application {
    /// Submitted, and nothing has come of it yet.
    fn is_pending(&self, at: EventTime) -> bool {
        self.outcome.is_none() && lasts(self.submitted.map(|asked| asked.at), at)
    }
}

impl Drawdown {
    /// What waits for its answer, and money out of which no loan is known yet.
    fn reserved_minor(&self, customer: &Customer, asking: &Asking<'_>) -> i64 {
        let began = self.requested.map(|asked| asked.at);
        let waits = self.outcome.is_none() && lasts(began, asking.at);
        let unreported =
            self.disbursed_at().is_some() && find(&customer.loans, &self.partner, &self.drawdown).is_none();
        if waits || unreported { self.amount_minor() } else { 0 }
    }
}

impl Limit {
    /// Granted, and neither closed nor expired since its latest terms.
    fn is_live(&self) -> bool {
        self.terms_at.is_some_and(|stated| self.ended.is_none_or(|ended| ended.at < stated))
    }

    fn terms(&self) -> PartnerLimit<'_> {
        PartnerLimit {
            limit_minor: self.limit_minor.map(|limit| limit.value),
            all_in_cost_ppm: self.all_in_cost_ppm.map(|cost| cost.value),
            term_months: self.term_months.map(|term| term.value),
            repayment_method: self.repayment_method.map(|method| method.value),
            product_kind: self.product_kind.map(|kind| kind.value),
            currency: self.currency.as_deref(),
        }
    }
}

impl Loan {
    /// Principal not paid yet, minor units; nothing once the loan is closed.
    fn outstanding_minor(&self) -> i64 {
        if self.closed.is_some() {
            return 0;
        }
        let paid = |sum: i64, paid: i64| sum.saturating_add(paid);
        match self.disbursed {
            Some(loan) => {
                let paid = self.instalments.iter().map(|i| i.paid_principal_minor()).fold(0, paid);
                loan.principal_minor.saturating_sub(paid).max(0)
            }
            None => self
                .instalments
                .iter()
                .map(|i| {
                    i.schedule.map_or(0, |s| s.due.principal_minor).saturating_sub(i.paid_principal_minor()).max(0)
                })
                .fold(0, paid),
        }
    }
}

/// What was before the trigger: neither its own drawdown nor its own application counts.
fn history(customer: &Customer, asking: &Asking<'_>) -> History {
    let own_since = customer.profile.as_ref().and_then(|profile| profile.own_since);
    let mut history = History {
        own_first: own_since.is_some() && customer.doors().origin() == Some(Origin::OwnFirst),
        limit_open: own_limit(customer).is_some() || customer.limits.iter().any(Limit::is_live),
        balance: customer.loans.iter().any(|loan| loan.outstanding_minor() > 0),
        ..History::default()
    };
    let mut disbursed = |partner: &Text, at: Option<EventTime>| {
        let count =
            if partner == asking.partner { &mut history.disbursed_here } else { &mut history.disbursed_elsewhere };
        *count = count.saturating_add(1);
        history.last_disbursed_at = history.last_disbursed_at.max(at);
    };
    for loan in &customer.loans {
        disbursed(&loan.partner, loan.disbursed.map(|disbursed| disbursed.at));
    }
    // The loan of a disbursed drawdown carries the drawdown's id, so that it counts once.
    for drawdown in &customer.drawdowns {
        let loan = find(&customer.loans, &drawdown.partner, &drawdown.drawdown);
        if loan.is_none() && drawdown.disbursed_at().is_some() {
            disbursed(&drawdown.partner, drawdown.disbursed_at());
        }
    }
    history.last_active_at = last_active(customer, asking).max(history.last_disbursed_at);
    history
}

fn last_active(customer: &Customer, asking: &Asking<'_>) -> Option<EventTime> {
    let other_drawdown = |d: &&Drawdown| (d.partner.as_str(), d.drawdown.as_str()) != (asking.partner, asking.drawdown);
    let other_application =
        |a: &&Application| (a.partner.as_str(), a.application.as_str()) != (asking.partner, asking.application);
    let requests = customer.drawdowns.iter().filter(other_drawdown).filter_map(|d| d.requested.map(|asked| asked.at));
    let applied =
        customer.applications.iter().filter(other_application).filter_map(|a| a.submitted.map(|asked| asked.at));
    let payments =
        customer.loans.iter().flat_map(|loan| loan.instalments.iter().filter_map(|i| i.payment.map(|p| p.at)));
    requests.chain(applied).chain(payments).filter(|at| *at <= asking.at).max()
}
