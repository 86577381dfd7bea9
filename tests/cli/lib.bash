# What the bats files share: a store of their own, a root directory to run, and the end of all that
# was started, also after a test that failed.

setup_file() {
	[[ $(id -u) == 0 ]] || skip "needs root"
	WORK=$(mktemp -d /tmp/gabion-cli.XXXXXX)
	export WORK
	mkdir -p "$WORK"/root/{bin,proc,sys,dev,etc,tmp,work}
	cp /bin/busybox "$WORK/root/bin/"
	local applet
	for applet in sh cat echo ls id ps sleep true false env hostname wc ip wget nc stty mount touch \
		kill grep head tail dd seq readlink; do
		ln -s busybox "$WORK/root/bin/$applet"
	done
	chmod 1777 "$WORK/root/tmp"
	printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n' \
		>"$WORK/root/etc/passwd"
	printf 'root:x:0:\nuser:x:1000:\nextra:x:55:user\n' >"$WORK/root/etc/group"
}

teardown_file() {
	[[ -n ${WORK:-} ]] || return 0
	local id
	for id in $(gabion ps -aq); do
		gabion rm -f "$id" >/dev/null 2>&1 || true
	done
	rm -rf "$WORK"
}

gabion() {
	"$BUILD/gabion" --data "$WORK/data" --root "$WORK/run" "$@"
}

# run a container in the usual way, without the lines about walls
box() {
	gabion run --quiet --rm --network none "$@"
}

wait_for() {
	local tries
	for ((tries = 0; tries < 100; tries++)); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.05
	done
	return 1
}
