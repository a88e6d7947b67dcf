package controllers

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	discoveryv1ac "k8s.io/client-go/applyconfigurations/discovery/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// Pods that the Service does not lead to any more, as it leads to edges now or back to the
// origin, have clients still. As endpoints that terminate they stay with the Service until
// those have gone: by an EndpointSlice beside the cluster's own. Proxies give them nobody who
// has somewhere else to go, and what is on its way to a node that has no other endpoint, with
// externalTrafficPolicy Local, is let in [KEP-1669]; balancers that cut off what leads to no
// endpoint have no reason to.

const (
	// annotationLeft on such a slice is since when the Service does not lead to its pods, and
	// annotationLeftFor the component that it leads to.
	annotationLeft    = annotationPrefix + "left"
	annotationLeftFor = annotationPrefix + "left-for"

	// leavesWithin is how long pods stay endpoints that have no clients: load balancers need
	// so long to notice that a node is not to be led to. Less where spec.drain.timeout is.
	leavesWithin = 30 * time.Second
	// maxEndpoints is how many a slice may have [discovery/v1, EndpointSlice].
	maxEndpoints = 1000
)

// families are those of slices, each of which has one.
var families = [...]discoveryv1.AddressType{discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6}

func leavingName(a *v1alpha1.AppInstance, family discoveryv1.AddressType) string {
	if family == discoveryv1.AddressTypeIPv6 {
		return serviceName(a) + ".leaving-ipv6"
	}
	return serviceName(a) + ".leaving-ipv4"
}

// leavingObserved is what is read of pods that the Service does not lead to.
type leavingObserved struct {
	slices   [len(families)]*discoveryv1.EndpointSlice // nil: there is none
	standing [len(families)]standing
	pods     []corev1.Pod // where the Service has led elsewhere, or is about to
	// clients are the connections of clients to pods themselves, by their names. One that
	// has not said is absent.
	clients map[string]int64
}

// departure is a move of the Service: since when, to which component, and the pods of the
// other one that are endpoints still.
type departure struct {
	since time.Time
	to    string
	pods  []*corev1.Pod
}

// leadsNow is the component that the Service which is there leads to; "": none of ours.
func leadsNow(o *observed) string {
	if o.standing.service != ours {
		return ""
	}
	return o.service.Spec.Selector[labelComponent]
}

// moves says whether the Service is about to lead elsewhere.
func moves(o *observed) bool {
	is := leadsNow(o)
	return (is == componentOrigin || is == componentEdge) && is != front(o)[labelComponent]
}

// leftBefore is a slice of ours that says of a move; nil: there is none.
func leftBefore(o *observed) *discoveryv1.EndpointSlice {
	for i, s := range o.leaving.slices {
		if o.leaving.standing[i] == ours {
			return s
		}
	}
	return nil
}

// departureOf says which pods stay endpoints though the Service leads elsewhere: a pure
// function.
func departureOf(o *observed) departure {
	if leadsNow(o) == "" {
		return departure{}
	}
	d := departure{since: o.now.UTC().Truncate(time.Second), to: front(o)[labelComponent]}
	var known map[types.UID]bool // nil: any pod may have clients
	moving, was := moves(o), leftBefore(o)
	if was != nil && was.Annotations[annotationLeftFor] == d.to {
		since, err := time.Parse(time.RFC3339, was.Annotations[annotationLeft])
		switch {
		case err == nil:
			d.since = since
		case !moving:
			return departure{}
		}
	} else if !moving {
		return departure{} // nothing has left, or what had is led to again
	}
	if !moving {
		known = map[types.UID]bool{}
		for _, s := range o.leaving.slices {
			if s == nil {
				continue
			}
			for _, e := range s.Endpoints {
				if e.TargetRef != nil {
					known[e.TargetRef.UID] = true
				}
			}
		}
	}
	for i := range o.leaving.pods {
		pod := &o.leaving.pods[i]
		if pod.Labels[labelComponent] != d.to && (known == nil || known[pod.UID]) && staysEndpoint(o, pod, d.since) {
			d.pods = append(d.pods, pod)
		}
	}
	return d
}

// staysEndpoint says whether a pod that the Service has left has clients still, or may have.
// One that ends does so by itself when its clients have gone; another is let go at the latest
// when spec.drain.timeout is over.
func staysEndpoint(o *observed, pod *corev1.Pod, since time.Time) bool {
	clients, said := o.leaving.clients[pod.Name]
	left, most := o.now.Sub(since), time.Duration(drainSeconds(o.instance))*time.Second
	switch {
	case pod.Status.PodIP == "" || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed:
		return false
	case pod.DeletionTimestamp != nil:
		return (!said || clients > 0) && left < most+(edgeLinger+graceSeconds)*time.Second
	case !podReady(pod) || left >= most:
		return false
	}
	return !said || clients > 0 || left < leavesWithin
}

// leaving plans the slices, before the Service: what it leads to again is in none of them by
// then, and what it does not lead to any more is in one.
func (p *plan) leaving(o *observed) {
	d := departureOf(o)
	for i, family := range families {
		want := leavingSlice(o, family, d)
		switch is := o.leaving.standing[i]; {
		case want != nil:
			p.child(sliceChild(want, o.leaving.slices[i]), is)
		case is == ours:
			p.remove = append(p.remove, removal{kind: "EndpointSlice", object: o.leaving.slices[i]})
		}
	}
}

// leavingSlice has the pods that stay endpoints, by their addresses of a family; nil: none do.
func leavingSlice(o *observed, family discoveryv1.AddressType, d departure) *discoveryv1ac.EndpointSliceApplyConfiguration {
	a := o.instance
	if len(d.pods) == 0 || !slices.Contains(o.service.Spec.IPFamilies, corev1.IPFamily(family)) {
		return nil
	}
	var all []*discoveryv1ac.EndpointApplyConfiguration
	for _, pod := range slices.SortedFunc(slices.Values(d.pods), func(x, y *corev1.Pod) int { return cmp.Compare(x.Name, y.Name) }) {
		address := addressOf(pod, family)
		if address == "" || len(all) == maxEndpoints {
			continue
		}
		e := discoveryv1ac.Endpoint().
			WithAddresses(address).
			WithConditions(discoveryv1ac.EndpointConditions().WithReady(false).WithServing(true).WithTerminating(true)).
			WithTargetRef(corev1ac.ObjectReference().WithKind("Pod").WithNamespace(pod.Namespace).WithName(pod.Name).WithUID(pod.UID))
		if pod.Spec.NodeName != "" {
			e.WithNodeName(pod.Spec.NodeName)
		}
		all = append(all, e)
	}
	if len(all) == 0 {
		return nil
	}
	s := discoveryv1ac.EndpointSlice(leavingName(a, family), a.Namespace).
		WithLabels(labels(a)).
		WithLabels(map[string]string{discoveryv1.LabelServiceName: serviceName(a), discoveryv1.LabelManagedBy: FieldManager}).
		WithAnnotations(map[string]string{annotationLeft: d.since.UTC().Format(time.RFC3339), annotationLeftFor: d.to}).
		WithOwnerReferences(owner(a)).
		WithAddressType(family).
		WithEndpoints(all...)
	for _, port := range service(a, nil).Spec.Ports {
		s.WithPorts(discoveryv1ac.EndpointPort().WithName(*port.Name).WithProtocol(*port.Protocol).WithPort(containerPorts[*port.Name]))
	}
	return s
}

// containerPorts are those of origins and edges alike, by the names of the Service's.
var containerPorts = map[string]int32{portRTMP: rtmpPort, portRTMPS: rtmpsPort, portWeb: webPort}

// addressOf is a pod's address of a family; "": it has none.
func addressOf(pod *corev1.Pod, family discoveryv1.AddressType) string {
	for _, ip := range append([]corev1.PodIP{{IP: pod.Status.PodIP}}, pod.Status.PodIPs...) {
		if address, err := netip.ParseAddr(ip.IP); err == nil && address.Is4() == (family == discoveryv1.AddressTypeIPv4) {
			return ip.IP
		}
	}
	return ""
}

// leavingWithin is what the origin is told while the Service leads to edges: the time that its
// own clients have to go there, of whom it asks those that follow a ReconnectRequest to
// connect again. "": they may stay.
func leavingWithin(o *observed) string {
	if front(o)[labelComponent] != componentEdge {
		return ""
	}
	return fmt.Sprintf("%ds\n", drainSeconds(o.instance))
}

// leavingPace is how long until pods that the Service has left are looked at again; 0: there
// are none.
func leavingPace(o *observed) time.Duration {
	if leftBefore(o) == nil && !moves(o) {
		return 0
	}
	return askLeavingEvery
}
