#!/usr/bin/env python3
"""Hold the table of system calls against the build host's headers: where both know a name of an
architecture they must agree. Usage: check_table.py syscalls.txt"""

import re
import subprocess
import sys

# column: what makes <asm/unistd.h> of an x86 host speak of it
ARCHES = {"x86_64": [], "i386": ["-U__x86_64__", "-D__i386__"], "x32": ["-D__ILP32__"]}


def header_numbers(flags):
    """Names and numbers as the preprocessor knows them; empty where the headers are missing."""
    source = "#include <asm/unistd.h>\n"
    result = subprocess.run(
        ["cc", *flags, "-E", "-dM", "-x", "c", "-"], input=source, capture_output=True, text=True
    )
    numbers = {}
    for name, text in re.findall(r"#define __NR_(\w+) (.+)", result.stdout):
        match = re.fullmatch(r"\(?(?:__X32_SYSCALL_BIT \+ )?(\d+)\)?", text.strip())
        if match:
            numbers[name] = int(match[1])
    return numbers


def read_table(path):
    lines = [line.split() for line in open(path) if line[0] != "#"]
    columns = lines[0][3:]
    return {
        column: {row[0]: int(row[3 + i]) for row in lines[1:] if row[3 + i] != "-"}
        for i, column in enumerate(columns)
    }


def say(is_ok, text):
    print(("ok" if is_ok else "not ok") + " - " + text)


def main():
    table = read_table(sys.argv[1])
    for column, numbers in table.items():
        taken = {}
        for name, number in numbers.items():
            taken.setdefault(number, []).append(name)
        twice = [names for names in taken.values() if len(names) > 1]
        say(not twice, f"{column}: no number has two names {twice or ''}".rstrip())
    for column, flags in ARCHES.items():
        header = header_numbers(flags)
        both = header.keys() & table[column].keys()
        wrong = sorted(n for n in both if header[n] != table[column][n])
        missing = sorted(header.keys() - table[column].keys() - {"x32_rt_sigreturn"})
        if not header:
            print(f"ok - {column}: agrees with the headers # SKIP no <asm/unistd.h> here")
            continue
        say(not wrong, f"{column}: agrees with the headers on {len(both)} calls {wrong or ''}".rstrip())
        say(not missing, f"{column}: knows all calls of the headers {missing or ''}".rstrip())


main()
