package controllers

import (
	"bytes"

	corev1 "k8s.io/api/core/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

const keyEntry = "key"

// secret holds the generated publish key; nil when the key is the user's own or
// none is needed. A key that is there stays, of any writer: rotating it is
// an edit of the Secret. It outlives the AppInstance as the volume does, so that
// encoders find their key again where recordings are found again.
func secret(a *v1alpha1.AppInstance, have *corev1.Secret, fresh string) *corev1ac.SecretApplyConfiguration {
	if secretName(a) == "" || ownSecret(a) {
		return nil
	}
	s := corev1ac.Secret(keyName(a), a.Namespace).
		WithLabels(lastingLabels(a)).
		WithLabels(map[string]string{labelPublishKey: "true"}).
		WithAnnotations(lastingAnnotations())
	var key []byte
	if have != nil {
		key = have.Data[keyEntry]
	}
	switch {
	case len(bytes.TrimSpace(key)) == 0:
		s.WithData(map[string][]byte{keyEntry: []byte(fresh)})
	case ownsKey(have): // what we have applied and leave out would go
		s.WithData(map[string][]byte{keyEntry: key})
	}
	if !retained(a) {
		s.WithOwnerReferences(owner(a))
	}
	return s
}

// ownsKey says whether the key in a Secret is one that the operator made.
func ownsKey(s *corev1.Secret) bool {
	owned, err := corev1ac.ExtractSecret(s, FieldManager)
	return err != nil || owned.Data[keyEntry] != nil
}
