//! Application events: the application, a drawdown under it, or the limit it gave; and what they say of the person.

use std::mem::swap;

use super::{invalid, room_for, same_currency, unchanged};
use crate::customer::check::is_drawdown;
use crate::customer::record::fact::{Dated, Effect, stand, stand_by, stand_dated};
use crate::customer::record::{
    APPLICATIONS_MAX, Application, Asked, Customer, DRAWDOWNS_MAX, Drawdown, Entries, LIMITS_MAX, Limit, Outcome,
    Place, Spare, Traits, Verdict, find, put, section,
};
use crate::domain::events::{ApplicationEvent, ApplicationKind as Kind, EmployerSource};
use crate::domain::{Fate, Text};
use crate::store::Sections;

/// What is new or different after the event.
#[derive(Debug)]
pub struct Change {
    entries: Box<Entries>,
    /// The request, or the passing of the risk step, was not known before.
    pub asked: bool,
}

/// What the event would change. `place`: where the application or the drawdown stands that it speaks of.
pub fn weigh(
    customer: &Customer,
    event: &ApplicationEvent<'_>,
    place: Place,
    spare: &mut Spare,
) -> Result<Change, Fate> {
    let mut change = Change { entries: spare.entries(), asked: false };
    let refused = match weigh_parts(customer, event, place, &mut change) {
        Ok(Effect::Changed) => return Ok(change),
        Ok(effect) => unchanged(effect),
        Err(fate) => fate,
    };
    spare.give_back_entries(change.entries);
    Err(refused)
}

fn weigh_parts(
    customer: &Customer,
    event: &ApplicationEvent<'_>,
    place: Place,
    change: &mut Change,
) -> Result<Effect, Fate> {
    let by_name = || find(&customer.applications, event.partner, event.application);
    let application = place.application(customer).or_else(by_name);
    same_currency("application", application.and_then(|a| a.currency.as_deref()), event.currency)?;
    let grants = event.kind == Kind::Approved && event.limit_minor.is_some();
    let mut effect = match event.kind {
        kind if is_drawdown(kind) => weigh_drawdown(customer, event, place, change)?,
        kind if kind >= Kind::LimitGranted => Effect::Same,
        _ => weigh_application(customer, application, event, change)?,
    };
    if grants || event.kind >= Kind::LimitGranted {
        effect = effect.max(weigh_limit(customer, event, change)?);
    }
    Ok(effect.max(weigh_traits(customer, event, change)))
}

impl Change {
    pub fn writes(&self) -> Sections {
        let Entries { application, drawdown, limit, traits, .. } = &*self.entries;
        let when = |changed, section| if changed { section } else { 0 };
        when(application.is_some() || limit.is_some(), section::APPLICATIONS)
            | when(drawdown.is_some(), section::DRAWDOWNS)
            | when(traits.is_some(), section::TRAITS)
    }

    pub fn write(mut self, customer: &mut Customer, place: Place, spare: &mut Spare) {
        let Entries { application, drawdown, limit, traits, .. } = &mut *self.entries;
        place.put_application(customer, application);
        place.put_drawdown(customer, drawdown);
        put(&mut customer.limits, None, limit);
        // What stood there before goes with the entries.
        traits.iter_mut().for_each(|traits| swap(&mut customer.traits, traits));
        spare.give_back_entries(self.entries);
    }
}

fn weigh_application(
    customer: &Customer,
    known: Option<&Application>,
    event: &ApplicationEvent<'_>,
    change: &mut Change,
) -> Result<Effect, Fate> {
    if known.is_none() {
        room_for(customer.applications.len(), APPLICATIONS_MAX, "applications a customer")?;
    }
    let new = || Application::new(event.partner, event.application);
    let application = change.entries.application.insert(known.cloned().unwrap_or_else(new));
    let at = event.event_time;
    let effect = match event.kind {
        Kind::Submitted => Asked::stand(&mut application.submitted, Asked { at, amount_minor: event.amount_minor }),
        Kind::Preaccepted => stand_by(&mut application.preaccepted_at, at, |at| std::cmp::Reverse(*at)),
        Kind::Approved => {
            let amount_minor = event.limit_minor.or(event.amount_minor);
            stand(&mut application.outcome, Outcome { at, kind: event.kind, amount_minor, cancel_reason: None })
        }
        _ => {
            let amount_minor = event.amount_minor;
            stand(&mut application.outcome, Outcome { at, kind: event.kind, amount_minor, cancel_reason: None })
        }
    };
    let effect = effect.max(note_currency(&mut application.currency, event.currency));
    forget_unless(effect, &mut change.entries.application);
    Ok(effect)
}

fn weigh_drawdown(
    customer: &Customer,
    event: &ApplicationEvent<'_>,
    place: Place,
    change: &mut Change,
) -> Result<Effect, Fate> {
    let Some(id) = event.drawdown else { return Err(invalid(format!("drawdown is missing, {} needs it", event.kind))) };
    let known = place.drawdown(customer);
    if known.is_none() {
        room_for(customer.drawdowns.len(), DRAWDOWNS_MAX, "drawdowns a customer")?;
    }
    let drawdown = change.entries.drawdown.insert(known.cloned().unwrap_or_else(|| Drawdown::new(event.partner, id)));
    let (at, amount_minor) = (event.event_time, event.amount_minor);
    let effect = match event.kind {
        Kind::DrawdownRequested => {
            change.asked = !drawdown.request_known;
            drawdown.request(Asked { at, amount_minor })
        }
        Kind::DrawdownRiskPassed => {
            change.asked = drawdown.risk_passed_at.is_none();
            stand_by(&mut drawdown.risk_passed_at, at, |at| std::cmp::Reverse(*at)).max(drawdown.seen_at(at))
        }
        kind => {
            let cancel_reason = event.cancel_reason.filter(|_| kind == Kind::DrawdownCancelled);
            let outcome = Outcome { at, kind, amount_minor, cancel_reason };
            stand(&mut drawdown.outcome, outcome).max(drawdown.seen_at(at))
        }
    };
    let effect = effect.max(drawdown.mark(event.staff, event.test_order));
    forget_unless(effect, &mut change.entries.drawdown);
    Ok(effect)
}

fn weigh_limit(customer: &Customer, event: &ApplicationEvent<'_>, change: &mut Change) -> Result<Effect, Fate> {
    let product = event.product.unwrap_or_default();
    let known = find(&customer.limits, event.partner, product);
    if known.is_none() {
        room_for(customer.limits.len(), LIMITS_MAX, "limits a customer")?;
    }
    same_currency("limit", known.and_then(|limit| limit.currency.as_deref()), event.currency)?;
    let limit = change.entries.limit.insert(known.cloned().unwrap_or_else(|| Limit::new(event.partner, product)));
    let at = event.event_time;
    let effect = match event.kind {
        Kind::LimitFrozen | Kind::LimitUnfrozen => {
            stand(&mut limit.frozen, Dated { at, value: event.kind == Kind::LimitFrozen })
        }
        Kind::LimitClosed | Kind::LimitExpired => stand(&mut limit.ended, Dated { at, value: event.kind }),
        _ => [
            limit.stated(at),
            stand_dated(&mut limit.limit_minor, at, event.limit_minor),
            stand_dated(&mut limit.all_in_cost_ppm, at, event.all_in_cost_ppm),
            stand_dated(&mut limit.term_months, at, event.term_months),
            stand_dated(&mut limit.repayment_method, at, event.repayment_method),
            stand_dated(&mut limit.product_kind, at, event.product_kind),
        ]
        .into_iter()
        .fold(Effect::Same, Effect::max),
    };
    let effect = effect.max(note_currency(&mut limit.currency, event.currency));
    forget_unless(effect, &mut change.entries.limit);
    Ok(effect)
}

/// Region, employer and verdict; without any of them nothing is copied.
fn weigh_traits(customer: &Customer, event: &ApplicationEvent<'_>, change: &mut Change) -> Effect {
    if event.region.is_none() && event.employer.is_none() && event.risk_verdict.is_none() {
        return Effect::Same;
    }
    let traits = change.entries.traits.insert(customer.traits.clone());
    let at = event.event_time;
    let mut effect = stand_dated(&mut traits.region, at, event.region.map(Text::from));
    if let Some(employer) = &event.employer {
        effect = effect.max(traits.set_employer(employer.source, at, employer.token));
    }
    if let Some(verdict) = &event.risk_verdict {
        effect = effect.max(stand(
            &mut traits.verdict,
            Verdict {
                decided_at: verdict.decided_at,
                valid_days: verdict.valid_days,
                model: verdict.model.into(),
                version: verdict.version.into(),
                band: verdict.band.into(),
            },
        ));
    }
    forget_unless(effect, &mut change.entries.traits);
    effect
}

/// An entry that would be as it is known is none.
fn forget_unless<T>(effect: Effect, entry: &mut Option<T>) {
    if effect != Effect::Changed {
        *entry = None;
    }
}

impl Traits {
    /// The employer's keyed token as of an event, by where it was read.
    pub fn set_employer(&mut self, source: EmployerSource, at: crate::domain::EventTime, token: &str) -> Effect {
        let standing = match source {
            EmployerSource::Form => &mut self.employer_form,
            EmployerSource::CreditReport => &mut self.employer_report,
        };
        stand(standing, Dated { at, value: Text::from(token) })
    }
}

/// The first currency stated is the thing's currency.
pub fn note_currency(known: &mut Option<Text>, stated: Option<&str>) -> Effect {
    match stated {
        Some(stated) if known.is_none() => {
            *known = Some(stated.into());
            Effect::Changed
        }
        _ => Effect::Same,
    }
}
