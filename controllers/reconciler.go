package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// Reconciler makes Kubernetes objects of AppInstances.
type Reconciler struct {
	client.Client
	APIReader  client.Reader // past the cache
	Events     events.EventRecorder
	MediaImage string // of instances that name none
}

// +kubebuilder:rbac:groups=media.flashpod.dev,resources=appinstances,verbs=get;list;watch
// +kubebuilder:rbac:groups=media.flashpod.dev,resources=appinstances/status,verbs=patch
// +kubebuilder:rbac:groups=media.flashpod.dev,resources=appinstances/finalizers,verbs=update
// +kubebuilder:rbac:groups=apps,resources=statefulsets,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups="",resources=services;configmaps;serviceaccounts,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;create;patch
// +kubebuilder:rbac:groups="",resources=persistentvolumeclaims,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups="",resources=pods,verbs=get;list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconcile brings one AppInstance and what belongs to it together.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	a := &v1alpha1.AppInstance{}
	if err := r.Get(ctx, req.NamespacedName, a); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if a.DeletionTimestamp != nil {
		return ctrl.Result{}, nil // children go with their owner
	}
	o, err := r.gather(ctx, a)
	if err != nil {
		return ctrl.Result{}, err
	}
	children, err := desired(o)
	if err != nil {
		return ctrl.Result{}, err
	}
	o.applyErr = r.apply(ctx, children)
	return ctrl.Result{}, errors.Join(o.applyErr, r.writeStatus(ctx, a, statusOf(o)))
}

// apply makes children as they should be. One that fails keeps no other back.
func (r *Reconciler) apply(ctx context.Context, children []child) error {
	var errs []error
	for _, c := range children {
		if c.current() {
			continue
		}
		if c.first != nil {
			if err := r.Patch(ctx, c.of, c.first, client.FieldOwner(FieldManager)); err != nil {
				errs = append(errs, fmt.Errorf("mend %s: %w", c.name, err))
				continue
			}
		}
		if err := r.Apply(ctx, c.want, client.FieldOwner(FieldManager), client.ForceOwnership); err != nil {
			errs = append(errs, fmt.Errorf("apply %s: %w", c.name, err))
		}
	}
	return errors.Join(errs...)
}

// writeStatus writes a status that differs, and tells of it what has turned.
func (r *Reconciler) writeStatus(ctx context.Context, a *v1alpha1.AppInstance, status v1alpha1.AppInstanceStatus) error {
	if equality.Semantic.DeepEqual(a.Status, status) {
		return nil
	}
	old := a.DeepCopy()
	a.Status = status
	if err := r.Status().Patch(ctx, a, client.MergeFrom(old), client.FieldOwner(FieldManager)); err != nil {
		return client.IgnoreNotFound(fmt.Errorf("write status: %w", err))
	}
	r.tell(a, old.Status)
	return nil
}

// tell makes an event of each turn of the conditions that tell the story.
func (r *Reconciler) tell(a *v1alpha1.AppInstance, was v1alpha1.AppInstanceStatus) {
	for _, kind := range []string{v1alpha1.ConditionStorageReady, v1alpha1.ConditionServiceReady, v1alpha1.ConditionOriginReady, v1alpha1.ConditionReady} {
		now, before := meta.FindStatusCondition(a.Status.Conditions, kind), meta.FindStatusCondition(was.Conditions, kind)
		if now == nil || before != nil && before.Status == now.Status && before.Reason == now.Reason {
			continue
		}
		if before == nil && now.Status != "True" {
			continue // nothing is ready at the very beginning
		}
		level := corev1.EventTypeNormal
		if now.Reason == "ApplyFailed" || now.Reason == "ImagePullBackOff" || now.Reason == "ErrImagePull" || now.Reason == "CrashLoopBackOff" {
			level = corev1.EventTypeWarning
		}
		r.Events.Eventf(a, nil, level, now.Reason, "Reconcile", "%s: %s", kind, now.Message)
	}
}

// SetupWithManager watches AppInstances, what they own, and the pods and claims
// that belong to them by their labels.
func (r *Reconciler) SetupWithManager(m ctrl.Manager) error {
	byLabel := handler.EnqueueRequestsFromMapFunc(func(_ context.Context, o client.Object) []ctrl.Request {
		l := o.GetLabels()
		if l[labelName] != appName || l[labelInstance] == "" {
			return nil
		}
		return []ctrl.Request{{NamespacedName: client.ObjectKey{Namespace: o.GetNamespace(), Name: l[labelInstance]}}}
	})
	warm := true
	return ctrl.NewControllerManagedBy(m).
		For(&v1alpha1.AppInstance{}).
		Owns(&appsv1.StatefulSet{}).
		Owns(&corev1.Service{}).
		Owns(&corev1.ConfigMap{}).
		Owns(&corev1.ServiceAccount{}).
		Watches(&corev1.Pod{}, byLabel).
		Watches(&corev1.PersistentVolumeClaim{}, byLabel).
		WithOptions(controller.Options{EnableWarmup: &warm, ReconciliationTimeout: time.Minute, MaxConcurrentReconciles: 4}).
		Complete(r)
}
