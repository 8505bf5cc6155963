//! What would have turned a failed check: time, a change, or nothing.

use serde::Serialize;

use super::guard::Reading;
use crate::domain::check::{Check, Unit};
use crate::domain::reason_text::Language;
use crate::domain::words::Word;
use crate::domain::{Decision, EventTime, ReasonCode};
use crate::ops::wording::{self, amount, margin, percent, pick, span};

/// The nearest way in which one check would pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "by")]
pub enum Flip {
    /// Nothing but waiting.
    Time {
        at: EventTime,
        text: String,
    },
    /// Something other than time has to change.
    Change {
        text: String,
    },
    Never {
        text: String,
    },
}

impl Flip {
    pub fn text(&self) -> &str {
        match self {
            Self::Time { text, .. } | Self::Change { text } | Self::Never { text } => text,
        }
    }
}

/// Checks that no customer and no wait can turn, and why.
const NEVER: [(&str, &str, &str); 11] = [
    ("real_time_permitted", "never: contract", "不会:合同未允许"),
    ("listed_until", "never: the listing had ended", "不会:名单已失效"),
    ("contract_until", "never: the contract had ended", "不会:合同已到期"),
    ("staff", "never: staff of a partner", "不会:合作方员工"),
    ("on_staff_list", "never: on the list of staff", "不会:在员工名单内"),
    ("test_order", "never: a test order", "不会:测试单"),
    ("employers_listed", "never with this employer", "不会:单位在排除名单内"),
    ("written_off", "never: a loan was written off", "不会:贷款已核销"),
    ("compensated", "never: somebody else paid", "不会:曾由他人代偿"),
    ("deceased", "never", "不会"),
    ("in_holdout", "never: control group", "不会:对照组"),
];

/// What has to happen, where it is neither time nor a number.
const CHANGES: [(&str, &str, &str); 15] = [
    ("contract_known", "with a contract in a policy that every worker knows", "政策中有该渠道合同且所有服务已加载"),
    ("consent_given_at", "with a consent to offers of our own", "取得自营营销同意后"),
    ("consent_text", "with a consent by a text that counts", "按有效文本重新同意后"),
    ("consent_withdrawn_at", "when the consent is given again", "重新给予同意后"),
    ("own_verdict", "with a risk verdict of our own", "有本机构风险结论后"),
    ("verdict_valid_until", "with a new risk verdict of our own", "重新出具本机构风险结论后"),
    ("staff_list_current", "when the list of staff is renewed", "员工名单更新后"),
    ("employer_list_current", "when the list of employers is renewed", "单位名单更新后"),
    ("offers_that_fit", "with an offer that fits such customers", "有适合此类客户的方案后"),
    ("proposal_waits", "when the other request is answered", "另一请求答复后"),
    ("candidate_live", "when the live candidate has ended", "现有候选结束后"),
    ("admitted_in_window", "with one approach fewer in the window", "时间窗内少一次触达时"),
    ("partner_data_stale", "when all parts of the worker report again", "各服务恢复上报后"),
    ("partner_paused", "when the partner is resumed", "渠道恢复后"),
    ("region", "in a region of the contract", "在合同约定地区内"),
];

/// The nearest flip of a failed check of this decision.
pub fn of(check: &Check, decision: &Decision, guard: &[Reading], language: Language) -> Flip {
    let named = |list: &[(&str, &'static str, &'static str)]| {
        let found = list.iter().find(|(subject, ..)| check.subject == *subject);
        found.map(|(_, english, chinese)| pick(language, english, chinese).to_owned())
    };
    if let Some(text) = named(&NEVER) {
        return Flip::Never { text };
    }
    if let Some(at) = by_time(check, decision) {
        let left = span(at.ms_since(decision.decided_at), language);
        let text = match language {
            Language::English => format!("passes in {left} ({at})"),
            Language::Chinese => format!("{left}后通过({at})"),
        };
        return Flip::Time { at, text };
    }
    let text = quota(check, language)
        .or_else(|| effect(check, guard, language))
        .or_else(|| named(&CHANGES))
        .or_else(|| unknown(check, language))
        .unwrap_or_else(|| otherwise(check, language));
    Flip::Change { text }
}

/// When time alone makes it pass.
fn by_time(check: &Check, decision: &Decision) -> Option<EventTime> {
    let (observed, required) = (check.observed, check.required);
    match check.subject.as_str() {
        "listed_from" | "contract_from" => required.map(EventTime),
        "since_last_admitted" => Some(decision.decided_at.plus_ms(required?.saturating_sub(observed?))),
        // Given, but after the event.
        "consent_given_at" => observed.map(EventTime).filter(|given| *given > decision.event_time),
        _ => None,
    }
}

/// Counts against a quota or a maximum: how much more would do.
fn quota(check: &Check, language: Language) -> Option<String> {
    let missing = match check.subject.as_str() {
        "admitted_today" | "admitted_this_hour" => check.observed?.saturating_sub(check.required?).saturating_add(1),
        "reserved" => margin(check)?.saturating_neg(),
        "answer_age" | "decide_by" => {
            let late = amount(margin(check)?.saturating_neg(), Unit::Milliseconds, language);
            return Some(match language {
                Language::English => format!("answered {late} sooner"),
                Language::Chinese => format!("早{late}答复"),
            });
        }
        name if name.starts_with("ours_") => margin(check)?.saturating_neg(),
        _ => return None,
    };
    let (english, chinese) = match check.subject.as_str() {
        "admitted_today" => {
            (format!("with daily quota +{missing}, or on the next day"), format!("日名额 +{missing} 或次日"))
        }
        "admitted_this_hour" => {
            (format!("with hourly quota +{missing}, or in the next hour"), format!("小时名额 +{missing} 或下一小时"))
        }
        _ => (format!("with {missing} fewer live or diverted"), format!("在途或转出减少 {missing} 笔")),
    };
    Some(pick(language, &english, &chinese).to_owned())
}

/// More drawdowns, or a larger promise, for an effect that is too large.
fn effect(check: &Check, guard: &[Reading], language: Language) -> Option<String> {
    let horizon = check.subject.strip_prefix("reflow_effect_")?;
    let (effect, most) = (check.observed?, check.required?);
    let reading = guard.iter().find(|reading| reading.horizon == horizon);
    let more = reading.and_then(Reading::n).filter(|_| most > 0).map(|n| {
        let needed = (i128::from(n) * i128::from(effect) + i128::from(most) - 1) / i128::from(most);
        i64::try_from(needed).unwrap_or(i64::MAX).saturating_sub(n)
    });
    let promise = percent(effect);
    Some(match (more, language) {
        (Some(more), Language::English) => {
            format!("after {more} more drawdowns in {horizon}, or with a promise of {promise}")
        }
        (Some(more), Language::Chinese) => format!("{horizon}内再有 {more} 笔用信,或承诺上限为 {promise}"),
        (None, Language::English) => {
            format!("with a promise of {promise} for {horizon}, or when earlier candidates have ended")
        }
        (None, Language::Chinese) => format!("{horizon}承诺上限为 {promise},或在途候选了结后"),
    })
}

/// Something that a rule needs is not known.
fn unknown(check: &Check, language: Language) -> Option<String> {
    let subject = wording::subject(check, language);
    (check.code == ReasonCode::DataMissing.name() && check.unit == Unit::Flag).then(|| match language {
        Language::English => format!("when {subject} is known"),
        Language::Chinese => format!("补充{subject}后"),
    })
}

fn otherwise(check: &Check, language: Language) -> String {
    let (subject, required) = (wording::subject(check, language), wording::required(check, language));
    match language {
        Language::English => format!("when {subject} is {required}"),
        Language::Chinese => format!("满足:{subject} {required}"),
    }
}
