//go:build envtest

package main

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

var (
	restart      = []status.Status{status.InProgressStatus, status.CurrentStatus}
	onceNotReady = []string{"True", "False", "True"}
)

func TestCreation(t *testing.T) {
	w := newWorld(t)
	w.create("{application: chatRoom}")
	w.judge("before the operator has seen it", "Progressing", "has not seen")
	w.reconcile()
	w.judge("without a pod", "Progressing")
	if seen, _ := w.settle(); !slices.Equal(seen, restart) {
		t.Errorf("kstatus said %v on the way", seen)
	}
	w.judge("in the end", "Healthy", "rtmp://203.0.113.10/chatRoom/lobby")
}

func TestRestartingEdit(t *testing.T) {
	w := newWorld(t)
	w.create("{application: chatRoom}")
	w.settle()
	w.edit(`{"spec":{"resources":{"limits":{"memory":"1Gi"}}}}`)
	w.judge("before the operator has seen it", "Progressing", "last edit")
	w.reconcile()
	w.judge("while the old pod serves", "Progressing")
	seen, ready := w.settle()
	if !slices.Equal(seen, restart) {
		t.Errorf("kstatus said %v on the way", seen)
	}
	if !slices.Equal(ready, onceNotReady[1:]) {
		t.Errorf("Ready was %v on the way, after the operator had seen the edit", ready)
	}
	w.judge("in the end", "Healthy")
}

func TestEditThatRestartsNothing(t *testing.T) {
	w := newWorld(t)
	w.create("{application: chatRoom}")
	w.settle()
	w.edit(`{"spec":{"service":{"annotations":{"cloud":"x"}}}}`)
	if seen, ready := w.settle(); !slices.Equal(seen, restart) || !slices.Equal(ready, []string{"True"}) {
		t.Errorf("kstatus said %v and Ready was %v on the way", seen, ready)
	}
	w.judge("in the end", "Healthy")
}

// A key that is missing waits for a person, and its coming is all it takes.
func TestKeyThatComes(t *testing.T) {
	w := newWorld(t)
	w.create("{application: chatRoom, access: {publish: {secretName: mine}}}")
	w.settle()
	w.judge("without the key", "Degraded", "mine")
	w.secret("mine")
	w.settle()
	w.judge("with the key", "Healthy")
}

func TestKeyThatGoes(t *testing.T) {
	w := newWorld(t)
	key := w.secret("mine")
	w.create("{application: chatRoom, access: {publish: {secretName: mine}}}")
	w.settle()
	w.judge("with the key", "Healthy")
	w.must(w.Delete(t.Context(), key))
	w.settle()
	w.judge("without the key", "Degraded", "mine")
	w.secret("mine")
	w.settle()
	w.judge("with the key again", "Healthy")
}

func TestNameConflict(t *testing.T) {
	w := newWorld(t)
	theirs := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.key.Namespace, Name: w.key.Name},
		Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": "web"}, Ports: []corev1.ServicePort{{Port: 80}}},
	}
	w.must(w.Create(t.Context(), theirs))
	w.create("{application: chatRoom}")
	w.settle()
	w.judge("with another's Service", "Degraded", "Service", w.key.Name)
	w.must(w.Delete(t.Context(), theirs))
	w.settle()
	w.judge("without it", "Healthy")
}

// The API server lets a claim grow only where its class does; none is here.
func TestRefusedGrowth(t *testing.T) {
	w := newWorld(t)
	w.create("{application: chatRoom, storage: {size: 1Gi}}")
	w.settle()
	w.edit(`{"spec":{"storage":{"size":"3Gi"}}}`)
	w.settle()
	w.judge("with a size that is refused", "Degraded", "data-lobby-0")
	w.edit(`{"spec":{"storage":{"size":"1Gi"}}}`)
	w.settle()
	w.judge("with the size that it has", "Healthy")
}

// Argo CD's own actions suspend and resume.
func TestSuspendAndResume(t *testing.T) {
	w := newWorld(t)
	w.create("{application: chatRoom}")
	w.settle()
	w.act("suspend")
	w.judge("before the operator has seen it", "Progressing")
	if _, ready := w.settle(); slices.Contains(ready, "False") {
		t.Errorf("Ready was %v on the way: while nothing is asked for, nothing is missing", ready)
	}
	w.judge("suspended", "Suspended", "suspend")
	set := &appsv1.StatefulSet{}
	w.must(w.Get(t.Context(), w.key, set))
	if *set.Spec.Replicas != 0 {
		t.Errorf("%d replicas", *set.Spec.Replicas)
	}
	w.act("resume")
	w.reconcile()
	w.judge("without a pod", "Progressing")
	w.settle()
	w.judge("resumed", "Healthy")
}

// act does what Argo CD does for a user who presses the button.
func (w *world) act(action string) {
	w.t.Helper()
	o := w.read()
	var changed map[string]any
	w.must(json.Unmarshal(run(w.t, w.scripts.actions[action], o), &changed))
	restoreEmptyMaps(changed, o.Object)
	w.edit(mergePatch(w.t, o.Object, changed))
}

func TestDeletion(t *testing.T) {
	w := newWorld(t)
	w.create("{application: chatRoom}")
	w.settle()
	w.edit(`{"metadata":{"finalizers":["example.org/foreground"]}}`)
	w.must(w.Delete(t.Context(), w.read()))
	w.reconcile()
	if r := compute(t, w.read()); r.Status != status.TerminatingStatus {
		t.Errorf("kstatus says %s (%s)", r.Status, r.Message)
	}
	w.edit(`{"metadata":{"finalizers":null}}`)
}

// An operator with another media image lets a Manual instance serve on.
func TestUpgradeThatIsPending(t *testing.T) {
	w := newWorld(t)
	w.create("{application: chatRoom, upgradePolicy: Manual}")
	w.settle()
	w.r.MediaImage = "flashpod.dev/media:next"
	if seen, ready := w.settle(); !slices.Equal(seen, restart[1:]) || !slices.Equal(ready, onceNotReady[:1]) {
		t.Errorf("kstatus said %v and Ready was %v on the way", seen, ready)
	}
	w.judge("in the end", "Healthy", "rtmp://203.0.113.10/chatRoom/lobby", "an upgrade is pending", "media.flashpod.dev/upgrade")
	pod := &corev1.Pod{}
	w.must(w.Get(t.Context(), client.ObjectKey{Namespace: w.key.Namespace, Name: "lobby-0"}, pod))
	if image := pod.Spec.Containers[0].Image; image != "flashpod.dev/media:test" {
		t.Errorf("the pod runs %s", image)
	}
}

// The documents that the scripts are tried with are ones that the API server
// takes.
func TestDocumentsAreOfTheAPI(t *testing.T) {
	for _, pattern := range []string{"testdata", filepath.Join("actions", "testdata")} {
		documents, err := filepath.Glob(filepath.Join(customization, pattern, "*.yaml"))
		if err != nil || len(documents) == 0 {
			t.Fatalf("no documents in %s: %v", pattern, err)
		}
		for _, name := range documents {
			w := newWorld(t)
			strict := client.WithFieldValidation(w.Client, metav1.FieldValidationStrict)
			o := readObject(t, name)
			said, has := o.Object["status"]
			delete(o.Object, "status")
			o.Object["metadata"] = map[string]any{"namespace": w.key.Namespace, "name": o.GetName()}
			if err := strict.Create(t.Context(), o); err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if !has {
				continue
			}
			o.Object["status"] = said
			if err := strict.Status().Update(t.Context(), o); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if kept, _, err := unstructured.NestedSlice(o.Object, "status", "conditions"); err != nil || len(kept) != len(conditionsOf(said)) {
				t.Errorf("%s: %d of %d conditions are kept (%v)", name, len(kept), len(conditionsOf(said)), err)
			}
		}
	}
}

func conditionsOf(status any) []any {
	s, _ := status.(map[string]any)
	c, _ := s["conditions"].([]any)
	return c
}
