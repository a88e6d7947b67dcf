package main

import (
	"errors"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	chartcommon "helm.sh/helm/v4/pkg/chart/common"
	chartutil "helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/fake"
	"sigs.k8s.io/yaml"
)

// checkout is where the tests find the charts and config/.
const checkout = "../.."

func chartPath(name string) string { return filepath.Join(checkout, "charts", name) }

func load(t *testing.T, path string) *chart.Chart {
	t.Helper()
	c, err := loader.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// withPolicy adds a policy and its binding to those that a chart has, so that what
// the templates do with them is seen.
func withPolicy(ch *chart.Chart) *chart.Chart {
	ch.Files = append(ch.Files,
		&chartcommon.File{Name: "files/policies/example-policy.yaml", Data: []byte(examplePolicy)},
		&chartcommon.File{Name: "files/policies/example-binding.yaml", Data: []byte(exampleBinding)})
	return ch
}

const (
	examplePolicy = `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: example}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]}
  validations: [{expression: "request.userInfo.username != 'system:serviceaccount:flashpod-system:flashpod-operator'"}]
`
	exampleBinding = `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: example}
spec:
  policyName: example
  validationActions: [Deny]
  matchResources: {namespaceSelector: {matchLabels: {team: media}}}
`
)

// render makes what a case is about with a chart: file by file.
func (c testCase) render(ch *chart.Chart) (map[string]string, error) {
	given := map[string]any{}
	if err := yaml.Unmarshal([]byte(c.values), &given); err != nil {
		return nil, err
	}
	options := chartcommon.ReleaseOptions{Name: c.release(), Namespace: "flashpod-system", IsInstall: !c.upgrade, IsUpgrade: c.upgrade}
	capabilities := chartcommon.DefaultCapabilities.Copy()
	if c.helm != "" {
		capabilities.HelmVersion.Version = c.helm
	}
	if len(c.cluster) > 0 {
		capabilities.APIVersions = append(capabilities.APIVersions, "media.flashpod.dev/v1alpha1/AppInstance")
	}
	values, err := chartutil.ToRenderValues(ch, given, options, capabilities)
	if err != nil {
		return nil, err
	}
	return engine.RenderWithClientProvider(ch, values, newCluster(c.cluster))
}

func (c testCase) release() string {
	if c.chart == "flashpod-instance" {
		return "lobby"
	}
	return "flashpod"
}

// cluster is what `lookup` finds. Without an object nothing is found, as where there
// is no server, and AppInstances are not even known.
type cluster struct {
	client *fake.FakeDynamicClient
	kinds  map[string]schema.GroupVersionResource
}

func newCluster(objects []string) cluster {
	c := cluster{kinds: map[string]schema.GroupVersionResource{}}
	lists := map[schema.GroupVersionResource]string{}
	for _, kind := range []schema.GroupVersionKind{
		{Version: "v1", Kind: "Namespace"},
		{Version: "v1", Kind: "ServiceAccount"},
		{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"},
		{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "ClusterRoleBinding"},
		{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "RoleBinding"},
		{Group: "media.flashpod.dev", Version: "v1alpha1", Kind: "AppInstance"},
	} {
		resource, _ := meta.UnsafeGuessKindToResource(kind)
		c.kinds[kind.Kind] = resource
		lists[resource] = kind.Kind + "List"
	}
	if len(objects) == 0 {
		delete(c.kinds, "AppInstance")
	}
	var all []runtime.Object
	for _, text := range objects {
		o := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(text), &o.Object); err != nil {
			panic(err)
		}
		all = append(all, o)
	}
	c.client = fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), lists, all...)
	return c
}

func (c cluster) GetClientFor(_, kind string) (dynamic.NamespaceableResourceInterface, bool, error) {
	resource, ok := c.kinds[kind]
	if !ok {
		return nil, false, errors.New("the tests' cluster knows no " + kind)
	}
	return c.client.Resource(resource), kind == "ServiceAccount" || kind == "RoleBinding" || kind == "AppInstance", nil
}

// manifests are the objects in rendered files.
func manifests(t *testing.T, rendered map[string]string) []*unstructured.Unstructured {
	t.Helper()
	var all []*unstructured.Unstructured
	for _, name := range sorted(rendered) {
		if strings.HasSuffix(name, "NOTES.txt") {
			continue
		}
		all = append(all, objectsIn(t, rendered[name])...)
	}
	return all
}

// objectsIn reads objects of a YAML stream. A key twice is an error.
func objectsIn(t *testing.T, text string) []*unstructured.Unstructured {
	t.Helper()
	var all []*unstructured.Unstructured
	for _, document := range split([]byte(text)) {
		o := &unstructured.Unstructured{}
		if err := yaml.UnmarshalStrict(document, &o.Object); err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		if len(o.Object) > 0 {
			all = append(all, o)
		}
	}
	return all
}

func notes(rendered map[string]string) string {
	for name, text := range maps.All(rendered) {
		if strings.HasSuffix(name, "NOTES.txt") {
			return text
		}
	}
	return ""
}
