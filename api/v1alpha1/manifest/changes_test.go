//go:build envtest

package manifest

import (
	"slices"
	"testing"
)

// change is an edit of an AppInstance that is there.
type change struct {
	name   string
	before string // spec
	status string // as the operator wrote it, or nothing
	patch  string
	want   string // part of the error; empty: it is allowed
}

const (
	grown       = "{application: a, storage: {size: 20Gi}}"
	bound       = "{storage: {capacity: 10Gi}}"
	fast        = "{application: a, storage: {storageClassName: fast}}"
	someShards  = "{application: a, onDemandInstances: true, shards: 2, service: {type: Gateway}}"
	twoShards   = "{shards: [{name: lobby-0, ready: true, joined: true}, {name: lobby-1, ready: true, joined: true}]}"
	whileShards = "spec.shards: Invalid value: while there are several origins it needs onDemandInstances and service.type Gateway, and excludes edges and web"
	noShrink    = "spec.storage.size: Invalid value: a volume can grow, but not shrink"
	sameClass   = "spec.storage.storageClassName: Invalid value: the class of a volume that is there cannot be changed"
	sameLB      = "spec.service.loadBalancerClass: Invalid value: cannot be changed, set or unset while type is LoadBalancer"
	sameName    = "spec.instance: Invalid value: instance cannot be changed"
	internal    = "{application: a, service: {loadBalancerClass: example.com/internal}}"
)

var changes = []change{
	{"application", "{application: a}", "", "{spec: {application: b}}", "spec.application: Invalid value: \"b\": application cannot be changed"},
	{"recording mode", "{application: a}", "", "{spec: {recording: {mode: All}}}", ""},

	{"instance, written out", "{application: a}", "", "{spec: {instance: lobby}}", ""},
	{"instance, left out again", "{application: a, instance: lobby}", "", "{spec: {instance: null}}", ""},
	{"instance, to another than the name", "{application: a}", "", "{spec: {instance: other}}", sameName},
	{"instance, back to the name", "{application: a, instance: other}", "", "{spec: {instance: null}}", sameName},
	{"instance, to the name by name", "{application: a, instance: other}", "", "{spec: {instance: lobby}}", sameName},
	{"instance, from one to another", "{application: a, instance: other}", "", "{spec: {instance: else}}", sameName},

	{"more shards", someShards, "", "{spec: {shards: 3}}", ""},
	{"shards of one that had none", "{application: a, onDemandInstances: true, service: {type: Gateway}}", "", "{spec: {shards: 2}}", ""},
	{"fewer shards", someShards, twoShards, "{spec: {shards: 1}}", ""},
	{"fewer shards, by leaving it out", someShards, twoShards, "{spec: {shards: null}}", ""},
	{"fewer shards, and a web", someShards, twoShards, "{spec: {shards: null, web: {}}}", whileShards},
	{"fewer shards, and edges", someShards, twoShards, "{spec: {shards: 1, edges: {}}}", whileShards},
	{"fewer shards, and a load balancer", someShards, twoShards, "{spec: {shards: 1, service: {type: LoadBalancer}}}", whileShards},
	{"fewer shards, and nothing on demand", someShards, twoShards, "{spec: {shards: 1, onDemandInstances: false}}", whileShards},
	{"shards that have gone, and a web", someShards, "", "{spec: {shards: 1, web: {}}}", ""},
	{"shards without the gateway", someShards, "", "{spec: {service: {type: ClusterIP}}}", "spec.shards: Invalid value: needs spec.service.type Gateway"},

	{"larger storage", "{application: a}", "", "{spec: {storage: {size: 11Gi}}}", ""},
	{"the same storage in other words", "{application: a}", "", "{spec: {storage: {size: 10240Mi}}}", ""},
	{"smaller storage", grown, "", "{spec: {storage: {size: 10Gi}}}", noShrink + ": write 20Gi or more"},
	{"smaller storage, by leaving it out", grown, "", "{spec: {storage: {size: null}}}", noShrink},
	{"storage that did not grow, back to what there is", grown, bound, "{spec: {storage: {size: 10Gi}}}", ""},
	{"storage that did not grow, half the way back", grown, bound, "{spec: {storage: {size: 15Gi}}}", ""},
	{"storage that did not grow, by leaving it out", grown, bound, "{spec: {storage: null}}", ""},
	{"storage that did not grow, below what there is", grown, bound, "{spec: {storage: {size: 9Gi}}}", noShrink + ": write 10Gi or more"},
	{"storage with room to spare, below what was asked for", "{application: a}", "{storage: {capacity: 12Gi}}", "{spec: {storage: {size: 9Gi}}}", noShrink + ": write 10Gi or more"},
	{"storage with a status of one's own making", grown, "", "{spec: {storage: {size: 10Gi}}, status: {storage: {capacity: 10Gi}}}", noShrink},
	{"storage with another status of one's own making", grown, bound, "{spec: {storage: {size: 1Gi}}, status: {storage: {capacity: 1Gi}}}", noShrink},
	{"storage in GB", grown, bound, "{spec: {storage: {size: 10GB}}}", `spec.storage.size: Invalid value: "10GB": must be a quantity`},

	{"storage class before there is a volume", fast, "", "{spec: {storage: {storageClassName: slow}}}", ""},
	{"storage class, unset before there is a volume", fast, "{storage: {}}", "{spec: {storage: {storageClassName: null}}}", ""},
	{"storage class, set before there is a volume", "{application: a}", "{url: x}", "{spec: {storage: {storageClassName: slow}}}", ""},
	{"storage class of a volume", fast, bound, "{spec: {storage: {storageClassName: slow}}}", sameClass},
	{"storage class of a volume, unset", fast, bound, "{spec: {storage: {storageClassName: null}}}", sameClass},
	{"storage class of a volume, set", "{application: a}", bound, "{spec: {storage: {storageClassName: slow}}}", sameClass},
	{"storage class of a volume, left as it is", fast, bound, "{spec: {suspend: true}}", ""},

	{"class of load balancers", internal, "", "{spec: {service: {loadBalancerClass: example.com/public}}}", sameLB},
	{"class of load balancers, unset", internal, "", "{spec: {service: {loadBalancerClass: null}}}", sameLB},
	{"class of load balancers, set", "{application: a}", "", "{spec: {service: {loadBalancerClass: example.com/public}}}", sameLB},
	{"class of load balancers, with the type", internal, "", "{spec: {service: {type: ClusterIP, loadBalancerClass: null}}}", ""},
	{"class of load balancers, with the type back", "{application: a, service: {type: NodePort}}", "", "{spec: {service: {type: LoadBalancer, loadBalancerClass: example.com/public}}}", ""},
	{"class of load balancers of another type", "{application: a, service: {type: NodePort}}", "", "{spec: {service: {loadBalancerClass: example.com/public}}}", ""},

	{"first family", "{application: a, service: {ipFamilies: [IPv4]}}", "", "{spec: {service: {ipFamilies: [IPv6]}}}", "spec.service.ipFamilies: Invalid value: the first family cannot be changed"},
	{"order of families", "{application: a, service: {ipFamilies: [IPv4, IPv6]}}", "", "{spec: {service: {ipFamilies: [IPv6, IPv4]}}}", "the first family cannot be changed"},
	{"second family", "{application: a, service: {ipFamilies: [IPv4]}}", "", "{spec: {service: {ipFamilies: [IPv4, IPv6]}}}", ""},
	{"families, left out", "{application: a, service: {ipFamilies: [IPv4]}}", "", "{spec: {service: {ipFamilies: null}}}", ""},

	{"limit below the request", "{application: a, resources: {requests: {memory: 1Gi}}}", "", "{spec: {resources: {limits: {memory: 512Mi}}}}", "spec.resources.requests[memory]: Invalid value: must not be more than limits.memory"},
}

// edit makes the AppInstance of a change and changes it.
func (c cluster) edit(t *testing.T, one change) error {
	t.Helper()
	o := object(t, "metadata: {name: lobby}\nspec: "+one.before)
	if err := c.Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	defer c.remove(t, o)
	if one.status != "" {
		if err := c.patchStatus(t, o, "{status: "+one.status+"}"); err != nil {
			t.Fatal(err)
		}
	}
	return c.patch(t, o, one.patch)
}

func TestChangesOnTheAPIServer(t *testing.T) {
	c := connect(t, environment.Config)
	for _, one := range changes {
		t.Run(one.name, func(t *testing.T) {
			if err := expect(c.edit(t, one), one.want); err != nil {
				t.Error(err)
			}
		})
	}
}

// The operator writes what it sees, whatever the rules say of the spec.
func TestStatusIsNotHeldBack(t *testing.T) {
	c := connect(t, environment.Config)
	o := object(t, "metadata: {name: lobby}\nspec: "+grown)
	if err := c.Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	defer c.remove(t, o)
	for _, status := range []string{"{storage: {capacity: 30Gi}}", "{storage: {capacity: 10Gi}}", "{storage: {capacity: null}}", "{storage: null, edges: null}"} {
		if err := c.patchStatus(t, o, "{status: "+status+"}"); err != nil {
			t.Errorf("%s: %v", status, err)
		}
	}
}

// refusals is all that the API server is heard to say against cases and
// changes.
func refusals(t *testing.T, c cluster) (all []error) {
	t.Helper()
	for _, one := range cases() {
		if one.cluster != "" {
			all = append(all, c.try(t, one.text))
		}
	}
	for _, one := range changes {
		if one.want != "" {
			all = append(all, c.edit(t, one))
		}
	}
	return slices.DeleteFunc(all, func(err error) bool { return err == nil })
}
