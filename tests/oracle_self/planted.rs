//! A whole random history through the pretend product: clean as it is, and each planted error is found.

use std::collections::BTreeMap;

use reflow::domain::counter::{Family, Tally};
use reflow::domain::decision::{DecisionKind, StageName};
use reflow::domain::fact::Verdict as Answer;
use reflow::domain::time::DAY_MS;
use reflow::domain::view::Tile;
use reflow::domain::{Check, Delta, EventTime, Name, Text};
use reflow_oracle::bounds::{self, Quota};
use reflow_oracle::contributions::decided;
use reflow_oracle::ordered::{self, Setup};
use reflow_oracle::plain_policy::{OracleContract, OraclePolicy};
use reflow_oracle::random::{History, Size, history};
use reflow_oracle::tiles::{compare_tiles, expected_tiles};
use reflow_oracle::world::{Machine, World};
use reflow_oracle::{Rules, Verdict};

const PARTNERS: [&str; 4] = ["partner-00", "partner-01", "partner-02", "partner-03"];

fn policies() -> Vec<OraclePolicy> {
    let contract = |at: usize| {
        let mut contract = OracleContract::permissive("CNY");
        contract.answer_within_ms = 3 * DAY_MS;
        contract.triggers_on_risk_passed = at == 1;
        contract.quota_per_day = if at == 2 { 1 } else { 50 };
        contract.guard.below_min_n_max = if at == 3 { 1 } else { 1_000 };
        contract.guard.reflow_effect_max_ppm = 60_000;
        contract.guard.holdout_min_n = Some(2);
        contract
    };
    let named = PARTNERS.iter().enumerate().map(|(at, name)| ((*name).to_owned(), contract(at)));
    let mut policy = OraclePolicy::plain("v1", "h1", named.collect());
    policy.holdout = (0..60).step_by(5).map(|number| format!("customer-{number:05}")).collect();
    vec![policy]
}

struct Bench {
    rules: Rules,
    policies: Vec<OraclePolicy>,
    history: History,
    world: World,
}

fn bench(seed: u64, change: impl FnOnce(&mut Size)) -> Bench {
    let (rules, policies) = (Rules::default(), policies());
    let mut size = Size { customers: 60, days: 90, ..Size::default() };
    change(&mut size);
    let history = history(seed, &size, &rules);
    let world = Machine::run(&history, &rules, &policies, 3, 2);
    Bench { rules, policies, history, world }
}

impl Bench {
    fn inputs_alone(&self) -> Verdict {
        let decided = decided(&self.world.written.decisions);
        let expected = expected_tiles(&self.history.events(), &decided, &self.rules);
        compare_tiles(&expected, &self.world.written.panes)
    }

    fn ordered(&self) -> Verdict {
        ordered::check(&self.world.written, &self.world.log, &Setup::new(&self.rules, &self.policies))
    }

    fn bounds(&self) -> Verdict {
        let contracts = self.policies.iter().flat_map(|policy| &policy.contracts);
        let quotas: BTreeMap<Text, Quota> = contracts
            .map(|(name, c)| (name.as_str().into(), Quota { zone: c.zone.clone(), per_day: c.quota_per_day }))
            .collect();
        bounds::check(&self.world.outputs, &quotas, &PARTNERS).and(bounds::check_consents(
            &self.world.outputs,
            &self.history.events(),
            Some("lender-own"),
            3 * DAY_MS,
            &self.rules,
        ))
    }

    #[track_caller]
    fn finds(&self, words: &str) {
        let verdict = self.ordered();
        assert!(verdict.mentions(words), "{words:?} is not among: {verdict}");
    }
}

#[test]
fn an_honest_product_is_clean_in_all_layers() {
    for seed in 1..4 {
        let bench = bench(seed, |_| {});
        bench.ordered().assert_clean();
        bench.inputs_alone().assert_clean();
        bench.bounds().assert_clean();
        let yes = bench.world.written.decisions.iter().filter(|d| d.kind == DecisionKind::Yes).count();
        let refused = bench.world.written.replies.iter().filter(|r| r.verdict == Answer::Refused).count();
        let diverted = admitted_and_diverted(&bench);
        assert!(
            yes > 10 && refused > 1 && diverted > 0,
            "seed {seed}: {yes} yes, {refused} refused, {diverted} diverted"
        );
    }
}

fn admitted_and_diverted(bench: &Bench) -> usize {
    let diverted = |cell: &&reflow::domain::view::PaneCell| cell.counter == reflow::domain::Counter::DrawdownDiverted;
    bench.world.written.panes.iter().flat_map(|pane| &pane.cells).filter(diverted).count()
}

#[test]
fn late_and_erased_need_the_order() {
    let bench = bench(5, |size| (size.late_percent, size.erased_percent) = (3, 30));
    bench.ordered().assert_clean();
    bench.bounds().assert_clean();
    let late: i64 = bench.world.written.journal.iter().map(|entry| entry.fates.late).sum();
    assert!(late > 0, "no record was late");
    assert!(!bench.inputs_alone().is_clean(), "the inputs alone cannot know what was late");
}

#[test]
fn wrong_deltas_and_panes_are_found() {
    let mut bench = bench(11, |_| {});
    let at = bench.world.written.bundles.iter().rposition(|b| b.deltas.len() > 2).unwrap();
    let kept: Vec<Delta> = bench.world.written.bundles[at].deltas.iter().collect();
    let say = |bench: &mut Bench, deltas: &[Delta]| bench.world.written.bundles[at].deltas = deltas.to_vec().into();
    say(&mut bench, &kept[1..]);
    bench.finds("Σ deltas of customer shard");
    say(&mut bench, &[&kept[..], &kept[..1]].concat());
    bench.finds("Σ deltas of customer shard");
    let mut moved = kept.clone();
    moved[0].at += DAY_MS;
    say(&mut bench, &moved);
    bench.finds("Σ deltas of customer shard");
    say(&mut bench, &kept);
    bench.ordered().assert_clean();

    let day = |pane: &reflow::domain::view::PartnerPane| {
        pane.tile == Tile::Day && pane.cells.iter().any(|c| c.counter.family() == Family::DueBook)
    };
    let pane = bench.world.written.panes.iter().position(day).unwrap();
    bench.world.written.panes[pane].start = bench.world.written.panes[pane].start.plus_ms(-DAY_MS);
    assert!(!bench.inputs_alone().is_clean() && !bench.ordered().is_clean(), "off by one day");
    bench.world.written.panes[pane].start = bench.world.written.panes[pane].start.plus_ms(DAY_MS);
    let mut more = bench.world.written.panes[pane].clone();
    more.cells[0].tally.add(Tally { count: 0, amount_minor: 1 });
    bench.world.written.panes.push(more);
    assert!(bench.inputs_alone().mentions("amount") && bench.ordered().mentions("amount"));
}

#[test]
fn holes_in_journal_and_chain_are_found() {
    let mut bench = bench(12, |_| {});
    let entry = bench.world.written.journal.iter().position(|e| e.fates.applied > 0 && e.sequence == 5).unwrap();
    let kept = bench.world.written.journal[entry].clone();
    bench.world.written.journal[entry].runs.pop();
    bench.finds("no journal run covers it");
    bench.finds("fates add up to");
    bench.world.written.journal[entry] = kept.clone();
    let twice = kept.runs.last().unwrap().clone();
    bench.world.written.journal[entry].runs.push(twice);
    bench.finds("covered 2 times");
    bench.world.written.journal[entry] = kept.clone();
    bench.world.written.journal[entry].runs.last_mut().unwrap().records += 1;
    bench.finds("2 records, 1 lie there");
    bench.world.written.journal[entry] = kept.clone();
    bench.world.written.journal[entry].fates.applied -= 1;
    bench.world.written.journal[entry].fates.duplicate += 1;
    bench.finds("fates FateCounts");
    bench.world.written.journal[entry].fates = kept.fates;
    bench.world.written.journal[entry].now = EventTime(1);
    bench.finds("now goes back");
    bench.world.written.journal.remove(entry);
    bench.finds("sequence 6 where 5 was expected");
    bench.world.written.journal.insert(entry, kept);
    bench.ordered().assert_clean();

    let chained = |d: &reflow::domain::Decision| d.sequence == 2;
    let decision = bench.world.written.decisions.iter().position(chained).unwrap();
    let later = Check::flag(Name::of("LATER"), Name::of("changed"), true, true);
    bench.world.written.decisions[decision].checks.push(&later);
    bench.finds("prev_hash of sequence 3 is not the digest");
    bench.world.written.decisions.remove(decision);
    bench.finds("sequence 3 where 2 was expected");
}

#[test]
fn wrong_answers_are_found() {
    let mut bench = bench(13, |_| {});
    let no = |d: &reflow::domain::Decision| d.stage == StageName::Customer && !d.reasons.is_empty();
    let at = bench.world.written.decisions.iter().position(no).unwrap();
    let kept = bench.world.written.decisions[at].clone();
    bench.world.written.decisions[at].reasons.push("HOLD_PENDING".into());
    bench.finds("HOLD_PENDING\"] found");
    bench.world.written.decisions[at] = kept.clone();
    bench.world.written.decisions[at].candidate = "another".into();
    bench.finds("candidate id");
    bench.world.written.decisions[at] = kept;

    let at = bench.world.written.bundles.iter().position(|b| !b.settlements.is_empty()).unwrap();
    let settlement = bench.world.written.bundles[at].settlements.pop().unwrap();
    bench.finds("settlements missing");
    bench.world.written.bundles[at].settlements = vec![settlement.clone(), settlement].into();
    bench.finds("not expected");
    bench.world.written.bundles[at].settlements.pop();
    let at = bench.world.written.bundles.iter().position(|b| !b.proposals.is_empty()).unwrap();
    let proposal = bench.world.written.bundles[at].proposals.pop().unwrap();
    bench.finds("expected, [] found");
    bench.world.written.bundles[at].proposals.push(proposal);

    let at = bench.world.written.replies.iter().position(|r| r.verdict == Answer::Refused).unwrap();
    let kept = bench.world.written.replies[at].clone();
    (bench.world.written.replies[at].verdict, bench.world.written.replies[at].reasons) = (Answer::Admitted, vec![]);
    bench.finds("replies of partner shard");
    bench.world.written.replies[at] = kept;
    bench.world.written.replies.pop();
    bench.finds("replies of partner shard");
}

#[test]
fn a_proposal_without_its_record_is_found() {
    let mut bench = bench(14, |_| {});
    let at = bench.world.written.decisions.iter().position(|d| d.kind == DecisionKind::Proposed).unwrap();
    bench.world.written.decisions.remove(at);
    bench.finds("decisions `proposed` missing");
}

#[test]
fn quota_overrun_and_a_second_candidate_are_found() {
    let mut bench = bench(14, |_| {});
    let yes = bench.world.outputs.decisions.iter().find(|d| d.kind == DecisionKind::Yes && d.partner == "partner-02");
    let mut more = yes.unwrap().clone();
    (more.decision, more.customer, more.candidate) = ("more".into(), "somebody".into(), "more".into());
    bench.world.outputs.decisions.push(more);
    assert!(bench.bounds().mentions("partner-02 on"));
    let first = bench.world.outputs.candidates[0].clone();
    bench.world.outputs.candidates.insert(1, first);
    assert!(bench.bounds().mentions("active twice"));
}

#[test]
fn a_verdict_prints_at_most_twenty_problems() {
    let mut verdict = Verdict::default();
    assert_eq!(verdict.to_string(), "the oracle agrees");
    (0..25).for_each(|number| verdict.say(format!("problem {number}.")));
    let text = verdict.to_string();
    assert!(text.contains("problem 19.") && !text.contains("problem 20.") && text.contains("and 5 more"));
}
