#!/usr/bin/env python3
"""Turns names into a graph: alternatives and virtual packages become the one package that would be installed."""
import json
import sys

rows = json.load(sys.stdin)["dependencies"]["fetch"]["rows"]
names = [row[0] for row in rows]
number = {name: at for at, name in enumerate(names)}

providers = {}
for at, row in enumerate(rows):
    for virtual in filter(None, row[6].split(",")):
        providers.setdefault(virtual, []).append(at)


def choose(group):
    """The first alternative that exists, else the first package that provides one."""
    alternatives = group.split("|")
    for name in alternatives:
        if name in number:
            return number[name]
    for name in alternatives:
        if name in providers:
            return providers[name][0]
    return None


edges, chosen, missing = [], 0, set()
for at, row in enumerate(rows):
    needs = set()
    for group in filter(None, row[5].split(",")):
        found = choose(group)
        if found is None:
            missing.add(group)
        elif found != at:
            needs.add(found)
            chosen += group.split("|")[0] != names[found]
    edges.append(sorted(needs))

json.dump(
    {
        "names": names,
        "sections": [row[2] for row in rows],
        "download": [int(row[3]) for row in rows],
        "installed": [int(row[4]) * 1024 for row in rows],
        "edges": edges,
        "edge_count": sum(map(len, edges)),
        "chosen_instead": chosen,
        "missing": sorted(missing),
    },
    sys.stdout,
)
