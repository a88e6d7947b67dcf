package controllers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
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

// askEdges asks all pods that take connections. Those that do not answer are left out.
func (r *Reconciler) askEdges(ctx context.Context, pods []corev1.Pod) map[string]edgeLoad {
	ctx, cancel := context.WithTimeout(ctx, askAllTime)
	defer cancel()
	ask := r.Edges
	if ask == nil {
		ask = loadOf
	}
	var mu sync.Mutex // nothing else is taken, and nobody called, while it is held
	all := map[string]edgeLoad{}
	var asking sync.WaitGroup
	places := make(chan struct{}, askAtOnce)
	for i := range pods {
		pod := &pods[i]
		if !podReady(pod) || pod.Status.PodIP == "" || pod.DeletionTimestamp != nil {
			continue
		}
		places <- struct{}{}
		asking.Go(func() {
			defer func() { <-places }()
			load, err := ask(ctx, pod.Status.PodIP)
			if err != nil {
				log.FromContext(ctx).V(1).Info("an edge does not tell how much it has to do", "pod", pod.Name, "err", err.Error())
				return
			}
			mu.Lock()
			all[pod.Name] = load
			mu.Unlock()
		})
	}
	asking.Wait()
	return all
}

// loadOf reads the metrics of an edge.
func loadOf(ctx context.Context, address string) (load edgeLoad, err error) {
	err = askServer(ctx, address, pathMetrics, metricsSize, func(text io.Reader) error { load, err = readLoad(text); return err })
	return load, err
}

// readLoad reads what an edge says, in the text format of Prometheus.
func readLoad(metrics io.Reader) (load edgeLoad, err error) {
	seen := false
	lines := bufio.NewScanner(metrics)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if !strings.HasPrefix(name, "flashpod_edge_") {
			continue
		}
		n, err := figureOf(name, value)
		if err != nil {
			return load, err
		}
		switch name {
		case "flashpod_edge_connections":
			load.connections, seen = int64(n), true
		case "flashpod_edge_sent_bytes_total":
			load.sentBytes = uint64(n)
		case "flashpod_edge_round_seconds":
			load.roundTime = time.Duration(n * float64(time.Second))
		}
	}
	switch {
	case lines.Err() != nil:
		return load, lines.Err()
	case !seen:
		return load, errors.New("no flashpod_edge_connections")
	}
	return load, nil
}
