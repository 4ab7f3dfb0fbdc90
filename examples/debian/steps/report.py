#!/usr/bin/env python3
"""Joins the branches into the report that `make run` prints."""
import json
import sys
import textwrap

dependencies = json.load(sys.stdin)["dependencies"]
fetch, resolve = dependencies["fetch"], dependencies["resolve"]
footprints, keystones = dependencies["footprints"], dependencies["keystones"]
cycles, layers, sections = dependencies["cycles"], dependencies["layers"], dependencies["sections"]


def size(count):
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.2f} GiB"


def table(title, header, rows):
    cells = [header] + [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    lines = [title]
    for row in cells:
        first = row[0].ljust(widths[0])
        rest = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))
        lines.append("  " + "  ".join([first, *rest]).rstrip())
    return "\n".join(lines)


heaviest = sorted(sections["sections"], key=lambda one: (-one["installed"], one["section"]))[:8]
parts = [
    f"{fetch['packages']:,} packages of Debian 12, {resolve['edge_count']:,} dependencies "
    f"({resolve['chosen_instead']} of them met by an alternative or a provider)",
    table(
        "What an application brings along",
        ["application", "packages", "only its own", "download", "installed"],
        [
            [one["application"], one["packages"], one["alone"], size(one["download"]), size(one["installed"])]
            for one in footprints["footprints"]
        ],
    ),
    f"In every one of them: {len(footprints['in_all'])} packages ({', '.join(footprints['in_all'][:8])}"
    f"{', …' if len(footprints['in_all']) > 8 else ''})",
    table(
        "What holds the others up",
        ["package", "needed by", "directly"],
        [[one["package"], one["dependants"], one["direct"]] for one in keystones["keystones"]],
    ),
    table(
        "Where the bytes are",
        ["section", "packages", "installed"],
        [[one["section"], one["packages"], size(one["installed"])] for one in heaviest],
    ),
    f"Circles of packages that need one another: {len(cycles['circles'])}, for instance\n"
    + "\n".join(f"  {' + '.join(circle[:6])}{' + …' if len(circle) > 6 else ''}" for circle in cycles["circles"][:4]),
    f"Longest chain, {len(layers['chain'])} packages one upon the other:\n"
    + textwrap.fill(" > ".join(layers["chain"]), 100, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False),
]
json.dump({"text": "\n\n".join(parts), "packages": fetch["packages"]}, sys.stdout)
