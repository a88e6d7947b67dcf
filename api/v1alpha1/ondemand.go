package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Idle says what happens to an on-demand instance that nobody uses.
type Idle struct {
	// UnloadAfter is how long an on-demand instance that nobody uses stays
	// loaded: nobody is connected, nothing is published, recorded or mended. Then
	// it goes from memory; what is recorded stays, and the next connect starts it
	// again. It is more than 0: an instance that went with its last client would
	// go between any two. The instance that this AppInstance names stays loaded.
	// +kubebuilder:default="20m"
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ns|us|µs|μs|ms|s|m|h))+$') && duration(self) > duration('0s')",message="must be a time of more than 0 in hours, minutes and seconds, such as 20m, 1h30m or 30s; a day is 24h"
	// +optional
	UnloadAfter *metav1.Duration `json:"unloadAfter,omitempty"`
}

const (
	defaultMaxInstances = 1000
	defaultUnloadAfter  = 20 * time.Minute
)

// setOnDemandDefaults fills in what is about on-demand instances.
func (s *AppInstanceSpec) setOnDemandDefaults() {
	most := int32(defaultMaxInstances)
	def(&s.Limits.MaxInstances, &most)
	def(&s.Idle.UnloadAfter, &metav1.Duration{Duration: defaultUnloadAfter})
}

func (i *Idle) validate(path *field.Path) field.ErrorList {
	if d := i.UnloadAfter; d != nil && d.Duration <= 0 {
		return field.ErrorList{field.Invalid(path.Child("unloadAfter"), d.Duration.String(),
			"must be a time of more than 0 in hours, minutes and seconds, such as 20m, 1h30m or 30s; a day is 24h")}
	}
	return nil
}
