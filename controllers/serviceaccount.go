package controllers

import (
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// serviceAccount has no rights: a media server never talks to the API server.
func serviceAccount(a *v1alpha1.AppInstance) *corev1ac.ServiceAccountApplyConfiguration {
	return corev1ac.ServiceAccount(a.Name, a.Namespace).
		WithLabels(labels(a)).
		WithOwnerReferences(owner(a)).
		WithAutomountServiceAccountToken(false)
}
