#!/usr/bin/env bash
# cluster.sh: a real one-node Kubernetes for development, from source, without Docker or a registry. As root.
#
#   up                 build what is missing, start the node, wait until it is ready (again: does nothing)
#   down               end it and leave nothing behind but its logs
#   with COMMAND...    run a command with the cluster up; down afterwards, unless it was up before
#   status             what runs; exit status 1 when the cluster is not up
#   load-image TAR...  make the images of docker-archive or OCI tar files known to the node
#   kubectl ARG...     the cluster's own kubectl
#   exec COMMAND...    run a command in the cluster's network, where Services, LoadBalancer addresses and pods are reached, with
#                      kubectl in its PATH, KUBECONFIG, and FLASHPOD_VOLUMES naming the folder that holds the volumes
#   guarded            says why, with exit status 1, where the kernel cannot enforce NetworkPolicies
#   logs [NAME]        the log of one of the node's programs, or what logs there are
#
# Everything is under ${XDG_CACHE_HOME:-~/.cache}/flashpod/cluster (FLASHPOD_CLUSTER_DIR sets another place).
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cgroup=flashpod-cluster
# Kernel settings of the whole machine that kubelet changes; down puts them back.
kernel_settings=(vm.overcommit_memory kernel.panic kernel.panic_on_oops kernel.keys.root_maxkeys kernel.keys.root_maxbytes)

need_root() { [[ $EUID -eq 0 ]] || fail "\"$1\" needs root: the node has namespaces, mounts and control groups of its own"; }

# node_pid: the process that holds the node, when there is one.
node_pid() {
	local pid
	pid=$(cat "$state/node.pid" 2>/dev/null) || return 1
	[[ -r /proc/$pid/cmdline ]] && tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q node.sh && echo "$pid"
}

inside() { nsenter --net="/run/netns/$netns" "$@"; }
kubectl() { inside "$KUBE" kubectl --kubeconfig "$pki/admin.conf" "$@"; }

# cgroup_dirs: our control group in each hierarchy (cgroup v1), or in the only one (v2).
cgroup_dirs() {
	if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
		echo "/sys/fs/cgroup/$cgroup"
	else
		awk '$3 ~ "^cgroup2?$" && $2 ~ "^/sys/fs/cgroup/" {print $2 "/'"$cgroup"'"}' /proc/mounts
	fi
}

up() {
	need_root up
	if node_pid >/dev/null; then
		echo "the cluster is up"
		return
	fi
	case $state in /run/* | /var/*) fail "state folder $state: the node hides /run and /var from its programs; set FLASHPOD_CLUSTER_DIR to another place" ;; esac
	"$root/hack/tools/packages.sh" node
	[[ -z $(ip netns pids "$netns" 2>/dev/null) ]] || fail "network namespace $netns is in use: a cluster that another state folder knows is up; its own \"down\" ends it"
	clear_remains
	mkdir -p "$state"/{log,images,bin}
	KUBE=$("$here/build.sh" kube) ETCD=$("$here/build.sh" etcd) COREDNS=$("$here/build.sh" coredns) NETPOL=$("$here/build.sh" netpol)
	CLOUD=$state/bin/cloud
	ln -sfn "$KUBE" "$state/bin/kubectl"
	CGO_ENABLED=0 go -C "$root" build -o "$CLOUD" ./hack/cluster/cloud
	pause_tar

	echo "starting the cluster"
	# shellcheck source=pki.sh
	. "$here/pki.sh"
	# shellcheck source=config.sh
	. "$here/config.sh"
	make_pki "$pki" 127.0.0.1 "$api_address" "$node_address"
	write_config
	sysctl "${kernel_settings[@]}" 2>/dev/null | tr -d ' ' >"$state/sysctl"
	cgroup_dirs | xargs mkdir -p
	ip netns add "$netns"
	# Nothing of the caller's stays open in what runs on: no terminal, no pipe that somebody waits on.
	KUBE=$KUBE ETCD=$ETCD COREDNS=$COREDNS NETPOL=$NETPOL CLOUD=$CLOUD \
		setsid nsenter --net="/run/netns/$netns" unshare --pid --fork --kill-child --mount --mount-proc "$here/node.sh" \
		</dev/null >"$state/log/node.log" 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
	echo $! >"$state/node.pid"
	disown # its end is not for the shell to report
	if ! wait_until_ready; then
		why
		fail "it did not become ready; logs are in $state/log, \"cluster.sh down\" ends it"
	fi
	kubectl get nodes -o wide
}

# pause_tar: the image of the container that holds a pod's namespaces.
pause_tar() {
	CGO_ENABLED=0 go -C "$root" build -trimpath -buildvcs=false -ldflags "-s -w" -o "$state/bin/pause" ./hack/cluster/pause
	go -C "$root/hack/image" run . -tag "$pause_image" -binary "$state/bin/pause" -path /pause -out "$state/images/pause.tar"
}

# await SECONDS COMMAND...: until it succeeds, or the time is over, or the node is gone.
await() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		((SECONDS < end)) && node_pid >/dev/null || return 1
		sleep 0.3
	done
}

wait_until_ready() {
	await 60 kubectl get --raw /readyz &&
		await 20 kubectl apply -f "$here/manifests" &&
		await 60 kubectl get serviceaccount default &&
		await 90 kubectl wait --for=condition=Ready node/node1 --timeout=10s &&
		await 30 inside curl -fsS http://127.0.0.1:8181/ready
}

# why: what the log of a program that ended says last.
why() {
	local ended name
	for ended in "$state"/*.ended; do
		[[ -e $ended ]] || continue
		name=$(basename "$ended" .ended)
		echo "cluster: $name ended with status $(cat "$ended"):" >&2
		tail -n 5 "$state/log/$name.log" >&2
	done
	tail -n 5 "$state/log/node.log" >&2
}

# with COMMAND...: up, the command, and down whatever becomes of it.
with() {
	need_root with
	if ! node_pid >/dev/null; then
		trap 'down >/dev/null' EXIT
		trap 'exit 130' INT TERM
	fi
	up
	"$@"
}

down() {
	need_root down
	local pid
	if pid=$(node_pid); then
		kill -KILL "$pid" # --kill-child: the node's first process goes with it, and with that one everything in its namespaces
		while [[ -e /proc/$pid ]]; do sleep 0.1; done
	fi
	clear_remains
	echo "the cluster is down"
}

# clear_remains: whatever a node that is gone left on the machine.
clear_remains() {
	local dir setting
	for dir in $(cgroup_dirs); do
		[[ -d $dir ]] || continue
		for _ in $(seq 50); do # the kernel takes a moment to bury the dead
			find "$dir" -depth -type d -exec rmdir {} + 2>/dev/null || true
			[[ ! -d $dir ]] && break
			sleep 0.2
		done
		[[ ! -d $dir ]] || echo "cluster: control group $dir still has processes" >&2
	done
	if [[ -e /run/netns/$netns ]]; then
		for _ in $(seq 50); do
			[[ -n $(ip netns pids "$netns") ]] || break
			sleep 0.2
		done
		if [[ -z $(ip netns pids "$netns") ]]; then
			ip netns delete "$netns"
		else
			echo "cluster: network namespace $netns is still in use by processes $(ip netns pids "$netns" | tr '\n' ' ')" >&2
		fi
	fi
	if [[ -d /run/netns && -z $(ls -A /run/netns) ]]; then # ip made it, and a mount point of it
		umount /run/netns 2>/dev/null || true
		rmdir /run/netns
	fi
	if [[ -s $state/sysctl ]]; then
		while read -r setting; do sysctl -qw "$setting" || true; done <"$state/sysctl"
	fi
	[[ ! -d $state ]] || find "$state" -mindepth 1 -maxdepth 1 ! -name log -exec rm -rf {} +
}

status() {
	local pid
	if ! pid=$(node_pid); then
		echo "the cluster is down"
		return 1
	fi
	echo "state    $state"
	echo "network  /run/netns/$netns"
	why 2>&1 | grep ended || true
	kubectl get nodes -o wide
}

load_image() {
	need_root load-image
	node_pid >/dev/null || fail "load-image: the cluster is down; \"cluster.sh up\" starts it"
	[[ $# -gt 0 ]] || fail "load-image: which tar file?"
	local tar
	for tar in "$@"; do
		[[ -r $tar ]] || fail "load-image: cannot read $tar"
		ctr -a "$socket" -n k8s.io images import "$tar"
	done
}

need_up() {
	need_root "$1"
	node_pid >/dev/null || fail "$1: the cluster is down; \"cluster.sh up\" starts it"
}

command=${1:-help}
[[ $# -eq 0 ]] || shift
[[ $command == up || ! -e $state/bin/kubectl ]] || KUBE=$(readlink "$state/bin/kubectl")
case $command in
up) up ;;
down) down ;;
with) with "$@" ;;
status) status ;;
load-image) load_image "$@" ;;
kubectl)
	need_up kubectl
	kubectl "$@"
	;;
exec)
	need_up exec
	KUBECONFIG=$pki/admin.conf FLASHPOD_VOLUMES=$state/volumes PATH=$state/bin:$PATH exec nsenter --net="/run/netns/$netns" "$@"
	;;
guarded)
	need_up guarded
	if [[ -e $state/unguarded ]]; then
		cat "$state/unguarded"
		exit 1
	fi
	;;
logs)
	if [[ $# -gt 0 ]]; then cat "$state/log/$1.log"; else ls "$state/log"; fi
	;;
help | -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" ;;
*) fail "no command \"$command\"; \"cluster.sh help\" lists them" ;;
esac
