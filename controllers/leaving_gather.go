package controllers

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// askLeavingEvery is how often pods that the Service has left are asked whether they have
// clients.
const askLeavingEvery = 5 * time.Second

// farewells are what pods have said that the Service has left: of client.ObjectKey, farewell.
// One instance is reconciled by one goroutine at a time, which alone uses its own.
type farewells struct{ all sync.Map }

type farewell struct {
	clients map[string]int64 // by names of pods
	asked   time.Time
}

// gatherSlices reads the slices of pods that the Service has left: from the cache alone, since
// few instances have any. Where it is late, the API server refuses to make one twice.
func (r *Reconciler) gatherSlices(o *observed, read func(string, client.Object, ...client.Reader) bool) {
	for i, family := range families {
		o.leaving.slices[i] = found(read, leavingName(o.instance, family), &discoveryv1.EndpointSlice{}, r.Client)
	}
}

// gatherLeaving finds the pods that the Service has left, or is about to leave, and asks those
// that it has left whether they have clients.
func (r *Reconciler) gatherLeaving(ctx context.Context, o *observed) error {
	a := o.instance
	key, was := client.ObjectKeyFromObject(a), leftBefore(o)
	if was == nil && !moves(o) {
		r.farewells.all.Delete(key)
		return nil
	}
	labels := selector(a)
	if front(o)[labelComponent] == componentOrigin {
		labels = edgeSelector(a)
	}
	var pods corev1.PodList
	if err := r.List(ctx, &pods, client.InNamespace(a.Namespace), client.MatchingLabels(labels)); err != nil {
		return fmt.Errorf("list the pods that the Service of %s/%s leads to no more: %w", a.Namespace, a.Name, err)
	}
	o.leaving.pods = pods.Items
	if was == nil || moves(o) {
		return nil // they have clients, or have had them until now
	}
	last, _ := r.farewells.all.Load(key)
	said, _ := last.(farewell)
	if since := o.now.Sub(said.asked); since >= askLeavingEvery || since < 0 {
		said = farewell{r.askClients(ctx, pods.Items), o.now}
		r.farewells.all.Store(key, said)
	}
	o.leaving.clients = said.clients
	return nil
}

// askClients asks pods how many clients are connected to them.
func (r *Reconciler) askClients(ctx context.Context, pods []corev1.Pod) map[string]int64 {
	if r.Clients != nil {
		return askPods(ctx, pods, r.Clients)
	}
	return askPods(ctx, pods, directClients)
}

// directClients asks a media server how many connections clients have to it.
func directClients(ctx context.Context, address string) (int64, error) {
	return askMetrics(ctx, address, readDirect)
}

// readDirect reads that of what a server says, in the text format of Prometheus.
func readDirect(metrics io.Reader) (int64, error) {
	const name = "flashpod_direct_connections"
	all, err := figuresOf(metrics, name)
	return int64(all[name]), err
}
