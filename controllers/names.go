package controllers

import (
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// FieldManager is the name that our fields are owned under.
const FieldManager = "flashpod-operator"

// Labels of everything that belongs to an instance. The parent's own labels
// are never copied: pruning tools would take the children for leftovers.
const (
	labelName      = "app.kubernetes.io/name"
	labelInstance  = "app.kubernetes.io/instance"
	labelComponent = "app.kubernetes.io/component"
	labelManagedBy = "app.kubernetes.io/managed-by"

	appName         = "flashpod"
	componentOrigin = "origin"
)

// selector are the labels that pods are found by; they never change.
func selector(a *v1alpha1.AppInstance) map[string]string {
	return map[string]string{labelName: appName, labelInstance: a.Name, labelComponent: componentOrigin}
}

func labels(a *v1alpha1.AppInstance) map[string]string {
	l := selector(a)
	l[labelManagedBy] = FieldManager
	return l
}

// Names of the children.
func serviceName(a *v1alpha1.AppInstance) string  { return a.Name }
func headlessName(a *v1alpha1.AppInstance) string { return a.Name + "-origin" }
func configName(a *v1alpha1.AppInstance) string   { return a.Name + "-config" }
func keyName(a *v1alpha1.AppInstance) string      { return a.Name + "-publish-key" }
func claimName(a *v1alpha1.AppInstance) string    { return volumeData + "-" + a.Name + "-0" }
func podName(a *v1alpha1.AppInstance) string      { return a.Name + "-0" }

// ownSecret says whether the publish key is the user's own.
func ownSecret(a *v1alpha1.AppInstance) bool { return a.Spec.Access.Publish.SecretName != "" }

// secretName is the Secret with the publish key; "" when none is needed.
func secretName(a *v1alpha1.AppInstance) string {
	switch {
	case a.Spec.Access.Publish.Mode == v1alpha1.PublishAnyone:
		return ""
	case ownSecret(a):
		return a.Spec.Access.Publish.SecretName
	}
	return keyName(a)
}

// owner makes children go when their AppInstance goes.
func owner(a *v1alpha1.AppInstance) *metav1ac.OwnerReferenceApplyConfiguration {
	return metav1ac.OwnerReference().
		WithAPIVersion(v1alpha1.GroupVersion.String()).
		WithKind(v1alpha1.Kind).
		WithName(a.Name).
		WithUID(a.UID).
		WithController(true).
		WithBlockOwnerDeletion(true)
}
