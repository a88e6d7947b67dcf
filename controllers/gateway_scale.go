package controllers

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// The gateway's pods are counted as edges are, by the same functions: from what each says
// of itself, with the emptiest the first to go. Their Deployment is not the operator's: it
// writes how many there are, through the scale subresource, and nothing else of it.

// ScaleGateway looks at the gateway's pods every 15 seconds until ctx ends. Where nobody
// wants them counted, it leaves them alone.
func (r *Reconciler) ScaleGateway(ctx context.Context) error {
	log := ctrl.LoggerFrom(ctx).WithName("gateway")
	tick := time.NewTicker(askEdgesEvery)
	defer tick.Stop()
	said := ""
	for {
		why := ""
		if err := r.scaleGateway(ctx, r.now()); err != nil {
			why = err.Error()
		}
		if why != said && why != "" && ctx.Err() == nil {
			log.Error(errors.New(why), "the gateway's pods are not counted")
		}
		said = why
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// scaleGateway looks once.
func (r *Reconciler) scaleGateway(ctx context.Context, now time.Time) error {
	g := r.Options.Gateway
	spec, err := g.scaling()
	if err != nil {
		return err
	}
	if spec == nil {
		g.scaler = scaler{}
		return nil
	}
	d := &appsv1.Deployment{}
	d.Namespace, d.Name = g.Namespace, gatewayName
	if err := r.APIReader.Get(ctx, client.ObjectKeyFromObject(d), d); err != nil {
		return fmt.Errorf("read the gateway's Deployment: %w", err)
	}
	// The operator's cache has no pods of the gateway's.
	var pods corev1.PodList
	if err := r.APIReader.List(ctx, &pods, client.InNamespace(g.Namespace), client.MatchingLabels{labelName: gatewayName}); err != nil {
		return fmt.Errorf("list the gateway's pods: %w", err)
	}
	s, have := &g.scaler, value(d.Spec.Replicas)
	was, since := s.loads, now.Sub(s.asked)
	s.loads, s.asked = r.askEdges(ctx, pods.Items), now
	s.decide(spec, audienceOf(pods.Items, s.loads, was, since, 0), have, now)
	if s.wanted == have {
		return nil
	}
	if s.wanted < have {
		if err := r.markEdges(ctx, &plan{costs: costsOf(pods.Items, s.loads)}); err != nil {
			return err
		}
	}
	patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, s.wanted))
	if err := r.SubResource("scale").Patch(ctx, d, patch, client.FieldOwner(FieldManager), client.WithSubResourceBody(&autoscalingv1.Scale{})); err != nil {
		return fmt.Errorf("scale the gateway from %d to %d: %w", have, s.wanted, err)
	}
	ctrl.LoggerFrom(ctx).WithName("gateway").Info("the gateway has another number of pods", "before", have, "now", s.wanted)
	return nil
}

// scaling is how the gateway's pods are to be counted; nil: they are not.
func (g *Gateway) scaling() (*v1alpha1.EdgesAutoscaling, error) {
	if g == nil || g.ScalingFile == "" {
		return nil, nil //nolint:nilnil // neither is an error
	}
	text, err := os.ReadFile(g.ScalingFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // neither is an error
	}
	if err != nil {
		return nil, fmt.Errorf("read how many pods the gateway is to have: %w", err)
	}
	spec, err := v1alpha1.ParseEdgesAutoscaling(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", g.ScalingFile, err)
	}
	if value(spec.MinReplicas) < 1 {
		return nil, fmt.Errorf("%s: minReplicas: %d: must be 1 or more: without a pod of the gateway nobody comes in", g.ScalingFile, value(spec.MinReplicas))
	}
	return spec, nil
}
