package controllers

// webURL is where web pages and players of HTTP connect; "" without spec.web, while
// there is no address, and where that is any node's.
func webURL(o *observed) string {
	a := o.instance
	web := a.Spec.Web
	if web == nil {
		return ""
	}
	scheme, address := "http://", ""
	switch {
	case web.Hostname == "":
		if host := serviceHost(o); host != "" {
			address = hostPort(host, web.Port, 80)
		}
	case o.standing.ingress == ours:
		address = web.Hostname
		if web.TLS != nil {
			scheme = "https://"
		}
	}
	if address == "" {
		return ""
	}
	return scheme + address + "/" + a.Path().InURL()
}
