package controllers

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// askEdgesEvery is how often edges are asked how much they have to do, and askAtOnce
	// how many of them at a time.
	askEdgesEvery = 15 * time.Second
	askAtOnce     = 16
	// askAllTime bounds asking all of them.
	askAllTime = 20 * time.Second
)

// edgeLoad is what a media server says of itself.
type edgeLoad struct {
	connections int64         // of clients, now
	sentBytes   uint64        // to clients, since it started
	roundTime   time.Duration // to give all players what has come
}

// gatherEdges reads what there is of edges: past the cache only where some are wanted.
func (r *Reconciler) gatherEdges(o *observed, read func(string, client.Object, ...client.Reader) bool) {
	a, e := o.instance, &o.edges
	from := []client.Reader{r.Client}
	if a.Spec.Edges != nil {
		from = append(from, r.APIReader)
	}
	e.deployment = found(read, edgesName(a), &appsv1.Deployment{}, from...)
	e.budget = found(read, edgesName(a), &policyv1.PodDisruptionBudget{}, from...)
	e.policy = found(read, edgesPolicyName(a), &networkingv1.NetworkPolicy{}, from...)
	if takesLinks(a) {
		e.freshKey = freshLinkKey()
		e.link = found(read, linkName(a), &corev1.Secret{}, r.APIReader)
	}
	r.gatherReach(o, read)
}

// countEdges has the autoscaler decide, and looks at the pods where it, or a choice among
// them, needs that.
func (r *Reconciler) countEdges(ctx context.Context, o *observed) error {
	a, e := o.instance, &o.edges
	key := client.ObjectKeyFromObject(a)
	if a.Spec.Edges == nil || o.rests() || e.standing.deployment != ours {
		r.scalers.forget(key)
		return nil
	}
	scaling := a.Spec.Edges.Autoscaling
	if scaling == nil {
		r.scalers.forget(key)
		if edgesWanted(o) >= edgesNow(o) {
			return nil
		}
	}
	var pods corev1.PodList
	if err := r.List(ctx, &pods, client.InNamespace(a.Namespace), client.MatchingLabels(edgeSelector(a))); err != nil {
		return fmt.Errorf("list the edges of %s/%s: %w", a.Namespace, a.Name, err)
	}
	e.pods = pods.Items
	if scaling == nil {
		e.loads = r.askEdges(ctx, e.pods)
		return nil
	}
	s := r.scalers.of(key)
	if o.now.Sub(s.asked) >= askEdgesEvery || s.asked.After(o.now) {
		was, since := s.loads, o.now.Sub(s.asked)
		s.loads, s.asked = r.askEdges(ctx, e.pods), o.now
		s.origin = -1
		if o.pod != nil && o.pod.Status.PodIP != "" && podReady(o.pod) {
			if n, err := r.sessions(ctx, o.pod.Status.PodIP); err == nil {
				s.origin = int64(n)
			}
		}
		s.decide(scaling, audienceOf(e.pods, s.loads, was, since, s.origin), edgesNow(o), o.now)
	}
	e.loads, e.counted = s.loads, &s.wanted
	return nil
}

// askEdges asks all pods that take connections.
func (r *Reconciler) askEdges(ctx context.Context, pods []corev1.Pod) map[string]edgeLoad {
	ask := r.Edges
	if ask == nil {
		ask = loadOf
	}
	taking := slices.DeleteFunc(slices.Clone(pods), func(pod corev1.Pod) bool { return !podReady(&pod) || pod.DeletionTimestamp != nil })
	return askPods(ctx, taking, ask)
}

// loadOf reads the metrics of an edge.
func loadOf(ctx context.Context, address string) (edgeLoad, error) {
	return askMetrics(ctx, address, readLoad)
}

// readLoad reads what an edge says, in the text format of Prometheus.
func readLoad(metrics io.Reader) (edgeLoad, error) {
	const connections, sent, round = "flashpod_edge_connections", "flashpod_edge_sent_bytes_total", "flashpod_edge_round_seconds"
	all, err := figuresOf(metrics, connections, sent, round)
	return edgeLoad{
		connections: int64(all[connections]), sentBytes: uint64(all[sent]),
		roundTime: time.Duration(all[round] * float64(time.Second)),
	}, err
}
