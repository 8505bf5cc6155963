//! Drawdowns: requested, passed by the risk step, and how they end.

use super::dice::{Dice, Purpose};
use super::partners::Endings;
use super::plan::Action;
use super::{Market, Place};
use crate::domain::events::{ApplicationEvent, ApplicationKind, CancelReason};
use crate::domain::time::MINUTE_MS;
use crate::domain::{EventTime, Text};

/// Customers who ask again soon after, and some hours later.
const AGAIN_SOON_PPM: u32 = 70_000;
const AGAIN_LATER_PPM: u32 = 80_000;
const TEST_ORDER_PPM: u32 = 6_000;

/// Where a drawdown stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Open,
    /// The customer takes the own offer: the planned end does not happen.
    Diverting,
    Ended,
}

pub struct Drawdown {
    pub account: Place,
    pub amount_minor: i64,
    test_order: bool,
    /// Event ids that may have triggered a decision: of the request and of the risk step.
    pub triggers: [Text; 2],
    pub ending: ApplicationKind,
    pub standing: Standing,
    /// The candidate that was made for it.
    pub candidate: Option<Text>,
}

impl Market {
    pub(super) fn request(&mut self, at: EventTime, account: Place, again: bool) {
        if self.mute(account, at) || self.accounts[account].frozen || !self.lends() {
            return;
        }
        let place = self.drawdowns.len();
        let mut dice = self.dice(Purpose::Drawdown, place);
        let profile = self.profile(account);
        let amount_minor = self.accounts[account].limit_minor * dice.between(15, 60) / 10_000 * 100;
        let test_order = dice.happens(TEST_ORDER_PPM);
        let (ending, after_ms) = ending(profile.endings_at(at), &mut dice);
        let words = self.words(account);
        let id = drawdown_id(place);
        let event = ApplicationEvent {
            drawdown: Some(&id),
            amount_minor: Some(amount_minor),
            test_order,
            ..words.application(at, ApplicationKind::DrawdownRequested)
        };
        self.say_application(&event);
        let triggers = [Text::from(event.event_id), Text::default()];
        let standing = Standing::Open;
        self.drawdowns.push(Drawdown {
            account,
            amount_minor,
            test_order,
            triggers,
            ending,
            standing,
            candidate: None,
        });
        let customer = self.accounts[account].customer;
        self.customers[customer].pending.push(place);
        self.truth.partners[self.accounts[account].partner].requested += 1;
        if profile.risk_step {
            self.plan(at.plus_ms(dice.between(20_000, 3 * MINUTE_MS)), Action::RiskPass(place));
        }
        self.plan(at.plus_ms(after_ms), Action::Conclude(place));
        if !again && dice.happens(AGAIN_SOON_PPM) {
            self.plan(at.plus_ms(dice.between(15, 50) * MINUTE_MS), Action::DrawAgain(account));
        }
        if !again && dice.happens(AGAIN_LATER_PPM) {
            self.plan(at.plus_ms(dice.between(180, 420) * MINUTE_MS), Action::DrawAgain(account));
        }
    }

    pub(super) fn risk_pass(&mut self, at: EventTime, drawdown: Place) {
        let Drawdown { account, standing, ending, .. } = self.drawdowns[drawdown];
        // Half of the declined ones are declined by this very step.
        let declined_here = ending == ApplicationKind::DrawdownDeclined && drawdown.is_multiple_of(2);
        if standing != Standing::Open || declined_here || self.mute(account, at) {
            return;
        }
        let event = self.say_drawdown(at, drawdown, ApplicationKind::DrawdownRiskPassed, None);
        self.drawdowns[drawdown].triggers[1] = event;
    }

    /// The end that was planned, unless the customer left it for the own offer.
    pub(super) fn conclude(&mut self, at: EventTime, drawdown: Place) {
        let Drawdown { account, standing, ending, amount_minor, .. } = self.drawdowns[drawdown];
        if standing != Standing::Open {
            return;
        }
        const WHY: [CancelReason; 4] =
            [CancelReason::NotNeeded, CancelReason::Terms, CancelReason::ChoseOther, CancelReason::Other];
        let reason = (ending == ApplicationKind::DrawdownCancelled).then(|| WHY[drawdown % WHY.len()]);
        if self.end(at, drawdown, ending, reason) && ending == ApplicationKind::DrawdownDisbursed {
            self.lend(at, account, drawdown_id(drawdown), amount_minor);
        }
    }

    /// Says how a drawdown ended; false when nobody can say it any more.
    pub(super) fn end(
        &mut self,
        at: EventTime,
        drawdown: Place,
        ending: ApplicationKind,
        reason: Option<CancelReason>,
    ) -> bool {
        let account = self.drawdowns[drawdown].account;
        self.drawdowns[drawdown].standing = Standing::Ended;
        let customer = self.accounts[account].customer;
        self.customers[customer].pending.retain(|pending| *pending != drawdown);
        if self.mute(account, at) {
            return false;
        }
        self.say_drawdown(at, drawdown, ending, reason);
        let truth = &mut self.truth.partners[self.accounts[account].partner];
        let counted = match (ending, reason) {
            (ApplicationKind::DrawdownDisbursed, _) => &mut truth.disbursed,
            (ApplicationKind::DrawdownDeclined, _) => &mut truth.declined,
            (ApplicationKind::DrawdownTimedOut, _) => &mut truth.timed_out,
            (ApplicationKind::DrawdownRerouted, _) => &mut truth.rerouted,
            (_, Some(CancelReason::ChoseOwn)) => &mut truth.diverted,
            _ => &mut truth.cancelled,
        };
        *counted += 1;
        true
    }

    fn say_drawdown(
        &mut self,
        at: EventTime,
        drawdown: Place,
        kind: ApplicationKind,
        reason: Option<CancelReason>,
    ) -> Text {
        let Drawdown { account, amount_minor, test_order, .. } = self.drawdowns[drawdown];
        let words = self.words(account);
        let id = drawdown_id(drawdown);
        let event = ApplicationEvent {
            drawdown: Some(&id),
            amount_minor: Some(amount_minor),
            cancel_reason: reason,
            decline_reason: (kind == ApplicationKind::DrawdownDeclined).then_some("obligations_excessive"),
            test_order,
            ..words.application(at, kind)
        };
        self.say_application(&event);
        Text::from(event.event_id)
    }
}

fn drawdown_id(drawdown: Place) -> Text {
    compact_str::format_compact!("d{drawdown:x}")
}

/// How a drawdown ends without us, and milliseconds after its request.
fn ending(endings: Endings, dice: &mut Dice) -> (ApplicationKind, i64) {
    let Endings { declined_ppm, cancelled_ppm, timed_out_ppm, rerouted_ppm } = endings;
    let rest = 1_000_000 - (declined_ppm + cancelled_ppm + timed_out_ppm + rerouted_ppm).min(1_000_000);
    let (kind, minutes) = [
        (ApplicationKind::DrawdownDisbursed, (40, 120)),
        (ApplicationKind::DrawdownDeclined, (5, 40)),
        (ApplicationKind::DrawdownCancelled, (20, 120)),
        (ApplicationKind::DrawdownTimedOut, (120, 180)),
        (ApplicationKind::DrawdownRerouted, (15, 60)),
    ][dice.weighted([rest, declined_ppm, cancelled_ppm, timed_out_ppm, rerouted_ppm].into_iter())];
    (kind, dice.between(minutes.0 * MINUTE_MS, minutes.1 * MINUTE_MS))
}
