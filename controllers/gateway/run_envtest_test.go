//go:build envtest

package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/api/v1alpha1/routing"
)

const master = "a-master-key-of-a-test-0123456789"

// Who may read AppInstances and nothing else writes routes as they come, change and go, and
// they stay when the API server is away.
func TestRun(t *testing.T) {
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
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"flashpod-system", "tenant-a", "tenant-b"} { // the first has a Role of the operator
		must(c.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}))
	}
	role, err := os.ReadFile("../../config/gateway/rbac.yaml")
	must(err)
	reader := readerWith(t, env, c, string(role))

	line := &line{}
	reader.Dial = line.dial

	dir := t.TempDir()
	cfg := Config{Cluster: reader, GrantsFile: filepath.Join(dir, "grants"), MasterFile: filepath.Join(dir, "master"), Out: filepath.Join(dir, "routes"), Log: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	must(os.WriteFile(cfg.GrantsFile, []byte("namespaces: [{name: tenant-a, hosts: [a.example.com]}]"), 0o600))
	must(os.WriteFile(cfg.MasterFile, []byte(master+"\n"), 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, cfg) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	routes := func() string {
		text, err := os.ReadFile(cfg.Out)
		if err != nil {
			return err.Error()
		}
		f, err := routing.Parse(text)
		if err != nil {
			return err.Error()
		}
		var all []string
		for _, r := range f.Routes {
			state := ""
			if r.Suspended {
				state = " suspended"
			}
			all = append(all, r.Name+"="+r.Application+"/"+r.Instance+" at "+strings.Join(r.Hosts, ",")+" by "+r.To(r.Instance).Origin+state)
		}
		return strings.Join(all, "; ")
	}
	until := func(want string) {
		t.Helper()
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for late := time.After(2 * time.Minute); routes() != want; {
			select {
			case <-tick.C:
			case <-late:
				t.Fatalf("%s, want %s", routes(), want)
			}
		}
	}
	until("")
	instance := func(namespace, name string, kind corev1.ServiceType) *v1alpha1.AppInstance {
		return &v1alpha1.AppInstance{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: v1alpha1.AppInstanceSpec{Application: "chat", Service: v1alpha1.Service{Type: kind}}}
	}
	one := instance("tenant-a", "one", v1alpha1.ServiceTypeGateway)
	for _, a := range []*v1alpha1.AppInstance{one, instance("tenant-a", "own", corev1.ServiceTypeLoadBalancer), instance("tenant-b", "two", v1alpha1.ServiceTypeGateway)} {
		must(c.Create(t.Context(), a))
	}
	const first = "tenant-a/one=chat/one at a.example.com by one-origin.tenant-a.svc:1937"
	until(first)
	must(os.WriteFile(cfg.GrantsFile, []byte("namespaces: [{name: tenant-a, hosts: [a.example.com]}, {name: '*'}]"), 0o600))
	until(first + "; tenant-b/two=chat/two at * by two-origin.tenant-b.svc:1937")
	one.Spec.Suspend = true
	must(c.Update(t.Context(), one))
	until(first + " suspended; tenant-b/two=chat/two at * by two-origin.tenant-b.svc:1937")
	must(c.Delete(t.Context(), one))
	const last = "tenant-b/two=chat/two at * by two-origin.tenant-b.svc:1937"
	until(last)
	line.cut()
	must(os.WriteFile(cfg.GrantsFile, []byte("namespaces: [{name: '*', hosts: [b.example.com]}]"), 0o600))
	until("tenant-b/two=chat/two at b.example.com by two-origin.tenant-b.svc:1937")
}

// line is the way to the API server.
type line struct {
	mu    sync.Mutex
	away  bool
	conns []net.Conn
}

func (l *line) dial(ctx context.Context, network, address string) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.away {
		return nil, errors.New("the API server is away")
	}
	nc, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err == nil {
		l.conns = append(l.conns, nc)
	}
	return nc, err
}

// cut takes the API server away.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.away = true
	for _, nc := range l.conns {
		nc.Close()
	}
}

// readerWith is a user with the rights of a role, and no others.
func readerWith(t *testing.T, env *envtest.Environment, c client.Client, role string) *rest.Config {
	t.Helper()
	user, err := env.AddUser(envtest.User{Name: "system:serviceaccount:flashpod-system:flashpod-gateway"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range strings.Split(role, "\n---\n") {
		o := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(doc), &o.Object); err != nil {
			t.Fatal(err)
		}
		if o.GetKind() == "ServiceAccount" {
			continue // whose name is the user's
		}
		if err := c.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	return user.Config()
}
