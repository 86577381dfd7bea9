#!/usr/bin/env bats
# gabion run: what the options do to the container.
bats_require_minimum_version 1.5.0
load lib

@test "hello-world says which walls it stands behind" {
	run --separate-stderr gabion run --rm hello-world
	[[ $status == 0 ]]
	[[ $output == *"Hello from gabion"* ]]
	[[ $output == *"seccomp            on"* ]]
}

@test "the exit status is the command's" {
	run box "$WORK/root" sh -c 'exit 7'
	[[ $status == 7 ]]
}

@test "a signal gives 128 and its number" {
	run box --init "$WORK/root" sh -c 'kill -9 $$'
	[[ $status == 137 ]]
}

@test "a command that is not there gives 127" {
	run -127 box "$WORK/root" nosuch
	[[ $output == *"executable file not found"* ]]
	run -127 box "$WORK/root" /no/such
	[[ $output == *"no such file or directory"* ]]
}

@test "a command that cannot be executed gives 126" {
	run box "$WORK/root" /etc/passwd
	[[ $status == 126 && $output == *"permission denied"* ]]
	run box "$WORK/root" /etc
	[[ $status == 126 ]]
}

@test "a fault of ours gives 125 and leaves nothing" {
	run gabion run --no-such-option "$WORK/root" true
	[[ $status == 125 ]]
	run gabion run --name left /no/such/root true
	[[ $status == 125 ]]
	run gabion ps -aq
	[[ -z $output ]]
	run gabion run --name left -v relative:relative "$WORK/root" true
	[[ $status == 125 ]]
	run gabion ps -aq
	[[ -z $output ]]
	[[ ! -e $WORK/data/names/left ]]
}

@test "standard streams are apart, and end where they should" {
	run --separate-stderr box "$WORK/root" sh -c 'echo out; echo err >&2'
	[[ $output == out && $stderr == err ]]
	run box -i "$WORK/root" wc -c <<<"12345"
	[[ $output == 6 ]]
	run box "$WORK/root" wc -c <<<"12345"
	[[ $output == 0 ]]
}

@test "much output arrives whole, also through a slow reader" {
	run bash -c "'$BUILD/gabion' --data '$WORK/data' --root '$WORK/run' run -q --rm --network none \
		'$WORK/root' dd if=/dev/zero bs=1024 count=20000 2>/dev/null | (sleep 0.5; wc -c)"
	[[ $output == 20480000 ]]
}

@test "a million bytes go through standard input" {
	run bash -c "head -c 1000000 /dev/zero | '$BUILD/gabion' --data '$WORK/data' --root '$WORK/run' \
		run -q --rm -i --network none '$WORK/root' wc -c"
	[[ $output == 1000000 ]]
}

@test "-e, --env-file, -w, -u, --hostname" {
	printf '# note\nFROM_FILE=a b\nHOME_VAR\n\n' >"$WORK/env"
	HOME_VAR=ours run box -e A=1 -e HOME_VAR --env-file "$WORK/env" -w /tmp -u user --hostname hn \
		"$WORK/root" sh -c 'echo "$A|$FROM_FILE|$HOME_VAR|$HOME|$(id -u)|$(id -G)|$PWD|$(hostname)"'
	[[ $output == "1|a b|ours|/home/user|1000|1000 55|/tmp|hn" ]]
}

@test "-u by number, --group-add, an unknown user" {
	run box -u 7:8 --group-add extra --group-add 99 "$WORK/root" id
	[[ $output == *"uid=7 gid=8"* && $output == *"55(extra)"* && $output == *99* ]]
	run box -u nobody-here "$WORK/root" id
	[[ $status == 125 && $output == *nobody-here* ]]
}

@test "--entrypoint takes the place of the image's" {
	run box --entrypoint echo "$WORK/root" a b
	[[ $output == "a b" ]]
}

@test "--read-only, --tmpfs" {
	run box --read-only --tmpfs /work:size=1m "$WORK/root" sh -c 'touch /x; touch /work/x && echo made'
	[[ $output == *"Read-only file system"* && $output == *made ]]
}

@test "-v: ro and rw, single files, nested places in any order" {
	mkdir -p "$WORK/vol/sub"
	echo text >"$WORK/vol/file"
	run box -v "$WORK/vol:/work:ro" "$WORK/root" sh -c 'cat /work/file; touch /work/x'
	[[ $output == text*"Read-only file system"* ]]
	box -v "$WORK/vol:/work" "$WORK/root" touch /work/made
	[[ -e $WORK/vol/made ]]
	run box -v "$WORK/vol/file:/etc/one:ro" "$WORK/root" cat /etc/one
	[[ $output == text ]]
	run box -v "$WORK/vol/sub:/work/sub" -v "$WORK/vol:/work:ro" "$WORK/root" touch /work/sub/y
	[[ $status == 0 && -e $WORK/vol/sub/y ]]
}

@test "-v: what is wrong is said" {
	run box -v "$WORK/vol:/work:z,Z" "$WORK/root" true
	[[ $status == 125 && $output == *"can not be used together"* ]]
	run box -v "$WORK/vol:/work:nonsense" "$WORK/root" true
	[[ $status == 125 && $output == *"unknown option 'nonsense'"* ]]
	run box -v "$WORK:/" "$WORK/root" true
	[[ $status == 125 ]]
	run box -v "$WORK:/work" -v "$WORK:/work" "$WORK/root" true
	[[ $status == 125 && $output == *"duplicate mount point"* ]]
	run box -v "$WORK/vol:/proc/self" "$WORK/root" true
	[[ $status == 125 && $output == *"inside /proc"* ]]
}

@test "--mount: bind, tmpfs, and its errors" {
	mkdir -p "$WORK/vol"
	run box --mount "type=bind,src=$WORK/vol,dst=/work,ro" "$WORK/root" touch /work/x
	[[ $output == *"Read-only file system"* ]]
	run box --mount type=tmpfs,dst=/work,tmpfs-size=64k "$WORK/root" \
		sh -c 'dd if=/dev/zero of=/work/x bs=1024 count=100 2>/dev/null; wc -c </work/x'
	[[ $output == 65536 ]]
	run box --mount type=bind,src=/no/such,dst=/work "$WORK/root" true
	[[ $status == 125 && $output == *"/no/such"* ]]
	run box --mount type=bind,dst=/work,colour=red "$WORK/root" true
	[[ $status == 125 && $output == *colour* ]]
}

@test "a named volume lasts" {
	box -v keep:/work "$WORK/root" sh -c 'echo kept >/work/x'
	run box -v keep:/work "$WORK/root" cat /work/x
	[[ $output == kept ]]
}

@test "capabilities: drop all, add one, an unknown one" {
	run box --cap-drop ALL --cap-add chown "$WORK/root" grep CapEff /proc/self/status
	[[ $output == *0000000000000001 ]]
	run box --cap-add nonsense "$WORK/root" true
	[[ $status == 125 && $output == *"unknown capability 'nonsense'"* ]]
}

@test "--security-opt: every key is known or refused, in all its forms" {
	run box --security-opt no-new-privileges "$WORK/root" grep NoNewPrivs /proc/self/status
	[[ $output == *1 ]]
	run box --security-opt no-new-privileges:true "$WORK/root" grep NoNewPrivs /proc/self/status
	[[ $output == *1 ]]
	run box --security-opt no-new-privileges=false "$WORK/root" grep NoNewPrivs /proc/self/status
	[[ $output == *0 ]]
	run box --security-opt seccomp:unconfined "$WORK/root" grep Seccomp: /proc/self/status
	[[ $output == *0 ]]
	run box --security-opt seccomp=builtin "$WORK/root" grep Seccomp: /proc/self/status
	[[ $output == *2 ]]
	run box --security-opt label=disable "$WORK/root" true
	[[ $status == 0 ]]
	local bad
	for bad in nonsense nonsense=1 seccomp seccomp= label=bogus no-new-privileges=maybe \
		systempaths=some; do
		run box --security-opt "$bad" "$WORK/root" true
		[[ $status == 125 ]]
	done
}

@test "seccomp by default: a call that is not allowed is not" {
	run box --cap-add sys_admin --security-opt seccomp=unconfined "$WORK/root" mount -t tmpfs t /work
	[[ $status == 0 ]]
	run box "$WORK/root" mount -t tmpfs t /work
	[[ $status != 0 ]]
}

@test "seccomp: changes to the built-in profile" {
	run box --security-opt seccomp=-mkdir,-mkdirat "$WORK/root" /bin/busybox mkdir /tmp/x
	[[ $status != 0 && $output == *"Operation not permitted"* ]]
}

@test "paths of the system are masked and read-only, unless asked" {
	run box "$WORK/root" sh -c 'cat /proc/kcore /proc/keys /proc/timer_list 2>/dev/null | wc -c; echo 1 >/proc/sys/kernel/domainname'
	[[ $output == 0*"Read-only file system"* ]]
	run box --security-opt systempaths=unconfined "$WORK/root" \
		sh -c 'echo x >/proc/sys/kernel/domainname'
	[[ $status == 0 ]]
}

@test "each wall that is taken away is one line, and inspect keeps it" {
	run gabion run --rm --network none --privileged "$WORK/root" true
	[[ $output == *"seccomp: off by --privileged"* ]]
	run gabion run --name lines --network host --security-opt seccomp=unconfined "$WORK/root" true
	[[ $(grep -c "seccomp: off" <<<"$output") == 1 ]]
	[[ $output == *"network namespace: the host's"* ]]
	run gabion inspect -f '{{json .Gabion.WallsTakenAway}}' lines
	[[ $output == *"seccomp: off"* ]]
	gabion rm lines
}

@test "namespaces: the host's, and another container's" {
	run box --uts host "$WORK/root" hostname
	[[ $output == "$(hostname)" ]]
	run box --pid host "$WORK/root" readlink /proc/self/ns/pid
	[[ $output == "$(readlink /proc/self/ns/pid)" ]]
	gabion run -q -d --name other --network none "$WORK/root" sleep 60
	run box --pid container:other "$WORK/root" ps
	[[ $output == *"sleep 60"* ]]
	gabion rm -f other
	run box --pid container:other "$WORK/root" true
	[[ $status == 125 && $output == *"no such container"* ]]
}

@test "limits: -m, --cpus, --pids-limit, --ulimit, and what is no limit" {
	run box -m 64m --cpus 0.5 --pids-limit 50 --ulimit nofile=77:88 "$WORK/root" sh -c 'ulimit -n'
	[[ $output == 77 ]]
	run box -m 1m "$WORK/root" true
	[[ $status == 125 && $output == *6MB* ]]
	run box --cpus none "$WORK/root" true
	[[ $status == 125 ]]
	run box --ulimit nofile "$WORK/root" true
	[[ $status == 125 && $output == *"invalid ulimit"* ]]
}

@test "--device, --sysctl, --add-host, --dns" {
	run box --device /dev/null:/dev/other --add-host there:192.0.2.9 --dns 192.0.2.1 \
		--sysctl net.ipv4.ip_forward=1 "$WORK/root" \
		sh -c 'ls -l /dev/other; cat /etc/hosts /etc/resolv.conf /proc/sys/net/ipv4/ip_forward'
	[[ $output == *"1,   3"*"192.0.2.9	there"*"nameserver 192.0.2.1"*1 ]]
	run box --sysctl kernel.core_pattern=x "$WORK/root" true
	[[ $status == 125 && $output == *core_pattern* ]]
}

@test "--init reaps orphans and passes signals on" {
	run box --init "$WORK/root" sh -c '(sleep 0.1 &) ; sleep 0.4; ps | grep -c "\[sleep\]"; exit 3'
	[[ $output == 0 && $status == 3 ]]
}

@test "--cidfile, --name, and a name that is taken" {
	gabion run -q -d --network none --cidfile "$WORK/cid" --name taken "$WORK/root" sleep 60
	[[ $(wc -c <"$WORK/cid") == 64 ]]
	run gabion run -q --name taken "$WORK/root" true
	[[ $status == 125 && $output == *"already in use"* ]]
	run gabion run -q --name 'bad name' "$WORK/root" true
	[[ $status == 125 && $output == *"invalid container name"* ]]
	gabion rm -f taken
}
