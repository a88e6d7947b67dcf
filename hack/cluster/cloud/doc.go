// Command cloud stands in, on the development cluster, for what a cloud does for a Kubernetes cluster: it gives every Service of
// type LoadBalancer an address and every claim of its storage class a volume, lets volumes grow, and removes them.
//
// hack/cluster starts it beside the node's programs. It is not part of the product, and the product does not know it: what works
// with this works with any load balancer and any provisioner that allows expansion.
package main
