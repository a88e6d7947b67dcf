//go:build envtest

package controllers

import (
	"context"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/api/v1alpha1/manifest"
)

// An instance that says nothing but its policy has all else from the API server's
// defaults: its pod is told that it sees nodes' addresses, and is restarted when
// that changes, but for no other change of the Service.
func TestPodIsToldWhoseAddressesItSees(t *testing.T) {
	w := newWorld(t)
	a := &v1alpha1.AppInstance{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "lobby"}}
	a.Spec.Application, a.Spec.Service.ExternalTrafficPolicy = "a", corev1.ServiceExternalTrafficPolicyCluster
	w.must(w.Create(context.Background(), a))
	w.reconcile()
	w.serve()
	if most := w.instance().Spec.Limits.MaxConnectionsPerAddress; most == nil || *most == 0 {
		t.Fatal("the API server has no default: this test says nothing")
	}
	perAddress := func() int32 {
		doc := read(w, "lobby-config", &corev1.ConfigMap{}).Data[documentFile]
		all, err := manifest.Load(strings.NewReader(doc), "document")
		w.must(err)
		return all[0].Spec.ConnectionsPerAddress()
	}
	template := func() string { return revisionOf(t, read(w, "lobby", &appsv1.StatefulSet{})) }
	if got := perAddress(); got != 0 {
		t.Errorf("%d connections of a node, want any number", got)
	}
	before := template()
	w.edit(func(a *v1alpha1.AppInstance) {
		a.Spec.Service.Type, a.Spec.Service.Port = corev1.ServiceTypeNodePort, 1999
	})
	w.reconcile()
	if template() != before {
		t.Error("another type and port restart the server")
	}
	w.edit(func(a *v1alpha1.AppInstance) {
		a.Spec.Service.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyLocal
	})
	w.reconcile()
	if template() == before || !w.told("spec.service") {
		t.Error("the server is not restarted, or nobody is told why")
	}
	if got := perAddress(); got != 1000 {
		t.Errorf("%d connections of an address, want the default", got)
	}
}
