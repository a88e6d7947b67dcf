//go:build envtest

package controllers

import (
	"context"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// The address of WebRTC comes when the server runs already, and changes: the server is
// told by a file, restarts for none of it, and kubelet is made to look.
func TestWebRTCComesAndGoes(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	w.add("{application: a, web: {webrtc: {}}}")
	w.serve()
	w.settle()
	template := revisionOf(t, read(w, "lobby", &appsv1.StatefulSet{}))
	told := func() string { return read(w, "lobby-config", &corev1.ConfigMap{}).Data["webrtc-addresses"] }
	quiet := func(what string) {
		t.Helper()
		*w.writes = 0
		w.reconcile()
		if *w.writes != 0 {
			t.Errorf("%s: %d writes where nothing had changed", what, *w.writes)
		}
		if now := revisionOf(t, read(w, "lobby", &appsv1.StatefulSet{})); now != template {
			t.Errorf("%s: the server restarts", what)
		}
	}
	if c := w.condition(v1alpha1.ConditionWebRTCReady); c.Reason != "AddressPending" || told() != "" || w.condition(v1alpha1.ConditionReady).Reason != "AddressPending" {
		t.Errorf("without an address: %+v, the server is told %q", c, told())
	}
	if ports := read(w, "lobby", &networkingv1.NetworkPolicy{}).Spec.Ingress[0].Ports; *ports[len(ports)-1].Protocol != corev1.ProtocolUDP {
		t.Errorf("the NetworkPolicy's ports are %v", ports)
	}
	quiet("without an address")

	pod := read(w, "lobby-0", &corev1.Pod{}) // which runs for a while
	began := metav1.NewTime(time.Now().Add(-time.Minute))
	pod.Status.StartTime = &began
	w.must(w.Status().Update(ctx, pod))
	service := func() *corev1.Service { return read(w, "lobby-webrtc", &corev1.Service{}) }
	for _, ip := range []string{"203.0.113.20", "203.0.113.21"} {
		s := service()
		s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: ip}}
		w.must(w.Status().Update(ctx, s))
		w.settle()
		if want := ip + ":443\n"; told() != want || w.condition(v1alpha1.ConditionReady).Status != "True" {
			t.Errorf("the server is told %q, want %q", told(), want)
		}
		quiet(ip)
	}
	if read(w, "lobby-0", &corev1.Pod{}).Annotations[annotationSecrets] == "" {
		t.Error("kubelet is not made to look")
	}

	// By the node's port, and with another class of load balancers again.
	w.edit(func(a *v1alpha1.AppInstance) { a.Spec.Web.WebRTC.ServiceType = corev1.ServiceTypeNodePort })
	w.settle()
	if s := service(); s.Spec.Type != corev1.ServiceTypeNodePort || s.Spec.Ports[0].NodePort == 0 {
		t.Errorf("the Service is %+v", s.Spec)
	}
	w.edit(func(a *v1alpha1.AppInstance) { a.Spec.Web.WebRTC.ServiceType = corev1.ServiceTypeLoadBalancer })
	w.settle()
	w.edit(func(a *v1alpha1.AppInstance) { a.Spec.Service.Type = corev1.ServiceTypeClusterIP })
	w.settle()
	class := "example.org/udp"
	w.edit(func(a *v1alpha1.AppInstance) { a.Spec.Service.LoadBalancerClass = &class })
	w.settle()
	if s := service(); value(s.Spec.LoadBalancerClass) != class {
		t.Errorf("the class is %q: %s", value(s.Spec.LoadBalancerClass), w.condition(v1alpha1.ConditionReady).Message)
	}
	quiet("with another class")

	w.edit(func(a *v1alpha1.AppInstance) { a.Spec.Web.WebRTC = nil })
	w.settle()
	err := w.Get(ctx, client.ObjectKey{Namespace: w.ns, Name: "lobby-webrtc"}, &corev1.Service{})
	if !apierrors.IsNotFound(err) || told() != "" || meta.FindStatusCondition(w.instance().Status.Conditions, v1alpha1.ConditionWebRTCReady) != nil {
		t.Errorf("when it is not asked for any more: %v, the server is told %q", err, told())
	}
	if !w.told("restarts because spec.web changed") {
		t.Error("no event says why it restarts")
	}
}

// Media goes where the Service of the web does: to edges while one is ready, back to the
// origin before they go; and the API server takes all of it as it is.
func TestWebRTCGoesToEdges(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	w.add("{application: a, web: {webrtc: {}}, edges: {replicas: 2}}")
	w.serve()
	w.settle()
	leadsTo := func(component string) {
		t.Helper()
		for _, name := range []string{"lobby", "lobby-webrtc"} {
			if got := read(w, name, &corev1.Service{}).Spec.Selector[labelComponent]; got != component {
				t.Errorf("%s leads to the %s, want the %s", name, got, component)
			}
		}
	}
	leadsTo("origin")
	s := read(w, "lobby-webrtc", &corev1.Service{})
	s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "203.0.113.20"}}
	w.must(w.Status().Update(ctx, s))
	w.observeEdges(1)
	w.settle()
	leadsTo("edge")
	d := read(w, "lobby-edge", &appsv1.Deployment{}).Spec.Template.Spec
	if from := d.Containers[0].Env[0].ValueFrom; from == nil || from.FieldRef == nil || from.FieldRef.FieldPath != "status.podIP" {
		t.Errorf("edges do not know their addresses: %+v", d.Containers[0].Env)
	}
	if told := read(w, "lobby-config", &corev1.ConfigMap{}).Data["webrtc-addresses"]; told != "203.0.113.20:443\n" || len(d.Volumes[1].ConfigMap.Items) > 0 {
		t.Errorf("edges are told %q: %+v", told, d.Volumes)
	}
	*w.writes = 0
	w.reconcile()
	if *w.writes != 0 {
		t.Errorf("%d writes where nothing had changed", *w.writes)
	}
	w.edit(func(a *v1alpha1.AppInstance) { a.Spec.Edges = nil })
	w.settle()
	leadsTo("origin")
	err := w.Get(ctx, client.ObjectKey{Namespace: w.ns, Name: "lobby-edge"}, &appsv1.Deployment{})
	if !apierrors.IsNotFound(err) {
		t.Errorf("the edges are there: %v", err)
	}
}
