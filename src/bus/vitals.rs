//! What a thread that calls the client is doing, for a watchdog that looks from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::errors::Call;
use crate::domain::words::Word;

/// Bits of the number that say which call; the others count.
const CALL_BITS: u32 = 8;

/// A thread's sign of life: one number, stored without reading a clock.
#[derive(Clone, Debug, Default)]
pub struct Vitals(Arc<AtomicU64>);

/// What was seen of it at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sign(u64);

impl Vitals {
    /// The thread goes into a call of the client.
    pub fn enter(&self, call: Call) {
        self.note(call.ordinal() as u64 + 1);
    }

    /// It came back.
    pub fn left(&self) {
        self.note(0);
    }

    /// It is alive, in whatever call it is: a long one that goes forward step by step.
    pub fn moved(&self) {
        self.note(self.0.load(Ordering::Relaxed) & ((1 << CALL_BITS) - 1));
    }

    /// Only its own thread writes, so that load and store need not be one step.
    fn note(&self, call: u64) {
        let count = (self.0.load(Ordering::Relaxed) >> CALL_BITS).wrapping_add(1);
        self.0.store(count << CALL_BITS | call, Ordering::Relaxed);
    }

    /// As it is now.
    pub fn look(&self) -> Sign {
        Sign(self.0.load(Ordering::Relaxed))
    }
}

impl Sign {
    /// The call it is in; none outside of the client.
    pub fn call(self) -> Option<Call> {
        let call = usize::try_from(self.0 & ((1 << CALL_BITS) - 1)).ok()?;
        Call::ALL.get(call.checked_sub(1)?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sign_differs_from_the_one_before_and_names_the_call() {
        let vitals = Vitals::default();
        assert_eq!(vitals.look().call(), None);
        for call in Call::ALL {
            vitals.enter(*call);
            let sign = vitals.look();
            assert_eq!(sign.call(), Some(*call));
            vitals.moved();
            assert_ne!(vitals.look(), sign);
            assert_eq!(vitals.look().call(), Some(*call));
            vitals.left();
            assert_eq!(vitals.look().call(), None);
        }
    }
}
