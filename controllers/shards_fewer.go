package controllers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// Where spec.shards is lowered, the last origins leave, in this order: the gateway sends them
// no new instances, and those that they have, in use or on their volumes, stay. One that has
// nothing on its volume serves its clients until they have gone, or spec.drain.timeout is over:
// the clients of an instance stay together, which half of them at another origin would not be.
// Then no route leads to it, and when gateways know that its pod ends, which has those who are
// left come elsewhere, a ReconnectRequest first. Its claim stays, whatever is on it: what has
// something on it is not left at all. How far it has come is in the status alone, so that an
// operator that is new goes on from there.

const (
	// askHeldEvery is how often origins that are to leave are asked what they have, and
	// leftSettles how long gateways may take to hear that none is led there any more.
	askHeldEvery = 15 * time.Second
	leftSettles  = 10 * time.Second
	// heldNamed is how many instances status names of those that one has.
	heldNamed = 10
	// pathHeld is where a server says that, in maxHeld bytes; a name has maxHeldName at most.
	pathHeld    = "/held?limit=10"
	maxHeld     = 64 << 10
	maxHeldName = 256
)

// holding is what the server of an origin has.
type holding struct {
	Instances []string `json:"instances"` // that have something on its volume, some of them
	More      bool     `json:"more"`      // there are others
	clients   int
}

// gatherFewer finds out how far the origins are that are to leave.
func (r *Reconciler) gatherFewer(ctx context.Context, o *observed) {
	var pods []corev1.Pod
	for _, s := range o.origins()[min(o.stay(), len(o.origins())):] {
		if s.up() {
			pods = append(pods, *s.pod)
		}
	}
	var said map[string]*holding
	if len(pods) > 0 {
		ask := r.Holds
		if ask == nil {
			ask = r.askHolding
		}
		said = askPods(ctx, pods, ask)
	}
	retire(o, said)
}

// askHolding asks a media server what it has.
func (r *Reconciler) askHolding(ctx context.Context, address string) (*holding, error) {
	var h *holding
	err := askServer(ctx, address, pathHeld, maxHeld, func(said io.Reader) (err error) { h, err = readHolding(said); return err })
	if err != nil {
		return nil, err
	}
	h.clients, err = r.sessions(ctx, address)
	return h, err
}

// readHolding takes what a media server answers. One that says nothing of instances is none.
func readHolding(said io.Reader) (*holding, error) {
	h := &holding{}
	if err := json.NewDecoder(said).Decode(h); err != nil {
		return nil, err
	}
	if h.Instances == nil {
		return nil, errors.New("no instances")
	}
	for i, name := range h.Instances {
		h.Instances[i] = short(printable(name), maxHeldName)
	}
	return h, nil
}

// stay is how many origins are to stay.
func (o *observed) stay() int { return int(o.instance.Spec.Origins()) }

// retire notes how far origins are that are to leave, and forgets those that have left: a pure
// function of what was observed, and what servers have said, by their pods. The last one goes
// first, since a StatefulSet has none without those before.
func retire(o *observed, said map[string]*holding) {
	was := map[string]v1alpha1.ShardStatus{}
	for _, s := range o.instance.Status.Shards {
		was[s.Name] = s
	}
	gone, left := true, true // all behind this one
	for n := len(o.shards); n >= o.stay(); n-- {
		s := &o.shards[n-1]
		name := shardPod(o.instance, n)
		says := said[name]
		is := leavingNow(o, was[name], says, left)
		left = is.Left != nil
		idle := says != nil && says.clients == 0
		if gone = gone && left && o.now.Sub(is.Left.Time) >= leftSettles && (idle || o.drained(is)); gone {
			o.forgetShard(n)
			continue
		}
		s.leaving, s.silent = is, says == nil
	}
}

// leavingNow is how far one is. behindLeft says that no route leads to those behind it.
func leavingNow(o *observed, was v1alpha1.ShardStatus, says *holding, behindLeft bool) *v1alpha1.ShardLeaving {
	now := metav1.NewTime(o.now.UTC().Truncate(time.Second))
	is := &v1alpha1.ShardLeaving{Since: now}
	if was.Leaving != nil {
		is = was.Leaving.DeepCopy()
	}
	if says != nil {
		is.Instances, is.More = says.Instances[:min(len(says.Instances), heldNamed)], says.More
	}
	switch {
	case len(is.Instances) > 0:
		is.Left = nil // where something has come to its volume since, it is led to again
	case is.Left != nil:
	case !was.Joined, says != nil && behindLeft && (says.clients == 0 || o.drained(is)):
		is.Left = &now // nobody was ever led to one that has not joined
	}
	return is
}

// drained says whether clients have had spec.drain.timeout to go.
func (o *observed) drained(is *v1alpha1.ShardLeaving) bool { return !o.now.Before(drainedAt(o, is)) }

func drainedAt(o *observed, is *v1alpha1.ShardLeaving) time.Time {
	return is.Since.Add(time.Duration(drainSeconds(o.instance)) * time.Second)
}

// forgetShard has the last origin not looked after any more.
func (o *observed) forgetShard(n int) {
	o.shards = o.shards[:n-1]
	status := &o.instance.Status
	status.Shards = status.Shards[:min(len(status.Shards), n)]
	if n == 1 {
		status.Shards = nil
	}
}

// fewerVerdict is about origins that are to leave; none where none is.
func fewerVerdict(o *observed) verdict {
	var all []string
	reason := "ShardsEnding"
	turn := func(to string) {
		order := "ShardsEnding ShardsDraining ShardsSilent ShardsHoldInstances"
		if strings.Index(order, to) > strings.Index(order, reason) {
			reason = to
		}
	}
	for _, s := range o.origins() {
		is := s.leaving
		if is == nil {
			continue
		}
		switch {
		case len(is.Instances) > 0:
			turn("ShardsHoldInstances")
			names := strings.Join(is.Instances, ", ")
			if is.More {
				names += " and others"
			}
			all = append(all, fmt.Sprintf("%s has something of %s on its volume, and serves that until it is deleted, or its folders are moved", s.name, names))
		case is.Left != nil:
			all = append(all, fmt.Sprintf("%s ends", s.name))
		case s.silent:
			turn("ShardsSilent")
			all = append(all, fmt.Sprintf("%s does not say what is on its volume: it does not run, is busy, or has an image of before", s.name))
		default:
			turn("ShardsDraining")
			all = append(all, fmt.Sprintf("%s has nothing on its volume, and ends when its clients have gone and those behind it have ended, or asks them at %s to connect again",
				s.name, drainedAt(o, is).UTC().Format(time.RFC3339)))
		}
	}
	if len(all) == 0 {
		return verdict{}
	}
	way := fmt.Sprintf("; no new instance comes there; to keep them all, set spec.shards to %d", len(o.origins()))
	return good(reason, joined(all, maxMessage-len(way))+way)
}

// fewerPace is how long until origins that are to leave are looked at again; 0: there are none.
func fewerPace(o *observed) (pace time.Duration) {
	for _, s := range o.shards {
		switch {
		case s.leaving == nil:
		case s.leaving.Left != nil:
			return leftSettles / 2
		default:
			pace = askHeldEvery
		}
	}
	return pace
}
