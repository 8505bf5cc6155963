use super::*;
use crate::domain::codec::put_long;
use crate::domain::words::Word;

fn record(fields: &str) -> String {
    format!(r#"{{"type":"record","name":"Thing","fields":[{fields}]}}"#)
}

/// Transcodes a body; what comes out is in the reader's layout.
fn transcoded(writer: &str, reader: &str, body: &[u8]) -> Result<Vec<u8>, TranscodeError> {
    let mut buffer = Vec::new();
    plan(writer, reader).unwrap().apply(body, &mut buffer).map(<[u8]>::to_vec)
}

fn plan(writer: &str, reader: &str) -> Result<Plan, PlanError> {
    Plan::between(&record(writer), &record(reader))
}

fn refused(writer: &str, reader: &str) -> String {
    plan(writer, reader).unwrap_err().to_string()
}

#[test]
fn our_own_schemas_need_no_plan() {
    for schema in Schema::ALL.iter().copied() {
        let undocumented = schema.text().replace("\"doc\"", "\"note\"");
        assert!(Plan::new(&undocumented, schema).unwrap().is_identity(), "{schema}");
        for other in Schema::ALL.iter().copied().filter(|other| *other != schema) {
            let refused = Plan::new(other.text(), schema).unwrap_err();
            assert!(matches!(refused, PlanError::Mismatch { .. }), "{other} as {schema}: {refused}");
        }
    }
}

#[test]
fn fields_are_left_out_filled_in_reordered_and_widened() {
    let writer = r#"{"name":"gone","type":["null","double"]}, {"name":"b","type":"int"}, {"name":"a","type":"string"}"#;
    let reader = r#"{"name":"a","type":"bytes"}, {"name":"new","type":["null","string"],"default":null},
                    {"name":"b","type":"long"}, {"name":"list","type":{"type":"array","items":"long"},"default":[7]}"#;
    let body = [2, 0, 0, 0, 0, 0, 0, 0, 0, 5, 4, b'x', b'y'];
    assert_eq!(transcoded(writer, reader, &body), Ok(vec![4, b'x', b'y', 0, 5, 2, 14, 0]));
}

#[test]
fn a_field_is_found_by_its_name_else_by_its_alias() {
    let writer = r#"{"name":"old","type":"long"}"#;
    assert_eq!(transcoded(writer, r#"{"name":"new","aliases":["old"],"type":"long"}"#, &[8]), Ok(vec![8]));
    let both = r#"{"name":"old","type":"long"}, {"name":"new","type":"long"}"#;
    assert_eq!(transcoded(both, r#"{"name":"new","aliases":["old"],"type":"long"}"#, &[8, 10]), Ok(vec![10]));
    let twice = r#"{"name":"x","aliases":["old"],"type":"long"}, {"name":"y","aliases":["old"],"type":"long"}"#;
    assert_eq!(transcoded(writer, twice, &[8]), Ok(vec![8, 8]));
    assert_eq!(
        refused(writer, r#"{"name":"new","type":"long"}"#),
        "new: the writer does not have it, and it has no default"
    );
}

#[test]
fn symbols_are_mapped_by_name_and_else_to_the_default() {
    let letters = |name: &str, symbols: &str| {
        format!(r#"{{"name":"e","type":{{"type":"enum","name":"{name}","symbols":[{symbols}"#)
    };
    let writer = letters("E", r#""C","X","A"]}}"#);
    let reader = letters("E", r#""A","B","C"]}}"#);
    assert_eq!(transcoded(&writer, &reader, &[0]), Ok(vec![4]));
    assert_eq!(transcoded(&writer, &reader, &[2]), Err(TranscodeError::NoCounterpart { at: 0, ordinal: 1 }));
    assert!(matches!(transcoded(&writer, &reader, &[6]), Err(TranscodeError::Codec(CodecError::Ordinal { .. }))));
    let defaulting = letters("E", r#""A","B","C"],"default":"B"}}"#);
    assert_eq!(transcoded(&writer, &defaulting, &[2]), Ok(vec![2]));
    assert!(refused(&letters("F", r#""A"]}}"#), &reader).contains("enum F"));
}

/// Decisions name what a check looked at by the symbol of an enum or by a string of the user's own.
#[test]
fn a_name_of_a_list_that_we_do_not_have_yet_is_another() {
    let name = |symbols: &str| {
        let list = format!(r#"{{"type":"enum","name":"E","symbols":[{symbols}],"default":"OTHER"}}"#);
        format!(r#"{{"name":"e","type":[{list},"string"]}}"#)
    };
    let (newer, ours) = (name(r#""OTHER","A","NEW","B""#), name(r#""OTHER","A","B""#));
    let read = |body: &[u8]| transcoded(&newer, &ours, body);
    assert_eq!([read(&[0, 2]), read(&[0, 4]), read(&[0, 6])], [Ok(vec![0, 2]), Ok(vec![0, 0]), Ok(vec![0, 4])]);
    assert_eq!(read(b"\x02\x06own"), Ok(b"\x02\x06own".to_vec()));
    // Whoever wrote all names as strings is read as well.
    let string = r#"{"name":"e","type":"string"}"#;
    assert_eq!(transcoded(string, &ours, b"\x02A"), Ok(b"\x02\x02A".to_vec()));
}

/// A symbol that the writer cannot have written is an error, even where ours has one of that number.
#[test]
fn fewer_symbols_are_taken_but_not_trusted() {
    let letters =
        |symbols: &str| format!(r#"{{"name":"e","type":{{"type":"enum","name":"E","symbols":[{symbols}]}}}}"#);
    let (writer, reader) = (letters(r#""A""#), letters(r#""A","B""#));
    assert_eq!(transcoded(&writer, &reader, &[0]), Ok(vec![0]));
    assert!(transcoded(&writer, &reader, &[2]).is_err());
}

#[test]
fn unions_are_resolved_by_the_branch_that_was_written() {
    let of = |types: &str| format!(r#"{{"name":"u","type":{types}}}"#);
    let optional = of(r#"["null","long"]"#);
    assert_eq!(transcoded(&of(r#""int""#), &optional, &[6]), Ok(vec![2, 6]));
    assert_eq!(transcoded(&of(r#""null""#), &optional, &[]), Ok(vec![0]));
    assert_eq!(transcoded(&of(r#"["int","null"]"#), &optional, &[0, 6]), Ok(vec![2, 6]));
    assert_eq!(transcoded(&of(r#"["int","null"]"#), &optional, &[2]), Ok(vec![0]));
    let wider = of(r#"["null","string","int"]"#);
    assert_eq!(transcoded(&wider, &optional, &[4, 6]), Ok(vec![2, 6]));
    assert_eq!(transcoded(&wider, &optional, &[2, 0]), Err(TranscodeError::NoCounterpart { at: 0, ordinal: 1 }));
    assert_eq!(transcoded(&optional, &of(r#""long""#), &[2, 6]), Ok(vec![6]));
    assert_eq!(transcoded(&optional, &of(r#""long""#), &[0]), Err(TranscodeError::NoCounterpart { at: 0, ordinal: 0 }));
    assert_eq!(refused(&of(r#"["null","double"]"#), &of(r#""long""#)), "u: the writer has double, we read long");
}

#[test]
fn what_would_be_plausible_and_wrong_is_refused() {
    let of =
        |kind: &str, logical: &str| format!(r#"{{"name":"t","type":{{"type":"{kind}","logicalType":"{logical}"}}}}"#);
    let millis = of("long", "timestamp-millis");
    assert!(refused(&of("long", "timestamp-micros"), &millis).contains("timestampmicros"));
    assert!(refused(r#"{"name":"t","type":"double"}"#, &millis).contains("double"));
    assert!(refused(&millis, r#"{"name":"t","type":"int"}"#).contains("int"));
    let decimal = r#"{"name":"t","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}}"#;
    assert!(refused(decimal, r#"{"name":"t","type":"string"}"#).contains("decimal"));
    assert_eq!(transcoded(r#"{"name":"t","type":"long"}"#, &millis, &[8]), Ok(vec![8]));
}

/// Every byte that the writer's record has is checked, also where nothing of it is taken.
#[test]
fn what_is_left_out_is_read_all_the_same() {
    let of = |kind: &str| format!(r#"{{"name":"gone","type":{kind}}}"#);
    let none = r#"{"name":"a","type":["null","long"],"default":null}"#;
    assert_eq!(transcoded(&of(r#""string""#), none, &[2, b'x']), Ok(vec![0]));
    for (kind, body) in [
        (r#""string""#, &[2u8, 0xff][..]),
        (r#""string""#, &[4, b'x']),
        (r#""boolean""#, &[2]),
        (r#""int""#, &[0xff, 0xff, 0xff, 0xff, 0x7f]),
        (r#""double""#, &[0; 7]),
        (r#"["null","long"]"#, &[4]),
        (r#""string""#, &[2, b'x', 0]),
        (r#""bytes""#, &[0x01]),
    ] {
        assert!(transcoded(&of(kind), none, body).is_err(), "{kind} {body:?}");
    }
}

#[test]
fn a_record_that_holds_itself_is_read_to_a_named_depth() {
    let writer = r#"{"name":"chain","type":["null",{"type":"record","name":"Link","fields":[
                     {"name":"next","type":["null","Link"]}]}]}"#;
    let reader = r#"{"name":"a","type":["null","long"],"default":null}"#;
    let chain = |links: usize| [vec![2; links], vec![0]].concat();
    assert_eq!(transcoded(writer, reader, &chain(DEPTH_MAX as usize)), Ok(vec![0]));
    assert!(matches!(transcoded(writer, reader, &chain(100_000)), Err(TranscodeError::Depth { .. })));
    // Arrays within count too: the stack is as deep as the value.
    let arrays = format!("{}{}{}", "{\"type\":\"array\",\"items\":".repeat(40), "[\"null\",\"Link\"]", "}".repeat(40));
    let nested = format!(
        r#"{{"name":"chain","type":{{"type":"record","name":"Link","fields":[{{"name":"next","type":{arrays}}}]}}}}"#
    );
    assert!(matches!(transcoded(&nested, reader, &[2; 100_000]), Err(TranscodeError::Depth { .. })));
    // Ours would have no end either: refused when the plan is made.
    assert!(matches!(plan(writer, writer), Err(PlanError::TooDeep { .. })));
}

#[test]
fn few_bytes_cannot_ask_for_much_work_or_room() {
    let nulls = r#"{"name":"l","type":{"type":"array","items":{"type":"array","items":"null"}}}"#;
    let none = r#"{"name":"a","type":["null","long"],"default":null}"#;
    let mut bomb = Vec::new();
    put_long(1_000, &mut bomb);
    for _ in 0..1_000 {
        put_long(1 << 19, &mut bomb);
        bomb.push(0);
    }
    bomb.push(0);
    assert!(matches!(transcoded(nulls, none, &bomb), Err(TranscodeError::Items { .. })));

    let text = "x".repeat(1_000);
    let item = |fields: &str| {
        format!(
            r#"{{"name":"l","type":{{"type":"array","items":{{"type":"record","name":"Item","fields":[{fields}]}}}}}}"#
        )
    };
    let filled = item(&format!(r#"{{"name":"t","type":"string","default":"{text}"}}"#));
    let mut growing = Vec::new();
    put_long(ITEMS_MAX as i64, &mut growing);
    growing.push(0);
    assert_eq!(transcoded(&item(""), &filled, &growing), Err(TranscodeError::TooLarge));
}

#[test]
fn hostile_schemas_are_refused() {
    let reader = Schema::Command;
    let long = format!("\"{}\"", "x".repeat(SCHEMA_BYTES_MAX));
    assert_eq!(Plan::new(&long, reader).unwrap_err(), PlanError::TooLong(SCHEMA_BYTES_MAX + 2));
    let deep = "{\"type\":\"array\",\"items\":".repeat(10_000);
    for text in ["", "{}", "nonsense", "[]", "{\"type\":\"record\"}", &deep] {
        assert!(Plan::new(text, reader).is_err(), "{text:.40}");
    }
    // Records of one name in many namespaces, each holding all of the next level: more ways than can be compiled.
    let (levels, width) = (6, 30);
    let mut inner = r#""long""#.to_owned();
    for level in 0..levels {
        let first =
            format!(r#"{{"type":"record","name":"n0_{level}.L{level}","fields":[{{"name":"f","type":{inner}}}]}}"#);
        let more = (1..width).map(|n| {
            let field = if level == 0 { "\"long\"".to_owned() } else { names(level - 1, width) };
            format!(r#",{{"type":"record","name":"n{n}_{level}.L{level}","fields":[{{"name":"f","type":{field}}}]}}"#)
        });
        inner = format!("[{first}{}]", more.collect::<String>());
    }
    let mut ours = r#""long""#.to_owned();
    for level in 0..levels {
        ours = format!(r#"{{"type":"record","name":"L{level}","fields":[{{"name":"f","type":{ours}}}]}}"#);
    }
    let field = |kind: &str| format!(r#"{{"name":"f","type":{kind}}}"#);
    assert!(matches!(plan(&field(&inner), &field(&ours)), Err(PlanError::TooLarge)));
}

/// Each record holds the one before by its name; the text is as flat as any, what it says is as deep as it is long.
#[test]
fn a_chain_of_names_is_followed_as_far_as_a_stack_reaches() {
    let chain = |links: usize, default: &str| {
        let link = |n: usize| {
            let inner =
                n.checked_sub(1).map(|n| format!(r#"{{"name":"x","type":"A{n}"{default}}}"#)).unwrap_or_default();
            format!(r#"{{"name":"a{n}","type":{{"type":"record","name":"A{n}","fields":[{inner}]}}}},"#)
        };
        let last = links - 1;
        let more = format!(r#"{{"name":"deep","type":"A{last}"}}"#);
        let inner = format!(r#"{{"type":"record","name":"R","fields":[{{"name":"k","type":"long"}},{more}]}}"#);
        format!(r#"{}{{"name":"r","type":{inner}}}"#, (0..links).map(link).collect::<String>())
    };
    let ours = r#"{"name":"r","type":{"type":"record","name":"R","fields":[{"name":"k","type":"long"}]}}"#;
    for default in ["", r#","default":{}"#] {
        // The two that hold the chain are records too.
        let longest = RECORDS_MAX - 2;
        let followed = plan(&chain(longest, default), ours);
        assert!(!matches!(followed, Err(PlanError::TooManyRecords(_))), "{default}");
        let refused = plan(&chain(longest + 1, default), ours).unwrap_err();
        assert_eq!(refused, PlanError::TooManyRecords(RECORDS_MAX + 1), "{default}");
        assert_eq!(plan(&chain(9_000, default), ours).unwrap_err(), PlanError::TooManyRecords(9_002), "{default}");
    }
}

#[test]
fn a_record_that_is_its_own_default_is_not_followed_without_end() {
    let ours = r#"{"name":"r","type":{"type":"record","name":"R","fields":[{"name":"k","type":"long"}]}}"#;
    let itself = r#"{"name":"r","type":{"type":"record","name":"R","fields":[{"name":"x","type":"R","default":{}}]}}"#;
    assert!(plan(itself, ours).is_err());
}

fn names(level: usize, width: usize) -> String {
    let names: Vec<String> = (0..width).map(|n| format!("\"n{n}_{level}.L{level}\"")).collect();
    format!("[{}]", names.join(","))
}
