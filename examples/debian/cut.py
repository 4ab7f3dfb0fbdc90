#!/usr/bin/env python3
"""Cuts the data set of this example out of a Debian package index.

usage: cut.py APP [APP…] < Packages > packages.tsv

Keeps the applications, everything that they depend on, whichever alternative is taken, and every package that
provides a name on the way. One line a package: name, version, section, download size in bytes, installed size in
KiB, dependencies as the index writes them, without version bounds, and provided names.
"""
import re
import sys

FIELDS = ("Package", "Version", "Section", "Size", "Installed-Size")


def paragraphs(lines):
    fields = {}
    for line in lines:
        if line == "\n":
            yield fields
            fields = {}
        elif not line.startswith(" "):
            key, _, value = line.partition(":")
            fields[key] = value.strip()
    if fields:
        yield fields


def bare(text):
    """`a (>= 1) | b:any [amd64], c` becomes `a|b,c`."""
    groups = []
    for group in filter(None, (group.strip() for group in text.split(","))):
        names = [re.split(r"[ (:\[]", name.strip(), maxsplit=1)[0] for name in group.split("|")]
        names = list(dict.fromkeys(names))
        if "|".join(names) not in groups:
            groups.append("|".join(names))
    return ",".join(groups)


def main(applications):
    index, providers = {}, {}
    for fields in paragraphs(sys.stdin):
        name = fields["Package"]
        depends = ",".join(filter(None, (fields.get("Pre-Depends"), fields.get("Depends"))))
        row = [fields.get(key, "") for key in FIELDS]
        index[name] = row + [bare(depends), bare(fields.get("Provides", ""))]
        for virtual in filter(None, index[name][6].split(",")):
            providers.setdefault(virtual, []).append(name)
    keep, todo = set(), list(applications)
    while todo:
        name = todo.pop()
        if name in keep:
            continue
        if name not in index:
            # a virtual name: packages that are kept anyway may provide it
            continue
        keep.add(name)
        for group in filter(None, index[name][5].split(",")):
            first = group.split("|")[0]
            if first in index:
                todo.append(first)
            else:
                todo.extend(sorted(providers.get(first, []))[:1])
    for name in sorted(keep):
        print("\t".join(index[name]))


main(sys.argv[1:])
