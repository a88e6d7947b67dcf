// Schema merges an overlay into the schema of a CustomResourceDefinition that
// controller-gen wrote: schema CRD.yaml OVERLAY.yaml. The file is written
// again in place. It fails where the overlay names an object that the schema
// does not have, so that a field which was renamed takes its rules along.
package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"sigs.k8s.io/yaml"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: schema CRD.yaml OVERLAY.yaml")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintf(os.Stderr, "schema: %v\n", err)
		os.Exit(1)
	}
}

func run(crdFile, overlayFile string) error {
	crd, err := read(crdFile)
	if err != nil {
		return err
	}
	overlay, err := read(overlayFile)
	if err != nil {
		return err
	}
	spec, _ := crd["spec"].(map[string]any)
	versions, _ := spec["versions"].([]any)
	if len(versions) != 1 {
		return fmt.Errorf("%s: has %d versions; the overlay is for one", crdFile, len(versions))
	}
	version, _ := versions[0].(map[string]any)
	validation, _ := version["schema"].(map[string]any)
	schema, ok := validation["openAPIV3Schema"].(map[string]any)
	if !ok {
		return fmt.Errorf("%s: has no schema", crdFile)
	}
	if err := merge(schema, overlay, ""); err != nil {
		return fmt.Errorf("%s: %w", overlayFile, err)
	}
	out, err := yaml.Marshal(crd)
	if err != nil {
		return fmt.Errorf("%s: %w", crdFile, err)
	}
	return os.WriteFile(crdFile, append([]byte("---\n"), out...), 0o644)
}

func read(name string) (map[string]any, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var out map[string]any
	if err := yaml.UnmarshalStrict(text, &out); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return out, nil
}

// merge puts what the overlay has into the schema. Objects must be there; of
// the metadata, whose properties controller-gen leaves out, they are made.
func merge(schema, overlay map[string]any, path string) error {
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(overlay)) {
		at := path + "." + key
		want, isObject := overlay[key].(map[string]any)
		have, isThere := schema[key].(map[string]any)
		switch {
		case overlay[key] == nil:
			if _, ok := schema[key]; !ok {
				errs = append(errs, fmt.Errorf("%s: is not in the schema, and so cannot be removed", at))
			}
			delete(schema, key)
		case !isObject:
			schema[key] = overlay[key]
		case isThere:
			errs = append(errs, merge(have, want, at))
		case path == ".properties.metadata":
			schema[key] = want
		default:
			errs = append(errs, fmt.Errorf("%s: is not in the schema: was the field renamed?", at))
		}
	}
	return errors.Join(errs...)
}
