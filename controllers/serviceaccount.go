package controllers

import (
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// serviceAccount has no rights: a media server never talks to the API server.
func serviceAccount(a *v1alpha1.AppInstance, name string) *corev1ac.ServiceAccountApplyConfiguration {
	return corev1ac.ServiceAccount(name, a.Namespace).
		WithLabels(labels(a)).
		WithOwnerReferences(owner(a)).
		WithAutomountServiceAccountToken(false)
}

// accountOf is the name of the account that the pod runs as. A server that runs
// as one that an operator before this one made for it goes on so.
func accountOf(o *observed) string {
	old := o.oldAccount
	if old != nil && o.statefulSet != nil && o.statefulSet.Spec.Template.Spec.ServiceAccountName == old.Name &&
		standingOf(o.instance, old) == ours && (o.statefulSet.Annotations[annotationGeneration] != "" || !takenOver(o.instance, old)) {
		return old.Name
	}
	return accountName(o.instance)
}
