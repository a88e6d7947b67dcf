//go:build envtest

package manifest

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func newScale() *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{"apiVersion": "autoscaling/v1", "kind": "Scale"}}
}

// kubectl scale, and whoever scales by the same subresource, writes how many edges there
// are, and finds what there is.
func TestScale(t *testing.T) {
	c := connect(t, environment.Config)
	for name, before := range map[string]string{"edges before": "{application: a, edges: {}}", "none before": "{application: a}"} {
		t.Run(name, func(t *testing.T) {
			o := object(t, "metadata: {name: lobby}\nspec: "+before)
			if err := c.Create(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			defer c.remove(t, o)
			patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"replicas":5}}`)) // as kubectl does
			if err := c.SubResource("scale").Patch(t.Context(), o.DeepCopy(), patch, client.WithSubResourceBody(newScale())); err != nil {
				t.Fatal(err)
			}
			if err := c.patchStatus(t, o, "{status: {edges: {ready: 2, desired: 5, replicas: 3, selector: a=b}}}"); err != nil {
				t.Fatal(err)
			}
			if err := c.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
				t.Fatal(err)
			}
			if n, _, err := unstructured.NestedInt64(o.Object, "spec", "edges", "replicas"); err != nil || n != 5 {
				t.Errorf("%d edges, %v", n, err)
			}
			scale := newScale()
			if err := c.SubResource("scale").Get(t.Context(), o, scale); err != nil {
				t.Fatal(err)
			}
			spec, _, _ := unstructured.NestedInt64(scale.Object, "spec", "replicas")
			is, _, _ := unstructured.NestedInt64(scale.Object, "status", "replicas")
			if labels, _, _ := unstructured.NestedString(scale.Object, "status", "selector"); spec != 5 || is != 3 || labels != "a=b" {
				t.Errorf("%v", scale.Object)
			}
			for bad, n := range map[string]string{"negative": "-1", "too many": "1001"} {
				patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"replicas":`+n+`}}`))
				if err := c.SubResource("scale").Patch(t.Context(), o.DeepCopy(), patch, client.WithSubResourceBody(newScale())); err == nil {
					t.Errorf("%s: %s edges are taken", bad, n)
				}
			}
		})
	}
}
