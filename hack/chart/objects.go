package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// folder is where the operator's chart has the objects of config/.
const folder = "charts/flashpod/files"

// sources are the folders of config/ whose objects the chart installs. What is
// in samples and argocd is the user's to apply.
var sources = []string{"crd", "rbac", "manager", "policy", "prometheus", "gateway"}

// object is what decides where an object goes.
type object struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name      string            `json:"name"`
		Namespace string            `json:"namespace"`
		Labels    map[string]string `json:"labels"`
	} `json:"metadata"`
	Rules []rule `json:"rules,omitempty"`
}

type rule struct {
	APIGroups       []string `json:"apiGroups,omitempty"`
	Resources       []string `json:"resources,omitempty"`
	ResourceNames   []string `json:"resourceNames,omitempty"`
	NonResourceURLs []string `json:"nonResourceURLs,omitempty"`
	Verbs           []string `json:"verbs"`
}

// objects copies each object of config/ to a file of its own, comments and all.
func objects(root string, files map[string][]byte) error {
	for _, source := range sources {
		paths, err := filepath.Glob(filepath.Join(root, "config", source, "*.yaml"))
		if err != nil {
			return err
		}
		for _, path := range paths {
			if filepath.Base(path) == "kustomization.yaml" {
				continue
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, document := range split(text) {
				if err := place(document, files); err != nil {
					return fmt.Errorf("%s: %w", path, err)
				}
			}
		}
	}
	return namespacedRules(files)
}

// split cuts a file at its document separators and leaves out what is empty.
func split(text []byte) [][]byte {
	var documents [][]byte
	for document := range strings.SplitSeq("\n"+string(text), "\n---\n") {
		if document = strings.TrimSpace(document); document != "" {
			documents = append(documents, []byte(document+"\n"))
		}
	}
	return documents
}

func place(document []byte, files map[string][]byte) error {
	var o object
	if err := yaml.Unmarshal(document, &o); err != nil {
		return err
	}
	path, err := o.path()
	if err != nil || path == "" {
		return err
	}
	path = filepath.Join(folder, path)
	if _, twice := files[path]; twice {
		return fmt.Errorf("%s %s: there is another of that name", o.Kind, o.Metadata.Name)
	}
	files[path] = document
	return nil
}

// path is where a template of the chart looks for an object: what is treated
// alike lies in one folder. It is empty for what the chart does not install.
func (o object) path() (string, error) {
	name := strings.ToLower(o.Kind) + "-" + o.Metadata.Name + ".yaml"
	switch {
	case o.Kind == "Namespace":
		return "", nil // Helm makes the release's namespace
	case strings.HasPrefix(o.Metadata.Name, "flashpod-gateway"):
		return "gateway/" + name, nil
	case o.Kind == "CustomResourceDefinition":
		return "crd.yaml", nil
	case o.Kind == "Deployment":
		return "deployment.yaml", nil
	case o.Kind == "ClusterRole" && o.isForUsers():
		return "users/" + name, nil
	case o.Kind == "ClusterRole" || o.Kind == "ClusterRoleBinding":
		return "cluster/" + name, nil
	case strings.HasPrefix(o.Kind, "ValidatingAdmissionPolicy"):
		return "policies/" + name, nil
	case o.Kind == "PodMonitor":
		return "monitors/" + name, nil
	case o.Metadata.Namespace != "":
		return "operator/" + name, nil
	}
	return "", fmt.Errorf("%s %s has no template in charts/flashpod/templates: write one, and say in hack/chart/objects.go where it finds the object", o.Kind, o.Metadata.Name)
}

// isForUsers says whether a ClusterRole is added to those that people have.
func (o object) isForUsers() bool {
	for label := range o.Metadata.Labels {
		if strings.HasPrefix(label, "rbac.authorization.k8s.io/aggregate-to-") {
			return true
		}
	}
	return false
}

// clusterScoped are the resources of the operator's rules that have no
// namespace, so that a Role cannot give them. A test asks the API server.
var clusterScoped = []string{"storageclasses"}

// namespacedRules makes of the operator's ClusterRole what a Role can give.
func namespacedRules(files map[string][]byte) error {
	text, found := files[filepath.Join(folder, "cluster/clusterrole-flashpod-operator.yaml")]
	if !found {
		return errors.New("config/rbac has no ClusterRole flashpod-operator")
	}
	var role object
	if err := yaml.Unmarshal(text, &role); err != nil {
		return err
	}
	var rules []rule
	for _, r := range role.Rules {
		r.Resources = slices.DeleteFunc(r.Resources, func(resource string) bool {
			return slices.Contains(clusterScoped, resource)
		})
		if len(r.Resources) > 0 {
			rules = append(rules, r)
		}
	}
	out, err := yaml.Marshal(map[string]any{"rules": rules})
	if err != nil {
		return err
	}
	header := "# The rules of cluster/clusterrole-flashpod-operator.yaml that are about namespaces.\n"
	files[filepath.Join(folder, "namespaced-rules.yaml")] = bytes.Join([][]byte{[]byte(header), out}, nil)
	return nil
}
