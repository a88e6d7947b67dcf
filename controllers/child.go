package controllers

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// child is an object to apply, and what there is of it now.
type child struct {
	kind, name string
	want       runtime.ApplyConfiguration
	have       client.Object       // nil: there is none
	owned      func() (any, error) // our fields of have
	// unlabel is a label that must go and that applying leaves, because
	// another manager has written it.
	unlabel string
}

// String is what errors call the object: its kind and name.
func (c child) String() string { return c.kind + " " + c.name }

// current says whether a child is as it should be already.
func (c child) current() (bool, error) {
	if c.have == nil {
		return false, nil
	}
	if _, wrong := c.have.GetLabels()[c.unlabel]; c.unlabel != "" && wrong {
		return false, nil
	}
	if p, err := foreignFields(c.kind, c.have); err != nil || p != nil {
		return false, err
	}
	have, err := c.owned()
	if err != nil {
		return false, fmt.Errorf("%s: %w", c, err)
	}
	return same(c.want, have)
}

// neverVersion is a resourceVersion that no object has. The API server creates
// an object that is applied with it, and refuses to change one that is there:
// a first write can so adopt no object that was made in between.
const neverVersion = "1"

// racedError says that an object was changed, made or deleted since it was read.
type racedError struct {
	child child
	err   error
}

// Error implements error.
func (e *racedError) Error() string {
	return fmt.Sprintf("%s has changed meanwhile: %v", e.child, e.err)
}

// Unwrap is for errors.Is and errors.As.
func (e *racedError) Unwrap() error { return e.err }

// applyChild makes a child as it should be and returns what the API server has
// now; nil when nothing had to be written.
func (r *Reconciler) applyChild(ctx context.Context, c child) (*unstructured.Unstructured, error) {
	if is, err := c.current(); err != nil || is {
		return nil, err
	}
	// The answer is written into what is sent: a fresh object each time.
	u := &unstructured.Unstructured{}
	var err error
	if u.Object, err = plain(c.want); err != nil {
		return nil, err
	}
	if c.have == nil {
		u.SetResourceVersion(neverVersion)
	} else {
		have, err := r.prepare(ctx, c)
		if err != nil {
			return nil, err
		}
		u.SetUID(have.GetUID())
		if c.kind == "StatefulSet" {
			// What was read decides whose turn it is: it must not be late.
			u.SetResourceVersion(have.GetResourceVersion())
		}
	}
	err = r.Apply(ctx, client.ApplyConfigurationFromUnstructured(u), client.FieldOwner(FieldManager), client.ForceOwnership)
	switch {
	case err == nil:
		return u, nil
	case apierrors.IsConflict(err), c.have != nil && isUIDChange(err):
		return nil, &racedError{c, err}
	}
	return nil, &refusedError{c, err}
}

// refusedError says that the API server did not take a child.
type refusedError struct {
	child child
	err   error
}

// Error implements error.
func (e *refusedError) Error() string { return fmt.Sprintf("apply %s: %v", e.child, e.err) }

// Unwrap is for errors.Is and errors.As.
func (e *refusedError) Unwrap() error { return e.err }

// prepare mends by patch what applying would leave, and returns the object as it
// is then.
func (r *Reconciler) prepare(ctx context.Context, c child) (client.Object, error) {
	p, err := foreignFields(c.kind, c.have)
	if err != nil {
		return nil, err
	}
	have, _ := c.have.DeepCopyObject().(client.Object)
	if p != nil {
		if err := r.Patch(ctx, have, p, client.FieldOwner(FieldManager)); err != nil {
			return nil, raced(c, err, "take over what others have written into")
		}
	}
	if _, wrong := have.GetLabels()[c.unlabel]; c.unlabel != "" && wrong {
		before, _ := have.DeepCopyObject().(client.Object)
		l := have.GetLabels()
		delete(l, c.unlabel)
		have.SetLabels(l)
		if err := r.Patch(ctx, have, client.MergeFrom(before), client.FieldOwner(FieldManager)); err != nil {
			return nil, raced(c, err, "take a label from")
		}
	}
	return have, nil
}

func raced(c child, err error, doing string) error {
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return &racedError{c, err}
	}
	return fmt.Errorf("%s %s: %w", doing, c, err)
}

// isUIDChange says whether an object was replaced by another of its name.
func isUIDChange(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return false
	}
	for _, c := range status.Status().Details.Causes {
		if c.Field == "metadata.uid" {
			return true
		}
	}
	return false
}
