//go:build envtest

package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// ports are those of the Service, the pod and the NetworkPolicy, by their names.
func (w *world) ports() (service, pod, policy []string) {
	w.t.Helper()
	for _, p := range read(w, "lobby", &corev1.Service{}).Spec.Ports {
		service = append(service, fmt.Sprint(p.Name, " ", p.Port, " ", p.TargetPort.String()))
	}
	for _, p := range read(w, "lobby", &appsv1.StatefulSet{}).Spec.Template.Spec.Containers[0].Ports {
		pod = append(pod, fmt.Sprint(p.Name, " ", p.ContainerPort))
	}
	for _, p := range read(w, "lobby", &networkingv1.NetworkPolicy{}).Spec.Ingress[0].Ports {
		policy = append(policy, p.Port.String())
	}
	return service, pod, policy
}

// ingressOf says what the Ingress is, in a line; "" where there is none.
func (w *world) ingressOf() string {
	w.t.Helper()
	in := &networkingv1.Ingress{}
	err := w.Get(context.Background(), client.ObjectKey{Namespace: w.ns, Name: "lobby"}, in)
	if apierrors.IsNotFound(err) {
		return ""
	}
	w.must(err)
	class := "-"
	if in.Spec.IngressClassName != nil {
		class = *in.Spec.IngressClassName
	}
	r := in.Spec.Rules[0]
	to := r.HTTP.Paths[0]
	said := fmt.Sprintf("%s of %s: %s%s to %s:%s", r.Host, class, *to.PathType, to.Path, to.Backend.Service.Name, to.Backend.Service.Port.Name)
	for _, tls := range in.Spec.TLS {
		said += fmt.Sprintf(", certificate %q of %v", tls.SecretName, tls.Hosts)
	}
	return said
}

// spec.web is asked for, changed and taken back: the ports, the Ingress and webURL
// follow, nothing is written when nothing has changed, and the server restarts only
// where it is told something else.
func TestWebComesAndGoes(t *testing.T) {
	w := newWorld(t)
	w.add("{application: a}")
	w.serve()
	w.settle()
	template := func() string { return revisionOf(t, read(w, "lobby", &appsv1.StatefulSet{})) }
	without := template()
	secret := func(name string) *v1alpha1.WebTLS { return &v1alpha1.WebTLS{SecretName: name} }
	last := without
	for _, step := range []struct {
		name              string
		web               *v1alpha1.Web
		port, ingress, at string
		restarts          bool
	}{
		{"asked for", &v1alpha1.Web{}, "web 80 web", "", "http://203.0.113.10/a/lobby", true},
		{"at another port", &v1alpha1.Web{Port: 8000}, "web 8000 web", "", "http://203.0.113.10:8000/a/lobby", false},
		{"with a host name", &v1alpha1.Web{Hostname: "live.example.com", IngressClassName: "nginx"}, "web 80 web",
			"live.example.com of nginx: Prefix/ to lobby:web", "http://live.example.com/a/lobby", true},
		{"with a certificate", &v1alpha1.Web{Hostname: "live.example.com", IngressClassName: "nginx", TLS: secret("live-tls")}, "web 80 web",
			`live.example.com of nginx: Prefix/ to lobby:web, certificate "live-tls" of [live.example.com]`, "https://live.example.com/a/lobby", false},
		{"of another class", &v1alpha1.Web{Hostname: "live.example.com", IngressClassName: "other", TLS: secret("")}, "web 80 web",
			`live.example.com of other: Prefix/ to lobby:web, certificate "" of [live.example.com]`, "https://live.example.com/a/lobby", false},
		{"of another name", &v1alpha1.Web{Hostname: "tv.example.com", IngressClassName: "other"}, "web 80 web",
			"tv.example.com of other: Prefix/ to lobby:web", "http://tv.example.com/a/lobby", true},
		{"of no class", &v1alpha1.Web{Hostname: "tv.example.com"}, "web 80 web",
			"tv.example.com of -: Prefix/ to lobby:web", "http://tv.example.com/a/lobby", false},
		{"without a host name", &v1alpha1.Web{AllowedOrigins: []string{"https://example.org"}}, "web 80 web", "", "http://203.0.113.10/a/lobby", true},
		{"not asked for", nil, "", "", "", true},
	} {
		w.edit(func(a *v1alpha1.AppInstance) { a.Spec.Web = step.web })
		w.settle()
		service, pod, policy := w.ports()
		on := step.web != nil
		if on != slices.Contains(service, step.port) || on != slices.Contains(pod, "web 8088") || on != slices.Contains(policy, "web") {
			t.Errorf("%s: ports %q of the Service, %q of the pod, %q of the NetworkPolicy", step.name, service, pod, policy)
		}
		if got := w.ingressOf(); got != step.ingress {
			t.Errorf("%s: the Ingress is %q, want %q", step.name, got, step.ingress)
		}
		if got := w.instance().Status.WebURL; got != step.at {
			t.Errorf("%s: webURL %q, want %q", step.name, got, step.at)
		}
		if now := template(); (now != last) != step.restarts {
			t.Errorf("%s: the server restarts: %v", step.name, now != last)
		}
		if step.restarts {
			w.serve()
			w.settle()
		}
		last = template()
		*w.writes = 0
		for range 2 {
			w.reconcile()
		}
		if *w.writes != 0 {
			t.Errorf("%s: %d writes where nothing had changed", step.name, *w.writes)
		}
	}
	if last != without {
		t.Error("what the pod had for the web is not taken back")
	}
	if !w.told("restarts because spec.web changed") {
		t.Error("no event says why it restarts")
	}
}

// An Ingress that names no class gets the cluster's default one, also when it had
// another before.
func TestIngressOfTheDefaultClass(t *testing.T) {
	w := newWorld(t)
	class := &networkingv1.IngressClass{
		ObjectMeta: metav1.ObjectMeta{Name: "default-" + w.ns, Annotations: map[string]string{networkingv1.AnnotationIsDefaultIngressClass: "true"}},
		Spec:       networkingv1.IngressClassSpec{Controller: "example.org/none"},
	}
	w.must(w.Create(context.Background(), class))
	t.Cleanup(func() { _ = w.Client.Delete(context.Background(), class) })
	until(t, func() bool { // the API server hears of it a moment later
		probe := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "probe"}, Spec: networkingv1.IngressSpec{
			DefaultBackend: &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "a", Port: networkingv1.ServiceBackendPort{Number: 1}}}}}
		return w.Create(context.Background(), probe, client.DryRunAll) == nil && probe.Spec.IngressClassName != nil
	})
	w.add("{application: a, web: {hostname: live.example.com, ingressClassName: other}}")
	w.settle()
	w.edit(func(a *v1alpha1.AppInstance) { a.Spec.Web.IngressClassName = "" })
	w.settle()
	if got := w.ingressOf(); !strings.Contains(got, " of "+class.Name+":") {
		t.Errorf("the Ingress is %s", got)
	}
	w.edit(func(a *v1alpha1.AppInstance) { a.Spec.Web.Hostname = "tv.example.com" })
	w.settle()
	if got := w.ingressOf(); !strings.HasPrefix(got, "tv.example.com of "+class.Name+":") {
		t.Errorf("the Ingress is %s", got)
	}
	*w.writes = 0
	w.reconcile()
	if *w.writes != 0 {
		t.Errorf("%d writes where nothing had changed", *w.writes)
	}
}

// What somebody has written into the Ingress is undone; what a controller of Ingresses
// is told by annotations, which the operator has none of, stays.
func TestIngressIsKept(t *testing.T) {
	w := newWorld(t)
	w.add("{application: a, web: {hostname: live.example.com, ingressClassName: nginx}}")
	w.settle()
	const want = "live.example.com of nginx: Prefix/ to lobby:web"
	for _, patch := range []string{
		`{"spec":{"rules":[{"host":"evil.example.com","http":{"paths":[{"path":"/x","pathType":"Exact","backend":{"service":{"name":"bank","port":{"name":"web"}}}}]}}]}}`,
		`{"spec":{"tls":[{"hosts":["live.example.com"],"secretName":"theirs"}]}}`,
		`{"spec":{"defaultBackend":{"service":{"name":"bank","port":{"number":1}}}},"metadata":{"annotations":{"nginx.ingress.kubernetes.io/proxy-read-timeout":"3600"}}}`,
	} {
		w.patch(&networkingv1.Ingress{}, "lobby", patch, "kubectl-edit")
		w.settle()
		if got := w.ingressOf(); got != want || read(w, "lobby", &networkingv1.Ingress{}).Spec.DefaultBackend != nil {
			t.Errorf("%s: the Ingress is %s", patch, got)
		}
	}
	if read(w, "lobby", &networkingv1.Ingress{}).Annotations["nginx.ingress.kubernetes.io/proxy-read-timeout"] == "" {
		t.Error("the user's own annotation is gone")
	}
	w.must(w.Client.Delete(context.Background(), read(w, "lobby", &networkingv1.Ingress{})))
	w.settle()
	if got := w.ingressOf(); got != want {
		t.Errorf("after it was deleted the Ingress is %q", got)
	}
}
