# Sourced by the suites, in the guest: TAP, bundles, and the runtime under test.
# shellcheck shell=bash
count=0 failures=0
RUNTIME=${RUNTIME:-$BUILD/gabion-oci}
work=${VM_SUITE_WORK:-/var/lib/suite}
rm -rf $work
mkdir -p $work

# --- results --------------------------------------------------------------------------------------

# ok NAME COMMAND...: one test. The command runs in this shell; its output is shown when it fails.
ok() {
	local name=$1
	shift
	count=$((count + 1))
	if "$@" >$work/output 2>&1; then
		echo "ok $count - $name"
	else
		failures=$((failures + 1))
		echo "not ok $count - $name"
		{ printf '%q ' "$@"; echo; tail -n 30 $work/output; } | sed 's/^/# /'
	fi
}
skip() { # NAME WHY
	count=$((count + 1))
	echo "ok $count - $1 # SKIP $2"
}
finish() {
	echo "1..$count"
	exit $((failures > 0))
}

not() { ! "$@"; }

# says TEXT COMMAND...: the output, standard error included, has the text, whatever the status.
says() {
	local text=$1 output
	shift
	output=$("$@" 2>&1)
	[[ $output == *"$text"* ]] || { printf 'no "%s" in: %s\n' "$text" "$output"; return 1; }
}

# same WANT COMMAND...: the output is exactly that.
same() {
	local want=$1 got
	shift
	got=$("$@" 2>&1)
	[[ $got == "$want" ]] || { printf 'want "%s", got "%s"\n' "$want" "$got"; return 1; }
}

# fails STATUS TEXT COMMAND...: it ends with that status and says so.
fails() {
	local want=$1 text=$2 output got=0
	shift 2
	output=$("$@" 2>&1) || got=$?
	[[ $got == "$want" && $output == *"$text"* ]] ||
		{ printf 'want %d "%s", got %d "%s"\n' "$want" "$text" "$got" "$output"; return 1; }
}

# soon COMMAND...: true within five seconds.
soon() {
	for _ in {1..50}; do
		! "$@" || return 0
		sleep 0.1
	done
	return 1
}

# --- bundles ----------------------------------------------------------------------------------------

rootfs() { # DIR: a root of busybox alone
	[[ ! -e $1/usr/bin/busybox ]] || return 0
	mkdir -p "$1"/{bin,dev,etc,proc,sys,tmp,run,usr/bin}
	cp /usr/bin/busybox "$1/usr/bin/busybox"
	/usr/bin/busybox --install -s "$1/bin" # links to the place that it has itself
}

# The container that each test changes: all namespaces but user, default mounts and masks.
base_config() {
	jq -n --arg work $work '
	def mnt($to; $type; $from; $options): {destination: $to, type: $type, source: $from, options: $options};
	["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"] as $caps | {
		ociVersion: "1.0.2",
		root: {path: ($work + "/rootfs"), readonly: false},
		hostname: "box",
		process: {
			terminal: false, user: {uid: 0, gid: 0}, cwd: "/", args: ["true"],
			env: ["PATH=/bin:/usr/bin"], noNewPrivileges: true,
			capabilities: {bounding: $caps, effective: $caps, permitted: $caps}
		},
		mounts: [
			mnt("/proc"; "proc"; "proc"; []),
			mnt("/dev"; "tmpfs"; "tmpfs"; ["nosuid", "strictatime", "mode=755", "size=65536k"]),
			mnt("/dev/pts"; "devpts"; "devpts"; ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]),
			mnt("/dev/shm"; "tmpfs"; "shm"; ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
			mnt("/dev/mqueue"; "mqueue"; "mqueue"; ["nosuid", "noexec", "nodev"]),
			mnt("/sys"; "sysfs"; "sysfs"; ["nosuid", "noexec", "nodev", "ro"]),
			mnt("/sys/fs/cgroup"; "cgroup"; "cgroup"; ["nosuid", "noexec", "nodev", "relatime", "ro"])
		],
		linux: {
			namespaces: [{type: "pid"}, {type: "network"}, {type: "ipc"}, {type: "uts"}, {type: "mount"}, {type: "cgroup"}],
			maskedPaths: ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
			readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
			resources: {devices: [{allow: false, access: "rwm"}]}
		}
	}'
}

# bundle NAME [FILTER [JQ-OPTION...]]: $work/NAME, its config changed by a jq filter. All share one root.
bundle() {
	local name=$1 filter=${2:-.}
	shift $(($# > 1 ? 2 : 1))
	[[ -f $work/base.json ]] || base_config >$work/base.json
	rootfs $work/rootfs
	mkdir -p "$work/$name"
	jq "$@" "$filter" $work/base.json >"$work/$name/config.json"
}

# A bundle whose process runs a shell text.
script() { # NAME TEXT [FILTER [JQ-OPTION...]]
	local name=$1 text=$2 filter=${3:-.}
	shift $(($# > 2 ? 3 : 2))
	# shellcheck disable=SC2016 # $text is jq's
	bundle "$name" '.process.args = ["sh", "-c", $text] | '"$filter" --arg text "$text" "$@"
}

# --- the runtime --------------------------------------------------------------------------------------

rt() { $RUNTIME ${RUNTIME_OPTIONS:-} "$@"; }
state() { rt state "$1" | jq -r "${2:-.status}"; } # ID [FILTER]
is() { [[ $(state "$1" 2>/dev/null) == "$2" ]]; } # ID STATUS
run() { rt run --bundle "$work/$1" "$1"; }        # NAME, also the id
create() { rt create --bundle "$work/$1" "$1" </dev/null >"$work/$1/out" 2>"$work/$1/err" || { cat "$work/$1/err"; return 1; }; }
launch() { create "$1" && rt start "$1"; }        # NAME
remove() { rt delete --force "$1"; }

# The cgroups that there are, but for the one folder in which the runtime puts those without a path.
groups() { find /sys/fs/cgroup -mindepth 1 -type d ! -path /sys/fs/cgroup/gabion; }
