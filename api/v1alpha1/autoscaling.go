package v1alpha1

import (
	"errors"
	"strings"

	"sigs.k8s.io/yaml"
)

// ParseEdgesAutoscaling reads how edges are counted where no AppInstance says it, in YAML,
// with defaults filled in. Its errors name the field.
func ParseEdgesAutoscaling(text []byte) (*EdgesAutoscaling, error) {
	e := Edges{Autoscaling: &EdgesAutoscaling{}}
	if err := yaml.UnmarshalStrict(text, e.Autoscaling); err != nil {
		return nil, errors.New(strings.ReplaceAll(strings.TrimPrefix(err.Error(), "error unmarshaling JSON: "), "\n", "; "))
	}
	e.setDefaults()
	if errs := e.Autoscaling.validate(nil); len(errs) > 0 {
		return nil, errs.ToAggregate()
	}
	return e.Autoscaling, nil
}
