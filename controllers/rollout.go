package controllers

import (
	"context"
	"fmt"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// rollout hands out the places of an upgrade. What it knows is in the
// annotations of StatefulSets, and is read past the cache: it outlives the
// operator, and no cache that is late lets one too many go.
type rollout struct {
	mu sync.Mutex // held from the look at all places until one is taken

	waiting sync.Map // client.ObjectKey of instances that wait for a place
}

// rolloutDeadline is how long a server that an upgrade has restarted may take to
// serve: then the rollout has failed, and no other instance follows.
const rolloutDeadline = 5 * time.Minute

// permit decides, with a place in the rollout when the instance needs one and
// there is one. done is called when the plan was carried out.
func (r *Reconciler) permit(ctx context.Context, o *observed) (p *plan, done func(), err error) {
	done = func() {}
	if p, err = decide(o); err != nil {
		return nil, done, err
	}
	key := client.ObjectKeyFromObject(o.instance)
	if p.upgrade.wait.reason == "WaitsForIdle" && o.pod != nil && o.pod.Status.PodIP != "" {
		if n, ok := r.allSessions(ctx, o); ok {
			o.sessions = n
			if p, err = decide(o); err != nil {
				return nil, done, err
			}
		}
	}
	if p.upgrade.wait.reason != "WaitsForTurn" {
		if !p.upgrade.held() {
			r.rollout.waiting.Delete(key)
		}
		return p, done, nil
	}
	r.rollout.waiting.Store(key, true)
	r.rollout.mu.Lock()
	taken, stopped, err := r.places(ctx, key)
	if err != nil {
		r.rollout.mu.Unlock()
		return nil, done, err
	}
	o.stopped = stopped
	o.turn = stopped == "" && taken < max(r.Options.MaxConcurrentRollouts, 1)
	if p, err = decide(o); err != nil || !o.turn {
		r.rollout.mu.Unlock()
		return p, done, err
	}
	r.rollout.waiting.Delete(key)
	return p, sync.OnceFunc(r.rollout.mu.Unlock), nil
}

// places counts those that others have taken, and names an instance whose upgrade has
// failed.
func (r *Reconciler) places(ctx context.Context, own client.ObjectKey) (taken int, failed string, err error) {
	// Where the cache sees no place there may be one, but an instance that waits
	// is woken when the cache sees it (see wakeWaiting): the API server is asked only
	// where there seems to be one.
	for _, reader := range []client.Reader{r.Client, r.APIReader} {
		taken, failed = 0, ""
		for _, namespace := range r.namespaces() {
			var sets appsv1.StatefulSetList
			if err := reader.List(ctx, &sets, client.InNamespace(namespace), client.MatchingLabels{labelName: appName}); err != nil {
				return 0, "", fmt.Errorf("count the instances that an upgrade restarts: %w", err)
			}
			for i := range sets.Items {
				set := &sets.Items[i]
				if !takesPlace(set) || client.ObjectKeyFromObject(set) == own {
					continue
				}
				taken++
				if r.failed(ctx, set) {
					failed = set.Namespace + "/" + set.Name
				}
			}
		}
		if failed != "" || taken >= max(r.Options.MaxConcurrentRollouts, 1) {
			return taken, failed, nil
		}
	}
	return taken, failed, nil
}

// failed says whether a server that an upgrade has restarted will not serve.
func (r *Reconciler) failed(ctx context.Context, set *appsv1.StatefulSet) bool {
	if r.now().Sub(rolledAt(set)) > rolloutDeadline {
		return true
	}
	a := &v1alpha1.AppInstance{}
	return r.Get(ctx, client.ObjectKeyFromObject(set), a) == nil && originStalled(a)
}

// rolledAt is when an upgrade has changed a StatefulSet: its mark says so.
func rolledAt(set *appsv1.StatefulSet) time.Time {
	for _, m := range set.ManagedFields {
		if m.Manager == FieldManager && m.Operation == "Apply" && m.Subresource == "" && m.Time != nil {
			return m.Time.Time
		}
	}
	return set.CreationTimestamp.Time
}

func (r *Reconciler) namespaces() []string {
	if len(r.Options.Namespaces) == 0 {
		return []string{""}
	}
	return r.Options.Namespaces
}

// wakeWaiting lets those that wait for a place look again when one becomes free.
func (r *Reconciler) wakeWaiting() handler.EventHandler {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	wake := func(was, now client.Object, q queue) {
		before, _ := was.(*appsv1.StatefulSet)
		after, _ := now.(*appsv1.StatefulSet)
		if before == nil || !takesPlace(before) || after != nil && takesPlace(after) {
			return
		}
		r.rollout.waiting.Range(func(key, _ any) bool {
			k, _ := key.(client.ObjectKey)
			q.Add(reconcile.Request{NamespacedName: k})
			return true
		})
	}
	return handler.Funcs{
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) { wake(e.ObjectOld, e.ObjectNew, q) },
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) { wake(e.Object, nil, q) },
	}
}

// forget drops what is known of an instance that is gone.
func (r *Reconciler) forget(key client.ObjectKey) {
	r.rollout.waiting.Delete(key)
	r.stale.Delete(key)
	r.scalers.forget(key)
	r.vigils.forget(key)
	r.farewells.all.Delete(key)
	forgetMetrics(key)
}
