#!/usr/bin/env python3
"""Turn syscalls.txt into the tables that syscalls.c includes: compact, and found with one probe.

    tools/syscall_c.py syscalls.txt > syscalls_data.h
"""

import sys

BUCKETS, SLOTS = 256, 1024
ARM_PRIVATE = 0x0F0000


def fnv(text):
    value = 2166136261
    for byte in text.encode():
        value = ((value ^ byte) * 16777619) & 0xFFFFFFFF
    return value


def slot(value, displacement):
    return ((value >> 8) + displacement * (value >> 20 | 1)) % SLOTS


def perfect_hash(names):
    """Displacements for the buckets, and slot -> index + 1. Fullest buckets are placed first."""
    hashes = [fnv(name) for name in names]
    buckets = [[i for i, h in enumerate(hashes) if h % BUCKETS == b] for b in range(BUCKETS)]
    displacements, slots = [0] * BUCKETS, [0] * SLOTS
    for bucket in sorted(range(BUCKETS), key=lambda b: -len(buckets[b])):
        for displacement in range(256):
            taken = [slot(hashes[i], displacement) for i in buckets[bucket]]
            if len(set(taken)) == len(taken) and not any(slots[s] for s in taken):
                break
        else:
            sys.exit("no perfect hash: change BUCKETS")
        displacements[bucket] = displacement
        for index, place in zip(buckets[bucket], taken):
            slots[place] = index + 1
    return displacements, slots


def number_code(text):
    """What fits 16 bits: -1 for none, ARM's private calls below that."""
    if text == "-":
        return -1
    number = int(text)
    return number if number < 0x7FFF else ARM_PRIVATE - 1 - number


def array(kind, name, values):
    print(f"static const {kind} {name}[] = {{")
    for start in range(0, len(values), 20):
        print("\t" + ", ".join(map(str, values[start : start + 20])) + ",")
    print("};\n")


def main():
    lines = open(sys.argv[1]).read().splitlines()
    release = lines[0].split(",")[0].split()[-1]
    rows = [line.split() for line in lines if line[0] != "#"]
    columns, rows = rows[0][3:], rows[1:]
    names = [row[0] for row in rows]
    print(f"/* Made by tools/syscall_c.py from syscalls.txt: {len(names)} names. */")
    print("#include <stdint.h>\n")
    print(f'#define SYSCALL_RELEASE "{release}"')
    print(f"#define SYSCALL_COUNT {len(names)}")
    print(f"#define SYSCALL_SLOT_COUNT {SLOTS}\n#define SYSCALL_BUCKET_COUNT {BUCKETS}\n")

    offsets, at = [], 0
    print("static const char syscall_names[] =")
    for name in names:
        print(f'\t"{name}\\0"')
        offsets.append(at)
        at += len(name) + 1
    print("\t;\n")
    array("uint16_t", "syscall_name_offsets", offsets)

    displacements, slots = perfect_hash(names)
    array("uint8_t", "syscall_displacements", displacements)
    array("uint16_t", "syscall_slots", slots)

    since = [row[1].split(".") if row[1] != "-" else ["0", "0"] for row in rows]
    array("uint16_t", "syscall_releases", [int(major) << 8 | int(minor) for major, minor in since])
    array("uint8_t", "syscall_narrow", [sum(1 << int(a) for a in row[2].strip("-")) for row in rows])

    codes = {c: [number_code(row[3 + i]) for row in rows] for i, c in enumerate(columns)}
    for column in columns:
        array("int16_t", f"numbers_{column}", codes[column])
        held = [i for i in range(len(names)) if rows[i][3 + columns.index(column)] != "-"]
        held.sort(key=lambda i: int(rows[i][3 + columns.index(column)]))
        array("uint16_t", f"order_{column}", held)


main()
