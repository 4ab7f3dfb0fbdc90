#!/usr/bin/env python3
"""What each application brings along: everything it needs, directly or not, and what nobody else needs."""
import json
import sys

call = json.load(sys.stdin)
graph = call["dependencies"]["resolve"]
names, edges = graph["names"], graph["edges"]
number = {name: at for at, name in enumerate(names)}


def closure(start):
    seen, todo = {start}, [start]
    while todo:
        for need in edges[todo.pop()]:
            if need not in seen:
                seen.add(need)
                todo.append(need)
    return seen


applications = call["inputs"]["applications"]
needed = {name: closure(number[name]) for name in applications}
footprints = []
for name, packages in needed.items():
    others = set().union(*(other for rival, other in needed.items() if rival != name))
    footprints.append(
        {
            "application": name,
            "packages": len(packages),
            "download": sum(graph["download"][at] for at in packages),
            "installed": sum(graph["installed"][at] for at in packages),
            "alone": len(packages - others),
        }
    )
footprints.sort(key=lambda one: (-one["installed"], one["application"]))
everywhere = set.intersection(*needed.values())
json.dump({"footprints": footprints, "in_all": sorted(names[at] for at in everywhere)}, sys.stdout)
