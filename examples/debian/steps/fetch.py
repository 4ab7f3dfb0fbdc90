#!/usr/bin/env python3
"""Gets the package index from a mirror, checks it, and gives its rows to the next step.

Each attempt asks another mirror. Mirror `a` holds what an interrupted upload left: its checksum does not match. The
step then exits with 75, "try again", and the next attempt, which tasker makes after its backoff, asks mirror `b`.
"""
import gzip
import hashlib
import json
import pathlib
import sys

TRY_AGAIN = 75
HERE = pathlib.Path(__file__).resolve().parent.parent

call = json.load(sys.stdin)
inputs, attempt = call["inputs"], call["attempt"]
mirrors = inputs["mirrors"]
mirror = mirrors[(attempt - 1) % len(mirrors)]

packed = (HERE / "mirrors" / mirror / "packages.tsv.gz").read_bytes()
checksum = hashlib.sha256(packed).hexdigest()
if checksum != inputs["sha256"]:
    print(
        f"mirror {mirror}: {len(packed)} bytes with checksum {checksum[:12]}…, "
        f"wanted {inputs['sha256'][:12]}…; the next attempt asks another mirror",
        file=sys.stderr,
    )
    sys.exit(TRY_AGAIN)

rows = [line.split("\t") for line in gzip.decompress(packed).decode().splitlines()]
json.dump({"mirror": mirror, "bytes": len(packed), "packages": len(rows), "rows": rows}, sys.stdout)
