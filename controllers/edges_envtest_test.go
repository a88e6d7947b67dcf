//go:build envtest

package controllers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/api/v1alpha1/manifest"
)

// observeEdges plays the Deployment's controller: all edges that are wanted are there, and
// so many of them ready.
func (w *world) observeEdges(ready int32) *appsv1.Deployment {
	w.t.Helper()
	d := read(w, "lobby-edge", &appsv1.Deployment{})
	n := *d.Spec.Replicas
	d.Status = appsv1.DeploymentStatus{ObservedGeneration: d.Generation, Replicas: n, UpdatedReplicas: n, ReadyReplicas: ready, AvailableReplicas: ready}
	w.must(w.Status().Update(context.Background(), d))
	return d
}

// makeEdge makes the pod of an edge that takes connections.
func (w *world) makeEdge(name, address string) {
	w.t.Helper()
	ctx := context.Background()
	d := read(w, "lobby-edge", &appsv1.Deployment{})
	pod := &corev1.Pod{ObjectMeta: *d.Spec.Template.ObjectMeta.DeepCopy(), Spec: *d.Spec.Template.Spec.DeepCopy()}
	pod.Namespace, pod.Name = w.ns, name
	pod.Spec.NodeName = "node1"
	w.must(w.Create(ctx, pod))
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	pod.Status.PodIP, pod.Status.PodIPs = address, []corev1.PodIP{{IP: address}}
	w.must(w.Status().Update(ctx, pod))
}

func (w *world) leadsTo(component string) {
	w.t.Helper()
	if got := read(w, "lobby", &corev1.Service{}).Spec.Selector[labelComponent]; got != component {
		w.t.Errorf("the Service leads to the %s, want the %s", got, component)
	}
}

// Edges are made with all that belongs to them, the Service leads to them once one is
// ready, and back before they go; nothing is written when nothing has changed.
func TestEdges(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	a := w.add("{application: a, edges: {replicas: 2}}")
	w.serve()
	w.settle()
	d := read(w, "lobby-edge", &appsv1.Deployment{})
	if *d.Spec.Replicas != 2 || d.Spec.Template.Spec.Containers[0].Image != "flashpod.dev/media:test" {
		t.Errorf("%d edges of %s", *d.Spec.Replicas, d.Spec.Template.Spec.Containers[0].Image)
	}
	secret := read(w, "lobby-link", &corev1.Secret{})
	key := strings.TrimSpace(string(secret.Data[linkEntry]))
	if len(key) != 64 {
		t.Errorf("a key of %d characters", len(key))
	}
	for _, o := range []client.Object{d, secret, read(w, "lobby-edge", &policyv1.PodDisruptionBudget{}), read(w, "lobby.edge", &networkingv1.NetworkPolicy{})} {
		if !metav1.IsControlledBy(o, a) || o.GetLabels()[labelName] != appName {
			t.Errorf("%T %s is owned by %v, labelled %v", o, o.GetName(), o.GetOwnerReferences(), o.GetLabels())
		}
	}
	doc := read(w, "lobby-config", &corev1.ConfigMap{}).Data[edgeFile]
	if all, err := manifest.Load(strings.NewReader(doc), edgeFile); err != nil || len(all) != 1 || all[0].Spec.Application != "a" {
		t.Errorf("an edge cannot read its document: %v\n%s", err, doc)
	}
	w.leadsTo(componentOrigin)
	if c := w.condition(v1alpha1.ConditionEdgesReady); c.Status != metav1.ConditionFalse || c.Reason != "Scaling" {
		t.Errorf("%+v", c)
	}
	if c := w.condition(v1alpha1.ConditionReady); c.Status != metav1.ConditionFalse {
		t.Errorf("%+v", c)
	}

	w.observeEdges(1)
	w.settle()
	w.leadsTo(componentEdge)
	w.observeEdges(2)
	w.settle()
	s := w.instance().Status
	if e := s.Edges; e == nil || e.Ready != 2 || e.Desired != 2 || e.Replicas != 2 || !strings.Contains(e.Selector, "app.kubernetes.io/component=edge") {
		t.Errorf("%+v", e)
	}
	for _, kind := range []string{v1alpha1.ConditionEdgesReady, v1alpha1.ConditionReady} {
		if c := w.condition(kind); c.Status != metav1.ConditionTrue {
			t.Errorf("%+v", c)
		}
	}
	*w.writes = 0
	w.reconcile()
	if *w.writes != 0 {
		t.Errorf("%d writes where nothing had changed", *w.writes)
	}

	// What somebody else writes into what is ours is undone.
	w.patch(&appsv1.Deployment{}, "lobby-edge", `{"spec":{"replicas":7}}`, "kubectl")
	w.settle()
	if n := *read(w, "lobby-edge", &appsv1.Deployment{}).Spec.Replicas; n != 2 {
		t.Errorf("%d edges", n)
	}

	// None: the Service first.
	generation := read(w, "lobby", &appsv1.StatefulSet{}).Generation
	w.observeEdges(2)
	w.edit(func(a *v1alpha1.AppInstance) { none := int32(0); a.Spec.Edges.Replicas = &none })
	w.reconcile()
	w.leadsTo(componentOrigin)
	if n := *read(w, "lobby-edge", &appsv1.Deployment{}).Spec.Replicas; n != 2 {
		t.Errorf("%d edges, while the Service may lead to them", n)
	}
	w.settle()
	if n := *read(w, "lobby-edge", &appsv1.Deployment{}).Spec.Replicas; n != 0 {
		t.Errorf("%d edges", n)
	}
	if c := w.condition(v1alpha1.ConditionEdgesReady); c.Reason != "NoEdges" {
		t.Errorf("%+v", c)
	}
	if now := read(w, "lobby", &appsv1.StatefulSet{}).Generation; now != generation {
		t.Error("the origin restarts")
	}

	// No spec.edges: all of it goes, and the Secret with the AppInstance.
	w.edit(func(a *v1alpha1.AppInstance) { a.Spec.Edges = nil })
	w.settle()
	for _, o := range []client.Object{&appsv1.Deployment{}, &policyv1.PodDisruptionBudget{}} {
		if err := w.Get(ctx, client.ObjectKey{Namespace: w.ns, Name: "lobby-edge"}, o); !apierrors.IsNotFound(err) {
			t.Errorf("%T: %v", o, err)
		}
	}
	if s := w.instance().Status; s.Edges != nil {
		t.Errorf("%+v", s.Edges)
	}
}

// A key that is asked for takes the place of the one before, which is accepted for a day.
func TestLinkKeyIsReplaced(t *testing.T) {
	w := newWorld(t)
	w.add("{application: a, edges: {replicas: 1}}")
	w.serve()
	w.settle()
	keys := func() []string {
		keys, _, _ := linkKeysOf(read(w, "lobby-link", &corev1.Secret{}))
		return keys
	}
	first := keys()
	w.edit(func(a *v1alpha1.AppInstance) { a.Annotations = map[string]string{annotationRotate: "1"} })
	w.settle()
	second := keys()
	if len(second) != 2 || second[1] != first[0] || second[0] == first[0] {
		t.Errorf("%d keys", len(second))
	}
	w.settle()
	if again := keys(); again[0] != second[0] {
		t.Error("a word has a key made twice")
	}
	w.r.Now = func() time.Time { return time.Now().Add(25 * time.Hour) }
	w.settle()
	if third := keys(); len(third) != 1 || third[0] != second[0] {
		t.Errorf("%d keys", len(third))
	}
	w.must(w.Client.Delete(context.Background(), read(w, "lobby-link", &corev1.Secret{})))
	w.settle()
	if fourth := keys(); len(fourth) != 1 || fourth[0] == second[0] {
		t.Error("after it was deleted there is no other key")
	}
}

// The operator counts what edges say, and writes the Deployment, never the spec; of edges
// that are too many the emptiest goes first.
func TestEdgesAreCounted(t *testing.T) {
	w := newWorld(t)
	a := w.add("{application: a, edges: {autoscaling: {connectionsPerEdge: 100, headroomPercent: 0, scaleDownWindow: 1m}}}")
	w.serve()
	w.settle()
	start := time.Now().Add(gatherFor)
	loads := map[string]edgeLoad{"192.0.2.11": {connections: 250}}
	w.r.Edges = func(_ context.Context, address string) (edgeLoad, error) {
		if l, ok := loads[address]; ok {
			return l, nil
		}
		return edgeLoad{}, errors.New("no answer")
	}
	at := func(after time.Duration) {
		t.Helper()
		w.r.Now = func() time.Time { return start.Add(after) }
		w.settle()
	}
	count := func(want int32) {
		t.Helper()
		if n := *read(w, "lobby-edge", &appsv1.Deployment{}).Spec.Replicas; n != want {
			t.Errorf("%d edges, want %d", n, want)
		}
	}
	w.makeEdge("lobby-edge-1", "192.0.2.11")
	w.observeEdges(1)
	at(20 * time.Second)
	count(3)
	for i := 2; i <= 3; i++ {
		w.makeEdge(fmt.Sprint("lobby-edge-", i), fmt.Sprint("192.0.2.1", i))
	}
	w.observeEdges(3)
	loads = map[string]edgeLoad{"192.0.2.11": {connections: 60}, "192.0.2.12": {connections: 10}} // the third is silent
	at(time.Minute)
	at(2*time.Minute + time.Second)
	count(3)
	loads["192.0.2.13"] = edgeLoad{connections: 20}
	at(3 * time.Minute)
	at(4*time.Minute + time.Second)
	count(1)
	for name, cost := range map[string]string{"lobby-edge-1": "60", "lobby-edge-2": "10", "lobby-edge-3": "20"} {
		if got := read(w, name, &corev1.Pod{}).Annotations[annotationCost]; got != cost {
			t.Errorf("%s costs %q, want %s", name, got, cost)
		}
	}
	now := w.instance()
	if now.Generation != a.Generation || now.Status.Edges.Desired != 1 {
		t.Errorf("generation %d, before %d; %+v", now.Generation, a.Generation, now.Status.Edges)
	}
}

// Another image comes to the origin first.
func TestEdgesFollowTheOrigin(t *testing.T) {
	w := newWorld(t)
	w.r.Options.Namespaces = []string{w.ns} // other tests' instances take no places
	w.add("{application: a, edges: {replicas: 1}}")
	w.serve()
	w.observeEdges(1)
	w.settle()
	w.r.MediaImage = "flashpod.dev/media:next"
	image := func() string {
		return read(w, "lobby-edge", &appsv1.Deployment{}).Spec.Template.Spec.Containers[0].Image
	}
	w.settle()
	if image() != "flashpod.dev/media:test" || read(w, "lobby", &appsv1.StatefulSet{}).Spec.Template.Spec.Containers[0].Image != "flashpod.dev/media:next" {
		t.Errorf("edges run %s before the origin does", image())
	}
	w.serve()
	w.settle()
	if image() != "flashpod.dev/media:next" {
		t.Errorf("edges run %s", image())
	}
}
