package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

const (
	system         = "flashpod-system"
	definitionName = "appinstances.media.flashpod.dev"
)

var helms = map[string]helm{"helm 4": helm4{}, "helm 3": helm3{}}

// must fails a test at the first error of a command that has none.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func crd(t *testing.T) *unstructured.Unstructured {
	t.Helper()
	return get(t, "apiextensions.k8s.io/v1", "CustomResourceDefinition", "", definitionName)
}

// nextChart is the operator's chart as it may be later: of another version, and with
// a field that AppInstances do not have now.
func nextChart(t *testing.T, version, field string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "flashpod")
	must(t, os.CopyFS(dir, os.DirFS(chartPath("flashpod"))))
	edit(t, filepath.Join(dir, "Chart.yaml"), func(o map[string]any) { o["version"] = version })
	if field != "" {
		edit(t, filepath.Join(dir, "files/crd.yaml"), func(o map[string]any) {
			versions, _, _ := unstructured.NestedSlice(o, "spec", "versions")
			must(t, unstructured.SetNestedField(versions[0].(map[string]any), "string",
				"schema", "openAPIV3Schema", "properties", "spec", "properties", field, "type"))
			must(t, unstructured.SetNestedSlice(o, versions, "spec", "versions"))
		})
	}
	return dir
}

func edit(t *testing.T, path string, change func(map[string]any)) {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	var o map[string]any
	must(t, yaml.Unmarshal(text, &o))
	change(o)
	text, err = yaml.Marshal(o)
	must(t, err)
	must(t, os.WriteFile(path, text, 0o644))
}

// knows says whether AppInstances have a field of spec now.
func knows(t *testing.T, field string) bool {
	t.Helper()
	versions, _, _ := unstructured.NestedSlice(crd(t).Object, "spec", "versions")
	_, found, _ := unstructured.NestedMap(versions[0].(map[string]any), "schema", "openAPIV3Schema", "properties", "spec", "properties", field)
	return found
}

func operatorImage(t *testing.T) string {
	t.Helper()
	d := get(t, "apps/v1", "Deployment", system, "flashpod-operator")
	if d == nil {
		t.Fatal("there is no operator")
	}
	containers, _, _ := unstructured.NestedSlice(d.Object, "spec", "template", "spec", "containers")
	return containers[0].(map[string]any)["image"].(string)
}

// TestLife installs, upgrades, rolls back and uninstalls a release.
func TestLife(t *testing.T) {
	for name, h := range helms {
		t.Run(name, func(t *testing.T) {
			clean(t)
			chart := chartPath("flashpod")
			_, err := h.install("flashpod", system, chart, "")
			must(t, err)
			if crd(t) == nil || operatorImage(t) != "flashpod.dev/operator:dev" {
				t.Fatal("not installed")
			}
			_, err = h.upgrade("flashpod", system, chart, "{image: {tag: v2}, namespaces: [team-a]}")
			must(t, err)
			if got := operatorImage(t); got != "flashpod.dev/operator:v2" {
				t.Errorf("after the upgrade the image is %s", got)
			}
			if get(t, "rbac.authorization.k8s.io/v1", "ClusterRole", "", "flashpod-operator") != nil ||
				get(t, "rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "", "flashpod-operator") != nil {
				t.Error("an operator for one namespace has rights in all")
			}
			if get(t, "rbac.authorization.k8s.io/v1", "Role", "team-a", "flashpod-operator") == nil {
				t.Error("it has none in that namespace")
			}
			must(t, h.rollback("flashpod", system, 1))
			if got := operatorImage(t); got != "flashpod.dev/operator:dev" {
				t.Errorf("after the rollback the image is %s", got)
			}
			if get(t, "rbac.authorization.k8s.io/v1", "Role", "team-a", "flashpod-operator") != nil {
				t.Error("after the rollback the rights in one namespace are still there")
			}
			must(t, h.uninstall("flashpod", system))
			left := installed(t)
			if want := "CustomResourceDefinition /" + definitionName; strings.Join(left, "\n") != want {
				t.Errorf("uninstalling left %v, want %s", left, want)
			}
		})
	}
}

// installed are the objects of the chart that are on the server.
func installed(t *testing.T) []string {
	t.Helper()
	var left []string
	for _, o := range objectsIn(t, helmTemplate(t, "flashpod", system, chartPath("flashpod"), "")) {
		if get(t, o.GetAPIVersion(), o.GetKind(), o.GetNamespace(), o.GetName()) != nil {
			left = append(left, o.GetKind()+" "+o.GetNamespace()+"/"+o.GetName())
		}
	}
	return left
}

// instance makes an AppInstance with a field and returns it.
func instance(t *testing.T, field string) *unstructured.Unstructured {
	t.Helper()
	o := named("media.flashpod.dev/v1alpha1", "AppInstance", "team-a", "lobby")
	must(t, unstructured.SetNestedField(o.Object, "live", "spec", "application"))
	must(t, unstructured.SetNestedField(o.Object, "kept", "spec", field))
	until(t, "the API server to take AppInstances with "+field, func() bool {
		o := o.DeepCopy()
		return server.client.Create(t.Context(), o, client.FieldValidation("Strict")) == nil
	})
	return get(t, o.GetAPIVersion(), o.GetKind(), o.GetNamespace(), o.GetName())
}

// survives writes an AppInstance, as the operator or a person would, and says whether
// the field is still there.
func survives(t *testing.T, field string) bool {
	t.Helper()
	o := get(t, "media.flashpod.dev/v1alpha1", "AppInstance", "team-a", "lobby")
	if o == nil {
		t.Fatal("the AppInstance is gone")
	}
	must(t, unstructured.SetNestedField(o.Object, true, "spec", "suspend"))
	must(t, server.client.Update(t.Context(), o))
	value, _, _ := unstructured.NestedString(o.Object, "spec", field)
	return value == "kept"
}

// handOver gives an object set, as `helm template` has it, to Helm's field manager:
// the line that README.md and the failing template print.
func handOver(t *testing.T, manifest string) {
	t.Helper()
	out, err := kubectlTry(manifest, "apply", "--server-side", "--force-conflicts", "--field-manager", "helm", "-f", "-")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func onlyDefinition(t *testing.T, manifest string) string {
	t.Helper()
	for _, o := range objectsIn(t, manifest) {
		if o.GetKind() == "CustomResourceDefinition" {
			text, err := yaml.Marshal(o.Object)
			must(t, err)
			return string(text)
		}
	}
	t.Fatal("no CustomResourceDefinition")
	return ""
}
