package controllers

import (
	appsv1 "k8s.io/api/apps/v1"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// statefulSet runs the one media server that owns the instance. have is the one
// that is there: its template of the volume cannot be changed, and volumes grow
// by their claims (see claim).
func statefulSet(a *v1alpha1.AppInstance, template *corev1ac.PodTemplateSpecApplyConfiguration, replicas int32, annotations map[string]string, have *appsv1.StatefulSet, claim standing) *appsv1ac.StatefulSetApplyConfiguration {
	deleted := appsv1.RetainPersistentVolumeClaimRetentionPolicyType
	if !retained(a) && claim != foreign { // whose deletion is not ours to ask for
		deleted = appsv1.DeletePersistentVolumeClaimRetentionPolicyType
	}
	set := appsv1ac.StatefulSet(a.Name, a.Namespace).
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
			WithVolumeClaimTemplates(claimTemplate(a, have)))
	if len(annotations) > 0 {
		set.WithAnnotations(annotations)
	}
	return set
}

// claimTemplate is what a claim would be made from that is not there. The
// operator makes the claim itself (see claim); this says to the StatefulSet's
// controller which one a pod mounts, and whether it goes with the StatefulSet.
func claimTemplate(a *v1alpha1.AppInstance, have *appsv1.StatefulSet) *corev1ac.PersistentVolumeClaimApplyConfiguration {
	if t := templateOf(have); t != nil {
		return t
	}
	return &corev1ac.PersistentVolumeClaimApplyConfiguration{
		ObjectMetaApplyConfiguration: metav1ac.ObjectMeta().WithName(volumeData).WithLabels(lastingLabels(a)).WithAnnotations(lastingAnnotations()),
		Spec:                         claimSpec(a),
	}
}

// templateOf is the claim's template of a StatefulSet as the operator wrote it.
func templateOf(set *appsv1.StatefulSet) *corev1ac.PersistentVolumeClaimApplyConfiguration {
	if set == nil {
		return nil
	}
	owned, err := ownedStatefulSet(set, FieldManager)
	if err != nil || owned.Spec == nil {
		return nil
	}
	for i := range owned.Spec.VolumeClaimTemplates {
		if t := &owned.Spec.VolumeClaimTemplates[i]; t.Name != nil && *t.Name == volumeData {
			return t
		}
	}
	return nil
}
