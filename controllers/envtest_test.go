//go:build envtest

package controllers

import (
	"context"
	"os"
	"strings"
	"testing"

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

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/api/v1alpha1/manifest"
)

var config *rest.Config

func TestMain(m *testing.M) {
	env := &envtest.Environment{CRDDirectoryPaths: []string{"../config/crd"}, ErrorIfCRDPathMissing: true}
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

// world is a reconciler on the real API server, whose writes are counted.
type world struct {
	client.Client
	t      *testing.T
	r      *Reconciler
	events *events.FakeRecorder
	writes *int
	ns     string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	plain, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	writes := 0
	counted := interceptor.NewClient(plain, interceptor.Funcs{
		Apply: func(ctx context.Context, c client.WithWatch, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			writes++
			return c.Apply(ctx, o, opts...)
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
			writes++
			return c.SubResource(sub).Patch(ctx, o, p, opts...)
		},
		Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error { panic("create") },
		Update: func(context.Context, client.WithWatch, client.Object, ...client.UpdateOption) error { panic("update") },
		Delete: func(context.Context, client.WithWatch, client.Object, ...client.DeleteOption) error { panic("delete") },
	})
	w := &world{Client: plain, t: t, writes: &writes, events: events.NewFakeRecorder(100)}
	w.r = &Reconciler{Client: counted, APIReader: plain, Events: w.events, MediaImage: "flashpod.dev/media:test"}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "t-"}}
	w.must(plain.Create(context.Background(), ns))
	w.ns = ns.Name
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// add creates an AppInstance of the spec and reconciles it.
func (w *world) add(spec string) *v1alpha1.AppInstance {
	w.t.Helper()
	all, err := manifest.Load(strings.NewReader("apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\nmetadata: {name: lobby}\nspec: "+spec), "spec")
	w.must(err)
	a := &all[0]
	a.Namespace = w.ns
	w.must(w.Create(context.Background(), a))
	w.reconcile()
	w.reconcile() // sees what it made
	return a
}

func (w *world) reconcile() {
	w.t.Helper()
	_, err := w.r.Reconcile(context.Background(), ctrl.Request{NamespacedName: client.ObjectKey{Namespace: w.ns, Name: "lobby"}})
	w.must(err)
}

// read fetches an object of the instance by its name.
func read[T client.Object](w *world, name string, o T) T {
	w.t.Helper()
	w.must(w.Get(context.Background(), client.ObjectKey{Namespace: w.ns, Name: name}, o))
	return o
}

func (w *world) instance() *v1alpha1.AppInstance { return read(w, "lobby", &v1alpha1.AppInstance{}) }

func (w *world) condition(kind string) metav1.Condition {
	w.t.Helper()
	c := meta.FindStatusCondition(w.instance().Status.Conditions, kind)
	if c == nil {
		w.t.Fatalf("no condition %s", kind)
	}
	return *c
}

func TestChildren(t *testing.T) {
	w := newWorld(t)
	a := w.add("{application: chatRoom, storage: {size: 20Gi}}")
	set := read(w, "lobby", &appsv1.StatefulSet{})
	pod := set.Spec.Template.Spec
	c := pod.Containers[0]
	if *set.Spec.Replicas != 1 || c.Image != "flashpod.dev/media:test" || set.Spec.ServiceName != "lobby-origin" {
		t.Errorf("stateful set: %d of %s behind %s", *set.Spec.Replicas, c.Image, set.Spec.ServiceName)
	}
	if set.Spec.PersistentVolumeClaimRetentionPolicy.WhenDeleted != appsv1.RetainPersistentVolumeClaimRetentionPolicyType {
		t.Error("the volume does not outlive its instance")
	}
	if !strings.Contains(strings.Join(c.Args, " "), "--publish-key-file /run/secrets/flashpod/key") {
		t.Errorf("arguments %q name no key file", c.Args)
	}
	key := read(w, "lobby-publish-key", &corev1.Secret{}).Data["key"]
	if len(key) < 20 {
		t.Errorf("publish key of %d bytes", len(key))
	}
	doc := read(w, "lobby-config", &corev1.ConfigMap{}).Data[documentFile]
	loaded, err := manifest.Load(strings.NewReader(doc), "document")
	if err != nil || len(loaded) != 1 || loaded[0].Spec.Instance != "lobby" || loaded[0].Spec.Application != "chatRoom" {
		t.Errorf("the pod cannot serve its document: %v\n%s", err, doc)
	}
	svc := read(w, "lobby", &corev1.Service{})
	if svc.Spec.Type != corev1.ServiceTypeLoadBalancer || svc.Spec.Ports[0].Port != 1935 || len(svc.Spec.Ports) != 1 {
		t.Errorf("service: %+v", svc.Spec)
	}
	account := read(w, "lobby", &corev1.ServiceAccount{})
	for _, o := range []client.Object{set, svc, account, read(w, "lobby-origin", &corev1.Service{}), read(w, "lobby-config", &corev1.ConfigMap{}), read(w, "lobby-publish-key", &corev1.Secret{})} {
		refs := o.GetOwnerReferences()
		if len(refs) != 1 || refs[0].UID != a.UID || !*refs[0].Controller {
			t.Errorf("%T %s is owned by %v", o, o.GetName(), refs)
		}
	}
}

// The namespace enforces the restricted profile: a pod of the template must be
// let in.
func TestPodKeepsTheRestrictedProfile(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	w.must(w.Patch(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.ns}},
		client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"restricted"}}}`))))
	w.add("{application: a}")
	set := read(w, "lobby", &appsv1.StatefulSet{})
	pod := &corev1.Pod{ObjectMeta: *set.Spec.Template.ObjectMeta.DeepCopy(), Spec: set.Spec.Template.Spec}
	pod.Namespace, pod.Name = w.ns, "probe"
	pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: volumeData, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
	w.must(w.Create(ctx, pod))
	pod.Spec.Containers[0].SecurityContext = nil
	pod.Name, pod.ResourceVersion = "probe-2", ""
	if err := w.Create(ctx, pod); err == nil {
		t.Error("the profile is not enforced: this test says nothing")
	}
}

func TestSteadyStateWritesNothing(t *testing.T) {
	for name, spec := range map[string]string{
		"least": "{application: a}",
		"full": `{application: a, instance: b, storage: {size: 2Gi}, access: {publish: {mode: Anyone}}, limits: {maxConnections: 5},
			service: {type: NodePort, port: 1936, annotations: {x: z}}, resources: {requests: {cpu: 1000m, memory: 1024Mi}},
			nodeSelector: {a: b}, tolerations: [{operator: Exists, effect: NoSchedule}], podAnnotations: {p: q},
			affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, preference: {matchExpressions: [{key: k, operator: Exists}]}}]}},
			topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.add(spec)
			if *w.writes == 0 {
				t.Fatal("nothing was written at first")
			}
			*w.writes = 0
			version := w.instance().ResourceVersion
			for range 3 {
				w.reconcile()
			}
			if *w.writes != 0 || w.instance().ResourceVersion != version {
				t.Errorf("%d writes where nothing had changed", *w.writes)
			}
		})
	}
}

func TestDriftIsMended(t *testing.T) {
	w := newWorld(t)
	w.add("{application: a}")
	ctx := context.Background()
	svc := read(w, "lobby", &corev1.Service{})
	svc.Spec.Ports[0].Port = 1999
	w.must(w.Update(ctx, svc))
	set := read(w, "lobby", &appsv1.StatefulSet{})
	w.must(w.Client.Delete(ctx, set))
	w.reconcile()
	if p := read(w, "lobby", &corev1.Service{}).Spec.Ports[0].Port; p != 1935 {
		t.Errorf("port %d", p)
	}
	read(w, "lobby", &appsv1.StatefulSet{})
}

func TestKeyIsKept(t *testing.T) {
	w := newWorld(t)
	w.add("{application: a}")
	s := read(w, "lobby-publish-key", &corev1.Secret{})
	s.Data["key"] = []byte("rotated by hand")
	w.must(w.Update(context.Background(), s))
	w.reconcile()
	if got := string(read(w, "lobby-publish-key", &corev1.Secret{}).Data["key"]); got != "rotated by hand" {
		t.Errorf("key is %q", got)
	}
}

func TestOwnSecret(t *testing.T) {
	w := newWorld(t)
	w.add("{application: a, access: {publish: {secretName: mine}}}")
	if c := w.condition(v1alpha1.ConditionOriginReady); c.Reason != "SecretMissing" || !strings.Contains(c.Message, "mine") {
		t.Errorf("origin: %+v", c)
	}
	err := w.Get(context.Background(), client.ObjectKey{Namespace: w.ns, Name: "lobby-publish-key"}, &corev1.Secret{})
	if client.IgnoreNotFound(err) != nil || err == nil {
		t.Errorf("a key was generated all the same: %v", err)
	}
	set := read(w, "lobby", &appsv1.StatefulSet{})
	for _, v := range set.Spec.Template.Spec.Volumes {
		if v.Name == volumeKey && v.Secret.SecretName != "mine" {
			t.Errorf("mounts %s", v.Secret.SecretName)
		}
	}
}

func TestStatusTellsTheAddress(t *testing.T) {
	for _, c := range []struct{ spec, ip, host, want string }{
		{"{application: a}", "203.0.113.10", "", "rtmp://203.0.113.10/a/lobby"},
		{"{application: a, instance: _definst_}", "", "lb.example.org", "rtmp://lb.example.org/a"},
		{"{application: a, service: {port: 443}}", "203.0.113.10", "", "rtmp://203.0.113.10:443/a/lobby"},
		{"{application: a, tls: {secretName: cert}}", "203.0.113.10", "", "rtmps://203.0.113.10/a/lobby"},
		{"{application: a, tls: {secretName: cert, port: 1936}}", "203.0.113.10", "", "rtmps://203.0.113.10:1936/a/lobby"},
		{"{application: a}", "2001:db8::1", "", "rtmp://[2001:db8::1]/a/lobby"},
	} {
		w := newWorld(t)
		w.add(c.spec)
		if r := w.condition(v1alpha1.ConditionServiceReady); r.Status != "False" || r.Reason != "AddressPending" || w.instance().Status.URL != "" {
			t.Errorf("before there is an address: %+v, %q", r, w.instance().Status.URL)
		}
		svc := read(w, "lobby", &corev1.Service{})
		svc.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: c.ip, Hostname: c.host}}
		w.must(w.Status().Update(context.Background(), svc))
		w.reconcile()
		a := w.instance()
		if a.Status.URL != c.want || a.Status.ObservedGeneration != a.Generation {
			t.Errorf("url %q, want %q", a.Status.URL, c.want)
		}
	}
}

func TestReadyNeedsAllOfIt(t *testing.T) {
	w := newWorld(t)
	w.add("{application: a, storage: {size: 1Gi}}")
	ctx := context.Background()
	svc := read(w, "lobby", &corev1.Service{})
	svc.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "203.0.113.10"}}
	w.must(w.Status().Update(ctx, svc))
	claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "data-lobby-0"}, Spec: corev1.PersistentVolumeClaimSpec{
		AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
	}}
	w.must(w.Create(ctx, claim))
	claim.Status.Phase = corev1.ClaimBound
	claim.Status.Capacity = claim.Spec.Resources.Requests
	w.must(w.Status().Update(ctx, claim))
	w.reconcile()
	if c := w.condition(v1alpha1.ConditionReady); c.Status != "False" || c.Reason != "PodMissing" {
		t.Errorf("without a pod: %+v", c)
	}
	set := read(w, "lobby", &appsv1.StatefulSet{})
	set.Status.Replicas, set.Status.ReadyReplicas, set.Status.ObservedGeneration = 1, 1, set.Generation
	w.must(w.Status().Update(ctx, set))
	w.reconcile()
	if c := w.condition(v1alpha1.ConditionReady); c.Status != "True" || !strings.Contains(c.Message, "rtmp://203.0.113.10/a/lobby") {
		t.Errorf("with all of it: %+v", c)
	}
	told := false
	for len(w.events.Events) > 0 {
		told = told || strings.Contains(<-w.events.Events, "clients connect to rtmp://203.0.113.10/a/lobby")
	}
	if !told {
		t.Error("no event tells that it is ready")
	}

	a := w.instance()
	a.Spec.Storage.Size = resource.MustParse("3Gi")
	w.must(w.Update(ctx, a))
	// The API server lets a claim grow only where its class does; none is here.
	_, err := w.r.Reconcile(ctx, ctrl.Request{NamespacedName: client.ObjectKey{Namespace: w.ns, Name: "lobby"}})
	if c := w.condition(v1alpha1.ConditionReady); err == nil || c.Reason != "ApplyFailed" || !strings.Contains(c.Message, "data-lobby-0") {
		t.Errorf("growth that is refused: %v, %+v", err, c)
	}
	if got := read(w, "lobby", &appsv1.StatefulSet{}).Spec.VolumeClaimTemplates[0].Spec.Resources.Requests[corev1.ResourceStorage]; got.String() != "1Gi" {
		t.Errorf("template was changed to %s", got.String())
	}
}

func TestSuspend(t *testing.T) {
	w := newWorld(t)
	w.add("{application: a}")
	a := w.instance()
	a.Spec.Suspend = true
	w.must(w.Update(context.Background(), a))
	w.reconcile()
	if n := *read(w, "lobby", &appsv1.StatefulSet{}).Spec.Replicas; n != 0 {
		t.Errorf("%d replicas", n)
	}
	read(w, "lobby-publish-key", &corev1.Secret{})
	if c := w.condition(v1alpha1.ConditionSuspended); c.Status != "True" {
		t.Errorf("suspended: %+v", c)
	}
}

func TestRestartOnlyWhenTheServerIsConcerned(t *testing.T) {
	w := newWorld(t)
	w.add("{application: a}")
	ctx := context.Background()
	generation := func() int64 { return read(w, "lobby", &appsv1.StatefulSet{}).Generation }
	hash := func() string {
		return read(w, "lobby", &appsv1.StatefulSet{}).Spec.Template.Annotations[annotationDocument]
	}
	g, h := generation(), hash()
	a := w.instance()
	a.Spec.Service.Annotations = map[string]string{"cloud": "x"}
	w.must(w.Update(ctx, a))
	w.reconcile()
	if generation() != g {
		t.Error("an annotation of the Service restarts the server")
	}
	a = w.instance()
	a.Spec.Recording.Mode = v1alpha1.RecordAll
	w.must(w.Update(ctx, a))
	w.reconcile()
	if hash() == h {
		t.Error("another recording mode does not reach the server")
	}
}
