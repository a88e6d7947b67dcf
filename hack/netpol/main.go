// Command netpol enforces NetworkPolicies on the development node: sigs.k8s.io/kube-network-policies, whose own program
// takes its kubeconfig from a pod alone, while here it runs as a program of the node, like kube-proxy.
//
// The kernel hands the first packet of each connection to it (NFQUEUE) and it says whether the connection may be. The rules
// that hand them over are its own nftables rules, or, on a kernel without nft_queue, those of node.sh.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/kube-network-policies/pkg/networkpolicy"
)

func main() {
	kubeconfig := flag.String("kubeconfig", "", "the `file` that says how to reach the API server")
	node := flag.String("node", "node1", "the `name` of the node whose pods are guarded")
	queue := flag.Int("queue", 100, "the `number` of the kernel's queue")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *kubeconfig, *node, *queue); err != nil {
		fmt.Fprintln(os.Stderr, "netpol:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, kubeconfig, node string, queue int) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return fmt.Errorf("read kubeconfig: %w", err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("connect to the API server: %w", err)
	}
	objects := informers.NewSharedInformerFactory(client, 0)
	controller, err := networkpolicy.NewController(client,
		objects.Networking().V1().NetworkPolicies(), objects.Core().V1().Namespaces(), objects.Core().V1().Pods(),
		nil, nil, nil, nil, // nodes and AdminNetworkPolicies: not used
		// An enforcer that has ended stops no other work on a development node: tests that need it fail by themselves.
		networkpolicy.Config{NodeName: node, QueueID: queue, FailOpen: true})
	if err != nil {
		return fmt.Errorf("set up the enforcer: %w", err)
	}
	objects.Start(ctx.Done())
	if err := controller.Run(ctx); err != nil {
		return fmt.Errorf("enforce: %w", err)
	}
	return nil
}
