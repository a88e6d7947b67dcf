//go:build envtest

package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// strangers are objects of another owner that bear the names of an instance's
// children, as kubectl create would make them.
func strangers(ns string) map[string]client.Object {
	m := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: ns, Name: name} }
	selector := map[string]string{"app": "theirs"}
	port := []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(80)}}
	return map[string]client.Object{
		"Service lobby":            &corev1.Service{ObjectMeta: m("lobby"), Spec: corev1.ServiceSpec{Selector: selector, Ports: port}},
		"Service lobby-origin":     &corev1.Service{ObjectMeta: m("lobby-origin"), Spec: corev1.ServiceSpec{Selector: selector, Ports: port}},
		"ServiceAccount lobby":     &corev1.ServiceAccount{ObjectMeta: m("lobby")},
		"ConfigMap lobby-config":   &corev1.ConfigMap{ObjectMeta: m("lobby-config"), Data: map[string]string{"their": "setting"}},
		"Secret lobby-publish-key": &corev1.Secret{ObjectMeta: m("lobby-publish-key"), Data: map[string][]byte{"key": []byte("theirs")}},
		"Secret lobby-console":     &corev1.Secret{ObjectMeta: m("lobby-console"), Data: map[string][]byte{"admin": []byte("theirs")}},
		"NetworkPolicy lobby":      &networkingv1.NetworkPolicy{ObjectMeta: m("lobby")},
		"Ingress lobby": &networkingv1.Ingress{ObjectMeta: m("lobby"), Spec: networkingv1.IngressSpec{DefaultBackend: &networkingv1.IngressBackend{
			Service: &networkingv1.IngressServiceBackend{Name: "theirs", Port: networkingv1.ServiceBackendPort{Number: 80}},
		}}},
		"StatefulSet lobby": &appsv1.StatefulSet{ObjectMeta: m("lobby"), Spec: appsv1.StatefulSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: selector},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: selector}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: "b"}}}},
		}},
		"ServiceAccount lobby.media": &corev1.ServiceAccount{ObjectMeta: m("lobby.media"), ImagePullSecrets: []corev1.LocalObjectReference{{Name: "cloud"}}},
	}
}

// image is an object as it is, to see that it was not touched.
func image(t *testing.T, o client.Object) string {
	t.Helper()
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// What others have made is left as it is, the condition names it, and once it is
// gone the instance takes its place by itself.
func TestStrangersAreLeftAlone(t *testing.T) {
	for name := range strangers("") {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			ctx := context.Background()
			theirs := strangers(w.ns)[name]
			w.must(w.Create(ctx, theirs))
			before := image(t, theirs)
			w.make("{application: a, web: {hostname: live.example.com}}")
			result := w.reconcile()
			w.reconcile()
			w.must(w.Get(ctx, client.ObjectKeyFromObject(theirs), theirs))
			if after := image(t, theirs); after != before {
				t.Errorf("it was changed from\n%s\nto\n%s", before, after)
			}
			if name == "ServiceAccount lobby" {
				return // nothing of the instance bears that name
			}
			c := w.condition(v1alpha1.ConditionNameConflict)
			if c.Status != "True" || !strings.Contains(c.Message, name+" is there and not the operator's") || w.condition(v1alpha1.ConditionReady).Reason != "NameConflict" {
				t.Errorf("condition %+v", c)
			}
			if result.RequeueAfter == 0 || result.RequeueAfter > time.Minute {
				t.Errorf("looked at again after %v", result.RequeueAfter)
			}
			set := &appsv1.StatefulSet{}
			if err := w.Get(ctx, client.ObjectKey{Namespace: w.ns, Name: "lobby"}, set); err == nil && name != "StatefulSet lobby" {
				t.Error("a server was made that would use what is not ours")
			}
			w.must(w.Client.Delete(ctx, theirs))
			w.reconcile()
			w.reconcile()
			if meta.FindStatusCondition(w.instance().Status.Conditions, v1alpha1.ConditionNameConflict) != nil {
				t.Error("the conflict outlives its cause")
			}
			read(w, "lobby", &appsv1.StatefulSet{})
		})
	}
}

// Between the look and the first write a user makes the object: it is not
// adopted.
func TestFirstWriteAdoptsNothing(t *testing.T) {
	for name := range strangers("") {
		if name == "ServiceAccount lobby" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			ctx := context.Background()
			theirs := strangers(w.ns)[name]
			w.make("{application: a}")
			w.before = func(verb string) {
				if verb == "apply" && theirs.GetUID() == "" {
					w.must(w.Create(ctx, theirs))
				}
			}
			w.reconcile()
			w.before = nil
			before := image(t, theirs)
			w.must(w.Get(ctx, client.ObjectKeyFromObject(theirs), theirs))
			if after := image(t, theirs); after != before {
				t.Errorf("it was changed from\n%s\nto\n%s", before, after)
			}
		})
	}
}

// An AppInstance called like the namespace's own ServiceAccount.
func TestDefaultServiceAccountIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "default", Annotations: map[string]string{"cloud/role": "admin"}}}
	w.must(w.Create(ctx, account))
	before := image(t, account)
	w.makeNamed("default", "{application: a}")
	w.reconcileNamed("default")
	w.reconcileNamed("default")
	if after := image(t, read(w, "default", &corev1.ServiceAccount{})); after != before {
		t.Errorf("it was changed from\n%s\nto\n%s", before, after)
	}
	if name := read(w, "default", &appsv1.StatefulSet{}).Spec.Template.Spec.ServiceAccountName; name != "default.media" {
		t.Errorf("the server runs as %s", name)
	}
}

// An AppInstance that is deleted with --cascade=orphan and made again takes its
// children back, as they are.
func TestOrphansAreAdopted(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	a := w.add("{application: a}")
	all := w.all()
	w.must(w.Client.Delete(ctx, a))
	for _, o := range all { // what the garbage collector does with orphans
		o.SetOwnerReferences(nil)
		w.must(w.Update(ctx, o))
	}
	svc := read(w, "lobby", &corev1.Service{})
	svc.Annotations = map[string]string{"cloud": "x"} // as a load balancer's controller writes in the first second
	w.must(w.Update(ctx, svc, client.FieldOwner("cloud")))
	until(t, func() bool { return time.Now().Truncate(time.Second).After(svc.CreationTimestamp.Time) })
	again := w.add("{application: a}")
	for name, o := range w.all() {
		if was, ok := all[name]; !ok || was.GetUID() != o.GetUID() {
			t.Errorf("%s was made anew", name)
		}
		refs := o.GetOwnerReferences()
		if lasting := o.GetLabels()[labelOutlives] != ""; !lasting && (len(refs) != 1 || refs[0].UID != again.UID) {
			t.Errorf("%s is owned by %v", name, refs)
		}
	}
	if meta.FindStatusCondition(w.instance().Status.Conditions, v1alpha1.ConditionNameConflict) != nil {
		t.Error("its own children are foreign to it")
	}
}

// all are the objects in the namespace that belong to instances, by kind and
// name.
func (w *world) all() map[string]client.Object {
	w.t.Helper()
	found := map[string]client.Object{}
	for _, list := range []client.ObjectList{&appsv1.StatefulSetList{}, &corev1.ServiceList{}, &corev1.ConfigMapList{}, &corev1.SecretList{},
		&corev1.ServiceAccountList{}, &corev1.PersistentVolumeClaimList{}, &networkingv1.NetworkPolicyList{}, &networkingv1.IngressList{}} {
		w.must(w.List(context.Background(), list, client.InNamespace(w.ns), client.MatchingLabels{labelName: appName}))
		items, err := meta.ExtractList(list)
		w.must(err)
		for _, item := range items {
			o, ok := item.(client.Object)
			if !ok {
				w.t.Fatalf("%T is no object", item)
			}
			found[kindOf(o)+" "+o.GetName()] = o
		}
	}
	return found
}

// While the garbage collector still has the children of an AppInstance of the
// same name, the new one waits for it.
func TestChildrenOfOneThatIsGoneAreWaitedFor(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	old := w.add("{application: a}")
	w.bind("data-lobby-0")
	w.must(w.Client.Delete(ctx, old))
	w.make("{application: a}")
	w.reconcile()
	for name, o := range w.all() {
		if refs := o.GetOwnerReferences(); len(refs) > 0 && refs[0].UID != old.UID {
			t.Errorf("%s was taken before it was gone", name)
		}
	}
	if c := w.condition(v1alpha1.ConditionReady); c.Status != "False" || !meta.IsStatusConditionTrue(w.instance().Status.Conditions, v1alpha1.ConditionReconciling) {
		t.Errorf("meanwhile: %+v", c)
	}
	key := string(read(w, "lobby-publish-key", &corev1.Secret{}).Data["key"])
	for _, o := range w.all() {
		if len(o.GetOwnerReferences()) > 0 {
			w.must(w.Client.Delete(ctx, o))
		}
	}
	w.reconcile()
	w.reconcile()
	read(w, "lobby", &appsv1.StatefulSet{})
	if again := string(read(w, "lobby-publish-key", &corev1.Secret{}).Data["key"]); again != key {
		t.Error("the key did not outlive its AppInstance")
	}
}

// What the operator of 3dc204b has taken over is given back: it has our owner
// reference, and is older than its AppInstance.
func TestWhatWasTakenOverIsGivenBack(t *testing.T) {
	for _, name := range []string{"Service lobby", "ServiceAccount lobby", "ConfigMap lobby-config", "Secret lobby-publish-key"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			ctx := context.Background()
			theirs := strangers(w.ns)[name]
			w.must(w.Create(ctx, theirs, client.FieldOwner("kubectl-create")))
			until(t, func() bool { return time.Now().Truncate(time.Second).After(theirs.GetCreationTimestamp().Time) })
			a := w.make("{application: a}")
			w.takeOver(a, theirs)
			w.must(w.Get(ctx, client.ObjectKeyFromObject(theirs), theirs))
			if len(theirs.GetOwnerReferences()) != 1 {
				t.Fatal("nothing was taken over: this test says nothing")
			}
			w.reconcile()
			w.must(w.Get(ctx, client.ObjectKeyFromObject(theirs), theirs))
			if len(theirs.GetOwnerReferences()) > 0 || len(theirs.GetLabels()) > 0 || applied(theirs) {
				t.Errorf("it is still ours: %v %v %v", theirs.GetOwnerReferences(), theirs.GetLabels(), theirs.GetManagedFields())
			}
			if !w.told("was there before this AppInstance") {
				t.Error("no event tells of it")
			}
			before := image(t, theirs)
			w.reconcile()
			w.reconcile()
			w.must(w.Get(ctx, client.ObjectKeyFromObject(theirs), theirs))
			if image(t, theirs) != before {
				t.Error("it was taken again")
			}
		})
	}
}

// takeOver does to an object what the operator of 3dc204b did.
func (w *world) takeOver(a *v1alpha1.AppInstance, o client.Object) {
	w.t.Helper()
	gvk, err := w.GroupVersionKindFor(o)
	w.must(err)
	u := map[string]any{"apiVersion": gvk.GroupVersion().String(), "kind": gvk.Kind, "metadata": map[string]any{
		"name": o.GetName(), "namespace": o.GetNamespace(), "labels": labels(a),
		"ownerReferences": []any{map[string]any{"apiVersion": v1alpha1.GroupVersion.String(), "kind": "AppInstance", "name": a.Name, "uid": a.UID, "controller": true, "blockOwnerDeletion": true}},
	}}
	switch gvk.Kind {
	case "ServiceAccount":
		u["automountServiceAccountToken"] = false
	case "ConfigMap":
		u["data"] = map[string]any{documentFile: "x"}
	case "Secret":
		u["data"] = map[string]any{"key": "dGhlaXJz"}
	case "Service":
		u["spec"] = map[string]any{"selector": selector(a), "type": "LoadBalancer"}
	}
	raw, err := json.Marshal(u)
	w.must(err)
	w.must(w.Patch(context.Background(), o, client.RawPatch("application/apply-patch+yaml", raw), client.FieldOwner(FieldManager), client.ForceOwnership))
}

// until waits for what the operator does by itself.
func until(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(2 * time.Minute); !ok(); {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("it did not come within two minutes")
		}
	}
}

// A claim that was made by hand, or restored, before the AppInstance is used as
// it is, and told of.
func TestClaimOfSomebodyElseIsUsed(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "data-lobby-0"}, Spec: corev1.PersistentVolumeClaimSpec{
		AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
	}}
	w.must(w.Create(ctx, claim))
	w.add("{application: a, storage: {size: 2Gi, retain: false}}")
	w.serve()
	w.reconcile()
	if when := read(w, "lobby", &appsv1.StatefulSet{}).Spec.PersistentVolumeClaimRetentionPolicy.WhenDeleted; when != appsv1.RetainPersistentVolumeClaimRetentionPolicyType {
		t.Errorf("it goes with the instance: %s", when)
	}
	if c := w.condition(v1alpha1.ConditionReady); c.Status != "True" {
		t.Errorf("ready: %+v", c)
	}
	if c := w.condition(v1alpha1.ConditionStorageReady); c.Reason != "ForeignClaim" || !strings.Contains(c.Message, "it has 1Gi") {
		t.Errorf("storage: %+v", c)
	}
	after := read(w, "data-lobby-0", &corev1.PersistentVolumeClaim{})
	if len(after.Labels) > 0 || applied(after) || !reflect.DeepEqual(after.Spec.Resources, claim.Spec.Resources) {
		t.Errorf("it was changed: %+v", after.ObjectMeta)
	}
}

// Claims and keys of before carry a label that Argo CD prunes by.
func TestWhatOutlivesIsRelabelled(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	a := w.make("{application: a}")
	l := labels(a)
	claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "data-lobby-0", Labels: maps.Clone(l)}, Spec: corev1.PersistentVolumeClaimSpec{
		AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("10Gi")}},
	}}
	w.must(w.Create(ctx, claim, client.FieldOwner("kube-controller-manager")))
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "lobby-publish-key"}}
	w.must(w.Patch(ctx, secret, client.RawPatch("application/apply-patch+yaml", fmt.Appendf(nil, `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"lobby-publish-key","namespace":%q,
		"labels":{"app.kubernetes.io/name":"flashpod","app.kubernetes.io/instance":"lobby","app.kubernetes.io/managed-by":"flashpod-operator"},
		"ownerReferences":[{"apiVersion":"media.flashpod.dev/v1alpha1","kind":"AppInstance","name":"lobby","uid":%q,"controller":true,"blockOwnerDeletion":true}]},
		"data":{"key":"a2V5"}}`, w.ns, a.UID)), client.FieldOwner(FieldManager)))
	w.reconcile()
	w.reconcile()
	for _, o := range []client.Object{read(w, "data-lobby-0", &corev1.PersistentVolumeClaim{}), read(w, "lobby-publish-key", &corev1.Secret{})} {
		if o.GetLabels()[labelInstance] != "" || o.GetLabels()[labelOutlives] != "lobby" || o.GetAnnotations()[annotationSync] == "" || len(o.GetOwnerReferences()) > 0 {
			t.Errorf("%T: labels %v, annotations %v, owners %v", o, o.GetLabels(), o.GetAnnotations(), o.GetOwnerReferences())
		}
	}
	if key := read(w, "lobby-publish-key", &corev1.Secret{}).Data["key"]; string(key) != "key" {
		t.Errorf("key %q", key)
	}
	*w.writes = 0
	w.reconcile()
	if *w.writes > 0 {
		t.Errorf("%d writes when all is done", *w.writes)
	}
}
