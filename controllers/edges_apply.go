package controllers

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// annotationCost is what the ReplicaSet's controller looks at when it takes pods away: the
// cheapest first.
const annotationCost = corev1.PodDeletionCost

// costOf is what an edge's pod would cost, and the pod.
type costOf struct {
	pod  *corev1.Pod
	cost string
}

// deletionCosts are what edges cost that would go: the emptiest goes first. One that has
// not said how many it has is dear. Only those are there that are not marked so yet.
func deletionCosts(o *observed) map[string]costOf { return costsOf(o.edges.pods, o.edges.loads) }

func costsOf(pods []corev1.Pod, loads map[string]edgeLoad) map[string]costOf {
	all := map[string]costOf{}
	for i := range pods {
		pod := &pods[i]
		if pod.DeletionTimestamp != nil {
			continue
		}
		cost := int64(1 << 30)
		if load, ok := loads[pod.Name]; ok {
			cost = min(load.connections, cost)
		} else if !podReady(pod) {
			cost = -1
		}
		if text := strconv.FormatInt(cost, 10); pod.Annotations[annotationCost] != text {
			all[pod.Name] = costOf{pod, text}
		}
	}
	return all
}

// markEdges writes what edges cost, through their status: the operator may write nothing
// else of a pod.
func (r *Reconciler) markEdges(ctx context.Context, p *plan) error {
	var errs []error
	for name, c := range p.costs {
		patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"metadata":{"uid":%q,"annotations":{%q:%q}}}`, c.pod.UID, annotationCost, c.cost))
		if err := r.Status().Patch(ctx, c.pod.DeepCopy(), patch, client.FieldOwner(FieldManager)); client.IgnoreNotFound(err) != nil {
			errs = append(errs, fmt.Errorf("mark pod %s by how many clients it has: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// removeUnused deletes what is not wanted any more, once all else is as it should be.
func (r *Reconciler) removeUnused(ctx context.Context, p *plan) error {
	for _, gone := range p.unused {
		if err := r.removeObject(ctx, gone); err != nil {
			return err
		}
	}
	return nil
}

// edgesPace says when the edges are to be looked at again; 0: something will tell.
func edgesPace(o *observed, p *plan) time.Duration {
	e := o.instance.Spec.Edges
	switch {
	case p.soon:
		return time.Second
	case e == nil || o.rests():
		return linkTurn(o)
	case e.Autoscaling != nil:
		return askEdgesEvery
	}
	return linkTurn(o)
}
