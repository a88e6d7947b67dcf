package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Idle says what happens while nobody is there: to an on-demand instance, and to the
// servers of the AppInstance as a whole.
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
	// SuspendAfter is how long nobody must have been there until the AppInstance goes to
	// sleep: no client and no viewer is connected, nothing is published, by the script
	// neither, and nothing is recorded. Then no server runs; address, key and recordings
	// stay, and the next client that comes by the gateway wakes it, and waits meanwhile
	// (spec.wake). Who comes by HTTP wakes nothing. The script is not asked: its
	// onAppStop hears of it, and what it keeps in memory goes. Default: never. It needs
	// service.type Gateway.
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ns|us|µs|μs|ms|s|m|h))+$') && duration(self) >= duration('10s')",message="must be a time of 10s or more in hours, minutes and seconds, such as 30m, 1h30m or 45s; a day is 24h"
	// +optional
	SuspendAfter *metav1.Duration `json:"suspendAfter,omitempty"`
}

// Wake says how clients are let in that wake an AppInstance which sleeps.
type Wake struct {
	// Timeout is how long a client waits for the server to start, with its handshake
	// done: 20s, 1m. Then it is told that it is too early, and why; the server starts
	// all the same.
	// +kubebuilder:default="20s"
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ns|us|µs|μs|ms|s|m|h))+$') && duration(self) >= duration('1s') && duration(self) <= duration('1m')",message="must be a time of 1s to 1m, such as 20s"
	// +optional
	Timeout *metav1.Duration `json:"timeout,omitempty"`
}

const (
	defaultMaxInstances = 1000
	defaultUnloadAfter  = 20 * time.Minute

	minSuspendAfter = 10 * time.Second

	// MinWakeTimeout and MaxWakeTimeout bound spec.wake.timeout.
	MinWakeTimeout     = time.Second
	MaxWakeTimeout     = time.Minute
	defaultWakeTimeout = 20 * time.Second
)

// setOnDemandDefaults fills in what is about on-demand instances, and about sleeping.
func (s *AppInstanceSpec) setOnDemandDefaults() {
	most := int32(defaultMaxInstances)
	def(&s.Limits.MaxInstances, &most)
	def(&s.Idle.UnloadAfter, &metav1.Duration{Duration: defaultUnloadAfter})
	def(&s.Wake.Timeout, &metav1.Duration{Duration: defaultWakeTimeout})
}

func (i *Idle) validate(path *field.Path, s *AppInstanceSpec) (errs field.ErrorList) {
	if d := i.UnloadAfter; d != nil && d.Duration <= 0 {
		errs = append(errs, field.Invalid(path.Child("unloadAfter"), d.Duration.String(),
			"must be a time of more than 0 in hours, minutes and seconds, such as 20m, 1h30m or 30s; a day is 24h"))
	}
	if d := i.SuspendAfter; d != nil {
		at := path.Child("suspendAfter")
		if d.Duration < minSuspendAfter {
			errs = append(errs, field.Invalid(at, d.Duration.String(),
				"must be a time of 10s or more in hours, minutes and seconds, such as 30m, 1h30m or 45s; a day is 24h"))
		}
		if s.Service.Type != ServiceTypeGateway {
			errs = append(errs, field.Forbidden(at, suspendNeedsGateway))
		}
	}
	return errs
}

const suspendNeedsGateway = "needs service.type Gateway: clients wake it by the gateway, and by any other address nobody would; set that, or leave suspendAfter out"

func (w *Wake) validate(path *field.Path) field.ErrorList {
	if d := w.Timeout; d != nil && (d.Duration < MinWakeTimeout || d.Duration > MaxWakeTimeout) {
		return field.ErrorList{field.Invalid(path.Child("timeout"), d.Duration.String(), "must be a time of 1s to 1m, such as 20s")}
	}
	return nil
}
