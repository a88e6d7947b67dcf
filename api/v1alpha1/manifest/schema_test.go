package manifest

import (
	"maps"
	"os"
	"slices"
	"testing"

	"sigs.k8s.io/yaml"
)

const crdFile = "../../../config/crd/media.flashpod.dev_appinstances.yaml"

// kubernetes are fields whose inside is Kubernetes' own, or the API server's.
var kubernetes = []string{".metadata", ".spec.affinity", ".spec.edges.resources", ".spec.imagePullSecrets[]", ".spec.resources", ".spec.tolerations[]", ".spec.topologySpreadConstraints[]", ".status.conditions[]"}

// schemaOf reads the schema of a CustomResourceDefinition in a file.
func schemaOf(t *testing.T, name string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var crd struct {
		Spec struct {
			Versions []struct {
				Schema struct {
					OpenAPIV3Schema map[string]any `json:"openAPIV3Schema"`
				} `json:"schema"`
			} `json:"versions"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(text, &crd); err != nil {
		t.Fatal(err)
	}
	if len(crd.Spec.Versions) != 1 {
		t.Fatalf("%s: %d versions", name, len(crd.Spec.Versions))
	}
	return crd.Spec.Versions[0].Schema.OpenAPIV3Schema
}

// walk visits a schema and what is inside of it, but not the inside of types
// that are Kubernetes' own.
func walk(schema map[string]any, path string, visit func(path string, schema map[string]any)) {
	visit(path, schema)
	if slices.Contains(kubernetes, path) {
		return
	}
	properties, _ := schema["properties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		walk(properties[name].(map[string]any), path+"."+name, visit)
	}
	for _, inner := range []string{"items", "additionalProperties"} {
		if of, ok := schema[inner].(map[string]any); ok {
			walk(of, path+"[]", visit)
		}
	}
}

// TestEveryFieldIsDescribed keeps `kubectl explain` useful.
func TestEveryFieldIsDescribed(t *testing.T) {
	n := 0
	walk(schemaOf(t, crdFile), "", func(path string, schema map[string]any) {
		n++
		isItem := len(path) > 2 && path[len(path)-2:] == "[]" // its list is described
		if text, _ := schema["description"].(string); text == "" && !isItem && path != ".metadata" {
			t.Errorf("%s has no description", path)
		}
	})
	if n < 50 {
		t.Errorf("only %d fields found", n)
	}
}

// TestEverythingHasAnEnd keeps rules cheap enough for the API server, whose
// estimate takes what has no maximum for 3 MB.
func TestEverythingHasAnEnd(t *testing.T) {
	walk(schemaOf(t, crdFile)["properties"].(map[string]any)["spec"].(map[string]any), ".spec", func(path string, schema map[string]any) {
		needs := ""
		switch kind, _ := schema["type"].(string); {
		case schema["enum"] != nil || slices.Contains(kubernetes, path):
		case kind == "string" || schema["x-kubernetes-int-or-string"] == true:
			needs = "maxLength"
		case kind == "array":
			needs = "maxItems"
		case kind == "integer":
			needs = "maximum"
		case schema["additionalProperties"] != nil:
			needs = "maxProperties"
		}
		if needs != "" && schema[needs] == nil {
			t.Errorf("%s has no %s", path, needs)
		}
	})
}

// A write through a schema that lacks a field of commit 3dc204b drops it.
func TestNoFieldIsLost(t *testing.T) {
	now := map[string]bool{}
	walk(schemaOf(t, crdFile), "", func(path string, _ map[string]any) { now[path] = true })
	walk(schemaOf(t, "testdata/crd-3dc204b.yaml"), "", func(path string, _ map[string]any) {
		if !now[path] {
			t.Errorf("%s is gone", path)
		}
	})
}
