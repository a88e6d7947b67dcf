package server

import (
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// hostsFile is where a machine has its own names: a pod has there what the cluster
// calls it.
const hostsFile = "/etc/hosts"

// hostsNames are the names, in lower case, that a file in the format of hosts(5)
// gives to addresses of this machine. Where it cannot be read, there are none.
func hostsNames(file string) (names []string) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	own := ownAddresses()
	for line := range strings.Lines(string(b)) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		addr, err := netip.ParseAddr(fields[0])
		if err != nil || !own[addr.Unmap().WithZone("")] {
			continue
		}
		for _, name := range fields[1:] {
			names = append(names, strings.ToLower(strings.TrimSuffix(name, ".")))
		}
	}
	return names
}

// podName takes a pod's full name apart, as a cluster has it in the pod's hosts
// file: pod.service.namespace.svc, and the cluster's domain, which may be any or
// none [Kubernetes, DNS for Services and Pods].
func podName(full string) (pod, service, namespace, domain string, ok bool) {
	parts := strings.SplitN(full, ".", 5)
	if len(parts) < 4 || parts[3] != "svc" || slices.Contains(parts, "") {
		return "", "", "", "", false
	}
	if len(parts) == 5 {
		domain = parts[4]
	}
	return parts[0], parts[1], parts[2], domain, true
}

// podNames are the names of one part that others in its namespace have for the
// Services which give a pod some names. Those of two and three parts, as
// service.namespace, are nobody's own: a namespace may be called like a domain of
// the internet, where a stranger can have any name that is free, and send a browser
// there.
func podNames(own []string) (names []string) {
	for _, full := range own {
		if _, service, _, _, ok := podName(full); ok {
			names = append(names, service)
		}
	}
	return names
}

// podDomains are those of a pod's namespace: whatever is called so is a Service
// there, perhaps one that its user has made, or a pod of it. No stranger has a name
// among them.
func podDomains(own []string) (domains []string) {
	for _, full := range own {
		if _, _, namespace, domain, ok := podName(full); ok {
			domains = append(domains, namespace+".svc")
			if domain != "" {
				domains = append(domains, namespace+".svc."+domain)
			}
		}
	}
	return domains
}

// ownAddresses are those of this machine's interfaces.
func ownAddresses() map[netip.Addr]bool {
	own := map[netip.Addr]bool{}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return own
	}
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			own[p.Addr().Unmap().WithZone("")] = true
		}
	}
	return own
}
