// Package cluster tests the whole path on a real cluster: the operator is
// installed, instances are applied with kubectl, and ffmpeg and ffprobe use
// them through the load balancer's address, and web pages through an Ingress,
// whose controller nginx plays. `make test-e2e` starts a cluster and runs it
// there; it needs KUBECONFIG, and FLASHPOD_VOLUMES where the cluster keeps its
// volumes.
package cluster
