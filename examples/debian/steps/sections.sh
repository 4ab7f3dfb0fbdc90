#!/bin/sh
# Adds up what each section of the archive weighs. A step can be written in anything that reads JSON from its standard
# input and writes JSON to its standard output; this one is awk.
exec awk '
# The graph arrives as one line; its three lists are taken out by name.
{ text = text $0 }
function list(name,    from, rest) {
    from = index(text, "\"" name "\"")
    rest = substr(text, from)
    rest = substr(rest, index(rest, "[") + 1)
    return substr(rest, 1, index(rest, "]") - 1)
}
END {
    count = split(list("sections"), section, /, */)
    split(list("installed"), installed, /, */)
    for (at = 1; at <= count; at++) {
        packages[section[at]]++
        bytes[section[at]] += installed[at]
    }
    printf "{\"sections\": ["
    for (name in packages) {
        printf "%s{\"section\": %s, \"packages\": %d, \"installed\": %.0f}", separator, name, packages[name], bytes[name]
        separator = ", "
    }
    printf "]}\n"
}'
