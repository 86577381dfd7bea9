#!/usr/bin/env python3
"""Make src/wall/seccomp/syscalls.txt from a kernel source tree.

    tools/syscall_table.py LINUX > src/wall/seccomp/syscalls.txt

LINUX is an unpacked kernel tree; read are its syscall tables, include/linux/syscalls.h for the
types of the arguments, and its Makefile for the release. Run it once for each kernel release, add
what is new to syscall_since.txt, and look at the difference.
"""

import pathlib
import re
import sys

# column: (table beneath the tree, ABIs of its second field that count)
COLUMNS = {
    "x86_64": ("arch/x86/entry/syscalls/syscall_64.tbl", "common 64"),
    "i386": ("arch/x86/entry/syscalls/syscall_32.tbl", "i386"),
    "x32": ("arch/x86/entry/syscalls/syscall_64.tbl", "common x32"),
    "aarch64": ("scripts/syscall.tbl", "common 64 renameat rlimit memfd_secret"),
    "arm": ("arch/arm/tools/syscall.tbl", "common eabi"),
    "riscv64": ("scripts/syscall.tbl", "common 64 riscv rlimit memfd_secret"),
    "ppc64le": ("arch/powerpc/kernel/syscalls/syscall.tbl", "common 64 nospu"),
    "s390x": ("arch/s390/kernel/syscalls/syscall.tbl", "common 64"),
    "loongarch64": ("scripts/syscall.tbl", "common 64 memfd_secret"),
}

# Calls outside the tables: arch/arm/include/uapi/asm/unistd.h, __ARM_NR_*.
ARM_PRIVATE = {
    "breakpoint": 0x0F0001,
    "cacheflush": 0x0F0002,
    "usr26": 0x0F0003,
    "usr32": 0x0F0004,
    "set_tls": 0x0F0005,
    "get_tls": 0x0F0006,
}

# Types of at most 32 bits. A type that is in neither list counts as 64 bits wide: comparing more
# than the kernel reads is what everybody else does, comparing less would be a hole.
NARROW = re.compile(
    r"^(const\s+)?(int|unsigned|unsigned int|uint|u32|__u32|s32|__s32|pid_t|uid_t|gid_t|mode_t|"
    r"umode_t|key_t|qid_t|clockid_t|timer_t|mqd_t|key_serial_t|rwf_t|enum \w+)$"
)

# Only the low half is looked at, which the header does not say: kernel/fork.c takes
# lower_32_bits(); the others go through entry points of their own on some architectures.
ALSO_NARROW = {"clone": {0}, "personality": {0}, "arch_prctl": {0}, "ipc": {0}}


def read_table(path, abis):
    numbers, entries = {}, {}
    for line in path.read_text().splitlines():
        fields = line.split("#")[0].split()
        if len(fields) >= 3 and fields[1] in abis:
            numbers[fields[2]] = int(fields[0])
            if len(fields) >= 4 and fields[3] != "sys_ni_syscall":
                entries[fields[2]] = fields[3]
    return numbers, entries


def strip_name(argument):
    """'unsigned int __user flags' -> 'unsigned int'; a name is only there after a type."""
    words = [w for w in argument.split() if w not in ("__user", "__force")]
    if len(words) > 1 and words[-1] not in ("int", "unsigned", "long"):
        if not (len(words) == 2 and words[0] in ("const", "enum")):
            words.pop()
    return " ".join(words)


def read_narrow(header):
    """Entry point -> set of argument indexes that are at most 32 bits wide."""
    narrow = {}
    text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.S)
    for entry, arguments in re.findall(r"asmlinkage long (sys_\w+)\(([^()]*)\);", text):
        found = set()
        for index, argument in enumerate(arguments.split(",")):
            if "*" not in argument and NARROW.match(strip_name(argument.strip())):
                found.add(index)
        narrow[entry] = narrow.get(entry, found) & found
    return narrow


def release(makefile):
    text = makefile.read_text()
    return ".".join(re.search(rf"^{key} = (\d+)", text, re.M)[1] for key in ("VERSION", "PATCHLEVEL"))


def main():
    tree = pathlib.Path(sys.argv[1])
    since_path = pathlib.Path(__file__).with_name("syscall_since.txt")
    since = dict(l.split() for l in since_path.read_text().splitlines() if l and l[0] != "#")
    narrow = read_narrow(tree / "include/linux/syscalls.h")
    table, widths = {}, {}
    for column, (path, abis) in COLUMNS.items():
        numbers, entries = read_table(tree / path, abis.split())
        if column == "arm":
            numbers.update(ARM_PRIVATE)
        for name, number in numbers.items():
            table.setdefault(name, {})[column] = number
            if column in ("i386", "x32", "arm"):
                continue  # all their arguments are compared as 32 bits
            if name in entries:
                found = narrow.get(entries[name], set()) | ALSO_NARROW.get(name, set())
                widths[name] = widths.get(name, found) & found
    print(f"# System calls of Linux {release(tree / 'Makefile')}, made by tools/syscall_table.py.")
    print("# since: first release; narrow: the arguments (0 to 5) of which the kernel reads at most")
    print("# 32 bits on 64-bit architectures; then a number for each architecture.")
    print("name since narrow " + " ".join(COLUMNS))
    for name in sorted(table):
        row = [name, since.pop(name, "-")]
        row.append("".join(map(str, sorted(widths.get(name, ())))) or "-")
        row += [str(table[name].get(column, "-")) for column in COLUMNS]
        print(" ".join(row))
    if since:
        sys.exit(f"in syscall_since.txt but in no table: {' '.join(sorted(since))}")


main()
