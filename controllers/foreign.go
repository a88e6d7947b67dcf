package controllers

import (
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// Server-side apply leaves what another manager has added to an object, such as a
// variable of the environment that was set by hand, because it is theirs. Of
// what the operator alone decides, the fields of others are made ours first:
// applying then removes them.

// undone are the fields that the operator alone decides. Admission hooks write
// in the name of the request's sender, which is the operator: theirs stay.
var undone = map[string]fieldpath.Path{
	"StatefulSet":         fieldpath.MakePathOrDie("spec"),
	"Deployment":          fieldpath.MakePathOrDie("spec"),
	"Service":             fieldpath.MakePathOrDie("spec", "ports"),
	"NetworkPolicy":       fieldpath.MakePathOrDie("spec"),
	"Ingress":             fieldpath.MakePathOrDie("spec"),
	kindHTTPRoute:         fieldpath.MakePathOrDie("spec"),
	kindTCPRoute:          fieldpath.MakePathOrDie("spec"),
	kindTLSRoute:          fieldpath.MakePathOrDie("spec"),
	"PodDisruptionBudget": fieldpath.MakePathOrDie("spec"),
	"ConfigMap":           fieldpath.MakePathOrDie("data"),
}

// restartedAt is how kubectl rollout restart asks for another pod.
var restartedAt = fieldpath.MakePathOrDie("spec", "template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt")

// foreignFields returns the patch that makes fields of others ours; nil when
// there are none.
func foreignFields(kind string, o client.Object) (client.Patch, error) {
	root, ok := undone[kind]
	if !ok {
		return nil, nil
	}
	entries := o.GetManagedFields()
	mine := -1
	for i, m := range entries {
		if m.Manager == FieldManager && m.Operation == metav1.ManagedFieldsOperationApply && m.Subresource == "" {
			mine = i
		}
	}
	if mine < 0 {
		return nil, nil // never applied: the next apply takes what it writes
	}
	own, err := fieldsOf(entries[mine])
	if err != nil {
		return nil, err
	}
	kept, taken, err := withoutTheirs(entries, mine, own, root)
	if err != nil {
		return nil, err
	}
	if taken.Empty() {
		return nil, nil
	}
	for i, m := range kept {
		if m.Manager == FieldManager && m.Operation == metav1.ManagedFieldsOperationApply && m.Subresource == "" {
			if kept[i].FieldsV1, err = fieldsV1(own.Union(taken)); err != nil {
				return nil, err
			}
		}
	}
	raw, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid": o.GetUID(), "resourceVersion": o.GetResourceVersion(), "managedFields": kept,
	}})
	if err != nil {
		return nil, fmt.Errorf("fields of others in %s %s: %w", kind, o.GetName(), err)
	}
	return client.RawPatch(types.MergePatchType, raw), nil
}

// withoutTheirs are the entries of managed fields without what others own below
// root and ours, at index mine, does not; and what was taken from them.
func withoutTheirs(entries []metav1.ManagedFieldsEntry, mine int, own *fieldpath.Set, root fieldpath.Path) (kept []metav1.ManagedFieldsEntry, taken *fieldpath.Set, err error) {
	taken = fieldpath.NewSet()
	kept = make([]metav1.ManagedFieldsEntry, 0, len(entries))
	for i, m := range entries {
		if i == mine || m.Subresource != "" || m.Manager == FieldManager {
			kept = append(kept, m)
			continue
		}
		theirs, err := fieldsOf(m)
		if err != nil {
			return nil, nil, err
		}
		undo := fieldpath.NewSet()
		theirs.Iterate(func(p fieldpath.Path) {
			// What both own is as we want it already.
			if within(root, p) && !within(restartedAt, p) && !above(p, restartedAt) && !own.Has(p) {
				undo.Insert(p.Copy())
			}
		})
		if undo.Empty() {
			kept = append(kept, m)
			continue
		}
		taken = taken.Union(undo)
		if rest := theirs.Difference(undo); !rest.Empty() {
			if m.FieldsV1, err = fieldsV1(rest); err != nil {
				return nil, nil, err
			}
			kept = append(kept, m)
		}
	}
	return kept, taken, nil
}

func within(root, p fieldpath.Path) bool {
	return len(p) >= len(root) && p[:len(root)].Equals(root)
}

// above says whether p is a parent of the leaf.
func above(p, leaf fieldpath.Path) bool { return len(p) < len(leaf) && leaf[:len(p)].Equals(p) }

func fieldsOf(m metav1.ManagedFieldsEntry) (*fieldpath.Set, error) {
	set := fieldpath.NewSet()
	if m.FieldsV1 == nil {
		return set, nil
	}
	if err := set.FromJSON(m.FieldsV1.GetRawReader()); err != nil {
		return nil, fmt.Errorf("fields of %s: %w", m.Manager, err)
	}
	return set, nil
}

func fieldsV1(set *fieldpath.Set) (*metav1.FieldsV1, error) {
	raw, err := set.ToJSON()
	if err != nil {
		return nil, fmt.Errorf("write managed fields: %w", err)
	}
	return metav1.NewFieldsV1(string(raw)), nil
}
