package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// With spec.shards the StatefulSet has several pods, each with a claim of its own. The first
// is the origin as it is without: it has the instance that the manifest names, and an
// upgrade comes to it last, so that what is said of it is said of all. Clients come to
// the others by the gateway alone: no Service leads there, and no port is open but that of
// links, since who came another way would have an instance started where it is not.

// shard is an origin. What is not there is nil.
type shard struct {
	name      string // of its pod
	claimName string
	pod       *corev1.Pod
	claim     *corev1.PersistentVolumeClaim
	standing  standing               // of the claim
	leaving   *v1alpha1.ShardLeaving // nil: it is to stay
	silent    bool                   // it has not said what it has, now that it is to leave
}

// Names of a shard's pod and its claim; 0 is the first origin.
func shardPod(a *v1alpha1.AppInstance, n int) string {
	return fmt.Sprintf("%s-%d", a.Name, n)
}

func shardClaim(a *v1alpha1.AppInstance, n int) string {
	return fmt.Sprintf("%s-%s-%d", volumeData, a.Name, n)
}

// sharded says whether an instance has several origins.
func sharded(a *v1alpha1.AppInstance) bool { return a.Origins() > 1 }

// origins are all of them, the first one, too.
func (o *observed) origins() []shard {
	all := append([]shard{{pod: o.pod, claim: o.claim, standing: o.standing.claim}}, o.shards...)
	for n := range all {
		all[n].name, all[n].claimName = shardPod(o.instance, n), shardClaim(o.instance, n)
	}
	return all
}

// originPods are those that there are.
func (o *observed) originPods() (all []*corev1.Pod) {
	for _, s := range o.origins() {
		if s.pod != nil {
			all = append(all, s.pod)
		}
	}
	return all
}

// gatherShards reads what there is of the origins beside the first.
func (r *Reconciler) gatherShards(o *observed, read func(string, client.Object, ...client.Reader) bool) {
	a := o.instance
	for n := 1; n < int(a.Origins()); n++ {
		o.shards = append(o.shards, shard{
			pod:   found(read, shardPod(a, n), &corev1.Pod{}, r.Client),
			claim: found(read, shardClaim(a, n), &corev1.PersistentVolumeClaim{}, r.Client, r.APIReader),
		})
	}
}

// judgeShards says what they are to the instance.
func (o *observed) judgeShards() {
	for i := range o.shards {
		s := &o.shards[i]
		s.standing = standingOfClaim(o, s.claim)
		if o.standing.statefulSet != ours {
			s.pod = nil // of another StatefulSet
		}
	}
}

// up says whether an origin takes connections.
func (s shard) up() bool {
	return s.pod != nil && s.pod.DeletionTimestamp == nil && podReady(s.pod)
}

// originsVerdict is about all origins: of those that do not take connections as they are to
// be, one that needs a user, or else the first, is described, and the others are named.
func originsVerdict(o *observed) verdict {
	var behind []string
	var worst verdict
	var at string
	all := o.origins()
	for _, s := range all {
		v := shardVerdict(o, s)
		if v.ok() {
			continue
		}
		behind = append(behind, s.name)
		if worst.none() || v.stalled && !worst.stalled {
			worst, at = v, s.name
		}
	}
	switch {
	case len(all) == 1 && len(behind) == 0:
		return good("Ready", "the media server takes connections")
	case len(behind) == 0:
		return good("Ready", fmt.Sprintf("all %d media servers take connections", len(all)))
	case len(behind) > 1:
		others := slices.DeleteFunc(behind, func(name string) bool { return name == at })
		worst.message = short(worst.message, maxMessage/2) + "; nor do these take connections: " + strings.Join(others, ", ")
	}
	return worst
}

// shardVerdict is about one origin.
func shardVerdict(o *observed, s shard) verdict {
	pod := s.pod
	switch {
	case o.standing.statefulSet != ours:
		return coming("Starting", "the media server is being made")
	case servesAs(o, pod):
		return good("Ready", fmt.Sprintf("pod %s takes connections", s.name))
	case pod == nil && o.refused != "":
		return stalled("PodRefused", fmt.Sprintf("the API server lets no pod in: %s", o.refused))
	case pod == nil:
		return coming("Starting", fmt.Sprintf("pod %s is not there yet", s.name))
	case pod.DeletionTimestamp != nil:
		return coming("Restarting", fmt.Sprintf("pod %s goes, and another comes", pod.Name))
	case podReady(pod):
		return coming("Restarting", fmt.Sprintf("pod %s runs as it was before, and is replaced", pod.Name))
	case o.statefulSet.Status.ObservedGeneration < o.statefulSet.Generation || revision(pod) != o.statefulSet.Status.UpdateRevision:
		// What is wrong with it may have been mended since.
		return coming("Restarting", fmt.Sprintf("pod %s is as it was before, and is replaced", pod.Name))
	}
	return podVerdict(o, s)
}

// named is a verdict about one of several origins, by its name.
func (s shard) named(o *observed, v verdict, name string) verdict {
	if sharded(o.instance) && !strings.Contains(v.message, name) {
		v.message = name + ": " + v.message
	}
	return v
}

// shardsStatus is what is seen of each origin, where there are several. Once one has taken
// connections the gateway spreads new instances over it, for good: an instance that was
// started there is not anywhere else.
func shardsStatus(o *observed) (all []v1alpha1.ShardStatus) {
	if !sharded(o.instance) {
		return nil
	}
	joined := map[string]bool{}
	for _, s := range o.instance.Status.Shards {
		joined[s.Name] = s.Joined
	}
	before := true // one joins when those before it have
	for _, s := range o.origins() {
		before = before && (joined[s.name] || s.up()) && (s.leaving == nil || s.leaving.Left == nil)
		one := v1alpha1.ShardStatus{Name: s.name, Ready: s.up(), Joined: before, Script: scriptOf(o, s), Leaving: s.leaving}
		if v := shardVerdict(o, s); !v.ok() && !o.rests() {
			one.Reason, one.Message = v.reason, short(v.message, maxShardMessage)
		}
		all = append(all, one)
	}
	return all
}

// maxShardMessage is how many bytes status says of one of several origins.
const maxShardMessage = 1024

// allSessions is how many clients all origins have. One that is not there has none, and
// ok false says that one does not tell.
func (r *Reconciler) allSessions(ctx context.Context, o *observed) (sum int, ok bool) {
	for _, pod := range o.originPods() {
		if pod.Status.PodIP == "" {
			continue
		}
		n, err := r.sessions(ctx, pod.Status.PodIP)
		if err != nil {
			return 0, false
		}
		sum += n
	}
	return sum, true
}
