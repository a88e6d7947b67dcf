//go:build envtest

package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/controllers"
)

var server = &envtest.Environment{CRDDirectoryPaths: []string{"../../config/crd"}, ErrorIfCRDPathMissing: true}

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	if _, err := server.Start(); err != nil {
		panic(err)
	}
	code := m.Run()
	if err := server.Stop(); err != nil {
		panic(err)
	}
	os.Exit(code)
}

// world is the operator and a node on a real API server, in a namespace with
// one AppInstance called lobby.
type world struct {
	client.Client
	t       *testing.T
	r       *controllers.Reconciler
	node    *node
	key     client.ObjectKey
	scripts scripts
	said    map[string]bool
}

func newWorld(t *testing.T) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	c, err := client.New(server.Config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "t-"}}
	if err := c.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	standard := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "standard", Annotations: map[string]string{"storageclass.kubernetes.io/is-default-class": "true"}}, Provisioner: "example.org/none"}
	if err := c.Create(t.Context(), standard); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	key := client.ObjectKey{Namespace: ns.Name, Name: "lobby"}
	return &world{
		Client: c, t: t, key: key, node: newNode(t, c, key), scripts: readScripts(t), said: map[string]bool{},
		r: &controllers.Reconciler{Client: c, APIReader: c, Events: &events.FakeRecorder{}, MediaImage: "flashpod.dev/media:test"},
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// create makes the AppInstance, which the operator has not seen then.
func (w *world) create(spec string) {
	w.t.Helper()
	o := &unstructured.Unstructured{}
	w.must(yaml.Unmarshal([]byte("apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\nspec: "+spec), &o.Object))
	o.SetNamespace(w.key.Namespace)
	o.SetName(w.key.Name)
	w.must(w.Create(w.t.Context(), o))
}

// secret makes one that is marked as a publish key.
func (w *world) secret(name string) *corev1.Secret {
	w.t.Helper()
	s := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.key.Namespace, Name: name, Labels: map[string]string{"media.flashpod.dev/publish-key": "true"}},
		Data:       map[string][]byte{"key": []byte("a key that a user has made")},
	}
	w.must(w.Create(w.t.Context(), s))
	return s
}

// edit changes the AppInstance as a user's merge patch does.
func (w *world) edit(patch string) {
	w.t.Helper()
	w.must(w.Patch(w.t.Context(), w.read(), client.RawPatch("application/merge-patch+json", []byte(patch))))
}

func (w *world) read() *unstructured.Unstructured {
	w.t.Helper()
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(v1alpha1.Kind))
	w.must(w.Get(w.t.Context(), w.key, o))
	return o
}

// reconcile lets the operator look twice, the second time at what it made, and
// holds its conditions to what kstatus asks of them. What the API server
// refuses comes back as an error as well as in the status.
func (w *world) reconcile() {
	w.t.Helper()
	for range 2 {
		if _, err := w.r.Reconcile(w.t.Context(), ctrl.Request{NamespacedName: w.key}); err != nil {
			w.t.Logf("reconcile: %v", err)
		}
		w.coherent()
	}
}

// coherent holds the conditions to what each of them means beside the others.
func (w *world) coherent() {
	w.t.Helper()
	o := w.read()
	ready, going, stalled := w.condition(o, "Ready"), w.condition(o, "Reconciling"), w.condition(o, "Stalled")
	for kind, c := range map[string]map[string]any{"Reconciling": going, "Stalled": stalled} {
		if c != nil && c["status"] != "True" {
			w.once("%s is %v, which kstatus has as True or absent", kind, c["status"])
		}
	}
	if going != nil && stalled != nil {
		w.once("Reconciling (%v) and Stalled (%v) at once: of the two kstatus takes the first in the list", going["message"], stalled["message"])
	}
	if ready == nil {
		w.once("there is no condition Ready")
	} else if ready["status"] == "False" && going == nil && stalled == nil {
		w.once("neither Reconciling nor Stalled is there while it is not ready: %v: %v", ready["reason"], ready["message"])
	}
}

// once tells of what would otherwise be told after every step.
func (w *world) once(format string, args ...any) {
	w.t.Helper()
	if s := fmt.Sprintf(format, args...); !w.said[s] {
		w.said[s] = true
		w.t.Error(s)
	}
}

func (w *world) condition(o *unstructured.Unstructured, kind string) map[string]any {
	w.t.Helper()
	all, _, err := unstructured.NestedSlice(o.Object, "status", "conditions")
	w.must(err)
	for _, c := range all {
		if c, ok := c.(map[string]any); ok && c["type"] == kind {
			return c
		}
	}
	return nil
}

// judge asks both tools; Argo CD's word is the expected one, and kstatus' has to
// be the same.
func (w *world) judge(moment, want string, says ...string) {
	w.t.Helper()
	o := w.read()
	h, r := healthOf(w.t, w.scripts, o), compute(w.t, o)
	if h.Status != want {
		w.t.Errorf("%s: Argo CD says %s (%s), want %s", moment, h.Status, h.Message, want)
	}
	if !agrees(health{Status: want}, r.Status) {
		w.t.Errorf("%s: kstatus says %s (%s), where it is %s", moment, r.Status, r.Message, want)
	}
	for _, word := range says {
		if !strings.Contains(h.Message, word) {
			w.t.Errorf("%s: the message %q does not say %q", moment, h.Message, word)
		}
	}
}

// settle lets node and operator go on until neither has anything to do. It
// returns what a watcher of kstatus and of Ready saw meanwhile, what repeats
// left out.
func (w *world) settle() (statuses []status.Status, ready []string) {
	w.t.Helper()
	see := func() {
		o := w.read()
		if s := compute(w.t, o).Status; len(statuses) == 0 || statuses[len(statuses)-1] != s {
			statuses = append(statuses, s)
		}
		r := "absent"
		if c := w.condition(o, "Ready"); c != nil {
			r = fmt.Sprint(c["status"])
		}
		if len(ready) == 0 || ready[len(ready)-1] != r {
			ready = append(ready, r)
		}
	}
	see()
	w.reconcile()
	see()
	for range 100 {
		if !w.node.step() {
			return statuses, ready
		}
		see()
		w.reconcile()
		see()
	}
	w.t.Fatal("operator and node never settle")
	return nil, nil
}
