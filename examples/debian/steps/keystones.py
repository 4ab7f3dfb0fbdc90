#!/usr/bin/env python3
"""Which packages hold up the most others: how many could not be installed without them."""
import json
import sys

graph = json.load(sys.stdin)["dependencies"]["resolve"]
names, edges = graph["names"], graph["edges"]
needed_by = [[] for _ in names]
for at, needs in enumerate(edges):
    for need in needs:
        needed_by[need].append(at)


def dependants(start):
    seen, todo = {start}, [start]
    while todo:
        for at in needed_by[todo.pop()]:
            if at not in seen:
                seen.add(at)
                todo.append(at)
    return len(seen) - 1


counted = [(dependants(at), len(needed_by[at]), name) for at, name in enumerate(names)]
counted.sort(key=lambda one: (-one[0], -one[1], one[2]))
keystones = [{"package": name, "dependants": every, "direct": direct} for every, direct, name in counted[:10]]
json.dump({"keystones": keystones, "leaves": sum(1 for every, _, _ in counted if every == 0)}, sys.stdout)
