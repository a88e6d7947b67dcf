package controllers

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/api/v1alpha1/manifest"
	"flashpod.dev/flashpod/hack/e2e/selfsigned"
)

// The web has its port in the pod, on the Service and in the NetworkPolicy where it is
// asked for, and an Ingress where a host name is.
func TestWebFollowsTheSpec(t *testing.T) {
	const hostname = "{application: a, web: {hostname: live.example.com, ingressClassName: nginx, tls: {secretName: live-tls}}}"
	for _, c := range []struct {
		spec, child string
		want        []string
	}{
		{"{application: a, web: {}}", "StatefulSet lobby", []string{"- --web-address\n", "- :8088\n", "containerPort: 8088", "name: web"}},
		{"{application: a, web: {}}", "Service lobby", []string{"name: web\n", "port: 80\n", "targetPort: web"}},
		{"{application: a, web: {port: 8000}}", "Service lobby", []string{"port: 8000\n"}},
		{"{application: a, web: {}}", "NetworkPolicy lobby", []string{"port: web"}},
		{"{application: a, web: {allowedOrigins: [https://example.org]}}", "ConfigMap lobby-config", []string{"https://example.org"}},
		{hostname, "ConfigMap lobby-config", []string{"hostname: live.example.com"}},
		{hostname, "Service lobby", []string{"port: 80\n"}},
		{hostname, "Ingress lobby", []string{"host: live.example.com", "path: /\n", "pathType: Prefix", "name: lobby\n", "name: web\n", "ingressClassName: nginx", "secretName: live-tls", "hosts:\n    - live.example.com"}},
		{"{application: a, web: {hostname: live.example.com, tls: {}}}", "Ingress lobby", []string{"tls:\n  - hosts:\n    - live.example.com\n"}},
	} {
		got, ok := children(t, observe(t, c.spec))[c.child]
		for _, want := range c.want {
			if !ok || !strings.Contains(text(t, got), want) {
				t.Errorf("%s: %s lacks %q", c.spec, c.child, want)
			}
		}
	}
	plain := children(t, observe(t, "{application: a}"))
	for name, lacks := range map[string]string{"StatefulSet lobby": "web", "Service lobby": "web", "NetworkPolicy lobby": "web", "ConfigMap lobby-config": "web"} {
		if got := text(t, plain[name]); strings.Contains(got, lacks) {
			t.Errorf("without spec.web %s has %q:\n%s", name, lacks, got)
		}
	}
	for _, spec := range []string{"{application: a}", "{application: a, web: {}}"} {
		if _, ok := children(t, observe(t, spec))["Ingress lobby"]; ok {
			t.Errorf("%s: there is an Ingress", spec)
		}
	}
	if got := text(t, children(t, observe(t, hostname))["Ingress lobby"]); strings.Contains(got, "annotations") {
		t.Errorf("the Ingress has annotations:\n%s", got)
	}
}

// What the cluster alone is concerned with restarts no server.
func TestWhatOfTheWebRestarts(t *testing.T) {
	const before = "{application: a, web: {hostname: a.example.com}}"
	for spec, restarts := range map[string]bool{
		"{hostname: a.example.com, port: 8000}":                            false,
		"{hostname: a.example.com, ingressClassName: nginx}":               false,
		"{hostname: a.example.com, tls: {secretName: s}}":                  false,
		"{hostname: a.example.com, gatewayRef: {name: g}}":                 false,
		"{hostname: a.example.com, plainHTTP: Internal}":                   false,
		"{hostname: b.example.com}":                                        true,
		"{hostname: a.example.com, allowedOrigins: [https://example.org]}": true,
	} {
		is, err := same(wantedTemplate(t, observe(t, before)), wantedTemplate(t, observe(t, "{application: a, web: "+spec+"}")))
		if err != nil || is == restarts {
			t.Errorf("%s: restarts %v (%v), want %v", spec, !is, err, restarts)
		}
	}
}

// A pod lets in the pages that the manifest names: it reads its own document.
func TestPodIsToldWhichPagesMayUseIt(t *testing.T) {
	for spec, want := range map[string][]string{
		"{}": nil,
		"{allowedOrigins: [https://one.example, '*']}":                         {"https://one.example", "*"},
		"{hostname: live.example, port: 8000, tls: {}, allowedOrigins: ['*']}": {"*", "https://live.example", "http://live.example"},
	} {
		docs, err := manifest.Load(strings.NewReader(documentOf(t, "{application: a, web: "+spec+"}")), "document")
		if err != nil {
			t.Fatal(err)
		}
		if got := docs[0].Spec.Web.Origins(); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", spec, got, want)
		}
	}
}

// An Ingress goes when it is not asked for any more, and gives way to another when its
// class is not; one of another owner is not touched.
func TestIngressThatIsThere(t *testing.T) {
	nginx := "nginx"
	applied := func(fields string) []metav1.ManagedFieldsEntry {
		return []metav1.ManagedFieldsEntry{{Manager: FieldManager, Operation: metav1.ManagedFieldsOperationApply, APIVersion: "networking.k8s.io/v1", FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(fields)}}
	}
	classed, unclassed := applied(`{"f:spec":{"f:ingressClassName":{}}}`), applied(`{"f:spec":{"f:rules":{}}}`)
	for _, c := range []struct {
		name, web string
		fields    []metav1.ManagedFieldsEntry
		foreign   bool
		does      string
	}{
		{"wanted", "{hostname: a.example.com, ingressClassName: nginx}", classed, false, "apply"},
		{"no longer", "{}", classed, false, "remove"},
		{"no spec.web", "null", classed, false, "remove"},
		{"without its class", "{hostname: a.example.com}", classed, false, "remove"},
		{"of the default class", "{hostname: a.example.com}", unclassed, false, "apply"},
		{"of another class", "{hostname: a.example.com, ingressClassName: other}", classed, false, "apply"},
		{"of another owner", "{hostname: a.example.com}", nil, true, "conflict"},
		{"of another owner, and not wanted", "{}", nil, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := observe(t, "{application: a, web: "+c.web+"}")
			o.ingress = &networkingv1.Ingress{ObjectMeta: owned(o, "lobby"), Spec: networkingv1.IngressSpec{IngressClassName: &nginx}}
			o.ingress.ManagedFields = c.fields
			if c.foreign {
				o.ingress.OwnerReferences = nil
			}
			p := planOf(t, o)
			does := ""
			for _, gone := range p.remove {
				if gone.kind == "Ingress" && gone.object == o.ingress {
					does += "remove"
				}
			}
			for _, made := range p.children {
				if made.String() == "Ingress lobby" {
					does += "apply"
				}
			}
			for _, other := range p.conflicts {
				if strings.HasPrefix(other.String(), "Ingress lobby is there and not the operator's") {
					does += "conflict"
				}
			}
			if does != c.does {
				t.Errorf("does %q, want %q", does, c.does)
			}
		})
	}
}

func TestWebURL(t *testing.T) {
	for _, c := range []struct {
		name, spec, host, want string
		ingress                bool
	}{
		{"without spec.web", "{application: a}", "203.0.113.10", "", false},
		{"at the load balancer", "{application: a, web: {}}", "203.0.113.10", "http://203.0.113.10/a/lobby", false},
		{"at the load balancer's name", "{application: a, instance: _definst_, web: {}}", "lb.example.org", "http://lb.example.org/a", false},
		{"at another port", "{application: a, web: {port: 8000}}", "203.0.113.10", "http://203.0.113.10:8000/a/lobby", false},
		{"at an IPv6 address", "{application: a, web: {}}", "2001:db8::1", "http://[2001:db8::1]/a/lobby", false},
		{"without an address", "{application: a, web: {}}", "", "", false},
		{"inside of the cluster", "{application: a, service: {type: ClusterIP}, web: {}}", "", "http://lobby.ns.svc/a/lobby", false},
		{"at any node", "{application: a, service: {type: NodePort}, web: {}}", "", "", false},
		{"at a host name", "{application: a, service: {type: ClusterIP}, web: {hostname: live.example.com, port: 8000}}", "", "http://live.example.com/a/lobby", true},
		{"at a host name with a certificate", "{application: a, web: {hostname: live.example.com, tls: {}}}", "203.0.113.10", "https://live.example.com/a/lobby", true},
		{"by HTTPS", "{application: a, web: {}, tls: {secretName: cert}}", "203.0.113.10", "https://203.0.113.10/a/lobby", false},
		{"by HTTPS at another port", "{application: a, web: {plainHTTP: Internal}, tls: {secretName: cert, port: 8443}}", "2001:db8::1", "https://[2001:db8::1]:8443/a/lobby", false},
		{"by HTTPS inside of the cluster", "{application: a, service: {type: ClusterIP}, web: {}, tls: {secretName: cert}}", "", "https://lobby.ns.svc/a/lobby", false},
		{"at a host name, and RTMPS beside it", "{application: a, web: {hostname: live.example.com}, tls: {secretName: cert}}", "203.0.113.10", "http://live.example.com/a/lobby", true},
		{"by a Gateway that has not said", "{application: a, web: {hostname: live.example.com, gatewayRef: {name: g}}}", "203.0.113.10", "", true},
		{"without its Ingress", "{application: a, web: {hostname: live.example.com}}", "203.0.113.10", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := observe(t, c.spec)
			o.service = &corev1.Service{ObjectMeta: owned(o, "lobby"), Spec: corev1.ServiceSpec{Type: o.instance.Spec.Service.Type}}
			if c.host != "" {
				in := corev1.LoadBalancerIngress{IP: c.host}
				if strings.HasPrefix(c.host, "lb.") {
					in = corev1.LoadBalancerIngress{Hostname: c.host}
				}
				o.service.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{in}
			}
			if c.ingress {
				o.ingress = &networkingv1.Ingress{ObjectMeta: owned(o, "lobby")}
			}
			if got := statusOf(o, planOf(t, o)).WebURL; got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// webCases are what Ready says where a host name has no certificate.
func webCases(t *testing.T) []readyCase {
	const spec = "{application: a, web: {hostname: live.example.com, tls: {secretName: cert}}}"
	pair := func(host string, until time.Duration) *corev1.Secret {
		cert, key, err := selfsigned.Until(host, time.Now().Add(until))
		if err != nil {
			t.Fatal(err)
		}
		return &corev1.Secret{Type: corev1.SecretTypeTLS, Data: map[string][]byte{"tls.crt": cert, "tls.key": key}}
	}
	const month = 30 * 24 * time.Hour
	of := func(s *corev1.Secret) func(*observed) { return func(o *observed) { o.webCertificate = s } }
	opaque := pair("live.example.com", month)
	opaque.Type = corev1.SecretTypeOpaque
	return []readyCase{
		{"a certificate of the host name", spec, of(pair("live.example.com", month)), "True", "Serving", "", false},
		{"one of all names", spec, of(pair("*.example.com", month)), "True", "Serving", "", false},
		{"one that ends soon", spec, of(pair("live.example.com", time.Hour)), "True", "Serving", "", false},
		{"one that has ended", spec, of(pair("live.example.com", -time.Hour)), "False", "CertificateInvalid", "has expired", true},
		{"one of another name", spec, of(pair("tv.example.com", month)), "False", "CertificateInvalid", "is not for live.example.com", true},
		{"no certificate of the host name", spec, of(nil), "False", "CertificateMissing", "Secret cert of spec.web.tls is not there", true},
		{"a Secret of another type", spec, of(opaque), "False", "CertificateInvalid", "not kubernetes.io/tls", true},
		{"a Secret with garbage", spec, of(&corev1.Secret{Type: corev1.SecretTypeTLS, Data: map[string][]byte{"tls.crt": []byte("x"), "tls.key": []byte("y")}}), "False", "CertificateInvalid", "PEM", true},
		{"the controller's own certificate", "{application: a, web: {hostname: live.example.com, tls: {}}}", of(nil), "True", "Serving", "", false},
		{"no Gateway API", "{application: a, web: {hostname: live.example.com, gatewayRef: {name: g}}}", func(*observed) {}, "False", "GatewayAPIMissing", "install the Gateway API", true},
		{"no right to look", "{application: a, web: {hostname: live.example.com, gatewayRef: {name: g}}}", func(o *observed) { o.routeRefused = "forbidden to you" }, "False", "RouteForbidden", "forbidden to you", true},
	}
}

// Of what controllers say of a route, that counts which is about our Gateway, whichever
// way they write its name.
func TestWhichGatewaySaysIt(t *testing.T) {
	own, other, kind, section := gatewayv1.Namespace("ns"), gatewayv1.Namespace("other"), gatewayv1.Kind("Service"), gatewayv1.SectionName("https")
	for name, c := range map[string]struct {
		ref  v1alpha1.GatewayRef
		said gatewayv1.ParentReference
		is   bool
	}{
		"the same":           {v1alpha1.GatewayRef{Name: "g"}, gatewayv1.ParentReference{Name: "g"}, true},
		"with its namespace": {v1alpha1.GatewayRef{Name: "g"}, gatewayv1.ParentReference{Name: "g", Namespace: &own}, true},
		"without it":         {v1alpha1.GatewayRef{Name: "g", Namespace: "ns"}, gatewayv1.ParentReference{Name: "g"}, true},
		"elsewhere":          {v1alpha1.GatewayRef{Name: "g"}, gatewayv1.ParentReference{Name: "g", Namespace: &other}, false},
		"of elsewhere":       {v1alpha1.GatewayRef{Name: "g", Namespace: "other"}, gatewayv1.ParentReference{Name: "g", Namespace: &other}, true},
		"another":            {v1alpha1.GatewayRef{Name: "g"}, gatewayv1.ParentReference{Name: "h"}, false},
		"another kind":       {v1alpha1.GatewayRef{Name: "g"}, gatewayv1.ParentReference{Name: "g", Kind: &kind}, false},
		"a listener":         {v1alpha1.GatewayRef{Name: "g", SectionName: "https"}, gatewayv1.ParentReference{Name: "g", SectionName: &section}, true},
		"another listener":   {v1alpha1.GatewayRef{Name: "g"}, gatewayv1.ParentReference{Name: "g", SectionName: &section}, false},
	} {
		if got := parentOf("ns", []gatewayv1.RouteParentStatus{{ParentRef: c.said}}, &c.ref) != nil; got != c.is {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// What a manifest says of HLS is in the pod's document, from which the server reads it, and
// what it does not say is not: the pod of who says nothing does not restart for it.
func TestDocumentOfHLS(t *testing.T) {
	of := func(web string) string {
		t.Helper()
		doc, err := document(observe(t, "{application: a, web: "+web+"}").instance)
		if err != nil {
			t.Fatal(err)
		}
		return doc
	}
	if plain := of("{}"); of("{hls: {}}") != plain || of("{hls: {mode: LowLatency, start: OnDemand}}") != plain {
		t.Errorf("what is as by default changes the document:\n%s", of("{hls: {}}"))
	}
	doc := of("{hls: {window: 10m, start: Always}}")
	all, err := manifest.Load(strings.NewReader(doc), "document")
	if err != nil || len(all) != 1 {
		t.Fatalf("%v\n%s", err, doc)
	}
	if h := all[0].Spec.Web.HLSSettings(); h == nil || h.Window.Duration != 10*time.Minute || h.Start != v1alpha1.HLSAlways {
		t.Errorf("the server reads %+v of\n%s", h, doc)
	}
}
