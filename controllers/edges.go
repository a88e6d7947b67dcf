package controllers

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/controllers/gateway"
)

const (
	componentEdge = "edge"

	portLink = "link"
	linkPort = gateway.LinkPort // of the origin's container; no Service outside of the cluster has it
)

// Names of what belongs to edges. Deployments and PodDisruptionBudgets have no other
// children; the NetworkPolicy of an AppInstance has its name, and this one a dot.
func edgesName(a *v1alpha1.AppInstance) string       { return a.Name + "-edge" }
func edgesPolicyName(a *v1alpha1.AppInstance) string { return a.Name + ".edge" }
func linkName(a *v1alpha1.AppInstance) string        { return a.Name + "-link" }

// takesLinks says whether the origin listens for links, of edges or of the gateway.
func takesLinks(a *v1alpha1.AppInstance) bool { return a.Spec.Edges != nil || behindGateway(a) }

// edgeSelector are the labels that pods of edges are found by; they never change.
func edgeSelector(a *v1alpha1.AppInstance) map[string]string {
	return map[string]string{labelName: appName, labelInstance: a.Name, labelComponent: componentEdge}
}

func edgeLabels(a *v1alpha1.AppInstance) map[string]string {
	l := edgeSelector(a)
	l[labelManagedBy] = FieldManager
	return l
}

// edgesObserved is what is read of edges. What is not there is nil.
type edgesObserved struct {
	deployment *appsv1.Deployment
	budget     *policyv1.PodDisruptionBudget
	policy     *networkingv1.NetworkPolicy
	link       *corev1.Secret
	reach      *corev1.Secret // what edges of this and of others are told: see reachSecret
	reachable  []reachable    // those of spec.edges.mayReach, in its order
	pods       []corev1.Pod   // of edges, where some must be chosen from

	standing struct{ deployment, budget, policy, link, reach standing }

	freshKey string // for links, where one is made
	// counted is how many edges the autoscaler wants; nil: it is not asked.
	counted *int32
	// loads are what edges have said of themselves, by the names of their pods.
	loads map[string]edgeLoad
}

// edgesWanted is how many edges there are to be.
func edgesWanted(o *observed) int32 {
	e := o.instance.Spec.Edges
	switch {
	case e == nil || o.rests():
		return 0
	case e.Autoscaling != nil && o.edges.counted != nil:
		return *o.edges.counted
	case e.Autoscaling != nil:
		return max(edgesNow(o), value(e.Autoscaling.MinReplicas))
	}
	return value(e.Replicas)
}

// edgesNow is how many edges the Deployment was told to have.
func edgesNow(o *observed) int32 {
	if o.edges.standing.deployment != ours {
		return 0
	}
	return value(o.edges.deployment.Spec.Replicas)
}

// edgesReady is how many edges take connections.
func edgesReady(o *observed) int32 {
	if o.edges.standing.deployment != ours {
		return 0
	}
	return o.edges.deployment.Status.ReadyReplicas
}

// front are the labels of the pods that the Service leads to: edges, while there are to be
// some and one takes connections, else the origin. Connections that are there stay where
// they are: which pod a new one goes to is all that changes.
func front(o *observed) map[string]string {
	if edgesWanted(o) > 0 && edgesReady(o) > 0 {
		return edgeSelector(o.instance)
	}
	l := selector(o.instance)
	if sharded(o.instance) {
		l[appsv1.StatefulSetPodNameLabel] = podName(o.instance)
	}
	return l
}

// leadsToEdges says whether the Service that is there leads to edges.
func leadsToEdges(o *observed) bool {
	for _, s := range []*corev1.Service{o.service, o.internal, o.webRTC} {
		if s != nil && s.Spec.Selector[labelComponent] == componentEdge && standingOf(o.instance, s) == ours {
			return true
		}
	}
	return false
}

// links plans what links need at the origin. The Secret stays where spec.edges goes, and
// goes with its AppInstance: the operator may delete no Secrets.
func (p *plan) links(o *observed) error {
	s := linkSecret(o.instance, o.edges.link, o.edges.freshKey, o.now)
	if s != nil {
		linkOfGateway(s, o.gateway)
		p.child(secretChild(s, o.edges.link), o.edges.standing.link)
	}
	reach, err := reachSecret(o, s)
	if err != nil {
		return err
	}
	if reach != nil {
		p.child(secretChild(reach, o.edges.reach), o.edges.standing.reach)
	}
	return nil
}

// edges plans the edges, when the rest is planned: they are the last to be made, and go
// once no Service leads to them.
func (p *plan) edges(o *observed, account string) error {
	a, e := o.instance, &o.edges
	if a.Spec.Edges == nil {
		if leadsToEdges(o) {
			p.soon = true // the Service is written first
			return nil
		}
		if e.standing.deployment == ours {
			p.unused = append(p.unused, removal{kind: "Deployment", object: e.deployment})
		}
		if e.standing.budget == ours {
			p.unused = append(p.unused, removal{kind: "PodDisruptionBudget", object: e.budget})
		}
		if e.standing.policy == ours {
			p.unused = append(p.unused, removal{kind: "NetworkPolicy", object: e.policy})
		}
		return nil
	}
	switch want := edgesPolicy(a, o.options.Peers); {
	case want != nil:
		p.child(policyChild(want, e.policy), e.standing.policy)
	case e.standing.policy == ours:
		p.unused = append(p.unused, removal{kind: "NetworkPolicy", object: e.policy})
	}
	p.child(budgetChild(edgesBudget(a), e.budget), e.standing.budget)
	if e.standing.deployment == absent && (p.blocked.reason != "" || len(p.conflicts) > 0 || len(p.awaited) > 0) {
		return nil
	}
	template, err := p.edgeTemplate(o, account)
	if err != nil {
		return err
	}
	replicas := edgesWanted(o)
	if replicas == 0 && leadsToEdges(o) {
		replicas, p.soon = edgesNow(o), true // the Service is written first
	}
	if replicas > 0 && replicas < edgesNow(o) {
		p.costs = deletionCosts(o)
	}
	p.child(deploymentChild(edgesDeployment(a, template, replicas), e.deployment), e.standing.deployment)
	return nil
}

// edgeTemplate is the pod template of edges. They follow the origin: while an upgrade of
// it waits, or it does not serve with its new image yet, edges stay as they are. Either
// order would do, as the protocol of links has a version and servers speak the one before:
// so that what is new is tried at one pod first.
func (p *plan) edgeTemplate(o *observed, account string) (*corev1ac.PodTemplateSpecApplyConfiguration, error) {
	doc, err := edgeDocument(o.served())
	if err != nil {
		return nil, err
	}
	want, err := edgePod(mountable(o), imageOf(o.instance, o.image), account, doc, o.options.OpenShift)
	if err != nil || o.edges.standing.deployment != ours {
		return want, err
	}
	owned, err := ownedDeployment(o.edges.deployment, FieldManager)
	if err != nil {
		return nil, err
	}
	if owned.Spec == nil || owned.Spec.Template == nil {
		return want, nil
	}
	have := owned.Spec.Template
	if p.blocked.reason != "" || len(p.conflicts) > 0 || p.upgrade.held() && !p.upgrade.edited {
		return have, nil
	}
	if imageIn(have) != imageIn(want) && !(serves(o) && len(p.restart) == 0 && o.originImage() == imageIn(want)) && !o.rests() {
		return have, nil
	}
	return want, nil
}

// originImage is the image that the origin's StatefulSet has.
func (o *observed) originImage() string {
	if o.statefulSet == nil || len(o.statefulSet.Spec.Template.Spec.Containers) == 0 {
		return ""
	}
	return o.statefulSet.Spec.Template.Spec.Containers[0].Image
}

func imageIn(t *corev1ac.PodTemplateSpecApplyConfiguration) string {
	if t.Spec == nil || len(t.Spec.Containers) == 0 || t.Spec.Containers[0].Image == nil {
		return ""
	}
	return *t.Spec.Containers[0].Image
}

// edgeOrigin is where edges link.
func edgeOrigin(a *v1alpha1.AppInstance) string {
	return fmt.Sprintf("%s.%s.svc:%d", headlessName(a), a.Namespace, linkPort)
}
