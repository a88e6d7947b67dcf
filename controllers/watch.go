package controllers

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// SetupWithManager watches AppInstances, what they own, what belongs to them by
// its labels, and the Secrets that they use. Routes of the Gateway API are
// watched where the cluster has them: see Routes.
func (r *Reconciler) SetupWithManager(m ctrl.Manager) error {
	certificates, err := cache.New(m.GetConfig(), withScheme(CertificateCacheOptions(r.Options.Namespaces), m))
	if err != nil {
		return fmt.Errorf("watch certificates: %w", err)
	}
	if err := m.Add(early{certificates}); err != nil {
		return fmt.Errorf("watch certificates: %w", err)
	}
	if r.Routes, err = NewRoutes(m.GetConfig()); err != nil {
		return err
	}
	own, err := cache.New(m.GetConfig(), withScheme(ownCacheOptions(r.Options.Namespaces), m))
	if err != nil {
		return fmt.Errorf("watch what the operator makes: %w", err)
	}
	r.Routes.cache = own
	for _, runs := range []manager.Runnable{early{own}, r.Routes} {
		if err := m.Add(runs); err != nil {
			return fmt.Errorf("watch what the operator makes: %w", err)
		}
	}
	for name, of := range indexes {
		if err := m.GetFieldIndexer().IndexField(context.Background(), &v1alpha1.AppInstance{}, name, of); err != nil {
			return fmt.Errorf("find AppInstances by their %s: %w", name, err)
		}
	}
	scripts := &metav1.PartialObjectMetadata{}
	scripts.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ConfigMap"))
	byScript := handler.EnqueueRequestsFromMapFunc(r.usersBy(indexScripts))
	bySecret := handler.EnqueueRequestsFromMapFunc(r.usersBy(indexSecrets))
	byLabel := handler.EnqueueRequestsFromMapFunc(byLabels)
	tls := &metav1.PartialObjectMetadata{}
	tls.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	byOwner := handler.EnqueueRequestForOwner(m.GetScheme(), m.GetRESTMapper(), &v1alpha1.AppInstance{}, handler.OnlyControllerOwner())
	tokens := &metav1.PartialObjectMetadata{}
	tokens.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	warm := true
	return ctrl.NewControllerManagedBy(m).
		For(&v1alpha1.AppInstance{}).
		Watches(&v1alpha1.AppInstance{}, handler.EnqueueRequestsFromMapFunc(r.rivals), builder.WithPredicates(predicate.GenerationChangedPredicate{})). // a status claims nothing
		Watches(&v1alpha1.AppInstance{}, handler.EnqueueRequestsFromMapFunc(r.reachers), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Owns(&appsv1.StatefulSet{}).
		Owns(&appsv1.Deployment{}).
		Owns(&policyv1.PodDisruptionBudget{}).
		Owns(&corev1.Service{}).
		Owns(&corev1.ConfigMap{}).
		Owns(&corev1.ServiceAccount{}).
		Owns(&discoveryv1.EndpointSlice{}).
		Owns(&networkingv1.NetworkPolicy{}).
		Owns(&networkingv1.Ingress{}).
		Watches(&appsv1.StatefulSet{}, r.wakeWaiting()).
		Watches(&corev1.Pod{}, byLabel).
		Watches(&corev1.PersistentVolumeClaim{}, byLabel).
		Watches(&corev1.Secret{}, bySecret, builder.OnlyMetadata).
		WatchesRawSource(source.Kind[client.Object](certificates, tls, bySecret)).
		WatchesRawSource(source.Kind[client.Object](certificates, scripts, byScript)).
		WatchesRawSource(source.Kind[client.Object](own, tokens, byOwner)).
		WatchesRawSource(source.Kind[client.Object](own, tokens, bySecret)).
		WatchesRawSource(source.Channel(r.Routes.changes, byOwner)).
		WithOptions(controller.Options{EnableWarmup: &warm, ReconciliationTimeout: time.Minute, MaxConcurrentReconciles: 4}).
		Complete(r)
}

// early is a cache that also a standby operator fills: its controller waits for it
// before it is elected.
type early struct{ cache.Cache }

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (early) NeedLeaderElection() bool { return false }

func withScheme(o cache.Options, m ctrl.Manager) cache.Options {
	o.Scheme, o.Mapper, o.HTTPClient = m.GetScheme(), m.GetRESTMapper(), m.GetHTTPClient()
	return o
}

// byLabels finds the instance of a pod or a claim.
func byLabels(_ context.Context, o client.Object) []ctrl.Request {
	l := o.GetLabels()
	name := l[labelInstance]
	if name == "" {
		name = l[labelOutlives]
	}
	if l[labelName] != appName || name == "" {
		return nil
	}
	return []ctrl.Request{{NamespacedName: client.ObjectKey{Namespace: o.GetNamespace(), Name: name}}}
}

// usersBy are the instances that use a Secret or a ConfigMap, by an index.
func (r *Reconciler) usersBy(index string) handler.MapFunc {
	return func(ctx context.Context, o client.Object) (all []ctrl.Request) {
		var list v1alpha1.AppInstanceList
		if err := r.List(ctx, &list, client.InNamespace(o.GetNamespace()), client.MatchingFields{index: o.GetName()}); err != nil {
			ctrl.LoggerFrom(ctx).Error(err, "cannot find the AppInstances that use an object", "namespace", o.GetNamespace(), "name", o.GetName(), "index", index)
			return nil
		}
		for _, a := range list.Items {
			all = append(all, ctrl.Request{NamespacedName: client.ObjectKeyFromObject(&a)})
		}
		return all
	}
}
