package controllers

import (
	"testing"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// The template of 3dc204b is another than ours, and that operator left no
// annotations: whether a user has edited meanwhile is seen by the status.
func TestUpgradeFromAnOperatorWithoutAnnotations(t *testing.T) {
	spec, old := goldenTemplate(t, "testdata/template-3dc204b-least.yaml")
	for _, c := range []struct {
		name                 string
		observed, generation int64
		edited               bool
	}{
		{"as it was seen", 3, 3, false},
		{"edited since", 2, 3, true},
		{"never seen, and the schema's default says so", -1, 1, false},
		{"never seen", 0, 1, false},
	} {
		o := observe(t, spec)
		serving(o)
		o.judge()
		o.instance.Generation, o.instance.Status.ObservedGeneration = c.generation, c.observed
		u, err := upgradeOf(o, old, wantedTemplate(t, o), false)
		if err != nil || u.edited != c.edited || u.held() == c.edited {
			t.Errorf("%s: %+v, %v", c.name, u, err)
		}
		o.instance.Spec.UpgradePolicy = v1alpha1.UpgradeManual
		if u, _ := upgradeOf(o, old, wantedTemplate(t, o), false); u.held() == c.edited {
			t.Errorf("%s, by hand: %+v", c.name, u)
		}
	}
}
