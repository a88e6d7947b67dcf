//go:build envtest

package controllers

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/controllers/gateway"
)

// withGateway gives a world a gateway, in a namespace of its own, that serves the world's
// namespace at a host.
func (w *world) withGateway(host string) *Gateway {
	w.t.Helper()
	file := filepath.Join(w.t.TempDir(), "namespaces.yaml")
	w.must(os.WriteFile(file, []byte(fmt.Sprintf("namespaces: [{name: %s, hosts: [%q]}]", w.ns, host)), 0o600))
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "gateway-"}}
	w.must(w.Create(context.Background(), ns))
	g := &Gateway{GrantsFile: file, Namespace: ns.Name}
	w.r.Options.Gateway = g
	return g
}

// An instance behind the gateway has no address of its own, takes links of the gateway's
// alone, and says where clients come.
func TestBehindTheGateway(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	w.add("{application: a, service: {type: Gateway}}")
	w.serve()
	w.settle()
	if c := w.condition("Ready"); c.Reason != "NoGateway" {
		t.Errorf("without a gateway it is %s: %s", c.Reason, c.Message)
	}
	g := w.withGateway("*")
	w.settle()
	if c := w.condition("Ready"); c.Reason != "AddressPending" {
		t.Errorf("without an address of the gateway it is %s: %s", c.Reason, c.Message)
	}
	s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: g.Namespace, Name: gatewayName},
		Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Ports: []corev1.ServicePort{{Name: "rtmps", Port: 443}, {Name: "rtmp", Port: 1935}}}}
	w.must(w.Create(ctx, s))
	s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "192.0.2.9"}}
	w.must(w.Client.Status().Update(ctx, s))
	w.settle()
	if url := w.instance().Status.URL; url != "rtmp://192.0.2.9/a/lobby" {
		t.Errorf("%q, %+v", url, w.condition("Ready"))
	}
	w.withGateway("*.a.example.com")
	w.settle()
	if url := w.instance().Status.URL; url != "rtmp://lobby.a.example.com/a/lobby" {
		t.Error(url)
	}

	if kind := read(w, "lobby", &corev1.Service{}).Spec.Type; kind != corev1.ServiceTypeClusterIP {
		t.Errorf("its Service is a %s", kind)
	}
	var ports []string
	for _, p := range read(w, "lobby-origin", &corev1.Service{}).Spec.Ports {
		ports = append(ports, fmt.Sprint(p.Name, p.Port))
	}
	if fmt.Sprint(ports) != "[rtmp1935 http8080 link1937]" {
		t.Error(ports)
	}
	// The key is that of the gateway which there is now, and of nobody else.
	master, err := w.r.Options.Gateway.Master(ctx, w.Client, w.Client)
	w.must(err)
	secret := read(w, "lobby-link", &corev1.Secret{})
	if got := string(secret.Data["of-gateway"]); got != gateway.KeyFor(master, w.instance()) || !metav1.IsControlledBy(secret, w.instance()) {
		t.Errorf("the key is %q of %v", got, secret.OwnerReferences)
	}
	if entries := slices.Sorted(maps.Keys(secret.Data)); entries[0] != linkEntry {
		t.Errorf("the first keys are not those of edges: %v", entries)
	}
	pod := read(w, "lobby-0", &corev1.Pod{})
	if args := strings.Join(pod.Spec.Containers[0].Args, " "); !strings.Contains(args, "--link-address :1937 --link-key-file /run/secrets/link") {
		t.Error(args)
	}
	rules := read(w, "lobby", &networkingv1.NetworkPolicy{}).Spec.Ingress
	last := rules[len(rules)-1]
	if p := last.Ports[0].Port.String(); p != "link" || last.From[1].PodSelector.MatchLabels[labelName] != gatewayName || last.From[1].NamespaceSelector.MatchLabels[labelNamespace] != "flashpod-system" {
		t.Errorf("%+v", last)
	}
	*w.writes = 0
	w.reconcile()
	if *w.writes != 0 {
		t.Errorf("%d writes where nothing had changed", *w.writes)
	}

	// Another operator finds the key that the first has made.
	again := &Gateway{GrantsFile: w.r.Options.Gateway.GrantsFile, Namespace: w.r.Options.Gateway.Namespace}
	if same, err := again.Master(ctx, w.Client, w.Client); err != nil || string(same) != string(master) {
		t.Errorf("%v, and another key", err)
	}
}

// The younger of two AppInstances that claim one name says who has it, and gets it when
// that one goes.
func TestRouteConflict(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	g := w.withGateway("a.example.com")
	other := newWorld(t)
	w.must(os.WriteFile(g.GrantsFile, []byte(fmt.Sprintf("namespaces: [{name: %s, hosts: [a.example.com]}, {name: %s, hosts: [a.example.com]}]", w.ns, other.ns)), 0o600))
	other.r.Options.Gateway = g
	other.add("{application: a, instance: room, service: {type: Gateway}}")
	older := other.instance()
	for { // times of the API server are of seconds
		w.make("{application: a, instance: room, service: {type: Gateway}}")
		if w.instance().CreationTimestamp.After(older.CreationTimestamp.Time) {
			break
		}
		w.must(w.Client.Delete(ctx, w.instance()))
	}
	w.reconcile()
	w.reconcile()
	w.serve()
	w.settle()
	c := meta.FindStatusCondition(w.instance().Status.Conditions, v1alpha1.ConditionRouteConflict)
	if c == nil || c.Status != metav1.ConditionTrue || !strings.Contains(c.Message, "a/room at a.example.com: taken by AppInstance "+other.ns+"/lobby") {
		t.Errorf("%+v", c)
	}
	if ready := w.condition("Ready"); ready.Reason != "RouteConflict" || w.instance().Status.URL != "" {
		t.Errorf("%s %q", ready.Reason, w.instance().Status.URL)
	}
	other.serve()
	other.settle()
	if url := other.instance().Status.URL; url != "rtmp://a.example.com/a/room" || meta.FindStatusCondition(other.instance().Status.Conditions, v1alpha1.ConditionRouteConflict) != nil {
		t.Errorf("the older one's URL is %q", url)
	}
	requests := other.r.rivals(ctx, older)
	if !slices.Contains(requests, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(w.instance())}) {
		t.Errorf("when it goes, these are looked at: %v", requests)
	}
	w.must(w.Client.Delete(ctx, older))
	w.settle()
	if url := w.instance().Status.URL; url != "rtmp://a.example.com/a/room" || meta.FindStatusCondition(w.instance().Status.Conditions, v1alpha1.ConditionRouteConflict) != nil {
		t.Errorf("once it has gone, the URL is %q", url)
	}
}
