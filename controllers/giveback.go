package controllers

import (
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// Operators until 2026-11 took whatever had the name of a child for one. What
// they took over so is older than its AppInstance, and is given back: our owner
// reference, labels and field ownership go, the rest stays as it is.

// takenOver says whether an object that an instance controls had another owner
// before. A child that was orphaned and adopted again is older than its
// AppInstance too, but the operator made it: no other manager wrote what only a
// maker writes.
func takenOver(a *v1alpha1.AppInstance, o client.Object) bool {
	c := metav1.GetControllerOf(o)
	if c == nil || c.UID != a.UID || !o.GetCreationTimestamp().Time.Before(a.CreationTimestamp.Time) {
		return false
	}
	switch o := o.(type) {
	case *corev1.ServiceAccount:
		// An empty one leaves no trace of its maker. Ours has no state, and
		// another is made: giving it back by mistake costs nothing.
		return true
	case *corev1.ConfigMap:
		entries := len(o.Data) + len(o.BinaryData)
		for _, own := range []string{addressesFile, edgeFile, leaveFile} {
			if _, ours := o.Data[own]; ours {
				entries--
			}
		}
		if entries > 1 {
			return true
		}
	case *corev1.Secret:
		if len(o.Data) > 1 {
			return true
		}
	}
	created := o.GetCreationTimestamp().Time
	for _, m := range o.GetManagedFields() {
		if m.Manager == FieldManager || m.Subresource != "" {
			continue
		}
		if m.Time != nil && m.Time.Sub(created) <= time.Second || madeBy(m) {
			return true
		}
	}
	return false
}

// madeBy says whether a manager's fields are among those that only the maker of
// an object writes.
func madeBy(m metav1.ManagedFieldsEntry) bool {
	if m.FieldsV1 == nil {
		return false
	}
	var fields map[string]any
	if json.Unmarshal(m.FieldsV1.GetRawBytes(), &fields) != nil {
		return false
	}
	spec, _ := fields["f:spec"].(map[string]any)
	return fields["f:type"] != nil || spec["f:type"] != nil || spec["f:selector"] != nil
}

// giveBack is the patch that lets an object go. It names UID and version: an
// object that changed meanwhile is looked at again.
func giveBack(a *v1alpha1.AppInstance, o client.Object) (client.Patch, error) {
	owners := []metav1.OwnerReference{}
	for _, ref := range o.GetOwnerReferences() {
		if ref.UID != a.UID {
			owners = append(owners, ref)
		}
	}
	managers := []metav1.ManagedFieldsEntry{}
	tokens := false // another manager says whether tokens are mounted
	for _, m := range o.GetManagedFields() {
		if m.Manager == FieldManager && m.Subresource == "" {
			continue
		}
		managers = append(managers, m)
		var fields map[string]any
		if m.FieldsV1 != nil && json.Unmarshal(m.FieldsV1.GetRawBytes(), &fields) == nil && fields["f:automountServiceAccountToken"] != nil {
			tokens = true
		}
	}
	if len(managers) == 0 {
		// An empty list is ignored; one empty entry says that no manager is left.
		managers = append(managers, metav1.ManagedFieldsEntry{})
	}
	gone := map[string]any{}
	for k, v := range labels(a) {
		if o.GetLabels()[k] == v {
			gone[k] = nil
		}
	}
	patch := map[string]any{"metadata": map[string]any{
		"uid": o.GetUID(), "resourceVersion": o.GetResourceVersion(),
		"ownerReferences": owners, "managedFields": managers, "labels": gone,
	}}
	if _, ok := o.(*corev1.ServiceAccount); ok && !tokens {
		patch["automountServiceAccountToken"] = nil
	}
	raw, err := json.Marshal(patch)
	if err != nil {
		return nil, fmt.Errorf("give back %s: %w", o.GetName(), err)
	}
	return client.RawPatch(types.MergePatchType, raw), nil
}
