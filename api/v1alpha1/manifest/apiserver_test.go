//go:build envtest

package manifest

import (
	"context"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"
)

// TestCasesOnTheAPIServer holds the schema to the verdicts that Load comes to,
// on a real API server.
func TestCasesOnTheAPIServer(t *testing.T) {
	env := &envtest.Environment{CRDDirectoryPaths: []string{"../../../config/crd"}, ErrorIfCRDPathMissing: true}
	cfg, err := env.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := env.Stop(); err != nil {
			t.Error(err)
		}
	})
	plain, err := client.New(cfg, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := client.WithFieldValidation(plain, metav1.FieldValidationStrict)
	ctx := context.Background()
	create := func(t *testing.T, text string) (*unstructured.Unstructured, error) {
		t.Helper()
		o := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(head+text), &o.Object); err != nil {
			t.Fatal(err)
		}
		o.SetNamespace("default")
		return o, c.Create(ctx, o)
	}
	for _, one := range cases {
		t.Run(one.name, func(t *testing.T) {
			o, err := create(t, one.text)
			if one.cluster == "" {
				if err != nil {
					t.Fatal(err)
				}
				if err := c.Delete(ctx, o); err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil {
				t.Fatal("not refused")
			}
			if !strings.Contains(err.Error(), one.cluster) {
				t.Errorf("error %q does not say %q", err, one.cluster)
			}
		})
	}

	t.Run("defaults are those of Load", func(t *testing.T) {
		o, err := create(t, "metadata: {name: defaults}\nspec: {application: chat}")
		if err != nil {
			t.Fatal(err)
		}
		text, err := yaml.Marshal(map[string]any{"apiVersion": o.GetAPIVersion(), "kind": o.GetKind(),
			"metadata": map[string]any{"name": "defaults"}, "spec": o.Object["spec"]})
		if err != nil {
			t.Fatal(err)
		}
		fromServer, err := Load(strings.NewReader(string(text)), "server")
		if err != nil {
			t.Fatal(err)
		}
		ours, err := Load(strings.NewReader(head+"metadata: {name: defaults}\nspec: {application: chat}"), "ours")
		if err != nil {
			t.Fatal(err)
		}
		a, _ := yaml.Marshal(fromServer[0].Spec)
		b, _ := yaml.Marshal(ours[0].Spec)
		if string(a) != string(b) {
			t.Errorf("the API server fills in\n%s\nLoad\n%s", a, b)
		}
	})

	for _, change := range []struct{ name, patch, want string }{
		{"application", `{"spec":{"application":"other"}}`, "application cannot be changed"},
		{"instance", `{"spec":{"instance":"other"}}`, "instance cannot be changed"},
		{"smaller storage", `{"spec":{"storage":{"size":"1Gi"}}}`, "a volume can grow, but not shrink"},
		{"storage class", `{"spec":{"storage":{"storageClassName":"x"}}}`, "the class of a volume cannot be changed"},
		{"larger storage", `{"spec":{"storage":{"size":"11Gi"}}}`, ""},
		{"recording mode", `{"spec":{"recording":{"mode":"All"}}}`, ""},
	} {
		t.Run("change of "+change.name, func(t *testing.T) {
			o := &unstructured.Unstructured{}
			o.SetAPIVersion("media.flashpod.dev/v1alpha1")
			o.SetKind("AppInstance")
			o.SetNamespace("default")
			o.SetName("defaults")
			err := c.Patch(ctx, o, client.RawPatch("application/merge-patch+json", []byte(change.patch)))
			switch {
			case change.want == "" && err != nil:
				t.Fatal(err)
			case change.want != "" && (err == nil || !strings.Contains(err.Error(), change.want)):
				t.Errorf("%v does not say %q", err, change.want)
			}
		})
	}
}
