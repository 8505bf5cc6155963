//! The page for the complaint desk: what was offered or not, where the data came from, the consent, the rule, how to object.

use std::fmt::Write as _;

use super::account::Account;
use super::words::verdict;
use crate::domain::decision::DecisionKind;
use crate::domain::words::Word;
use crate::domain::{Candidate, EventTime, Text};
use crate::ops::wording::{percent, pick};

const STYLE: &str = "body{font:11pt/1.5 serif;max-width:42em;margin:2em auto;color:#000}h1{font-size:16pt}h2{font-size:12pt;\
margin:1.2em 0 .3em;border-bottom:1px solid #888}dl{display:grid;grid-template-columns:12em 1fr;margin:0}dt{color:#444}dd{margin:0}\
@media print{body{margin:0}@page{margin:20mm}h2{break-after:avoid}}";

/// The page as HTML that prints on paper.
pub fn html(account: &Account) -> String {
    let language = account.language;
    let say = |english, chinese| pick(language, english, chinese);
    let title = say("Decision about an offer", "营销方案决策说明");
    let mut page = format!(
        "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\"><title>{title}</title><style>{STYLE}</style></head><body>\n<h1>{title}</h1>\n",
        language.name()
    );
    section(&mut page, say("What was decided", "决策结果"), &decided(account));
    section(&mut page, say("What was offered", "提供的方案"), &offered(account));
    reasons(&mut page, account);
    section(&mut page, say("Where the data came from", "数据来源"), &source(account));
    section(&mut page, say("Consent", "同意"), &consent(account));
    section(&mut page, say("Rule", "依据规则"), &rule(account));
    section(&mut page, say("How to object", "如何提出异议"), &objecting(account));
    page.push_str("</body></html>\n");
    page
}

type Rows = Vec<(String, String)>;

fn section(page: &mut String, title: &str, rows: &Rows) {
    _ = write!(page, "<h2>{}</h2>\n<dl>\n", escaped(title));
    for (label, value) in rows {
        _ = writeln!(page, "<dt>{}</dt><dd>{}</dd>", escaped(label), escaped(value));
    }
    page.push_str("</dl>\n");
}

fn row(label: &str, value: impl Into<String>) -> (String, String) {
    (label.to_owned(), value.into())
}

fn decided(account: &Account) -> Rows {
    let (decision, language) = (&account.decision, account.language);
    let say = |english, chinese| pick(language, english, chinese);
    vec![
        row(say("Customer", "客户"), decision.customer.as_str()),
        row(say("Result", "结果"), verdict(decision.kind, language)),
        row(say("Time of the request", "申请时间"), decision.event_time.to_string()),
        row(say("Time of the decision", "决策时间"), decision.decided_at.to_string()),
        row(say("Decision", "决策编号"), decision.decision.as_str()),
        row(say("How", "方式"), say("by automated rules", "由自动化规则作出")),
    ]
}

fn offered(account: &Account) -> Rows {
    let language = account.language;
    let say = |english, chinese| pick(language, english, chinese);
    let made = matches!(account.decision.kind, DecisionKind::Yes | DecisionKind::Revoked | DecisionKind::Expired);
    let Some(Candidate { offer, .. }) = account.candidate.as_ref().filter(|_| made) else {
        let nothing = if made {
            say("an offer that is not kept here any more", "方案记录已不在此处")
        } else {
            say("nothing", "未提供任何方案")
        };
        return vec![row(say("Offer", "方案"), nothing)];
    };
    let money = |minor: i64| format!("{} {}", decimal(minor), offer.currency);
    let rows = [
        Some(row(say("Offer", "方案"), format!("{} ({})", offer.code, offer.product))),
        offer.limit_minor.map(|minor| row(say("Limit", "额度"), money(minor))),
        offer.all_in_cost_ppm.map(|ppm| row(say("All-in cost a year", "综合融资成本(年化)"), percent(ppm).to_string())),
        offer.term_months.map(|months| row(say("Term", "期限"), format!("{months} {}", say("months", "个月")))),
    ];
    rows.into_iter().flatten().collect()
}

fn reasons(page: &mut String, account: &Account) {
    if account.reasons.is_empty() {
        return;
    }
    _ = write!(page, "<h2>{}</h2>\n<ol>\n", pick(account.language, "Principal reasons", "主要原因"));
    for reason in account.told() {
        _ = writeln!(page, "<li>{} ({})</li>", escaped(&reason.meaning), escaped(&reason.code));
    }
    page.push_str("</ol>\n");
}

fn source(account: &Account) -> Rows {
    let source = &account.decision.source;
    let say = |english, chinese| pick(account.language, english, chinese);
    vec![
        row(say("Request through", "申请渠道"), account.decision.partner.as_str()),
        row(say("Event", "事件"), source.event_id.as_str()),
        row(say("Record", "记录"), format!("{}, {}, {}", source.topic, source.partition, source.offset)),
    ]
}

fn consent(account: &Account) -> Rows {
    let say = |english, chinese| pick(account.language, english, chinese);
    let Some(consent) = account.consent.as_ref().filter(|consent| consent.given_at.is_some()) else {
        return vec![row(say("Given", "给予时间"), say("none that is valid", "无有效同意"))];
    };
    let moment = |at: Option<EventTime>| at.map(|at| at.to_string());
    let rows = [
        (say("Given", "给予时间"), moment(consent.given_at)),
        (say("Text, version", "文本版本"), consent.text_version.as_ref().map(Text::to_string)),
        (say("Withdrawn", "撤回时间"), moment(consent.withdrawn_at)),
        (say("Collected through", "征得方式"), consent.collected_via.as_ref().map(Text::to_string)),
        (say("Evidence", "凭证"), consent.consent.as_ref().map(Text::to_string)),
    ];
    rows.into_iter().filter_map(|(label, value)| value.map(|value| row(label, value))).collect()
}

fn rule(account: &Account) -> Rows {
    let decision = &account.decision;
    let say = |english, chinese| pick(account.language, english, chinese);
    vec![
        row(say("Policy", "政策"), format!("{} ({})", decision.policy_version, decision.policy_hash)),
        row(
            say("Codes", "代码"),
            if decision.reasons.is_empty() { "-".to_owned() } else { decision.reasons.join(", ") },
        ),
    ]
}

/// PIPL 24: an explanation, a person instead of a machine, and an easy refusal.
fn objecting(account: &Account) -> Rows {
    let say = |english, chinese| pick(account.language, english, chinese);
    let act = account.candidate.as_ref().map(|made| &made.right_to_act);
    let or =
        |link: Option<&str>, english, chinese| link.map_or_else(|| say(english, chinese).to_owned(), str::to_owned);
    vec![
        row(
            say("Against this decision", "对本决策有异议"),
            say(
                "Tell the desk; a person looks at it again and answers with reasons.",
                "请告知客服;将由人工复核并说明理由后答复。",
            ),
        ),
        row(
            say("No further offers", "拒绝营销"),
            or(
                act.and_then(|act| act.opt_out_link.as_deref()),
                "Tell the desk, or use the opt-out in any offer.",
                "告知客服或使用方案中的退订入口。",
            ),
        ),
        row(
            say("Without personal traits", "非个性化选项"),
            or(
                act.and_then(|act| act.non_personalised_alternative.as_deref()),
                "The same products are open to everybody.",
                "同类产品对所有人开放。",
            ),
        ),
    ]
}

/// Minor units with two decimals.
fn decimal(minor: i64) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", minor.unsigned_abs() / 100, minor.unsigned_abs() % 100)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
