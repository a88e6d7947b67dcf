//go:build envtest

package controllers

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// leaving is what is an endpoint of the Service though it does not lead there; nil: nothing.
func (w *world) leaving() *discoveryv1.EndpointSlice {
	w.t.Helper()
	s := &discoveryv1.EndpointSlice{}
	err := w.Get(context.Background(), client.ObjectKey{Namespace: w.ns, Name: "lobby.leaving-ipv4"}, s)
	if apierrors.IsNotFound(err) {
		return nil
	}
	w.must(err)
	return s
}

// stay are the pods that are to stay endpoints.
func (w *world) stay(pods ...string) {
	w.t.Helper()
	var got []string
	s := w.leaving()
	if s != nil {
		for _, e := range s.Endpoints {
			c := e.Conditions
			if value(c.Ready) || !value(c.Serving) || !value(c.Terminating) {
				w.t.Errorf("%s: %+v", e.TargetRef.Name, c)
			}
			got = append(got, e.TargetRef.Name+" "+e.Addresses[0])
		}
	}
	if len(got) != len(pods) {
		w.t.Errorf("%v stay endpoints, want %v", got, pods)
		return
	}
	for i := range got {
		if got[i] != pods[i] {
			w.t.Errorf("%v stay endpoints, want %v", got, pods)
		}
	}
}

// Edges come and go: what the Service has led to before stays an endpoint until its clients
// have gone, or its time is over, and nothing is written meanwhile.
func TestPodsThatTheServiceLeaves(t *testing.T) {
	w := newWorld(t)
	a := w.add("{application: a, edges: {}}")
	w.serve()
	w.podAddress("lobby-0")
	clients := map[string]int64{"192.0.2.7": 3}
	w.r.Clients = func(_ context.Context, address string) (int64, error) { return clients[address], nil }
	start := time.Now().Add(gatherFor)
	at := func(after time.Duration) {
		t.Helper()
		w.r.Now = func() time.Time { return start.Add(after) }
		w.settle()
	}
	replicas := func(n int32) { w.edit(func(a *v1alpha1.AppInstance) { a.Spec.Edges.Replicas = &n }) }
	at(0)
	w.leadsTo(componentOrigin)
	w.stay()

	// To two edges.
	replicas(2)
	at(time.Second)
	w.makeEdge("lobby-edge-1", "192.0.2.11")
	w.makeEdge("lobby-edge-2", "192.0.2.12")
	w.observeEdges(2)
	at(2 * time.Second)
	w.leadsTo(componentEdge)
	w.stay("lobby-0 192.0.2.7")
	s := w.leaving()
	if !metav1.IsControlledBy(s, a) || s.Labels[discoveryv1.LabelServiceName] != "lobby" || s.Labels[discoveryv1.LabelManagedBy] != FieldManager || value(s.Endpoints[0].NodeName) != "node1" {
		t.Errorf("%+v", s)
	}
	at(time.Minute)
	*w.writes = 0
	if again := w.reconcile().RequeueAfter; again <= 0 || again > askLeavingEvery {
		t.Errorf("looked at again in %v", again)
	}
	if *w.writes != 0 {
		t.Errorf("%d writes where nothing had changed", *w.writes)
	}

	// Another operator knows since when.
	w.restart()
	w.r.Clients = func(_ context.Context, address string) (int64, error) { return clients[address], nil }
	at(90 * time.Second)
	w.stay("lobby-0 192.0.2.7")
	at(2*time.Minute + 3*time.Second)
	w.stay()
	w.leadsTo(componentEdge)

	// Back to the origin: an edge with clients stays for them, one without does not.
	clients["192.0.2.11"] = 2
	replicas(0)
	at(3 * time.Minute)
	w.leadsTo(componentOrigin)
	w.stay("lobby-edge-1 192.0.2.11", "lobby-edge-2 192.0.2.12")
	at(3*time.Minute + 40*time.Second)
	w.stay("lobby-edge-1 192.0.2.11")
	// It ends by itself, and is not ready while it does.
	pod := read(w, "lobby-edge-1", &corev1.Pod{})
	w.must(w.Delete(context.Background(), pod, client.GracePeriodSeconds(600))) // it is on a node: kubelet would end it
	pod = read(w, "lobby-edge-1", &corev1.Pod{})
	pod.Status.Conditions = nil
	w.must(w.Status().Update(context.Background(), pod))
	w.observeEdges(0)
	at(4 * time.Minute)
	w.stay("lobby-edge-1 192.0.2.11")
	clients["192.0.2.11"] = 0
	at(4*time.Minute + 10*time.Second)
	w.stay()
	*w.writes = 0
	w.reconcile()
	if *w.writes != 0 {
		t.Errorf("%d writes where nothing had changed", *w.writes)
	}

	w.must(w.Delete(context.Background(), read(w, "lobby-edge-1", &corev1.Pod{}), client.GracePeriodSeconds(0)))
	w.must(w.Delete(context.Background(), read(w, "lobby-edge-2", &corev1.Pod{}), client.GracePeriodSeconds(0)))

	// And there again, and back before anybody has left.
	clients["192.0.2.11"], clients["192.0.2.7"] = 5, 5
	replicas(1)
	at(5 * time.Minute)
	w.makeEdge("lobby-edge-3", "192.0.2.13")
	w.observeEdges(1)
	at(6 * time.Minute)
	w.leadsTo(componentEdge)
	w.stay("lobby-0 192.0.2.7")
	pod = read(w, "lobby-edge-3", &corev1.Pod{})
	ready := pod.Status.Conditions
	pod.Status.Conditions = nil
	w.must(w.Status().Update(context.Background(), pod))
	w.observeEdges(0)
	at(6*time.Minute + time.Second)
	w.leadsTo(componentOrigin)
	w.stay() // it takes no connections
	pod = read(w, "lobby-edge-3", &corev1.Pod{})
	pod.Status.Conditions = ready
	w.must(w.Status().Update(context.Background(), pod))
	w.observeEdges(1)
	at(6*time.Minute + 2*time.Second)
	w.leadsTo(componentEdge)
	w.stay("lobby-0 192.0.2.7")
	replicas(0)
	at(6*time.Minute + 3*time.Second)
	w.leadsTo(componentOrigin)
	w.stay("lobby-edge-3 192.0.2.13")
}
