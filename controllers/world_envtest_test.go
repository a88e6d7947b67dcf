//go:build envtest

package controllers

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/api/v1alpha1/manifest"
)

var config *rest.Config

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	env := &envtest.Environment{CRDDirectoryPaths: []string{"../config/crd"}, ErrorIfCRDPathMissing: true}
	// Nothing collects what a test has made: all Services of all tests need addresses.
	env.ControlPlane.GetAPIServer().Configure().Set("service-cluster-ip-range", "10.0.0.0/16")
	cfg, err := env.Start()
	if err != nil {
		panic(err)
	}
	config = cfg
	code := m.Run()
	if err := env.Stop(); err != nil {
		panic(err)
	}
	os.Exit(code)
}

// world is a namespace with a reconciler on the real API server, whose calls go
// through before. No controllers run there: serve plays those of StatefulSets,
// volumes and load balancers.
type world struct {
	client.Client
	t      *testing.T
	r      *Reconciler
	events *events.FakeRecorder
	writes *int
	before func(verb string) // called before each call of the reconciler; nil for nothing
	ns     string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme, gatewayv1.Install} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	plain, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	writes := 0
	w := &world{Client: plain, t: t, writes: &writes, events: events.NewFakeRecorder(1000)}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "t-"}}
	w.must(plain.Create(context.Background(), ns))
	w.ns = ns.Name
	w.restart()
	return w
}

// restart makes a new reconciler, as another operator would be.
func (w *world) restart() {
	w.t.Helper()
	plain, ok := w.Client.(client.WithWatch)
	if !ok {
		w.t.Fatal("the client cannot watch")
	}
	call := func(verb string) {
		if verb != "get" && verb != "list" {
			*w.writes++
		}
		if w.before != nil {
			w.before(verb)
		}
	}
	tapped := interceptor.NewClient(plain, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			call("get")
			return c.Get(ctx, key, o, opts...)
		},
		List: func(ctx context.Context, c client.WithWatch, o client.ObjectList, opts ...client.ListOption) error {
			call("list")
			if all, ok := o.(*v1alpha1.AppInstanceList); ok {
				return listByIndex(ctx, c, all, opts...)
			}
			return c.List(ctx, o, opts...)
		},
		Apply: func(ctx context.Context, c client.WithWatch, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			call("apply")
			return c.Apply(ctx, o, opts...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
			call("patch")
			return c.Patch(ctx, o, p, opts...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			call("delete")
			return c.Delete(ctx, o, opts...)
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
			call("patch " + sub)
			return c.SubResource(sub).Patch(ctx, o, p, opts...)
		},
		Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error { panic("create") },
		Update: func(context.Context, client.WithWatch, client.Object, ...client.UpdateOption) error { panic("update") },
	})
	options := Options{Peers: Peers{OperatorNamespace: "flashpod-system", Prometheus: map[string]string{"app.kubernetes.io/name": "prometheus"}}}
	if w.r != nil {
		options = w.r.Options
	}
	routes, err := NewRoutes(config)
	w.must(err)
	w.r = &Reconciler{Client: tapped, APIReader: tapped, Events: w.events, MediaImage: "flashpod.dev/media:test", Options: options, Routes: routes}
	// Status is written at once: these tests look at each step.
	w.r.Now = func() time.Time { return time.Now().Add(gatherFor) }
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// make creates an AppInstance of the spec.
func (w *world) make(spec string) *v1alpha1.AppInstance { return w.makeNamed("lobby", spec) }

func (w *world) makeNamed(name, spec string) *v1alpha1.AppInstance {
	w.t.Helper()
	all, err := manifest.Load(strings.NewReader("apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\nmetadata: {name: "+name+"}\nspec: "+spec), "spec")
	w.must(err)
	a := &all[0]
	a.Namespace = w.ns
	w.must(w.Create(context.Background(), a))
	return a
}

// add creates an AppInstance of the spec and reconciles it.
func (w *world) add(spec string) *v1alpha1.AppInstance {
	w.t.Helper()
	a := w.make(spec)
	w.reconcile()
	w.reconcile() // sees what it made
	return a
}

func (w *world) reconcile() ctrl.Result { return w.reconcileNamed("lobby") }

func (w *world) reconcileNamed(name string) ctrl.Result {
	w.t.Helper()
	result, err := w.r.Reconcile(context.Background(), ctrl.Request{NamespacedName: client.ObjectKey{Namespace: w.ns, Name: name}})
	w.must(err)
	return result
}

// read fetches an object of the instance by its name.
func read[T client.Object](w *world, name string, o T) T {
	w.t.Helper()
	w.must(w.Get(context.Background(), client.ObjectKey{Namespace: w.ns, Name: name}, o))
	return o
}

func (w *world) instance() *v1alpha1.AppInstance { return read(w, "lobby", &v1alpha1.AppInstance{}) }

// edit changes the instance as a user does.
func (w *world) edit(change func(*v1alpha1.AppInstance)) {
	w.t.Helper()
	a := w.instance()
	change(a)
	w.must(w.Update(context.Background(), a))
}

func (w *world) condition(kind string) metav1.Condition {
	w.t.Helper()
	c := meta.FindStatusCondition(w.instance().Status.Conditions, kind)
	if c == nil {
		w.t.Fatalf("no condition %s", kind)
	}
	return *c
}

// told says whether an event says so, and drops those before it.
func (w *world) told(what string) bool {
	for len(w.events.Events) > 0 {
		if strings.Contains(<-w.events.Events, what) {
			return true
		}
	}
	return false
}

// serve plays the cluster's controllers until the instance's pod is of the
// newest revision: the claim is bound, the Service has an address, and the pod
// is made, or made again.
func (w *world) serve() { w.serveNamed("lobby") }

func (w *world) serveNamed(name string) {
	w.t.Helper()
	ctx := context.Background()
	w.bind("data-" + name + "-0")
	svc := read(w, name, &corev1.Service{})
	if svc.Spec.Type == corev1.ServiceTypeLoadBalancer && len(svc.Status.LoadBalancer.Ingress) == 0 {
		svc.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "203.0.113.10"}}
		w.must(w.Status().Update(ctx, svc))
	}
	w.observeSet(name)
	w.removePod(name)
	w.makePod(name, corev1.ConditionTrue)
}

// bind gives a claim a volume.
func (w *world) bind(name string) {
	w.t.Helper()
	c := read(w, name, &corev1.PersistentVolumeClaim{})
	c.Status.Phase, c.Status.Capacity = corev1.ClaimBound, c.Spec.Resources.Requests
	w.must(w.Status().Update(context.Background(), c))
}

// observeSet notes in a StatefulSet's status that its controller has seen it. The
// revision is named by the template.
func (w *world) observeSet(name string) *appsv1.StatefulSet {
	w.t.Helper()
	set := read(w, name, &appsv1.StatefulSet{})
	set.Status.ObservedGeneration = set.Generation
	set.Status.UpdateRevision = revisionOf(w.t, set)
	set.Status.Replicas, set.Status.ReadyReplicas = *set.Spec.Replicas, *set.Spec.Replicas
	w.must(w.Status().Update(context.Background(), set))
	return set
}

func revisionOf(t *testing.T, set *appsv1.StatefulSet) string {
	t.Helper()
	own, err := ownedStatefulSet(set, FieldManager)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := templateHash(own.Spec.Template)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

// makePod makes the pod of a StatefulSet's newest revision.
func (w *world) makePod(name string, ready corev1.ConditionStatus) *corev1.Pod {
	w.t.Helper()
	ctx := context.Background()
	set := read(w, name, &appsv1.StatefulSet{})
	pod := &corev1.Pod{ObjectMeta: *set.Spec.Template.ObjectMeta.DeepCopy(), Spec: *set.Spec.Template.Spec.DeepCopy()}
	pod.Namespace, pod.Name = w.ns, name+"-0"
	pod.Labels[appsv1.ControllerRevisionHashLabelKey] = set.Status.UpdateRevision
	pod.Spec.NodeName = "node1"
	pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: volumeData, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
	w.must(w.Create(ctx, pod))
	now := metav1.Now()
	pod.Status.StartTime = &now
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}
	w.must(w.Status().Update(ctx, pod))
	return pod
}

func (w *world) removePod(name string) {
	w.t.Helper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: name + "-0"}}
	w.must(client.IgnoreNotFound(w.Client.Delete(context.Background(), pod, client.GracePeriodSeconds(0))))
}

func quantityOf(s string) *resource.Quantity {
	q := resource.MustParse(s)
	return &q
}

// podAddress gives a pod an address to be asked at.
func (w *world) podAddress(name string) {
	w.t.Helper()
	pod := read(w, name, &corev1.Pod{})
	pod.Status.PodIP, pod.Status.PodIPs = "192.0.2.7", []corev1.PodIP{{IP: "192.0.2.7"}}
	w.must(w.Status().Update(context.Background(), pod))
}
