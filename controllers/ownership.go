package controllers

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// standing is what an object is to the instance whose child would bear its
// name.
type standing int

const (
	absent  standing = iota // there is none
	ours                    // the instance's child
	leaving                 // on its way out: it is waited for
	foreign                 // of another owner: it is not touched
)

// standingOf judges an object; nil is absent. Ours is what this AppInstance
// controls, or what has no controller and we have applied: a key and a claim that
// outlived their AppInstance, and children that were orphaned.
func standingOf(a *v1alpha1.AppInstance, o client.Object) standing {
	if o == nil {
		return absent
	}
	c := metav1.GetControllerOf(o)
	switch {
	case c == nil && !applied(o):
		return foreign
	case c != nil && c.UID != a.UID:
		if isAppInstance(c) && c.Name == a.Name {
			return leaving // of a deleted one of this name: the garbage collector removes it
		}
		return foreign
	case o.GetDeletionTimestamp() != nil:
		return leaving
	}
	return ours
}

func isAppInstance(c *metav1.OwnerReference) bool {
	gv, err := schema.ParseGroupVersion(c.APIVersion)
	return err == nil && gv.Group == v1alpha1.GroupVersion.Group && c.Kind == v1alpha1.Kind
}

// applied says whether the operator has applied an object.
func applied(o client.Object) bool {
	for _, m := range o.GetManagedFields() {
		if m.Manager == FieldManager && m.Operation == metav1.ManagedFieldsOperationApply && m.Subresource == "" {
			return true
		}
	}
	return false
}

// conflict is a name that an object of another owner has.
type conflict struct {
	kind, name, owner string
}

// conflictOf tells whose an object is.
func conflictOf(kind string, o client.Object) conflict {
	c := conflict{kind: kind, name: o.GetName()}
	if ref := metav1.GetControllerOf(o); ref != nil {
		c.owner = ref.Kind + " " + ref.Name
		return c
	}
	var managers []string
	for _, m := range o.GetManagedFields() {
		if m.Subresource == "" {
			managers = append(managers, m.Manager)
		}
	}
	switch {
	case o.GetLabels()[labelManagedBy] != "":
		c.owner = o.GetLabels()[labelManagedBy]
	case len(managers) > 0:
		c.owner = strings.Join(managers, ", ")
	default:
		c.owner = "nobody that it names"
	}
	return c
}

// String says whose the object is, and what its owner may do about it.
func (c conflict) String() string {
	way := "rename or delete it, or give this AppInstance another name"
	switch {
	case c.kind == "Secret" && strings.HasSuffix(c.name, "-console"):
		way = "rename or delete it, or set spec.console.mode to None"
	case c.kind == "Secret" && strings.HasSuffix(c.name, "-link"):
		way = "rename or delete it, or leave out spec.edges"
	case c.kind == "Secret":
		way = "rename or delete it, or name a Secret of yours in spec.access.publish.secretName"
	}
	return fmt.Sprintf("%s %s is there and not the operator's (it belongs to %s), so it is left alone: %s", c.kind, c.name, c.owner, way)
}
