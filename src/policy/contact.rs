//! How often, when and by which channel a customer may be approached, over all partners and channels together.
//!
//! An offer on our own page, which the customer has opened, is no contact. Channels that reach out to the customer are: where
//! one of them is not open it is left out of the candidate, and when nothing else is left the answer is no.

use std::sync::LazyLock;

use jiff::ToSpan;
use jiff::civil::{Date, Time};
use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::conditions::ModelOf;
use super::findings::{Case, Findings};
use super::{Terms, models};
use crate::domain::ReasonCode::*;
use crate::domain::candidate::SendWindow;
use crate::domain::check::{Check, Relation, Unit};
use crate::domain::events::ConsentPurpose;
use crate::domain::words::Word;
use crate::domain::{EventTime, Subject, Text};
use crate::words;

/// Places of ours that the customer has opened: being shown something there is no contact.
pub const OWN_CHANNELS: [&str; 2] = ["page", "app"];
/// Channels that reach out to a customer.
pub const CONTACT_CHANNELS: [&str; 4] = ["sms", "ivr", "human", "push"];
/// Most send windows of one candidate: one or two a day for as long as a candidate may live.
pub const WINDOWS_MAX: usize = 64;

words! {
    pub enum Calendar {
        Day = "day",
        Week = "week",
        Month = "month",
    }
}

/// How often, in a rolling window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cap {
    pub count: i64,
    pub window_ms: i64,
}

/// How often a customer may be offered something.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    /// Admitted candidates.
    pub cap: Cap,
    /// Silence after an admitted candidate, milliseconds.
    pub cool_down_ms: i64,
    /// Admitted candidates in the calendar of the customer.
    pub calendar: Vec<(Calendar, i64)>,
}

/// The contact policy of a document.
#[derive(Clone, Debug)]
pub(super) struct Contact {
    pub pace: Pace,
    /// What that finds of nearly everybody.
    pub never_approached: Findings,
    /// Contacts made over every channel.
    pub contacts: Option<Cap>,
    /// The zone of a customer whose own is not known.
    pub zone: Option<TimeZone>,
    pub quiet: Option<Quiet>,
    /// Channels that need a consent of their own, by channel.
    pub permissions: Vec<(Text, ConsentPurpose)>,
    /// Response score below which nobody is contacted, parts per million.
    pub response_from_ppm: Option<i64>,
}

/// Hours in which nobody is contacted, in the customer's zone.
#[derive(Clone, Debug)]
pub(super) struct Quiet {
    pub from: Time,
    pub to: Time,
    /// Sorted; quiet all day.
    pub holidays: Vec<Date>,
    /// From then on the table says nothing, so no window reaches beyond it.
    pub expires: Option<EventTime>,
}

/// How often a customer may be offered something at all.
pub(super) fn judge(case: &Case<'_>, found: &mut Findings) {
    let (facts, contact) = (case.facts, &case.policy.contact);
    let approached = Approached { pending: facts.pending, live: facts.live, at: facts.offered_at, now: facts.now };
    if approached.never() {
        found.take(&contact.never_approached);
    } else {
        contact.pace.judge(&approached, |calendar| calendar.begin(&contact.zone_of(case), facts.now), found);
    }
}

/// What a customer has been offered already.
struct Approached<'a> {
    pending: bool,
    live: bool,
    /// When candidates were admitted.
    at: &'a [EventTime],
    now: EventTime,
}

impl Approached<'_> {
    const NEVER: Self = Self { pending: false, live: false, at: &[], now: EventTime(0) };

    fn never(&self) -> bool {
        !self.pending && !self.live && self.at.is_empty()
    }
}

impl Pace {
    /// What is found of who was never approached; then neither the moment nor the customer's calendar matters.
    pub fn never_approached(&self) -> Findings {
        let mut found = Findings::default();
        self.judge(&Approached::NEVER, |_| Approached::NEVER.now, &mut found);
        found
    }

    fn judge(&self, approached: &Approached<'_>, begin: impl Fn(Calendar) -> EventTime, found: &mut Findings) {
        let Approached { pending, live, at: offered_at, now } = approached;
        found.flag(HoldPending, Subject::ProposalWaits, *pending, false);
        found.flag(HoldLiveCandidate, Subject::CandidateLive, *live, false);
        let recent = offered_at.iter().filter(|at| now.ms_since(**at) < self.cap.window_ms).count() as i64;
        found.number(HoldFreqCap, Subject::AdmittedInWindow, Unit::Count, recent, Relation::Below, self.cap.count);
        for (calendar, most) in &self.calendar {
            let begin = begin(*calendar);
            let admitted = offered_at.iter().filter(|at| **at >= begin).count() as i64;
            found.number(HoldFreqCap, calendar.subject(), Unit::Count, admitted, Relation::Below, *most);
        }
        // Never approached: nothing to rest from.
        let since_ms = offered_at.iter().map(|at| now.ms_since(*at)).min();
        let (subject, least_ms) = (Subject::SinceLastAdmitted, Some(self.cool_down_ms));
        let check = Check::maybe(HoldCoolDown, subject, Unit::Milliseconds, since_ms, Relation::AtLeast, least_ms);
        found.push(Check { passed: since_ms.is_none_or(|ms| ms >= self.cool_down_ms), ..check });
    }
}

/// Leaves the channels that may be used, and says when. Nothing left: no.
pub(super) fn reach(case: &Case<'_>, terms: &mut Terms, found: &mut Findings) {
    let (contact, channels) = (&case.policy.contact, &mut terms.delivery.channels);
    terms.send_windows.clear();
    let reaches_out = |channel: &Text| CONTACT_CHANNELS.contains(&channel.as_str());
    if !channels.iter().any(reaches_out) {
        return;
    }
    let has_page = channels.iter().any(|channel| !reaches_out(channel));
    // What closes a channel is a reason only where there is no other way to the customer.
    let mut closed = Findings::default();
    channels.retain(|channel| !reaches_out(channel) || contact.permits(channel, case));
    if !channels.iter().any(reaches_out) {
        closed.flag(GateChannel, Subject::ChannelPermitted, false, true);
    } else {
        wanted(case, &mut closed);
        rested(case, &mut closed);
    }
    if closed.reasons.is_empty() {
        contact.windows(case, &mut terms.send_windows, &mut closed);
    }
    if !closed.reasons.is_empty() {
        channels.retain(|channel| !reaches_out(channel));
    }
    for check in closed.checks.iter().filter(|check| check.passed || !has_page) {
        found.push(check);
    }
}

/// Customers without need are not disturbed.
fn wanted(case: &Case<'_>, closed: &mut Findings) {
    let Some(least) = case.policy.contact.response_from_ppm else { return };
    let approved = models::approve(ModelOf::Response, case, closed);
    match &case.facts.person.response {
        Some(score) if approved => {
            closed.number(
                HoldLowResponse,
                Subject::ResponseScore,
                Unit::Ppm,
                score.value_ppm,
                Relation::AtLeast,
                least,
            );
        }
        Some(_) => {}
        None => closed.missing(Subject::ResponseScore),
    }
}

fn rested(case: &Case<'_>, closed: &mut Findings) {
    let Some(cap) = case.policy.contact.contacts else { return };
    let contacts = case.facts.person.contacts.iter();
    let recent = contacts.filter(|contact| case.facts.now.ms_since(contact.at) < cap.window_ms).count() as i64;
    closed.number(HoldFreqCap, Subject::ContactsInWindow, Unit::Count, recent, Relation::Below, cap.count);
}

impl Contact {
    fn permits(&self, channel: &Text, case: &Case<'_>) -> bool {
        let needed = self.permissions.iter().filter(|(known, _)| known == channel);
        needed.map(|(_, purpose)| purpose).all(|purpose| case.facts.person.purposes & (1 << purpose.ordinal()) != 0)
    }

    /// The customer's zone, else the document's, else that of the contract.
    fn zone_of(&self, case: &Case<'_>) -> TimeZone {
        /// The rules that are compiled in, so that every worker reads the same.
        static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);
        let own = case.facts.person.zone.and_then(|name| ZONES.get(name).ok());
        own.or_else(|| self.zone.clone()).unwrap_or_else(|| case.contract.zone.clone())
    }

    /// When contacts may be made while the candidate lives; none: a reason is given.
    fn windows(&self, case: &Case<'_>, windows: &mut Vec<SendWindow>, closed: &mut Findings) {
        let Some(quiet) = &self.quiet else { return };
        let (now, ends) = (case.facts.now, case.facts.now.plus_ms(case.contract.valid_for_ms));
        let known_until = quiet.expires.map_or(ends, |expires| ends.min(expires));
        quiet.open(&self.zone_of(case), now, known_until, windows);
        // Whether later hours would be open the table does not say.
        if windows.is_empty() && known_until < ends {
            closed.missing(Subject::HolidayTableCurrent);
            return;
        }
        closed.flag(GateQuietHours, Subject::ContactHours, !windows.is_empty(), true);
    }
}

impl Quiet {
    /// Appends the open hours between two moments, in order.
    fn open(&self, zone: &TimeZone, from: EventTime, until: EventTime, windows: &mut Vec<SendWindow>) {
        let (Some(mut day), Some(last)) = (date_in(zone, from), date_in(zone, until)) else { return };
        while day <= last && windows.len() < WINDOWS_MAX {
            let next = day.tomorrow().unwrap_or(Date::MAX);
            let (start, end) = (moment(zone, day, Time::midnight()), moment(zone, next, Time::midnight()));
            let (falls, lifts) = (moment(zone, day, self.from), moment(zone, day, self.to));
            // Quiet over midnight leaves the middle of the day, quiet within a day leaves both ends of it.
            let open = if self.from > self.to { [(lifts, falls), (end, end)] } else { [(start, falls), (lifts, end)] };
            let holiday = self.holidays.binary_search(&day).is_ok();
            for (begin, close) in open.into_iter().filter(|_| !holiday) {
                let (begin, close) = (begin.max(from), close.min(until));
                if begin < close {
                    windows.push(SendWindow { from: begin, to: close });
                }
            }
            if next == day {
                break;
            }
            day = next;
        }
    }
}

impl Calendar {
    fn subject(self) -> Subject {
        match self {
            Self::Day => Subject::AdmittedInDay,
            Self::Week => Subject::AdmittedInWeek,
            Self::Month => Subject::AdmittedInMonth,
        }
    }

    /// When the unit that a moment lies in began; weeks begin on Monday.
    fn begin(self, zone: &TimeZone, at: EventTime) -> EventTime {
        let Some(day) = date_in(zone, at) else { return at };
        let back = match self {
            Self::Day => 0,
            Self::Week => i64::from(day.weekday().to_monday_zero_offset()),
            Self::Month => i64::from(day.day()) - 1,
        };
        day.checked_sub(back.days()).map_or(at, |first| moment(zone, first, Time::midnight()))
    }
}

fn date_in(zone: &TimeZone, at: EventTime) -> Option<Date> {
    jiff::Timestamp::from_millisecond(at.0).ok().map(|moment| zone.to_datetime(moment).date())
}

/// A local time of a day; one that a clock change skips is taken as the moment after it.
fn moment(zone: &TimeZone, day: Date, time: Time) -> EventTime {
    let at = day.to_datetime(time).to_zoned(zone.clone());
    at.map_or(EventTime(i64::MAX), |at| EventTime(at.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> EventTime {
        EventTime(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    fn open(quiet: &Quiet, zone: &str, from: &str, until: &str) -> Vec<(String, String)> {
        let zone = TimeZoneDatabase::bundled().get(zone).unwrap();
        let mut windows = Vec::new();
        quiet.open(&zone, at(from), at(until), &mut windows);
        windows.iter().map(|window| (window.from.to_string(), window.to.to_string())).collect()
    }

    fn night() -> Quiet {
        let holidays = vec![Date::constant(2024, 6, 10)];
        Quiet { from: Time::constant(20, 0, 0, 0), to: Time::constant(9, 0, 0, 0), holidays, expires: None }
    }

    #[test]
    fn contacts_are_made_by_day_in_the_customers_zone() {
        let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        // 09:00 to 20:00 in Shanghai is 01:00 to 12:00 UTC; a candidate of two hours that meets the evening.
        assert_eq!(
            open(&night(), "Asia/Shanghai", "2024-06-03T11:00:00Z", "2024-06-03T13:00:00Z"),
            [pair("2024-06-03T11:00:00Z", "2024-06-03T12:00:00Z")]
        );
        // In the night: nothing, or the next morning when it lives so long.
        assert!(open(&night(), "Asia/Shanghai", "2024-06-03T12:00:00Z", "2024-06-03T18:00:00Z").is_empty());
        assert_eq!(
            open(&night(), "Asia/Shanghai", "2024-06-03T12:00:00Z", "2024-06-04T01:30:00Z"),
            [pair("2024-06-04T01:00:00Z", "2024-06-04T01:30:00Z")]
        );
        // The same moments are by day elsewhere.
        assert_eq!(open(&night(), "Europe/Lisbon", "2024-06-03T12:00:00Z", "2024-06-03T18:00:00Z").len(), 1);
        // A holiday is quiet all day.
        assert!(open(&night(), "Asia/Shanghai", "2024-06-09T16:00:00Z", "2024-06-10T16:00:00Z").is_empty());
    }

    #[test]
    fn quiet_within_a_day_leaves_both_ends() {
        let noon = Quiet {
            from: Time::constant(12, 0, 0, 0),
            to: Time::constant(14, 0, 0, 0),
            holidays: Vec::new(),
            expires: None,
        };
        assert_eq!(open(&noon, "UTC", "2024-06-03T00:00:00Z", "2024-06-04T00:00:00Z").len(), 2);
        // Windows stay bounded however long a candidate lives.
        assert_eq!(open(&noon, "UTC", "2024-06-03T00:00:00Z", "2030-06-03T00:00:00Z").len(), WINDOWS_MAX);
    }

    #[test]
    fn calendars_begin_in_the_zone() {
        let zone = TimeZoneDatabase::bundled().get("Asia/Shanghai").unwrap();
        // Sunday 23:30 UTC is Monday morning in Shanghai.
        let begins =
            [Calendar::Day, Calendar::Week, Calendar::Month].map(|unit| unit.begin(&zone, at("2024-06-30T23:30:00Z")));
        assert_eq!(
            begins.map(|begin| begin.to_string()),
            ["2024-06-30T16:00:00Z", "2024-06-30T16:00:00Z", "2024-06-30T16:00:00Z"]
        );
        assert_eq!(Calendar::Week.begin(&zone, at("2024-06-30T15:30:00Z")).to_string(), "2024-06-23T16:00:00Z");
    }
}
