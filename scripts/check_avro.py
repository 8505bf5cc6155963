"""Reads our schemas, examples and records with fastavro, which shares no code with the library that the worker uses."""

import io
import json
import sys
from pathlib import Path

import fastavro

ROOT = Path(__file__).resolve().parent.parent
HEADER_BYTES = 5


def plain(schema):
    """The schema without logical types: times and days stay the integers that lie on the wire."""
    if isinstance(schema, dict):
        return {key: plain(value) for key, value in schema.items() if key != "logicalType"}
    return [plain(part) for part in schema] if isinstance(schema, list) else schema


def load(path):
    return fastavro.parse_schema(plain(json.loads(path.read_text())))


def with_bytes(value, schema, names):
    """The examples write bytes as lists of numbers; fastavro wants bytes."""
    if isinstance(schema, list):
        if value is None:
            return None
        branches = [part for part in schema if part != "null"]
        # A name of a list or any other: fastavro sees which by itself.
        return with_bytes(value, branches[0], names) if len(branches) == 1 else value
    schema = names.get(schema, schema) if isinstance(schema, str) else schema
    if schema == "bytes" or (isinstance(schema, dict) and schema["type"] == "bytes"):
        return bytes(value)
    if not isinstance(schema, dict):
        return value
    if schema["type"] == "record":
        unknown = value.keys() - {field["name"] for field in schema["fields"]}
        assert not unknown, f"fields that {schema['name']} does not have: {sorted(unknown)}"
        return {f["name"]: with_bytes(value[f["name"]], f["type"], names) for f in schema["fields"] if f["name"] in value}
    if schema["type"] == "array":
        return [with_bytes(item, schema["items"], names) for item in value]
    if schema["type"] == "map":
        return {key: with_bytes(item, schema["values"], names) for key, item in value.items()}
    return value


def check_examples():
    schemas = sorted((ROOT / "schemas").glob("*.avsc"))
    examples = 0
    for path in schemas:
        schema = load(path)
        names = schema.get("__named_schemas", {})
        for example in sorted((ROOT / "schemas/examples" / path.stem).glob("*.json")):
            try:
                record = with_bytes(json.loads(example.read_text()), schema, names)
                body = io.BytesIO()
                fastavro.schemaless_writer(body, schema, record, strict_allow_default=True)
                body.seek(0)
                back = fastavro.schemaless_reader(body, schema)
                assert not body.read(), "bytes are left over"
                assert {**back, **record} == back, "another record came back"
            except Exception as error:
                raise SystemExit(f"{example.relative_to(ROOT)}: {error}")
            examples += 1
    print(f"fastavro {fastavro.__version__}: {len(schemas)} schemas, {examples} examples there and back")
    if not schemas or not examples:
        raise SystemExit("nothing was checked")


def decode(schema_name, file):
    schema, count = load(ROOT / "schemas" / f"{schema_name}.avsc"), 0
    data = io.BytesIO(Path(file).read_bytes())
    while length := data.read(4):
        value = data.read(max(0, int.from_bytes(length, "big", signed=True)))
        if not value:
            continue
        assert value[0] == 0, f"record {count}: no Confluent header"
        body = io.BytesIO(value[HEADER_BYTES:])
        record = fastavro.schemaless_reader(body, schema)
        assert not body.read(), f"record {count}: bytes are left over"
        print(json.dumps(record, default=lambda raw: list(raw)))
        count += 1


def resolve(body, writer, reader):
    """The record in the reader's layout, or nothing and the reason why it cannot be read."""
    data, out = io.BytesIO(body), io.BytesIO()
    try:
        record = fastavro.schemaless_reader(data, writer, reader)
    except TypeError:
        raise
    except Exception as error:
        return None, repr(error)
    if data.read():
        return None, "bytes are left over"
    fastavro.schemaless_writer(out, reader, record)
    return out.getvalue().hex(), ""


def check_resolved(file):
    """Lines of {"writer", "reader", "records": [[what was written, what we made of it or null]]}."""
    read, refused, unjudged = 0, 0, 0
    for line in Path(file).read_text().splitlines():
        case = json.loads(line)
        writer, reader = (fastavro.parse_schema(plain(json.loads(case[side]))) for side in ("writer", "reader"))
        for written, ours in case["records"]:
            try:
                theirs, why = resolve(bytes.fromhex(written), writer, reader)
            except TypeError:
                # Version 1.13.1 looks a definition up as if it were a name, where one side defines what the other refers to.
                unjudged += 1
                continue
            if ours != theirs:
                raise SystemExit(f"we say {ours}, fastavro says {theirs} {why}: {written}\n{case['writer']}\n{case['reader']}")
            read, refused = read + (ours is not None), refused + (ours is None)
    print(f"fastavro {fastavro.__version__}: {read} records of other versions read the same, {refused} refused by both, "
          f"{unjudged} unjudged")
    if not read or not refused or unjudged > read // 4:
        raise SystemExit("too little was checked")


if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            check_examples()
        case ["--resolved", file]:
            check_resolved(file)
        case arguments:
            decode(*arguments)
