package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"
)

// server is the API server of all tests here. It runs no controllers: nothing
// becomes Ready, and a namespace is never gone.
var server struct {
	config     *rest.Config
	kubeconfig string // path
	client     client.Client
}

func TestMain(m *testing.M) {
	code, err := withServer(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func withServer(run func() int) (code int, err error) {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		return 1, errors.New("KUBEBUILDER_ASSETS is not set: it names the folder that hack/cluster/build.sh envtest prints")
	}
	environment := &envtest.Environment{}
	if server.config, err = environment.Start(); err != nil {
		return 1, fmt.Errorf("start an API server: %w", err)
	}
	defer func() { err = errors.Join(err, environment.Stop()) }()
	dir, err := os.MkdirTemp("", "chart")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	server.kubeconfig = filepath.Join(dir, "kubeconfig")
	if err := os.WriteFile(server.kubeconfig, environment.KubeConfig, 0o600); err != nil {
		return 1, err
	}
	// What Helm and kubectl keep of what a server serves goes there, too.
	for _, variable := range []string{"KUBECACHEDIR", "HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"} {
		if err := os.Setenv(variable, dir); err != nil {
			return 1, err
		}
	}
	if err := os.Setenv("KUBECONFIG", server.kubeconfig); err != nil {
		return 1, err
	}
	if server.client, err = client.New(server.config, client.Options{}); err != nil {
		return 1, err
	}
	if err := withNamespaces("flashpod-system", "team-a", "team-b", "elsewhere"); err != nil {
		return 1, err
	}
	return run(), nil
}

func withNamespaces(names ...string) error {
	for _, name := range names {
		if err := server.client.Create(context.Background(), named("v1", "Namespace", "", name)); err != nil {
			return err
		}
	}
	return nil
}

// named is an object with a name and nothing else.
func named(version, kind, namespace, name string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetAPIVersion(version)
	o.SetKind(kind)
	o.SetNamespace(namespace)
	o.SetName(name)
	return o
}

// get reads an object; nil if there is none.
func get(t *testing.T, version, kind, namespace, name string) *unstructured.Unstructured {
	t.Helper()
	o := named(version, kind, namespace, name)
	err := server.client.Get(t.Context(), client.ObjectKeyFromObject(o), o)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// clean removes, before a test and after it, all that a chart or kubectl installed
// in an earlier one.
func clean(t *testing.T) {
	t.Helper()
	wipe := func() {
		ctx := context.Background()
		for _, kind := range []schema.GroupVersionKind{
			{Group: "media.flashpod.dev", Version: "v1alpha1", Kind: "AppInstance"},
			{Group: "apps", Version: "v1", Kind: "Deployment"},
			{Version: "v1", Kind: "ServiceAccount"},
			{Version: "v1", Kind: "Secret"},
			{Group: "networking.k8s.io", Version: "v1", Kind: "NetworkPolicy"},
			{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "RoleBinding"},
			{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "Role"},
			{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "ClusterRoleBinding"},
			{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "ClusterRole"},
			{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "ValidatingAdmissionPolicyBinding"},
			{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "ValidatingAdmissionPolicy"},
			{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"},
		} {
			all := &unstructured.UnstructuredList{}
			all.SetGroupVersionKind(kind)
			if err := server.client.List(ctx, all); err != nil {
				if kind.Kind == "AppInstance" {
					continue // not known now
				}
				t.Fatal(err)
			}
			for i := range all.Items {
				o := &all.Items[i]
				if kind.Kind != "AppInstance" && !strings.Contains(o.GetName(), "flashpod") && !strings.HasPrefix(o.GetName(), "sh.helm.release") {
					continue
				}
				if err := server.client.Delete(ctx, o); client.IgnoreNotFound(err) != nil {
					t.Fatal(err)
				}
				until(t, o.GetKind()+" "+o.GetName()+" to be gone", func() bool {
					return apierrors.IsNotFound(server.client.Get(ctx, client.ObjectKeyFromObject(o), o.DeepCopy()))
				})
			}
		}
	}
	wipe()
	t.Cleanup(wipe)
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(2 * time.Minute); !ok(); {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("waited two minutes for %s", what)
		}
	}
}

// TestServerAccepts gives what each case renders to the API server, which knows the
// schema of every kind, refuses a field that it does not know, and writes nothing.
func TestServerAccepts(t *testing.T) {
	clean(t)
	monitors, err := os.ReadFile("testdata/podmonitors.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{ownDefinition, string(monitors)} {
		for _, o := range objectsIn(t, text) {
			if err := server.client.Create(t.Context(), o); client.IgnoreAlreadyExists(err) != nil {
				t.Fatal(err)
			}
			until(t, o.GetName()+" to be served", func() bool {
				o := get(t, o.GetAPIVersion(), o.GetKind(), "", o.GetName())
				conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
				return len(conditions) > 1 && strings.Contains(fmt.Sprint(conditions), "Established")
			})
		}
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ch := load(t, chartPath(c.chart))
			if c.chart == "flashpod" {
				ch = withPolicy(ch)
			}
			rendered, err := c.render(ch)
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Errorf("got %v, want %q", err, c.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range manifests(t, rendered) {
				text, err := yaml.Marshal(o.Object)
				if err != nil {
					t.Fatal(err)
				}
				err = server.client.Patch(t.Context(), o, client.RawPatch("application/apply-patch+yaml", text),
					client.DryRunAll, client.FieldOwner("test"), client.ForceOwnership, client.FieldValidation("Strict"))
				if err != nil {
					t.Errorf("%s %s: %v", o.GetKind(), o.GetName(), err)
				}
			}
		})
	}
}

// TestScopes asks the API server which resources of the operator's rights have no
// namespace, which the generator must leave out of a Role.
func TestScopes(t *testing.T) {
	files, err := generate(checkout)
	if err != nil {
		t.Fatal(err)
	}
	var rules object
	if err := yaml.Unmarshal(files["charts/flashpod/files/namespaced-rules.yaml"], &rules); err != nil || len(rules.Rules) == 0 {
		t.Fatalf("%d rules: %v", len(rules.Rules), err)
	}
	mapper := server.client.RESTMapper()
	for _, r := range rules.Rules {
		for _, group := range r.APIGroups {
			for _, resource := range r.Resources {
				resource, _, _ = strings.Cut(resource, "/")
				if group == "media.flashpod.dev" || group == "gateway.networking.k8s.io" {
					continue // namespaced, as their definitions say
				}
				kind, err := mapper.KindFor(schema.GroupVersionResource{Group: group, Resource: resource})
				if err != nil {
					t.Fatal(err)
				}
				mapping, err := mapper.RESTMapping(kind.GroupKind(), kind.Version)
				if err != nil {
					t.Fatal(err)
				}
				if mapping.Scope.Name() != "namespace" {
					t.Errorf("%s has no namespace, so that a Role cannot give it: say so in clusterScoped", resource)
				}
			}
		}
	}
}
