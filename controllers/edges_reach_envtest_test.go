//go:build envtest

package controllers

import (
	"context"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/api/v1alpha1/routing"
)

// What edges may reach follows both owners: until the other lets them in, status says what is
// missing; then both have a key in common that changes with the other's; and it is taken back
// with the word of either, without a restart of edges.
func TestEdgesReachAnother(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	a := w.add("{application: a, edges: {replicas: 1, mayReach: [{name: bar, hosts: [bar.example.com]}]}}")
	w.serve()
	w.settle()
	w.observeEdges(1)
	w.settle()
	told := func() []routing.Reached {
		t.Helper()
		s := read(w, "lobby-reach", &corev1.Secret{})
		if !metav1.IsControlledBy(s, a) {
			t.Errorf("%v", s.OwnerReferences)
		}
		is, err := routing.ParseReach(s.Data[entryOrigins])
		if err != nil {
			t.Fatal(err)
		}
		return is.Origins
	}
	says := func(status metav1.ConditionStatus, reason string) {
		t.Helper()
		if c := w.condition(v1alpha1.ConditionReachReady); c.Status != status || c.Reason != reason {
			t.Errorf("%+v, want %s %s", c, status, reason)
		}
		if c := w.condition(v1alpha1.ConditionReady); c.Status != status {
			t.Errorf("%+v", c)
		}
	}
	if len(told()) != 0 {
		t.Errorf("%+v", told())
	}
	says(metav1.ConditionFalse, "OriginMissing")
	template := read(w, "lobby-edge", &appsv1.Deployment{}).Generation

	bar := w.makeNamed("bar", "{application: b, edges: {}}")
	requests := w.r.reachers(ctx, bar)
	if len(requests) != 1 || requests[0].Name != "lobby" {
		t.Errorf("%v are looked at when the other changes", requests)
	}
	w.reconcileNamed("bar")
	w.settle()
	says(metav1.ConditionFalse, "NotAllowed")

	bar = read(w, "bar", &v1alpha1.AppInstance{})
	bar.Spec.Edges.AllowFrom = []v1alpha1.EdgesFrom{{Name: "lobby"}}
	w.must(w.Update(ctx, bar))
	w.reconcileNamed("bar")
	if names := secretsOf(w.instance()); !slices.Contains(names, "bar-link") {
		t.Errorf("lobby is not looked at when the keys of bar change, but when %v do", names)
	}
	w.settle()
	says(metav1.ConditionTrue, "Reached")
	taken := func() []string {
		return strings.Fields(string(read(w, "bar-reach", &corev1.Secret{}).Data[entryGuests]))
	}
	if got := told(); len(got) != 1 || got[0].Origin != "bar-origin."+w.ns+".svc:1937" || got[0].Hosts[0] != "bar.example.com:1935" || !slices.Equal(strings.Fields(got[0].LinkKey), taken()) {
		t.Errorf("%+v, and bar takes %d keys", got, len(taken()))
	}

	w.patch(&v1alpha1.AppInstance{}, "bar", `{"metadata":{"annotations":{"`+annotationRotate+`":"now"}}}`, "kubectl")
	w.reconcileNamed("bar")
	w.settle()
	if got := told(); len(taken()) != 2 || !slices.Equal(strings.Fields(got[0].LinkKey), taken()) {
		t.Errorf("%+v, and bar takes %d keys", got, len(taken()))
	}
	*w.writes = 0
	w.reconcile()
	w.reconcileNamed("bar")
	w.reconcile()
	if *w.writes > 1 { // a status of bar, which waits for its volume
		t.Errorf("%d writes where nothing had changed", *w.writes)
	}

	bar = read(w, "bar", &v1alpha1.AppInstance{})
	bar.Spec.Edges.AllowFrom = nil
	w.must(w.Update(ctx, bar))
	w.reconcileNamed("bar")
	w.settle()
	says(metav1.ConditionFalse, "NotAllowed")
	if len(told()) != 0 || len(taken()) != 0 {
		t.Errorf("%+v, and bar takes %d keys", told(), len(taken()))
	}
	if now := read(w, "lobby-edge", &appsv1.Deployment{}).Generation; now != template {
		t.Error("edges restart")
	}

	w.edit(func(a *v1alpha1.AppInstance) { a.Spec.Edges.MayReach = nil })
	w.settle()
	if s := read(w, "lobby-reach", &corev1.Secret{}); len(s.Data) != 0 {
		t.Errorf("%d entries are left", len(s.Data))
	}
	for _, c := range w.instance().Status.Conditions {
		if c.Type == v1alpha1.ConditionReachReady {
			t.Errorf("%+v", c)
		}
	}
	w.must(client.IgnoreNotFound(w.Client.Delete(ctx, bar)))
}
