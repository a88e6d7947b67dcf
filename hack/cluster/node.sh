#!/usr/bin/env bash
# node.sh: the node itself, started by cluster.sh as the first process of its own PID, mount and network namespaces.
# When it ends, however it ends, the kernel ends every process and undoes every mount of the cluster with it.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
: "${KUBE:?}" "${ETCD:?}" "${COREDNS:?}" "${NETPOL:?}" "${CLOUD:?}"

# What these programs write in fixed places belongs to the node, not to the machine.
mount --make-rprivate /
for dir in /run /var/lib /var/log; do mount -t tmpfs -o mode=755 node "$dir"; done
mount --make-rshared / # kubelet passes mounts on to pods
mkdir -p /run/netns /run/lock

ip link set lo up
ip link add node0 type bridge # a bridge without ports: an address of the node, on machines without the dummy device
ip address add "$node_address/24" dev node0
ip link set node0 up
ip route add default dev node0
sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0

# run NAME COMMAND...: in the background, output to a log of its own; how it ended, should it end, to NAME.ended.
run() {
	local name=$1 code=0
	shift
	{ "$@" || code=$?; echo "$code" >"$state/$name.ended"; } >"$state/log/$name.log" 2>&1 </dev/null &
}
# ready NAME COMMAND...: waits until the command succeeds. cluster.sh up has the patience, and gives up.
ready() {
	local name=$1
	shift
	until "$@" >/dev/null 2>&1; do
		[[ ! -e $state/$name.ended ]] || return 1
		sleep 0.2
	done
}

# hand_over: the first packet of each connection goes to netpol, which says whether it may be. Its own rules do that, unless the
# kernel has no nft_queue: then iptables does, whose NFQUEUE is another part of the kernel, and netpol's log says that its rules
# were not taken. Programs of root on the node (kubelet probes pods) are not held, here as there; and packets are looked at where the
# destination is the one behind a Service and the source still the client's own.
hand_over() {
	if nft add table inet probe '{ chain c { type filter hook postrouting priority 0; queue num 1; }; }' 2>/dev/null; then
		nft delete table inet probe
		return
	fi
	iptables -t mangle -A POSTROUTING -j NFQUEUE --queue-num "$queue" --queue-bypass &&
		iptables -t mangle -I POSTROUTING -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN &&
		iptables -t mangle -I POSTROUTING -m owner --uid-owner 0 -j RETURN
}
queue=100

run etcd "$ETCD" --data-dir "$state/etcd" --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
	--listen-peer-urls http://127.0.0.1:2380 --unsafe-no-fsync
run containerd containerd --config "$state/containerd.toml"
run kube-apiserver "$KUBE" kube-apiserver --etcd-servers=http://127.0.0.1:2379 --bind-address=0.0.0.0 --advertise-address="$node_address" \
	--service-cluster-ip-range="$service_network" --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged \
	--client-ca-file="$pki/ca.crt" --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" \
	--service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$pki/sa.pub" --service-account-signing-key-file="$pki/sa.key" \
	--kubelet-client-certificate="$pki/admin.crt" --kubelet-client-key="$pki/admin.key" --kubelet-preferred-address-types=InternalIP
ready containerd ctr -a "$socket" version
for tar in "$state"/images/*.tar; do ctr -a "$socket" -n k8s.io images import "$tar" >"$state/log/images.log"; done
ready kube-apiserver "$KUBE" kubectl --kubeconfig "$pki/admin.conf" get --raw /readyz
run kube-controller-manager "$KUBE" kube-controller-manager --kubeconfig="$pki/admin.conf" --leader-elect=false --use-service-account-credentials \
	--service-account-private-key-file="$pki/sa.key" --root-ca-file="$pki/ca.crt"
run kube-scheduler "$KUBE" kube-scheduler --kubeconfig="$pki/admin.conf" --leader-elect=false
run kubelet "$KUBE" kubelet --config="$state/kubelet.yaml" --kubeconfig="$pki/kubelet.conf" --root-dir="$state/kubelet" --hostname-override=node1 --node-ip="$node_address"
run kube-proxy "$KUBE" kube-proxy --config="$state/kube-proxy.yaml"
if hand_over; then
	run netpol "$NETPOL" --kubeconfig="$pki/admin.conf" --node=node1 --queue="$queue"
else
	echo "this kernel has neither nft_queue nor xt_NFQUEUE: NetworkPolicies are not enforced" | tee "$state/unguarded"
fi
run coredns "$COREDNS" -conf "$state/Corefile"
run cloud "$CLOUD" --kubeconfig="$pki/admin.conf" --volumes="$state/volumes"

while :; do # as the first process of its namespace it reaps what others leave
	wait -n || true
	sleep 1
done
