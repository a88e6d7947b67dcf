package controllers

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// With spec.shards the StatefulSet has several pods, each with a claim of its own. The first
// is the origin as it is without: it has the instance that the manifest names, and an
// upgrade comes to it last, so that what is said of it is said of all. Clients come to
// the others by the gateway alone: no Service leads there, and no port is open but that of
// links, since who came another way would have an instance started where it is not.

// shard is an origin beside the first. What is not there is nil.
type shard struct {
	pod      *corev1.Pod
	claim    *corev1.PersistentVolumeClaim
	standing standing // of the claim
}

// Names of a shard's pod and its claim; 0 is the first origin.
func shardPod(a *v1alpha1.AppInstance, n int) string {
	return fmt.Sprintf("%s-%d", a.Name, n)
}

func shardClaim(a *v1alpha1.AppInstance, n int) string {
	return fmt.Sprintf("%s-%s-%d", volumeData, a.Name, n)
}

// sharded says whether an instance has several origins.
func sharded(a *v1alpha1.AppInstance) bool { return a.Spec.Origins() > 1 }

// gatherShards reads what there is of the origins beside the first.
func (r *Reconciler) gatherShards(o *observed, read func(string, client.Object, ...client.Reader) bool) {
	a := o.instance
	for n := 1; n < int(a.Spec.Origins()); n++ {
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
		s.standing = standingOfClaimAs(o, s.claim)
		if o.standing.statefulSet != ours {
			s.pod = nil // of another StatefulSet
		}
	}
}

// shardVolumes plans the claims of the origins beside the first. One that somebody else
// has made, or restored, is mounted as it is.
func (p *plan) shardVolumes(o *observed) {
	for i, s := range o.shards {
		if s.standing != foreign {
			p.child(claimChild(claimAs(o.instance, shardClaim(o.instance, i+1), s.claim), s.claim), s.standing)
		}
	}
}

// up says whether an origin takes connections.
func (s shard) up() bool {
	return s.pod != nil && s.pod.DeletionTimestamp == nil && podReady(s.pod)
}

// shardsVerdict is about the origins beside the first, which serves.
func shardsVerdict(o *observed) verdict {
	if len(o.shards) == 0 {
		return good("Ready", "the media server takes connections")
	}
	for i, s := range o.shards {
		name := shardPod(o.instance, i+1)
		switch {
		case s.up():
			continue
		case s.claim == nil || s.claim.Status.Phase != corev1.ClaimBound:
			return coming("ShardStarting", fmt.Sprintf("claim %s, of pod %s, has no volume yet", shardClaim(o.instance, i+1), name))
		case s.pod == nil:
			return coming("ShardStarting", fmt.Sprintf("pod %s is not there yet", name))
		case s.pod.DeletionTimestamp != nil:
			return coming("ShardRestarting", fmt.Sprintf("pod %s goes, and another comes", name))
		}
		of := *o
		of.pod, of.claim = s.pod, s.claim
		return podVerdict(&of)
	}
	return good("Ready", fmt.Sprintf("all %d media servers take connections", len(o.shards)+1))
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
	first := shard{pod: o.pod}
	before := true // one joins when those before it have
	for n, s := range append([]shard{first}, o.shards...) {
		name := shardPod(o.instance, n)
		before = before && (joined[name] || s.up())
		all = append(all, v1alpha1.ShardStatus{Name: name, Ready: s.up(), Joined: before})
	}
	return all
}

// allSessions is how many clients all origins have. One that is not there has none, and
// ok false says that one does not tell.
func (r *Reconciler) allSessions(ctx context.Context, o *observed) (sum int, ok bool) {
	pods := []*corev1.Pod{o.pod}
	for _, s := range o.shards {
		pods = append(pods, s.pod)
	}
	for _, pod := range pods {
		if pod == nil || pod.Status.PodIP == "" {
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
