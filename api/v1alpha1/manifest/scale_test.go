//go:build envtest

package manifest

import (
	"testing"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

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
			if err := c.SubResource("scale").Patch(t.Context(), o.DeepCopy(), patch, client.WithSubResourceBody(&autoscalingv1.Scale{})); err != nil {
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
			scale := &autoscalingv1.Scale{}
			if err := c.SubResource("scale").Get(t.Context(), o, scale); err != nil {
				t.Fatal(err)
			}
			if scale.Spec.Replicas != 5 || scale.Status.Replicas != 3 || scale.Status.Selector != "a=b" {
				t.Errorf("%+v", scale)
			}
			for bad, n := range map[string]string{"negative": "-1", "too many": "1001"} {
				patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"replicas":`+n+`}}`))
				if err := c.SubResource("scale").Patch(t.Context(), o.DeepCopy(), patch, client.WithSubResourceBody(&autoscalingv1.Scale{})); err == nil {
					t.Errorf("%s: %s edges are taken", bad, n)
				}
			}
		})
	}
}
