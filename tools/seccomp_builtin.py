#!/usr/bin/env python3
"""Put the built-in seccomp profile and the groups into C.

    tools/seccomp_builtin.py default.json groups.txt > builtin_data.h
"""

import json
import sys


def without_comments(value):
    if isinstance(value, dict):
        return {k: without_comments(v) for k, v in value.items() if k != "comment"}
    if isinstance(value, list):
        return [without_comments(v) for v in value]
    return value


def read_groups(path):
    groups = {}
    for line in open(path):
        words = line.split("#")[0].split() if line[0] != "@" else line.split()
        if words:
            groups.setdefault(words[0][1:], []).extend(words[1:])
    return groups


def main():
    profile = without_comments(json.load(open(sys.argv[1])))
    text = json.dumps(profile, separators=(",", ":")).replace("\\", "\\\\").replace('"', '\\"')
    print("/* Made by tools/seccomp_builtin.py. */\n#include <stddef.h>\n")
    print("static const char builtin_json[] =")
    # Not cut behind a backslash: its quote belongs to it.
    while text:
        end = min(len(text), 96)
        while text[end - 1] == "\\" and end < len(text):
            end += 1
        print(f'\t"{text[:end]}"')
        text = text[end:]
    print("\t;\n")
    groups = read_groups(sys.argv[2])
    for number, (name, calls) in enumerate(groups.items()):
        listed = ", ".join(f'"{call}"' for call in calls)
        print(f"static const char *const group_{number}[] = {{ {listed}, NULL }};")
    print("\nstatic const struct seccomp_group groups[] = {")
    for number, name in enumerate(groups):
        print(f'\t{{ "{name}", group_{number} }},')
    print("};")


main()
