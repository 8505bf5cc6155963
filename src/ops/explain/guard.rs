//! The guard's arithmetic of one decision, spelled out from its checks: what stood in each horizon, and what one more does.

use serde::Serialize;

use crate::domain::check::Check;
use crate::domain::reason_text::Language;
use crate::ops::wording::{percent, pick};
use crate::partner::wilson_ppm;

/// Parts per million that are one.
const ONE_PPM: i128 = 1_000_000;

/// One horizon as it would have stood with this candidate; rates and their intervals (Wilson, z = 1.96) in parts per million.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reading {
    pub horizon: String,
    /// None where the decision does not tell them.
    pub terms: Option<Terms>,
    /// X + R + 1 where too few are concluded to judge the effect, and the most that may be.
    pub ours_max: Option<i64>,
    pub observed: Rate,
    pub projected: Rate,
    pub without_reflow: Rate,
    pub effect: Rate,
    pub effect_max_ppm: Option<i64>,
    /// Room left below the maximum; negative: so much too large.
    pub effect_margin_ppm: Option<i64>,
    pub diverted_share_ppm: Option<i64>,
    pub diverted_share_max_ppm: Option<i64>,
    pub baseline: Baseline,
}

/// What N is made of: drawdowns requested in the horizon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Terms {
    /// C
    pub disbursed: i64,
    /// D
    pub declined: i64,
    /// X
    pub diverted: i64,
    /// K
    pub cancelled: i64,
    /// T
    pub timed_out: i64,
    /// R: live reservations.
    pub reserved: i64,
    /// C + D + X + K + T
    pub concluded: i64,
    /// N = C + D + X + K + T + R + 1
    pub n: i64,
    /// X + R + 1
    pub ours: i64,
}

/// A rate with its interval, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rate {
    pub ppm: Option<i64>,
    pub low_ppm: Option<i64>,
    pub high_ppm: Option<i64>,
}

/// q: what our diversions would have come to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Baseline {
    pub rate: Rate,
    /// Whose pass it is, and of how many drawdowns of the last 28 days.
    pub of: Option<String>,
    pub drawdowns: Option<i64>,
    /// Drawdowns of the holdout, which may be too few to go by.
    pub held_out: Option<i64>,
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
    let find = |name: &str| {
        checks
            .iter()
            .find(|check| check.subject.strip_suffix(horizon).and_then(|head| head.strip_suffix('_')) == Some(name))
    };
    let seen = |name: &str| find(name).and_then(|check| check.observed);
    let asked = |name: &str| find(name).and_then(|check| check.required);
    let terms = Terms::of(seen);
    let (effect, most) = (seen("reflow_effect"), asked("reflow_effect"));
    let baseline = Baseline::of(checks, terms, effect);
    let mut reading = Reading {
        horizon: horizon.to_owned(),
        terms,
        ours_max: asked("ours"),
        projected: Rate { ppm: seen("projected_pass"), ..Rate::default() },
        effect: Rate { ppm: effect, ..Rate::default() },
        effect_max_ppm: most,
        effect_margin_ppm: most.zip(effect).map(|(most, effect)| most.saturating_sub(effect)),
        diverted_share_ppm: seen("diverted_share"),
        diverted_share_max_ppm: asked("diverted_share"),
        baseline,
        ..Reading::default()
    };
    reading.spell_out();
    reading
}

impl Terms {
    fn of(seen: impl Fn(&str) -> Option<i64>) -> Option<Self> {
        let [disbursed, declined, diverted, cancelled, timed_out, reserved] =
            ["disbursed", "declined", "diverted", "cancelled", "timed_out", "reserved"].map(seen);
        let (disbursed, declined, diverted) = (disbursed?, declined?, diverted?);
        let (cancelled, timed_out, reserved) = (cancelled?, timed_out?, reserved?);
        let concluded = [declined, diverted, cancelled, timed_out].into_iter().fold(disbursed, i64::saturating_add);
        let with_one_more = |count: i64| count.saturating_add(reserved).saturating_add(1);
        let (n, ours) = (with_one_more(concluded), with_one_more(diverted));
        Some(Self { disbursed, declined, diverted, cancelled, timed_out, reserved, concluded, n, ours })
    }
}

impl Rate {
    /// Hits of n, rounded down, with the interval.
    fn of(hits: i64, n: i64) -> Self {
        let ppm = (n > 0).then(|| narrowed(i128::from(hits) * ONE_PPM / i128::from(n)));
        Self { ppm, ..Self::default() }.within(wilson_ppm(hits, n))
    }

    fn within(self, ends: Option<(i64, i64)>) -> Self {
        Self { low_ppm: ends.map(|(low, _)| low), high_ppm: ends.map(|(_, high)| high), ..self }
    }

    /// `80 % (71.1 % to 86.7 %)`
    fn in_words(self, language: Language) -> String {
        let rate = self.ppm.map_or_else(|| pick(language, "not known", "未知").to_owned(), |ppm| percent(ppm).into());
        rate + &self.interval(language)
    }

    fn interval(self, language: Language) -> String {
        let to = pick(language, "to", "至");
        let ends = self.low_ppm.zip(self.high_ppm);
        ends.map(|(low, high)| format!(" ({} {to} {})", percent(low), percent(high))).unwrap_or_default()
    }
}

impl Baseline {
    /// As the checks tell it; a decision that does not is read backwards from the effect.
    fn of(checks: &[Check], terms: Option<Terms>, effect: Option<i64>) -> Self {
        let told = |name: &str| checks.iter().find(|check| check.subject == name);
        let backwards = || {
            let (Terms { n, ours, .. }, effect) = (terms?, effect?);
            Some(narrowed((i128::from(effect) * i128::from(n) / i128::from(ours.max(1))).min(ONE_PPM)))
        };
        let drawdowns = told("counterfactual_drawdowns").and_then(|check| check.observed);
        let ppm = told("counterfactual_pass").and_then(|check| check.observed).or_else(backwards);
        // Rounded up when it was measured, so this gives back how many of them passed.
        let passed = ppm.zip(drawdowns).map(|(ppm, n)| narrowed(i128::from(ppm) * i128::from(n) / ONE_PPM));
        let ends = passed.zip(drawdowns).and_then(|(passed, n)| wilson_ppm(passed, n));
        let of = told("counterfactual").and_then(|check| check.observed_word.as_ref());
        Self {
            rate: Rate { ppm, ..Rate::default() }.within(ends.filter(|_| drawdowns > Some(0))),
            of: of.map(ToString::to_string),
            drawdowns,
            held_out: told("holdout_drawdowns").and_then(|check| check.observed),
        }
    }

    /// `q = 80 % (71.1 % to 86.7 %), the pass of undiverted drawdowns (100 in 28 days)`
    fn in_words(&self, language: Language) -> String {
        let of = match self.of.as_deref() {
            Some("holdout") => pick(language, "of the holdout", "对照组"),
            _ => pick(language, "of undiverted drawdowns", "未转出用信"),
        };
        let count = match (self.drawdowns, language) {
            (None, Language::English) => " of 28 days".to_owned(),
            (None, Language::Chinese) => "(28天)".to_owned(),
            (Some(n), Language::English) => format!(" ({n} in 28 days)"),
            (Some(n), Language::Chinese) => format!("(28天{n}笔)"),
        };
        let rate = self.rate.in_words(language);
        let few = self.held_out.filter(|_| self.of.as_deref() == Some("undiverted"));
        let few = few.map(|few| match language {
            Language::English => format!("; of the holdout there are {few}"),
            Language::Chinese => format!(";对照组 {few} 笔"),
        });
        let few = few.unwrap_or_default();
        match language {
            Language::English => format!("q = {rate}, the pass {of}{count}{few}"),
            Language::Chinese => format!("q = {rate},{of}通过率{count}{few}"),
        }
    }
}

impl Reading {
    /// N, where the terms are told.
    pub fn n(&self) -> Option<i64> {
        self.terms.map(|terms| terms.n)
    }

    /// What follows from the terms: the rates that are not in the checks, and every interval.
    fn spell_out(&mut self) {
        let Some(Terms { disbursed, concluded, n, ours, .. }) = self.terms else { return };
        self.observed = Rate::of(disbursed, concluded);
        let (Some(projected), Some(effect), Some(q)) = (self.projected.ppm, self.effect.ppm, self.baseline.rate.ppm)
        else {
            return;
        };
        self.projected = self.projected.within(wilson_ppm(disbursed, n));
        let lost = (i128::from(q) * i128::from(ours) + ONE_PPM / 2) / ONE_PPM;
        let without = wilson_ppm(disbursed.saturating_add(narrowed(lost)), n);
        self.without_reflow = Rate { ppm: Some(projected.saturating_add(effect)), ..Rate::default() }.within(without);
        let at = |q: i64| {
            let n = i128::from(n.max(1));
            narrowed(((i128::from(q) * i128::from(ours) + n - 1) / n).min(ONE_PPM))
        };
        let ends = self.baseline.rate.low_ppm.zip(self.baseline.rate.high_ppm);
        self.effect = self.effect.within(ends.map(|(low, high)| (at(low), at(high))));
    }

    /// The arithmetic as lines.
    pub fn in_words(&self, language: Language) -> Vec<String> {
        let mut lines = Vec::new();
        let say = |english, chinese| pick(language, english, chinese);
        let horizon = &self.horizon;
        if let Some(terms) = self.terms {
            let Terms { disbursed: c, declined: d, diverted: x, cancelled: k, timed_out: t, reserved: r, .. } = terms;
            lines.push(match language {
                Language::English => format!(
                    "{horizon}: disbursed C = {c}, declined D = {d}, diverted X = {x}, cancelled K = {k}, timed out T = {t}, reserved R = {r}"
                ),
                Language::Chinese => format!(
                    "{horizon}:放款 C = {c},拒绝 D = {d},转出 X = {x},取消 K = {k},超时 T = {t},预占 R = {r}"
                ),
            });
            let Terms { concluded, n, ours, .. } = terms;
            let q = self.baseline.in_words(language);
            lines.push(format!("  N = C+D+X+K+T+R+1 = {n}; X+R+1 = {ours}; {q}"));
            let rates = [
                (say("observed", "实际"), format!("C/(C+D+X+K+T) = {c}/{concluded}"), self.observed),
                (say("projected", "预计"), format!("C/N = {c}/{n}"), self.projected),
                (say("without reflow", "无回流时"), format!("(C + q·{ours})/N"), self.without_reflow),
            ];
            let known = rates.iter().filter(|(.., rate)| rate.ppm.is_some());
            lines.extend(known.map(|(name, sum, rate)| format!("  {name} {sum} = {}", rate.in_words(language))));
        }
        lines.extend(self.verdict(language));
        lines
    }

    /// How it stands to what the contract allows.
    fn verdict(&self, language: Language) -> Vec<String> {
        let (say, horizon) = (|english, chinese| pick(language, english, chinese), &self.horizon);
        let mut lines = Vec::new();
        let stands = |value: i64, most: i64| {
            let (relation, margin) = (if value <= most { "≤" } else { ">" }, percent(most.saturating_sub(value)));
            format!("{} {relation} {}, {} {margin}", percent(value), percent(most), say("margin", "余量"))
        };
        let ours = self.terms.map(|terms| terms.ours);
        if let (Some(effect), Some(most)) = (self.effect.ppm, self.effect_max_ppm) {
            let sum = self.terms.map(|terms| format!(" q·{}/{}", terms.ours, terms.n)).unwrap_or_default();
            let (name, interval) = (say("effect", "影响"), self.effect.interval(language));
            lines.push(format!("  {horizon} {name}{sum} = {}{interval}", stands(effect, most)));
        } else if let Some(most) = self.ours_max {
            let (few, ours) = (self.terms.map_or(0, |terms| terms.concluded), ours.unwrap_or_default());
            lines.push(match language {
                Language::English => {
                    format!(
                        "  {horizon}: too few concluded ({few}) to judge the effect; X+R+1 = {ours}, at most {most}"
                    )
                }
                Language::Chinese => {
                    format!("  {horizon}:已了结用信过少({few}),无法判断影响;X+R+1 = {ours},不超过 {most}")
                }
            });
        }
        if let (Some(share), Some(most)) = (self.diverted_share_ppm, self.diverted_share_max_ppm) {
            lines.push(format!("  {horizon} {} (X+R+1)/N = {}", say("share", "占比"), stands(share, most)));
        }
        lines
    }
}

fn narrowed(number: i128) -> i64 {
    i64::try_from(number).unwrap_or(if number < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::check::{Relation, Unit};
    use crate::domain::{Name, ReasonCode};

    fn number(subject: &str, unit: Unit, observed: i64, required: i64) -> Check {
        Check::number(ReasonCode::HoldReflowEffect, Name::of(subject), unit, observed, Relation::AtMost, required)
    }

    fn counts(horizon: &str, counts: [i64; 6]) -> Vec<Check> {
        let names = ["disbursed", "declined", "diverted", "cancelled", "timed_out", "reserved"];
        let count = |(name, count)| number(&format!("{name}_{horizon}"), Unit::Count, count, 0);
        names.into_iter().zip(counts).map(count).collect()
    }

    #[test]
    fn every_term_is_spelled_out() {
        // C = 80, D = 20, R = 2: N = 103, q = 80 %.
        let mut checks = vec![
            number("reflow_effect_24h", Unit::Ppm, 23_301, 20_000),
            number("projected_pass_24h", Unit::Ppm, 776_699, 0),
            number("ours_1h", Unit::Count, 3, 2),
            number("reserved", Unit::Count, 3, 50),
        ];
        checks.extend(counts("24h", [80, 20, 0, 0, 0, 2]));
        checks.extend(counts("1h", [1, 0, 0, 0, 1, 2]));
        let [day, hour] = &readings(&checks)[..] else { panic!("two horizons") };
        let terms = day.terms.unwrap();
        assert_eq!((terms.n, terms.ours, terms.concluded), (103, 3, 100));
        assert_eq!((day.baseline.rate.ppm, day.observed.ppm), (Some(800_001), Some(800_000)));
        assert_eq!((day.without_reflow.ppm, day.effect_margin_ppm), (Some(800_000), Some(-3_301)));
        let words = day.in_words(Language::English).join("\n");
        for said in ["D = 20", "R = 2", "C/N = 80/103 = 77.6699 % (", "= 2.3301 % > 2 %, margin -0.3301 %"] {
            assert!(words.contains(said), "{said}: {words}");
        }
        assert!(
            hour.in_words(Language::English)
                .join("\n")
                .ends_with("too few concluded (2) to judge the effect; X+R+1 = 3, at most 2")
        );
    }

    #[test]
    fn q_is_told_with_where_it_came_from() {
        let mut checks = vec![number("reflow_effect_24h", Unit::Ppm, 11_651, 20_000)];
        checks.extend(counts("24h", [80, 20, 0, 0, 0, 2]));
        checks.push(number("projected_pass_24h", Unit::Ppm, 776_699, 0));
        let word = number("counterfactual", Unit::Word, 0, 0);
        checks.push(Check { observed: None, observed_word: Some("holdout".into()), ..word });
        checks.push(number("counterfactual_pass", Unit::Ppm, 400_000, 0));
        checks.push(number("counterfactual_drawdowns", Unit::Count, 45, 0));
        let day = &readings(&checks)[0];
        let ends = wilson_ppm(18, 45).unwrap();
        assert_eq!((day.baseline.rate.low_ppm, day.baseline.rate.high_ppm), (Some(ends.0), Some(ends.1)));
        assert_eq!(day.effect.low_ppm, Some((ends.0 * 3 + 102) / 103));
        let words = day.in_words(Language::English).join("\n");
        assert!(words.contains("q = 40 % (") && words.contains("the pass of the holdout (45 in 28 days)"), "{words}");
        let words = day.in_words(Language::Chinese).join("\n");
        assert!(words.contains("对照组通过率(28天45笔)"), "{words}");
    }
}
