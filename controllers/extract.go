package controllers

import (
	"encoding/json"
	"reflect"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
)

// What we own of an object says whether applying it again would change
// anything: then nothing is sent at all.

func extractServiceAccount(o *corev1.ServiceAccount) func() (any, error) {
	if o == nil {
		return nil
	}
	return func() (any, error) { return corev1ac.ExtractServiceAccount(o, FieldManager) }
}

func extractConfigMap(o *corev1.ConfigMap) func() (any, error) {
	if o == nil {
		return nil
	}
	return func() (any, error) { return corev1ac.ExtractConfigMap(o, FieldManager) }
}

func extractSecret(o *corev1.Secret) func() (any, error) {
	if o == nil {
		return nil
	}
	return func() (any, error) { return corev1ac.ExtractSecret(o, FieldManager) }
}

func extractService(o *corev1.Service) func() (any, error) {
	if o == nil {
		return nil
	}
	return func() (any, error) { return corev1ac.ExtractService(o, FieldManager) }
}

func extractStatefulSet(o *appsv1.StatefulSet) func() (any, error) {
	if o == nil {
		return nil
	}
	return func() (any, error) {
		set, err := appsv1ac.ExtractStatefulSet(o, FieldManager)
		if err != nil || set.Spec == nil {
			return set, err
		}
		// The list belongs to us as a whole, with what the API server adds.
		for i := range set.Spec.VolumeClaimTemplates {
			set.Spec.VolumeClaimTemplates[i].Status = nil
		}
		return set, nil
	}
}

// current says whether a child is as it should be already.
func (c child) current() bool {
	if c.have == nil {
		return false
	}
	have, err := c.have()
	if err != nil {
		return false // applying it tells why
	}
	a, errA := plain(c.want)
	b, errB := plain(have)
	return errA == nil && errB == nil && reflect.DeepEqual(a, b)
}

// plain is the JSON form of an object, for comparing.
func plain(v any) (map[string]any, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var out map[string]any
	err = json.Unmarshal(text, &out)
	return out, err
}
