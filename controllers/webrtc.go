package controllers

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

const (
	portWebRTC = "webrtc"
	webRTCPort = 8088 // of the container, UDP
	envPodIP   = "POD_IP"

	// addressesFile is the entry of the pod's ConfigMap with what clients are told to
	// send media to, one a line. The server reads it for each of them: an address that
	// comes late, or changes, restarts nothing.
	addressesFile = "webrtc-addresses"
)

// webRTC is what an instance says of WebRTC; nil when there is none.
func webRTC(a *v1alpha1.AppInstance) *v1alpha1.WebRTC {
	if a.Spec.Web == nil {
		return nil
	}
	return a.Spec.Web.WebRTC
}

// webRTCArgs has a server take WebRTC's packets. One of several behind the Service, as origin
// and edges are, whose packets come to any of them, passes on those of the others' sessions:
// it says by its own address which are its.
func webRTCArgs(c *corev1ac.ContainerApplyConfiguration, a *v1alpha1.AppInstance) {
	c.WithArgs("--webrtc-address", fmt.Sprintf(":%d", webRTCPort), "--webrtc-advertise-file", pathConfig+"/"+addressesFile)
	c.WithPorts(corev1ac.ContainerPort().WithName(portWebRTC).WithContainerPort(webRTCPort).WithProtocol(corev1.ProtocolUDP))
	if a.Spec.Edges != nil {
		c.WithArgs("--webrtc-relay-address", "$("+envPodIP+")")
		c.WithEnv(corev1ac.EnvVar().WithName(envPodIP).WithValueFrom(corev1ac.EnvVarSource().
			WithFieldRef(corev1ac.ObjectFieldSelector().WithAPIVersion("v1").WithFieldPath("status.podIP"))))
	}
}

// webRTCService is what media over UDP is sent to, pods with the labels of front; nil when
// there is none. It has no port of TCP: see v1alpha1.WebRTC.
func webRTCService(a *v1alpha1.AppInstance, front map[string]string) *corev1ac.ServiceApplyConfiguration {
	rtc, like := webRTC(a), a.Spec.Service
	if rtc == nil {
		return nil
	}
	spec := corev1ac.ServiceSpec().
		WithType(rtc.ServiceType).
		WithSelector(front).
		WithExternalTrafficPolicy(like.ExternalTrafficPolicy).
		WithPorts(corev1ac.ServicePort().
			WithName(portWebRTC).
			WithProtocol(corev1.ProtocolUDP).
			WithPort(rtc.Port).
			WithTargetPort(intstr.FromString(portWebRTC)))
	if rtc.ServiceType == corev1.ServiceTypeNodePort && a.Spec.Edges != nil {
		// Clients are told one node, which need not be that of an edge.
		spec.WithExternalTrafficPolicy(corev1.ServiceExternalTrafficPolicyCluster)
	}
	if rtc.ServiceType == corev1.ServiceTypeLoadBalancer {
		spec.WithLoadBalancerSourceRanges(like.LoadBalancerSourceRanges...)
		if like.LoadBalancerClass != nil {
			spec.WithLoadBalancerClass(*like.LoadBalancerClass)
		}
	}
	if like.IPFamilyPolicy != nil {
		spec.WithIPFamilyPolicy(*like.IPFamilyPolicy)
	}
	spec.WithIPFamilies(like.IPFamilies...)
	s := corev1ac.Service(webRTCName(a), a.Namespace).
		WithLabels(labels(a)).
		WithOwnerReferences(owner(a)).
		WithSpec(spec)
	if len(rtc.Annotations) > 0 {
		s.WithAnnotations(rtc.Annotations)
	}
	return s
}

// webRTC plans the Service of WebRTC. The class of a load balancer cannot be changed:
// one of another class is made again.
func (p *plan) webRTC(o *observed) {
	want := webRTCService(o.instance, front(o))
	if o.standing.webRTC == ours && (want == nil || otherClass(want, o.webRTC)) {
		p.remove = append(p.remove, removal{kind: "Service", object: o.webRTC})
		return
	}
	if want != nil {
		p.child(serviceChild(want, o.webRTC), o.standing.webRTC)
	}
}

// otherClass says whether a load balancer is wanted of another class than the one that
// is there.
func otherClass(want *corev1ac.ServiceApplyConfiguration, have *corev1.Service) bool {
	if have.Spec.Type != corev1.ServiceTypeLoadBalancer || *want.Spec.Type != corev1.ServiceTypeLoadBalancer {
		return false
	}
	return value(want.Spec.LoadBalancerClass) != value(have.Spec.LoadBalancerClass)
}

// webRTCAddresses are where clients send media, as host:port; none while that is not
// known.
func webRTCAddresses(o *observed) (all []string) {
	rtc, s := webRTC(o.instance), o.webRTC
	if rtc == nil || s == nil || o.standing.webRTC != ours || len(s.Spec.Ports) == 0 {
		return nil
	}
	hosts, port := rtc.Addresses, s.Spec.Ports[0].Port
	switch s.Spec.Type {
	case corev1.ServiceTypeLoadBalancer:
		for _, in := range s.Status.LoadBalancer.Ingress {
			if host := in.IP + in.Hostname; len(rtc.Addresses) == 0 && host != "" { // of which it has one
				hosts = append(hosts, host)
			}
		}
	case corev1.ServiceTypeNodePort:
		port = s.Spec.Ports[0].NodePort
		if len(rtc.Addresses) == 0 && o.pod != nil {
			for _, ip := range o.pod.Status.HostIPs {
				hosts = append(hosts, ip.IP)
			}
		}
	}
	if port == 0 {
		return nil
	}
	for _, host := range hosts {
		all = append(all, net.JoinHostPort(host, strconv.Itoa(int(port))))
	}
	return all
}

// webRTCVerdict says whether clients can be told where to send media; none where there
// is no WebRTC.
func webRTCVerdict(o *observed) verdict {
	rtc := webRTC(o.instance)
	all := webRTCAddresses(o)
	switch {
	case rtc == nil:
		return verdict{}
	case o.standing.webRTC != ours:
		return coming("ServiceMissing", "the Service of WebRTC is not there yet")
	case len(all) > 0:
		return good("AddressAssigned", "media over UDP is sent to "+strings.Join(all, ", "))
	case o.webRTC.Spec.Type == corev1.ServiceTypeNodePort:
		return coming("AddressPending", "it is not known yet on which node media over UDP is taken")
	}
	return coming("AddressPending", "the load balancer of WebRTC has no address yet: does this cluster give LoadBalancer Services of UDP one? If not, set spec.web.webrtc.serviceType to NodePort")
}
