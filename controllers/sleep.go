package controllers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// An AppInstance with spec.idle.suspendAfter goes to sleep once nobody has been at its
// servers for so long, and wakes when a client calls (package controllers/waker). That it
// sleeps, and since when, is an annotation of its StatefulSet, written together with the
// number of pods; which sleep a client has ended is in its status. So an operator that is
// new knows both, and no two clocks are compared. Since when nobody was there is in its
// status, too, once it is worth a line: an operator that is new goes on counting, by the
// clock of the one before, where its servers have counted nobody since.

// annotationAsleep on a StatefulSet is since when it has no pod because nobody was there.
const annotationAsleep = annotationPrefix + "asleep-since"

const (
	// Servers are asked how they are used six times until they would go, within these.
	quietSoonest = 2 * time.Second
	quietLatest  = 30 * time.Second
)

// usage is how a media server is used, as its metrics say.
type usage struct {
	now  float64 // clients, viewers by HTTP, streams and recordings
	ever float64 // clients and publications since the server started
}

// vigil is since when nobody was seen at an instance's servers.
type vigil struct {
	pod   types.UID // of the origin
	use   usage     // as it was last
	since time.Time // zero: it is not known whether anybody is there
	asked time.Time
}

// idle is since when nobody was there, as a status has it; the zero value: that is not said.
type idle struct {
	since time.Time // whole seconds
	mark  string    // see markOf
}

// markOf is what servers have counted of an instance: another pod, or who has come since,
// makes it another.
func markOf(pod types.UID, u usage) string { return fmt.Sprintf("%s/%.0f", pod, u.ever) }

// look notes what servers say now. Who has come and gone since the last look, or was there
// then, may have gone a moment ago. Where there was no look before, or servers were silent at
// it, it counts what was written down.
func (v *vigil) look(pod types.UID, u usage, written idle, now time.Time) {
	if !v.since.IsZero() {
		written = idle{}
	}
	if v.since.IsZero() || v.pod != pod || u.now > 0 || v.use.now > 0 || u.ever > v.use.ever {
		v.since = now
	}
	if u.now == 0 && written.mark == markOf(pod, u) && !written.since.IsZero() && written.since.Before(now) {
		v.since = written.since
	}
	v.pod, v.use, v.asked = pod, u, now
}

// idle is what is to be written down: that nobody was there at two looks, and since when.
func (v *vigil) idle(now time.Time, pace time.Duration) idle {
	if v.since.IsZero() || v.use.now > 0 || now.Sub(v.since) < pace {
		return idle{}
	}
	since := v.since.UTC().Truncate(time.Second)
	if since.Before(v.since) {
		since = since.Add(time.Second) // nobody goes to sleep too soon
	}
	return idle{since, markOf(v.pod, v.use)}
}

// silent notes that a server has not said: it may have many.
func (v *vigil) silent(now time.Time) { v.since, v.asked = time.Time{}, now }

// quiet is how long nobody has been there; -1: that is not known.
func (v *vigil) quiet(now time.Time) time.Duration {
	if v.since.IsZero() {
		return -1
	}
	return now.Sub(v.since)
}

// vigils are those of all instances. One instance is reconciled by one goroutine at a
// time, which alone uses its vigil.
type vigils struct{ all sync.Map } // of client.ObjectKey: *vigil

func (s *vigils) of(key client.ObjectKey) *vigil {
	one, _ := s.all.LoadOrStore(key, &vigil{})
	return one.(*vigil) //nolint:forcetypeassert // nothing else is in there
}

func (s *vigils) forget(key client.ObjectKey) { s.all.Delete(key) }

// quietPace is how long until servers are asked again how they are used.
func quietPace(after time.Duration) time.Duration {
	return min(max(after/6, quietSoonest), quietLatest)
}

// rests says whether no server is wanted: somebody has said so, or nobody is there.
func (o *observed) rests() bool { return o.instance.Spec.Suspend || !o.asleep.IsZero() }

// mayAsk says whether the instance's servers are asked how they are used.
func mayAsk(o *observed) bool {
	a := o.instance
	return a.Spec.Idle.SuspendAfter != nil && !a.Spec.Suspend && o.gateway.wakes() && asleepSince(o).IsZero() &&
		o.pod != nil && o.pod.DeletionTimestamp == nil && podReady(o.pod) && o.pod.Status.PodIP != ""
}

// countQuiet finds out how long nobody has been there. Servers of an instance that never
// sleeps are not asked.
func (r *Reconciler) countQuiet(ctx context.Context, o *observed) error {
	o.quiet, o.idle = -1, idle{}
	key := client.ObjectKeyFromObject(o.instance)
	if !mayAsk(o) {
		r.vigils.forget(key)
		return nil
	}
	o.idle = writtenIdle(o.instance)
	v, after := r.vigils.of(key), o.instance.Spec.Idle.SuspendAfter.Duration
	if o.now.Sub(v.asked) >= quietPace(after) || v.asked.After(o.now) || v.quiet(o.now) >= after { // who has just come counts
		u, err := r.usageOf(ctx, o)
		switch {
		case err == nil:
			v.look(o.pod.UID, u, o.idle, o.now)
		case errors.Is(err, errSilent):
			log.FromContext(ctx).V(1).Info("it is not known whether anybody is there", "err", err.Error())
			v.silent(o.now)
		default:
			return err
		}
	}
	if o.quiet = v.quiet(o.now); o.quiet >= 0 {
		o.idle = v.idle(o.now, quietPace(after))
	}
	return nil
}

// writtenIdle is what the status says.
func writtenIdle(a *v1alpha1.AppInstance) idle {
	if s := a.Status.Sleep; s != nil && s.IdleSince != nil {
		return idle{s.IdleSince.Time, s.IdleMark}
	}
	return idle{}
}

// errSilent says that a server does not tell how it is used.
var errSilent = errors.New("the server does not tell how it is used")

// usageOf asks all origins and all edges. Clients of edges are the origin's, too; who
// watches at an edge by what the origin has not heard of yet is that edge's alone.
func (r *Reconciler) usageOf(ctx context.Context, o *observed) (u usage, err error) {
	ask := r.Usage
	if ask == nil {
		ask = askUsage
	}
	for _, s := range o.origins() {
		if !s.up() {
			return u, fmt.Errorf("%w: pod %s is not ready", errSilent, s.name)
		}
		one, err := ask(ctx, s.pod.Status.PodIP)
		if err != nil {
			return u, fmt.Errorf("%w: %w", errSilent, err)
		}
		u.now, u.ever = u.now+one.now, u.ever+one.ever
	}
	if edgesNow(o) == 0 {
		return u, nil
	}
	var pods corev1.PodList
	if err := r.List(ctx, &pods, client.InNamespace(o.instance.Namespace), client.MatchingLabels(edgeSelector(o.instance))); err != nil {
		return u, fmt.Errorf("list the edges of %s/%s: %w", o.instance.Namespace, o.instance.Name, err)
	}
	loads := r.askEdges(ctx, pods.Items)
	for i := range pods.Items {
		pod := &pods.Items[i]
		load, ok := loads[pod.Name]
		if !ok && podReady(pod) && pod.DeletionTimestamp == nil {
			return u, fmt.Errorf("%w: edge %s", errSilent, pod.Name)
		}
		u.now += float64(load.connections)
	}
	return u, nil
}

// askUsage reads the metrics of a media server.
func askUsage(ctx context.Context, address string) (usage, error) {
	return askMetrics(ctx, address, readUsage)
}

// readUsage reads what a media server says, in the text format of Prometheus.
func readUsage(metrics io.Reader) (usage, error) {
	const connections, connected, published = "flashpod_connections", "flashpod_connections_total", "flashpod_publications_total"
	all, err := figuresOf(metrics, connections, "flashpod_streams", "flashpod_recordings", connected, published)
	u := usage{ever: all[connected] + all[published]}
	u.now = all[connections] + all["flashpod_streams"] + all["flashpod_recordings"]
	return u, err
}

// asleepSince is since when the StatefulSet that is there sleeps; zero: it does not.
func asleepSince(o *observed) time.Time {
	if o.standing.statefulSet != ours {
		return time.Time{}
	}
	since, err := time.Parse(time.RFC3339, o.statefulSet.Annotations[annotationAsleep])
	if err != nil {
		return time.Time{}
	}
	return since
}

// sleepOf is since when the instance is to be asleep, zero when it is to be awake: a pure
// function. It goes to sleep when nobody has been there for long enough, and stays asleep
// until a client has ended this very sleep, or nothing could wake it any more.
func sleepOf(o *observed) time.Time {
	a := o.instance
	after := a.Spec.Idle.SuspendAfter
	if after == nil || a.Spec.Suspend || !o.gateway.wakes() {
		return time.Time{}
	}
	if since := asleepSince(o); !since.IsZero() {
		if s := a.Status.Sleep; s != nil && s.Woken != nil && s.Woken.Equal(&metav1.Time{Time: since}) {
			return time.Time{}
		}
		return since
	}
	if serves(o) && o.quiet >= after.Duration {
		return o.now.UTC().Truncate(time.Second)
	}
	return time.Time{}
}

// wakes says whether clients that come by the gateway find the instance, and wake it.
func (v *gatewayView) wakes() bool { return v != nil && v.refused.none() && !v.lost() }

// sleepStatus is what there is to say of sleeping; nil where it does not happen.
func sleepStatus(o *observed) *v1alpha1.SleepStatus {
	if o.instance.Spec.Idle.SuspendAfter == nil {
		return nil
	}
	s := &v1alpha1.SleepStatus{}
	if was := o.instance.Status.Sleep; was != nil {
		s.Woken = was.Woken // which another may write
	}
	if !o.asleep.IsZero() {
		s.Since = &metav1.Time{Time: o.asleep}
	} else if !o.idle.since.IsZero() {
		s.IdleSince, s.IdleMark = &metav1.Time{Time: o.idle.since}, o.idle.mark
	}
	return s
}

// sleepVerdict says whether the instance sleeps; none where it never does.
func sleepVerdict(o *observed) verdict {
	after := o.instance.Spec.Idle.SuspendAfter
	switch {
	case after == nil:
		return verdict{}
	case o.instance.Spec.Suspend:
		return coming("Suspended", "spec.suspend is true: no client wakes it")
	case !o.asleep.IsZero():
		return good("Sleeping", fmt.Sprintf("nobody has been there for %s: no server runs, address, key and recordings stay, and the next client that comes by the gateway wakes it", after.Duration))
	case !o.gateway.wakes():
		return coming("NoWayIn", "it does not go to sleep, since no client could wake it: see ServiceReady")
	}
	return coming("Awake", fmt.Sprintf("it goes to sleep when nobody has been there for %s", after.Duration))
}

// sleepTurn is how long until it is to be looked whether somebody is there; 0: something
// will tell.
func sleepTurn(o *observed) time.Duration {
	if !mayAsk(o) || o.rests() {
		return 0
	}
	after := o.instance.Spec.Idle.SuspendAfter.Duration
	if o.quiet < 0 {
		return quietPace(after)
	}
	return max(min(quietPace(after), after-o.quiet), time.Second)
}
