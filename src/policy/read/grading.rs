//! The `grading` part: strong and weak rules, bands, how often to look, treatments.

use super::fields::{Fields, Wrong, word};
use super::quantity::{duration, share, token, whole};
use super::rules::{condition, each, permitted};
use crate::domain::Text;
use crate::domain::words::Word;
use crate::policy::Contract;
use crate::policy::findings::Words;
use crate::policy::grading::{Action, Grade, Grading, Reach, Steps, Strong, Treatment, Weak};

/// Most strong rules, and most weak ones.
const RULES_MAX: usize = 32;
const TREATMENTS_MAX: usize = 16;
/// Most points of one weak rule, and of a band.
const POINTS_MAX: i64 = 100_000;

/// The outer `None`: a problem was reported.
pub fn read(root: &Fields<'_, '_>, contracts: &[Contract]) -> Option<Option<Grading>> {
    if !root.has("grading") {
        return Some(None);
    }
    let fields = root.group_if_any("grading", "`grading`")?;
    let strong = each(&fields, ("strong", "a strong rule", RULES_MAX), |fields| strong(fields, contracts));
    let weak = each(&fields, ("weak", "a weak rule", RULES_MAX), |fields| weak(fields, contracts));
    let any_weak = fields.has("weak");
    let points = steps(&fields, "points_from", any_weak, whole(1, POINTS_MAX));
    let risk_score = steps(&fields, "risk_score_from", false, share);
    let look_every = fields.group("look_every", "`look_every`").map(|every| {
        let read = Grade::NAMES.iter().map(|grade| every.required(grade, duration)).collect::<Vec<_>>();
        every.finish();
        read
    });
    let offer_to =
        fields.list_or("offer_to", Vec::new(), |text| word::<Grade>(text).map(|grade| Text::const_new(grade.name())));
    let treatments =
        each(&fields, ("treatments", "a treatment", TREATMENTS_MAX), |fields| treatment(fields, contracts));
    fields.finish();
    let mut look_every_ms = [0; 4];
    for (slot, every) in look_every_ms.iter_mut().zip(look_every?) {
        *slot = every?;
    }
    Some(Some(Grading {
        strong: strong?,
        weak: weak?,
        points: points?,
        risk_score: risk_score?,
        look_every_ms,
        offer_to: Words::new(offer_to?),
        treatments: treatments?,
    }))
}

/// `{B: 10, C: 20, D: 40}`: growing.
fn steps(
    fields: &Fields<'_, '_>,
    key: &'static str,
    needed: bool,
    read: impl Fn(&str) -> Result<i64, Wrong>,
) -> Option<Option<Steps>> {
    if !needed && !fields.has(key) {
        return Some(None);
    }
    let group = fields.group(key, "a group of steps")?;
    let [b, c, d] = ["B", "C", "D"].map(|grade| group.required(grade, &read));
    group.finish();
    let steps = [b?, c?, d?];
    if !steps.is_sorted() {
        let wrong = Wrong::new("steps that grow from B to D", "correct their order");
        fields.problems.report(fields.place_of(key), "steps that do not grow", wrong);
    }
    Some(Some(steps))
}

fn strong(fields: Fields<'_, '_>, contracts: &[Contract]) -> Option<(Strong, Text)> {
    let rule = fields.required("rule", token);
    let grade = fields.required("grade", word::<Grade>);
    let when = condition(&fields, "when");
    if let Some(when) = &when {
        permitted(&fields, when, |_| true, contracts);
    }
    fields.finish();
    let rule = rule?;
    Some((Strong { rule: rule.clone(), when: when?, grade: grade? }, rule))
}

fn weak(fields: Fields<'_, '_>, contracts: &[Contract]) -> Option<(Weak, Text)> {
    let rule = fields.required("rule", token);
    let points = fields.required("points", whole(1, POINTS_MAX));
    let when = condition(&fields, "when");
    if let Some(when) = &when {
        permitted(&fields, when, |_| true, contracts);
    }
    fields.finish();
    let rule = rule?;
    Some((Weak { rule: rule.clone(), when: when?, points: points? }, rule))
}

fn treatment(fields: Fields<'_, '_>, contracts: &[Contract]) -> Option<(Treatment, Text)> {
    let treatment = fields.required("treatment", token);
    let action = fields.required("action", word::<Action>);
    let grades = fields.list_needed("grades", word::<Grade>);
    let reach = fields.list_or("reach", Vec::new(), word::<Reach>);
    let when = if fields.has("when") { condition(&fields, "when").map(Some) } else { Some(None) };
    let takes_share = matches!(action, Some(Action::ReduceFees | Action::RaiseLimit));
    let share_ppm = match takes_share {
        true => fields.required("share", share).map(Some),
        false => Some(None),
    };
    let channels = match action {
        Some(Action::Remind) => fields.list_needed("channels", token),
        _ => fields.list_or("channels", Vec::new(), token),
    };
    if let Some(Some(when)) = &when {
        permitted(&fields, when, |_| true, contracts);
    }
    let risky = grades.as_ref().is_some_and(|grades| grades.iter().any(|grade| *grade > Grade::B));
    if risky && matches!(action, Some(Action::RaiseLimit | Action::CrossSell)) {
        let wrong = Wrong::new("grades A or B (low risk)", "leave customers of higher risk out");
        fields.problems.report(fields.place_of("grades"), "more credit for customers of grade C or D", wrong);
    }
    fields.finish();
    let treatment = treatment?;
    let read = Treatment {
        treatment: treatment.clone(),
        action: action?,
        grades: grades?,
        reach: reach?,
        when: when?,
        share_ppm: share_ppm?,
        channels: channels?,
    };
    Some((read, treatment))
}
