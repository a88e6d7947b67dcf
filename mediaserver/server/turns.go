package server

import (
	"net/netip"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// manyBehind are the addresses that stand for many clients, each of which takes turns
// as if it came from an address of its own: those that any of the documents names, and
// all where addresses are those of nodes.
func manyBehind(docs []v1alpha1.AppInstance) (all []netip.Prefix) {
	for i := range docs {
		spec := &docs[i].Spec
		if spec.Service.ShowsNodes() {
			return []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0)}
		}
		for _, one := range spec.Limits.SharedAddresses {
			if p, err := v1alpha1.ParseAddress(one); err == nil { // as documents are: they are valid
				all = append(all, p)
			}
		}
	}
	return all
}
