//go:build envtest

package controllers

import (
	"context"
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// fleet are instances that all serve, as an operator with a media image made
// them. Its namespaces are its own, so that other tests' instances do not count.
func fleet(t *testing.T, names ...string) *world {
	t.Helper()
	w := newWorld(t)
	w.r.Options.Namespaces = []string{w.ns}
	for _, name := range names {
		w.makeNamed(name, "{application: a}")
		w.reconcileNamed(name)
		w.serveNamed(name)
		w.reconcileNamed(name)
		w.reconcileNamed(name)
	}
	return w
}

// upgradeTo is another operator, with another media image.
func (w *world) upgradeTo(image string) {
	w.t.Helper()
	w.restart()
	w.r.MediaImage = image
}

func (w *world) imageOf(name string) string {
	w.t.Helper()
	return read(w, name, &appsv1.StatefulSet{}).Spec.Template.Spec.Containers[0].Image
}

func (w *world) conditionOf(name, kind string) *metav1.Condition {
	w.t.Helper()
	return meta.FindStatusCondition(read(w, name, &v1alpha1.AppInstance{}).Status.Conditions, kind)
}

// upgraded are those whose server has an image, or is about to.
func (w *world) upgraded(image string, names ...string) (all []string) {
	w.t.Helper()
	for _, name := range names {
		if w.imageOf(name) == image {
			all = append(all, name)
		}
	}
	return all
}

// An upgrade restarts one at a time: the next begins when the one before serves.
// Those that wait are ready, and say so.
func TestUpgradeRestartsOneAtATime(t *testing.T) {
	names := []string{"a", "b", "c"}
	for _, limit := range []int{1, 2} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			w := fleet(t, names...)
			w.r.Options.MaxConcurrentRollouts = limit
			w.upgradeTo("media:2")
			for done := 0; done < len(names); {
				for range 2 { // in any order, again and again, also after a restart of the operator
					for _, name := range names {
						w.reconcileNamed(name)
					}
					image := w.r.MediaImage
					w.restart()
					w.r.MediaImage = image
				}
				under := w.upgraded("media:2", names...)
				if want := min(done+limit, len(names)); len(under) != want {
					t.Fatalf("%v are restarted when %d serve, with %d at a time", under, done, limit)
				}
				for _, name := range names {
					ready, pending := w.conditionOf(name, v1alpha1.ConditionReady), w.conditionOf(name, v1alpha1.ConditionUpgradePending)
					if w.imageOf(name) != "media:2" && (ready.Status != "True" || pending == nil || pending.Reason != "WaitsForTurn") {
						t.Errorf("%s waits: %+v, %+v", name, ready, pending)
					}
					if w.imageOf(name) == "media:2" && pending != nil {
						t.Errorf("%s has had its turn: %+v", name, pending)
					}
				}
				for _, name := range under {
					w.serveNamed(name)
					w.reconcileNamed(name)
				}
				done = len(under)
			}
			if !w.told("restarts because the operator was upgraded") {
				t.Error("no event says why")
			}
		})
	}
}

// While the upgrade waits, the user's own edits do not: one that concerns the
// server takes the upgrade with it, one that does not leaves it waiting.
func TestEditsNeverQueue(t *testing.T) {
	w := fleet(t, "a", "lobby")
	w.upgradeTo("media:2")
	w.reconcileNamed("a") // takes the only place
	w.reconcile()
	if w.imageOf("lobby") != "flashpod.dev/media:test" {
		t.Fatal("two at a time")
	}
	w.edit(func(a *v1alpha1.AppInstance) { a.Spec.Service.Annotations = map[string]string{"x": "z"} })
	w.reconcile()
	w.reconcile()
	if w.imageOf("lobby") != "flashpod.dev/media:test" {
		t.Error("an edit that restarts nobody restarts the server")
	}
	if a := w.instance(); a.Status.ObservedGeneration != a.Generation || w.condition(v1alpha1.ConditionReady).Status != "True" {
		t.Errorf("%+v", a.Status)
	}
	w.edit(func(a *v1alpha1.AppInstance) { a.Spec.Recording.Mode = v1alpha1.RecordAll })
	w.reconcile()
	if w.imageOf("lobby") != "media:2" || w.condition(v1alpha1.ConditionReady).Status != "False" {
		t.Error("a user's own edit waits for the upgrade")
	}
}

// A server that is broken or suspended loses nothing by a restart, and takes no
// place.
func TestBrokenAndSuspendedTakeNoPlace(t *testing.T) {
	w := fleet(t, "a", "broken", "suspended", "z")
	ctx := context.Background()
	w.removePod("broken")
	pod := w.makePod("broken", "False")
	pod.Status.ContainerStatuses = waiting("ImagePullBackOff").Status.ContainerStatuses
	w.must(w.Status().Update(ctx, pod))
	s := read(w, "suspended", &v1alpha1.AppInstance{})
	s.Spec.Suspend = true
	w.must(w.Update(ctx, s))
	w.reconcileNamed("suspended")
	w.reconcileNamed("broken")
	w.upgradeTo("media:2")
	for _, name := range []string{"broken", "suspended", "a", "z"} {
		w.reconcileNamed(name)
	}
	if got := strings.Join(w.upgraded("media:2", "a", "broken", "suspended", "z"), " "); got != "a broken suspended" {
		t.Errorf("restarted: %s", got)
	}
}

// The first that does not serve stops the rollout, until an operator comes whose
// server does.
func TestFailedUpgradeStops(t *testing.T) {
	w := fleet(t, "a", "b")
	w.upgradeTo("wrong:2")
	w.reconcileNamed("a")
	w.observeSet("a")
	w.removePod("a")
	pod := w.makePod("a", "False")
	pod.Status.ContainerStatuses = waiting("ImagePullBackOff").Status.ContainerStatuses
	w.must(w.Status().Update(context.Background(), pod))
	w.reconcileNamed("a")
	w.reconcileNamed("b")
	pending := w.conditionOf("b", v1alpha1.ConditionUpgradePending)
	if w.imageOf("b") == "wrong:2" || pending == nil || pending.Reason != "RolloutStopped" || !strings.Contains(pending.Message, w.ns+"/a") {
		t.Errorf("the second follows: %s, %+v", w.imageOf("b"), pending)
	}
	if !w.told("RolloutStopped") {
		t.Error("no event tells of it")
	}
	w.reconcileNamed("a")
	if n := gauge(t, "flashpod_operator_upgrade_failed", w.ns, "a"); n != 1 {
		t.Errorf("the metric says %v", n)
	}
	w.upgradeTo("media:3")
	w.reconcileNamed("a")
	if w.imageOf("a") != "media:3" {
		t.Error("the one that failed is not mended")
	}
	w.serveNamed("a")
	w.reconcileNamed("a")
	w.reconcileNamed("b")
	if w.imageOf("b") != "media:3" {
		t.Error("the rollout does not go on")
	}
}

// With another policy the upgrade waits until no client is connected, or for a
// word.
func TestUpgradePolicies(t *testing.T) {
	t.Run("OnIdle", func(t *testing.T) {
		w := fleet(t, "lobby")
		w.edit(func(a *v1alpha1.AppInstance) { a.Spec.UpgradePolicy = v1alpha1.UpgradeOnIdle })
		w.reconcile()
		clients := 3
		w.upgradeTo("media:2")
		w.r.Sessions = func(context.Context, string) (int, error) { return clients, nil }
		w.podAddress("lobby-0")
		result := w.reconcile()
		if c := w.condition(v1alpha1.ConditionUpgradePending); c.Reason != "WaitsForIdle" || w.imageOf("lobby") == "media:2" || result.RequeueAfter == 0 || result.RequeueAfter > idleEvery {
			t.Errorf("with clients: %+v, again after %v", c, result.RequeueAfter)
		}
		clients = 0
		w.reconcile()
		if w.imageOf("lobby") != "media:2" {
			t.Error("it waits though nobody is there")
		}
	})
	t.Run("Manual", func(t *testing.T) {
		w := fleet(t, "lobby")
		w.edit(func(a *v1alpha1.AppInstance) { a.Spec.UpgradePolicy = v1alpha1.UpgradeManual })
		w.reconcile()
		w.upgradeTo("media:2")
		w.reconcile()
		c := w.condition(v1alpha1.ConditionUpgradePending)
		_, value, ok := strings.Cut(c.Message, annotationUpgrade+"=")
		if c.Reason != "WaitsForApproval" || !ok || w.imageOf("lobby") == "media:2" {
			t.Fatalf("without a word: %+v", c)
		}
		w.edit(func(a *v1alpha1.AppInstance) { a.Annotations = map[string]string{annotationUpgrade: value} })
		w.reconcile()
		if w.imageOf("lobby") != "media:2" {
			t.Error("it waits though it was approved")
		}
		w.serve()
		w.reconcile()
		w.upgradeTo("media:3")
		w.reconcile()
		if w.imageOf("lobby") == "media:3" {
			t.Error("one approval is good for two upgrades")
		}
	})
}

// A pod that an evicted one comes back as, while an upgrade waits, is as before:
// its template and its document are held together.
func TestHeldServersComeBackAsTheyWere(t *testing.T) {
	w := fleet(t, "lobby")
	w.edit(func(a *v1alpha1.AppInstance) { a.Spec.UpgradePolicy = v1alpha1.UpgradeManual })
	w.reconcile()
	// An operator before this one wrote another document for the same spec.
	old := read(w, "lobby-config", &corev1.ConfigMap{}).Data[documentFile] + "# of before\n"
	u := map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "lobby-config", "namespace": w.ns}, "data": map[string]any{documentFile: old}}
	w.must(w.Apply(context.Background(), client.ApplyConfigurationFromUnstructured(&unstructured.Unstructured{Object: u}), client.FieldOwner(FieldManager)))
	w.upgradeTo("media:2")
	w.reconcile()
	w.reconcile()
	if c := w.condition(v1alpha1.ConditionUpgradePending); c.Reason != "WaitsForApproval" {
		t.Fatalf("it does not wait: %+v", c)
	}
	if now := read(w, "lobby-config", &corev1.ConfigMap{}).Data[documentFile]; now != old {
		t.Errorf("the document has changed, and the server that reads it has not:\n%s", now)
	}
	*w.writes = 0
	for range 3 {
		w.reconcile()
	}
	if *w.writes > 0 {
		t.Errorf("%d writes while it waits", *w.writes)
	}
	// Its node is drained.
	w.removePod("lobby")
	w.reconcile()
	w.makePod("lobby", "False")
	w.reconcile()
	if w.imageOf("lobby") == "media:2" {
		t.Error("a pod that is only away for a moment takes the upgrade with it")
	}
}

// An instance that may not change now takes no place, and keeps no other back.
func TestConflictsTakeNoPlace(t *testing.T) {
	w := fleet(t, "a", "b")
	ctx := context.Background()
	w.must(w.Client.Delete(ctx, read(w, "a-config", &corev1.ConfigMap{})))
	w.must(w.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "a-config"}}))
	w.reconcileNamed("a")
	w.upgradeTo("media:2")
	for range 2 {
		w.reconcileNamed("a")
		w.reconcileNamed("b")
	}
	if w.imageOf("a") == "media:2" || w.imageOf("b") != "media:2" {
		t.Errorf("a has %s, b has %s", w.imageOf("a"), w.imageOf("b"))
	}
	if mark := read(w, "a", &appsv1.StatefulSet{}).Annotations[annotationRollout]; mark != "" {
		t.Error("it takes a place")
	}
}

// gauge is the value of an instance's gauge; 0 when there is none.
func gauge(t *testing.T, name, namespace, instance string) float64 {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if labels["namespace"] == namespace && labels["name"] == instance {
				return m.GetGauge().GetValue()
			}
		}
	}
	return 0
}

// late is a client whose cache does not hear of StatefulSets any more.
type late struct {
	client.Client
	sets appsv1.StatefulSetList
}

func (l *late) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	if sets, ok := list.(*appsv1.StatefulSetList); ok {
		l.sets.DeepCopyInto(sets)
		return nil
	}
	return l.Client.List(ctx, list, opts...)
}

// A cache that is late does not let one too many go.
func TestUpgradeCountsPastTheCache(t *testing.T) {
	w := fleet(t, "a", "b")
	w.upgradeTo("media:2")
	cache := &late{Client: w.r.Client}
	w.must(w.List(context.Background(), &cache.sets, client.InNamespace(w.ns)))
	w.r.Client = cache
	w.reconcileNamed("a")
	w.reconcileNamed("b")
	if got := w.upgraded("media:2", "a", "b"); len(got) != 1 {
		t.Errorf("%v are restarted at once", got)
	}
}
