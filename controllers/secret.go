package controllers

import (
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

const keyEntry = "key"

// secret holds the generated publish key; nil when the key is the user's own or
// none is needed. A key that is there stays, whoever wrote it: rotating it is
// an edit of the Secret.
func secret(a *v1alpha1.AppInstance, have map[string][]byte, fresh string) *corev1ac.SecretApplyConfiguration {
	if secretName(a) == "" || ownSecret(a) {
		return nil
	}
	key := have[keyEntry]
	if len(key) == 0 {
		key = []byte(fresh)
	}
	return corev1ac.Secret(keyName(a), a.Namespace).
		WithLabels(labels(a)).
		WithOwnerReferences(owner(a)).
		WithData(map[string][]byte{keyEntry: key})
}
