package controllers

import (
	"fmt"
	"net"
	"strconv"

	corev1 "k8s.io/api/core/v1"
)

// serviceVerdict returns the address that clients use as well: host, or
// host:port where the port is not RTMP's own.
func serviceVerdict(o *observed) (address string, v verdict) {
	s := o.service
	if s == nil || o.standing.service != ours {
		return "", coming("ServiceMissing", "the Service is not there yet")
	}
	if o.gateway != nil {
		return "", gatewayVerdict(o)
	}
	if serviceGateway(o.instance) != nil {
		return "", serviceGatewayVerdict(o)
	}
	port, usual := o.instance.Spec.Service.Port, int32(rtmpPort)
	if tls := o.instance.Spec.TLS; tls != nil {
		port, usual = tls.Port, 443
	}
	host := serviceHost(o)
	switch s.Spec.Type {
	case corev1.ServiceTypeLoadBalancer:
		if host != "" {
			return hostPort(host, port, usual), good("AddressAssigned", "the load balancer's address is "+host)
		}
		return "", coming("AddressPending", "the load balancer has no address yet: does this cluster give LoadBalancer Services one?")
	case corev1.ServiceTypeNodePort:
		for _, p := range s.Spec.Ports {
			if p.NodePort != 0 {
				return "", good("NodePort", fmt.Sprintf("clients connect to any node, at port %d", p.NodePort))
			}
		}
		return "", coming("AddressPending", "the Service has no node port yet")
	}
	return hostPort(host, port, usual), good("ClusterIP", "clients in this cluster connect by the Service's name")
}

// serviceHost is the name or the address that clients reach the Service at; "" while
// there is none, and where that is any node's.
func serviceHost(o *observed) string {
	s := o.service
	if s == nil || o.standing.service != ours {
		return ""
	}
	switch s.Spec.Type {
	case corev1.ServiceTypeLoadBalancer:
		for _, in := range s.Status.LoadBalancer.Ingress {
			if in.Hostname != "" {
				return in.Hostname
			}
			if in.IP != "" {
				return in.IP
			}
		}
		return ""
	case corev1.ServiceTypeNodePort:
		return ""
	}
	return s.Name + "." + s.Namespace + ".svc"
}

// hostPort leaves out the port that clients take anyway.
func hostPort(host string, port, usual int32) string {
	if port == usual {
		if ip := net.ParseIP(host); ip != nil && ip.To4() == nil {
			return "[" + host + "]"
		}
		return host
	}
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}
