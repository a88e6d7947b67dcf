package controllers

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// statefulSet runs the one media server that owns the instance. claim is the
// size of the volume in the template that is there already: it cannot be
// changed, and volumes grow by their claims (see volumeClaim).
func statefulSet(a *v1alpha1.AppInstance, image, doc string, claim *resource.Quantity) (*appsv1ac.StatefulSetApplyConfiguration, error) {
	template, err := podTemplate(a, image, doc)
	if err != nil {
		return nil, err
	}
	replicas := int32(1)
	if a.Spec.Suspend {
		replicas = 0
	}
	size := a.Spec.Storage.Size
	if claim != nil {
		size = *claim
	}
	deleted := appsv1.RetainPersistentVolumeClaimRetentionPolicyType
	if retain := a.Spec.Storage.Retain; retain != nil && !*retain {
		deleted = appsv1.DeletePersistentVolumeClaimRetentionPolicyType
	}
	pvc := corev1ac.PersistentVolumeClaimSpec().
		WithAccessModes(corev1.ReadWriteOnce).
		WithVolumeMode(corev1.PersistentVolumeFilesystem).
		WithResources(corev1ac.VolumeResourceRequirements().WithRequests(corev1.ResourceList{corev1.ResourceStorage: size}))
	if class := a.Spec.Storage.StorageClassName; class != nil {
		pvc.WithStorageClassName(*class)
	}
	return appsv1ac.StatefulSet(a.Name, a.Namespace).
		WithLabels(labels(a)).
		WithOwnerReferences(owner(a)).
		WithSpec(appsv1ac.StatefulSetSpec().
			WithReplicas(replicas).
			WithServiceName(headlessName(a)).
			WithSelector(metav1ac.LabelSelector().WithMatchLabels(selector(a))).
			WithTemplate(template).
			WithPersistentVolumeClaimRetentionPolicy(appsv1ac.StatefulSetPersistentVolumeClaimRetentionPolicy().
				WithWhenDeleted(deleted).
				WithWhenScaled(appsv1.RetainPersistentVolumeClaimRetentionPolicyType)).
			WithVolumeClaimTemplates(&corev1ac.PersistentVolumeClaimApplyConfiguration{
				ObjectMetaApplyConfiguration: metav1ac.ObjectMeta().WithName(volumeData).WithLabels(labels(a)),
				Spec:                         pvc,
			})), nil
}

// templateSize is the size of the volume in a StatefulSet's template.
func templateSize(s *appsv1.StatefulSet) *resource.Quantity {
	if s == nil {
		return nil
	}
	for _, t := range s.Spec.VolumeClaimTemplates {
		if t.Name == volumeData {
			size := t.Spec.Resources.Requests[corev1.ResourceStorage]
			return &size
		}
	}
	return nil
}

// volumeClaim grows a claim that is there; nil when it is large enough.
func volumeClaim(a *v1alpha1.AppInstance, have *corev1.PersistentVolumeClaim) *corev1ac.PersistentVolumeClaimApplyConfiguration {
	if have == nil || have.DeletionTimestamp != nil {
		return nil
	}
	want, now := a.Spec.Storage.Size, have.Spec.Resources.Requests[corev1.ResourceStorage]
	if want.Cmp(now) <= 0 {
		return nil
	}
	return corev1ac.PersistentVolumeClaim(have.Name, have.Namespace).
		WithSpec(corev1ac.PersistentVolumeClaimSpec().
			WithResources(corev1ac.VolumeResourceRequirements().WithRequests(corev1.ResourceList{corev1.ResourceStorage: want})))
}
