package server

import (
	"net/netip"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// TestAddressesThatStandForMany are those that documents name, whatever else they say
// of addresses, and those of nodes.
func TestAddressesThatStandForMany(t *testing.T) {
	t.Parallel()
	doc := func(policy corev1.ServiceExternalTrafficPolicy, shared ...string) (d v1alpha1.AppInstance) {
		d.Spec.Service.Type, d.Spec.Service.ExternalTrafficPolicy = corev1.ServiceTypeLoadBalancer, policy
		d.Spec.Limits.SharedAddresses = shared
		return d
	}
	local := doc(corev1.ServiceExternalTrafficPolicyLocal, "203.0.113.0/24")
	nodes := doc(corev1.ServiceExternalTrafficPolicyCluster)
	for _, c := range []struct {
		docs    []v1alpha1.AppInstance
		address string
		many    bool
	}{
		{nil, "203.0.113.7", false},
		{[]v1alpha1.AppInstance{local}, "203.0.113.7", true},
		{[]v1alpha1.AppInstance{local}, "192.0.2.1", false},
		{[]v1alpha1.AppInstance{local, nodes}, "192.0.2.1", true},
		{[]v1alpha1.AppInstance{nodes}, "2001:db8::1", true},
	} {
		many := false
		for _, p := range manyBehind(c.docs) {
			many = many || p.Contains(netip.MustParseAddr(c.address))
		}
		if many != c.many {
			t.Errorf("%d documents: %s stands for many: %v", len(c.docs), c.address, many)
		}
	}
}
