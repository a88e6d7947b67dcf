package controllers

import (
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// claimSpec is what is asked of a volume.
func claimSpec(a *v1alpha1.AppInstance) *corev1ac.PersistentVolumeClaimSpecApplyConfiguration {
	spec := corev1ac.PersistentVolumeClaimSpec().
		WithAccessModes(corev1.ReadWriteOnce).
		WithVolumeMode(corev1.PersistentVolumeFilesystem).
		WithResources(requestStorage(a.Spec.Storage.Size))
	if class := a.Spec.Storage.StorageClassName; class != nil {
		spec.WithStorageClassName(*class)
	}
	return spec
}

func requestStorage(size resource.Quantity) *corev1ac.VolumeResourceRequirementsApplyConfiguration {
	return corev1ac.VolumeResourceRequirements().WithRequests(corev1.ResourceList{corev1.ResourceStorage: size})
}

// claim is that of an origin's volume. The operator makes it before the StatefulSet, so
// that it is ours by the same rule as everything else and has the labels of what
// outlives its instance. One that is there grows, as far as its class lets it.
func claim(a *v1alpha1.AppInstance, name string, have *corev1.PersistentVolumeClaim) *corev1ac.PersistentVolumeClaimApplyConfiguration {
	c := corev1ac.PersistentVolumeClaim(name, a.Namespace).
		WithLabels(lastingLabels(a)).
		WithAnnotations(lastingAnnotations())
	if have == nil {
		return c.WithSpec(claimSpec(a))
	}
	owned, err := corev1ac.ExtractPersistentVolumeClaim(have, FieldManager)
	if err != nil || owned.Spec == nil {
		// The StatefulSet's controller made it, for an operator before this one.
		owned = c
	}
	spec := owned.Spec
	if size := a.Spec.Storage.Size; size.Cmp(requested(have)) != 0 && canBecome(have, size) {
		if spec == nil {
			spec = corev1ac.PersistentVolumeClaimSpec()
		}
		spec.Resources = requestStorage(size)
	}
	if spec != nil {
		c.WithSpec(spec)
	}
	return c
}

func requested(c *corev1.PersistentVolumeClaim) resource.Quantity {
	return c.Spec.Resources.Requests[corev1.ResourceStorage]
}

func capacity(c *corev1.PersistentVolumeClaim) resource.Quantity {
	return c.Status.Capacity[corev1.ResourceStorage]
}

// canBecome says whether a claim may ask for a size: for more, or for less again
// while its volume has not grown that far.
func canBecome(c *corev1.PersistentVolumeClaim, size resource.Quantity) bool {
	if c.Status.Phase != corev1.ClaimBound {
		return false // it is bound first, and grows then
	}
	return size.Cmp(requested(c)) > 0 || size.Cmp(capacity(c)) > 0
}

// standingOfClaim is that of a child, but a claim that the StatefulSet's
// controller made or owns is ours too.
func standingOfClaim(o *observed, c *corev1.PersistentVolumeClaim) standing {
	a := o.instance
	if c == nil {
		return absent
	}
	if c.DeletionTimestamp != nil {
		return leaving
	}
	l := c.Labels
	if l[labelName] == appName && l[labelManagedBy] == FieldManager && (l[labelInstance] == a.Name || l[labelOutlives] == a.Name) {
		ref := metav1.GetControllerOf(c)
		if ref == nil || o.statefulSet != nil && ref.UID == o.statefulSet.UID {
			return ours
		}
		if ref.Kind == "StatefulSet" && ref.Name == a.Name {
			return leaving // goes with a StatefulSet that is gone
		}
	}
	return foreign
}

// neverBound says whether a claim of ours was made for a class that the spec does
// not ask for any more, and has no volume yet: another can take its place. One
// that is being restored into stays.
func neverBound(o *observed, c *corev1.PersistentVolumeClaim) bool {
	if c == nil || c.Status.Phase != corev1.ClaimPending || c.Spec.VolumeName != "" || standingOfClaim(o, c) != ours ||
		c.Spec.DataSource != nil || c.Spec.DataSourceRef != nil || c.Spec.Selector != nil {
		return false
	}
	asked, known := askedClass(o, c)
	want := o.instance.Spec.Storage.StorageClassName
	return known && (asked == nil) != (want == nil) || known && asked != nil && want != nil && *asked != *want
}

// askedClass is the storage class that the operator has asked for, nil for the
// cluster's default; not known of a claim that it did not make.
func askedClass(o *observed, c *corev1.PersistentVolumeClaim) (class *string, known bool) {
	if owned, err := corev1ac.ExtractPersistentVolumeClaim(c, FieldManager); err == nil && owned.Spec != nil && owned.Spec.AccessModes != nil {
		return owned.Spec.StorageClassName, true
	}
	if t := templateOf(o.statefulSet); t != nil && t.Spec != nil {
		return t.Spec.StorageClassName, true
	}
	return nil, false
}

// claimCalled is the claim of an origin, by its name; nil: there is none.
func (o *observed) claimCalled(name string) *corev1.PersistentVolumeClaim {
	for _, s := range o.origins() {
		if s.claimName == name {
			return s.claim
		}
	}
	return nil
}

// takeClaim notes what the claim of an origin is now.
func (o *observed) takeClaim(name string, now *corev1.PersistentVolumeClaim) {
	if o.storageClass == nil {
		o.storageClass = &storagev1.StorageClass{} // not looked at yet
	}
	if name == claimName(o.instance) {
		o.claim, o.standing.claim = now, ours
		return
	}
	for i := range o.shards {
		if name == shardClaim(o.instance, i+1) {
			o.shards[i].claim, o.shards[i].standing = now, ours
		}
	}
}

// leftover are the claims of replicas that the instance does not have: origins have left, or
// a user has scaled its StatefulSet by hand.
func leftover(o *observed) (names []string) {
	prefix := volumeData + "-" + o.instance.Name + "-"
	for _, c := range o.claims {
		n, ok := strings.CutPrefix(c.Name, prefix)
		if i, err := strconv.Atoi(n); ok && err == nil && i >= len(o.origins()) {
			names = append(names, c.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
