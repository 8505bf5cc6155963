#!/usr/bin/env bash
# A second opinion on our Avro: fastavro reads every schema and takes every example there and back.
# With arguments SCHEMA FILE: decodes records that `kcat -f '%R%s'` wrote, and prints one JSON line each.
# With --resolved FILE: reads records of other schema versions and compares with what we made of them.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${REFLOW_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/reflow}
venv=$cache/python
if ! "$venv/bin/python" -c 'import fastavro' 2>/dev/null; then
  rm -rf "$venv"
  mkdir -p "$cache"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check fastavro==1.13.1
fi
exec "$venv/bin/python" scripts/check_avro.py "$@"
