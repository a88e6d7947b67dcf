//go:build envtest

package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"

	"flashpod.dev/flashpod/api/v1alpha1"
)

func containsAll(s string, parts ...string) bool {
	for _, p := range parts {
		if !strings.Contains(s, p) {
			return false
		}
	}
	return true
}

func (w *world) patch(o client.Object, name, patch, manager string) {
	w.t.Helper()
	kind := types.StrategicMergePatchType
	switch o.(type) {
	case *gatewayv1.HTTPRoute, *gatewayv1.TCPRoute, *v1alpha1.AppInstance: // custom kinds know no other
		kind = types.MergePatchType
	}
	o.SetNamespace(w.ns)
	o.SetName(name)
	w.must(w.Patch(context.Background(), o, client.RawPatch(kind, []byte(patch)), client.FieldOwner(manager)))
}

// What a user has set by hand of what the operator alone decides is undone,
// and a restart that was asked for by kubectl is not.
func TestWhatWasSetByHandIsUndone(t *testing.T) {
	w := newWorld(t)
	w.add("{application: a}")
	w.serve()
	w.settle()
	for what, c := range map[string]struct{ patch, gone, stays string }{
		"a variable":      {`{"spec":{"template":{"spec":{"containers":[{"name":"media","env":[{"name":"GODEBUG","value":"x"}]}]}}}}`, "GODEBUG", `"image":"flashpod.dev/media:test"`},
		"another image":   {`{"spec":{"template":{"spec":{"containers":[{"name":"media","image":"theirs:1"}]}}}}`, "theirs:1", `"image":"flashpod.dev/media:test"`},
		"a second server": {`{"spec":{"template":{"spec":{"containers":[{"name":"theirs","image":"theirs:1"}]}}}}`, "theirs", `"name":"media"`},
		"replicas":        {`{"spec":{"replicas":3}}`, `"replicas":3`, `"replicas":1`},
		"a toleration":    {`{"spec":{"template":{"spec":{"tolerations":[{"operator":"Exists"}]}}}}`, "Exists", ""},
		"a restart":       {`{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"now"}}}}}`, "GODEBUG", "restartedAt"},
		"a label of Argo": {`{"metadata":{"labels":{"argocd.argoproj.io/instance":"x"}}}`, "GODEBUG", "argocd.argoproj.io/instance"},
	} {
		w.patch(&appsv1.StatefulSet{}, "lobby", c.patch, "kubectl-edit")
		w.settle()
		set := read(w, "lobby", &appsv1.StatefulSet{})
		set.ManagedFields = nil
		raw, err := json.Marshal(set)
		w.must(err)
		if strings.Contains(string(raw), c.gone) || !strings.Contains(string(raw), c.stays) {
			t.Errorf("%s: still has %q, or not %q:\n%s", what, c.gone, c.stays, raw)
		}
	}
}

// What an admission hook writes is written in our name, and stays.
func TestWhatAdmissionWritesStays(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	name := "env-" + w.ns
	text := fmt.Sprintf(`[{"apiVersion":"admissionregistration.k8s.io/v1","kind":"MutatingAdmissionPolicy","metadata":{"name":%[1]q},"spec":{
		"matchConstraints":{"resourceRules":[{"apiGroups":["apps"],"apiVersions":["v1"],"operations":["CREATE","UPDATE"],"resources":["statefulsets"]}],
			"namespaceSelector":{"matchLabels":{"kubernetes.io/metadata.name":%[2]q}}},
		"failurePolicy":"Fail","reinvocationPolicy":"IfNeeded",
		"mutations":[{"patchType":"JSONPatch","jsonPatch":{"expression":
			"has(object.spec.template.spec.containers[0].env) ? [] : [JSONPatch{op: \"add\", path: \"/spec/template/spec/containers/0/env\", value: [Object.spec.template.spec.containers.env{name: \"HOOK\", value: \"1\"}]}]"}}]}},
		{"apiVersion":"admissionregistration.k8s.io/v1","kind":"MutatingAdmissionPolicyBinding","metadata":{"name":%[1]q},"spec":{"policyName":%[1]q}}]`, name, w.ns)
	var objects []map[string]any
	w.must(yaml.Unmarshal([]byte(text), &objects))
	for _, o := range objects {
		u := &unstructured.Unstructured{Object: o}
		w.must(w.Create(ctx, u))
		t.Cleanup(func() { _ = w.Client.Delete(ctx, u) })
	}
	// The API server hears of a policy a moment later.
	until(t, func() bool {
		probe := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "probe"}, Spec: appsv1.StatefulSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"a": "b"}}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: "b"}}}},
		}}
		return w.Create(ctx, probe, client.DryRunAll) == nil && len(probe.Spec.Template.Spec.Containers[0].Env) == 1
	})
	w.add("{application: a}")
	w.settle()
	w.edit(func(a *v1alpha1.AppInstance) { a.Spec.Recording.Mode = v1alpha1.RecordAll })
	w.settle()
	if env := read(w, "lobby", &appsv1.StatefulSet{}).Spec.Template.Spec.Containers[0].Env; len(env) != 1 || env[0].Name != "HOOK" {
		t.Errorf("environment %v", env)
	}
}

// The StatefulSet's controller waits for ever for a pod of an old revision that
// is not ready; the operator lets it go. A ready one is never touched so.
func TestUnreadyPodOfAnOldRevisionIsReplaced(t *testing.T) {
	replicas := func(w *world) int32 { return *read(w, "lobby", &appsv1.StatefulSet{}).Spec.Replicas }
	for name, edit := range map[string]func(*v1alpha1.AppInstance){
		"image":        func(a *v1alpha1.AppInstance) { a.Spec.Image = "wrong:1" },
		"nodeSelector": func(a *v1alpha1.AppInstance) { a.Spec.NodeSelector = map[string]string{"no": "node"} },
		"request": func(a *v1alpha1.AppInstance) {
			a.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: *quantityOf("1000")}
		},
		"limit": func(a *v1alpha1.AppInstance) {
			a.Spec.Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: *quantityOf("1Mi")}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.add("{application: a}")
			w.serve()
			w.settle()
			w.edit(edit)
			w.reconcile()
			w.observeSet("lobby")
			w.reconcile()
			if replicas(w) != 1 {
				t.Fatal("a pod that serves is let go")
			}
			w.removePod("lobby") // its controller replaces it, as it serves
			w.makePod("lobby", "False")
			w.reconcile()
			if replicas(w) != 1 {
				t.Fatal("a pod of the newest revision is let go")
			}
			before := w.instance()
			w.edit(func(a *v1alpha1.AppInstance) { a.Spec.Scheduling = v1alpha1.Scheduling{} })
			w.reconcile()
			if replicas(w) != 1 {
				t.Fatal("it is let go before there is a new revision")
			}
			w.observeSet("lobby")
			w.reconcile()
			if replicas(w) != 0 {
				t.Fatal("the pod that will never be ready stays")
			}
			if !w.told("another takes its place") {
				t.Error("no event says so")
			}
			w.observeSet("lobby")
			w.removePod("lobby")
			w.reconcile()
			if replicas(w) != 1 {
				t.Fatal("no other pod is asked for")
			}
			w.serve()
			w.settle()
			if c := w.condition(v1alpha1.ConditionReady); c.Status != "True" || w.instance().Generation != before.Generation+1 {
				t.Errorf("in the end: %+v", c)
			}
		})
	}
}

// kubectl scale leaves claims behind.
func TestClaimsThatAreLeftOver(t *testing.T) {
	w := newWorld(t)
	w.add("{application: a}")
	w.serve()
	l := selector(w.instance())
	w.must(w.Create(context.Background(), &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "data-lobby-2", Labels: l}, Spec: corev1.PersistentVolumeClaimSpec{
		AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: *quantityOf("1Gi")}},
	}}))
	w.reconcile()
	if c := w.condition(v1alpha1.ConditionStorageReady); c.Reason != "ClaimsLeftOver" || !strings.Contains(c.Message, "kubectl delete pvc data-lobby-2") {
		t.Errorf("%+v", c)
	}
	if c := w.condition(v1alpha1.ConditionReady); c.Status != "True" {
		t.Errorf("%+v", c)
	}
}

// A key that changes under a pod that runs reaches it by a word to kubelet, once.
func TestKubeletIsToldOfAnotherKey(t *testing.T) {
	w := newWorld(t)
	w.add("{application: a}")
	w.serve()
	w.settle()
	told := func() string { return read(w, "lobby-0", &corev1.Pod{}).Annotations[annotationSecrets] }
	if told() != "" {
		t.Error("kubelet is told of a key that it had from the beginning")
	}
	start := read(w, "lobby-0", &corev1.Pod{}).Status.StartTime.Time
	until(t, func() bool { return time.Now().Truncate(time.Second).After(start) })
	last := ""
	for _, key := range []string{"one", "two"} {
		s := read(w, "lobby-publish-key", &corev1.Secret{})
		s.Data["key"] = []byte(key)
		w.must(w.Update(context.Background(), s))
		*w.writes = 0
		w.reconcile()
		if now := told(); now == last || now == "" || *w.writes != 1 {
			t.Errorf("key %s: told %q after %q, by %d writes", key, now, last, *w.writes)
		}
		last = told()
		w.settle()
	}
	if string(read(w, "lobby-publish-key", &corev1.Secret{}).Data["key"]) != "two" {
		t.Error("the key was changed back")
	}

	w.must(w.Client.Delete(context.Background(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "lobby-publish-key"}}))
	w.reconcile()
	if len(read(w, "lobby-publish-key", &corev1.Secret{}).Data["key"]) < 20 || !w.told("another key was made") {
		t.Error("a key that was deleted is not made again, or nobody is told")
	}
	w.reconcile()
	if told() == last {
		t.Error("kubelet is not told of it")
	}
}
