package controllers

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// WebRTC has a port of UDP in the pod, in a Service of its own and in the NetworkPolicy
// where it is asked for; no Service has TCP and UDP.
func TestWebRTCFollowsTheSpec(t *testing.T) {
	const asked = "{application: a, service: {loadBalancerSourceRanges: [10.0.0.0/8], loadBalancerClass: example.org/x, ipFamilies: [IPv6]}, web: {webrtc: {port: 3478, annotations: {cloud: udp}}}}"
	for _, c := range []struct {
		spec, child string
		want        []string
	}{
		{asked, "StatefulSet lobby", []string{"- --webrtc-address\n", "- :8088\n", "- --webrtc-advertise-file\n", "- /etc/flashpod/webrtc-addresses\n", "name: webrtc\n", "protocol: UDP"}},
		{asked, "Service lobby-webrtc", []string{"port: 3478\n", "protocol: UDP", "targetPort: webrtc", "type: LoadBalancer", "cloud: udp", "- 10.0.0.0/8", "loadBalancerClass: example.org/x", "- IPv6", "externalTrafficPolicy: Local"}},
		{asked, "NetworkPolicy lobby", []string{"port: webrtc\n", "protocol: UDP"}},
		{"{application: a, web: {webrtc: {serviceType: NodePort}}}", "Service lobby-webrtc", []string{"port: 443\n", "type: NodePort"}},
		{"{application: a, web: {}}", "StatefulSet lobby", []string{"- --webrtc-address\n", "- \"off\"\n"}},
	} {
		got, ok := children(t, observe(t, c.spec))[c.child]
		for _, want := range c.want {
			if !ok || !strings.Contains(text(t, got), want) {
				t.Errorf("%s: %s lacks %q:\n%s", c.spec, c.child, want, text(t, got))
			}
		}
	}
	all := children(t, observe(t, asked))
	for name, protocol := range map[string]string{"Service lobby": "UDP", "Service lobby-origin": "UDP", "Service lobby-webrtc": "TCP"} {
		if strings.Contains(text(t, all[name]), protocol) {
			t.Errorf("%s has a port of %s", name, protocol)
		}
	}
	for spec, lacks := range map[string]string{"{application: a}": "webrtc", "{application: a, image: old:1, web: {}}": "webrtc", "{application: a, web: {}}": "advertise"} {
		all := children(t, observe(t, spec))
		if _, made := all["Service lobby-webrtc"]; made || strings.Contains(text(t, all["StatefulSet lobby"]), lacks) {
			t.Errorf("%s: there is WebRTC", spec)
		}
	}
}

// Beside edges, the Service of WebRTC leads where that of the web does, and origin and edges
// pass on what is another's.
func TestWebRTCOfEdges(t *testing.T) {
	const spec = "{application: a, web: {webrtc: {}}, edges: {replicas: 2}}"
	o := edged(t, spec, 2, 1)
	for child, want := range map[string][]string{
		"Deployment lobby-edge":    {"- --webrtc-address\n", "- :8088\n", "- --webrtc-advertise-file\n", "- --webrtc-relay-address\n", "- $(POD_IP)\n", "fieldPath: status.podIP", "name: webrtc\n", "protocol: UDP"},
		"StatefulSet lobby":        {"- --webrtc-relay-address\n", "- $(POD_IP)\n", "fieldPath: status.podIP"},
		"Service lobby-webrtc":     {"app.kubernetes.io/component: edge\n", "externalTrafficPolicy: Local"},
		"NetworkPolicy lobby.edge": {"port: webrtc\n", "protocol: UDP"},
	} {
		got := text(t, children(t, o)[child])
		for _, one := range want {
			if !strings.Contains(got, one) {
				t.Errorf("%s lacks %q:\n%s", child, one, got)
			}
		}
	}
	if d := text(t, children(t, o)["Deployment lobby-edge"]); strings.Contains(d, "\"off\"") || strings.Contains(d, "key: edge.yaml") {
		t.Errorf("edges have no WebRTC, or do not hear where it is:\n%s", d)
	}
	if s := text(t, children(t, edged(t, spec, 2, 0))["Service lobby-webrtc"]); !strings.Contains(s, "app.kubernetes.io/component: origin\n") {
		t.Errorf("before an edge is ready, the Service is\n%s", s)
	}
	if s := text(t, children(t, edged(t, "{application: a, web: {webrtc: {serviceType: NodePort}}, edges: {replicas: 2}}", 2, 2))["Service lobby-webrtc"]); !strings.Contains(s, "externalTrafficPolicy: Cluster\n") {
		t.Errorf("one node leads to no edge elsewhere:\n%s", s)
	}
	for _, alone := range []string{"{application: a, web: {webrtc: {}}}", "{application: a, web: {}, edges: {replicas: 2}}"} {
		for name, child := range children(t, observe(t, alone)) {
			if got := text(t, child); strings.Contains(got, "relay") || strings.Contains(got, "POD_IP") {
				t.Errorf("%s: %s passes something on:\n%s", alone, name, got)
			}
		}
	}
}

// Clients are told where the Service is, or what the manifest says of it.
func TestWhereMediaIsSent(t *testing.T) {
	balanced := corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Ports: []corev1.ServicePort{{Port: 443, NodePort: 30001}}}
	ofNodes := corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort, Ports: []corev1.ServicePort{{Port: 443, NodePort: 30001}}}
	noneYet := corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort, Ports: []corev1.ServicePort{{Port: 443}}}
	pod := &corev1.Pod{Status: corev1.PodStatus{HostIPs: []corev1.HostIP{{IP: "198.51.100.4"}, {IP: "2001:db8::4"}}}}
	in := func(all ...corev1.LoadBalancerIngress) []corev1.LoadBalancerIngress { return all }
	for name, c := range map[string]struct {
		rtc    string
		spec   corev1.ServiceSpec
		at     []corev1.LoadBalancerIngress
		pod    *corev1.Pod
		want   []string
		reason string
	}{
		"a load balancer":           {"{}", balanced, in(corev1.LoadBalancerIngress{IP: "203.0.113.9"}), pod, []string{"203.0.113.9:443"}, "AddressAssigned"},
		"of two families":           {"{}", balanced, in(corev1.LoadBalancerIngress{IP: "203.0.113.9"}, corev1.LoadBalancerIngress{IP: "2001:db8::9"}), nil, []string{"203.0.113.9:443", "[2001:db8::9]:443"}, "AddressAssigned"},
		"with a name":               {"{}", balanced, in(corev1.LoadBalancerIngress{Hostname: "lb.example.org"}), nil, []string{"lb.example.org:443"}, "AddressAssigned"},
		"not yet":                   {"{}", balanced, nil, pod, nil, "AddressPending"},
		"known otherwise":           {"{addresses: [192.0.2.7, media.example.org]}", balanced, in(corev1.LoadBalancerIngress{IP: "10.0.0.9"}), nil, []string{"192.0.2.7:443", "media.example.org:443"}, "AddressAssigned"},
		"a node":                    {"{serviceType: NodePort}", ofNodes, nil, pod, []string{"198.51.100.4:30001", "[2001:db8::4]:30001"}, "AddressAssigned"},
		"a node known otherwise":    {"{serviceType: NodePort, addresses: ['2001:db8::7']}", ofNodes, nil, pod, []string{"[2001:db8::7]:30001"}, "AddressAssigned"},
		"no node yet":               {"{serviceType: NodePort}", ofNodes, nil, nil, nil, "AddressPending"},
		"a node without a port yet": {"{serviceType: NodePort, addresses: [192.0.2.7]}", noneYet, nil, pod, nil, "AddressPending"},
	} {
		o := observe(t, "{application: a, web: {webrtc: "+c.rtc+"}}")
		serving(o)
		if o.webRTC = (&corev1.Service{ObjectMeta: owned(o, "lobby-webrtc"), Spec: c.spec}); c.at != nil {
			o.webRTC.Status.LoadBalancer.Ingress = c.at
		}
		if o.pod = c.pod; c.pod == nil {
			o.pod = &corev1.Pod{}
		}
		p := planOf(t, o)
		if got := webRTCAddresses(o); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if v := webRTCVerdict(o); v.reason != c.reason {
			t.Errorf("%s: %s (%s)", name, v.reason, v.message)
		}
		file := ""
		for _, child := range p.children {
			if child.String() == "ConfigMap lobby-config" {
				file = text(t, child)
			}
		}
		if strings.Contains(file, addressesFile) != (len(c.want) > 0) {
			t.Errorf("%s: the pod's files are\n%s", name, file)
		}
		for _, one := range c.want {
			if !strings.Contains(file, one) {
				t.Errorf("%s: the pod is not told of %s", name, one)
			}
		}
	}
}
