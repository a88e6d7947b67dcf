# shellcheck shell=bash disable=SC2034 # the variables are for those who source it
# lib.sh, sourced by cluster.sh and node.sh: where things are, and the cluster's addresses.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

# Everything a running cluster writes is under this folder, outside the checkout.
state=${FLASHPOD_CLUSTER_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/flashpod/cluster}
# The network namespace that holds node, pods and services: nothing in it reaches the outside, nor the outside it.
netns=${FLASHPOD_CLUSTER_NETNS:-flashpod}

node_address=10.200.0.1
node_network=10.200.0.0/24 # LoadBalancer addresses, 10.200.0.101 upwards, are handed out from it too
pod_network=10.244.0.0/24
service_network=10.96.0.0/16
dns_address=10.96.0.10
api_address=10.96.0.1

pki=$state/pki
socket=$state/containerd.sock
pause_image=flashpod.dev/pause:dev

fail() {
	echo "cluster: $*" >&2
	exit 1
}
