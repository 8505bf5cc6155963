//! A history of weeks and live drawdowns through one undisturbed worker.

use reflow::domain::CandidateStatus;
use reflow::domain::decision::{DecisionKind, StageName};
use reflow::domain::events::ApplicationKind;
use reflow_oracle::inputs::OwnedEvent;

use crate::deployment::{Deployment, by_kind, now};
use crate::readback::{Readback, read_back};
use crate::trade::{profiles_and_rest, weeks};
use crate::{audit, market};

#[test]
fn end_to_end() {
    let deployment = Deployment::new("end-to-end", market::PATIENT, Some(&market::document()));
    let mut worker = deployment.start();
    assert_eq!(worker.get("/health/ready").0, 200);
    assert_eq!(worker.get("/health/live").0, 200);

    let (profiles, rest) = profiles_and_rest(&weeks(7, 40, 20));
    let live: Vec<String> = (0..12).map(|number| format!("live-{number:02}")).collect();
    deployment.send_all(&profiles);
    let consents: Vec<OwnedEvent> = live.iter().map(|name| market::consenting(name, now())).collect();
    deployment.send_all(&consents);
    deployment.wait_until_drained(&mut worker, 60);
    deployment.send_all(&rest);

    // One drawdown per customer; the quota, the guard and the missing consent have something to refuse.
    let ids = |n: usize| [live[n].clone(), market::partners()[n % 3].to_owned(), format!("d-{}", live[n])];
    let tell = |n: usize, kind: ApplicationKind| {
        let [customer, partner, drawdown] = ids(n);
        market::drawdown([&customer, &partner, &drawdown], kind, now())
    };
    let asked: Vec<OwnedEvent> = (0..live.len()).map(|n| tell(n, ApplicationKind::DrawdownRequested)).collect();
    deployment.send_all(&asked);
    let stranger = market::drawdown(["stranger", "partner-00", "d-s"], ApplicationKind::DrawdownRequested, now());
    deployment.send_all([&stranger]);
    deployment.wait_until_drained(&mut worker, 60);
    let ends = [
        (0, ApplicationKind::DrawdownDisbursed),
        (3, ApplicationKind::DrawdownCancelled),
        (6, ApplicationKind::DrawdownDeclined),
    ];
    deployment.send_all(&ends.map(|(n, kind)| tell(n, kind)));
    deployment.wait_until_drained(&mut worker, 60);

    let fates = by_kind(&worker.get("/metrics").1, "reflow_records_total");
    deployment.stop(worker);
    let back = read_back(&deployment);
    assert_eq!(fates.values().sum::<i64>(), back.events.len() as i64, "every record has one fate: {fates:?}");
    assert_eq!(back.events.len(), profiles.len() + rest.len() + 2 * live.len() + 1 + ends.len());
    something_of_everything(&back);
    audit::schemas(&back);
    audit::sums(&back).assert_clean();
    audit::oracle(&back).assert_clean();
}

/// Admissions, refusals of both stages, and settlements of each kind: the audit has something to look at.
fn something_of_everything(back: &Readback) {
    let decided = |stage: StageName, kind: DecisionKind, code: &str| {
        let decisions = back.written.decisions.iter();
        let same = decisions.filter(|d| d.stage == stage && d.kind == kind);
        same.filter(|d| code.is_empty() || d.reasons.iter().any(|reason| reason == code)).count()
    };
    assert!(decided(StageName::Partner, DecisionKind::Yes, "") >= 6);
    assert!(decided(StageName::Partner, DecisionKind::No, "HOLD_QUOTA_DAY") >= 1);
    assert!(decided(StageName::Partner, DecisionKind::No, "HOLD_MIN_N") >= 1);
    assert!(decided(StageName::Customer, DecisionKind::No, "GATE_NO_CONSENT") >= 1);
    for code in ["END_DRAWDOWN_DISBURSED", "END_DRAWDOWN_CANCELLED", "END_DRAWDOWN_DECLINED"] {
        assert!(decided(StageName::Partner, DecisionKind::Revoked, code) >= 1, "{code}");
    }
    assert!(back.outputs.candidates.iter().any(|candidate| candidate.status == CandidateStatus::Active));
}
