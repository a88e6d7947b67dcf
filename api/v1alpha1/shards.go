package v1alpha1

import "k8s.io/apimachinery/pkg/util/validation/field"

// maxShards is how many origins an application may be spread over.
const maxShards = 16

// Origins is how many media servers own instances: spec.shards, or one.
func (s *AppInstanceSpec) Origins() int32 { return max(s.Shards, 1) }

// ShardStatus is about one of several origins.
type ShardStatus struct {
	// Name of its pod.
	Name string `json:"name"`
	// Ready says whether it takes connections.
	Ready bool `json:"ready"`
	// Joined says that it has taken connections once: from then on new instances are
	// spread over it, too.
	Joined bool `json:"joined"`
	// Reason and Message say why it does not take connections as it is to; absent while it
	// does.
	// +optional
	Reason string `json:"reason,omitempty"`
	// +optional
	Message string `json:"message,omitempty"`
	// Script is about errors of the script there; absent without spec.script.
	// +optional
	Script *ScriptStatus `json:"script,omitempty"`
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
		errs = append(errs, field.Forbidden(path, "excludes spec.edges, which are linked to one origin: leave out one of them"))
	}
	if s.Web != nil {
		errs = append(errs, field.Forbidden(path, "excludes spec.web, which the gateway does not carry: leave out one of them"))
	}
	return errs
}
