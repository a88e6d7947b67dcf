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

	// labelOutlives names the instance of what outlives it and so has no owner.
	// Argo CD takes an object without an owner that has labelInstance for one
	// of an application of that name, and prunes it.
	labelOutlives = "media.flashpod.dev/instance"
	// labelPublishKey marks Secrets that hold publish keys: without it or the
	// type keySecretType a Secret is not handed to a media server.
	labelPublishKey = "media.flashpod.dev/publish-key"
	keySecretType   = "media.flashpod.dev/publish-key"

	appName         = "flashpod"
	componentOrigin = "origin"
)

// Annotations of ours.
const (
	// annotationUpgrade on an AppInstance lets an upgrade go that waits for
	// approval: see upgradeOf.
	annotationUpgrade = "media.flashpod.dev/upgrade"
	// annotationSecrets on a pod makes kubelet look at its Secrets again.
	annotationSecrets = "media.flashpod.dev/secrets"
	// annotationSync keeps Argo CD from pruning what outlives its owner.
	annotationSync = "argocd.argoproj.io/sync-options"
)

// selector are the labels that pods are found by; they never change.
func selector(a *v1alpha1.AppInstance) map[string]string {
	return map[string]string{labelName: appName, labelInstance: a.Name, labelComponent: componentOrigin}
}

// labels are those of objects that are deleted with their instance.
func labels(a *v1alpha1.AppInstance) map[string]string {
	l := selector(a)
	l[labelManagedBy] = FieldManager
	return l
}

// lastingLabels are those of what outlives its instance.
func lastingLabels(a *v1alpha1.AppInstance) map[string]string {
	return map[string]string{labelName: appName, labelManagedBy: FieldManager, labelOutlives: a.Name}
}

func lastingAnnotations() map[string]string {
	return map[string]string{annotationSync: "Prune=false,Delete=false"}
}

// Names of the children. Two AppInstances never share one: a dot is in no name
// of an AppInstance, and a new one's may not end like the names of these Services.
func serviceName(a *v1alpha1.AppInstance) string  { return a.Name }
func headlessName(a *v1alpha1.AppInstance) string { return a.Name + "-origin" }
func configName(a *v1alpha1.AppInstance) string   { return a.Name + "-config" }
func keyName(a *v1alpha1.AppInstance) string      { return a.Name + "-publish-key" }
func claimName(a *v1alpha1.AppInstance) string    { return volumeData + "-" + a.Name + "-0" }
func podName(a *v1alpha1.AppInstance) string      { return a.Name + "-0" }
func policyName(a *v1alpha1.AppInstance) string   { return a.Name }
func ingressName(a *v1alpha1.AppInstance) string  { return a.Name }
func routeName(a *v1alpha1.AppInstance) string    { return a.Name }
func webRTCName(a *v1alpha1.AppInstance) string   { return a.Name + "-webrtc" }
func internalName(a *v1alpha1.AppInstance) string { return a.Name + "-http" }

// accountName is the ServiceAccount's. An account called like the instance,
// as operators until 2026-11 made it, may be of another owner: see oldAccountName.
func accountName(a *v1alpha1.AppInstance) string    { return a.Name + ".media" }
func oldAccountName(a *v1alpha1.AppInstance) string { return a.Name }

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

// certificateName is the Secret with the certificate; "" when none is needed.
func certificateName(a *v1alpha1.AppInstance) string {
	if a.Spec.TLS == nil {
		return ""
	}
	return a.Spec.TLS.SecretName
}

// webCertificateName is the Secret with the certificate of the host name; "" when none
// is named.
func webCertificateName(a *v1alpha1.AppInstance) string {
	if a.Spec.Web == nil || a.Spec.Web.TLS == nil {
		return ""
	}
	return a.Spec.Web.TLS.SecretName
}

// webIsInternal says whether plain HTTP is carried inside the cluster alone.
func webIsInternal(a *v1alpha1.AppInstance) bool {
	return a.Spec.Web != nil && a.Spec.Web.PlainHTTP == v1alpha1.ExposureInternal
}

// webServiceName is the Service that an Ingress or an HTTPRoute leads to.
func webServiceName(a *v1alpha1.AppInstance) string {
	if webIsInternal(a) {
		return internalName(a)
	}
	return serviceName(a)
}

// consoleName is the Secret with the tokens of the console; "" where there is none.
func consoleName(a *v1alpha1.AppInstance) string {
	if !a.Spec.HasConsole() {
		return ""
	}
	return a.Name + "-console"
}

// owner has children deleted with their AppInstance.
func owner(a *v1alpha1.AppInstance) *metav1ac.OwnerReferenceApplyConfiguration {
	return metav1ac.OwnerReference().
		WithAPIVersion(v1alpha1.GroupVersion.String()).
		WithKind(v1alpha1.Kind).
		WithName(a.Name).
		WithUID(a.UID).
		WithController(true).
		WithBlockOwnerDeletion(true)
}

// retained says whether what holds data outlives the instance.
func retained(a *v1alpha1.AppInstance) bool {
	return a.Spec.Storage.Retain == nil || *a.Spec.Storage.Retain
}
