package controllers

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// Recorded is a client that counts and logs what it writes, once it is written.
func Recorded(c client.Client) client.Client { return recorded{c} }

type recorded struct{ client.Client }

func (c recorded) record(ctx context.Context, verb, kind, name string, err error) error {
	if err == nil {
		writesTotal.WithLabelValues(kind, verb).Inc()
		log.FromContext(ctx).Info(verb, "kind", kind, "object", name)
	}
	return err
}

// Apply implements client.Client.
func (c recorded) Apply(ctx context.Context, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
	err := c.Client.Apply(ctx, o, opts...)
	kind, name := "unknown", ""
	if u, ok := o.(interface{ GetKind() string }); ok {
		kind = u.GetKind()
	}
	if u, ok := o.(interface{ GetName() string }); ok {
		name = u.GetName()
	}
	return c.record(ctx, "applied", kind, name, err)
}

// Patch implements client.Client.
func (c recorded) Patch(ctx context.Context, o client.Object, p client.Patch, opts ...client.PatchOption) error {
	return c.record(ctx, "patched", kindName(o), o.GetName(), c.Client.Patch(ctx, o, p, opts...))
}

// Delete implements client.Client.
func (c recorded) Delete(ctx context.Context, o client.Object, opts ...client.DeleteOption) error {
	return c.record(ctx, "deleted", kindName(o), o.GetName(), c.Client.Delete(ctx, o, opts...))
}

// Status implements client.Client.
func (c recorded) Status() client.SubResourceWriter { return recordedStatus{c.Client.Status(), c} }

type recordedStatus struct {
	client.SubResourceWriter
	c recorded
}

// Patch implements client.SubResourceWriter.
func (s recordedStatus) Patch(ctx context.Context, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
	return s.c.record(ctx, "patched status", kindName(o), o.GetName(), s.SubResourceWriter.Patch(ctx, o, p, opts...))
}

func kindName(o client.Object) string {
	if u, ok := o.(*unstructured.Unstructured); ok {
		return u.GetKind()
	}
	return kindOf(o)
}
