package outgoing

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// metadata are addresses at which clouds tell every machine its credentials, and that
// are not link-local: Azure's, Alibaba's, Oracle's, and those of version 6 of Amazon
// and Google. 169.254.169.254 is link-local.
var metadata = []netip.Addr{
	netip.MustParseAddr("168.63.129.16"), netip.MustParseAddr("100.100.100.200"), netip.MustParseAddr("192.0.0.192"),
	netip.MustParseAddr("fd00:ec2::254"), netip.MustParseAddr("fd20:ce::254"),
}

// networks are those whose addresses are reached only when they are named themselves,
// with a word for what they are.
var networks = []struct {
	prefix netip.Prefix
	kind   string
}{
	{netip.MustParsePrefix("127.0.0.0/8"), thisMachine},
	{netip.MustParsePrefix("::1/128"), thisMachine},
	{netip.MustParsePrefix("0.0.0.0/8"), anyMachine}, // "this host on this network" [RFC 6890]
	{netip.MustParsePrefix("::/128"), anyMachine},
	{netip.MustParsePrefix("169.254.0.0/16"), link},
	{netip.MustParsePrefix("fe80::/10"), link},
	{netip.MustParsePrefix("fec0::/10"), link}, // what fe80 was for a site
	{netip.MustParsePrefix("224.0.0.0/4"), manyMachines},
	{netip.MustParsePrefix("240.0.0.0/4"), manyMachines}, // reserved, with broadcast
	{netip.MustParsePrefix("ff00::/8"), manyMachines},
}

const (
	thisMachine  = "this machine's own addresses"
	anyMachine   = "those that mean any machine"
	link         = "those of the machine's link, where clouds have their metadata"
	manyMachines = "those of many machines at once"
)

// Addresses of version 6 that lead to one of version 4, and where in them that is.
var leading = []struct {
	prefix netip.Prefix
	at     int
}{
	{netip.MustParsePrefix("64:ff9b::/96"), 12},   // a translator [RFC 6052]
	{netip.MustParsePrefix("64:ff9b:1::/48"), 12}, // a local one [RFC 8215]
	{netip.MustParsePrefix("2002::/16"), 2},       // a tunnel [RFC 3056]
	{netip.MustParsePrefix("::/96"), 12},          // as version 6 had them at first [RFC 4291 §2.5.5.1]
}

// plainAddr is an address without its zone, and of version 4 where it is that in
// another dress.
func plainAddr(a netip.Addr) netip.Addr { return a.WithZone("").Unmap() }

// special says which kind of addresses one is of that are reached only when they are
// named, "" for all others. own are those of this machine.
func special(a netip.Addr, own []netip.Addr) string {
	a = plainAddr(a)
	for _, n := range networks {
		if n.prefix.Contains(a) {
			return n.kind
		}
	}
	if slices.Contains(metadata, a) {
		return "those where clouds have their metadata"
	}
	if slices.ContainsFunc(own, func(o netip.Addr) bool { return plainAddr(o) == a }) {
		return thisMachine
	}
	for _, l := range leading {
		if b := a.As16(); l.prefix.Contains(a) {
			return special(netip.AddrFrom4([4]byte(b[l.at:])), own)
		}
	}
	return ""
}

// hopeless says which kind all addresses of a network are of, "" if they are not of one.
func hopeless(p netip.Prefix) string {
	for _, n := range networks {
		if !p.IsSingleIP() && p.Bits() >= n.prefix.Bits() && n.prefix.Contains(p.Addr()) {
			return n.kind
		}
	}
	return ""
}

// ownAddresses are those of this machine, which in a cluster is the pod. They are asked
// for at each connect, since they change.
func ownAddresses() ([]netip.Addr, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("ask for this machine's addresses: %w", err)
	}
	var own []netip.Addr
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok {
				own = append(own, plainAddr(ip))
			}
		}
	}
	return own, nil
}
