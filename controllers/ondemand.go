package controllers

import (
	"context"
	"fmt"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// Of the AppInstances of one application in a namespace one may say
// onDemandInstances, or it would depend on the address that a client takes which
// of them has its instance. The oldest does; each other one serves the instance
// that it names, and says so.

// gatherRival finds the AppInstance that has the on-demand instances which this
// one asks for.
func (r *Reconciler) gatherRival(ctx context.Context, o *observed) error {
	a := o.instance
	if !a.Spec.OnDemandInstances {
		return nil
	}
	var list v1alpha1.AppInstanceList
	if err := r.List(ctx, &list, client.InNamespace(a.Namespace)); err != nil {
		return fmt.Errorf("list AppInstances of application %s: %w", a.Spec.Application, err)
	}
	o.rival = rivalOf(a, list.Items)
	return nil
}

// rivalOf is the name of the oldest AppInstance that asks for the on-demand
// instances of a's application, if that is another; else "".
func rivalOf(a *v1alpha1.AppInstance, all []v1alpha1.AppInstance) string {
	first := a
	for i := range all {
		if other := &all[i]; asksFor(other, a.Spec.Application) && other.UID != a.UID && before(other, first) {
			first = other
		}
	}
	if first == a {
		return ""
	}
	return first.Name
}

// asksFor says whether an AppInstance asks for an application's on-demand
// instances. One that is being deleted does no more.
func asksFor(a *v1alpha1.AppInstance, application string) bool {
	return a.Spec.OnDemandInstances && a.Spec.Application == application && a.DeletionTimestamp == nil
}

// before orders AppInstances of a namespace by their age.
func before(a, b *v1alpha1.AppInstance) bool {
	if a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.Name < b.Name
	}
	return a.CreationTimestamp.Before(&b.CreationTimestamp)
}

// served is the instance as far as its server is to serve it.
func (o *observed) served() *v1alpha1.AppInstance {
	if o.rival == "" {
		return o.instance
	}
	a := o.instance.DeepCopy()
	a.Spec.OnDemandInstances = false
	return a
}

// rivalMessage tells the user of an AppInstance that another has its on-demand
// instances.
func rivalMessage(o *observed) string {
	return fmt.Sprintf("AppInstance %s of application %s says onDemandInstances, too, and is older: this one serves %s alone: let one of the two say so",
		o.rival, o.instance.Spec.Application, o.instance.Path())
}

// rivals are the AppInstances to look at when one of their application has
// changed, or is gone.
func (r *Reconciler) rivals(ctx context.Context, o client.Object) (all []ctrl.Request) {
	a, ok := o.(*v1alpha1.AppInstance)
	if !ok {
		return nil
	}
	if behindGateway(a) { // others of the application may have lost a name to it, wherever they are
		all = r.routeRivals(ctx, a)
	}
	if serviceGateway(a) != nil {
		var list v1alpha1.AppInstanceList
		if err := r.List(ctx, &list, client.InNamespace(a.Namespace)); err != nil {
			ctrl.LoggerFrom(ctx).Error(err, "cannot find the AppInstances behind a Gateway", "namespace", a.Namespace)
			return all
		}
		all = append(all, listenerRivals(a, list.Items)...)
	}
	if !a.Spec.OnDemandInstances {
		return all
	}
	others, err := r.found(ctx, []string{ofTheRest(a)}, client.InNamespace(a.Namespace))
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "cannot find the AppInstances of an application", "namespace", a.Namespace, "application", a.Spec.Application)
		return all
	}
	for i := range others {
		if other := &others[i]; asksFor(other, a.Spec.Application) && other.UID != a.UID {
			all = append(all, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(other)})
		}
	}
	return all
}
