package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// kubectl runs the one that the API server came with.
func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := kubectlTry("", args...)
	if err != nil {
		t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func kubectlTry(input string, args ...string) (string, error) {
	command := exec.Command(filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl"), args...)
	command.Stdin = strings.NewReader(input)
	out, err := command.CombinedOutput()
	return string(out), err
}

// TestSameAsKustomize compares what both ways install, object by object, but for
// the Namespace, which Helm makes.
func TestSameAsKustomize(t *testing.T) {
	for _, test := range []struct{ values, folders string }{
		{"", "default"},
		{"gateway: {enabled: true}", "gateway"},
		{"metrics: {podMonitor: {enabled: true}}", "default prometheus"},
	} {
		t.Run(test.folders, func(t *testing.T) {
			rendered, err := testCase{chart: "flashpod", values: test.values}.render(load(t, chartPath("flashpod")))
			if err != nil {
				t.Fatal(err)
			}
			chart := byName(t, manifests(t, rendered))
			config := map[string]string{}
			for folder := range strings.FieldsSeq(test.folders) {
				for name, text := range byName(t, objectsIn(t, kubectl(t, "kustomize", filepath.Join(checkout, "config", folder)))) {
					config[name] = text
				}
			}
			delete(config, "Namespace /flashpod-system")
			for _, name := range sorted(config) {
				switch got, found := chart[name]; {
				case !found:
					t.Errorf("the chart has no %s", name)
				case got != config[name]:
					t.Errorf("%s: the chart has\n%s\nconfig/ has\n%s", name, got, config[name])
				}
			}
			for _, name := range sorted(chart) {
				if _, found := config[name]; !found {
					t.Errorf("config/%s has no %s", test.folders, name)
				}
			}
		})
	}
}

// byName gives each object as text, without what the chart alone writes on the
// CustomResourceDefinition.
func byName(t *testing.T, objects []*unstructured.Unstructured) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, o := range objects {
		name := o.GetKind() + " " + o.GetNamespace() + "/" + o.GetName()
		if _, twice := all[name]; twice {
			t.Errorf("%s is there twice", name)
		}
		if o.GetKind() == "CustomResourceDefinition" {
			annotations := o.GetAnnotations()
			for _, key := range []string{"helm.sh/resource-policy", "argocd.argoproj.io/sync-options", "media.flashpod.dev/crd-version"} {
				delete(annotations, key)
			}
			o.SetAnnotations(annotations)
		}
		text, err := yaml.Marshal(o.Object)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = string(text)
	}
	return all
}

// Each sample is an AppInstance that the other chart makes of the same spec.
func TestSamples(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(checkout, "config/samples/*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d samples: %v", len(paths), err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range objectsIn(t, string(text)) {
			if want.GetKind() != "AppInstance" {
				continue
			}
			values, err := json.Marshal(map[string]any{"name": want.GetName(), "spec": want.Object["spec"]})
			if err != nil {
				t.Fatal(err)
			}
			rendered, err := testCase{chart: "flashpod-instance", values: string(values)}.render(load(t, chartPath("flashpod-instance")))
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			want.SetNamespace("flashpod-system")
			want.SetAnnotations(nil)
			want.SetLabels(nil)
			got := byName(t, manifests(t, rendered))
			if wanted := byName(t, []*unstructured.Unstructured{want}); !slices.Equal(sorted(got), sorted(wanted)) || got[sorted(got)[0]] != wanted[sorted(wanted)[0]] {
				t.Errorf("%s: got %v, want %v", path, got, wanted)
			}
		}
	}
}
