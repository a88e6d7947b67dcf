//go:build envtest

package controllers

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/hack/e2e/gatewayapi"
)

// installGatewayAPI gives the API server kinds of the Gateway API, or its HTTPRoutes
// alone, until the test ends or calls the function that it returns.
func installGatewayAPI(t *testing.T, kinds ...string) (uninstall func()) {
	t.Helper()
	if len(kinds) == 0 {
		kinds = []string{gatewayapi.HTTPRoutes}
	}
	files, err := gatewayapi.Files(kinds...)
	if err != nil {
		t.Fatal(err)
	}
	options := envtest.CRDInstallOptions{Paths: files, ErrorIfPathMissing: true}
	crds, err := envtest.InstallCRDs(config, options)
	if err != nil {
		t.Fatal(err)
	}
	api, err := client.New(config, client.Options{}) // which knows definitions since envtest does
	if err != nil {
		t.Fatal(err)
	}
	routes, err := NewRoutes(config)
	if err != nil {
		t.Fatal(err)
	}
	uninstall = func() {
		if err := envtest.UninstallCRDs(config, options); err != nil {
			t.Fatal(err)
		}
		until(t, func() bool { there, err := routes.look(context.Background()); return err == nil && len(there) == 0 })
		for _, crd := range crds { // one that is still on its way out cannot be there anew
			until(t, func() bool {
				return apierrors.IsNotFound(api.Get(context.Background(), client.ObjectKeyFromObject(crd), crd.DeepCopy()))
			})
		}
	}
	t.Cleanup(uninstall)
	return uninstall
}

// routeOf says what the HTTPRoute is, in a line; "" where there is none.
func (w *world) routeOf() string {
	w.t.Helper()
	route := &gatewayv1.HTTPRoute{}
	err := w.Get(context.Background(), client.ObjectKey{Namespace: w.ns, Name: "lobby"}, route)
	if apierrors.IsNotFound(err) {
		return ""
	}
	w.must(err)
	parent, rule := route.Spec.ParentRefs[0], route.Spec.Rules[0]
	backend := rule.BackendRefs[0]
	return fmt.Sprintf("%s of %s/%s %s: %s%s within %s to %s:%d", route.Spec.Hostnames[0], value(parent.Namespace), parent.Name, value(parent.SectionName),
		value(rule.Matches[0].Path.Type), value(rule.Matches[0].Path.Value), value(rule.Timeouts.Request), backend.Name, value(backend.Port))
}

// judgeRoute plays the Gateway's controller.
func (w *world) judgeRoute(conditions ...metav1.Condition) {
	w.t.Helper()
	route := read(w, "lobby", &gatewayv1.HTTPRoute{})
	for i := range conditions {
		conditions[i].ObservedGeneration, conditions[i].LastTransitionTime = route.Generation, metav1.Now()
	}
	route.Status.Parents = []gatewayv1.RouteParentStatus{{ParentRef: route.Spec.ParentRefs[0], ControllerName: "example.org/controller", Conditions: conditions}}
	w.must(w.Status().Update(context.Background(), route))
}

var (
	accepted = metav1.Condition{Type: "Accepted", Status: "True", Reason: "Accepted"}
	resolved = metav1.Condition{Type: "ResolvedRefs", Status: "True", Reason: "ResolvedRefs"}
)

// A host name by a Gateway: in a cluster without the Gateway API the condition says so
// and all else serves; once it is there, there is an HTTPRoute, and whether the Gateway
// takes it is told. Nothing is written when nothing has changed.
func TestGatewayComesAndGoes(t *testing.T) {
	w := newWorld(t)
	w.add("{application: a, web: {hostname: live.example.com, gatewayRef: {name: public, namespace: gateways, sectionName: https}, tls: {}}}")
	w.serve()
	w.settle()
	route := func(status metav1.ConditionStatus, reason, says, webURL string) {
		t.Helper()
		*w.writes = 0
		w.reconcile()
		if *w.writes != 0 {
			t.Errorf("%d writes where nothing had changed", *w.writes)
		}
		c, sum := w.condition(v1alpha1.ConditionWebRouteReady), w.condition(v1alpha1.ConditionReady)
		if c.Status != status || c.Reason != reason || !strings.Contains(c.Message, says) {
			t.Errorf("%s %s: %s; want %s %s: %s", c.Status, c.Reason, c.Message, status, reason, says)
		}
		if sum.Status != status || status == "False" && sum.Reason != reason {
			t.Errorf("Ready is %s (%s)", sum.Status, sum.Reason)
		}
		if got := w.instance().Status.WebURL; got != webURL {
			t.Errorf("webURL %q, want %q", got, webURL)
		}
	}
	route("False", "GatewayAPIMissing", "install the Gateway API", "")
	if again := w.reconcile().RequeueAfter; again <= 0 || again > time.Minute {
		t.Errorf("looked at again after %v", again)
	}
	if w.ingressOf() != "" {
		t.Error("there is an Ingress")
	}

	uninstall := installGatewayAPI(t)
	w.settle()
	const want = "live.example.com of gateways/public https: PathPrefix/ within 0s to lobby:80"
	if got := w.routeOf(); got != want {
		t.Errorf("the HTTPRoute is %q", got)
	}
	route("False", "RoutePending", "Gateway gateways/public (listener https) has not looked at", "")
	w.judgeRoute(metav1.Condition{Type: "Accepted", Status: "False", Reason: "NotAllowedByListeners", Message: "no listener lets this namespace in"})
	w.settle()
	route("False", "RouteRefused", "NotAllowedByListeners: no listener lets this namespace in", "")
	w.judgeRoute(accepted, metav1.Condition{Type: "ResolvedRefs", Status: "False", Reason: "BackendNotFound", Message: "no such Service"})
	w.settle()
	route("False", "RouteUnresolved", "BackendNotFound: no such Service", "")
	w.judgeRoute(accepted, resolved)
	w.settle()
	route("True", "RouteAccepted", "takes what comes for live.example.com", "https://live.example.com/a/lobby")

	// What somebody writes into it is undone, and it is made again.
	w.patch(&gatewayv1.HTTPRoute{}, "lobby", `{"spec":{"hostnames":["evil.example.com"]}}`, "kubectl-edit")
	w.settle()
	if got := w.routeOf(); got != want {
		t.Errorf("after an edit by hand it is %q", got)
	}
	w.must(w.Client.Delete(context.Background(), read(w, "lobby", &gatewayv1.HTTPRoute{})))
	w.settle()
	if got := w.routeOf(); got != want {
		t.Errorf("after it was deleted it is %q", got)
	}

	// Another name, without TLS, of a Gateway here; plain HTTP inside alone.
	w.edit(func(a *v1alpha1.AppInstance) {
		a.Spec.Web = &v1alpha1.Web{Hostname: "tv.example.com", GatewayRef: &v1alpha1.GatewayRef{Name: "own"}, PlainHTTP: v1alpha1.ExposureInternal, Port: 8000}
	})
	w.settle()
	w.serve()
	w.settle()
	if got := w.routeOf(); got != "tv.example.com of /own : PathPrefix/ within 0s to lobby-http:8000" {
		t.Errorf("the HTTPRoute is %q", got)
	}
	w.judgeRoute(accepted, resolved)
	w.settle()
	route("True", "RouteAccepted", "Gateway "+w.ns+"/own takes", "http://tv.example.com/a/lobby")

	// An Ingress in its place.
	w.edit(func(a *v1alpha1.AppInstance) { a.Spec.Web.GatewayRef = nil })
	w.settle()
	if got := w.routeOf(); got != "" || !strings.HasPrefix(w.ingressOf(), "tv.example.com of -: Prefix/ to lobby-http:web") {
		t.Errorf("the HTTPRoute is %q, the Ingress %q", got, w.ingressOf())
	}
	if meta.FindStatusCondition(w.instance().Status.Conditions, v1alpha1.ConditionWebRouteReady) != nil {
		t.Error("the condition outlives its cause")
	}

	// The kind goes from the cluster, and with it all there are.
	w.edit(func(a *v1alpha1.AppInstance) { a.Spec.Web.GatewayRef = &v1alpha1.GatewayRef{Name: "own"} })
	w.settle()
	uninstall()
	w.settle()
	route("False", "GatewayAPIMissing", "install the Gateway API", "")
}

// An HTTPRoute of another owner is left as it is.
func TestRouteOfAnotherOwner(t *testing.T) {
	installGatewayAPI(t)
	w := newWorld(t)
	theirs := &gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "lobby"}, Spec: gatewayv1.HTTPRouteSpec{Hostnames: []gatewayv1.Hostname{"bank.example.com"}}}
	w.must(w.Create(context.Background(), theirs))
	before := image(t, theirs)
	w.add("{application: a, web: {hostname: live.example.com, gatewayRef: {name: public}}}")
	w.must(w.Get(context.Background(), client.ObjectKeyFromObject(theirs), theirs))
	if after := image(t, theirs); after != before {
		t.Errorf("it was changed from\n%s\nto\n%s", before, after)
	}
	if c := w.condition(v1alpha1.ConditionNameConflict); !strings.Contains(c.Message, "HTTPRoute lobby is there and not the operator's") {
		t.Errorf("condition %+v", c)
	}
}

// operates runs the operator as it runs, until stop. says is for until; look has an edit
// make it look at once, where it would in a minute.
func (w *world) operates(condition string) (says func(reason string) func() bool, look, stop func()) {
	w.t.Helper()
	no := true
	m, err := ctrl.NewManager(config, ctrl.Options{
		Scheme: w.Scheme(), Cache: CacheOptions([]string{w.ns}), Metrics: server.Options{BindAddress: "0"},
		Controller: ctrlconfig.Controller{SkipNameValidation: &no},
	})
	w.must(err)
	r := &Reconciler{Client: m.GetClient(), APIReader: m.GetAPIReader(), Events: w.events, MediaImage: "flashpod.dev/media:test", Options: w.r.Options}
	r.Options.Namespaces = []string{w.ns}
	w.must(r.SetupWithManager(m))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.Start(ctx) }()
	stop = func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
	}
	says = func(reason string) func() bool {
		return func() bool {
			c := meta.FindStatusCondition(w.instance().Status.Conditions, condition)
			return c != nil && c.Reason == reason
		}
	}
	looks := 0
	look = func() {
		looks++
		w.patch(&v1alpha1.AppInstance{}, "lobby", fmt.Sprintf(`{"metadata":{"annotations":{"example.org/look":"%d"}}}`, looks), "kubectl")
	}
	return says, look, stop
}

// The operator as it runs: it starts where the Gateway API is not installed, watches
// HTTPRoutes once they are there, and goes on when they are gone.
func TestOperatorOutlivesTheGatewayAPI(t *testing.T) {
	w := newWorld(t)
	says, look, stop := w.operates(v1alpha1.ConditionWebRouteReady)
	defer stop()
	w.make("{application: a, web: {hostname: live.example.com, gatewayRef: {name: public}}}")
	until(t, says("GatewayAPIMissing"))
	read(w, "lobby", &corev1.Service{})
	w.deletedIsMadeAgain(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "lobby-console"}})

	uninstall := installGatewayAPI(t)
	look()
	until(t, func() bool { return w.routeOf() != "" })
	w.judgeRoute(accepted, resolved)
	until(t, says("RouteAccepted")) // which nothing but the watch tells of
	w.judgeRoute(metav1.Condition{Type: "Accepted", Status: "False", Reason: "NoMatchingListenerHostname"})
	until(t, says("RouteRefused"))

	uninstall()
	look()
	until(t, says("GatewayAPIMissing"))
	installGatewayAPI(t)
	look()
	until(t, func() bool { return w.routeOf() != "" })
	w.judgeRoute(accepted, resolved)
	until(t, says("RouteAccepted"))
	w.edit(func(a *v1alpha1.AppInstance) { a.Spec.Web = nil })
	until(t, func() bool { return w.routeOf() == "" })
}

// deletedIsMadeAgain waits until an operator that runs has made an object again.
func (w *world) deletedIsMadeAgain(o client.Object) {
	w.t.Helper()
	there := func() bool { return w.Get(context.Background(), client.ObjectKeyFromObject(o), o) == nil }
	until(w.t, there)
	was := o.GetUID()
	w.must(w.Client.Delete(context.Background(), o))
	until(w.t, func() bool { return there() && o.GetUID() != was })
}

// A port of plain HTTP of its own comes and goes with what asks for it, and a load
// balancer does not carry it.
func TestPlainHTTPInside(t *testing.T) {
	w := newWorld(t)
	w.add("{application: a, web: {hostname: live.example.com, ingressClassName: nginx}}")
	w.serve()
	w.settle()
	uid := read(w, "lobby-0", &corev1.Pod{}).UID
	w.edit(func(a *v1alpha1.AppInstance) { a.Spec.Web.PlainHTTP = v1alpha1.ExposureInternal })
	w.settle()
	service, pod, policy := w.ports()
	if strings.Contains(fmt.Sprint(service), "web") || !strings.Contains(fmt.Sprint(pod), "web 8088") || !strings.Contains(fmt.Sprint(policy), "web") {
		t.Errorf("ports %q of the Service, %q of the pod, %q of the NetworkPolicy", service, pod, policy)
	}
	inside := read(w, "lobby-http", &corev1.Service{})
	if p := inside.Spec.Ports; inside.Spec.Type != corev1.ServiceTypeClusterIP || len(p) != 1 || p[0].Port != 80 || p[0].TargetPort.String() != "web" {
		t.Errorf("the Service inside is %+v", inside.Spec)
	}
	if got := w.ingressOf(); !strings.HasSuffix(got, "to lobby-http:web") {
		t.Errorf("the Ingress is %s", got)
	}
	if read(w, "lobby-0", &corev1.Pod{}).UID != uid {
		t.Error("the server restarts")
	}
	w.edit(func(a *v1alpha1.AppInstance) { a.Spec.Web.PlainHTTP = v1alpha1.ExposurePublic })
	w.settle()
	if err := w.Get(context.Background(), client.ObjectKeyFromObject(inside), inside); !apierrors.IsNotFound(err) {
		t.Errorf("the Service inside is there still: %v", err)
	}
	if got := w.ingressOf(); !strings.HasSuffix(got, "to lobby:web") {
		t.Errorf("the Ingress is %s", got)
	}
	read(w, "lobby", &networkingv1.Ingress{})
}
