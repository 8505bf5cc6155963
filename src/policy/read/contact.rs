//! The `contact` part: caps, cool-down, quiet hours, channels.

use jiff::civil::Time;
use jiff::tz::TimeZone;

use super::fields::{Fields, Wrong, word};
use super::quantity::{day, duration, end, sentence, share, token, whole, zone};
use super::rules::each;
use crate::domain::Text;
use crate::domain::events::ConsentPurpose;
use crate::domain::words::Word;
use crate::policy::contact::{CONTACT_CHANNELS, Calendar, Cap, Contact, Pace, Quiet};

/// Most candidates, and most contacts, a cap may allow: a customer's record keeps no more of them.
const OFFERED_COUNT_MAX: i64 = 32;
const CONTACTS_COUNT_MAX: i64 = 64;
/// Most days of a holiday table.
const HOLIDAYS_MAX: usize = 1_000;

pub fn read(root: &Fields<'_, '_>) -> Option<Contact> {
    let contact = root.group("contact", "`contact`")?;
    let admitted = cap(&contact, "cap", OFFERED_COUNT_MAX);
    let cool_down = contact.required("cool_down", duration);
    let calendar = calendar(&contact);
    let contacts =
        if contact.has("contacts") { cap(&contact, "contacts", CONTACTS_COUNT_MAX).map(Some) } else { Some(None) };
    let zone = contact.or("zone", None, |text| zone(text).map(Some));
    let quiet = if contact.has("quiet_hours") { quiet(&contact).map(Some) } else { Some(None) };
    let permissions = each(&contact, ("permissions", "a permission", CONTACT_CHANNELS.len()), permission);
    let response = contact.or("response_from", None, |text| share(text).map(Some));
    contact.finish();
    let pace = Pace { cap: admitted?, cool_down_ms: cool_down?, calendar: calendar? };
    Some(Contact {
        never_approached: pace.never_approached(),
        pace,
        contacts: contacts?,
        zone: zone?,
        quiet: quiet?,
        permissions: permissions?,
        response_from_ppm: response?,
    })
}

fn cap(contact: &Fields<'_, '_>, key: &'static str, most: i64) -> Option<Cap> {
    let cap = contact.group(key, "a cap")?;
    let (count, window) = (cap.required("count", whole(0, most)), cap.required("window", duration));
    cap.finish();
    Some(Cap { count: count?, window_ms: window? })
}

/// `{day: 1, month: 3}`: admitted candidates in a calendar day, week or month of the customer.
fn calendar(contact: &Fields<'_, '_>) -> Option<Vec<(Calendar, i64)>> {
    if !contact.has("calendar") {
        return Some(Vec::new());
    }
    let group = contact.group_if_any("calendar", "`calendar`")?;
    let read = Calendar::ALL.iter().map(|unit| {
        let most = group.or(unit.name(), None, |text| whole(0, OFFERED_COUNT_MAX)(text).map(Some));
        most.map(|most| most.map(|most| (*unit, most)))
    });
    let read: Vec<Option<Option<(Calendar, i64)>>> = read.collect();
    group.finish();
    let read: Option<Vec<Option<(Calendar, i64)>>> = read.into_iter().collect();
    Some(read?.into_iter().flatten().collect())
}

fn quiet(contact: &Fields<'_, '_>) -> Option<Quiet> {
    let quiet = contact.group_if_any("quiet_hours", "`quiet_hours`")?;
    let [from, to] = ["from", "to"].map(|key| quiet.required(key, time));
    if from.is_some() && from == to {
        let wrong = Wrong::new("another hour than `from`", "say from when to when nobody is contacted");
        quiet.problems.report(quiet.place_of("to"), "the same hour twice", wrong);
    }
    let table = if quiet.has("holidays") { holidays(&quiet).map(Some) } else { Some(None) };
    quiet.finish();
    let (holidays, expires) = table?.map_or((Vec::new(), None), |(days, expires)| (days, Some(expires)));
    Some(Quiet { from: from?, to: to?, holidays, expires })
}

fn holidays(quiet: &Fields<'_, '_>) -> Option<(Vec<jiff::civil::Date>, crate::domain::EventTime)> {
    let table = quiet.group_if_any("holidays", "`holidays`")?;
    let source = table.required("source", sentence);
    let expires = table.required("expires", |text| end(text, &TimeZone::UTC));
    let days = table.list_needed("days", day);
    if let Some(count) = days.as_ref().map(Vec::len).filter(|count| *count > HOLIDAYS_MAX) {
        let wrong = Wrong::new(format!("at most {HOLIDAYS_MAX} days"), "leave out the days that have passed");
        table.problems.report(table.place_of("days"), format!("{count} days"), wrong);
    }
    table.finish();
    let mut days = days?;
    days.sort_unstable();
    source?;
    Some((days, expires?))
}

fn permission(fields: Fields<'_, '_>) -> Option<((Text, ConsentPurpose), Text)> {
    let channel = fields.required("channel", |text| match CONTACT_CHANNELS.contains(&text) {
        true => token(text),
        false => Err(Wrong::new(format!("one of {}", CONTACT_CHANNELS.join(", ")), "pages need no permission")),
    });
    let consent = fields.required("consent", word::<ConsentPurpose>);
    fields.finish();
    let channel = channel?;
    Some(((channel.clone(), consent?), channel))
}

/// `20:00`.
fn time(text: &str) -> Result<Time, Wrong> {
    let parsed = text.split_once(':').filter(|(hour, minute)| hour.len() == 2 && minute.len() == 2);
    let time = parsed.and_then(|(hour, minute)| Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok());
    time.ok_or_else(|| Wrong::new("an hour such as `\"20:00\"`", "write hours and minutes in quotes"))
}
