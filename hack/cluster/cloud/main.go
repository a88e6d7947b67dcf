package main

import (
	"flag"
	"fmt"
	"log/slog"
	"net/netip"
	"os"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"
	metrics "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

func main() {
	volumes := flag.String("volumes", "", "the `folder` that holds the volumes")
	node := flag.String("node", "node1", "the `name` of the node that the folder is on")
	first := flag.String("first-address", "10.200.0.101", "the first load balancer `address`")
	last := flag.String("last-address", "10.200.0.250", "the last load balancer `address`")
	flag.Parse()
	if err := run(*volumes, *node, *first, *last); err != nil {
		fmt.Fprintln(os.Stderr, "cloud:", err)
		os.Exit(1)
	}
}

func run(volumes, node, first, last string) error {
	ctrl.SetLogger(logr.FromSlogHandler(slog.NewTextHandler(os.Stderr, nil)))
	pool, err := newPool(first, last)
	if err != nil {
		return err
	}
	config, err := ctrl.GetConfig() // from --kubeconfig, a flag of controller-runtime's own
	if err != nil {
		return fmt.Errorf("read kubeconfig: %w", err)
	}
	manager, err := ctrl.NewManager(config, ctrl.Options{Metrics: metrics.Options{BindAddress: "0"}})
	if err != nil {
		return fmt.Errorf("connect to the API server: %w", err)
	}
	if err := (&loadBalancers{Client: manager.GetClient(), pool: pool}).setup(manager); err != nil {
		return fmt.Errorf("set up load balancers: %w", err)
	}
	if err := (&provisioner{Client: manager.GetClient(), dir: volumes, node: node}).setup(manager); err != nil {
		return fmt.Errorf("set up volumes: %w", err)
	}
	return manager.Start(ctrl.SetupSignalHandler())
}

// pool is the range of addresses that load balancers get, one after another: one that was
// given back may still lead to a pod that goes, and is the last to be given again.
type pool struct {
	first, last netip.Addr
	given       netip.Addr // the last that was; invalid: none yet
}

func newPool(first, last string) (pool, error) {
	f, err := netip.ParseAddr(first)
	if err != nil {
		return pool{}, fmt.Errorf("first address: %w", err)
	}
	l, err := netip.ParseAddr(last)
	if err != nil {
		return pool{}, fmt.Errorf("last address: %w", err)
	}
	if f.Is4() != l.Is4() || l.Less(f) {
		return pool{}, fmt.Errorf("addresses %s to %s: the last must not be before the first", first, last)
	}
	return pool{first: f, last: l}, nil
}

// next is the first address behind the one given last that is not taken, and the first of
// the pool behind its last; false when there is none.
func (p *pool) next(taken map[netip.Addr]bool) (netip.Addr, bool) {
	free := func(from, to netip.Addr) (netip.Addr, bool) {
		for a := from; a.IsValid() && !to.Less(a); a = a.Next() {
			if !taken[a] {
				p.given = a
				return a, true
			}
		}
		return netip.Addr{}, false
	}
	if p.given.IsValid() {
		if a, ok := free(p.given.Next(), p.last); ok {
			return a, true
		}
	}
	return free(p.first, p.last)
}
