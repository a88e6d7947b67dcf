package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Drain says how servers let go of their clients.
type Drain struct {
	// Timeout is how long an edge that goes, because there are to be fewer or its node is
	// emptied, serves the clients that it has: those that follow a ReconnectRequest are
	// asked at once to connect again, and nobody is cut off before. The server that owns
	// the instance tells its clients at once, since the next one cannot start before it has
	// ended. 0s to 24h.
	// +kubebuilder:default="2m"
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ns|us|µs|μs|ms|s|m|h))+$') && duration(self) <= duration('24h')",message="must be a time of 0 to 24h in hours, minutes and seconds, such as 2m, 30s or 0s"
	// +optional
	Timeout *metav1.Duration `json:"timeout,omitempty"`
}

const (
	defaultDrain = 2 * time.Minute
	maxDrain     = 24 * time.Hour
)

// setDefaults fills in what the schema's defaults fill in.
func (d *Drain) setDefaults() { def(&d.Timeout, &metav1.Duration{Duration: defaultDrain}) }

func (d *Drain) validate(path *field.Path) field.ErrorList {
	if t := d.Timeout; t != nil && (t.Duration < 0 || t.Duration > maxDrain) {
		return field.ErrorList{field.Invalid(path.Child("timeout"), t.Duration.String(),
			"must be a time of 0 to 24h in hours, minutes and seconds, such as 2m, 30s or 0s")}
	}
	return nil
}
