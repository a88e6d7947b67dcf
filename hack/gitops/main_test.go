package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"sigs.k8s.io/yaml"
)

// configMapFile is what users give to their Argo CD.
const configMapFile = "../../config/argocd/argocd-cm.yaml"

// scripts are those of the ConfigMap, read as Argo CD reads them.
type scripts struct {
	health, discovery string
	actions           map[string]string
}

func readScripts(t *testing.T) scripts {
	t.Helper()
	var file struct {
		Kind string            `json:"kind"`
		Data map[string]string `json:"data"`
	}
	readYAML(t, configMapFile, &file)
	if file.Kind != "ConfigMap" || len(file.Data) != 2 {
		t.Fatalf("%s: a %s with %d entries", configMapFile, file.Kind, len(file.Data))
	}
	var actions struct {
		Discovery   string `json:"discovery.lua"`
		Definitions []struct {
			Name   string `json:"name"`
			Action string `json:"action.lua"`
		} `json:"definitions"`
	}
	if err := yaml.UnmarshalStrict([]byte(file.Data[actionsKey]), &actions); err != nil {
		t.Fatalf("%s: %s: %v", configMapFile, actionsKey, err)
	}
	s := scripts{health: file.Data[healthKey], discovery: actions.Discovery, actions: map[string]string{}}
	for _, d := range actions.Definitions {
		s.actions[d.Name] = d.Action
	}
	return s
}

func readYAML(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func TestConfigMapIsWhatTheScriptsAre(t *testing.T) {
	want := &bytes.Buffer{}
	if err := write(want, customization); err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile(configMapFile)
	if err != nil || !bytes.Equal(have, want.Bytes()) {
		t.Errorf("%s is out of date (%v): run \"make generate\" and commit", configMapFile, err)
	}
	s := readScripts(t)
	for text, path := range map[string]string{
		s.health: "health.lua", s.discovery: "actions/discovery.lua",
		s.actions["suspend"]: "actions/suspend/action.lua", s.actions["resume"]: "actions/resume/action.lua",
	} {
		file, err := os.ReadFile(filepath.Join(customization, path))
		if err != nil || string(file) != text {
			t.Errorf("YAML makes another script of %s (%v)", path, err)
		}
	}
}

func TestScriptThatYAMLWouldChangeIsRefused(t *testing.T) {
	for name, text := range map[string]string{"no last line break": "return {}", "two": "return {}\n\n", "tab": "\treturn {}\n", "carriage return": "return {}\r\n"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "health.lua"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := script(dir, "health.lua"); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
