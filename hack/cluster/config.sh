# shellcheck shell=bash disable=SC2154 # the variables are lib.sh's
# config.sh, sourced by cluster.sh: the configuration files of the node's programs.

# write_config: every file into $state.
write_config() {
	mkdir -p "$state"/{cni,volumes,kubelet}
	# Point-to-point links, not a bridge: pods reach one another through the node's routing, so kube-proxy's rules see every packet
	# without the br_netfilter kernel module.
	cat >"$state/cni/10-pods.conflist" <<-CONF
		{"cniVersion": "1.0.0", "name": "flashpod-pods", "plugins": [
		  {"type": "ptp", "ipMasq": false, "ipam": {"type": "host-local", "dataDir": "/run/cni", "ranges": [[{"subnet": "$pod_network"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
	CONF
	# restrict_oom_score_adj: a machine that is itself a container may not lower a score, and no sandbox would start.
	cat >"$state/containerd.toml" <<-CONF
		version = 2
		root = "$state/containerd"
		state = "/run/containerd"
		disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper"]
		[grpc]
		  address = "$socket"
		[plugins."io.containerd.grpc.v1.cri"]
		  restrict_oom_score_adj = true
		  sandbox_image = "$pause_image"
		  [plugins."io.containerd.grpc.v1.cri".cni]
		    bin_dir = "/usr/lib/cni"
		    conf_dir = "$state/cni"
	CONF
	# Images come from tar files and no registry has them: never collect one. cgroup v1 machines are welcome.
	cat >"$state/kubelet.yaml" <<-CONF
		apiVersion: kubelet.config.k8s.io/v1beta1
		kind: KubeletConfiguration
		authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $pki/ca.crt}}
		authorization: {mode: Webhook}
		containerRuntimeEndpoint: unix://$socket
		cgroupDriver: cgroupfs
		cgroupRoot: /$cgroup
		failCgroupV1: false
		failSwapOn: false
		enforceNodeAllocatable: []
		clusterDNS: [$dns_address]
		clusterDomain: cluster.local
		resolvConf: $state/resolv.conf
		podLogsDir: $state/log/pods
		evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%}
		imageGCHighThresholdPercent: 100
		imageGCLowThresholdPercent: 99
	CONF
	# The default of a second between two writes of the rules is for nodes with thousands of Services.
	cat >"$state/kube-proxy.yaml" <<-CONF
		apiVersion: kubeproxy.config.k8s.io/v1alpha1
		kind: KubeProxyConfiguration
		clientConnection: {kubeconfig: $pki/admin.conf}
		mode: nftables
		nftables: {minSyncPeriod: 100ms}
		hostnameOverride: node1
		clusterCIDR: $pod_network
		conntrack: {maxPerCore: 0}
	CONF
	echo "nameserver $dns_address" >"$state/resolv.conf"
	cat >"$state/Corefile" <<-CONF
		.:53 {
		  bind $node_address
		  errors
		  ready 127.0.0.1:8181
		  kubernetes cluster.local in-addr.arpa {
		    kubeconfig $pki/admin.conf
		    ttl 5
		  }
		}
	CONF
}
