//! The packed form of a customer: what stands in which order.

use super::pack::{Packer, Parts};
use super::unpack::Unpacker;
use super::{
    APPLICATIONS_MAX, Application, Asked, Customer, DRAWDOWNS_MAX, Drawdown, Instalment, LIMITS_MAX, LOANS_MAX, Limit,
    Loan, Offering, Outcome, Profile, Traits, section,
};
use crate::domain::Settlement;
use crate::domain::codec::CodecError;
use crate::store::{Packed, Sections};

/// Most buffers of one kind that are kept for other records.
const SPARE_MAX: usize = 1_024;
/// A list with more room than this is given back rather than kept, entries.
const ROOM_KEPT_MAX: usize = 128;

/// Entries apart from their record, as an event would leave them. They are large, so they lie in a box that is used again.
#[derive(Debug, Default)]
pub struct Entries {
    pub application: Option<Application>,
    pub drawdown: Option<Drawdown>,
    pub limit: Option<Limit>,
    pub instalment: Option<Instalment>,
    pub traits: Option<Traits>,
}

/// Boxes and lists that emptied records left for others.
#[derive(Debug, Default)]
pub struct Spare {
    /// One event is weighed at a time.
    entries: Option<Box<Entries>>,
    instalments: Vec<Vec<Instalment>>,
    #[expect(clippy::vec_box, reason = "a box moves between record and pool without its contents")]
    profiles: Vec<Box<Profile>>,
    #[expect(clippy::vec_box, reason = "as above")]
    offerings: Vec<Box<Offering>>,
    /// Where the end of a candidate is said.
    pub settlement: Settlement,
}

impl Packed for Customer {
    const TAG: u8 = b'c';
    const FORMAT: u8 = 6;
    const ALL: Sections = section::ALL;
    type Spare = Spare;

    fn pack(&self, section: Sections, out: &mut Vec<u8>) {
        let to = &mut Packer::new(out);
        match section {
            section::APPLICATIONS => self.pack_applications(to),
            section::DRAWDOWNS => list(to, &self.drawdowns, Drawdown::pack),
            section::LOANS => list(to, &self.loans, Loan::pack),
            section::TRAITS if !self.traits.is_empty() => self.traits.pack(to),
            section::PROFILE => self.profile.iter().for_each(|profile| profile.pack(to)),
            section::OFFERING => self.offering.iter().for_each(|offering| offering.pack(to)),
            section::ERASED => to.some(self.erased_at, Packer::time),
            _ => {}
        }
    }

    fn unpack(&mut self, section: Sections, bytes: &[u8], spare: &mut Spare) -> Result<(), CodecError> {
        let mut from = Unpacker::new(bytes);
        match section {
            section::APPLICATIONS => self.unpack_applications(&mut from),
            section::DRAWDOWNS => from.list(&mut self.drawdowns, DRAWDOWNS_MAX, Drawdown::unpack),
            section::LOANS => {
                let buffers = &mut spare.instalments;
                from.list(&mut self.loans, LOANS_MAX, |from| Loan::unpack(from, buffers.pop().unwrap_or_default()));
            }
            section::TRAITS => self.traits.unpack(&mut from),
            section::PROFILE => self.profile.insert(spare.profiles.pop().unwrap_or_default()).unpack(&mut from),
            section::OFFERING => self.offering.insert(spare.offerings.pop().unwrap_or_default()).unpack(&mut from),
            _ => self.erased_at = Some(from.time()),
        }
        from.end()
    }

    fn empty(&mut self, sections: Sections, spare: &mut Spare) {
        let has = |section| sections & section != 0;
        if has(section::APPLICATIONS) {
            clear(&mut self.applications);
            clear(&mut self.limits);
        }
        if has(section::DRAWDOWNS) {
            clear(&mut self.drawdowns);
        }
        if has(section::LOANS) {
            while let Some(loan) = self.loans.pop() {
                let mut instalments = loan.instalments;
                clear(&mut instalments);
                keep(&mut spare.instalments, instalments);
            }
            clear(&mut self.loans);
        }
        if has(section::TRAITS) {
            self.traits.empty();
        }
        if let Some(mut profile) = self.profile.take_if(|_| has(section::PROFILE)) {
            profile.empty();
            keep(&mut spare.profiles, profile);
        }
        if let Some(mut offering) = self.offering.take_if(|_| has(section::OFFERING)) {
            (offering.pending, offering.live) = (None, None);
            offering.offered_at.clear();
            keep(&mut spare.offerings, offering);
        }
        if has(section::ERASED) {
            self.erased_at = None;
        }
    }
}

impl Customer {
    fn pack_applications<'r>(&'r self, to: &mut Packer<'r, '_>) {
        let (applications, limits) = (!self.applications.is_empty(), !self.limits.is_empty());
        if applications || limits {
            to.parts(Parts::default().with(applications).with(limits));
            list(to, &self.applications, Application::pack);
            list(to, &self.limits, Limit::pack);
        }
    }

    fn unpack_applications(&mut self, from: &mut Unpacker<'_>) {
        let mut parts = from.parts();
        if parts.next() {
            from.list(&mut self.applications, APPLICATIONS_MAX, Application::unpack);
        }
        if parts.next() {
            from.list(&mut self.limits, LIMITS_MAX, Limit::unpack);
        }
        from.no_more(&parts);
    }
}

impl Spare {
    /// No entries yet.
    pub fn entries(&mut self) -> Box<Entries> {
        self.entries.take().unwrap_or_default()
    }

    /// Takes entries back; what is still among them is forgotten.
    pub fn give_back_entries(&mut self, mut entries: Box<Entries>) {
        // Each by itself, and every one, which the compiler sees.
        let Entries { application, drawdown, limit, instalment, traits } = &mut *entries;
        (*application, *drawdown, *limit, *instalment, *traits) = (None, None, None, None, None);
        self.entries = Some(entries);
    }

    /// Room for the instalments of a new loan.
    pub fn instalments(&mut self) -> Vec<Instalment> {
        self.instalments.pop().unwrap_or_default()
    }

    /// An offering of nothing yet.
    pub fn offering(&mut self) -> Box<Offering> {
        self.offerings.pop().unwrap_or_default()
    }

    /// A profile that says the same as another one, in a box that was used before.
    pub fn profile(&mut self, like: Option<&Profile>) -> Box<Profile> {
        let mut profile = self.profiles.pop().unwrap_or_default();
        if let Some(like) = like {
            profile.copy(like);
        }
        profile
    }

    /// Takes a profile back.
    pub fn give_back(&mut self, mut profile: Box<Profile>) {
        profile.empty();
        keep(&mut self.profiles, profile);
    }
}

fn keep<T>(spare: &mut Vec<T>, buffer: T) {
    if spare.len() < SPARE_MAX {
        spare.push(buffer);
    }
}

pub(super) fn clear<T>(items: &mut Vec<T>) {
    items.clear();
    if items.capacity() > ROOM_KEPT_MAX {
        *items = Vec::new();
    }
}

pub(super) fn list<'r, T>(to: &mut Packer<'r, '_>, items: &'r [T], pack: impl Fn(&'r T, &mut Packer<'r, '_>)) {
    if !items.is_empty() {
        to.count(items.len());
        items.iter().for_each(|item| pack(item, to));
    }
}

impl Application {
    fn pack<'r>(&'r self, to: &mut Packer<'r, '_>) {
        let parts = Parts::default().with(self.currency.is_some()).with(self.preaccepted_at.is_some());
        to.parts(with_outcome(with_asked(parts, self.submitted.as_ref()), self.outcome.as_ref()));
        to.text(&self.partner);
        to.id(&self.application);
        to.some_text(&self.currency);
        to.some(self.preaccepted_at, Packer::time);
        pack_asked(self.submitted, to);
        pack_outcome(self.outcome, to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Self {
        let mut parts = from.parts();
        let (partner, application) = (from.text(), from.id());
        let currency = from.some(parts.next(), Unpacker::text);
        let preaccepted_at = from.some(parts.next(), Unpacker::time);
        let submitted = unpack_asked(&mut parts, from);
        let outcome = unpack_outcome(&mut parts, from);
        from.no_more(&parts);
        Self { partner, application, currency, submitted, preaccepted_at, outcome }
    }
}

fn with_asked(parts: Parts, asked: Option<&Asked>) -> Parts {
    parts.with(asked.is_some()).with(asked.is_some_and(|asked| asked.amount_minor.is_some()))
}

#[inline]
fn pack_asked(asked: Option<Asked>, to: &mut Packer<'_, '_>) {
    if let Some(asked) = asked {
        to.time(asked.at);
        to.some(asked.amount_minor, Packer::number);
    }
}

#[inline]
fn unpack_asked(parts: &mut Parts, from: &mut Unpacker<'_>) -> Option<Asked> {
    let (asked, amount) = (parts.next(), parts.next());
    from.some(asked, |from| Asked { at: from.time(), amount_minor: from.some(amount, Unpacker::number) })
}

fn with_outcome(parts: Parts, outcome: Option<&Outcome>) -> Parts {
    let parts = parts.with(outcome.is_some()).with(outcome.is_some_and(|outcome| outcome.amount_minor.is_some()));
    parts.with(outcome.is_some_and(|outcome| outcome.cancel_reason.is_some()))
}

fn pack_outcome(outcome: Option<Outcome>, to: &mut Packer<'_, '_>) {
    if let Some(outcome) = outcome {
        to.time(outcome.at);
        to.word(outcome.kind);
        to.some(outcome.amount_minor, Packer::number);
        to.some(outcome.cancel_reason, Packer::word);
    }
}

fn unpack_outcome(parts: &mut Parts, from: &mut Unpacker<'_>) -> Option<Outcome> {
    let (outcome, amount, reason) = (parts.next(), parts.next(), parts.next());
    from.some(outcome, |from| {
        let (at, kind) = (from.time(), from.word());
        let amount_minor = from.some(amount, Unpacker::number);
        Outcome { at, kind, amount_minor, cancel_reason: from.some(reason, Unpacker::word) }
    })
}

impl Drawdown {
    fn pack<'r>(&'r self, to: &mut Packer<'r, '_>) {
        let flags = [self.request_known, self.admitted, self.own_accepted, self.risk_passed_at.is_some()];
        let parts = flags.iter().fold(Parts::default(), |parts, flag| parts.with(*flag));
        let parts = with_outcome(with_asked(parts, self.requested.as_ref()), self.outcome.as_ref());
        let parts = parts.with(!self.candidate.is_empty()).with(self.held_out);
        let parts = parts.with(self.offered_minor.is_some());
        to.parts(parts.with(self.staff).with(self.test_order));
        to.text(&self.partner);
        to.id(&self.drawdown);
        to.some(self.risk_passed_at, Packer::time);
        pack_asked(self.requested, to);
        pack_outcome(self.outcome, to);
        if !self.candidate.is_empty() {
            to.id_bytes(self.candidate.as_bytes());
        }
        to.some(self.offered_minor, Packer::number);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Self {
        let mut parts = from.parts();
        let (request_known, admitted, own_accepted) = (parts.next(), parts.next(), parts.next());
        let (partner, drawdown) = (from.text(), from.id());
        let risk_passed_at = from.some(parts.next(), Unpacker::time);
        let requested = unpack_asked(&mut parts, from);
        let outcome = unpack_outcome(&mut parts, from);
        let candidate = from.some(parts.next(), Unpacker::id).unwrap_or_default();
        let held_out = parts.next();
        let offered_minor = from.some(parts.next(), Unpacker::number);
        let (staff, test_order) = (parts.next(), parts.next());
        from.no_more(&parts);
        Self {
            partner,
            drawdown,
            requested,
            request_known,
            risk_passed_at,
            outcome,
            candidate,
            offered_minor,
            admitted,
            own_accepted,
            held_out,
            staff,
            test_order,
        }
    }
}

impl Limit {
    fn pack<'r>(&'r self, to: &mut Packer<'r, '_>) {
        let parts = Parts::default().with(!self.product.is_empty()).with(self.currency.is_some());
        let parts = parts.with(self.terms_at.is_some()).with(self.limit_minor.is_some());
        let parts = parts.with(self.all_in_cost_ppm.is_some()).with(self.term_months.is_some());
        let parts = parts.with(self.repayment_method.is_some()).with(self.product_kind.is_some());
        to.parts(parts.with(self.frozen.is_some()).with(self.ended.is_some()));
        to.text(&self.partner);
        if !self.product.is_empty() {
            to.id(&self.product);
        }
        to.some_text(&self.currency);
        to.some(self.terms_at, Packer::time);
        to.dated(&self.limit_minor, |to, value| to.number(*value));
        to.dated(&self.all_in_cost_ppm, |to, value| to.number(*value));
        to.dated(&self.term_months, |to, value| to.number(i64::from(*value)));
        to.dated(&self.repayment_method, |to, value| to.word(*value));
        to.dated(&self.product_kind, |to, value| to.word(*value));
        to.dated(&self.frozen, |to, value| to.number(i64::from(*value)));
        to.dated(&self.ended, |to, value| to.word(*value));
    }

    fn unpack(from: &mut Unpacker<'_>) -> Self {
        let mut parts = from.parts();
        let partner = from.text();
        let limit = Self {
            partner,
            product: from.some(parts.next(), Unpacker::id).unwrap_or_default(),
            currency: from.some(parts.next(), Unpacker::text),
            terms_at: from.some(parts.next(), Unpacker::time),
            limit_minor: from.dated(parts.next(), Unpacker::number),
            all_in_cost_ppm: from.dated(parts.next(), Unpacker::number),
            term_months: from.dated(parts.next(), Unpacker::small),
            repayment_method: from.dated(parts.next(), Unpacker::word),
            product_kind: from.dated(parts.next(), Unpacker::word),
            frozen: from.dated(parts.next(), Unpacker::flag),
            ended: from.dated(parts.next(), Unpacker::word),
        };
        from.no_more(&parts);
        limit
    }
}
