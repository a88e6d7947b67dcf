package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// charts are those that have a schema and a README.md to write.
var charts = []string{"flashpod", "flashpod-instance"}

// value is one key of values.yaml. The comment above it is its description, in
// the schema and in README.md.
type value struct {
	key         string // with dots: image.tag
	description string
	standard    any // what holds if nothing is given
	children    []value
}

// values reads a chart's values.yaml. Descent says of which keys the children
// are values of their own, and not part of the standard.
func values(root, chart string, descent func(key string) bool) ([]value, error) {
	path := filepath.Join(root, "charts", chart, "values.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	all, err := children(document.Content[0], "", descent)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return all, nil
}

func children(mapping *yaml.Node, prefix string, descent func(string) bool) ([]value, error) {
	var all []value
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, content := mapping.Content[i], mapping.Content[i+1]
		v := value{key: prefix + key.Value, description: comment(key)}
		if v.description == "" {
			return nil, fmt.Errorf("line %d: %s has no comment above it, which is its description", key.Line, v.key)
		}
		if err := content.Decode(&v.standard); err != nil {
			return nil, fmt.Errorf("line %d: %w", content.Line, err)
		}
		if descent(v.key) {
			var err error
			if v.children, err = children(content, v.key+".", descent); err != nil {
				return nil, err
			}
		}
		all = append(all, v)
	}
	return all, nil
}

// comment is the comment above a key, as one line.
func comment(key *yaml.Node) string {
	var words []string
	for line := range strings.Lines(key.HeadComment) {
		words = append(words, strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "#"))...)
	}
	return strings.Join(words, " ")
}

// flow is a value in YAML's flow style, as a user would write it in a table.
func flow(v any) (string, error) {
	text, err := json.Marshal(v)
	return string(text), err
}
