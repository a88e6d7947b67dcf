//go:build envtest

package policy

import (
	"context"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// borrowed are the fields that need more than the right to write AppInstances,
// each with what its refusal must say.
var borrowed = []struct{ name, spec, again, says string }{
	{"image", "image: registry.example.org/mine:1", "image: registry.example.org/mine:2", "spec.image"},
	{"priorityClassName", "priorityClassName: system-node-critical", "priorityClassName: other", "spec.priorityClassName"},
	{"podAnnotations", "podAnnotations: {sidecar.istio.io/inject: 'true'}", "podAnnotations: {sidecar.istio.io/inject: 'false'}", "spec.podAnnotations (sidecar.istio.io/inject)"},
	{"tolerations", "tolerations: [{key: node-role.kubernetes.io/control-plane, operator: Exists}]", "tolerations: [{key: node-role.kubernetes.io/control-plane, operator: Exists}, {key: gpu, operator: Exists}]", "spec.tolerations"},
	{"anti-affinity", "affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: topology.kubernetes.io/zone, labelSelector: {}, namespaceSelector: {}}]}}",
		"affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: topology.kubernetes.io/zone, labelSelector: {}, namespaces: [kube-system]}]}}", "spec.affinity.podAntiAffinity"},
	{"service annotations", "service: {annotations: {external-dns.alpha.kubernetes.io/hostname: example.org}}", "service: {annotations: {external-dns.alpha.kubernetes.io/hostname: example.com}}", "spec.service.annotations (external-dns.alpha.kubernetes.io/hostname)"},
	{"WebRTC annotations", "web: {webrtc: {annotations: {example.org/network: public}}}", "web: {webrtc: {annotations: {example.org/network: other}}}", "spec.web.webrtc.annotations (example.org/network)"},
	{"host name", "web: {hostname: live.example.org, tls: {secretName: one}}", "web: {hostname: bank.example.org, tls: {secretName: one}}", "spec.web (hostname, ingressClassName, tls)"},
	{"ingress class", "web: {hostname: live.example.org, ingressClassName: nginx}", "web: {hostname: live.example.org, ingressClassName: inside}", "spec.web (hostname, ingressClassName, tls)"},
	{"certificate of a host name", "web: {hostname: live.example.org, tls: {secretName: one}}", "web: {hostname: live.example.org, tls: {secretName: two}}", "spec.web (hostname, ingressClassName, tls)"},
	{"gateway", "web: {hostname: live.example.org, gatewayRef: {name: public}}", "web: {hostname: live.example.org, gatewayRef: {name: inside}}", "spec.web (hostname, gatewayRef, tls)"},
	{"host name of a gateway", "web: {hostname: live.example.org, gatewayRef: {name: public}, tls: {}}", "web: {hostname: bank.example.org, gatewayRef: {name: public}, tls: {}}", "spec.web (hostname, gatewayRef, tls)"},
	{"listener", "service: {type: ClusterIP, gatewayRef: {name: public, sectionName: rtmp}}", "service: {type: ClusterIP, gatewayRef: {name: public, sectionName: other}}", "spec.service.gatewayRef (name, namespace, sectionName)"},
	{"gateway of the service", "service: {type: ClusterIP, gatewayRef: {name: public, sectionName: rtmp}}", "service: {type: ClusterIP, gatewayRef: {name: public, namespace: elsewhere, sectionName: rtmp}}", "spec.service.gatewayRef (name, namespace, sectionName)"},
	{"host name of the service", "service: {type: ClusterIP, gatewayRef: {name: public, tls: {hostname: live.example.org}}}", "service: {type: ClusterIP, gatewayRef: {name: public, tls: {hostname: bank.example.org}}}", "spec.service.gatewayRef (name, namespace, tls)"},
}

// people are those of a namespace: an author may write AppInstances alone (the
// role flashpod-edit, bound by itself), an editor what Kubernetes' role edit
// lets.
func people(t *testing.T, ns string) (author, editor client.Client) {
	t.Helper()
	ctx := context.Background()
	must(t, bind(ctx, ns+":authors", ns, "flashpod-edit"))
	must(t, bind(ctx, ns+":editors", ns, "flashpod-edit"))
	// The API server of a test has no controller that fills aggregated roles:
	// this is what edit would add, and what an installation of Gateways gives.
	must(t, grant(ctx, ns+":editors", ns, rule("apps", "statefulsets", "create"), rule("", "services", "create"), rule("networking.k8s.io", "ingresses", "create"), rule("gateway.networking.k8s.io", "httproutes", "create"), rule("gateway.networking.k8s.io", "tcproutes", "create"), rule("gateway.networking.k8s.io", "tlsroutes", "create")))
	return as("alice", ns+":authors"), as("bob", ns+":editors")
}

func TestBorrowedFieldsNeedTheRightsThatTheyBorrow(t *testing.T) {
	ns := newNamespace(t)
	author, editor := people(t, ns)
	ctx := context.Background()
	for _, f := range borrowed {
		t.Run(f.name, func(t *testing.T) {
			name := strings.ToLower(strings.ReplaceAll(f.name, " ", "-"))
			bare := appInstance(ns, name, "{application: a}")
			first := appInstance(ns, name, "{application: a, "+f.spec+"}")
			again := appInstance(ns, name, "{application: a, "+f.again+"}")
			right := "create StatefulSets"
			switch {
			case strings.HasSuffix(f.says, "sectionName)"):
				right = "create TCPRoutes"
			case strings.HasPrefix(f.says, "spec.service.gatewayRef"):
				right = "create TLSRoutes"
			case strings.HasPrefix(f.says, "spec.service"), strings.Contains(f.says, "webrtc"):
				right = "create Services"
			case strings.Contains(f.says, "gatewayRef"):
				right = "create HTTPRoutes"
			case strings.HasPrefix(f.says, "spec.web"):
				right = "create Ingresses"
			}
			says := []string{f.says, right + " in namespace " + ns, "alice does not have it", "let somebody set it who has that right"}
			mustRefuse(t, author.Create(ctx, first.DeepCopy()), "flashpod-appinstances", says...)
			mustRefuse(t, apply(author, first, "kubectl"), "flashpod-appinstances", says...) // a create as well

			// Without the field the author may; setting it later he may not.
			must(t, apply(author, bare, "kubectl"))
			mustRefuse(t, apply(author, first, "kubectl"), "flashpod-appinstances", says...)
			must(t, apply(editor, first, "kubectl"))

			// What an editor has set stays when the author writes, whichever way.
			suspended := first.DeepCopy()
			must(t, unstructured.SetNestedField(suspended.Object, true, "spec", "suspend"))
			must(t, apply(author, suspended, "kubectl"))
			must(t, author.Patch(ctx, appInstance(ns, name, "{}"), client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"suspend":false}}`))))
			now := appInstance(ns, name, "{}")
			must(t, author.Get(ctx, client.ObjectKeyFromObject(now), now))
			now.SetAnnotations(map[string]string{"a": "b"})
			must(t, author.Update(ctx, now))

			mustRefuse(t, apply(author, again, "kubectl"), "flashpod-appinstances", says...)
			must(t, apply(editor, again, "kubectl"))
			must(t, apply(author, bare, "kubectl")) // taking it out
			mustRefuse(t, apply(author, again, "kubectl"), "flashpod-appinstances", says...)
			must(t, author.Delete(ctx, bare))
		})
	}
}

// What says only where a pod runs among nodes that are open to all, or what the
// instance itself does, needs nothing but the right to write AppInstances.
func TestAuthorsSetTheRest(t *testing.T) {
	ns := newNamespace(t)
	author, _ := people(t, ns)
	must(t, apply(author, appInstance(ns, "all", `
  application: a
  instance: b
  suspend: true
  image: ""
  recording: {mode: All}
  storage: {size: 20Gi, storageClassName: fast}
  limits: {maxConnections: 5}
  service: {type: NodePort, port: 1936}
  tls: {secretName: all-tls}
  web: {port: 8080, allowedOrigins: [https://example.org], webrtc: {serviceType: NodePort, addresses: [192.0.2.7]}}
  networkPolicy: {mode: None}
  resources: {requests: {cpu: 1000m}}
  nodeSelector: {disk: ssd}
  imagePullSecrets: [{name: registry}]
  affinity:
    nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, preference: {matchExpressions: [{key: k, operator: Exists}]}}]}
    podAntiAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
        - {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app.kubernetes.io/name: flashpod}}}
        - {topologyKey: kubernetes.io/hostname, labelSelector: {}, namespaces: [`+ns+`]}
      preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, podAffinityTerm: {topologyKey: zone, labelSelector: {}, namespaceSelector: {}}}]
  topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}]
`), "kubectl"))
}

// A right in one namespace says nothing about another.
func TestRightsAreThoseOfTheNamespace(t *testing.T) {
	here, there := newNamespace(t), newNamespace(t)
	_, _ = people(t, here)
	_, _ = people(t, there)
	both := as("carol", here+":editors", there+":authors")
	ctx := context.Background()
	must(t, both.Create(ctx, appInstance(here, "a", "{application: a, image: x}")))
	mustRefuse(t, both.Create(ctx, appInstance(there, "a", "{application: a, image: x}")), "flashpod-appinstances", "spec.image", "in namespace "+there+", and carol")
}

// A host name that a Gateway leads here is another's to lead here by an Ingress.
func TestWaysOfAHostName(t *testing.T) {
	ns := newNamespace(t)
	_, editor := people(t, ns)
	ctx := context.Background()
	for group, resource := range map[string]string{"networking.k8s.io": "ingresses", "gateway.networking.k8s.io": "httproutes"} {
		who := ns + ":" + resource
		must(t, bind(ctx, who, ns, "flashpod-edit"))
		must(t, grant(ctx, who, ns, rule(group, resource, "create")))
	}
	byIngress, byRoute := as("dora", ns+":ingresses"), as("emil", ns+":httproutes")
	ingress := appInstance(ns, "a", "{application: a, web: {hostname: live.example.org}}")
	route := appInstance(ns, "a", "{application: a, web: {hostname: live.example.org, gatewayRef: {name: public}}}")
	mustRefuse(t, apply(byRoute, ingress, "kubectl"), "flashpod-appinstances", "create Ingresses")
	must(t, apply(byIngress, ingress, "kubectl"))
	mustRefuse(t, apply(byIngress, route, "kubectl"), "flashpod-appinstances", "create HTTPRoutes")
	must(t, apply(byRoute, route, "kubectl"))
	mustRefuse(t, apply(byRoute, ingress, "kubectl"), "flashpod-appinstances", "create Ingresses")
	must(t, apply(editor, ingress, "kubectl"))
}
