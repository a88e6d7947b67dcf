package gateway

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/api/v1alpha1/routing"
)

const (
	// LinkPort is where origins take links, and nobody else connects.
	LinkPort = 1937
	// MasterEntry is the entry of the gateway's Secret with the key that all others are
	// made of, in a gateway's own namespace.
	MasterEntry = "master"
	// minMaster is how many bytes it has at least.
	minMaster = 16
)

// Wants says whether an AppInstance, whose defaults are filled in, is to be reached by the
// gateway.
func Wants(a *v1alpha1.AppInstance) bool {
	return a.Spec.Service.Type == v1alpha1.ServiceTypeGateway
}

// Name is what an AppInstance is called among all.
func Name(a *v1alpha1.AppInstance) string { return a.Namespace + "/" + a.Name }

// Sleeps says whether an AppInstance sleeps, and no client has ended this very sleep.
func Sleeps(a *v1alpha1.AppInstance) bool {
	s := a.Status.Sleep
	return s != nil && s.Since != nil && !s.Since.Equal(s.Woken) && !a.Spec.Suspend && a.Spec.Idle.SuspendAfter != nil
}

// KeyFor is the key that the origin of an AppInstance and the gateway have in common. It
// says nothing of the master key, or of another's; one that is made again under the same
// name has another.
func KeyFor(master []byte, a *v1alpha1.AppInstance) string {
	h := hmac.New(sha256.New, master)
	fmt.Fprintf(h, "%s/%s/%s", a.Namespace, a.Name, a.UID)
	return hex.EncodeToString(h.Sum(nil))
}

// File is what a gateway routes by: the AppInstances that want it, from the namespaces
// that it serves, with the hosts that each namespace has there.
func File(all []v1alpha1.AppInstance, grants *routing.Grants, master []byte) *routing.File {
	f := &routing.File{Hosts: grants.Hosts(), Routes: []routing.Route{}}
	for i := range all {
		a := all[i].DeepCopy()
		a.SetDefaults()
		hosts, ok := grants.Of(a.Namespace)
		if !ok || !Wants(a) || a.DeletionTimestamp != nil {
			continue
		}
		created := a.CreationTimestamp.UTC()
		route := routing.Route{
			Name: Name(a), Hosts: hosts, Application: a.Spec.Application, Instance: a.Spec.Instance,
			OnDemandInstances: a.Spec.OnDemandInstances, Created: &created, Suspended: a.Spec.Suspend,
		}
		if a.Spec.Idle.SuspendAfter != nil {
			route.Wake = &routing.Wake{Asleep: a.Status.Sleep != nil && a.Status.Sleep.Since != nil, Timeout: *a.Spec.Wake.Timeout}
		}
		key := KeyFor(master, a)
		if a.Origins() == 1 {
			route.Shard = routing.Shard{Origin: fmt.Sprintf("%s-origin.%s.svc:%d", a.Name, a.Namespace, LinkPort), LinkKey: key}
		} else {
			for n := range joined(a) {
				route.Shards = append(route.Shards, routing.Shard{Origin: fmt.Sprintf("%s-%d.%s-origin.%s.svc:%d", a.Name, n, a.Name, a.Namespace, LinkPort), LinkKey: key, Leaving: n >= int(a.Spec.Origins())})
			}
		}
		f.Routes = append(f.Routes, route)
	}
	return f
}

// joined is how many of its origins instances of an AppInstance are at: those that
// have taken connections once, and the first in any case. One that has never run has
// nothing, and is not waited for; nor has one that was left.
func joined(a *v1alpha1.AppInstance) int {
	n := 1
	for i, s := range a.Status.Shards {
		if i == n && s.Joined && n < int(a.Origins()) {
			n++
		}
	}
	return n
}

// Conflicts are what an AppInstance has lost to others, of whom those that name its
// instance, or have onDemandInstances of its application, are enough.
func Conflicts(a *v1alpha1.AppInstance, all []v1alpha1.AppInstance, grants *routing.Grants) (lost []routing.Conflict) {
	f := File(all, grants, nil)
	_, conflicts := routing.Make(f.Claims())
	for _, c := range conflicts {
		if c.Claim.Name == Name(a) {
			lost = append(lost, c)
		}
	}
	return lost
}
