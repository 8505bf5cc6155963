//! Both stages together: a customer asked for by two partners in the same second gets room at one of them at most.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;
use reflow::customer;
use reflow::domain::candidate::Source;
use reflow::domain::events::*;
use reflow::domain::fact::Verdict;
use reflow::domain::time::DAY_MS;
use reflow::domain::{EventTime, FactBundle, Output, Reply, Text};
use reflow::partner::{self, Input};
use reflow::policy::{Policy, PolicySet};

use crate::market::settings;

/// 2025-03-05T12:00:00Z.
const START: EventTime = EventTime(1_741_176_000_000);
const CUSTOMER: &str = "c1";
/// Two partners whose shards are two: whoever asks, another one decides.
const PARTNERS: [&str; 2] = ["p01", "p02"];
const STEPS_MAX: usize = 100;

fn policies() -> PolicySet {
    let minimal = include_str!("../../policies/minimal.yaml").replace("cool_down: 7d", "cool_down: 1s");
    let minimal = minimal
        .replace("cap: {count: 2, window: 30d}", "cap: {count: 32, window: 1s}")
        .replace("limit: same", "limit: {fixed_minor: 900}");
    let (head, rest) = minimal.split_once("  - partner: p01").unwrap();
    let (contract, tail) = rest.split_once("exclusions:").unwrap();
    let contracts: String = PARTNERS.map(|partner| format!("  - partner: {partner}{contract}")).concat();
    let policy = Policy::parse("both.yaml", &format!("{head}{contracts}exclusions:{tail}"));
    PolicySet::new(vec![policy.unwrap_or_else(|problems| panic!("{problems:?}"))]).unwrap()
}

/// A stage's shard and what it reads next; what was accepted of it is counted.
struct Reader<S, I> {
    shard: S,
    inbox: VecDeque<I>,
}

struct World {
    policies: PolicySet,
    customers: Reader<customer::Shard, Message>,
    partners: [Reader<partner::Shard, FactBundle>; 2],
    now: EventTime,
    /// Verdicts on proposals, by candidate and partner.
    admitted: BTreeMap<Text, Text>,
    live: BTreeMap<Text, Text>,
    no_codes: BTreeMap<Text, usize>,
    asked: usize,
}

/// What the customer shard reads.
#[derive(Clone, Debug)]
enum Message {
    /// A drawdown is requested at a partner.
    Asks(usize, usize),
    /// It is declined.
    Ends(usize, usize),
    Reply(Reply),
}

fn application(kind: ApplicationKind, at: EventTime, partner: usize, drawdown: &str) -> ApplicationEvent<'_> {
    ApplicationEvent {
        event_id: "e",
        event_time: at,
        customer: CUSTOMER,
        partner: PARTNERS[partner],
        application: "a",
        drawdown: Some(drawdown),
        loan: None,
        kind,
        product: None,
        product_kind: None,
        amount_minor: Some(5_000),
        limit_minor: None,
        currency: None,
        all_in_cost_ppm: None,
        term_months: None,
        repayment_method: None,
        decline_reason: None,
        cancel_reason: None,
        risk_verdict: None,
        risk_bearing: None,
        enhancer: None,
        funder_share_ppm: None,
        staff: false,
        test_order: false,
        region: None,
        employer: None,
    }
}

/// The customer agreed to cross-marketing.
fn consenting() -> CustomerEvent<'static> {
    CustomerEvent {
        event_id: "e",
        event_time: START.plus_ms(-DAY_MS),
        customer: CUSTOMER,
        region: None,
        zone: None,
        employer: None,
        risk: None,
        response: None,
        conversion: None,
        value: None,
        tags: Vec::new(),
        lenders: None,
        debt_burden_ppm: None,
        consents: vec![Consent {
            consent: "consent-1",
            purpose: ConsentPurpose::MarketingCross,
            controller: "lender",
            recipient: None,
            text_version: "v1",
            given_at: START.plus_ms(-2 * DAY_MS),
            withdrawn_at: None,
            collected_via: None,
        }],
        flags: Vec::new(),
        own_product: None,
        own_limit_minor: None,
        merged_into: None,
        erased: false,
        income: None,
    }
}

impl World {
    fn new() -> Self {
        let customers = customer::Shard::new(customer::Settings {
            shard: 0,
            shards: 1,
            partner_partitions: 2,
            future_event_secs_max: 3_600,
            late_event_secs_max: 7 * 86_400,
            decision_age_secs_max: 86_400,
            end_to_end_days: 30,
            heartbeat_secs: 5,
        });
        let partner = |shard| partner::Shard::new(partner::Settings { shard, customer_shards: 1, ..settings() });
        let mut world = Self {
            policies: policies(),
            customers: Reader { shard: customers, inbox: VecDeque::new() },
            partners: [0, 1].map(|shard| Reader { shard: partner(shard), inbox: VecDeque::new() }),
            now: START,
            admitted: BTreeMap::new(),
            live: BTreeMap::new(),
            no_codes: BTreeMap::new(),
            asked: 0,
        };
        let source = Source::default();
        let verdict =
            RiskVerdict { model: "m", version: "1", decided_at: START.plus_ms(-DAY_MS), band: "A", valid_days: 90 };
        let approved = ApplicationEvent {
            drawdown: None,
            risk_verdict: Some(verdict),
            ..application(ApplicationKind::Approved, START.plus_ms(-DAY_MS), 0, "")
        };
        for event in [Event::Customer(consenting()), Event::Application(approved)] {
            let input = customer::Input::Event { event: &event, source: &source };
            world.customers.shard.step(input, world.now, &world.policies, &mut Vec::new());
        }
        world.seal_customers(false);
        world
    }

    fn ask(&mut self, partner: usize) {
        self.asked += 1;
        self.customers.inbox.push_back(Message::Asks(partner, self.asked));
    }

    /// One transaction of the customer shard with the first `most` messages; when it is lost, they are read again later.
    fn customers_turn(&mut self, most: usize, lost: bool) {
        let batch: Vec<Message> = self.customers.inbox.iter().take(most).cloned().collect();
        for message in &batch {
            let mut out = Vec::new();
            let source = Source::default();
            let (name, event) = match message {
                Message::Reply(reply) => {
                    self.customers.shard.step(customer::Input::Reply(reply), self.now, &self.policies, &mut out);
                    continue;
                }
                Message::Asks(partner, n) => (format!("d{n}"), (*partner, ApplicationKind::DrawdownRequested)),
                Message::Ends(partner, n) => (format!("d{n}"), (*partner, ApplicationKind::DrawdownDeclined)),
            };
            let event = Event::Application(application(event.1, self.now, event.0, &name));
            let input = customer::Input::Event { event: &event, source: &source };
            self.customers.shard.step(input, self.now, &self.policies, &mut out);
            for output in out.iter().filter(|_| !lost) {
                let Output::Decision(no) = output else { continue };
                no.reasons.iter().for_each(|code| *self.no_codes.entry(code.clone()).or_default() += 1);
            }
        }
        if !lost {
            self.customers.inbox.drain(..batch.len());
        }
        self.seal_customers(lost);
    }

    fn seal_customers(&mut self, lost: bool) {
        let mut out = Vec::new();
        self.customers.shard.seal(self.now, 0, "1", &mut out);
        if lost {
            self.customers.shard.undo();
            return;
        }
        self.customers.shard.hand_over();
        self.customers.shard.commit();
        for output in out {
            let Output::Bundle { partition, bundle } = output else { continue };
            self.partners[partition as usize].inbox.push_back(*bundle);
        }
    }

    /// One transaction of a partner shard with one bundle, or a tick when there is none.
    fn partner_turn(&mut self, shard: usize, lost: bool) {
        let reader = &mut self.partners[shard];
        let bundle = reader.inbox.front().cloned();
        let mut out = Vec::new();
        let input = bundle.as_ref().map_or(Input::Tick, Input::Bundle);
        reader.shard.step(input, self.now, &self.policies, &mut out);
        reader.shard.seal(self.now, &self.policies, &mut out);
        if lost {
            reader.shard.undo();
            return;
        }
        reader.shard.hand_over();
        reader.shard.commit();
        reader.inbox.pop_front();
        let proposals = bundle.iter().flat_map(|bundle| &bundle.proposals);
        let asked: BTreeMap<Text, Text> =
            proposals.map(|p| (p.candidate.candidate.clone(), p.partner.clone())).collect();
        for output in out {
            let Output::Reply { reply, .. } = output else { continue };
            match reply.verdict {
                Verdict::Admitted => {
                    let partner = asked[&reply.candidate].clone();
                    assert!(self.admitted.insert(reply.candidate.clone(), partner.clone()).is_none());
                    self.live.insert(reply.candidate.clone(), partner);
                    assert!(self.live.len() <= 1, "one customer, room at {:?}", self.live);
                }
                Verdict::Released => drop(self.live.remove(&reply.candidate)),
                Verdict::Refused | Verdict::TooLate => {}
            }
            self.customers.inbox.push_back(Message::Reply(reply));
        }
    }

    /// Works everything off.
    fn settle(&mut self) {
        for _ in 0..STEPS_MAX {
            if self.customers.inbox.is_empty() && self.partners.iter().all(|reader| reader.inbox.is_empty()) {
                return;
            }
            self.customers_turn(usize::MAX, false);
            (0..2).for_each(|shard| self.partner_turn(shard, false));
        }
        panic!("the stages never came to rest");
    }
}

#[test]
fn two_partners_asking_in_the_same_second_get_room_for_one() {
    let mut world = World::new();
    world.ask(0);
    world.ask(1);
    world.settle();
    assert_eq!(world.admitted.values().map(Text::as_str).collect::<Vec<_>>(), ["p01"]);
    assert_eq!(world.no_codes, BTreeMap::from([(Text::from("HOLD_PENDING"), 1)]));
    // The reply is there now: the customer has a candidate, which is another reason.
    world.ask(1);
    world.settle();
    assert_eq!(world.no_codes.get("HOLD_LIVE_CANDIDATE"), Some(&1));
    // When the first ends, the other partner may have the customer.
    world.now = world.now.plus_ms(2_000);
    world.customers.inbox.push_back(Message::Ends(0, 1));
    world.settle();
    world.ask(1);
    world.settle();
    assert_eq!(world.admitted.values().filter(|partner| *partner == "p02").count(), 1, "{:?}", world.no_codes);
}

#[derive(Clone, Debug)]
enum Act {
    Ask(usize),
    End(usize),
    Customers(usize, bool),
    Partner(usize, bool),
    Pass(i64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0usize..2).prop_map(Act::Ask),
        1 => (0usize..2).prop_map(Act::End),
        4 => (1usize..4, prop::bool::weighted(0.3)).prop_map(|(most, lost)| Act::Customers(most, lost)),
        4 => (0usize..2, prop::bool::weighted(0.3)).prop_map(|(shard, lost)| Act::Partner(shard, lost)),
        2 => (1i64..900).prop_map(Act::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever is asked, ended, lost and read again in whatever order: never room at both.
    #[test]
    fn never_room_at_both(acts in prop::collection::vec(act(), 1..80)) {
        let mut world = World::new();
        for act in acts {
            match act {
                Act::Ask(partner) => world.ask(partner),
                Act::End(partner) if world.asked > 0 => {
                    let newest = world.asked;
                    world.customers.inbox.push_back(Message::Ends(partner, newest));
                }
                Act::End(_) => {}
                Act::Customers(most, lost) => world.customers_turn(most, lost),
                Act::Partner(shard, lost) => world.partner_turn(shard, lost),
                Act::Pass(ms) => world.now = world.now.plus_ms(ms),
            }
        }
        world.settle();
    }
}
