//! The packed form of what concerns the person: traits, profile and offering.

use super::fact::Dated;
use super::form::{clear, list};
use super::pack::{ENTRIES_MAX, Packer, Parts};
use super::unpack::Unpacker;
use super::{
    Consent, Contact, FlagFact, Giving, Income, Live, OFFERED_MAX, Offering, Pending, Profile, ScoreFact, Tags, Traits,
    Verdict,
};

impl Traits {
    pub(super) fn pack<'r>(&'r self, to: &mut Packer<'r, '_>) {
        let parts = Parts::default().with(self.region.is_some()).with(self.employer_form.is_some());
        to.parts(parts.with(self.employer_report.is_some()).with(self.verdict.is_some()));
        to.dated(&self.region, |to, text| to.id(text));
        to.dated(&self.employer_form, |to, text| to.text(text));
        to.dated(&self.employer_report, |to, text| to.text(text));
        if let Some(verdict) = &self.verdict {
            to.time(verdict.decided_at);
            to.number(i64::from(verdict.valid_days));
            [&verdict.model, &verdict.version, &verdict.band].into_iter().for_each(|text| to.id(text));
        }
    }

    pub(super) fn unpack(&mut self, from: &mut Unpacker<'_>) {
        let mut parts = from.parts();
        self.region = from.dated(parts.next(), Unpacker::id);
        self.employer_form = from.dated(parts.next(), Unpacker::text);
        self.employer_report = from.dated(parts.next(), Unpacker::text);
        self.verdict = from.some(parts.next(), |from| {
            let (decided_at, valid_days) = (from.time(), from.small());
            Verdict { decided_at, valid_days, model: from.id(), version: from.id(), band: from.id() }
        });
        from.no_more(&parts);
    }

    /// Forgets everything; each by itself, because a whole default would be written beside it and moved here.
    pub(super) fn empty(&mut self) {
        let Self { region, employer_form, employer_report, verdict } = self;
        (*region, *employer_form, *employer_report, *verdict) = (None, None, None, None);
    }
}

impl Profile {
    pub(super) fn pack<'r>(&'r self, to: &mut Packer<'r, '_>) {
        let parts = Parts::default().with(self.zone.is_some()).with(self.tags.is_some()).with(self.lenders.is_some());
        let parts = parts.with(self.debt_burden_ppm.is_some()).with(self.own_product.is_some());
        let parts = parts.with(self.own_limit_minor.is_some()).with(self.own_since.is_some());
        let parts = parts.with(self.merged_into.is_some()).with(!self.scores.is_empty());
        let parts = parts.with(!self.consents.is_empty()).with(!self.flags.is_empty());
        let parts = parts.with(!self.contacts.is_empty()).with(self.income.is_some());
        to.parts(parts.with(self.own_declined_at.is_some()));
        to.dated(&self.zone, |to, text| to.id(text));
        to.dated(&self.tags, |to, tags| {
            to.count(tags.len());
            tags.iter().for_each(|tag| to.id(tag));
        });
        to.dated(&self.lenders, |to, value| to.number(i64::from(*value)));
        to.dated(&self.debt_burden_ppm, |to, value| to.number(*value));
        to.dated(&self.own_product, |to, value| to.word(*value));
        to.dated(&self.own_limit_minor, |to, value| to.number(*value));
        to.some(self.own_since, Packer::time);
        to.dated(&self.merged_into, |to, text| to.id(text));
        list(to, &self.scores, ScoreFact::pack);
        list(to, &self.consents, Consent::pack);
        list(to, &self.flags, FlagFact::pack);
        list(to, &self.contacts, Contact::pack);
        to.dated(&self.income, |to, income| {
            to.number(income.monthly_minor);
            to.text(&income.currency);
        });
        to.some(self.own_declined_at, Packer::time);
    }

    pub(super) fn unpack(&mut self, from: &mut Unpacker<'_>) {
        let mut parts = from.parts();
        self.zone = from.dated(parts.next(), Unpacker::id);
        self.tags = from.dated(parts.next(), |from| {
            let mut tags = Tags::new();
            for _ in 0..from.count(ENTRIES_MAX) {
                tags.push(from.id());
            }
            tags
        });
        self.lenders = from.dated(parts.next(), Unpacker::small);
        self.debt_burden_ppm = from.dated(parts.next(), Unpacker::number);
        self.own_product = from.dated(parts.next(), Unpacker::word);
        self.own_limit_minor = from.dated(parts.next(), Unpacker::number);
        self.own_since = from.some(parts.next(), Unpacker::time);
        self.merged_into = from.dated(parts.next(), Unpacker::id);
        if parts.next() {
            from.list(&mut self.scores, ENTRIES_MAX, ScoreFact::unpack);
        }
        if parts.next() {
            from.list(&mut self.consents, ENTRIES_MAX, Consent::unpack);
        }
        if parts.next() {
            from.list(&mut self.flags, ENTRIES_MAX, FlagFact::unpack);
        }
        if parts.next() {
            from.list(&mut self.contacts, ENTRIES_MAX, Contact::unpack);
        }
        self.income = from.dated(parts.next(), |from| Income { monthly_minor: from.number(), currency: from.text() });
        self.own_declined_at = from.some(parts.next(), Unpacker::time);
        from.no_more(&parts);
    }

    /// Forgets everything but the room of its lists.
    pub(super) fn empty(&mut self) {
        // Each by itself, because a whole default would be written beside it and moved here; and every one, which the compiler sees.
        let Self {
            zone,
            tags,
            lenders,
            debt_burden_ppm,
            income,
            own_product,
            own_limit_minor,
            own_since,
            own_declined_at,
            merged_into,
            scores,
            consents,
            flags,
            contacts,
        } = self;
        (*zone, *tags, *merged_into) = (None, None, None);
        (*lenders, *debt_burden_ppm, *income) = (None, None, None);
        (*own_product, *own_limit_minor, *own_since, *own_declined_at) = (None, None, None, None);
        clear(scores);
        clear(consents);
        clear(flags);
        clear(contacts);
    }

    /// Says the same as another one; the room of its lists is used again.
    pub(super) fn copy(&mut self, like: &Profile) {
        self.scores.clone_from(&like.scores);
        self.consents.clone_from(&like.consents);
        self.flags.clone_from(&like.flags);
        self.contacts.clone_from(&like.contacts);
        let Self { scores, consents, flags, contacts, .. } = std::mem::take(self);
        *self = Self {
            zone: like.zone.clone(),
            tags: like.tags.clone(),
            lenders: like.lenders,
            debt_burden_ppm: like.debt_burden_ppm,
            income: like.income.clone(),
            own_product: like.own_product,
            own_limit_minor: like.own_limit_minor,
            own_since: like.own_since,
            own_declined_at: like.own_declined_at,
            merged_into: like.merged_into.clone(),
            scores,
            consents,
            flags,
            contacts,
        };
    }
}

impl ScoreFact {
    pub(super) fn pack<'r>(&'r self, to: &mut Packer<'r, '_>) {
        to.word(self.kind);
        to.time(self.at);
        to.time(self.scored_at);
        to.number(self.value_ppm);
        to.text(&self.model);
        to.text(&self.version);
    }

    pub(super) fn unpack(from: &mut Unpacker<'_>) -> Self {
        let (kind, at, scored_at, value_ppm) = (from.word(), from.time(), from.time(), from.number());
        Self { kind, at, scored_at, value_ppm, model: from.text(), version: from.text() }
    }
}

impl Consent {
    pub(super) fn pack<'r>(&'r self, to: &mut Packer<'r, '_>) {
        let via = self.giving.as_ref().is_some_and(|giving| giving.collected_via.is_some());
        let parts = Parts::default().with(self.recipient.is_some()).with(self.giving.is_some()).with(via);
        to.parts(parts.with(self.withdrawn_at.is_some()));
        to.word(self.purpose);
        to.text(&self.controller);
        to.some_text(&self.recipient);
        if let Some(giving) = &self.giving {
            to.time(giving.given_at);
            to.id(&giving.consent);
            to.text(&giving.text_version);
            to.some_text(&giving.collected_via);
        }
        to.some(self.withdrawn_at, Packer::time);
    }

    pub(super) fn unpack(from: &mut Unpacker<'_>) -> Self {
        let mut parts = from.parts();
        let (purpose, controller) = (from.word(), from.text());
        let recipient = from.some(parts.next(), Unpacker::text);
        let (given, via) = (parts.next(), parts.next());
        let giving = from.some(given, |from| {
            let (given_at, consent, text_version) = (from.time(), from.id(), from.text());
            Giving { given_at, consent, text_version, collected_via: from.some(via, Unpacker::text) }
        });
        let withdrawn_at = from.some(parts.next(), Unpacker::time);
        from.no_more(&parts);
        Self { purpose, controller, recipient, giving, withdrawn_at }
    }
}

impl FlagFact {
    pub(super) fn pack<'r>(&'r self, to: &mut Packer<'r, '_>) {
        to.word(self.flag);
        to.time(self.value.at);
        to.number(i64::from(self.value.value));
    }

    pub(super) fn unpack(from: &mut Unpacker<'_>) -> Self {
        Self { flag: from.word(), value: Dated { at: from.time(), value: from.flag() } }
    }
}

impl Contact {
    pub(super) fn pack<'r>(&'r self, to: &mut Packer<'r, '_>) {
        to.parts(Parts::default().with(self.channel.is_some()));
        to.time(self.at);
        to.id(&self.event);
        to.word(self.kind);
        to.some_text(&self.channel);
    }

    pub(super) fn unpack(from: &mut Unpacker<'_>) -> Self {
        let mut parts = from.parts();
        let (at, event, kind) = (from.time(), from.id(), from.word());
        let channel = from.some(parts.next(), Unpacker::text);
        from.no_more(&parts);
        Self { at, event, kind, channel }
    }
}

impl Offering {
    pub(super) fn pack<'r>(&'r self, to: &mut Packer<'r, '_>) {
        let pending = self.pending.as_ref().map(|c| ([&*c.candidate, &*c.partner, &*c.drawdown], c.settled));
        let live = self.live.as_ref().map(|c| ([&*c.candidate, &*c.partner, &*c.drawdown], c.settled));
        let expires_at = self.live.as_ref().and_then(|live| live.expires_at);
        let parts = [pending, live].iter().fold(Parts::default(), |parts, standing| {
            parts.with(standing.is_some()).with(standing.is_some_and(|(_, settled)| settled))
        });
        to.parts(parts.with(expires_at.is_some()));
        for (texts, _) in [pending, live].into_iter().flatten() {
            texts.into_iter().for_each(|text: &'r str| to.text(text));
        }
        to.some(expires_at, Packer::time);
        to.count(self.offered_at.len());
        self.offered_at.iter().for_each(|at| to.time(*at));
    }

    pub(super) fn unpack(&mut self, from: &mut Unpacker<'_>) {
        let mut parts = from.parts();
        let (pending, settled) = (parts.next(), parts.next());
        self.pending = from.some(pending, |from| Pending {
            candidate: from.text_id(),
            partner: from.text(),
            drawdown: from.text(),
            settled,
        });
        let (live, settled, expires) = (parts.next(), parts.next(), parts.next());
        self.live = from.some(live, |from| {
            let (candidate, partner, drawdown) = (from.text_id(), from.text(), from.text());
            let expires_at = from.some(expires, Unpacker::time);
            Live { candidate, partner, drawdown, expires_at, settled }
        });
        from.list(&mut self.offered_at, OFFERED_MAX, Unpacker::time);
        from.no_more(&parts);
    }
}
