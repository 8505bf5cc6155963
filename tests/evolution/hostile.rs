//! Damaged records of other versions: an error, or what apache-avro makes of them; never something plausible of our own.

use reflow::domain::words::Word;
use reflow::wire::Schema;

use crate::cases::{case, transcoded};

const SEEDS: u64 = 12;

#[test]
fn a_cut_anywhere_and_a_byte_too_many_are_errors() {
    let mut cuts = 0;
    for schema in Schema::ALL.iter().copied() {
        for seed in 0..SEEDS {
            let (case, _) = case(schema, seed);
            let Some(plan) = case.plan.filter(|plan| !plan.is_identity()) else { continue };
            for body in &case.bodies {
                for length in 0..body.len() {
                    assert!(transcoded(&plan, &body[..length]).is_err(), "{schema} {seed}: cut to {length}: {body:?}");
                    cuts += 1;
                }
                let longer = [body.as_slice(), &[0]].concat();
                assert!(transcoded(&plan, &longer).is_err(), "{schema} {seed}: a byte too many: {body:?}");
            }
        }
    }
    assert!(cuts > 1_000, "{cuts}");
}

#[test]
fn a_flipped_bit_is_read_as_apache_avro_reads_it() {
    let (mut read, mut refused) = (0, 0);
    for schema in Schema::ALL.iter().copied() {
        for seed in 0..SEEDS {
            let (case, judge) = case(schema, seed);
            let Some(plan) = case.plan.filter(|plan| !plan.is_identity()) else { continue };
            for body in case.bodies.iter().filter(|body| body.len() < 400).take(2) {
                for bit in 0..body.len() * 8 {
                    let mut body = body.clone();
                    body[bit / 8] ^= 1 << (bit % 8);
                    match (transcoded(&plan, &body), judge.read(&body)) {
                        (Ok(ours), Ok(theirs)) => {
                            read += 1;
                            assert_eq!(judge.shortest(&ours), theirs, "{schema} {seed}, bit {bit}: {body:?}");
                        }
                        (Err(_), Err(_)) => refused += 1,
                        // The library drops what a number has beyond 64 bits.
                        (Err(ours), Ok(_)) if ours.contains("longer than 64 bits") => refused += 1,
                        (ours, theirs) => panic!(
                            "{schema} {seed}, bit {bit}: we say {ours:?}, apache-avro says {theirs:?}: {} as {}: {body:?}",
                            case.pair.writer, case.pair.reader
                        ),
                    }
                }
            }
        }
    }
    assert!(read > 1_000 && refused > 1_000, "{read} {refused}");
}
