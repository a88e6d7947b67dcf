package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const crd = `spec:
  versions:
  - schema:
      openAPIV3Schema:
        properties:
          metadata: {type: object}
          spec:
            properties:
              size: {type: string, pattern: x}
`

func TestOverlays(t *testing.T) {
	for name, c := range map[string]struct{ overlay, has, fails string }{
		"a maximum":            {"properties: {spec: {properties: {size: {maxLength: 3}}}}", "maxLength: 3", ""},
		"metadata":             {"properties: {metadata: {properties: {name: {type: string}}}}", "name:", ""},
		"a pattern away":       {"properties: {spec: {properties: {size: {pattern: null}}}}", "type: string", ""},
		"a field that is gone": {"properties: {spec: {properties: {sise: {maxLength: 3}}}}", "", ".properties.spec.properties.sise: is not in the schema"},
		"nothing to remove":    {"properties: {spec: {properties: {size: {format: null}}}}", "", ".properties.spec.properties.size.format: is not in the schema"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file, overlay := filepath.Join(dir, "crd.yaml"), filepath.Join(dir, "overlay.yaml")
			for name, text := range map[string]string{file: crd, overlay: c.overlay} {
				if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			err := run(file, overlay)
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Errorf("%v does not say %q", err, c.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			out, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(out), c.has) || strings.Contains(c.overlay, "pattern") && strings.Contains(string(out), "pattern") {
				t.Errorf("merged: %s", out)
			}
		})
	}
}
