package controllers

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// leadsThere has the Service that is there lead to a component.
func leadsThere(o *observed, component string) {
	o.service = &corev1.Service{ObjectMeta: owned(o, "lobby"), Spec: corev1.ServiceSpec{
		Selector: map[string]string{labelComponent: component}, IPFamilies: []corev1.IPFamily{corev1.IPv4Protocol}}}
}

// edgesServe has so many edges take connections.
func edgesServe(o *observed, n int32) {
	o.edges.deployment = &appsv1.Deployment{ObjectMeta: owned(o, "lobby-edge"), Spec: appsv1.DeploymentSpec{Replicas: &n}, Status: appsv1.DeploymentStatus{ReadyReplicas: n}}
}

// anyPod is a ready pod of a component, at 192.0.2.N and 2001:db8::N.
func anyPod(name, component, n string) corev1.Pod {
	return corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID("uid-" + name), Labels: map[string]string{labelComponent: component}},
		Spec: corev1.PodSpec{NodeName: "node" + n},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "192.0.2." + n, PodIPs: []corev1.PodIP{{IP: "192.0.2." + n}, {IP: "2001:db8::" + n}},
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}}
}

// hasLeft is a slice of pods that the Service has left for another component.
func hasLeft(o *observed, since time.Time, to string, pods ...string) {
	s := &discoveryv1.EndpointSlice{ObjectMeta: owned(o, "lobby.leaving-ipv4")}
	s.Annotations = map[string]string{annotationLeft: since.UTC().Format(time.RFC3339), annotationLeftFor: to}
	for _, name := range pods {
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{TargetRef: &corev1.ObjectReference{UID: types.UID("uid-" + name)}})
	}
	o.leaving.slices[0] = s
}

// Which pods stay endpoints is decided by where the Service leads and has led, by what they
// say, and by the time.
func TestDeparture(t *testing.T) {
	now := time.Date(2026, 11, 29, 20, 0, 0, 500e6, time.UTC)
	at := now.Truncate(time.Second)
	ago := func(d time.Duration) time.Time { return at.Add(-d) }
	ends := func(p corev1.Pod) corev1.Pod { p.DeletionTimestamp = &metav1.Time{Time: at}; return p }
	unready := func(p corev1.Pod) corev1.Pod { p.Status.Conditions = nil; return p }
	origin, one, two := anyPod("lobby-0", componentOrigin, "1"), anyPod("lobby-edge-1", componentEdge, "11"), anyPod("lobby-edge-2", componentEdge, "12")
	for _, c := range []struct {
		what    string
		leads   string // the Service that is there
		edges   int32  // that are wanted and ready
		seen    func(*observed)
		pods    []corev1.Pod
		clients map[string]int64
		want    string // pods that stay endpoints
		since   time.Time
	}{
		{"the origin serves", componentOrigin, 0, nil, []corev1.Pod{one}, nil, "", at},
		{"edges serve", componentEdge, 2, nil, []corev1.Pod{origin}, nil, "", at},
		{"the first move", componentOrigin, 2, nil, []corev1.Pod{origin}, nil, "lobby-0", at},
		{"the way back", componentEdge, 0, nil, []corev1.Pod{one, two}, nil, "lobby-edge-1 lobby-edge-2", at},
		{"an edge goes already", componentEdge, 0, nil, []corev1.Pod{ends(one), unready(two)}, nil, "lobby-edge-1", at},
		{"the cache is late", componentOrigin, 2, func(o *observed) { hasLeft(o, ago(time.Second), componentEdge, "lobby-0") }, []corev1.Pod{origin}, nil, "lobby-0", ago(time.Second)},
		{"back within the time of another move", componentEdge, 0, func(o *observed) { hasLeft(o, ago(time.Minute), componentEdge, "lobby-0") }, []corev1.Pod{one}, nil, "lobby-edge-1", at},
		{"it does not say", componentEdge, 2, func(o *observed) { hasLeft(o, ago(time.Minute), componentEdge, "lobby-0") }, []corev1.Pod{origin}, nil, "lobby-0", ago(time.Minute)},
		{"it has clients", componentEdge, 2, func(o *observed) { hasLeft(o, ago(time.Minute), componentEdge, "lobby-0") }, []corev1.Pod{origin}, map[string]int64{"lobby-0": 1}, "lobby-0", ago(time.Minute)},
		{"it has none", componentEdge, 2, func(o *observed) { hasLeft(o, ago(time.Minute), componentEdge, "lobby-0") }, []corev1.Pod{origin}, map[string]int64{"lobby-0": 0}, "", ago(time.Minute)},
		{"it has none, and balancers have not noticed", componentEdge, 2, func(o *observed) { hasLeft(o, ago(29*time.Second), componentEdge, "lobby-0") }, []corev1.Pod{origin}, map[string]int64{"lobby-0": 0}, "lobby-0", ago(29 * time.Second)},
		{"its time is over", componentEdge, 2, func(o *observed) { hasLeft(o, ago(2*time.Minute), componentEdge, "lobby-0") }, []corev1.Pod{origin}, map[string]int64{"lobby-0": 1}, "", ago(2 * time.Minute)},
		{"one that ends has its own", componentOrigin, 0, func(o *observed) { hasLeft(o, ago(2*time.Minute), componentOrigin, "lobby-edge-1", "lobby-edge-2") }, []corev1.Pod{ends(unready(one)), two}, map[string]int64{"lobby-edge-1": 1, "lobby-edge-2": 1}, "lobby-edge-1", ago(2 * time.Minute)},
		{"and does not outlive it", componentOrigin, 0, func(o *observed) { hasLeft(o, ago(3*time.Minute), componentOrigin, "lobby-edge-1") }, []corev1.Pod{ends(one)}, nil, "", ago(3 * time.Minute)},
		{"another of its name", componentEdge, 2, func(o *observed) { hasLeft(o, ago(time.Minute), componentEdge, "lobby-edge-1") }, []corev1.Pod{origin}, nil, "", ago(time.Minute)},
		{"it restarts", componentEdge, 2, func(o *observed) { hasLeft(o, ago(time.Minute), componentEdge, "lobby-0") }, []corev1.Pod{unready(origin)}, nil, "", ago(time.Minute)},
		{"what is written there is no time", componentEdge, 2, func(o *observed) {
			hasLeft(o, at, componentEdge, "lobby-0")
			o.leaving.slices[0].Annotations[annotationLeft] = "yes"
		}, []corev1.Pod{origin}, nil, "", time.Time{}},
		{"no Service is there", "", 2, func(o *observed) { hasLeft(o, at, componentEdge, "lobby-0"); o.service = nil }, []corev1.Pod{origin}, nil, "", time.Time{}},
		{"it was led by hand", "web", 2, nil, []corev1.Pod{origin}, nil, "", at},
	} {
		o := withSecrets(observe(t, "{application: a, edges: {replicas: 2}}"))
		o.now = now
		if c.edges == 0 {
			none := int32(0)
			o.instance.Spec.Edges.Replicas = &none
		}
		leadsThere(o, c.leads)
		edgesServe(o, c.edges)
		o.leaving.pods, o.leaving.clients = c.pods, c.clients
		if c.seen != nil {
			c.seen(o)
		}
		o.judge()
		d := departureOf(o)
		var names []string
		for _, pod := range d.pods {
			names = append(names, pod.Name)
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("%s: %q stay endpoints, want %q", c.what, got, c.want)
		}
		if c.want != "" && !d.since.Equal(c.since) {
			t.Errorf("%s: since %v, want %v", c.what, d.since, c.since)
		}
		p := planOf(t, o)
		slice, service := -1, -1
		for i, one := range p.children {
			switch one.String() {
			case "EndpointSlice lobby.leaving-ipv4":
				slice = i
			case "Service lobby":
				service = i
			}
		}
		if (slice >= 0) != (c.want != "") || slice > service && service >= 0 {
			t.Errorf("%s: the slice is written as number %d, the Service as %d", c.what, slice, service)
		}
		gone := slices.ContainsFunc(p.remove, func(r removal) bool { return r.kind == "EndpointSlice" })
		if want := o.leaving.slices[0] != nil && c.want == ""; gone != want {
			t.Errorf("%s: the slice goes: %v", c.what, gone)
		}
	}
}

// A slice has what proxies need: addresses of its family, the node, the ports by the names of
// the Service's, and that its pods go.
func TestLeavingSlice(t *testing.T) {
	o := withSecrets(observe(t, "{application: a, tls: {secretName: cert}, web: {}, edges: {replicas: 1}}"))
	leadsThere(o, componentOrigin)
	o.service.Spec.IPFamilies = []corev1.IPFamily{corev1.IPv6Protocol, corev1.IPv4Protocol}
	edgesServe(o, 1)
	o.leaving.pods = []corev1.Pod{anyPod("lobby-0", componentOrigin, "1")}
	all := children(t, o)
	for family, address := range map[string]string{"ipv4": "192.0.2.1", "ipv6": "2001:db8::1"} {
		one, ok := all["EndpointSlice lobby.leaving-"+family]
		if !ok {
			t.Errorf("there is none of %s among %v", family, slices.Collect(maps.Keys(all)))
			continue
		}
		got := text(t, one)
		for _, want := range []string{
			"  - " + address + "\n", "    ready: false\n    serving: true\n    terminating: true\n", "nodeName: node1\n", "name: rtmp\n  port: 1935\n", "name: rtmps\n  port: 1936\n", "name: web\n  port: 8088\n",
			"kubernetes.io/service-name: lobby\n", "endpointslice.kubernetes.io/managed-by: flashpod-operator\n", "kind: AppInstance", "media.flashpod.dev/left-for: edge\n", "uid: uid-lobby-0\n",
		} {
			if !strings.Contains(got, want) {
				t.Errorf("%s lacks %q:\n%s", family, want, got)
			}
		}
	}
}

// The origin is told to have its own clients go while the Service leads to edges.
func TestTheOriginIsTold(t *testing.T) {
	for edges, want := range map[int32]bool{0: false, 2: true} {
		o := withSecrets(observe(t, "{application: a, drain: {timeout: 90s}, edges: {replicas: 2}}"))
		edgesServe(o, edges)
		if got := text(t, children(t, o)["ConfigMap lobby-config"]); strings.Contains(got, "leave: |\n    90s\n") != want {
			t.Errorf("with %d edges:\n%s", edges, got)
		}
	}
}

// A server's metrics say how many clients it has itself.
func TestReadDirect(t *testing.T) {
	for _, c := range []struct {
		text string
		want int64
		bad  bool
	}{
		{"# HELP flashpod_direct_connections x\nflashpod_direct_connections 3\n", 3, false},
		{"flashpod_direct_connections NaN\n", 0, true},
		{"flashpod_connections{application=\"a\"} 3\n", 0, true},
		{"", 0, true},
	} {
		if n, err := readDirect(strings.NewReader(c.text)); n != c.want || (err != nil) != c.bad {
			t.Errorf("%q: %d, %v", c.text, n, err)
		}
	}
}
