#!/usr/bin/env bats
# The private network through pasta, and the others.
bats_require_minimum_version 1.5.0
load lib

needs_pasta() {
	command -v pasta >/dev/null || skip "pasta is not installed"
}

@test "none has lo alone, host has the host's" {
	run gabion run -q --rm --network none "$WORK/root" ls /sys/class/net
	[[ $output == lo ]]
	run gabion run -q --rm --network host "$WORK/root" readlink /proc/self/ns/net
	[[ $output == "$(readlink /proc/self/ns/net)" ]]
	run gabion run -q --rm --network nonsense "$WORK/root" true
	[[ $status == 125 ]]
}

@test "private: an interface with an address, not the host's namespace" {
	needs_pasta
	run gabion run -q --rm "$WORK/root" sh -c 'ls /sys/class/net; readlink /proc/self/ns/net'
	[[ ${#lines[@]} == 3 && $output != *"$(readlink /proc/self/ns/net)"* ]]
}

@test "-p: from the host's port to the container's" {
	needs_pasta
	gabion run -q -d --name served -p 127.0.0.1:28080:80 "$WORK/root" \
		sh -c 'while :; do echo served | nc -l -p 80; done'
	reach() { [[ $(timeout 2 socat - TCP:127.0.0.1:28080 </dev/null) == served ]]; }
	wait_for reach
	run gabion ps
	[[ $output == *"127.0.0.1:28080->80/tcp"* ]]
	run gabion run -q --rm --network container:served "$WORK/root" ls /sys/class/net
	[[ ${#lines[@]} == 2 ]]
	gabion rm -f served
	run socat - TCP:127.0.0.1:28080
	[[ $status != 0 ]]
}

@test "the host's loopback is not reached from inside" {
	needs_pasta
	timeout 10 socat TCP-LISTEN:28081,bind=127.0.0.1,fork,reuseaddr SYSTEM:'echo secret' 3>&- &
	local listener=$!
	run gabion run -q --rm "$WORK/root" \
		sh -c 'gateway=$(ip route | grep default | head -n 1); set -- $gateway; nc -w 1 $3 28081'
	kill $listener
	[[ $output != *secret* ]]
}

@test "-p: what is wrong is said" {
	local bad
	for bad in 0 99999 a 1:2:3:4:5 80/icmp 1-3:5-6; do
		run gabion run -q --rm -p "$bad" "$WORK/root" true
		[[ $status == 125 ]]
	done
}
