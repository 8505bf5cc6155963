//! The guard's arithmetic of one decision, spelled out from its checks: what stood in each horizon, and what one more does.

use serde::Serialize;

use crate::domain::check::Check;
use crate::domain::reason_text::Language;
use crate::domain::view::Counterfactual;
use crate::domain::words::Word;
use crate::ops::wording::percent;

/// Parts per million that are one.
const ONE_PPM: i128 = 1_000_000;

/// One horizon as it would have stood with this candidate, as far as the decision tells it; rates in parts per million.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reading {
    pub horizon: String,
    /// N = C + D + X + K + T + R + 1.
    pub drawdowns: Option<i64>,
    /// X + R + 1.
    pub ours: Option<i64>,
    pub ours_max: Option<i64>,
    /// C, from the projected rate.
    pub disbursed: Option<i64>,
    /// q, as told, else from the effect.
    pub baseline_ppm: Option<i64>,
    /// Whose pass q is: `holdout` or `undiverted`; and of how many drawdowns.
    pub counterfactual: Option<String>,
    pub counterfactual_n: Option<i64>,
    pub projected_ppm: Option<i64>,
    pub without_reflow_ppm: Option<i64>,
    pub effect_ppm: Option<i64>,
    pub effect_max_ppm: Option<i64>,
}

/// Every horizon that the checks speak of, in their order.
pub fn readings(checks: &[Check]) -> Vec<Reading> {
    let horizons = checks.iter().filter_map(|check| {
        let subject = check.subject.as_str();
        subject.strip_prefix("reflow_effect_").or_else(|| subject.strip_prefix("ours_"))
    });
    let mut names: Vec<&str> = Vec::new();
    for name in horizons.filter(|name| name.starts_with(|letter: char| letter.is_ascii_digit())) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.into_iter().map(|horizon| reading(horizon, checks)).collect()
}

fn reading(horizon: &str, checks: &[Check]) -> Reading {
    let find = |name: &str| checks.iter().find(|check| check.subject.strip_suffix(horizon) == Some(name));
    let told = |name: &str| checks.iter().find(|check| check.subject == name);
    let seen = |name: &str| find(name).and_then(|check| check.observed);
    let (drawdowns, ours) = (seen("drawdowns_"), seen("ours_"));
    let (projected_ppm, effect_ppm) = (seen("projected_pass_"), seen("reflow_effect_"));
    Reading {
        horizon: horizon.to_owned(),
        drawdowns,
        ours,
        ours_max: find("ours_").and_then(|check| check.required),
        // The projected rate was rounded down and the effect up, so this way gives back what they came from.
        disbursed: projected_ppm
            .zip(drawdowns)
            .and_then(|(rate, n)| divided_up(i128::from(rate) * i128::from(n), ONE_PPM)),
        baseline_ppm: told("counterfactual_pass").and_then(|check| check.observed).or_else(|| {
            let ((effect, n), ours) = effect_ppm.zip(drawdowns).zip(ours)?;
            let product = i128::from(effect) * i128::from(n);
            i64::try_from(product / i128::from(ours.max(1))).ok().map(|ppm| ppm.min(ONE_PPM as i64))
        }),
        counterfactual: told("counterfactual").and_then(|check| check.observed_word.as_ref()).map(ToString::to_string),
        counterfactual_n: told("counterfactual_drawdowns").and_then(|check| check.observed),
        projected_ppm,
        without_reflow_ppm: seen("without_reflow_")
            .or_else(|| projected_ppm.zip(effect_ppm).map(|(projected, effect)| projected.saturating_add(effect))),
        effect_ppm,
        effect_max_ppm: find("reflow_effect_").and_then(|check| check.required),
    }
}

fn divided_up(number: i128, by: i128) -> Option<i64> {
    i64::try_from((number + by - 1) / by).ok()
}

impl Reading {
    /// Whose pass q is, and of how many drawdowns; empty where the decision does not tell.
    fn whose(&self, language: Language) -> String {
        let (Some(whose), Some(n)) = (&self.counterfactual, self.counterfactual_n) else { return String::new() };
        match (whose == Counterfactual::Holdout.name(), language) {
            (true, Language::English) => format!(" (of the holdout: {n} in 28 days)"),
            (true, Language::Chinese) => format!("(对照组,28天{n}笔)"),
            (false, Language::English) => format!(" (of all not diverted: {n} in 28 days)"),
            (false, Language::Chinese) => format!("(未转出用信,28天{n}笔)"),
        }
    }

    /// The arithmetic as lines.
    pub fn in_words(&self, language: Language) -> Vec<String> {
        let chinese = language == Language::Chinese;
        let horizon = &self.horizon;
        let mut lines = Vec::new();
        let known = (self.drawdowns, self.ours, self.disbursed, self.baseline_ppm);
        if let (Some(n), Some(ours), Some(c), Some(q)) = known {
            let (q, whose) = (percent(q), self.whose(language));
            lines.push(match chinese {
                false => format!(
                    "{horizon}: N = C+D+X+K+T+R+1 = {n}, of them disbursed C = {c}, ours X+R+1 = {ours}, q = {q}{whose}"
                ),
                true => format!(
                    "{horizon}:N = C+D+X+K+T+R+1 = {n},其中放款 C = {c},转出、预占与本笔 X+R+1 = {ours},q = {q}{whose}"
                ),
            });
            if let (Some(projected), Some(without)) = (self.projected_ppm, self.without_reflow_ppm) {
                let (projected, without) = (percent(projected), percent(without));
                lines.push(match chinese {
                    false => {
                        format!("  projected C/N = {c}/{n} = {projected}; without reflow (C + q·{ours})/N = {without}")
                    }
                    true => format!("  预计 C/N = {c}/{n} = {projected};无回流时 (C + q·{ours})/N = {without}"),
                });
            }
        }
        if let (Some(effect), Some(most)) = (self.effect_ppm, self.effect_max_ppm) {
            let formula = known.0.zip(known.1).map(|(n, ours)| format!(" q·{ours}/{n}")).unwrap_or_default();
            let holds = effect <= most;
            let (effect, most) = (percent(effect), percent(most));
            let relation = if holds { "≤" } else { ">" };
            lines.push(match chinese {
                false => format!("  {horizon} effect{formula} = {effect} {relation} {most}"),
                true => format!("  {horizon} 影响{formula} = {effect} {relation} {most}"),
            });
        } else if let (Some(ours), Some(most)) = (self.ours, self.ours_max) {
            lines.push(match chinese {
                false => format!("{horizon}: too few concluded to judge the effect; X+R+1 = {ours}, at most {most}"),
                true => format!("{horizon}:已了结用信过少,无法判断影响;X+R+1 = {ours},不超过 {most}"),
            });
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::check::{Relation, Unit};

    #[test]
    fn the_figures_come_back_from_the_checks() {
        let number = |subject: &str, unit, observed, required| {
            Check::number("HOLD_REFLOW_EFFECT", subject, unit, observed, Relation::AtMost, required)
        };
        // C = 80, D = 20, R = 2: N = 103, q = 80 %.
        let checks = [
            number("reflow_effect_24h", Unit::Ppm, 23_301, 20_000),
            number("projected_pass_24h", Unit::Ppm, 776_699, 0),
            number("drawdowns_24h", Unit::Count, 103, 0),
            number("ours_24h", Unit::Count, 3, 3),
            number("ours_1h", Unit::Count, 3, 2),
            number("reflow_effect_low_24h", Unit::Ppm, 1, 0),
        ];
        let [day, hour] = &readings(&checks)[..] else { panic!("two horizons") };
        assert_eq!((day.disbursed, day.baseline_ppm.map(|q| q / 1_000)), (Some(80), Some(800)));
        assert_eq!(day.without_reflow_ppm, Some(800_000));
        let words = day.in_words(Language::English).join("\n");
        assert!(words.contains("C/N = 80/103 = 77.6699 %") && words.contains("= 2.3301 % > 2 %"), "{words}");
        assert!(words.contains("q = 80.0001 %\n"), "{words}");
        let word = Check { observed_word: Some("holdout".into()), ..number("counterfactual", Unit::Word, 0, 0) };
        let q = [("counterfactual_pass", 800_000), ("counterfactual_drawdowns", 45)];
        let told = q.map(|(subject, observed)| number(subject, Unit::Count, observed, 0));
        let checks = [&checks[..], &[word], &told[..]].concat();
        let words = readings(&checks)[0].in_words(Language::English).join("\n");
        assert!(words.contains("q = 80 % (of the holdout: 45 in 28 days)"), "{words}");
        assert!(hour.in_words(Language::English)[0].ends_with("X+R+1 = 3, at most 2"));
    }
}
