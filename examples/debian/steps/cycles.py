#!/usr/bin/env python3
"""Groups of packages that need one another in a circle (strongly connected components, by Tarjan)."""
import json
import sys

graph = json.load(sys.stdin)["dependencies"]["resolve"]
names, edges = graph["names"], graph["edges"]


def components():
    index, low, on_stack = {}, {}, set()
    stack, found = [], []
    for root in range(len(edges)):
        if root in index:
            continue
        work = [(root, iter(edges[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            at, needs = work[-1]
            for need in needs:
                if need not in index:
                    index[need] = low[need] = len(index)
                    stack.append(need)
                    on_stack.add(need)
                    work.append((need, iter(edges[need])))
                    break
                if need in on_stack:
                    low[at] = min(low[at], index[need])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[at])
                if low[at] == index[at]:
                    component = []
                    while True:
                        member = stack.pop()
                        on_stack.discard(member)
                        component.append(member)
                        if member == at:
                            break
                    found.append(component)
    return found


# Tarjan finds a component after everything that it needs: the order is an order of installation.
found = components()
circles = sorted((sorted(names[at] for at in one) for one in found if len(one) > 1), key=lambda c: (-len(c), c))
json.dump({"components": found, "circles": circles}, sys.stdout)
