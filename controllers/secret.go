package controllers

import (
	"bytes"

	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

const keyEntry = "key"

// secret holds the generated publish key; nil when the key is the user's own or
// none is needed. A key that is there stays, whoever wrote it: rotating it is
// an edit of the Secret. It outlives the AppInstance as the volume does, so that
// encoders find their key again where recordings are found again.
func secret(a *v1alpha1.AppInstance, have map[string][]byte, fresh string) *corev1ac.SecretApplyConfiguration {
	if secretName(a) == "" || ownSecret(a) {
		return nil
	}
	key := have[keyEntry]
	if len(bytes.TrimSpace(key)) == 0 {
		key = []byte(fresh)
	}
	s := corev1ac.Secret(keyName(a), a.Namespace).
		WithLabels(lastingLabels(a)).
		WithLabels(map[string]string{labelPublishKey: "true"}).
		WithAnnotations(lastingAnnotations()).
		WithData(map[string][]byte{keyEntry: key})
	if !retained(a) {
		s.WithOwnerReferences(owner(a))
	}
	return s
}
