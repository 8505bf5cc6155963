//! What the demo is and is not, said before it begins.

/// The banner for the cluster the demo runs on.
pub fn banner(real_broker: bool) -> &'static str {
    if real_broker { REAL_BROKER } else { MOCK_CLUSTER }
}

const MOCK_CLUSTER: &str = "\
reflow demo: a made-up market on the real worker. Nobody in it exists.

This runs on librdkafka's mock cluster inside the process, so that nothing needs to be installed.
The mock shows no exactly-once: it throws away offsets that are sent in a transaction, fences no
writer that came back, and lets readers see records of aborted transactions. Nothing you see here
is proof of that guarantee. `reflow demo --kafka` plays the same on a real broker that it starts.
";

const REAL_BROKER: &str = "\
reflow demo: a made-up market on the real worker. Nobody in it exists.

This runs on a real Apache Kafka broker that was started for it and is stopped at the end:
one transaction holds offsets, state, outputs and journal, and readers see committed records only.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mock_promises_nothing_it_cannot_hold() {
        let said = banner(false);
        for words in ["shows no exactly-once", "throws away offsets", "fences no", "aborted", "demo --kafka"] {
            assert!(said.contains(words), "{words}");
        }
        assert!(!banner(true).contains("mock"));
    }
}
