//! An account as text for a terminal.

use std::fmt::Write as _;

use super::account::Account;
use crate::domain::decision::{DecisionKind, StageName};
use crate::domain::reason_text::Language;
use crate::domain::words::Word;
use crate::ops::wording::pick;

/// The whole account.
pub fn text(account: &Account) -> String {
    let mut out = head(account);
    reasons(account, &mut out);
    checks(account, &mut out);
    let guard: Vec<String> = account.guard.iter().flat_map(|reading| reading.in_words(account.language)).collect();
    if !guard.is_empty() {
        _ = writeln!(out, "\n{}", pick(account.language, "The guard's arithmetic:", "通过率保护计算:"));
        guard.iter().for_each(|line| _ = writeln!(out, "  {line}"));
    }
    out
}

/// What was decided, in one word.
pub fn verdict(kind: DecisionKind, language: Language) -> &'static str {
    match kind {
        DecisionKind::Yes => pick(language, "yes", "准入"),
        DecisionKind::No => pick(language, "no", "不准入"),
        DecisionKind::TooLate => pick(language, "too late", "超时"),
        DecisionKind::Revoked => pick(language, "revoked", "撤销"),
        DecisionKind::Expired => pick(language, "expired", "到期"),
        DecisionKind::Proposed => pick(language, "proposed", "已提交渠道判断"),
    }
}

fn head(account: &Account) -> String {
    let (decision, language) = (&account.decision, account.language);
    let labels = match language {
        Language::English => ["customer", "partner", "drawdown", "event", "decided", "policy", "decision"],
        Language::Chinese => ["客户", "渠道", "用信", "事件时间", "决策时间", "政策", "决策编号"],
    };
    let none = "-".to_owned();
    let values = [
        decision.customer.to_string(),
        decision.partner.to_string(),
        decision.drawdown.as_ref().map_or(none, ToString::to_string),
        decision.event_time.to_string(),
        decision.decided_at.to_string(),
        format!("{} ({})", decision.policy_version, decision.policy_hash),
        decision.decision.to_string(),
    ];
    let said = verdict(decision.kind, language);
    let mut out = format!("{said}  {} / {}\n", decision.candidate_kind.name(), decision.stage.name());
    for (label, value) in labels.iter().zip(values) {
        _ = writeln!(out, "  {label}: {value}");
    }
    out
}

fn reasons(account: &Account, out: &mut String) {
    let language = account.language;
    if account.reasons.is_empty() {
        return;
    }
    _ = writeln!(out, "\n{}", pick(language, "Because:", "原因:"));
    for reason in account.told() {
        _ = writeln!(out, "  {} [{}, {}] {}", reason.code, reason.owner, reason.severity, reason.meaning);
        for flip in &reason.flips {
            _ = writeln!(out, "    → {}", flip.text());
        }
        if !reason.remedy.is_empty() {
            _ = writeln!(out, "    {} {}", pick(language, "To do:", "处理:"), reason.remedy);
        }
    }
    let more = account.reasons.iter().filter(|reason| !account.principal.contains(&reason.code));
    for reason in more {
        let flips: Vec<&str> = reason.flips.iter().map(|flip| flip.text()).collect();
        _ = writeln!(out, "  {} {} → {}", reason.code, reason.meaning, flips.join("; "));
    }
}

fn checks(account: &Account, out: &mut String) {
    let language = account.language;
    if account.checks.is_empty() {
        return;
    }
    _ = writeln!(out, "\n{}", pick(language, "Checks, in order:", "检查(按顺序):"));
    let mut stage = None;
    // The figures stand with the guard's arithmetic.
    for check in account.checks.iter().filter(|check| !check.figure) {
        if stage.replace(check.stage) != Some(check.stage) {
            let of = match check.stage {
                StageName::Customer => pick(language, "of the customer stage", "客户阶段"),
                StageName::Partner => pick(language, "of the partner stage", "渠道阶段"),
            };
            _ = writeln!(out, " {of}:");
        }
        let mark =
            if check.passed { pick(language, "passed", "通过") } else { pick(language, "FAILED", "未通过") };
        let margin = check.margin.as_ref().map_or_else(String::new, |margin| match language {
            Language::English => format!(", margin {margin}"),
            Language::Chinese => format!(",余量 {margin}"),
        });
        let (asked, code) = (pick(language, "asked for", "要求"), &check.code);
        _ = writeln!(
            out,
            "  {mark} {}: {} ({asked}: {}{margin})  {code}",
            check.subject, check.observed, check.required
        );
    }
}
