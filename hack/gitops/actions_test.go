package main

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
)

// offer is an action as the user sees it.
type offer struct {
	Name      string `json:"name"`
	Disabled  bool   `json:"disabled"`
	IconClass string `json:"iconClass"`
}

func TestActions(t *testing.T) {
	dir := filepath.Join(customization, "actions")
	var file struct {
		Discovery []struct {
			InputPath string  `json:"inputPath"`
			Result    []offer `json:"result"`
		} `json:"discoveryTests"`
		Actions []struct {
			Action             string `json:"action"`
			InputPath          string `json:"inputPath"`
			ExpectedOutputPath string `json:"expectedOutputPath"`
		} `json:"actionTests"`
	}
	readYAML(t, filepath.Join(dir, "action_test.yaml"), &file)
	s := readScripts(t)

	for _, c := range file.Discovery {
		var offered map[string]offer
		if err := json.Unmarshal(run(t, s.discovery, readObject(t, filepath.Join(dir, c.InputPath))), &offered); err != nil {
			t.Fatal(err)
		}
		want := map[string]offer{}
		for _, o := range c.Result {
			want[o.Name] = offer{Disabled: o.Disabled, IconClass: o.IconClass}
		}
		if !maps.Equal(offered, want) {
			t.Errorf("%s: offered are %+v, want %+v", c.InputPath, offered, want)
		}
		if !slices.Equal(slices.Sorted(maps.Keys(offered)), slices.Sorted(maps.Keys(s.actions))) {
			t.Errorf("%s: what is offered and what is defined differ", c.InputPath)
		}
	}

	tried := map[string]bool{}
	for _, c := range file.Actions {
		tried[c.Action] = true
		object := readObject(t, filepath.Join(dir, c.InputPath))
		var changed map[string]any
		if err := json.Unmarshal(run(t, s.actions[c.Action], object), &changed); err != nil {
			t.Fatal(err)
		}
		restoreEmptyMaps(changed, object.Object)
		// Argo CD sends the API server the merge patch between the two.
		patch := mergePatch(t, object.Object, changed)
		if want := mergePatch(t, object.Object, readObject(t, filepath.Join(dir, c.ExpectedOutputPath)).Object); patch != want {
			t.Errorf("%s of %s: patch %s, want %s", c.Action, c.InputPath, patch, want)
		}
		if want := map[string]string{"suspend": `{"spec":{"suspend":true}}`, "resume": `{"spec":{"suspend":false}}`}[c.Action]; patch != want {
			t.Errorf("%s of %s: patch %s, want %s and nothing else", c.Action, c.InputPath, patch, want)
		}
	}
	if len(tried) != len(actionNames) {
		t.Errorf("tried are %v of %v", tried, actionNames)
	}
}

func mergePatch(t *testing.T, from, to map[string]any) string {
	t.Helper()
	var text [2][]byte
	for i, o := range []map[string]any{from, to} {
		var err error
		if text[i], err = json.Marshal(o); err != nil {
			t.Fatal(err)
		}
	}
	patch, err := jsonpatch.CreateMergePatch(text[0], text[1])
	if err != nil {
		t.Fatal(err)
	}
	return string(patch)
}

// restoreEmptyMaps undoes what Lua cannot help: it has one kind of table, so
// that an empty map comes back as an empty list. Argo CD does the same.
func restoreEmptyMaps(have, was any) {
	switch have := have.(type) {
	case map[string]any:
		was, ok := was.(map[string]any)
		if !ok {
			return
		}
		for key, item := range have {
			if list, ok := item.([]any); ok && len(list) == 0 && reflect.ValueOf(was[key]).Kind() == reflect.Map {
				have[key] = map[string]any{}
				continue
			}
			restoreEmptyMaps(item, was[key])
		}
	case []any:
		was, ok := was.([]any)
		for i := range have {
			if ok && i < len(was) {
				restoreEmptyMaps(have[i], was[i])
			}
		}
	}
}
