//! The published schemas. Their text is part of the program, so that a worker and the files it was released with never differ.

use crate::words;

words! {
    /// The published schemas, by the name of their file in `schemas/`.
    pub enum Schema {
        Application = "application",
        Repayment = "repayment",
        Customer = "customer",
        Outcome = "outcome",
        Command = "command",
        FactBundle = "fact_bundle",
        Reply = "reply",
        Decision = "decision",
        Candidate = "candidate",
        PartnerView = "partner_view",
        PartnerPane = "partner_pane",
        Alert = "alert",
        DeadLetter = "dead_letter",
        Journal = "journal",
        Policy = "policy",
    }
}

impl Schema {
    /// True for what the stages tell each other: only workers write it.
    pub fn is_between_stages(self) -> bool {
        matches!(self, Schema::Reply | Schema::FactBundle)
    }

    /// The schema as published, to be shown or registered.
    pub fn text(self) -> &'static str {
        match self {
            Schema::Application => include_str!("../../schemas/application.avsc"),
            Schema::Repayment => include_str!("../../schemas/repayment.avsc"),
            Schema::Customer => include_str!("../../schemas/customer.avsc"),
            Schema::Outcome => include_str!("../../schemas/outcome.avsc"),
            Schema::Command => include_str!("../../schemas/command.avsc"),
            Schema::FactBundle => include_str!("../../schemas/fact_bundle.avsc"),
            Schema::Reply => include_str!("../../schemas/reply.avsc"),
            Schema::Decision => include_str!("../../schemas/decision.avsc"),
            Schema::Candidate => include_str!("../../schemas/candidate.avsc"),
            Schema::PartnerView => include_str!("../../schemas/partner_view.avsc"),
            Schema::PartnerPane => include_str!("../../schemas/partner_pane.avsc"),
            Schema::Alert => include_str!("../../schemas/alert.avsc"),
            Schema::DeadLetter => include_str!("../../schemas/dead_letter.avsc"),
            Schema::Journal => include_str!("../../schemas/journal.avsc"),
            Schema::Policy => include_str!("../../schemas/policy.avsc"),
        }
    }

    /// The schema as apache-avro understands it, parsed anew on each call: for tools and tests, not for every record.
    pub fn parsed(self) -> Result<apache_avro::Schema, apache_avro::Error> {
        apache_avro::Schema::parse_str(self.text())
    }
}
