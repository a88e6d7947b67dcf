package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestUpToDate(t *testing.T) {
	if err := run(checkout, true); err != nil {
		t.Error(err)
	}
}

// A copy of what the generator reads, to change things in.
func scratch(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"config", "charts", "hack/chart/text"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, dir)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(filepath.Join(root, dir), os.DirFS(filepath.Join(checkout, dir))); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func put(t *testing.T, root, path, text string) {
	t.Helper()
	full := filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestChangesAreFound(t *testing.T) {
	for name, test := range map[string]struct{ path, text, want string }{
		"changed rights": {"config/rbac/role.yaml", "kind: ClusterRole\nmetadata: {name: flashpod-operator}\nrules: []\n",
			"charts/flashpod/files/cluster/clusterrole-flashpod-operator.yaml is out of date: run \"make generate\""},
		"a new policy": {"config/policy/new.yaml", "kind: ValidatingAdmissionPolicy\nmetadata: {name: new}\n",
			"charts/flashpod/files/policies/validatingadmissionpolicy-new.yaml is out of date"},
		"a kind without template": {"config/manager/pdb.yaml", "kind: PriorityClass\nmetadata: {name: new}\n",
			"PriorityClass new has no template in charts/flashpod/templates"},
		"an object twice": {"config/rbac/again.yaml", "kind: ServiceAccount\nmetadata: {name: flashpod-operator, namespace: flashpod-system}\n",
			"ServiceAccount flashpod-operator: there is another of that name"},
		"a value without comment": {"charts/flashpod-instance/values.yaml", "name: x\n", "line 1: name has no comment above it"},
		"a value without schema":  {"charts/flashpod-instance/values.yaml", "# New.\nnew: 1\n", "new has no entry"},
		"a schema without value":  {"charts/flashpod-instance/values.yaml", "# Name.\nname: x\n", "not in values.yaml: annotations, labels, spec"},
		"another description":     {"charts/flashpod-instance/values.yaml", "# N.\nname: x\n# L.\nlabels: {}\n# A.\nannotations: {}\n# S.\nspec: {}\n", "charts/flashpod-instance/README.md is out of date"},
		"what has no source":      {"charts/flashpod/files/cluster/old.yaml", "a: b\n", "charts/flashpod/files/cluster/old.yaml has nothing that it is made from any more"},
	} {
		t.Run(name, func(t *testing.T) {
			root := scratch(t)
			put(t, root, test.path, test.text)
			err := run(root, true)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestWrite(t *testing.T) {
	root := scratch(t)
	put(t, root, "charts/flashpod/files/old.yaml", "a: b\n")
	put(t, root, "config/policy/new.yaml", "kind: ValidatingAdmissionPolicy\nmetadata: {name: new}\n---\nkind: ValidatingAdmissionPolicyBinding\nmetadata: {name: new}\n")
	if err := run(root, false); err != nil {
		t.Fatal(err)
	}
	if err := run(root, true); err != nil {
		t.Errorf("after writing: %v", err)
	}
	if _, err := os.Stat(filepath.Join(root, "charts/flashpod/files/policies/validatingadmissionpolicybinding-new.yaml")); err != nil {
		t.Error(err)
	}
}

// A Role cannot give what has no namespace.
func TestNamespacedRules(t *testing.T) {
	root := scratch(t)
	put(t, root, "config/rbac/role.yaml", `kind: ClusterRole
metadata: {name: flashpod-operator}
rules:
- {apiGroups: [storage.k8s.io], resources: [storageclasses], verbs: [get]}
- {apiGroups: [""], resources: [pods], verbs: [list]}
`)
	files, err := generate(root)
	if err != nil {
		t.Fatal(err)
	}
	rules := string(files["charts/flashpod/files/namespaced-rules.yaml"])
	if strings.Contains(rules, "storageclasses") || !strings.Contains(rules, "pods") {
		t.Error(rules)
	}
}
