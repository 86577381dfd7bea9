#!/usr/bin/env bats
# What is done to containers that are there: ps, exec, logs, attach, stop, kill, rm, inspect, walls.
bats_require_minimum_version 1.5.0
load lib

setup() {
	gabion run -q -d --network none --name it --init "$WORK/root" \
		sh -c 'echo out; echo err >&2; while :; do sleep 0.1; done' >"$WORK/id"
}

teardown() {
	gabion rm -f it >/dev/null 2>&1 || true
}

is_exited() {
	[[ $(gabion inspect -f '{{.State.Status}}' it) == exited ]]
}

@test "-d prints the id alone, and the command does not wait" {
	[[ $(cat "$WORK/id") =~ ^[0-9a-f]{64}$ ]]
	run gabion ps -q --no-trunc
	[[ $output == "$(cat "$WORK/id")" ]]
}

@test "found by id, by its beginning, by name; not by too little" {
	local id
	id=$(cat "$WORK/id")
	for word in "$id" "${id:0:12}" "${id:0:3}" it /it; do
		run gabion inspect -f '{{.Id}}' "$word"
		[[ $output == "$id" ]]
	done
	run gabion inspect nothing
	[[ $status == 125 && $output == *"no such container"* ]]
}

@test "ps: columns, -a, filters, templates" {
	run gabion ps
	[[ ${lines[0]} == "CONTAINER ID"*IMAGE*COMMAND*CREATED*STATUS*PORTS*NAMES* ]]
	[[ ${lines[1]} == *"Up "*it* ]]
	run gabion ps --format '{{.Names}} {{.State}}'
	[[ $output == "it running" ]]
	run gabion ps -q --filter name=nothing
	[[ -z $output ]]
	run gabion ps -q --filter colour=red
	[[ $status == 125 ]]
	gabion kill it
	run gabion ps -q
	[[ -z $output ]]
	run gabion ps -a
	[[ $output == *"Exited (137)"* ]]
}

@test "logs: both streams, --tail, --follow, json lines in the file" {
	wait_for grep -q err "$WORK/data/containers/$(cat "$WORK/id")/container.log"
	run --separate-stderr gabion logs it
	[[ $output == out && $stderr == err ]]
	run gabion logs -n 1 it
	[[ ${#lines[@]} == 1 ]]
	run jq -r '.stream + " " + .log' "$WORK/data/containers/$(cat "$WORK/id")/container.log"
	[[ $output == *"stdout out"* ]]
	(sleep 0.3; gabion kill it >/dev/null) &
	run timeout 5 "$BUILD/gabion" --data "$WORK/data" --root "$WORK/run" logs -f it
	wait
	[[ $status == 0 && $output == *out* ]]
}

@test "exec: status, user, environment, directory, standard input" {
	run gabion exec it sh -c 'exit 3'
	[[ $status == 3 ]]
	run gabion exec -u user -e X=y -w /tmp it sh -c 'echo "$(id -u) $X $PWD"'
	[[ $output == "1000 y /tmp" ]]
	run gabion exec -i it cat <<<"through"
	[[ $output == through ]]
	run -127 gabion exec it nosuch
	run gabion exec it /etc/passwd
	[[ $status == 126 ]]
	run gabion exec it grep Seccomp: /proc/self/status
	[[ $output == *2 ]]
}

@test "stop sends the signal, then kills" {
	run gabion stop it
	[[ $status == 0 ]]
	[[ $(gabion inspect -f '{{.State.ExitCode}}' it) == 143 ]]
	gabion rm it
	gabion run -q -d --network none --name it "$WORK/root" sleep 60 # ignores TERM, being process 1
	run gabion stop -t 0 it
	[[ $(gabion inspect -f '{{.State.ExitCode}}' it) == 137 ]]
}

@test "kill by name and number of the signal" {
	gabion kill -s TERM it
	wait_for is_exited
	[[ $(gabion inspect -f '{{.State.ExitCode}}' it) == 143 ]]
	run gabion kill it
	[[ $status == 1 && $output == *"not running"* ]]
	run gabion kill -s NONSENSE it
	[[ $status == 1 ]]
}

@test "a container that has ended starts again" {
	gabion kill it
	run gabion start it
	[[ $output == it ]]
	[[ $(gabion inspect -f '{{.State.Running}}' it) == true ]]
	run gabion start it
	[[ $status == 125 && $output == *"is running"* ]]
}

@test "pause and unpause" {
	run gabion pause it
	[[ $status == 0 ]]
	[[ $(gabion inspect -f '{{.State.Status}}' it) == paused ]]
	run gabion unpause it
	[[ $(gabion inspect -f '{{.State.Status}}' it) == running ]]
	gabion pause it
	run timeout 10 "$BUILD/gabion" --data "$WORK/data" --root "$WORK/run" rm -f it
	[[ $status == 0 ]]
}

@test "rm: not while it runs, unless forced; nothing is left" {
	run gabion rm it
	[[ $status == 1 && $output == *"it is running"* ]]
	run gabion rm -f it
	[[ $status == 0 ]]
	[[ -z $(ls "$WORK/data/containers") && -z $(ls "$WORK/data/names") ]]
	run gabion rm it
	[[ $status == 1 ]]
	run gabion rm -f it
	[[ $status == 0 ]]
}

@test "a monitor that is killed leaves nothing that rm -f cannot clear" {
	kill -9 "$(jq .MonitorPid "$WORK/data/containers/$(cat "$WORK/id")/state.json")"
	sleep 0.1
	run gabion ps -a --format '{{.State}}'
	[[ $output == dead ]]
	run gabion rm -f it
	[[ $status == 0 ]]
	[[ -z $(ls "$WORK/data/containers") ]]
	[[ -z $(ls "$WORK/run") ]]
}

@test "wait prints the status" {
	(sleep 0.2; gabion kill it >/dev/null) &
	run gabion wait it
	wait
	[[ $output == 137 ]]
}

@test "inspect has Docker's names" {
	run gabion inspect it
	local key
	for key in .Id .Name .Created .Path .Args .State.Pid .Image .HostConfig.SecurityOpt \
		.HostConfig.CapAdd .HostConfig.Privileged .Config.Env .Config.Labels .Mounts \
		.NetworkSettings.Ports .AppArmorProfile .ProcessLabel .MountLabel .EffectiveCaps; do
		[[ $(jq "(.[0] | path($key)) as \$p | .[0] | getpath(\$p) != null or ($key == null)" \
			<<<"$output") == true ]]
	done
	[[ $(jq -r '.[0].Name' <<<"$output") == /it ]]
}

@test "walls: what the kernel says is in force" {
	run gabion walls it
	[[ $status == 0 ]]
	[[ $output == *"seccomp"*"filter (1)"* ]]
	[[ $output == *"namespaces"*"mount pid network ipc uts cgroup"* ]]
	gabion kill it
	run gabion walls it
	[[ $status == 125 && $output == *"not running"* ]]
}

@test "top and stats" {
	run gabion top it
	[[ $output == *gabion-init* ]]
	run gabion stats it
	[[ $output == *"CONTAINER ID"*it* ]]
}

@test "-it: a terminal of the right size, detach keys, attach again" {
	run python3 "$BATS_TEST_DIRNAME/terminal.py" "$BUILD/gabion" "$WORK"
	echo "$output"
	[[ $status == 0 ]]
}

@test "host says what is there and how to get what is not" {
	run gabion host
	[[ $status == 0 && $output == *"seccomp filter"*yes* ]]
	run gabion host --json
	[[ $(jq -r '.facts | length' <<<"$output") -ge 8 ]]
}
