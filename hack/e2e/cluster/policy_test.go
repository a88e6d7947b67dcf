//go:build e2e

package cluster

import (
	"encoding/json"
	"testing"
)

// The controller manager checks the expressions of the admission policies
// against the schemas of what they judge: it has found nothing.
func TestAdmissionPoliciesFitTheSchemas(t *testing.T) {
	w := &world{t, "default"}
	for _, name := range []string{"flashpod-appinstances", "flashpod-operator"} {
		var policy struct {
			Metadata struct{ Generation int64 }
			Status   struct {
				ObservedGeneration int64
				TypeChecking       *struct {
					ExpressionWarnings []struct{ FieldRef, Warning string }
				}
			}
		}
		until(t, patience, "the policy "+name+" to be checked", func() bool {
			out := w.kubectl("get", "validatingadmissionpolicy", name, "-o", "json")
			if err := json.Unmarshal([]byte(out), &policy); err != nil {
				t.Fatal(err)
			}
			return policy.Status.TypeChecking != nil && policy.Status.ObservedGeneration == policy.Metadata.Generation
		})
		for _, warning := range policy.Status.TypeChecking.ExpressionWarnings {
			t.Errorf("%s: %s: %s", name, warning.FieldRef, warning.Warning)
		}
	}
}
