package controllers

import (
	"fmt"
	"strings"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

const fieldServiceGateway = "spec.service.gatewayRef"

// tcpVerdict says whether the Gateway takes the TCPRoute; none where there is to be none.
func tcpVerdict(o *observed) verdict {
	ref, s := tcpRef(o.instance), &o.byService
	if ref == nil {
		return verdict{}
	}
	v := routeView{kind: kindTCPRoute, field: fieldServiceGateway, host: "rtmp://", there: s.hasTCP, refused: s.tcpRefused, taken: s.tcpTaken, standing: s.tcpStanding}
	if v.standing == ours {
		v.generation, v.parents = s.tcp.Generation, s.tcp.Status.Parents
	}
	return v.verdict(o.instance, ref)
}

// tlsVerdict says whether the Gateway takes the TLSRoute, and treats TLS as it must; none
// where there is to be none.
func tlsVerdict(o *observed) verdict {
	ref, s := tlsRef(o.instance), &o.byService
	if ref == nil {
		return verdict{}
	}
	v := routeView{kind: kindTLSRoute, field: fieldServiceGateway + ".tls", host: "rtmps://" + serviceGateway(o.instance).TLS.Hostname, there: s.hasTLS, refused: s.tlsRefused, taken: s.tlsTaken, standing: s.tlsStanding}
	if v.standing == ours {
		v.generation, v.parents = s.tls.Generation, s.tls.Status.Parents
	}
	said := v.verdict(o.instance, ref)
	l := tlsListener(o)
	if !said.ok() || l == nil {
		return said
	}
	passes := l.TLS != nil && value(l.TLS.Mode) == gatewayv1.TLSModePassthrough
	where := fmt.Sprintf("listener %s of %s", l.Name, gatewayOf(o.instance, &v1alpha1.GatewayRef{Name: ref.Name, Namespace: ref.Namespace}))
	switch {
	case passes && o.instance.Spec.TLS == nil:
		return stalled("ListenerMismatch", where+" hands TLS on (mode Passthrough), and the server has no certificate: set spec.tls, or take a listener of mode Terminate")
	case !passes && o.instance.Spec.TLS != nil:
		return stalled("ListenerMismatch", where+" ends TLS (mode Terminate), and the server, with spec.tls, waits for TLS: leave spec.tls out, or take a listener of mode Passthrough")
	}
	return said
}

// serviceRouteVerdict says whether the Gateway takes both routes; none where neither is
// wanted.
func serviceRouteVerdict(o *observed) verdict {
	tcp, tls := tcpVerdict(o), tlsVerdict(o)
	switch {
	case tcp.none():
		return tls
	case tls.none():
		return tcp
	case tcp.ok() && tls.ok():
		tcp.message += "; " + tls.message
		return tcp
	case tls.ok() || tcp.stalled:
		return tcp // the one that is missing, and of two the one that a user must mend
	}
	return tls
}

// listenerOf is the listener of a Gateway with a name.
func listenerOf(g *gatewayv1.Gateway, name string) *gatewayv1.Listener {
	if g == nil {
		return nil
	}
	for i := range g.Spec.Listeners {
		if string(g.Spec.Listeners[i].Name) == name {
			return &g.Spec.Listeners[i]
		}
	}
	return nil
}

// tlsListener is the listener that takes the host name: the one that is named, or the
// first of TLS that does; nil: it is not known.
func tlsListener(o *observed) *gatewayv1.Listener {
	g, ref := o.byService.gateway, serviceGateway(o.instance)
	if g == nil || ref == nil || ref.TLS == nil {
		return nil
	}
	if ref.TLS.SectionName != "" {
		return listenerOf(g, ref.TLS.SectionName)
	}
	for i := range g.Spec.Listeners {
		if l := &g.Spec.Listeners[i]; l.Protocol == gatewayv1.TLSProtocolType && takes(string(value(l.Hostname)), ref.TLS.Hostname) {
			return l
		}
	}
	return nil
}

// takes says whether a listener of a host name takes another: of "*.example.com" it is all
// below example.com, and of "" all there are.
func takes(listener, host string) bool {
	if rest, wild := strings.CutPrefix(listener, "*."); wild {
		return strings.HasSuffix(host, "."+rest)
	}
	return listener == "" || listener == host
}

// gatewayAddress is where clients come by the Gateway: a name or an address, with the
// listener's port; secure: by TLS. "": they do not, or it is not known.
func gatewayAddress(o *observed) (host string, port int32, secure bool) {
	g := o.byService.gateway
	if g == nil {
		return "", 0, false
	}
	if l := tlsListener(o); l != nil && tlsVerdict(o).ok() {
		return serviceGateway(o.instance).TLS.Hostname, l.Port, true
	}
	ref := tcpRef(o.instance)
	if ref == nil || !tcpVerdict(o).ok() || len(g.Status.Addresses) == 0 {
		return "", 0, false
	}
	l := listenerOf(g, ref.SectionName)
	if l == nil {
		return "", 0, false
	}
	return g.Status.Addresses[0].Value, l.Port, false
}

// gatewayURL is where clients come to the instance by the Gateway; "" while they do not.
func gatewayURL(o *observed) string {
	host, port, secure := gatewayAddress(o)
	switch {
	case host == "":
		return ""
	case secure:
		return "rtmps://" + hostPort(host, port, 443) + "/" + o.instance.Path().InURL()
	}
	return "rtmp://" + hostPort(host, port, rtmpPort) + "/" + o.instance.Path().InURL()
}

// serviceGatewayVerdict says whether the address of the Gateway is known, once it takes a
// route: RouteReady says whether it does.
func serviceGatewayVerdict(o *observed) verdict {
	v := &o.byService
	host, _, _ := gatewayAddress(o)
	gateway := gatewayOf(o.instance, &v1alpha1.GatewayRef{Name: serviceGateway(o.instance).Name, Namespace: serviceGateway(o.instance).Namespace})
	switch {
	case host != "":
		return good("Gateway", "clients come by "+gateway+", at "+host)
	case !tcpVerdict(o).ok() && !tlsVerdict(o).ok():
		return good("ClusterIP", "clients in this cluster connect by the Service's name; RouteReady says what becomes of those who come by "+gateway)
	case v.gatewayRefused != "":
		return good("AddressUnknown", gateway+" takes clients, and the operator may not look at its address: "+v.gatewayRefused)
	}
	return coming("AddressPending", gateway+" has no address yet: does this cluster give it one?")
}
