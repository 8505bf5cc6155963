//! Checks as people read them, in English or Chinese.

use compact_str::format_compact;

use crate::domain::check::{Check, Relation, Unit};
use crate::domain::reason_text::Language;
use crate::domain::words::Word;
use crate::domain::{EventTime, Text};

/// What was looked at, in words: `dpd now` for `dpd_now`.
pub fn subject(check: &Check, language: Language) -> String {
    match language {
        Language::English => check.subject.replace('_', " "),
        Language::Chinese => chinese_subject(&check.subject),
    }
}

/// What was seen.
pub fn observed(check: &Check, language: Language) -> String {
    let unknown = || pick(language, "not known", "未知").to_owned();
    value(check.observed, check.observed_word.as_ref(), check.unit, language).unwrap_or_else(unknown)
}

/// What was asked, with its relation: `at most 30 days`.
pub fn required(check: &Check, language: Language) -> String {
    let nothing = || pick(language, "nothing", "无").to_owned();
    let value = value(check.required, check.required_word.as_ref(), check.unit, language).unwrap_or_else(nothing);
    let moment = check.unit == Unit::Moment;
    let (english, chinese) = match check.relation {
        Relation::Is => return value,
        Relation::IsNot => ("not", "不是"),
        Relation::AtMost if moment => ("by", "不晚于"),
        Relation::AtMost => ("at most", "不超过"),
        Relation::Below if moment => ("before", "早于"),
        Relation::Below => ("below", "小于"),
        Relation::AtLeast if moment => ("from", "不早于"),
        Relation::AtLeast => ("at least", "不少于"),
        Relation::Above => ("above", "大于"),
        Relation::OneOf => ("one of", "属于"),
        Relation::NoneOf => ("none of", "不属于"),
    };
    format!("{} {value}", pick(language, english, chinese))
}

/// How far what was seen is from what was asked: positive, so much room is left; negative, so much is missing.
pub fn margin(check: &Check) -> Option<i64> {
    let (observed, required) = (check.observed?, check.required?);
    match check.relation {
        Relation::AtMost | Relation::Below => Some(required.saturating_sub(observed)),
        Relation::AtLeast | Relation::Above => Some(observed.saturating_sub(required)),
        Relation::Is | Relation::IsNot | Relation::OneOf | Relation::NoneOf => None,
    }
    .filter(|_| !matches!(check.unit, Unit::Flag | Unit::Word))
}

/// A difference of two values of a unit: of moments it is a length of time.
pub fn amount(number: i64, unit: Unit, language: Language) -> String {
    match unit {
        Unit::Moment | Unit::Milliseconds => span(number, language),
        _ => value(Some(number), None, unit, language).unwrap_or_default(),
    }
}

fn value(number: Option<i64>, word: Option<&Text>, unit: Unit, language: Language) -> Option<String> {
    let Some(number) = number else { return word.map(Text::to_string) };
    Some(match unit {
        Unit::Flag if number == 0 => pick(language, "no", "否").to_owned(),
        Unit::Flag => pick(language, "yes", "是").to_owned(),
        Unit::Count | Unit::Word => number.to_string(),
        Unit::MoneyMinor => format!("{number} {}", pick(language, "minor units", "最小货币单位")),
        Unit::Ppm => percent(number).into(),
        Unit::Milliseconds => span(number, language),
        Unit::Days => format!("{number} {}", pick(language, "days", "天")),
        Unit::Moment => EventTime(number).to_string(),
    })
}

/// One of two texts by language.
pub fn pick<'t>(language: Language, english: &'t str, chinese: &'t str) -> &'t str {
    match language {
        Language::English => english,
        Language::Chinese => chinese,
    }
}

/// Parts per million as a percentage: `1.5 %`.
pub fn percent(ppm: i64) -> Text {
    let (whole, parts) = (ppm.unsigned_abs() / 10_000, ppm.unsigned_abs() % 10_000);
    let sign = if ppm < 0 { "-" } else { "" };
    match format_compact!("{parts:04}").trim_end_matches('0') {
        "" => format_compact!("{sign}{whole} %"),
        digits => format_compact!("{sign}{whole}.{digits} %"),
    }
}

/// A length of time in its two largest units: `3 h 20 min`, `7 d`, `801 ms`.
pub fn span(ms: i64, language: Language) -> String {
    const UNITS: [(u64, &str, &str); 5] = [
        (86_400_000, "d", "天"),
        (3_600_000, "h", "小时"),
        (60_000, "min", "分钟"),
        (1_000, "s", "秒"),
        (1, "ms", "毫秒"),
    ];
    let (sign, ms) = (if ms < 0 { "-" } else { "" }, ms.unsigned_abs());
    let first = UNITS.iter().position(|(width, ..)| ms >= *width).unwrap_or(UNITS.len() - 1);
    let mut left = ms;
    let mut parts = Vec::new();
    for (width, english, chinese) in UNITS.iter().skip(first).take(2) {
        let count = left / width;
        left %= width;
        if count > 0 || parts.is_empty() {
            parts.push(format!("{count} {}", pick(language, english, chinese)));
        }
    }
    format!("{sign}{}", parts.join(" "))
}

/// The words of a subject, or parts of it; what is not in the list stays as it is.
const CHINESE: &[(&str, &str)] = &[
    ("contract_known", "渠道合同"),
    ("listed_from", "名单生效时间"),
    ("listed_until", "名单失效时间"),
    ("real_time_permitted", "允许实时触达"),
    ("contract_from", "合同生效时间"),
    ("contract_until", "合同失效时间"),
    ("consent_given_at", "营销同意时间"),
    ("consent_text", "同意文本版本"),
    ("consent_withdrawn_at", "同意撤回时间"),
    ("opt_out", "拒绝营销"),
    ("hardship", "困难申报"),
    ("dispute", "争议"),
    ("complaint", "投诉"),
    ("in_collection", "催收中"),
    ("self_exclusion", "自我排除"),
    ("deceased", "身故"),
    ("minor", "未成年"),
    ("answer_age", "答复时延"),
    ("decide_by", "最迟答复时间"),
    ("staff", "合作方员工"),
    ("on_staff_list", "在员工名单内"),
    ("staff_list_current", "员工名单有效"),
    ("test_order", "测试单"),
    ("employers_listed", "命中排除单位数"),
    ("employer_list_current", "单位名单有效"),
    ("dpd_now", "当前逾期天数"),
    ("worst_dpd_24m", "24个月最长逾期天数"),
    ("late_months_in_a_row", "连续逾期月数"),
    ("late_months_24m", "24个月累计逾期月数"),
    ("written_off", "已核销"),
    ("compensated", "代偿"),
    ("student", "在校学生"),
    ("abuse", "恶意使用"),
    ("fraud", "疑似欺诈"),
    ("court_freeze", "司法冻结"),
    ("own_staff", "本机构员工"),
    ("region", "地区"),
    ("own_verdict", "本机构风险结论"),
    ("verdict_valid_until", "风险结论有效期至"),
    ("risk_band", "风险等级"),
    ("lenders", "多头借贷机构数"),
    ("debt_burden", "负债收入比"),
    ("offers_that_fit", "适用方案数"),
    ("proposal_waits", "决策处理中"),
    ("candidate_live", "已有有效候选"),
    ("admitted_in_window", "时间窗内触达次数"),
    ("since_last_admitted", "距上次触达"),
    ("in_holdout", "属于对照组"),
    ("partner_data_stale", "渠道数据过期"),
    ("partner_paused", "渠道已暂停"),
    ("reserved", "预占数"),
    ("disbursed", "放款"),
    ("declined", "拒绝"),
    ("diverted", "转出"),
    ("cancelled", "取消"),
    ("timed_out", "超时"),
    ("diverted_share", "转出与预占占比"),
    ("guard_closed", "通过率保护关闭"),
    ("admitted_today", "当日已准入"),
    ("admitted_this_hour", "本小时已准入"),
    ("pace_from", "最早准入时间"),
    ("offers_today", "当日要约数"),
    ("exposure_live", "有效候选额度合计"),
    ("average_cost", "当月平均综合成本"),
    ("limit_approval", "授信通过率"),
    ("all_in_cost", "综合融资成本"),
    ("exposure_after", "提供方案后敞口"),
    ("income_share", "偿债占收入比例"),
    ("exposure_share_of_income", "敞口占年收入比例"),
    ("monthly_income", "月收入"),
    ("income", "收入"),
    ("risk_bearing", "风险承担方"),
    ("enhancer_listed", "增信机构在名单内"),
    ("own_product", "自营产品"),
    ("own_declined_age", "距自营产品拒绝天数"),
    ("own_dpd_now", "自营产品当前逾期天数"),
    ("restructured", "重组"),
    ("grade", "客户等级"),
    ("channel_permitted", "渠道许可"),
    ("contact_hours", "可联系时段"),
    ("contacts_in_window", "时间窗内联系次数"),
    ("holiday_table_current", "节假日表有效"),
    ("response_score", "响应评分"),
    ("reflow_effect", "回流影响"),
    ("projected_pass", "预计用信通过率"),
    ("counterfactual", "反事实口径"),
    ("counterfactual_pass", "反事实通过率"),
    ("counterfactual_drawdowns", "反事实样本用信笔数"),
    ("holdout_drawdowns", "对照组用信笔数"),
    ("ours", "本机构转出与预占"),
];

/// The subject in Chinese; one that ends with a horizon keeps it.
fn chinese_subject(subject: &str) -> String {
    let known = |name: &str| CHINESE.iter().find(|(word, _)| *word == name).map(|(_, chinese)| (*chinese).to_owned());
    let with_horizon = || {
        let (name, horizon) = subject.rsplit_once('_')?;
        known(name).map(|name| format!("{name}({horizon})"))
    };
    known(subject).or_else(with_horizon).unwrap_or_else(|| subject.replace('_', " "))
}

/// The language of a name, for options.
pub fn language(name: &str) -> Result<Language, String> {
    Language::named(name).ok_or_else(|| format!("expected one of {}", Language::NAMES.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::Language::{Chinese, English};
    use super::*;
    use crate::domain::ReasonCode::{ExcSevereDpd, HoldReflowEffect};
    use crate::domain::{Name, Subject};

    #[test]
    fn says_numbers_with_their_unit() {
        let lengths = [0, 250, 90_000, 1_800_000, 86_400_000, 90_000_000, -12_000_000].map(|ms| span(ms, English));
        assert_eq!(lengths, ["0 ms", "250 ms", "1 min 30 s", "30 min", "1 d", "1 d 1 h", "-3 h 20 min"]);
        let percents = [0, 15_000, -1, 1_000_000].map(percent);
        assert_eq!(percents.each_ref().map(Text::as_str), ["0 %", "1.5 %", "-0.0001 %", "100 %"]);
        let late = Check::number(ExcSevereDpd, Subject::DpdNow, Unit::Days, 41, Relation::AtMost, 30);
        assert_eq!((subject(&late, English).as_str(), observed(&late, English).as_str()), ("dpd now", "41 days"));
        assert_eq!((required(&late, English).as_str(), late.passed), ("at most 30 days", false));
        assert_eq!(margin(&late), Some(-11));
    }

    #[test]
    fn says_the_same_in_chinese() {
        let late = Check::number(ExcSevereDpd, Subject::DpdNow, Unit::Days, 41, Relation::AtMost, 30);
        assert_eq!((subject(&late, Chinese).as_str(), observed(&late, Chinese).as_str()), ("当前逾期天数", "41 天"));
        assert_eq!(required(&late, Chinese), "不超过 30 天");
        let effect = Check::number(HoldReflowEffect, Name::of("reflow_effect_24h"), Unit::Ppm, 1, Relation::AtMost, 2);
        assert_eq!(subject(&effect, Chinese), "回流影响(24h)");
    }
}
