package controllers

import (
	"context"
	"errors"
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

// lookForRoutes is how often the API server is asked which routes it has. An
// instance that wants one asks, too, whenever it is reconciled.
const lookForRoutes = time.Minute

// The kinds of routes that the operator makes.
const (
	kindHTTPRoute = "HTTPRoute"
	kindTCPRoute  = "TCPRoute"
	kindTLSRoute  = "TLSRoute"
)

// routeKinds are those kinds, with an object of each. A cluster may have some of them:
// the older channels of the Gateway API had no others than HTTPRoutes in v1.
var routeKinds = map[string]func() client.Object{
	kindHTTPRoute: func() client.Object { return &gatewayv1.HTTPRoute{} },
	kindTCPRoute:  func() client.Object { return &gatewayv1.TCPRoute{} },
	kindTLSRoute:  func() client.Object { return &gatewayv1.TLSRoute{} },
}

// Routes is the operator's sight of routes of the Gateway API, kinds that a cluster need
// not have. It asks the API server which it has, and watches those while it does: an
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
	there map[string]bool // as the API server said last
}

// NewRoutes is a sight without a cache: each look is a question to the API server.
func NewRoutes(config *rest.Config) (*Routes, error) {
	api, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("ask which kinds the cluster has: %w", err)
	}
	return &Routes{there: map[string]bool{}, api: api, changes: make(chan event.GenericEvent), done: make(chan struct{})}, nil
}

// ownCacheOptions are those of a third cache, of what carries our label, whatever it is:
// routes, since to name a kind in a cache's options is to need it, and the Secrets
// that the operator makes, of which the first has those with keys alone.
func ownCacheOptions(namespaces []string) cache.Options {
	return cache.Options{
		DefaultNamespaces:    perNamespace(namespaces),
		DefaultLabelSelector: k8slabels.SelectorFromSet(k8slabels.Set{labelName: appName}),
	}
}

// look asks which of the kinds the cluster has, and begins and ends watches.
func (r *Routes) look(ctx context.Context) (map[string]bool, error) {
	if r == nil {
		return nil, nil
	}
	list, err := r.api.ServerResourcesForGroupVersionWithContext(ctx, gatewayv1.GroupVersion.String())
	if err != nil && !apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("ask which routes the cluster has: %w", err)
	}
	now := map[string]bool{}
	if err == nil {
		for _, one := range list.APIResources {
			if routeKinds[one.Kind] != nil {
				now[one.Kind] = true
			}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for kind := range routeKinds {
		if r.there[kind] == now[kind] {
			continue
		}
		if err := r.turn(ctx, kind, now[kind]); err != nil {
			errs = append(errs, fmt.Errorf("watch %ss: %w", kind, err))
			continue // it is tried again
		}
		r.there[kind] = now[kind]
	}
	return now, errors.Join(errs...)
}

// turn begins or ends the watch of a kind. Neither waits for the API server.
func (r *Routes) turn(ctx context.Context, kind string, on bool) error {
	switch {
	case r.cache == nil:
		return nil
	case on:
		log.FromContext(ctx).Info("the cluster has routes of this kind: watching those of AppInstances", "kind", kind)
		return r.watch(ctx, kind)
	}
	log.FromContext(ctx).Info("the cluster has no routes of this kind any more", "kind", kind)
	return r.cache.RemoveInformer(ctx, routeKinds[kind]())
}

// watch begins to watch. What the API server says to it is heard later: where the
// operator has no right to, there is a line in its log, and no more.
func (r *Routes) watch(ctx context.Context, kind string) error {
	informer, err := r.cache.GetInformer(ctx, routeKinds[kind](), cache.BlockUntilSynced(false))
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

// reader is where routes of a kind are read that nobody has asked for any more, without
// a question to the API server for every instance; nil: nowhere.
func (r *Routes) reader(ctx context.Context, direct client.Reader, kind string) (client.Reader, error) {
	if r == nil {
		return nil, nil
	}
	r.mu.Lock()
	there := r.there[kind]
	r.mu.Unlock()
	switch {
	case !there:
		return nil, nil
	case r.cache == nil:
		return direct, nil
	}
	informer, err := r.cache.GetInformer(ctx, routeKinds[kind](), cache.BlockUntilSynced(false))
	if err != nil {
		return nil, fmt.Errorf("watch %ss: %w", kind, err)
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
			log.FromContext(ctx).Error(err, "cannot look for routes")
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

// gatherRoutes reads the instance's routes, where there can be some.
func (r *Reconciler) gatherRoutes(ctx context.Context, o *observed) error {
	byHost, byService := gatewayRef(o.instance) != nil, serviceGateway(o.instance) != nil
	var kinds map[string]bool
	if byHost || byService {
		var err error
		if kinds, err = r.Routes.look(ctx); err != nil {
			return err
		}
	}
	o.hasRoutes = byHost && kinds[kindHTTPRoute]
	route := &gatewayv1.HTTPRoute{}
	found, refused, err := r.routeAt(ctx, o, kindHTTPRoute, route, o.hasRoutes)
	switch {
	case err != nil:
		return err
	case found:
		o.route = route
	case refused != "":
		o.hasRoutes, o.routeRefused = false, refused
	}
	return r.gatherServiceRoutes(ctx, o, kinds)
}

// routeAt reads the instance's route of a kind. Where one is wanted, and the cluster has
// the kind, it is looked for past the cache, too. refused says why the operator may not
// look.
func (r *Reconciler) routeAt(ctx context.Context, o *observed, kind string, into client.Object, wanted bool) (found bool, refused string, err error) {
	reader, err := r.Routes.reader(ctx, r.Client, kind)
	if err != nil {
		return false, "", err
	}
	from := []client.Reader{reader, r.APIReader}
	if !wanted {
		from = from[:1]
	}
	key := client.ObjectKey{Namespace: o.instance.Namespace, Name: routeName(o.instance)}
	for _, reader := range from {
		if reader == nil {
			continue
		}
		switch err := reader.Get(ctx, key, into); {
		case err == nil:
			return true, "", nil
		case apierrors.IsForbidden(err):
			return false, err.Error(), nil
		case !apierrors.IsNotFound(err):
			return false, "", fmt.Errorf("read %s %s: %w", kind, key, err)
		}
	}
	return false, "", nil
}
