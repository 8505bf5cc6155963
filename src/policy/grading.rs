//! Grades A to D of customers by strong rules, weak rules and the risk score; how often each is looked at, how each is treated.
//!
//! What is not known counts against the grade: a strong or weak rule without an answer is a hit, a missing score the worst band.

use super::conditions::{Condition, ModelOf};
use super::findings::{Case, Findings, Words};
use super::{Facts, Policy, models};
use crate::domain::ReasonCode::ExcGrade;
use crate::domain::check::Relation;
use crate::domain::words::Word;
use crate::domain::{Subject, Text};
use crate::words;

words! {
    /// From the lowest risk to the highest.
    pub enum Grade {
        A = "A",
        B = "B",
        C = "C",
        D = "D",
    }
}

words! {
    /// What a treatment does.
    pub enum Action {
        /// Find out whether the number still reaches the customer.
        CheckPhone = "check_phone",
        /// Part of the fees is waived for who repays early.
        ReduceFees = "reduce_fees",
        Remind = "remind",
        RaiseLimit = "raise_limit",
        CrossSell = "cross_sell",
    }
}

words! {
    /// What is known of reaching the customer.
    pub enum Reach {
        Unknown = "unknown",
        Reachable = "reachable",
        Unreachable = "unreachable",
    }
}

/// One hit decides: the customer is of this grade or a worse one.
#[derive(Clone, Debug)]
pub struct Strong {
    pub rule: Text,
    pub when: Condition,
    pub grade: Grade,
}

/// Points that add up.
#[derive(Clone, Debug)]
pub struct Weak {
    pub rule: Text,
    pub when: Condition,
    pub points: i64,
}

/// From which value on a customer is of grade B, C or D.
pub type Steps = [i64; 3];

/// What is done for customers of some grades.
#[derive(Clone, Debug)]
pub struct Treatment {
    pub treatment: Text,
    pub action: Action,
    pub grades: Vec<Grade>,
    /// Empty: however the customer can be reached.
    pub reach: Vec<Reach>,
    pub when: Option<Condition>,
    /// Part of the fees that is waived, or part by which the limit is raised, parts per million.
    pub share_ppm: Option<i64>,
    pub channels: Vec<Text>,
}

/// How a document grades.
#[derive(Clone, Debug)]
pub struct Grading {
    pub strong: Vec<Strong>,
    pub weak: Vec<Weak>,
    /// Points of weak rules, where there are any.
    pub points: Option<Steps>,
    /// Risk score, parts per million, where it counts.
    pub risk_score: Option<Steps>,
    /// How often a customer of each grade is looked at, milliseconds.
    pub look_every_ms: [i64; 4],
    /// Grades that may be made an offer.
    pub offer_to: Words,
    pub treatments: Vec<Treatment>,
}

impl Grading {
    /// How often a customer of that grade is looked at, milliseconds.
    pub fn look_every_ms(&self, grade: Grade) -> i64 {
        self.look_every_ms[grade.ordinal()]
    }
}

impl Policy {
    /// The customer's grade; none when the document does not grade.
    pub fn grade(&self, facts: &Facts<'_>) -> Option<Grade> {
        let grading = self.grading.as_ref()?;
        let hit = |when: &Condition| {
            let approved = when.reads().iter().filter_map(|read| read.model).all(|model| self.approves(model, facts));
            !approved || when.holds(facts).unwrap_or(true)
        };
        let strong = grading.strong.iter().filter(|rule| hit(&rule.when)).map(|rule| rule.grade).max();
        let weak = grading.points.map(|steps| {
            let points = grading.weak.iter().filter(|rule| hit(&rule.when)).map(|rule| rule.points).sum();
            grade_of(steps, points)
        });
        let scored = grading.risk_score.map(|steps| {
            let score = facts.person.risk.as_ref().filter(|_| self.approves(ModelOf::Risk, facts));
            score.map_or(Grade::D, |score| grade_of(steps, score.value_ppm))
        });
        [strong, weak, scored].into_iter().flatten().max().or(Some(Grade::A))
    }

    /// What the document does for the customer, in its order.
    pub fn treatments<'p>(&'p self, facts: &Facts<'_>) -> Vec<&'p Treatment> {
        let (Some(grading), Some(grade)) = (&self.grading, self.grade(facts)) else { return Vec::new() };
        let reach = match facts.person.reachable {
            None => Reach::Unknown,
            Some(true) => Reach::Reachable,
            Some(false) => Reach::Unreachable,
        };
        let fits = |treatment: &&Treatment| {
            let asked = treatment.when.as_ref();
            treatment.grades.contains(&grade)
                && (treatment.reach.is_empty() || treatment.reach.contains(&reach))
                && asked.is_none_or(|when| {
                    let mut models = when.reads().iter().filter_map(|read| read.model);
                    models.all(|model| self.approves(model, facts)) && when.holds(facts) == Ok(true)
                })
        };
        grading.treatments.iter().filter(fits).collect()
    }

    fn approves(&self, model: ModelOf, facts: &Facts<'_>) -> bool {
        models::approves(self.models.as_ref(), model, facts)
    }
}

fn grade_of(steps: Steps, value: i64) -> Grade {
    let passed = steps.iter().filter(|step| value >= **step).count();
    Grade::at(passed).unwrap_or(Grade::D)
}

/// Only customers of the grades the document names are made an offer.
pub(super) fn judge(case: &Case<'_>, found: &mut Findings) -> Option<Grade> {
    let grading = case.policy.grading.as_ref()?;
    let grade = case.policy.grade(case.facts)?;
    if !grading.offer_to.is_empty() {
        let among = grading.offer_to.has(grade.name());
        found.word(ExcGrade, Subject::Grade, among, Some(grade.name()), Relation::OneOf, grading.offer_to.joined());
    }
    Some(grade)
}
