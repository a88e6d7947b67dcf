package controllers

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
)

// storageVerdict is about the volume, or those of several origins: one that needs a user comes
// before one that waits, and that before one there is something to say of.
func storageVerdict(o *observed) verdict {
	is := verdict{}
	all := o.origins()
	for _, s := range all {
		v := s.named(o, claimVerdict(o, s), s.claimName)
		switch {
		case is.none(), v.stalled && !is.stalled, !v.ok() && is.ok(), v.ok() && is.reason == reasonBound:
			is = v
		}
	}
	left := leftover(o)
	switch {
	case is.reason != reasonBound:
		return is
	case len(left) > 0:
		return good("ClaimsLeftOver", fmt.Sprintf("%s; no server uses %s any more, since spec.shards was lowered, or somebody has scaled the StatefulSet: once you need nothing of it, kubectl delete pvc %s --namespace %s",
			boundMessage(o), strings.Join(left, ", "), strings.Join(left, " "), o.instance.Namespace))
	}
	return good(reasonBound, boundMessage(o))
}

// reasonBound is that of a volume that is as it should be.
const reasonBound = "Bound"

// boundMessage is about volumes that are as they should be.
func boundMessage(o *observed) string {
	if all := o.origins(); len(all) > 1 {
		return fmt.Sprintf("each of %d volumes has %s or more", len(all), o.instance.Spec.Storage.Size.String())
	}
	have := capacity(o.claim)
	return "the volume has " + have.String()
}

// claimVerdict is about the volume of one origin.
func claimVerdict(o *observed, s shard) verdict {
	c := s.claim
	switch {
	case c == nil || s.standing == absent:
		return coming("ClaimMissing", "the volume is not claimed yet")
	case s.standing == leaving:
		return stalled("ClaimLeaving", fmt.Sprintf("claim %s of an AppInstance before is being deleted: this one waits until it is gone; delete the pods that still use it", c.Name))
	case c.Status.Phase == corev1.ClaimLost:
		return stalled("ClaimLost", fmt.Sprintf("the volume of claim %s is gone: delete the claim to begin with an empty one, or restore it under that name", c.Name))
	case c.Status.Phase != corev1.ClaimBound:
		return pendingVerdict(o, c)
	}
	want, have := o.instance.Spec.Storage.Size, capacity(c)
	switch {
	case s.standing == foreign && have.Cmp(want) < 0:
		return good("ForeignClaim", fmt.Sprintf("claim %s was made by somebody else and is used as it is: it has %s, and to grow to %s is for whoever made it", c.Name, have.String(), want.String()))
	case s.standing == foreign:
		return good("ForeignClaim", fmt.Sprintf("claim %s was made by somebody else and is used as it is, with %s", c.Name, have.String()))
	case have.Cmp(want) < 0:
		for _, resize := range c.Status.Conditions {
			if resize.Type == corev1.PersistentVolumeClaimControllerResizeError || resize.Type == corev1.PersistentVolumeClaimNodeResizeError {
				return stalled("GrowthFailed", fmt.Sprintf("the volume cannot grow from %s to %s: %s; spec.storage.size may go back to %s", have.String(), want.String(), resize.Message, have.String()))
			}
		}
		return good("Growing", fmt.Sprintf("the volume has %s and grows to %s", have.String(), want.String()))
	}
	return good(reasonBound, "the volume has "+have.String())
}

// pendingClass is the storage class of the first claim that waits for a volume; "": none does,
// or it names none.
func (o *observed) pendingClass() string {
	for _, s := range o.origins() {
		if c := s.claim; c != nil && c.Status.Phase == corev1.ClaimPending && c.Spec.StorageClassName != nil && *c.Spec.StorageClassName != "" {
			return *c.Spec.StorageClassName
		}
	}
	return ""
}

// pendingVerdict says what a claim without a volume waits for.
func pendingVerdict(o *observed, c *corev1.PersistentVolumeClaim) verdict {
	class := c.Spec.StorageClassName
	switch {
	case class == nil:
		return stalled("ClaimPending", fmt.Sprintf("claim %s names no storage class, and the cluster has no default one: name one in spec.storage.storageClassName", c.Name))
	case *class != "" && *class != o.pendingClass(): // another's, which was looked at
	case *class != "" && o.storageClass == nil:
		return stalled("StorageClassMissing", fmt.Sprintf("claim %s waits for a volume of storage class %s, which this cluster does not have: name another in spec.storage.storageClassName", c.Name, *class))
	case o.storageClass != nil && o.storageClass.VolumeBindingMode != nil && *o.storageClass.VolumeBindingMode == storagev1.VolumeBindingWaitForFirstConsumer:
		return coming("ClaimPending", fmt.Sprintf("claim %s waits for the pod: its class makes volumes where pods are", c.Name))
	}
	return coming("ClaimPending", fmt.Sprintf("claim %s waits for a volume of storage class %q", c.Name, *class))
}
