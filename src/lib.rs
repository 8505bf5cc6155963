//! `reflow`: real-time and offline reflow candidates over Kafka, compliance first.
//!
//! The modules stand in the order in which an event meets them; an arrow never points backwards.
//!
//! A record arrives on the [`bus`]; [`wire`] turns its Avro bytes into a [`domain`] event; the [`customer`] stage applies
//! it to the customer's record, asks the [`policy`], and says what changed as a fact bundle; the [`partner`] stage adds the
//! bundle to its panes and answers each proposal. Both stages keep their state in [`store`] tables with an undo log. The
//! [`worker`] is the one place that knows all of them: it puts state change, outputs, journal and offsets into one
//! transaction. [`ops`] are the commands for people, [`console`] the HTTP side, [`telemetry`] what is logged and counted,
//! [`planted`] the faults of test builds.

// Linked for its malloc, which takes the place of the system's.
use mimalloc as _;

pub mod domain;
pub mod store;
pub mod wire;
pub mod policy;
pub mod customer;
pub mod partner;
pub mod bus;
pub mod config;
pub mod worker;
pub mod ops;
pub mod console;
pub mod telemetry;
pub mod planted;
