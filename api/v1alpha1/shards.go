package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// maxShards is how many origins an application may be spread over.
const maxShards = 16

// Origins is how many media servers own instances: spec.shards, or one.
func (s *AppInstanceSpec) Origins() int32 { return max(s.Shards, 1) }

// Origins is how many media servers own instances now: those of spec.shards, and those that
// are leaving still.
func (a *AppInstance) Origins() int32 { return max(a.Spec.Origins(), int32(len(a.Status.Shards))) } //nolint:gosec // at most maxShards

// ShardStatus is about one of several origins.
type ShardStatus struct {
	// Name of its pod.
	Name string `json:"name"`
	// Ready says whether it takes connections.
	Ready bool `json:"ready"`
	// Joined says that it has taken connections once: from then on new instances are
	// spread over it, too, unless it is leaving. False again when it ends.
	Joined bool `json:"joined"`
	// Reason is why it does not take connections as it is to; absent while it does.
	// +optional
	Reason string `json:"reason,omitempty"`
	// Message is Reason in full.
	// +optional
	Message string `json:"message,omitempty"`
	// Script is about errors of the script there; absent without spec.script.
	// +optional
	Script *ScriptStatus `json:"script,omitempty"`
	// Leaving is about one that spec.shards does not ask for any more; absent otherwise.
	// +optional
	Leaving *ShardLeaving `json:"leaving,omitempty"`
}

// ShardLeaving is about an origin that spec.shards does not ask for any more.
type ShardLeaving struct {
	// Since is when that began: no client is cut off before spec.drain.timeout is over.
	Since metav1.Time `json:"since"`
	// Instances are those, on demand, that have something on its volume, as
	// APPLICATION/INSTANCE: it serves them, and does not end.
	// +kubebuilder:validation:MaxItems=10
	// +listType=atomic
	// +optional
	Instances []string `json:"instances,omitempty"`
	// More says that there are others.
	// +optional
	More bool `json:"more,omitempty"`
	// Left is since when no route leads to it: it ends in a moment.
	// +optional
	Left *metav1.Time `json:"left,omitempty"`
}

func (s *AppInstanceSpec) validateShards(spec *field.Path) (errs field.ErrorList) {
	path := spec.Child("shards")
	if s.Shards < 0 || s.Shards > maxShards {
		errs = append(errs, field.Invalid(path, s.Shards, "must be from 1 to 16"))
	}
	if s.Shards < 2 {
		return errs
	}
	if !s.OnDemandInstances {
		errs = append(errs, field.Forbidden(path, "needs onDemandInstances: the instance that the manifest names is on one origin; set that, or leave shards out"))
	}
	if s.Service.Type != ServiceTypeGateway {
		errs = append(errs, field.Forbidden(path, "needs spec.service.type Gateway, since the gateway knows on which origin an instance is: set that, or leave shards out"))
	}
	if s.Edges != nil {
		errs = append(errs, field.Forbidden(path, "excludes spec.edges, which are linked to one origin: leave those out, since the gateway's own pods serve viewers as edges do, and there are as many as they need"))
	}
	if s.Web != nil {
		errs = append(errs, field.Forbidden(path, "excludes spec.web, which the gateway does not carry: leave out one of them, or give what is to be seen by HTTP an AppInstance of its own"))
	}
	return errs
}
