package controllers

import (
	"context"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	k8slabels "k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/log"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// lookForRoutes is how often the API server is asked whether it has HTTPRoutes. An
// instance that wants one asks, too, whenever it is reconciled.
const lookForRoutes = time.Minute

// Routes is the operator's sight of HTTPRoutes, a kind that a cluster need not have. It
// asks the API server whether it has them, and watches them only while it does: an
// informer of a kind that is not there would keep the operator from starting, or fill
// its log.
type Routes struct {
	api discovery.ServerResourcesInterfaceWithContext
	// cache holds the operator's own, and changes is what happens to them until done;
	// without a cache there is no watch.
	cache   cache.Cache
	changes chan event.GenericEvent
	done    chan struct{}

	mu    sync.Mutex
	there bool // as the API server said last
}

// NewRoutes is a sight without a cache: each look is a question to the API server.
func NewRoutes(config *rest.Config) (*Routes, error) {
	api, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("ask which kinds the cluster has: %w", err)
	}
	return &Routes{api: api, changes: make(chan event.GenericEvent), done: make(chan struct{})}, nil
}

// ownCacheOptions are those of a third cache, of what carries our label, whatever it is:
// HTTPRoutes, since to name a kind in a cache's options is to need it, and the Secrets
// that the operator makes, of which the first has those with keys alone.
func ownCacheOptions(namespaces []string) cache.Options {
	return cache.Options{
		DefaultNamespaces:    perNamespace(namespaces),
		DefaultLabelSelector: k8slabels.SelectorFromSet(k8slabels.Set{labelName: appName}),
	}
}

// look asks whether the cluster has HTTPRoutes, and begins or ends the watch.
func (r *Routes) look(ctx context.Context) (bool, error) {
	if r == nil {
		return false, nil
	}
	list, err := r.api.ServerResourcesForGroupVersionWithContext(ctx, gatewayv1.GroupVersion.String())
	if err != nil && !apierrors.IsNotFound(err) {
		return false, fmt.Errorf("ask whether the cluster has HTTPRoutes: %w", err)
	}
	there := false
	if err == nil {
		for _, kind := range list.APIResources {
			there = there || kind.Kind == "HTTPRoute"
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	was := r.there
	r.there = there
	if was == there || r.cache == nil {
		return there, nil
	}
	// Neither waits for the API server.
	if there {
		log.FromContext(ctx).Info("the cluster has HTTPRoutes: watching those of AppInstances")
		err = r.watch(ctx)
	} else {
		log.FromContext(ctx).Info("the cluster has no HTTPRoutes any more")
		err = r.cache.RemoveInformer(ctx, &gatewayv1.HTTPRoute{})
	}
	if err != nil {
		r.there = was // it is tried again
		return there, fmt.Errorf("watch HTTPRoutes: %w", err)
	}
	return there, nil
}

// watch begins to watch. What the API server says to it is heard later: where the
// operator has no right to, there is a line in its log, and no more.
func (r *Routes) watch(ctx context.Context) error {
	informer, err := r.cache.GetInformer(ctx, &gatewayv1.HTTPRoute{}, cache.BlockUntilSynced(false))
	if err != nil {
		return err
	}
	_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    r.changed,
		UpdateFunc: func(_, now any) { r.changed(now) },
		DeleteFunc: func(was any) {
			if unseen, ok := was.(toolscache.DeletedFinalStateUnknown); ok {
				was = unseen.Obj
			}
			r.changed(was)
		},
	})
	return err
}

func (r *Routes) changed(o any) {
	if route, ok := o.(client.Object); ok {
		select {
		case r.changes <- event.GenericEvent{Object: route}:
		case <-r.done:
		}
	}
}

// reader is where HTTPRoutes are read that nobody has asked for any more, without a
// question to the API server for every instance; nil: nowhere.
func (r *Routes) reader(ctx context.Context, direct client.Reader) (client.Reader, error) {
	if r == nil {
		return nil, nil
	}
	r.mu.Lock()
	there := r.there
	r.mu.Unlock()
	switch {
	case !there:
		return nil, nil
	case r.cache == nil:
		return direct, nil
	}
	informer, err := r.cache.GetInformer(ctx, &gatewayv1.HTTPRoute{}, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, fmt.Errorf("watch HTTPRoutes: %w", err)
	}
	if !informer.HasSynced() {
		return nil, nil // what it finds then is an event of its owner
	}
	return r.cache, nil
}

// Start implements manager.Runnable: it looks again and again, so that what was left
// over is seen after a start, and no watch goes on whose kind is gone.
func (r *Routes) Start(ctx context.Context) error {
	defer close(r.done)
	for {
		if _, err := r.look(ctx); err != nil && ctx.Err() == nil {
			log.FromContext(ctx).Error(err, "cannot look for HTTPRoutes")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(lookForRoutes):
		}
	}
}

// NeedLeaderElection implements manager.LeaderElectionRunnable: a standby watches, too.
func (r *Routes) NeedLeaderElection() bool { return false }

// gatherRoute reads the instance's HTTPRoute, where there can be one.
func (r *Reconciler) gatherRoute(ctx context.Context, o *observed) error {
	wanted := gatewayRef(o.instance) != nil
	if wanted {
		there, err := r.Routes.look(ctx)
		if err != nil {
			return err
		}
		o.hasRoutes = there
	}
	reader, err := r.Routes.reader(ctx, r.Client)
	if err != nil {
		return err
	}
	from := []client.Reader{reader, r.APIReader}
	if !wanted || !o.hasRoutes {
		from = from[:1]
	}
	key := client.ObjectKey{Namespace: o.instance.Namespace, Name: routeName(o.instance)}
	for _, reader := range from {
		if reader == nil {
			continue
		}
		route := &gatewayv1.HTTPRoute{}
		switch err := reader.Get(ctx, key, route); {
		case err == nil:
			o.route = route
			return nil
		case apierrors.IsForbidden(err):
			o.hasRoutes, o.routeRefused = false, err.Error()
			return nil
		case !apierrors.IsNotFound(err):
			return fmt.Errorf("read HTTPRoute %s: %w", key, err)
		}
	}
	return nil
}
