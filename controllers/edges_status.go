package controllers

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// edgesStatus is what is seen of the edges; nil where none are asked for.
func edgesStatus(o *observed) *v1alpha1.EdgesStatus {
	if o.instance.Spec.Edges == nil {
		return nil
	}
	s := &v1alpha1.EdgesStatus{Ready: edgesReady(o), Desired: edgesWanted(o), Selector: selectorText(edgeSelector(o.instance))}
	if d := o.edges.deployment; o.edges.standing.deployment == ours {
		s.Replicas = d.Status.Replicas
		if c := d.Spec.Template.Spec.Containers; len(c) > 0 {
			s.Image = c[0].Image
		}
	}
	return s
}

// edgesVerdict is about the edges; none where none are asked for. It says, too, what of the
// spec does not do what somebody may expect of it.
func edgesVerdict(o *observed) verdict {
	v := edgesSeen(o)
	if v.none() || v.stalled || o.rests() {
		return v
	}
	e := o.instance.Spec.Edges
	if n := value(e.Replicas); e.Autoscaling != nil && n > 0 {
		v.message += fmt.Sprintf("; spec.edges.autoscaling says how many, and spec.edges.replicas, %d, which kubectl scale and autoscalers write, is not looked at", n)
	}
	if o.instance.Spec.Service.Type == v1alpha1.ServiceTypeGateway && edgesWanted(o) > 0 {
		v.message += "; they serve clients that come by the Service, in this cluster: those of the gateway are linked to the origin"
	}
	return v
}

func edgesSeen(o *observed) verdict {
	a, d := o.instance, o.edges.deployment
	want, ready := edgesWanted(o), edgesReady(o)
	switch {
	case a.Spec.Edges == nil:
		return verdict{}
	case a.Spec.Suspend:
		return good("Suspended", "no edges are wanted")
	case o.rests():
		return good("Sleeping", "no edges are wanted")
	case o.edges.standing.deployment != ours:
		return coming("Starting", "the edges are being made")
	case want == 0:
		return good("NoEdges", "no edges are wanted: clients connect to the origin")
	case d.Status.ObservedGeneration < d.Generation:
		return coming("Scaling", fmt.Sprintf("%d edges are wanted, and %d take connections", want, ready))
	}
	for _, c := range d.Status.Conditions {
		switch {
		case c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue:
			return stalled("PodRefused", fmt.Sprintf("the API server lets no more edges in: %s", c.Message))
		case c.Type == appsv1.DeploymentProgressing && c.Status == corev1.ConditionFalse:
			return stalled("EdgesStuck", fmt.Sprintf("of %d edges %d take connections, and no more do for ten minutes: kubectl describe pods --namespace %s --selector %s tells why",
				want, ready, a.Namespace, selectorText(edgeSelector(a))))
		}
	}
	switch {
	case ready < want:
		return coming("Scaling", fmt.Sprintf("%d edges are wanted, and %d take connections", want, ready))
	case d.Status.UpdatedReplicas < want:
		return coming("Replacing", fmt.Sprintf("%d edges take connections, and are replaced one after another", ready))
	}
	return good("Ready", fmt.Sprintf("%d edges take connections", ready))
}

// edgesNeeded is what Ready needs of the edges. Where the operator counts them, some that
// are still to come keep nothing from serving.
func edgesNeeded(o *observed, edges verdict) verdict {
	if e := o.instance.Spec.Edges; e != nil && e.Autoscaling != nil && !edges.stalled && edgesReady(o) > 0 {
		return good(edges.reason, edges.message)
	}
	return edges
}
