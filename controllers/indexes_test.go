package controllers

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/api/v1alpha1/routing"
	"flashpod.dev/flashpod/controllers/gateway"
)

// listByIndex lists AppInstances by an index, as the operator's cache does, where reader
// is an API server, which has none.
func listByIndex(ctx context.Context, reader client.Reader, list *v1alpha1.AppInstanceList, opts ...client.ListOption) error {
	var o client.ListOptions
	o.ApplyOptions(opts)
	by := o.FieldSelector
	o.FieldSelector = nil
	if err := reader.List(ctx, list, &o); err != nil || by == nil {
		return err
	}
	for _, is := range by.Requirements() {
		list.Items = slices.DeleteFunc(list.Items, func(a v1alpha1.AppInstance) bool { return !slices.Contains(indexes[is.Field](&a), is.Value) })
	}
	return nil
}

// tenants are the AppInstances of a cluster, as the operator's cache has them. It counts
// those that it has handed out.
type tenants struct {
	client.Client
	all    []v1alpha1.AppInstance
	by     map[string][]int // by index and value: places in all
	handed int
}

func newTenants(all []v1alpha1.AppInstance) *tenants {
	c := &tenants{all: all, by: map[string][]int{}}
	for i := range all {
		for name, of := range indexes {
			for _, value := range of(&all[i]) {
				c.by[name+"="+value] = append(c.by[name+"="+value], i)
			}
		}
	}
	return c
}

// List implements client.Reader.
func (c *tenants) List(_ context.Context, list client.ObjectList, opts ...client.ListOption) error {
	var o client.ListOptions
	o.ApplyOptions(opts)
	into, ok := list.(*v1alpha1.AppInstanceList)
	if !ok || o.FieldSelector == nil {
		return fmt.Errorf("all of %T are listed", list)
	}
	for _, i := range c.by[o.FieldSelector.String()] {
		if a := &c.all[i]; o.Namespace == "" || o.Namespace == a.Namespace {
			into.Items = append(into.Items, *a.DeepCopy())
		}
	}
	c.handed += len(into.Items)
	return nil
}

// Get implements client.Reader: of the gateway's Secret and its Service.
func (c *tenants) Get(_ context.Context, _ client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	if s, ok := o.(*corev1.Secret); ok {
		s.Data = map[string][]byte{gateway.MasterEntry: []byte("a key of the gateway's")}
	}
	return nil
}

// rooms are AppInstances behind the gateway: so many of one application, each in a
// namespace of its own, one second after the other.
func rooms(n int) []v1alpha1.AppInstance {
	all := make([]v1alpha1.AppInstance, n)
	for i := range all {
		a := &all[i]
		a.Namespace, a.Name, a.UID = fmt.Sprint("tenant-", i), "room", types.UID(fmt.Sprint(i))
		a.CreationTimestamp = metav1.NewTime(time.Unix(int64(i), 0))
		a.Spec.Application, a.Spec.Instance, a.Spec.Service.Type = "chatRoom", fmt.Sprint("room", i), v1alpha1.ServiceTypeGateway
	}
	return all
}

func operatorOf(t testing.TB, c *tenants, grants string) *Reconciler {
	t.Helper()
	file := filepath.Join(t.TempDir(), "namespaces.yaml")
	if err := os.WriteFile(file, []byte(grants), 0o600); err != nil {
		t.Fatal(err)
	}
	return &Reconciler{Client: c, APIReader: c, Options: Options{Gateway: &Gateway{GrantsFile: file, Namespace: "flashpod-system"}}}
}

// What the operator reads of other AppInstances for one behind the gateway does not grow
// with their number: for a thousand, not a thousand times a thousand.
func TestManyBehindTheGateway(t *testing.T) {
	t.Parallel()
	const n = 1000
	c := newTenants(rooms(n))
	r := operatorOf(t, c, "namespaces: [{name: '*'}]")
	for i := range c.all {
		o := &observed{instance: &c.all[i]}
		if err := r.gatherGateway(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		if len(o.gateway.conflicts) > 0 || len(r.rivals(t.Context(), o.instance)) > 0 {
			t.Fatalf("%s has lost %v", o.instance.Name, o.gateway.conflicts)
		}
	}
	if c.handed > 3*n {
		t.Errorf("%d AppInstances were read for %d", c.handed, n)
	}
}

// Those that the index finds are enough: an AppInstance loses to them what it loses to all,
// and whoever lost or won something when it came or went is looked at.
func TestConflictsByIndex(t *testing.T) {
	t.Parallel()
	grants := "namespaces: [{name: a, hosts: [a.example.com, both.example.com]}, {name: b, hosts: [both.example.com]}, {name: '*'}]"
	parsed, err := routing.ParseGrants([]byte(grants))
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	lost := 0
	for range 300 {
		all := rooms(12)
		for i := range all {
			a := &all[i]
			a.Namespace, a.Name = string("abcd"[random.IntN(4)]), fmt.Sprint("room", i)
			a.Spec.Application, a.Spec.Instance = string("xy"[random.IntN(2)]), string("rst"[random.IntN(3)])
			a.Spec.OnDemandInstances = random.IntN(3) == 0
			a.CreationTimestamp = metav1.NewTime(time.Unix(random.Int64N(4), 0))
			if random.IntN(6) == 0 {
				a.Spec.Service.Type = "ClusterIP"
			}
		}
		r := operatorOf(t, newTenants(all), grants)
		gone := random.IntN(len(all))
		looked := map[string]bool{}
		for _, request := range r.rivals(t.Context(), &all[gone]) {
			looked[request.String()] = true
		}
		without := slices.Delete(slices.Clone(all), gone, gone+1)
		for i := range all {
			a := &all[i]
			if !behindGateway(a) {
				continue
			}
			o := &observed{instance: a}
			if err := r.gatherGateway(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			want := said(gateway.Conflicts(a, all, parsed))
			if got := said(o.gateway.conflicts); got != want {
				t.Fatalf("%s: %s, want %s", gateway.Name(a), got, want)
			}
			lost += len(o.gateway.conflicts)
			if i != gone && said(gateway.Conflicts(a, without, parsed)) != want && !looked[gateway.Name(a)] {
				t.Fatalf("%s is not looked at when %s goes", gateway.Name(a), gateway.Name(&all[gone]))
			}
		}
	}
	if lost < 300 {
		t.Errorf("only %d names were lost", lost)
	}
}

func said(all []routing.Conflict) string {
	var lines []string
	for _, c := range all {
		lines = append(lines, c.String())
	}
	return strings.Join(lines, "; ")
}

// One reconcile's part for the gateway, among so many AppInstances.
func BenchmarkGatherGateway(b *testing.B) {
	for _, n := range []int{10, 1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			c := newTenants(rooms(n))
			r := operatorOf(b, c, "namespaces: [{name: '*'}]")
			for i := 0; b.Loop(); i++ {
				if err := r.gatherGateway(b.Context(), &observed{instance: &c.all[i%n]}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
