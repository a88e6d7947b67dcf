package controllers

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
)

// storageVerdict is about the volume.
func storageVerdict(o *observed) verdict {
	c := o.claim
	switch {
	case c == nil || o.standing.claim == absent:
		return coming("ClaimMissing", "the volume is not claimed yet")
	case o.standing.claim == leaving:
		return stalled("ClaimLeaving", fmt.Sprintf("claim %s of an AppInstance before is being deleted: this one waits until it is gone; delete the pods that still use it", c.Name))
	case c.Status.Phase == corev1.ClaimLost:
		return stalled("ClaimLost", fmt.Sprintf("the volume of claim %s is gone: delete the claim to begin with an empty one, or restore it under that name", c.Name))
	case c.Status.Phase != corev1.ClaimBound:
		return pendingVerdict(o)
	}
	want, have := o.instance.Spec.Storage.Size, capacity(c)
	switch {
	case o.standing.claim == foreign && have.Cmp(want) < 0:
		return good("ForeignClaim", fmt.Sprintf("claim %s was made by somebody else and is used as it is: it has %s, and to grow to %s is for whoever made it", c.Name, have.String(), want.String()))
	case o.standing.claim == foreign:
		return good("ForeignClaim", fmt.Sprintf("claim %s was made by somebody else and is used as it is, with %s", c.Name, have.String()))
	case have.Cmp(want) < 0:
		for _, resize := range c.Status.Conditions {
			if resize.Type == corev1.PersistentVolumeClaimControllerResizeError || resize.Type == corev1.PersistentVolumeClaimNodeResizeError {
				return stalled("GrowthFailed", fmt.Sprintf("the volume cannot grow from %s to %s: %s; spec.storage.size may go back to %s", have.String(), want.String(), resize.Message, have.String()))
			}
		}
		return good("Growing", fmt.Sprintf("the volume has %s and grows to %s", have.String(), want.String()))
	}
	if left := leftover(o); len(left) > 0 {
		return good("ClaimsLeftOver", fmt.Sprintf("the volume has %s; somebody has scaled StatefulSet %s, and left %s behind: kubectl delete pvc %s --namespace %s",
			have.String(), o.instance.Name, strings.Join(left, ", "), strings.Join(left, " "), c.Namespace))
	}
	return good("Bound", "the volume has "+have.String())
}

// pendingVerdict says what a claim without a volume waits for.
func pendingVerdict(o *observed) verdict {
	c := o.claim
	class := c.Spec.StorageClassName
	switch {
	case class == nil:
		return stalled("ClaimPending", fmt.Sprintf("claim %s names no storage class, and the cluster has no default one: name one in spec.storage.storageClassName", c.Name))
	case *class != "" && o.storageClass == nil:
		return stalled("StorageClassMissing", fmt.Sprintf("claim %s waits for a volume of storage class %s, which this cluster does not have: name another in spec.storage.storageClassName", c.Name, *class))
	case o.storageClass != nil && o.storageClass.VolumeBindingMode != nil && *o.storageClass.VolumeBindingMode == storagev1.VolumeBindingWaitForFirstConsumer:
		return coming("ClaimPending", fmt.Sprintf("claim %s waits for the pod: its class makes volumes where pods are", c.Name))
	}
	return coming("ClaimPending", fmt.Sprintf("claim %s waits for a volume of storage class %q", c.Name, *class))
}
