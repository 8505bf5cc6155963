//! What changes for customers now and then: flags, consents, limits, and the wish to be forgotten.

use super::dice::{Dice, Purpose};
use super::profile::cross_marketing;
use super::say::nothing_about;
use super::{Market, Place};
use crate::domain::EventTime;
use crate::domain::events::{ApplicationKind, CustomerEvent, Flag, FlagValue};
use crate::domain::time::{HOUR_MS, MINUTE_MS};

impl Market {
    /// One change for one customer.
    pub(super) fn stir(&mut self, at: EventTime, number: u32) {
        let mut dice = self.dice(Purpose::Stir, number as usize);
        let account = dice.below(self.accounts.len() as u64) as usize;
        let Some(customer) = self.accounts.get(account).map(|account| account.customer) else { return };
        if self.customers[customer].gone {
            return;
        }
        match dice.weighted([30, 8, 8, 8, 20, 10, 8, 6, 4, 1].into_iter()) {
            0 => self.raise_flag(at, customer, some_flag(&mut dice)),
            1 => self.raise_flag(at, customer, Flag::OptOut),
            2..=3 => self.withdraw_consent(at, customer),
            4 => self.change_limit(at, account, ApplicationKind::LimitChanged),
            5 => self.change_limit(at, account, ApplicationKind::LimitRepriced),
            6 => self.change_limit(at, account, ApplicationKind::LimitFrozen),
            7 => self.change_limit(at, account, ApplicationKind::LimitUnfrozen),
            8 => self.change_limit(at, account, ApplicationKind::LimitExpired),
            _ => self.forget(at, customer),
        }
    }

    pub(super) fn raise_flag(&mut self, at: EventTime, customer: Place, flag: Flag) {
        let (event_id, token) = (self.event_id(), self.customers[customer].token.clone());
        let flags = vec![FlagValue { flag, value: true }];
        self.say_customer(&CustomerEvent { flags, ..nothing_about(&event_id, at, &token) });
    }

    fn withdraw_consent(&mut self, at: EventTime, customer: Place) {
        let person = &self.customers[customer].person;
        if !person.consents || person.withdrew || person.unprofiled {
            return;
        }
        self.customers[customer].person.withdrew = true;
        let (event_id, token) = (self.event_id(), self.customers[customer].token.clone());
        let consent = compact_str::format_compact!("k{:x}", self.customers[customer].number);
        let withdrawn = cross_marketing(&consent, at.plus_ms(-HOUR_MS), Some(at.plus_ms(-MINUTE_MS)));
        self.say_customer(&CustomerEvent { consents: vec![withdrawn], ..nothing_about(&event_id, at, &token) });
    }

    fn forget(&mut self, at: EventTime, customer: Place) {
        let (event_id, token) = (self.event_id(), self.customers[customer].token.clone());
        self.say_customer(&CustomerEvent { erased: true, ..nothing_about(&event_id, at, &token) });
        self.customers[customer].gone = true;
    }
}

fn some_flag(dice: &mut Dice) -> Flag {
    const FLAGS: [Flag; 4] = [Flag::Complaint, Flag::Dispute, Flag::Hardship, Flag::InCollection];
    FLAGS[dice.below(FLAGS.len() as u64) as usize]
}
