//go:build envtest

package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"flashpod.dev/flashpod/api/v1alpha1"
)

type killed struct{}

// dies reconciles, and ends the operator at its nth call of the API server. It
// returns false when there were fewer.
func (w *world) dies(n int) (died bool) {
	w.t.Helper()
	calls := 0
	w.before = func(string) {
		if calls++; calls == n {
			panic(killed{})
		}
	}
	defer func() {
		w.before = nil
		if cause := recover(); cause != nil {
			if _, ok := cause.(killed); !ok {
				panic(cause)
			}
			died = true
		}
		w.restart()
	}()
	_, err := w.r.Reconcile(context.Background(), ctrl.Request{NamespacedName: client.ObjectKey{Namespace: w.ns, Name: "lobby"}})
	w.must(err)
	return false
}

// settle reconciles until nothing is written any more.
func (w *world) settle() {
	w.t.Helper()
	for range 10 {
		*w.writes = 0
		w.reconcile()
		if !w.collect() && *w.writes == 0 {
			return
		}
	}
	w.t.Fatal("it never comes to rest")
}

// rest settles, lets the StatefulSet's controller see what was written, and
// settles again.
func (w *world) rest() {
	w.t.Helper()
	w.settle()
	w.observeSet("lobby")
	w.settle()
}

// collect plays the garbage collector and what protects claims in use: what is
// being deleted goes.
func (w *world) collect() (some bool) {
	w.t.Helper()
	for _, o := range w.all() {
		if o.GetDeletionTimestamp() != nil && len(o.GetFinalizers()) > 0 {
			some = true
			o.SetFinalizers(nil)
			w.must(w.Update(context.Background(), o))
		}
	}
	return some
}

// essence is what there is of an instance, without what differs between two runs
// that made the same.
func (w *world) essence() map[string]any {
	w.t.Helper()
	all := map[string]any{}
	for name, o := range w.all() {
		raw, err := json.Marshal(o)
		w.must(err)
		var m map[string]any
		w.must(json.Unmarshal(raw, &m))
		all[name] = strip(m)
	}
	var conditions []string
	for _, c := range w.instance().Status.Conditions {
		conditions = append(conditions, c.Type+" "+string(c.Status)+" "+c.Reason)
	}
	all["conditions"] = conditions
	return all
}

// strip drops what the API server alone says.
func strip(m map[string]any) map[string]any {
	for _, key := range []string{"uid", "resourceVersion", "creationTimestamp", "managedFields", "generation", "namespace", "status",
		"clusterIP", "clusterIPs", "nodePort", "data", "healthCheckNodePort"} {
		delete(m, key)
	}
	for _, v := range m {
		switch v := v.(type) {
		case map[string]any:
			strip(v)
		case []any:
			for _, one := range v {
				if o, ok := one.(map[string]any); ok {
					strip(o)
				}
			}
		}
	}
	return m
}

// The operator is killed at each of its calls in turn, as an instance is made, an
// edit is carried out, and what an operator before it took over is given back:
// the next operator comes to the same objects each time.
func TestKilledAtEachCall(t *testing.T) {
	for name, c := range map[string]struct {
		before func(*world) // what was there when the killed reconcile begins
		after  func(*world) // happens when it is done with
	}{
		"create": {func(w *world) { w.make("{application: a, storage: {size: 1Gi}}") }, func(*world) {}},
		"edit": {func(w *world) {
			w.add("{application: a}")
			w.serve()
			w.settle()
			w.edit(func(a *v1alpha1.AppInstance) {
				a.Spec.Recording.Mode = v1alpha1.RecordAll
				a.Spec.Service.Port = 1999
				a.Spec.NetworkPolicy.Mode = v1alpha1.NetworkPolicyNone
				a.Spec.Web = &v1alpha1.Web{Hostname: "live.example.com"}
			})
		}, func(*world) {}},
		"suspend": {func(w *world) {
			w.add("{application: a}")
			w.serve()
			w.settle()
			w.edit(func(a *v1alpha1.AppInstance) { a.Spec.Suspend = true })
		}, func(*world) {}},
		"another class": {func(w *world) {
			w.add("{application: a, storage: {storageClassName: slow}}")
			w.serveNothing()
			w.settle()
			w.edit(func(a *v1alpha1.AppInstance) { class := "fast"; a.Spec.Storage.StorageClassName = &class })
		}, func(*world) {}},
	} {
		t.Run(name, func(t *testing.T) {
			var want map[string]any
			for n := 1; ; n++ {
				w := newWorld(t)
				c.before(w)
				died := w.dies(n)
				c.after(w)
				w.rest()
				got := w.essence()
				if want == nil {
					reference := newWorld(t)
					c.before(reference)
					reference.rest()
					want = reference.essence()
				}
				if !reflect.DeepEqual(got, want) {
					t.Errorf("killed at call %d: %s", n, differing(got, want))
				}
				if !died {
					t.Logf("killed at each of %d calls", n-1)
					return
				}
			}
		})
	}
}

// differing names what differs between two essences.
func differing(got, want map[string]any) string {
	var all []string
	for name := range want {
		if !reflect.DeepEqual(got[name], want[name]) {
			all = append(all, fmt.Sprintf("%s is %v, not %v", name, got[name], want[name]))
		}
	}
	for name := range got {
		if want[name] == nil {
			all = append(all, name+" is too many")
		}
	}
	return strings.Join(all, "; ")
}

// serveNothing plays a cluster that has no such storage class: the StatefulSet
// was seen, the claim waits.
func (w *world) serveNothing() {
	w.t.Helper()
	w.observeSet("lobby")
}

// A delete in the middle of a reconcile leaves no object without an owner but
// those that outlive the instance.
func TestDeletedWhileItIsMade(t *testing.T) {
	for n := 1; ; n++ {
		w := newWorld(t)
		a := w.make("{application: a, storage: {retain: false}}")
		died := w.dies(n)
		w.must(w.Client.Delete(context.Background(), a))
		w.reconcile()
		for name, o := range w.all() {
			if refs := o.GetOwnerReferences(); (len(refs) != 1 || refs[0].UID != a.UID) && kindOf(o) != "PersistentVolumeClaim" {
				t.Errorf("killed at call %d: %s is owned by %v", n, name, refs)
			}
		}
		if !died {
			return
		}
	}
}

// A class that never gave a volume is changed: the claim is made again, and the
// StatefulSet around the pod.
func TestAnotherClassWhereNoneWasBound(t *testing.T) {
	w := newWorld(t)
	w.add("{application: a, storage: {storageClassName: slow}}")
	w.serveNothing()
	w.reconcile()
	if c := w.condition(v1alpha1.ConditionReady); c.Reason != "StorageClassMissing" {
		t.Errorf("with a class that is not there: %+v", c)
	}
	w.edit(func(a *v1alpha1.AppInstance) { class := "fast"; a.Spec.Storage.StorageClassName = &class })
	w.settle()
	claims := w.all()
	for _, name := range []string{"PersistentVolumeClaim data-lobby-0", "StatefulSet lobby"} {
		raw, err := json.Marshal(claims[name])
		w.must(err)
		if !containsAll(string(raw), `"storageClassName":"fast"`) {
			t.Errorf("%s asks for another class: %s", name, raw)
		}
	}
}

// So is one for the cluster's default class, in both directions.
func TestAnotherClassThanTheDefault(t *testing.T) {
	for _, c := range []struct{ before, after string }{{"", "fast"}, {"slow", ""}} {
		w := newWorld(t)
		spec := "{application: a}"
		if c.before != "" {
			spec = "{application: a, storage: {storageClassName: " + c.before + "}}"
		}
		w.add(spec)
		w.serveNothing()
		w.settle()
		w.edit(func(a *v1alpha1.AppInstance) {
			a.Spec.Storage.StorageClassName = nil
			if c.after != "" {
				a.Spec.Storage.StorageClassName = &c.after
			}
		})
		w.settle()
		claim := read(w, "data-lobby-0", &corev1.PersistentVolumeClaim{})
		if got := claim.Spec.StorageClassName; (got == nil) != (c.after == "") || got != nil && *got != c.after {
			t.Errorf("from %q to %q: %v", c.before, c.after, got)
		}
	}
}

// A bound claim is never given up.
func TestBoundClaimStays(t *testing.T) {
	w := newWorld(t)
	w.add("{application: a, storage: {storageClassName: slow}}")
	w.serve()
	w.reconcile()
	claim := w.all()["PersistentVolumeClaim data-lobby-0"]
	err := w.Patch(context.Background(), w.instance(), client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"storage":{"storageClassName":"fast"}}}`)))
	if err == nil {
		t.Error("the class of a volume that is there can be changed")
	}
	w.settle()
	if again := w.all()["PersistentVolumeClaim data-lobby-0"]; again.GetUID() != claim.GetUID() {
		t.Error("the claim was made again")
	}
}
