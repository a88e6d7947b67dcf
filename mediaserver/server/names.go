package server

import (
	"net"
	"net/netip"
	"os"
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
