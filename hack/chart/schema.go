package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// jsonSchema is a JSON schema (draft-07), or a piece of one.
type jsonSchema = map[string]any

// schemas writes both charts' values.schema.json. What a value may be stands in
// text/CHART.schema.yaml, one entry a value. An entry of {crd: FIELD} is the
// schema of that field of the AppInstance's spec, or {crd: spec} of all of it.
func schemas(root string, files map[string][]byte) error {
	for _, chart := range charts {
		spec, err := specSchema(files[filepath.Join(folder, "crd.yaml")])
		if err != nil {
			return err
		}
		types, err := valueTypes(root, chart)
		if err != nil {
			return err
		}
		all, err := values(root, chart, func(key string) bool { return types[key] == nil })
		if err != nil {
			return err
		}
		properties := jsonSchema{"global": jsonSchema{"type": "object", "description": "What a parent chart gives to all its charts; not used here."}}
		if err := describe(all, types, spec, properties); err != nil {
			return fmt.Errorf("text/%s.schema.yaml: %w", chart, err)
		}
		if len(types) > 0 {
			return fmt.Errorf("text/%s.schema.yaml: not in values.yaml: %s", chart, strings.Join(sorted(types), ", "))
		}
		text, err := encode(jsonSchema{
			"$schema": "http://json-schema.org/draft-07/schema#",
			"title":   "Values of the chart " + chart,
			"type":    "object", "properties": properties, "additionalProperties": false,
		})
		if err != nil {
			return err
		}
		files[filepath.Join("charts", chart, "values.schema.json")] = text
	}
	return nil
}

func valueTypes(root, chart string) (map[string]jsonSchema, error) {
	text, err := os.ReadFile(filepath.Join(root, "hack/chart/text", chart+".schema.yaml"))
	if err != nil {
		return nil, err
	}
	var types map[string]jsonSchema
	if err := yaml.UnmarshalStrict(text, &types); err != nil {
		return nil, fmt.Errorf("text/%s.schema.yaml: %w", chart, err)
	}
	return types, nil
}

// describe makes a property of each value, and takes its entry out of types.
func describe(all []value, types map[string]jsonSchema, spec, properties jsonSchema) error {
	for _, v := range all {
		name := v.key[strings.LastIndex(v.key, ".")+1:]
		property := types[v.key]
		delete(types, v.key)
		if field, ok := property["crd"].(string); ok {
			if property, ok = specField(spec, field); !ok {
				return fmt.Errorf("%s: the AppInstance has no field spec.%s", v.key, field)
			}
		}
		if v.children != nil {
			inner := jsonSchema{}
			if err := describe(v.children, types, spec, inner); err != nil {
				return err
			}
			property = jsonSchema{"type": "object", "properties": inner, "additionalProperties": false}
		}
		if property == nil {
			return fmt.Errorf("%s has no entry", v.key)
		}
		property["description"] = v.description
		if v.children == nil {
			property["default"] = v.standard
		}
		properties[name] = property
	}
	return nil
}

func specField(spec jsonSchema, field string) (jsonSchema, bool) {
	if field == "spec" {
		return spec, true
	}
	found, ok := spec, true
	for name := range strings.SplitSeq(field, ".") {
		properties, _ := found["properties"].(jsonSchema)
		if found, ok = properties[name].(jsonSchema); !ok {
			break
		}
	}
	if ok {
		withoutDescriptions(found) // they are those of Kubernetes' own types, and long
	}
	return found, ok
}

func withoutDescriptions(s jsonSchema) {
	delete(s, "description")
	for _, inner := range subschemas(s) {
		withoutDescriptions(inner)
	}
}

// specSchema is what the CustomResourceDefinition's newest version says of spec,
// as JSON schema.
func specSchema(crd []byte) (jsonSchema, error) {
	var definition struct {
		Spec struct {
			Versions []struct {
				Schema struct {
					OpenAPIV3Schema struct {
						Properties struct {
							Spec jsonSchema `json:"spec"`
						} `json:"properties"`
					} `json:"openAPIV3Schema"`
				} `json:"schema"`
			} `json:"versions"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(crd, &definition); err != nil {
		return nil, fmt.Errorf("config/crd: %w", err)
	}
	versions := definition.Spec.Versions
	if len(versions) == 0 {
		return nil, fmt.Errorf("config/crd: no version")
	}
	spec := versions[len(versions)-1].Schema.OpenAPIV3Schema.Properties.Spec
	toJSONSchema(spec)
	return spec, nil
}

// toJSONSchema makes a JSON schema of a structural one: without Kubernetes'
// extensions, whose rules stay the API server's, and closed where that prunes.
func toJSONSchema(s jsonSchema) {
	if s["x-kubernetes-int-or-string"] == true {
		s["anyOf"] = []any{jsonSchema{"type": "integer"}, jsonSchema{"type": "string"}}
	}
	_, open := s["x-kubernetes-preserve-unknown-fields"]
	if _, has := s["properties"]; has && !open && s["additionalProperties"] == nil {
		s["additionalProperties"] = false
	}
	if s["nullable"] == true {
		s["type"] = []any{s["type"], "null"}
	}
	for key := range s {
		if strings.HasPrefix(key, "x-kubernetes-") || key == "nullable" || key == "format" {
			delete(s, key)
		}
	}
	for _, inner := range subschemas(s) {
		toJSONSchema(inner)
	}
}

// subschemas are the schemas directly in one.
func subschemas(s jsonSchema) []jsonSchema {
	var all []jsonSchema
	add := func(v any) {
		if inner, ok := v.(jsonSchema); ok {
			all = append(all, inner)
		}
	}
	if properties, ok := s["properties"].(jsonSchema); ok {
		for _, inner := range properties {
			add(inner)
		}
	}
	add(s["items"])
	add(s["additionalProperties"])
	add(s["not"])
	for _, key := range []string{"anyOf", "allOf", "oneOf"} {
		list, _ := s[key].([]any)
		for _, inner := range list {
			add(inner)
		}
	}
	return all
}

func encode(v any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(v)
	return out.Bytes(), err
}
