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
	fill(s, have, keyEntry, fresh)
	if !retained(a) {
		s.WithOwnerReferences(owner(a))
	}
	return s
}

// Entries of the Secret with the console's tokens: a role each.
const (
	consoleAdmin  = "admin"
	consoleViewer = "viewer"
)

// consoleTokens are tokens for a console that has none.
type consoleTokens struct{ admin, viewer string }

// consoleSecret holds the tokens of the console; nil where there is none. Of tokens
// holds what is said of keys, but that they go with their instance.
func consoleSecret(a *v1alpha1.AppInstance, have *corev1.Secret, fresh consoleTokens) *corev1ac.SecretApplyConfiguration {
	if consoleName(a) == "" {
		return nil
	}
	s := corev1ac.Secret(consoleName(a), a.Namespace).WithLabels(labels(a)).WithOwnerReferences(owner(a))
	for entry, token := range map[string]string{consoleAdmin: fresh.admin, consoleViewer: fresh.viewer} {
		fill(s, have, entry, token)
	}
	return s
}

// fill gives a Secret an entry that it lacks. One that is there stays, of any writer.
func fill(s *corev1ac.SecretApplyConfiguration, have *corev1.Secret, entry, fresh string) {
	var is []byte
	if have != nil {
		is = have.Data[entry]
	}
	switch {
	case len(bytes.TrimSpace(is)) == 0:
		s.WithData(map[string][]byte{entry: []byte(fresh)})
	case owns(have, entry): // what we have applied and leave out would go
		s.WithData(map[string][]byte{entry: is})
	}
}

// owns says whether an entry of a Secret is one that the operator made.
func owns(s *corev1.Secret, entry string) bool {
	owned, err := corev1ac.ExtractSecret(s, FieldManager)
	return err != nil || owned.Data[entry] != nil
}
