# shellcheck shell=bash
# Shared by the engine suites: a box that an engine lives in, and checks that print TAP.
#
# A box is a set of new pid, mount and network namespaces. The engine, its bridges, firewall rules,
# mounts, shims and monitors exist only in there, so nothing of the machine's is touched and all of it
# goes when the box's first process does. Control groups have no such box: they are made beneath one
# parent with a name of our own, and removed at the end.

set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$(realpath "${BUILD:-$here/../../build}")
runtime=$(realpath "${RUNTIME:-$build/gabion-oci}")
patience=${PATIENCE:-60} # seconds before a single command is given up
checks=0
failures=0

say()
{
	printf '%s\n' "$*"
}

note() # prints standard input, or its words, as TAP diagnostics
{
	if [ $# -gt 0 ]; then
		printf '%s\n' "$*"
	else
		cat
	fi | tail -n 20 | sed 's/^/# /'
}

passed() # TEXT
{
	checks=$((checks + 1))
	say "ok $checks - $1"
}

failed() # TEXT [WHY...]
{
	checks=$((checks + 1)) failures=$((failures + 1))
	say "not ok $checks - $1"
	shift
	[ $# -eq 0 ] || note "$@"
}

skipped() # TEXT WHY
{
	checks=$((checks + 1))
	say "ok $checks - $1 # SKIP $2"
}

finish()
{
	say "1..$checks"
	[ "$failures" -eq 0 ]
}

# Leaves `out` (both streams, without what a terminal adds) and `code` of a command.
capture()
{
	out=$(set -o pipefail; "$@" 2>&1 < /dev/null | tr -d '\r\0')
	code=$?
}

limited()
{
	timeout -k 5 "$patience" "$@"
}

# gives TEXT WANTED COMMAND...: it succeeds and prints exactly WANTED.
gives()
{
	local text=$1 wanted=$2
	shift 2
	capture "$@"
	if [ "$code" -eq 0 ] && [ "$out" = "$wanted" ]; then
		passed "$text"
	else
		failed "$text" "exit $code, wanted '$wanted', got: $out"
	fi
}

# like TEXT PATTERN COMMAND...: it succeeds and a line matches the extended regular expression.
like()
{
	ends "$1" 0 "$2" "${@:3}"
}

# ends TEXT CODE PATTERN COMMAND...: it ends with CODE and a line matches ('' matches anything).
ends()
{
	local text=$1 wanted=$2 pattern=$3
	shift 3
	capture "$@"
	if [ "$code" -eq "$wanted" ] && grep -qE -- "$pattern" <<< "$out"; then
		passed "$text"
	else
		failed "$text" "exit $code (wanted $wanted), no match for '$pattern' in: $out"
	fi
}

# works TEXT COMMAND...: it succeeds.
works()
{
	ends "$1" 0 '' "${@:2}"
}

not()
{
	! "$@"
}

# soon COMMAND...: tries until it succeeds, for at most a third of the patience.
soon()
{
	local end=$((SECONDS + patience / 3 + 1))
	until "$@" > /dev/null 2>&1 < /dev/null; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.2
	done
}

# shows PATTERN COMMAND...: whether its output has a line that matches; for `soon`.
shows()
{
	local pattern=$1
	shift
	"$@" 2>&1 | grep -E -- "$pattern" > /dev/null # not -q: who still writes would get a SIGPIPE
}

# The client of the engine under test: `engine` is set by each suite to the words that call it.
engine=()
run_engine()
{
	limited "${engine[@]}" "$@"
}

# on_terminal ARGUMENTS...: the engine's client, with a pseudo terminal as its three streams.
on_terminal()
{
	local quoted
	printf -v quoted '%q ' "${engine[@]}" "$@"
	limited script -qec "$quoted" /dev/null <&"$quiet"
}

box_start() # NAME: makes $R (private state) and the box
{
	R=$(mktemp -d "/tmp/$1.XXXXXX")
	parent=engines-$$
	trap box_end EXIT
	trap 'exit 130' INT TERM HUP
	# The first process reaps what the engine leaves; the quiet loop ends with the box.
	unshare --mount --net --pid --fork --kill-child --mount-proc --propagation private \
		bash -c 'trap : CHLD; while :; do sleep 60 & wait; done' > /dev/null 2>&1 < /dev/null &
	outer=$!
	until box=$(pgrep -P "$outer" -x bash); do
		kill -0 "$outer" 2> /dev/null || { say "Bail out! no namespaces"; exit 1; }
		sleep 0.05
	done
	boxed mount --make-rshared /
	boxed mount -t tmpfs -o mode=755 tmpfs /run
	[ ! -d /var/lib/cni ] || boxed mount -t tmpfs tmpfs /var/lib/cni
	boxed ip link set lo up
	mkfifo "$R/quiet" # an input that stays open and says nothing: a terminal's end would be echoed
	exec {quiet}<> "$R/quiet"
	if [ "$(basename "$runtime")" = crun ] &&
		[ -n "$(cat /sys/fs/cgroup/unified/cgroup.controllers 2> /dev/null)" ]; then
		boxed umount /sys/fs/cgroup/unified
	fi
}

boxed()
{
	nsenter --target "$box" --mount --net --pid -- "$@"
}

box_end()
{
	local group
	trap - EXIT
	if declare -F engine_stop > /dev/null; then
		engine_stop > /dev/null 2>&1
	fi
	kill -KILL "$box" "$outer" 2> /dev/null
	wait "$outer" 2> /dev/null
	for group in /sys/fs/cgroup/"$parent" /sys/fs/cgroup/*/"$parent"; do
		[ ! -d "$group" ] || find "$group" -depth -type d -exec rmdir {} + 2> /dev/null
	done
	rm -rf "$R"
}

need() # PROGRAM...: the whole file is skipped where one is missing
{
	local program
	for program in "$@"; do
		if ! command -v "$program" > /dev/null; then
			say "1..0 # SKIP no $program"
			exit 0
		fi
	done
	if [ ! -x "$runtime" ]; then
		say "Bail out! no runtime at $runtime"
		exit 1
	fi
}

# What this machine's root lacks, nobody can give to a container.
machine_has_cap() # NUMBER
{
	local bounding
	bounding=$(awk '$1 == "CapBnd:" { print $2 }' /proc/self/status)
	(((0x$bounding >> $1) & 1))
}

rootfs_make() # DIR: a root directory from the static busybox
{
	local name
	mkdir -p "$1"/{bin,dev,etc,proc,root,sys,tmp,var}
	cp "$(command -v busybox)" "$1/bin/busybox"
	for name in $(busybox --list); do
		[ "$name" = busybox ] || ln "$1/bin/busybox" "$1/bin/$name"
	done
	printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/tmp:/bin/sh\n' > "$1/etc/passwd"
	printf 'root:x:0:\nuser:x:1000:\nextra:x:2000:\n' > "$1/etc/group"
	printf '#!/bin/sh\necho from a script\n' > "$1/bin/script"
	printf 'not a program\n' > "$1/bin/noexec"
	printf '\177ELF but not really\n' > "$1/bin/garbage"
	chmod 755 "$1/bin/script" "$1/bin/garbage"
	chmod 1777 "$1/tmp"
}
