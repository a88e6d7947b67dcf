//go:build envtest

package manifest

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// rule is one of ours, as the schema has it.
type rule struct{ path, message string }

// rules are all that a schema has.
func rules(schema map[string]any, path string) (all []rule) {
	list, _ := schema["x-kubernetes-validations"].([]any)
	for _, each := range list {
		r := each.(map[string]any)
		message, _ := r["message"].(string)
		all = append(all, rule{path, message})
	}
	properties, _ := schema["properties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		all = append(all, rules(properties[name].(map[string]any), path+"."+name)...)
	}
	for _, inner := range []string{"items", "additionalProperties"} {
		if of, ok := schema[inner].(map[string]any); ok {
			all = append(all, rules(of, path+"[]")...)
		}
	}
	return all
}

// theServersOwn is what the API server says without a field.
var theServersOwn = regexp.MustCompile("some validation rules were not checked|Checked value must be of type|must validate at least one schema")

// TestEveryRuleNamesItsField goes through all rules: each is heard at least
// once, and none of them without the field that it is about.
func TestEveryRuleNamesItsField(t *testing.T) {
	ours := rules(schemaOf(t, crdFile), "")
	if len(ours) < 30 {
		t.Fatalf("only %d rules found", len(ours))
	}
	heard := map[rule]bool{}
	for _, err := range refusals(t, connect(t, environment.Config)) {
		for _, cause := range causes(err) {
			if cause.Field == "<nil>" || cause.Field == "" {
				if !theServersOwn.MatchString(cause.Message) {
					t.Errorf("no field: %v", err)
				}
				continue
			}
			for _, r := range ours {
				if strings.Contains(cause.Message, r.message) && strings.HasPrefix("."+cause.Field, strings.TrimSuffix(strings.Split(r.path, "[]")[0], ".")) {
					heard[r] = true
				}
			}
		}
	}
	for _, r := range ours {
		if r.message == "" {
			t.Errorf("a rule of %s has no message", r.path)
		} else if !heard[r] {
			t.Errorf("no case breaks the rule of %s: %s", r.path, r.message)
		}
	}
}
