package controllers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

const (
	byTCP  = "{application: a, service: {type: ClusterIP, gatewayRef: {name: public, namespace: gateways, sectionName: rtmp}}}"
	byTLS  = "{application: a, service: {type: ClusterIP, gatewayRef: {name: public, namespace: gateways, tls: {hostname: live.example.com}}}}"
	byBoth = "{application: a, tls: {secretName: cert, port: 8443}, service: {type: ClusterIP, port: 1936, gatewayRef: {name: public, sectionName: rtmp, tls: {hostname: live.example.com, sectionName: rtmps}}}}"
)

// Routes lead to the ports of the Service: of RTMP, and of RTMPS where the server has it.
func TestRoutesOfTheService(t *testing.T) {
	for _, c := range []struct {
		spec, child string
		want        []string // nil: there is none
	}{
		{byTCP, "TCPRoute lobby", []string{"name: public", "namespace: gateways", "sectionName: rtmp", "kind: Service", "name: lobby\n", "port: 1935\n"}},
		{byTCP, "TLSRoute lobby", nil},
		{byTLS, "TCPRoute lobby", nil},
		{byTLS, "TLSRoute lobby", []string{"- live.example.com", "name: public", "port: 1935\n"}},
		{byBoth, "TCPRoute lobby", []string{"sectionName: rtmp\n", "port: 1936\n"}},
		{byBoth, "TLSRoute lobby", []string{"sectionName: rtmps\n", "- live.example.com", "port: 8443\n"}},
		{byTCP, "Service lobby", []string{"type: ClusterIP"}},
		{"{application: a}", "TCPRoute lobby", nil},
	} {
		o := observe(t, c.spec)
		o.byService.hasTCP, o.byService.hasTLS = true, true
		got, ok := children(t, o)[c.child]
		if ok != (c.want != nil) {
			t.Errorf("%s: %s is there: %v", c.spec, c.child, ok)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(text(t, got), want) {
				t.Errorf("%s: %s lacks %q:\n%s", c.spec, c.child, want, text(t, got))
			}
		}
	}
	if _, ok := children(t, observe(t, byTCP))["TCPRoute lobby"]; ok {
		t.Error("there is a TCPRoute where the cluster has no such kind")
	}
}

// A route goes when it is not asked for any more, and where an older AppInstance has the
// listener; one of another owner is not touched.
func TestRoutesThatAreThere(t *testing.T) {
	for _, c := range []struct {
		name, spec string
		change     func(*observed)
		does       []string
	}{
		{"wanted", byBoth, func(*observed) {}, []string{"apply TCPRoute", "apply TLSRoute"}},
		{"no longer", "{application: a}", func(*observed) {}, []string{"remove TCPRoute", "remove TLSRoute"}},
		{"one of two", byTLS, func(*observed) {}, []string{"remove TCPRoute", "apply TLSRoute"}},
		{"taken", byBoth, func(o *observed) { o.byService.tcpTaken, o.byService.tlsTaken = "older", "older" }, []string{"remove TCPRoute", "remove TLSRoute"}},
		{"of another owner", byTCP, func(o *observed) { o.byService.tcp.OwnerReferences, o.byService.tls.OwnerReferences = nil, nil }, []string{"conflict TCPRoute"}},
		{"not to be looked at", byBoth, func(o *observed) { o.byService.tcpRefused = "forbidden" }, []string{"apply TLSRoute"}},
	} {
		o := observe(t, c.spec)
		o.byService.hasTCP, o.byService.hasTLS = true, true
		o.byService.tcp = &gatewayv1.TCPRoute{ObjectMeta: owned(o, "lobby")}
		o.byService.tls = &gatewayv1.TLSRoute{ObjectMeta: owned(o, "lobby")}
		c.change(o)
		p := planOf(t, o)
		var does []string
		for _, kind := range []string{kindTCPRoute, kindTLSRoute} {
			for _, gone := range p.remove {
				if gone.kind == kind {
					does = append(does, "remove "+kind)
				}
			}
			for _, made := range p.children {
				if made.kind == kind {
					does = append(does, "apply "+kind)
				}
			}
			for _, other := range p.conflicts {
				if other.kind == kind {
					does = append(does, "conflict "+kind)
				}
			}
		}
		if !slices.Equal(does, c.does) {
			t.Errorf("%s: %q, want %q", c.name, does, c.does)
		}
	}
}

// taken fills in routes that the Gateway takes, and the Gateway as its controller has it.
func taken(o *observed) {
	v := &o.byService
	v.hasTCP, v.hasTLS = true, true
	said := func(ref *v1alpha1.GatewayRef) []gatewayv1.RouteParentStatus {
		if ref == nil {
			return nil
		}
		at := gatewayv1.ParentReference{Name: gatewayv1.ObjectName(ref.Name)}
		if ref.Namespace != "" {
			ns := gatewayv1.Namespace(ref.Namespace)
			at.Namespace = &ns
		}
		if ref.SectionName != "" {
			section := gatewayv1.SectionName(ref.SectionName)
			at.SectionName = &section
		}
		return []gatewayv1.RouteParentStatus{{ParentRef: at, Conditions: []metav1.Condition{{Type: "Accepted", Status: "True", Reason: "Accepted"}}}}
	}
	v.tcp = &gatewayv1.TCPRoute{ObjectMeta: owned(o, "lobby")}
	v.tcp.Status.Parents = said(tcpRef(o.instance))
	v.tls = &gatewayv1.TLSRoute{ObjectMeta: owned(o, "lobby")}
	v.tls.Status.Parents = said(tlsRef(o.instance))
	passes, any := gatewayv1.TLSModePassthrough, gatewayv1.Hostname("*.example.com")
	v.gateway = &gatewayv1.Gateway{Spec: gatewayv1.GatewaySpec{Listeners: []gatewayv1.Listener{
		{Name: "rtmp", Port: 1935, Protocol: gatewayv1.TCPProtocolType},
		{Name: "ends", Port: 443, Protocol: gatewayv1.TLSProtocolType, Hostname: &any},
		{Name: "rtmps", Port: 8443, Protocol: gatewayv1.TLSProtocolType, TLS: &gatewayv1.ListenerTLSConfig{Mode: &passes}},
	}}, Status: gatewayv1.GatewayStatus{Addresses: []gatewayv1.GatewayStatusAddress{{Value: "192.0.2.5"}}}}
}

// refuse has the Gateway's controller say no.
func refuse(parents []gatewayv1.RouteParentStatus) {
	parents[0].Conditions[0] = metav1.Condition{Type: "Accepted", Status: "False", Reason: "NotAllowedByListeners", Message: "not this namespace"}
}

// gatewayCases are what Ready says of who comes by a Gateway.
func gatewayCases() []readyCase {
	with := func(change func(*observed)) func(*observed) {
		return func(o *observed) {
			o.service.Spec.Type = corev1.ServiceTypeClusterIP
			taken(o)
			change(o)
		}
	}
	gatewayOnly := func(change func(*gatewayv1.Gateway)) func(*observed) {
		return with(func(o *observed) { change(o.byService.gateway) })
	}
	const withCert = "{application: a, access: {publish: {mode: Anyone}}, tls: {secretName: cert}, service: {type: ClusterIP, gatewayRef: {name: public, namespace: gateways, tls: {hostname: live.example.com}}}}"
	return []readyCase{
		{"by TCP", byTCP, with(func(*observed) {}), "True", "Serving", "rtmp://192.0.2.5/a/lobby", false},
		{"by TCP at another port", byTCP, gatewayOnly(func(g *gatewayv1.Gateway) { g.Spec.Listeners[0].Port = 1999 }), "True", "Serving", "rtmp://192.0.2.5:1999/a/lobby", false},
		{"by TLS", byTLS, with(func(*observed) {}), "True", "Serving", "rtmps://live.example.com/a/lobby", false},
		{"by TLS that is handed on", byTLS, gatewayOnly(func(g *gatewayv1.Gateway) { g.Spec.Listeners = g.Spec.Listeners[2:] }), "False", "ListenerMismatch", "listener rtmps of Gateway gateways/public hands TLS on (mode Passthrough)", true},
		{"a certificate of its own behind one that ends TLS", withCert, with(func(o *observed) { o.certificate = nil }), "False", "ListenerMismatch", "listener ends of Gateway gateways/public ends TLS", true},
		{"no kind", byTCP, with(func(o *observed) { o.byService.hasTCP = false }), "False", "GatewayAPIMissing", "this cluster has no TCPRoutes (gateway.networking.k8s.io/v1)", true},
		{"no kind of TLS", byTLS, with(func(o *observed) { o.byService.hasTLS = false }), "False", "GatewayAPIMissing", "leave out spec.service.gatewayRef.tls", true},
		{"no rights", byTCP, with(func(o *observed) { o.byService.tcpRefused = "forbidden to you" }), "False", "RouteForbidden", "may not look at TCPRoutes", true},
		{"not said", byTCP, with(func(o *observed) { o.byService.tcp.Status.Parents = nil }), "False", "RoutePending", "Gateway gateways/public (listener rtmp) has not looked at the TCPRoute", false},
		{"said of one before", byTCP, with(func(o *observed) { o.byService.tcp.Generation = 2 }), "False", "RoutePending", "TCPRoute", false},
		{"refused", byTCP, with(func(o *observed) { refuse(o.byService.tcp.Status.Parents) }), "False", "RouteRefused", "does not take the TCPRoute for rtmp://: NotAllowedByListeners: not this namespace", true},
		{"taken by another", byTCP, with(func(o *observed) { o.byService.tcpTaken = "older" }), "False", "ListenerTaken", "AppInstance older, which is older, has rtmp:// at Gateway gateways/public (listener rtmp)", true},
		{"a host name that is taken", byTLS, with(func(o *observed) { o.byService.tlsTaken = "older" }), "False", "ListenerTaken", "rtmps://live.example.com", true},
		{"no address", byTCP, gatewayOnly(func(g *gatewayv1.Gateway) { g.Status.Addresses = nil }), "False", "AddressPending", "Gateway gateways/public has no address yet", false},
		{"no Gateway to be seen", byTCP, with(func(o *observed) { o.byService.gateway, o.byService.gatewayRefused = nil, "forbidden to you" }), "True", "Serving", "whose address is not known", false},
	}
}

// Of two routes the one that is taken says where clients come, and the other what is
// wrong.
func TestURLByTheGateway(t *testing.T) {
	for name, c := range map[string]struct {
		change    func(*observed)
		url, says string
	}{
		"both":    {func(*observed) {}, "rtmps://live.example.com:8443/a/lobby", "takes what comes for rtmp://; Gateway ns/public (listener rtmps) takes what comes for rtmps://live.example.com"},
		"no TLS":  {func(o *observed) { refuse(o.byService.tls.Status.Parents) }, "rtmp://192.0.2.5/a/lobby", "does not take the TLSRoute"},
		"no TCP":  {func(o *observed) { refuse(o.byService.tcp.Status.Parents) }, "rtmps://live.example.com:8443/a/lobby", "does not take the TCPRoute"},
		"neither": {func(o *observed) { refuse(o.byService.tcp.Status.Parents); o.byService.tls.Status.Parents = nil }, "", "does not take the TCPRoute"},
	} {
		o := observe(t, byBoth)
		serving(o)
		taken(o)
		c.change(o)
		s := statusOf(o, planOf(t, o))
		if s.URL != c.url {
			t.Errorf("%s: URL %q, want %q", name, s.URL, c.url)
		}
		if v := serviceRouteVerdict(o); !strings.Contains(v.message, c.says) {
			t.Errorf("%s: %s", name, v.message)
		}
	}
}

// The port of RTMPS serves web pages, too.
func TestWebByTheGatewayOfTheService(t *testing.T) {
	o := observe(t, "{application: a, web: {plainHTTP: Internal}, tls: {secretName: cert}, service: {type: ClusterIP, gatewayRef: {name: public, tls: {hostname: live.example.com, sectionName: rtmps}}}}")
	serving(o)
	taken(o)
	o.service.Spec.Type = corev1.ServiceTypeClusterIP
	if got := statusOf(o, planOf(t, o)).WebURL; got != "https://live.example.com:8443/a/lobby" {
		t.Error(got)
	}
}

// The oldest of a namespace has a listener of TCP, and a host name at a listener of TLS.
func TestListenersTaken(t *testing.T) {
	of := func(name string, age int, ref string) v1alpha1.AppInstance {
		a := observe(t, "{application: a, service: {type: ClusterIP, gatewayRef: "+ref+"}}").instance
		a.Name, a.UID, a.CreationTimestamp = name, "uid-"+a.UID, metav1.Unix(int64(age), 0)
		if name != "mine" {
			a.UID += "-other"
		}
		return *a
	}
	const both = "{name: g, sectionName: rtmp, tls: {hostname: a.example.com}}"
	mine := of("mine", 5, both)
	for name, c := range map[string]struct {
		other v1alpha1.AppInstance
		want  string
	}{
		"older":            {of("other", 1, both), "other other"},
		"younger":          {of("other", 9, both), " "},
		"of one age":       {of("alfa", 5, both), "alfa alfa"},
		"another Gateway":  {of("other", 1, "{name: h, sectionName: rtmp, tls: {hostname: a.example.com}}"), " "},
		"of elsewhere":     {of("other", 1, "{name: g, namespace: elsewhere, sectionName: rtmp}"), " "},
		"written out":      {of("other", 1, "{name: g, namespace: ns, sectionName: rtmp}"), "other "},
		"another listener": {of("other", 1, "{name: g, sectionName: rtmp2, tls: {hostname: b.example.com}}"), " "},
		"the name alone":   {of("other", 1, "{name: g, tls: {hostname: a.example.com, sectionName: x}}"), " other"},
	} {
		tcp, tls := listenersTaken(&mine, []v1alpha1.AppInstance{mine, c.other})
		if got := tcp + " " + tls; got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		rivals := len(listenerRivals(&c.other, []v1alpha1.AppInstance{mine}))
		if same := name != "another Gateway" && name != "of elsewhere"; (rivals == 1) != same {
			t.Errorf("%s: when it changes, %d are looked at", name, rivals)
		}
	}
	gone := of("other", 1, both)
	gone.DeletionTimestamp = &metav1.Time{Time: time.Now()}
	if tcp, tls := listenersTaken(&mine, []v1alpha1.AppInstance{gone}); tcp+tls != "" {
		t.Error("one that goes has the listener still")
	}
}

// Which names a listener takes.
func TestTakes(t *testing.T) {
	for _, c := range []struct {
		listener, host string
		want           bool
	}{
		{"", "a.example.com", true},
		{"a.example.com", "a.example.com", true},
		{"*.example.com", "a.example.com", true},
		{"*.example.com", "a.b.example.com", true},
		{"*.example.com", "example.com", false},
		{"*.example.com", "aexample.com", false},
		{"b.example.com", "a.example.com", false},
	} {
		if got := takes(c.listener, c.host); got != c.want {
			t.Errorf("%q takes %q: %v", c.listener, c.host, got)
		}
	}
}

// Whoever comes by a Gateway comes from its addresses, which are no client's.
func TestAddressesOfAGateway(t *testing.T) {
	o := observe(t, byTCP)
	for what, doc := range map[string]func(*v1alpha1.AppInstance) (string, error){"origin": document, "edges": edgeDocument} {
		text, err := doc(o.instance)
		if err != nil || !strings.Contains(text, "externalTrafficPolicy: Cluster") || strings.Contains(text, "gatewayRef") {
			t.Errorf("%s: %v\n%s", what, err, text)
		}
	}
	is, err := same(wantedTemplate(t, o), wantedTemplate(t, observe(t, strings.Replace(byTCP, "rtmp}", "other}", 1))))
	if err != nil || !is {
		t.Errorf("another listener restarts the server: %v", err)
	}
	if got := fmt.Sprint(o.instance.Spec.ConnectionsPerAddress()); got != "0" {
		t.Errorf("of one address there may be %s", got)
	}
}
