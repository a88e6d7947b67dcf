//go:build envtest

package policy

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/controllers"
)

const (
	labels  = "{app.kubernetes.io/name: flashpod, app.kubernetes.io/instance: web, app.kubernetes.io/component: origin, app.kubernetes.io/managed-by: flashpod-operator}"
	lasting = "{app.kubernetes.io/name: flashpod, media.flashpod.dev/instance: web}"
)

// podSpec is as the operator writes it.
const podSpec = `{
  serviceAccountName: web.media, automountServiceAccountToken: false,
  securityContext: {runAsNonRoot: true},
  containers: [{name: media, image: m, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}],
  volumes: [{name: config, configMap: {name: web-config}}, {name: key, secret: {secretName: web-publish-key}}]}`

func statefulSet(ns, pod string) *unstructured.Unstructured {
	return object(fmt.Sprintf(`{apiVersion: apps/v1, kind: StatefulSet, metadata: {namespace: %s, name: web, labels: %s}, spec: {
  serviceName: web-origin, replicas: 0, selector: {matchLabels: {app.kubernetes.io/name: flashpod, app.kubernetes.io/instance: web}},
  template: {metadata: {labels: %s}, spec: %s}}}`, ns, labels, labels, pod))
}

// children are of each kind that the operator writes one.
func children(ns string) []*unstructured.Unstructured {
	head := func(version, kind, name, labels string) string {
		return fmt.Sprintf("{apiVersion: %s, kind: %s, metadata: {namespace: %s, name: %s, labels: %s}", version, kind, ns, name, labels)
	}
	return []*unstructured.Unstructured{
		object(head("v1", "ServiceAccount", "web.media", labels) + ", automountServiceAccountToken: false}"),
		object(head("v1", "ConfigMap", "web-config", labels) + ", data: {a: b}}"),
		object(head("v1", "Secret", "web-publish-key", lasting) + ", data: {key: a2V5}}"),
		object(head("v1", "Service", "web", labels) + ", spec: {selector: {app.kubernetes.io/name: flashpod}, ports: [{port: 1935}]}}"),
		object(head("v1", "PersistentVolumeClaim", "data-web-0", lasting) + ", spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}"),
		object(head("networking.k8s.io/v1", "NetworkPolicy", "web", labels) + ", spec: {podSelector: {matchLabels: {app.kubernetes.io/name: flashpod}}, policyTypes: [Ingress]}}"),
		object(head("discovery.k8s.io/v1", "EndpointSlice", "web.leaving-ipv4", strings.TrimSuffix(labels, "}")+", kubernetes.io/service-name: web, endpointslice.kubernetes.io/managed-by: flashpod-operator}") +
			", addressType: IPv4, endpoints: [" + leavingPod("web-0", ns, true) + "]}"),
		object(head("networking.k8s.io/v1", "Ingress", "web", labels) + ", spec: {rules: " + leads("live.example.org", "web") + "}}"),
		object(head("gateway.networking.k8s.io/v1", "HTTPRoute", "web", labels) + ", spec: " + routes("live.example.org", "{name: web, port: 80}") + "}"),
		object(head("gateway.networking.k8s.io/v1", "TCPRoute", "web", labels) + ", spec: {parentRefs: [{name: public, sectionName: rtmp}], rules: [{backendRefs: [{name: web, port: 1935}]}]}}"),
		object(head("gateway.networking.k8s.io/v1", "TLSRoute", "web", labels) + ", spec: " + routes("live.example.org", "{name: web, port: 443}") + "}"),
		statefulSet(ns, podSpec),
	}
}

// leavingPod is an endpoint that the Service does not lead to any more.
func leavingPod(name, ns string, terminating bool) string {
	return fmt.Sprintf("{addresses: [192.0.2.1], conditions: {ready: false, serving: true, terminating: %v}, targetRef: {kind: Pod, name: %s, namespace: %s}}", terminating, name, ns)
}

// routes is the spec of an HTTPRoute.
func routes(host, backend string) string {
	return fmt.Sprintf("{parentRefs: [{name: public, namespace: gateways}], hostnames: [%q], rules: [{backendRefs: [%s]}]}", host, backend)
}

// leads are the rules of an Ingress.
func leads(host, service string) string {
	return fmt.Sprintf("[{host: %q, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: %s, port: {name: web}}}}]}}]", host, service)
}

// operator is the operator's account with the rights that it is shipped with.
func operator() client.Client { return as(operatorUser) }

// thief has the operator's token, and rights to everything: what stops it is
// the policy.
func thief() client.Client { return as(operatorUser, "everything") }

// unlabel takes the labels off an object, as somebody might by hand.
func unlabel(t *testing.T, o *unstructured.Unstructured) {
	t.Helper()
	must(t, admin.Patch(context.Background(), o.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"labels":null}}`))))
}

// The real reconciler works under the policy, with its own account: whatever is
// refused it tells in the conditions.
func TestTheReconcilerDoesItsWork(t *testing.T) {
	ns := newNamespace(t)
	c := operator()
	ctx := context.Background()
	seen, err := controllers.NewRoutes(config)
	must(t, err)
	r := &controllers.Reconciler{Client: c, APIReader: c, Events: events.NewFakeRecorder(1000), MediaImage: "flashpod.dev/media:test", Routes: seen}
	key := client.ObjectKey{Namespace: ns, Name: "lobby"}
	for _, step := range []struct {
		spec  string
		again bool            // the AppInstance is deleted first
		left  []client.Object // what is there afterwards
		gone  client.Object
	}{
		{spec: "{application: a, storage: {storageClassName: nowhere}}", left: []client.Object{&appsv1.StatefulSet{}, &corev1.Service{}, &networkingv1.NetworkPolicy{}}},
		// The claim of a class that never bound makes place for another.
		{spec: "{application: a, storage: {storageClassName: somewhere}}", again: true, left: []client.Object{&appsv1.StatefulSet{}}},
		{spec: "{application: a, storage: {storageClassName: somewhere}, recording: {mode: All}, service: {type: NodePort}, networkPolicy: {mode: None}}", gone: &networkingv1.NetworkPolicy{}},
		{spec: "{application: a, storage: {storageClassName: somewhere}, edges: {replicas: 2}}", left: []client.Object{&appsv1.Deployment{}, &policyv1.PodDisruptionBudget{}}},
		{spec: "{application: a, storage: {storageClassName: somewhere}, web: {hostname: live.example.org, ingressClassName: nginx, tls: {}}}", left: []client.Object{&networkingv1.Ingress{}}},
		{spec: "{application: a, storage: {storageClassName: somewhere}, web: {hostname: live.example.org}}", left: []client.Object{&networkingv1.Ingress{}}},
		{spec: "{application: a, storage: {storageClassName: somewhere}, web: {hostname: live.example.org, gatewayRef: {name: public}, plainHTTP: Internal}}", left: []client.Object{&gatewayv1.HTTPRoute{}}, gone: &networkingv1.Ingress{}},
		{spec: "{application: a, storage: {storageClassName: somewhere}, service: {type: ClusterIP, gatewayRef: {name: public, sectionName: rtmp, tls: {hostname: live.example.org}}}}", left: []client.Object{&gatewayv1.TCPRoute{}, &gatewayv1.TLSRoute{}}},
		{spec: "{application: a, storage: {storageClassName: somewhere}, service: {type: ClusterIP, gatewayRef: {name: public, sectionName: rtmp}}}", left: []client.Object{&gatewayv1.TCPRoute{}}, gone: &gatewayv1.TLSRoute{}},
		{spec: "{application: a, storage: {storageClassName: somewhere}}", gone: &gatewayv1.TCPRoute{}},
		{spec: "{application: a, storage: {storageClassName: somewhere, retain: false}, suspend: true}", gone: &gatewayv1.HTTPRoute{}},
	} {
		if step.again {
			must(t, admin.Delete(ctx, appInstance(ns, "lobby", "{}")))
			for _, o := range []client.Object{&appsv1.StatefulSet{}, &corev1.Service{}, &corev1.ConfigMap{}, &corev1.ServiceAccount{}, &networkingv1.NetworkPolicy{}} {
				must(t, admin.DeleteAllOf(ctx, o, client.InNamespace(ns))) // here is no garbage collector
			}
			must(t, admin.Delete(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "lobby-console"}}))
		}
		must(t, apply(admin, appInstance(ns, "lobby", step.spec), "kubectl"))
		for range 4 {
			if _, err := r.Reconcile(ctx, ctrl.Request{NamespacedName: key}); err != nil {
				t.Fatalf("%s: %v", step.spec, err)
			}
			// No controller is here that lets an unused claim go.
			if claim := (&corev1.PersistentVolumeClaim{}); admin.Get(ctx, client.ObjectKey{Namespace: ns, Name: "data-lobby-0"}, claim) == nil && claim.DeletionTimestamp != nil {
				claim.Finalizers = nil
				must(t, admin.Update(ctx, claim))
			}
		}
		now := &v1alpha1.AppInstance{}
		must(t, admin.Get(ctx, key, now))
		for _, cond := range now.Status.Conditions {
			if strings.Contains(cond.Message, "forbidden") {
				t.Errorf("%s: %s: %s", step.spec, cond.Type, cond.Message)
			}
		}
		for _, o := range step.left {
			at := key
			switch o.(type) {
			case *appsv1.Deployment, *policyv1.PodDisruptionBudget: // of edges
				at.Name += "-edge"
			}
			if err := admin.Get(ctx, at, o); err != nil {
				t.Errorf("%s: %v", step.spec, err)
			}
		}
		if step.gone != nil && !apierrors.IsNotFound(admin.Get(ctx, key, step.gone)) {
			t.Errorf("%s: %T is there still", step.spec, step.gone)
		}
	}
	claim := &corev1.PersistentVolumeClaim{}
	must(t, admin.Get(ctx, client.ObjectKey{Namespace: ns, Name: "data-lobby-0"}, claim))
	if *claim.Spec.StorageClassName != "somewhere" {
		t.Errorf("the claim is of class %s", *claim.Spec.StorageClassName)
	}
}

func TestTheOperatorWritesItsOwn(t *testing.T) {
	ns := newNamespace(t)
	c := operator()
	ctx := context.Background()
	all := children(ns)
	for _, o := range all {
		must(t, apply(c, o, manager)) // which is a create
		u := o.DeepCopy()
		u.SetAnnotations(map[string]string{"media.flashpod.dev/a": "b"})
		must(t, apply(c, u, manager))
	}
	// Labels that somebody took off come back: of what has an owner, or the
	// operator has applied.
	for _, o := range all {
		unlabel(t, o)
		must(t, apply(c, o, manager))
	}
	for _, o := range all {
		switch o.GetKind() {
		case "StatefulSet", "PersistentVolumeClaim", "NetworkPolicy", "Ingress", "Service", "HTTPRoute", "TCPRoute", "TLSRoute":
			must(t, c.Delete(ctx, o))
		}
	}
	must(t, apply(admin, appInstance(ns, "web", "{application: a}"), "kubectl"))
	must(t, c.Status().Patch(ctx, appInstance(ns, "web", "{}"), client.RawPatch("application/merge-patch+json", []byte(`{"status":{"url":"rtmp://x"}}`))))
}

// What an operator before this one took over is given back: its labels and its
// owner go, and what it selects is its maker's again.
func TestTheOperatorGivesBack(t *testing.T) {
	ns := newNamespace(t)
	c := operator()
	for _, o := range children(ns) {
		must(t, apply(admin, o, "strangers"))
		must(t, c.Patch(context.Background(), o.DeepCopy(), client.RawPatch("application/merge-patch+json",
			[]byte(`{"metadata":{"labels":{"app.kubernetes.io/name":null,"app.kubernetes.io/managed-by":null,"media.flashpod.dev/instance":null}}}`))))
		mustRefuse(t, apply(c, o, manager), "flashpod-operator", "not the operator's")
	}
}

func TestTheOperatorTouchesNothingOfStrangers(t *testing.T) {
	ns := newNamespace(t)
	ctx := context.Background()
	for _, o := range children(ns) {
		name := o.GetKind()
		t.Run(name, func(t *testing.T) {
			bare := o.DeepCopy()
			bare.SetLabels(map[string]string{"app.kubernetes.io/name": "flashpod"}) // a chart's own name, perhaps
			mustRefuse(t, apply(thief(), bare, manager), "flashpod-operator", "not the operator's: it lacks the labels", ns+"/"+o.GetName())
			must(t, admin.Create(ctx, bare.DeepCopy()))
			mustRefuse(t, apply(thief(), o, manager), "flashpod-operator", "not the operator's")
			mustRefuse(t, thief().Patch(ctx, bare.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"annotations":{"a":"b"}}}`))), "flashpod-operator", "not the operator's")
			mustRefuse(t, thief().Delete(ctx, bare.DeepCopy()), "flashpod-operator", "not the operator's")
			mustRefuse(t, thief().DeleteAllOf(ctx, bare.DeepCopy(), client.InNamespace(ns)), "flashpod-operator", "not the operator's")
			// Another account of the same name is nobody's business here.
			must(t, as("system:serviceaccount:"+ns+":flashpod-operator", "everything").Delete(ctx, bare.DeepCopy()))
		})
	}
}

func TestWhatNoWriteOfTheOperatorMayBe(t *testing.T) {
	ns := newNamespace(t)
	ctx := context.Background()
	meta := func(name string) string {
		return fmt.Sprintf("{namespace: %s, name: %s, labels: %s}", ns, name, labels)
	}
	// slice is an EndpointSlice of a Service.
	slice := func(name, service, endpoint string) string {
		return "{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {namespace: " + ns + ", name: " + name + ", labels: " + strings.TrimSuffix(labels, "}") +
			", kubernetes.io/service-name: " + service + ", endpointslice.kubernetes.io/managed-by: flashpod-operator}}, addressType: IPv4, endpoints: [" + endpoint + "]}"
	}
	for _, c := range []struct{ name, object, says string }{
		{"an endpoint of another's Service", slice("bank.leaving-ipv4", "bank", leavingPod("web-0", ns, true)), "for the Service of that"},
		{"an EndpointSlice by another's name", slice("bank-x7k2p", "web", leavingPod("web-0", ns, true)), "for the Service of that"},
		{"an endpoint that does not go", slice("web.leaving-ipv4", "web", leavingPod("web-0", ns, false)), "which terminate"},
		{"an endpoint that is no pod", slice("web.leaving-ipv4", "web", "{addresses: [192.0.2.1], conditions: {ready: false, terminating: true}}"), "pods of its own AppInstance alone"},
		{"another's pod", slice("web.leaving-ipv4", "web", leavingPod("bank-0", ns, true)), "pods of its own AppInstance alone"},
		{"a pod of another namespace", slice("web.leaving-ipv4", "web", leavingPod("web-0", "bank", true)), "pods of its own AppInstance alone"},
		{"the token of an account", "{apiVersion: v1, kind: Secret, metadata: {namespace: " + ns + ", name: t, annotations: {kubernetes.io/service-account.name: default}, labels: " + labels + "}, type: kubernetes.io/service-account-token}", "type kubernetes.io/service-account-token"},
		{"a right to join", "{apiVersion: v1, kind: Secret, metadata: " + meta("join") + ", type: bootstrap.kubernetes.io/token}", "type bootstrap.kubernetes.io/token"},
		{"a pod", "{apiVersion: v1, kind: Pod, metadata: " + meta("p") + ", spec: {containers: [{name: a, image: x}]}}", "the operator writes no pods"},
		{"an AppInstance", "{apiVersion: media.flashpod.dev/v1alpha1, kind: AppInstance, metadata: " + meta("i") + ", spec: {application: a}}", "the operator writes no appinstances"},
		{"a Service of others' pods", "{apiVersion: v1, kind: Service, metadata: " + meta("s") + ", spec: {selector: {app: bank}, ports: [{port: 1}]}}", "its selector must ask for"},
		{"a Service without a selector", "{apiVersion: v1, kind: Service, metadata: " + meta("s") + ", spec: {ports: [{port: 1}]}}", "its selector must ask for"},
		{"a NetworkPolicy of others' pods", "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: " + meta("web") + ", spec: {podSelector: {}, ingress: [{}]}}", "its selector must ask for"},
		{"an Ingress to another Service", "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: " + meta("web") + ", spec: {rules: " + leads("live.example.org", "bank") + "}}", "to the Service of its own name"},
		{"an Ingress of every name", "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: " + meta("web") + ", spec: {rules: " + leads("", "web") + "}}", "it must lead host names"},
		{"an Ingress of all else", "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: " + meta("web") + ", spec: {defaultBackend: {service: {name: web, port: {name: web}}}}}", "it must lead host names"},
		{"an Ingress with a controller's configuration", "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {namespace: " + ns + ", name: web, labels: " + labels + ", annotations: {nginx.ingress.kubernetes.io/configuration-snippet: x}}, spec: {rules: " + leads("live.example.org", "web") + "}}", "no annotations of the operator's"},
		{"a TCPRoute to another Service", "{apiVersion: gateway.networking.k8s.io/v1, kind: TCPRoute, metadata: " + meta("web") + ", spec: {parentRefs: [{name: public}], rules: [{backendRefs: [{name: bank, port: 80}]}]}}", "to the Service of its own name"},
		{"a TCPRoute to another namespace", "{apiVersion: gateway.networking.k8s.io/v1, kind: TCPRoute, metadata: " + meta("web") + ", spec: {parentRefs: [{name: public}], rules: [{backendRefs: [{name: web, namespace: bank, port: 80}]}]}}", "to the Service of its own name"},
		{"a TLSRoute to another Service", "{apiVersion: gateway.networking.k8s.io/v1, kind: TLSRoute, metadata: " + meta("web") + ", spec: " + routes("live.example.org", "{name: bank, port: 443}") + "}", "to the Service of its own name"},
		{"a TLSRoute of many names", "{apiVersion: gateway.networking.k8s.io/v1, kind: TLSRoute, metadata: " + meta("web") + ", spec: " + routes("*.example.org", "{name: web, port: 443}") + "}", "by host names that are written out"},
		{"a TCPRoute with a controller's configuration", "{apiVersion: gateway.networking.k8s.io/v1, kind: TCPRoute, metadata: {namespace: " + ns + ", name: web, labels: " + labels + ", annotations: {example.org/snippet: x}}, spec: {parentRefs: [{name: public}], rules: [{backendRefs: [{name: web, port: 80}]}]}}", "no annotations of the operator's"},
		{"an HTTPRoute to another Service", "{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: " + meta("web") + ", spec: " + routes("live.example.org", "{name: bank, port: 80}") + "}", "to the Service of its own name"},
		{"an HTTPRoute to another namespace", "{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: " + meta("web") + ", spec: " + routes("live.example.org", "{name: web, namespace: bank, port: 80}") + "}", "to the Service of its own name"},
		{"an HTTPRoute of every name", "{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: " + meta("web") + ", spec: {parentRefs: [{name: public}], rules: [{backendRefs: [{name: web, port: 80}]}]}}", "it must lead host names"},
		{"an HTTPRoute that answers itself", "{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: " + meta("web") + ", spec: {hostnames: [live.example.org], rules: [{filters: [{type: RequestRedirect, requestRedirect: {hostname: evil.example.org}}]}]}}", "have neither filters nor annotations"},
		{"an HTTPRoute that tells others", "{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: " + meta("web") + ", spec: {hostnames: [live.example.org], rules: [{filters: [{type: RequestMirror, requestMirror: {backendRef: {name: bank, port: 80}}}], backendRefs: [{name: web, port: 80}]}]}}", "have neither filters nor annotations"},
		{"an HTTPRoute with a controller's configuration", "{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {namespace: " + ns + ", name: web, labels: " + labels + ", annotations: {example.org/snippet: x}}, spec: " + routes("live.example.org", "{name: web, port: 80}") + "}", "have neither filters nor annotations"},
	} {
		t.Run(c.name, func(t *testing.T) {
			mustRefuse(t, apply(thief(), object(c.object), manager), "flashpod-operator", c.says)
			mustRefuse(t, thief().Create(ctx, object(c.object)), "flashpod-operator", c.says)
		})
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "rich"}}
	must(t, admin.Create(ctx, account))
	mustRefuse(t, thief().SubResource("token").Create(ctx, account, &authenticationv1.TokenRequest{}), "flashpod-operator", "the operator writes no serviceaccounts/token")
	must(t, apply(thief(), statefulSet(ns, podSpec), manager))
	scale := object("{apiVersion: autoscaling/v1, kind: Scale, metadata: {namespace: " + ns + ", name: web}, spec: {replicas: 1}}")
	mustRefuse(t, thief().SubResource("scale").Update(ctx, statefulSet(ns, podSpec), client.WithSubResourceBody(scale)), "flashpod-operator", "the operator writes no statefulsets/scale")
}

func TestThePodsOfTheOperatorsStatefulSets(t *testing.T) {
	ns := newNamespace(t)
	ctx := context.Background()
	for _, c := range []struct{ name, pod, says string }{
		{"another's account", "{serviceAccountName: rich, automountServiceAccountToken: false, containers: [%s]}", "serviceAccountName must be the instance's own"},
		{"the namespace's account", "{serviceAccountName: default, automountServiceAccountToken: false, containers: [%s]}", "serviceAccountName must be the instance's own"},
		{"a token", "{serviceAccountName: web, containers: [%s]}", "automountServiceAccountToken must be false"},
		{"a token that is asked for", "{serviceAccountName: web, automountServiceAccountToken: true, containers: [%s]}", "automountServiceAccountToken must be false"},
		{"the node's network", "{serviceAccountName: web, automountServiceAccountToken: false, hostNetwork: true, containers: [%s]}", "none of the node's namespaces"},
		{"the node's processes", "{serviceAccountName: web, automountServiceAccountToken: false, hostPID: true, containers: [%s]}", "none of the node's namespaces"},
		{"a privileged container", "{serviceAccountName: web, automountServiceAccountToken: false, containers: [%s, {name: b, image: x, securityContext: {privileged: true}}]}", "neither privileged nor"},
		{"an escalating one before it", "{serviceAccountName: web, automountServiceAccountToken: false, containers: [%s], initContainers: [{name: b, image: x}]}", "allowPrivilegeEscalation to false"},
		{"a capability", "{serviceAccountName: web, automountServiceAccountToken: false, containers: [%s, {name: b, image: x, securityContext: {allowPrivilegeEscalation: false, capabilities: {add: [NET_ADMIN]}}}]}", "nor add capabilities"},
		{"the node's files", "{serviceAccountName: web, automountServiceAccountToken: false, containers: [%s], volumes: [{name: v, hostPath: {path: /}}]}", "volumes must be of"},
		{"a token by a volume", "{serviceAccountName: web, automountServiceAccountToken: false, containers: [%s], volumes: [{name: v, projected: {sources: [{serviceAccountToken: {path: t}}]}}]}", "volumes must be of"},
	} {
		t.Run(c.name, func(t *testing.T) {
			pod := fmt.Sprintf(c.pod, "{name: media, image: m, securityContext: {allowPrivilegeEscalation: false}}")
			mustRefuse(t, apply(thief(), statefulSet(ns, pod), manager), "flashpod-operator", c.says)
			must(t, apply(thief(), statefulSet(ns, podSpec), manager))
			mustRefuse(t, apply(thief(), statefulSet(ns, pod), manager), "flashpod-operator", c.says)

			// Where somebody else wrote it, the operator's own edits go on.
			u := statefulSet(ns, pod)
			must(t, admin.Delete(ctx, statefulSet(ns, pod)))
			must(t, admin.Create(ctx, u))
			must(t, thief().Patch(ctx, statefulSet(ns, pod), client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"replicas":0},"metadata":{"annotations":{"media.flashpod.dev/a":"b"}}}`))))
			must(t, admin.Delete(ctx, u))
		})
	}
	// None is the namespace's as well.
	mustRefuse(t, apply(thief(), statefulSet(ns, "{automountServiceAccountToken: false, containers: [{name: media, image: m, securityContext: {allowPrivilegeEscalation: false}}]}"), manager),
		"flashpod-operator", "serviceAccountName must be the instance's own")
	// Accounts of servers that an operator before this one made go on.
	old := statefulSet(ns, podSpec)
	must(t, unstructured.SetNestedField(old.Object, "web", "spec", "template", "spec", "serviceAccountName"))
	must(t, apply(thief(), old, manager))
}

// patchesOfPods change something of a pod that is not the operator's annotation
// alone.
var patchesOfPods = map[string]string{
	"another annotation":      `{"metadata":{"annotations":{"c":"d"}}}`,
	"an annotation's value":   `{"metadata":{"annotations":{"a":"d"}}}`,
	"an annotation taken":     `{"metadata":{"annotations":{"a":null}}}`,
	"all annotations":         `{"metadata":{"annotations":null}}`,
	"a label":                 `{"metadata":{"labels":{"app":"bank"}}}`,
	"a finalizer":             `{"metadata":{"finalizers":["example.org/stuck"]}}`,
	"the phase":               `{"status":{"phase":"Succeeded"}}`,
	"an address":              `{"status":{"podIP":"10.0.0.1","podIPs":[{"ip":"10.0.0.1"}]}}`,
	"a condition with it":     `{"metadata":{"annotations":{"media.flashpod.dev/secrets":"3"}},"status":{"conditions":[{"type":"Ready","status":"True"}]}}`,
	"ready with no readiness": `{"status":{"conditions":[{"type":"Ready","status":"True"}]}}`,
}

func TestOfPodsTwoAnnotationsAreWritten(t *testing.T) {
	ns := newNamespace(t)
	c := operator()
	ctx := context.Background()
	newPod := func(name, labels string) *unstructured.Unstructured {
		p := object(fmt.Sprintf("{apiVersion: v1, kind: Pod, metadata: {namespace: %s, name: %s, labels: %s, annotations: {a: b}}, spec: {containers: [{name: a, image: x}]}}", ns, name, labels))
		must(t, admin.Create(ctx, p.DeepCopy()))
		return p
	}
	// No account of this name is made by a controller here.
	must(t, client.IgnoreAlreadyExists(admin.Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "default"}})))
	ours, theirs := newPod("web-0", labels), newPod("bank-0", "{app: bank}")
	patch := func(c client.Client, p *unstructured.Unstructured, what string) error {
		return c.Status().Patch(ctx, p.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(what)))
	}
	for _, value := range []string{"1", "2"} {
		must(t, patch(c, ours, `{"metadata":{"annotations":{"media.flashpod.dev/secrets":"`+value+`"}}}`))
		must(t, patch(c, ours, `{"metadata":{"annotations":{"controller.kubernetes.io/pod-deletion-cost":"`+value+`"}}}`))
	}
	now := ours.DeepCopy()
	must(t, admin.Get(ctx, client.ObjectKeyFromObject(ours), now))
	if got := now.GetAnnotations()["media.flashpod.dev/secrets"]; got != "2" {
		t.Errorf("the annotation is %q", got)
	}
	mustRefuse(t, patch(c, theirs, `{"metadata":{"annotations":{"media.flashpod.dev/secrets":"1"}}}`), "flashpod-operator", "not the operator's")
	for name, what := range patchesOfPods {
		if err := patch(c, ours, what); err == nil {
			t.Errorf("%s: was let through", name)
		} else {
			mustRefuse(t, err, "flashpod-operator", "and controller.kubernetes.io/pod-deletion-cost alone")
		}
	}
	for _, what := range []error{
		c.Patch(ctx, ours.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"annotations":{"a":"c"}}}`))),
		c.Delete(ctx, ours.DeepCopy()),
	} {
		if !apierrors.IsForbidden(what) {
			t.Errorf("the operator's roles let it write pods: %v", what)
		}
	}
	image := client.RawPatch("application/strategic-merge-patch+json", []byte(`{"spec":{"containers":[{"name":"a","image":"y"}]}}`))
	mustRefuse(t, thief().Patch(ctx, ours.DeepCopy(), image), "flashpod-operator", "the operator writes no pods")
	mustRefuse(t, thief().Delete(ctx, ours.DeepCopy()), "flashpod-operator", "the operator writes no pods")
	// Through the status an image cannot be changed at all: the API server drops
	// what is no status.
	must(t, thief().Status().Patch(ctx, ours.DeepCopy(), image))
	must(t, admin.Get(ctx, client.ObjectKeyFromObject(ours), now))
	if c, _, _ := unstructured.NestedSlice(now.Object, "spec", "containers"); c[0].(map[string]any)["image"] != "x" {
		t.Error("the image was changed through pods/status")
	}
}

// Of the gateway beside it the operator says how many pods there are, and which go first; of
// another one nothing.
func TestOfTheGatewayItsNumberIsWritten(t *testing.T) {
	other := newNamespace(t)
	ctx := context.Background()
	must(t, client.IgnoreAlreadyExists(admin.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: operatorNamespace}})))
	pod := "metadata: {labels: {app.kubernetes.io/name: flashpod-gateway}}, spec: {containers: [{name: a, image: x}]}"
	scale := func(namespace, name string) error {
		d := object(fmt.Sprintf("{apiVersion: apps/v1, kind: Deployment, metadata: {namespace: %s, name: %s}, spec: {selector: {matchLabels: {app.kubernetes.io/name: flashpod-gateway}}, template: {%s}}}", namespace, name, pod))
		must(t, admin.Create(ctx, d.DeepCopy()))
		t.Cleanup(func() { must(t, admin.Delete(ctx, d.DeepCopy())) })
		mustRefuse(t, thief().Patch(ctx, d.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"replicas":3}}`))), "flashpod-operator", "not the operator's")
		return thief().SubResource("scale").Patch(ctx, d.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"replicas":3}}`)), client.WithSubResourceBody(&autoscalingv1.Scale{}))
	}
	must(t, scale(operatorNamespace, "flashpod-gateway"))
	mustRefuse(t, scale(operatorNamespace, "bank"), "flashpod-operator", "the operator writes no deployments/scale")
	mustRefuse(t, scale(other, "flashpod-gateway"), "flashpod-operator", "the operator writes no deployments/scale")
	for namespace, says := range map[string]string{operatorNamespace: "", other: "not the operator's"} {
		must(t, client.IgnoreAlreadyExists(admin.Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "default"}})))
		p := object(fmt.Sprintf("{apiVersion: v1, kind: Pod, metadata: {namespace: %s, name: gateway-0, labels: {app.kubernetes.io/name: flashpod-gateway}}, spec: {containers: [{name: a, image: x}]}}", namespace))
		must(t, admin.Create(ctx, p.DeepCopy()))
		t.Cleanup(func() { must(t, admin.Delete(ctx, p.DeepCopy())) })
		err := operator().Status().Patch(ctx, p.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"annotations":{"controller.kubernetes.io/pod-deletion-cost":"7"}}}`)))
		if says == "" {
			must(t, err)
			mustRefuse(t, operator().Status().Patch(ctx, p.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"labels":{"app.kubernetes.io/name":"flashpod"}}}`))), "flashpod-operator", "alone")
			continue
		}
		mustRefuse(t, err, "flashpod-operator", says)
	}
}

// Whoever installs the operator under another name replaces the text once, as
// the chart does.
func TestTheOperatorsNameIsThereOnce(t *testing.T) {
	text, err := os.ReadFile("operator.yaml")
	must(t, err)
	if n := strings.Count(string(text), operatorUser); n != 1 {
		t.Errorf("%s is in operator.yaml %d times", operatorUser, n)
	}
	if strings.Contains(string(text), "{{") {
		t.Error("operator.yaml holds what Helm would take for a template")
	}
}
