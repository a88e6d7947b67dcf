//go:build envtest

package controllers

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

func named(w *world, name string) *v1alpha1.AppInstance {
	return read(w, name, &v1alpha1.AppInstance{})
}

// TestOneAppInstanceHasTheOnDemandInstances: of two of one application the older
// one has them; the other serves what it names, says so, and has them when the
// older is gone. What says nothing of it, or is of another application, is in
// nobody's way.
func TestOneAppInstanceHasTheOnDemandInstances(t *testing.T) {
	w := newWorld(t)
	w.r.Options.Namespaces = []string{w.ns}
	w.makeNamed("a", "{application: chat, onDemandInstances: true}")
	w.makeNamed("b", "{application: chat, onDemandInstances: true}")
	w.makeNamed("c", "{application: chat}")
	w.makeNamed("d", "{application: game, onDemandInstances: true}")
	reconcile := func() {
		for _, name := range []string{"b", "c", "d"} {
			w.reconcileNamed(name)
		}
	}
	reconcile()
	w.reconcileNamed("a")
	for name, serves := range map[string]bool{"a": true, "b": false, "c": false, "d": true} {
		doc := read(w, configName(named(w, name)), &corev1.ConfigMap{}).Data[documentFile]
		if strings.Contains(doc, "onDemandInstances: true") != serves {
			t.Errorf("%s is to start instances: %v, and its server is told\n%s", name, serves, doc)
		}
		told := w.conditionOf(name, v1alpha1.ConditionNameConflict)
		if (told != nil) != (name == "b") {
			t.Errorf("%s says of a conflict: %v", name, told)
		}
	}
	told := w.conditionOf("b", v1alpha1.ConditionReady)
	if told.Reason != "OnDemandConflict" || !strings.Contains(told.Message, "AppInstance a of application chat") || !strings.Contains(told.Message, "serves chat/b alone") {
		t.Errorf("b says %s: %s", told.Reason, told.Message)
	}

	if err := w.Delete(t.Context(), named(w, "a")); err != nil {
		t.Fatal(err)
	}
	reconcile()
	if doc := read(w, configName(named(w, "b")), &corev1.ConfigMap{}).Data[documentFile]; !strings.Contains(doc, "onDemandInstances: true") {
		t.Errorf("the older one is gone, and the server of the other is told\n%s", doc)
	}
	if told := w.conditionOf("b", v1alpha1.ConditionNameConflict); told != nil {
		t.Errorf("the older one is gone, and the other says %v", told)
	}
}
