package controllers

// webURL is where web pages and players of HTTP connect: at the host name, or at the
// Service, by HTTPS where it has that; "" without spec.web, while there is no address,
// and where that is any node's.
func webURL(o *observed, route verdict) string {
	a := o.instance
	web := a.Spec.Web
	if web == nil {
		return ""
	}
	scheme, address := "http://", ""
	switch host := serviceHost(o); {
	case web.Hostname != "":
		if o.standing.ingress == ours && gatewayRef(a) == nil || route.ok() {
			address = web.Hostname
		}
		if web.TLS != nil {
			scheme = "https://"
		}
	case host == "":
	case a.Spec.TLS != nil && tlsRef(a) != nil && tlsVerdict(o).ok() && tlsListener(o) != nil:
		scheme, address = "https://", hostPort(serviceGateway(a).TLS.Hostname, tlsListener(o).Port, 443)
	case a.Spec.TLS != nil: // the port of RTMPS serves both
		scheme, address = "https://", hostPort(host, a.Spec.TLS.Port, 443)
	case !webIsInternal(a):
		address = hostPort(host, web.Port, 80)
	}
	if address == "" {
		return ""
	}
	return scheme + address + "/" + a.Path().InURL()
}
