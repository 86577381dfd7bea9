# shellcheck shell=bash disable=SC2034,SC2154 # shared with lib.sh
# A Docker daemon in the box, with our runtime as its default, and an image `bb` of busybox.
PATH=/usr/bin:/usr/sbin:/bin:/sbin
need dockerd docker docker-init iptables busybox script

engine_start()
{
	local programs=$R/programs
	# BuildKit does not ask the daemon's configuration: it looks for a program named runc.
	mkdir "$programs"
	ln -s "$runtime" "$programs/runc"
	printf '{"runtimes": {"tested": {"path": "%s"}}, "default-runtime": "tested"}\n' "$runtime" > "$R/daemon.json"
	boxed env PATH="$programs:$PATH" dockerd --config-file "$R/daemon.json" --data-root "$R/root" \
		--exec-root "$R/exec" --pidfile "$R/docker.pid" --host "unix://$R/docker.sock" \
		--cgroup-parent "/$parent" > "$R/log" 2>&1 < /dev/null &
	engine=(nsenter --target "$box" --mount --net --pid -- env "DOCKER_HOST=unix://$R/docker.sock"
		"DOCKER_CONFIG=$R/client" DOCKER_BUILDKIT=0 "$(command -v docker)")
	soon docker version || { note < "$R/log"; say "Bail out! dockerd does not start"; exit 1; }
	rootfs_make "$R/rootfs"
	tar -C "$R/rootfs" -cf "$R/rootfs.tar" .
	works 'import an image' docker import "$R/rootfs.tar" bb
}

engine_stop()
{
	local ids
	ids=$(docker ps -aq)
	# shellcheck disable=SC2086 # one word for each id
	[ -z "$ids" ] || docker rm -f $ids
	boxed sh -c "kill \$(cat '$R/docker.pid')"
	soon test ! -e "$R/docker.pid"
}

docker()
{
	run_engine "$@"
}

inspect() # CONTAINER TEMPLATE
{
	docker inspect --format "$2" "$1"
}

group_file() # TREE/FILE CONTAINER
{
	cat "/sys/fs/cgroup/${1%/*}/$parent/$(inspect "$2" '{{.Id}}')/${1#*/}"
}

no_groups()
{
	# BuildKit keeps its own, empty.
	! find /sys/fs/cgroup/*/"$parent" -mindepth 1 -type d ! -name buildkit | grep .
}
