//go:build envtest

package waker

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/api/v1alpha1/waking"
	"flashpod.dev/flashpod/controllers/gateway"
)

const master = "a-master-key-of-a-test-0123456789"

// asker is a gateway.
type asker struct {
	t   *testing.T
	url string
	key string
}

// post sends what somebody says, and returns the status and the text of the answer.
func (a *asker) post(text []byte) (int, string) {
	a.t.Helper()
	resp, err := http.Post(a.url, "application/json", bytes.NewReader(text))
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// ask asks for an AppInstance, and returns the state and the reason.
func (a *asker) ask(name string) string {
	a.t.Helper()
	r := waking.NewRequest(name, a.key, time.Now())
	text, err := json.Marshal(r)
	if err != nil {
		a.t.Fatal(err)
	}
	status, body := a.post(text)
	if status != http.StatusOK {
		a.t.Fatalf("%d %s", status, body)
	}
	answer, err := r.ParseAnswer(a.key, []byte(body))
	if err != nil {
		a.t.Fatal(err)
	}
	return strings.TrimSuffix(string(answer.State)+" "+answer.Reason, " ")
}

// Who has the key of an AppInstance that sleeps has noted that this sleep is over, with the
// operator's rights and whichever operator is asked; nobody else does, and nobody wakes
// what a person has suspended.
func TestWaker(t *testing.T) {
	ctrl.SetLogger(logr.Discard())
	env := &envtest.Environment{CRDDirectoryPaths: []string{"../../config/crd"}, ErrorIfCRDPathMissing: true}
	config, err := env.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := env.Stop(); err != nil {
			t.Error(err)
		}
	})
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	serve := func() string {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		must(err)
		w := &Waker{Reader: c, Writer: operator(t, env, c), Master: func(context.Context) ([]byte, error) { return []byte(master), nil }, Log: logr.Discard()}
		end, stop := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- w.Serve(end, ln) }()
		t.Cleanup(func() {
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
		return "http://" + ln.Addr().String() + waking.Path
	}
	one, two := serve(), serve()

	a := &v1alpha1.AppInstance{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "lobby"}, Spec: v1alpha1.AppInstanceSpec{
		Application: "chat", Service: v1alpha1.Service{Type: v1alpha1.ServiceTypeGateway}, Idle: v1alpha1.Idle{SuspendAfter: &metav1.Duration{Duration: time.Minute}}}}
	must(c.Create(ctx, a))
	g := &asker{t: t, url: one, key: gateway.KeyFor([]byte(master), a)}
	change := func(change func(*v1alpha1.AppInstance)) {
		t.Helper()
		must(c.Get(ctx, client.ObjectKeyFromObject(a), a))
		change(a)
		spec := a.DeepCopy()
		must(c.Update(ctx, spec))
		spec.Status = a.Status
		must(c.Status().Update(ctx, spec))
	}
	since := metav1.NewTime(time.Date(2026, 11, 29, 18, 0, 0, 0, time.UTC))
	asleep := func(a *v1alpha1.AppInstance) {
		a.Status.Sleep = &v1alpha1.SleepStatus{Since: &since}
		a.Status.Origin = &v1alpha1.OriginStatus{}
		a.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionOriginReady, Status: "True", Reason: "Sleeping", LastTransitionTime: since}}
	}
	woken := func() bool {
		t.Helper()
		must(c.Get(ctx, client.ObjectKeyFromObject(a), a))
		return a.Status.Sleep.Woken != nil && a.Status.Sleep.Woken.Equal(&since)
	}

	if got := g.ask("default/lobby"); got != "Waking Starting" {
		t.Errorf("before the operator has looked: %s", got)
	}
	change(asleep)
	for what, r := range map[string]waking.Request{
		"another key":        waking.NewRequest("default/lobby", "another key", time.Now()),
		"of another":         waking.NewRequest("default/attic", g.key, time.Now()),
		"of another's":       waking.NewRequest("kube-system/lobby", g.key, time.Now()),
		"of no namespace":    waking.NewRequest("lobby", g.key, time.Now()),
		"a path for a name":  waking.NewRequest("default/../lobby", g.key, time.Now()),
		"said an hour ago":   waking.NewRequest("default/lobby", g.key, time.Now().Add(-time.Hour)),
		"said in the future": waking.NewRequest("default/lobby", g.key, time.Now().Add(time.Hour)),
	} {
		text, err := json.Marshal(r)
		must(err)
		if status, body := g.post(text); status != http.StatusForbidden {
			t.Errorf("%s: %d %s", what, status, body)
		}
	}
	for text, want := range map[string]int{"": http.StatusBadRequest, "{}": http.StatusBadRequest, strings.Repeat(" ", waking.MaxRequest+1): http.StatusRequestEntityTooLarge} {
		if status, body := g.post([]byte(text)); status != want {
			t.Errorf("%.10q: %d %s", text, status, body)
		}
	}
	if woken() {
		t.Fatal("a stranger has woken it")
	}
	change(func(a *v1alpha1.AppInstance) { a.Spec.Suspend = true })
	if got := g.ask("default/lobby"); got != "Refused Suspended" || woken() {
		t.Errorf("while it is suspended: %s, %v", got, a.Status.Sleep)
	}
	change(func(a *v1alpha1.AppInstance) { a.Spec.Suspend = false })
	if got := g.ask("default/lobby"); got != "Waking Asleep" || !woken() {
		t.Errorf("%s, %+v", got, a.Status.Sleep)
	}
	version := a.ResourceVersion
	g.url = two
	if got := g.ask("default/lobby"); got != "Waking Asleep" || !woken() || a.ResourceVersion != version {
		t.Errorf("another operator: %s, and it writes again: %v", got, a.ResourceVersion != version)
	}
	// The operator that works has seen it.
	change(func(a *v1alpha1.AppInstance) {
		a.Status.Sleep.Since = nil
		a.Status.Conditions[0].Status, a.Status.Conditions[0].Reason = "False", "Unschedulable"
		a.Status.Conditions = append(a.Status.Conditions, metav1.Condition{Type: v1alpha1.ConditionStalled, Status: "True", Reason: "Unschedulable", LastTransitionTime: metav1.Now()})
	})
	if got := g.ask("default/lobby"); got != "Waking Unschedulable" {
		t.Errorf("when something has been in its way for a moment: %s", got)
	}
	change(func(a *v1alpha1.AppInstance) {
		a.Status.Conditions[1].LastTransitionTime = metav1.NewTime(time.Now().Add(-time.Minute))
	})
	if got := g.ask("default/lobby"); got != "Refused Unschedulable" {
		t.Errorf("when it has been for a minute: %s", got)
	}
	change(func(a *v1alpha1.AppInstance) {
		a.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionOriginReady, Status: "True", Reason: "Ready", LastTransitionTime: since}}
		a.Status.Origin.Ready = 1
	})
	if got := g.ask("default/lobby"); got != "Awake" {
		t.Error(got)
	}
	// One that goes to sleep and wakes all the time is left asleep for a while.
	g.url = one
	for range burstOfOne - 1 {
		since = metav1.NewTime(since.Add(time.Hour))
		change(asleep)
		if got := g.ask("default/lobby"); got != "Waking Asleep" || !woken() {
			t.Fatalf("%s, %+v", got, a.Status.Sleep)
		}
	}
	since = metav1.NewTime(since.Add(time.Hour))
	change(asleep)
	if got := g.ask("default/lobby"); got != "Refused TooOften" || woken() {
		t.Errorf("%s, %+v", got, a.Status.Sleep)
	}
	change(func(a *v1alpha1.AppInstance) {
		a.Spec.Service.Type, a.Spec.Idle.SuspendAfter = corev1.ServiceTypeClusterIP, nil
	})
	if got := g.ask("default/lobby"); got != "Refused Unknown" {
		t.Errorf("one that is not behind the gateway: %s", got)
	}
}

// operator is a client with the operator's rights, and no others.
func operator(t *testing.T, env *envtest.Environment, c client.Client) client.Client {
	t.Helper()
	user, err := env.AddUser(envtest.User{Name: "system:serviceaccount:flashpod-system:flashpod-operator"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"../../config/rbac/role.yaml", "../../config/rbac/role_binding.yaml"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var o client.Object = &rbacv1.ClusterRole{}
		if strings.HasSuffix(file, "binding.yaml") {
			o = &rbacv1.ClusterRoleBinding{}
		}
		if err := yaml.Unmarshal(bytes.TrimPrefix(text, []byte("---\n")), o); err != nil {
			t.Fatal(err)
		}
		if err := client.IgnoreAlreadyExists(c.Create(t.Context(), o)); err != nil {
			t.Fatal(err)
		}
	}
	as, err := client.New(user.Config(), client.Options{Scheme: c.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	return as
}
