package main

import (
	"context"
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// loadBalancers gives Services of type LoadBalancer an address in their status; kube-proxy then serves it.
type loadBalancers struct {
	client.Client
	pool pool
}

func (r *loadBalancers) setup(m ctrl.Manager) error {
	// One worker, the default: two Services never choose at the same time.
	return ctrl.NewControllerManagedBy(m).Named("loadbalancers").For(&corev1.Service{}).Complete(r)
}

// Reconcile implements reconcile.Reconciler: a Service of type LoadBalancer has its address.
func (r *loadBalancers) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	service := &corev1.Service{}
	if err := r.Get(ctx, req.NamespacedName, service); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	// A Service that names a class asks for another load balancer than ours.
	if service.Spec.LoadBalancerClass != nil {
		return ctrl.Result{}, nil
	}
	has := len(service.Status.LoadBalancer.Ingress) > 0
	wanted := service.Spec.Type == corev1.ServiceTypeLoadBalancer && service.DeletionTimestamp == nil
	if has == wanted {
		return ctrl.Result{}, nil
	}
	before := service.DeepCopy()
	service.Status.LoadBalancer = corev1.LoadBalancerStatus{}
	if wanted {
		address, err := r.choose(ctx)
		if err != nil {
			return ctrl.Result{}, err
		}
		mode := corev1.LoadBalancerIPModeVIP
		service.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: address.String(), IPMode: &mode}}
	}
	// The lock: the cache may be a write behind, and a Service must not get a second address.
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := r.Status().Patch(ctx, service, patch); err != nil {
		return ctrl.Result{}, fmt.Errorf("service %s: write its address: %w", req, err)
	}
	ctrl.LoggerFrom(ctx).Info("address changed", "ingress", service.Status.LoadBalancer.Ingress)
	return ctrl.Result{}, nil
}

// choose takes the next address that no Service has.
func (r *loadBalancers) choose(ctx context.Context) (netip.Addr, error) {
	var services corev1.ServiceList
	if err := r.List(ctx, &services); err != nil {
		return netip.Addr{}, fmt.Errorf("list services: %w", err)
	}
	taken := make(map[netip.Addr]bool)
	for _, s := range services.Items {
		for _, in := range s.Status.LoadBalancer.Ingress {
			if a, err := netip.ParseAddr(in.IP); err == nil {
				taken[a] = true
			}
		}
	}
	address, ok := r.pool.next(taken)
	if !ok {
		return netip.Addr{}, fmt.Errorf("all load balancer addresses from %s to %s are taken; delete a Service", r.pool.first, r.pool.last)
	}
	return address, nil
}
