#!/usr/bin/env python3
"""The longest chain of packages that must be unpacked one after the other; a circle counts as one."""
import json
import sys

dependencies = json.load(sys.stdin)["dependencies"]
graph, components = dependencies["resolve"], dependencies["cycles"]["components"]
names, edges = graph["names"], graph["edges"]

component_of = {member: at for at, members in enumerate(components) for member in members}
height, below = [], []
for at, members in enumerate(components):
    needs = {component_of[need] for member in members for need in edges[member]} - {at}
    deepest = max(needs, key=lambda need: (height[need], -need), default=None)
    height.append(1 if deepest is None else height[deepest] + 1)
    below.append(deepest)

top = max(range(len(components)), key=lambda at: (height[at], -at))
chain, at = [], top
while at is not None:
    members = sorted(names[member] for member in components[at])
    chain.append(members[0] if len(members) == 1 else f"({' + '.join(members[:3])}{' + …' if len(members) > 3 else ''})")
    at = below[at]
layers = [0] * max(height)
for at, members in enumerate(components):
    layers[height[at] - 1] += len(members)
json.dump({"chain": chain, "layers": layers}, sys.stdout)
