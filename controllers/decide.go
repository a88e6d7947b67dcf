package controllers

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// plan is what a reconcile does, in this order.
type plan struct {
	giveBack []client.Object // see takenOver
	remove   []removal
	children []child
	pokes    []poked // pods that have not seen their Secrets as they are

	conflicts []conflict
	awaited   []string // what has to go before a child can be made
	blocked   verdict  // why the server is left as it is
	upgrade   upgrade
	restart   []string // why the pod that runs will be replaced: fields and causes
	freed     bool     // an unready pod of an old revision is let go

	unused []removal         // goes once the children are written
	costs  map[string]costOf // of edges' pods, by their names: see deletionCosts
	soon   bool              // there is more to do, once this was seen
}

// removal is an object to delete, as it was read and no other.
type removal struct {
	kind   string
	object client.Object
	orphan bool // what it owns stays
}

// decide says what there should be: a pure function of what was observed.
func decide(o *observed) (*plan, error) {
	p := &plan{upgrade: upgrade{generation: o.instance.Generation}}
	for _, old := range o.claimedBefore() {
		if old != nil && takenOver(o.instance, old) {
			p.giveBack = append(p.giveBack, old)
		}
	}
	if len(p.giveBack) > 0 {
		return p, nil // what is to be made is seen once they are given back
	}
	p.blocked = blocked(o)
	if err := p.server(o); err != nil {
		return nil, fmt.Errorf("%s/%s: %w", o.instance.Namespace, o.instance.Name, err)
	}
	return p, nil
}

// claimedBefore is what an operator before this one may have taken over: it left
// no mark on the StatefulSet, as every one since does.
func (o *observed) claimedBefore() []client.Object {
	if o.statefulSet != nil && o.statefulSet.Annotations[annotationGeneration] != "" {
		return nil
	}
	return []client.Object{optional(o.oldAccount), optional(o.service), optional(o.headless), optional(o.configMap), optional(o.generatedSecret())}
}

// generatedSecret is the Secret that bears the name of the key that we make.
func (o *observed) generatedSecret() *corev1.Secret {
	if ownSecret(o.instance) {
		return nil
	}
	return o.secret
}

// server plans the children.
func (p *plan) server(o *observed) error {
	a := o.instance
	account := accountOf(o)
	if account == oldAccountName(a) {
		p.child(accountChild(serviceAccount(a, account), o.oldAccount), ours)
	} else {
		p.child(accountChild(serviceAccount(a, account), o.serviceAccount), o.standing.serviceAccount)
	}
	if s := secret(a, o.secret, o.freshKey); s != nil {
		p.child(secretChild(s, o.secret), o.standing.secret)
	}
	if s := consoleSecret(a, o.console, o.freshTokens); s != nil {
		p.child(secretChild(s, o.console), o.standing.console)
	}
	if err := p.links(o); err != nil {
		return err
	}
	p.leaving(o)
	p.child(serviceChild(service(a, front(o)), o.service), o.standing.service)
	p.child(serviceChild(headless(a), o.headless), o.standing.headless)
	switch want := networkPolicy(a, o.options.Peers); {
	case want != nil:
		p.child(policyChild(want, o.networkPolicy), o.standing.networkPolicy)
	case o.standing.networkPolicy == ours:
		p.remove = append(p.remove, removal{kind: "NetworkPolicy", object: o.networkPolicy})
	}
	p.serviceRoutes(o)
	if err := p.web(o); err != nil {
		return err
	}
	if p.volume(o) {
		return nil // the claim makes place for another: the rest follows
	}

	template, doc, err := p.template(o, account)
	if err != nil {
		return err
	}
	edge := ""
	if a.Spec.Edges != nil {
		if edge, err = edgeDocument(o.served()); err != nil {
			return err
		}
	}
	p.child(configMapChild(configMap(a, doc, edge, leavingWithin(o), webRTCAddresses(o)), o.configMap), o.standing.configMap)
	if o.standing.statefulSet == absent && (p.blocked.reason != "" || len(p.conflicts) > 0 || len(p.awaited) > 0) {
		// A pod would mount or run as what is not ours. A StatefulSet that is
		// there mounts what it was made with.
		return nil
	}
	annotations := p.upgrade.annotations()
	if !o.asleep.IsZero() {
		annotations[annotationAsleep] = o.asleep.UTC().Format(time.RFC3339)
	}
	set := statefulSet(a, template, p.replicas(o, template), annotations, o.statefulSet, o.standing.claim)
	p.child(statefulSetChild(set, o.statefulSet), o.standing.statefulSet)
	p.pokes = pokes(o)
	return p.edges(o, account)
}

// child adds a child unless an object of another owner has its name.
func (p *plan) child(c child, s standing) {
	switch s {
	case foreign:
		p.conflicts = append(p.conflicts, conflictOf(c.kind, c.have))
	case leaving:
		p.awaited = append(p.awaited, c.String())
	case absent, ours:
		p.children = append(p.children, c)
	}
}

// volume plans the claims, one for each origin. It returns true when a claim without a volume gives
// way to one of another class: the StatefulSet, whose template names the old
// class and cannot be changed, is made again around the pod.
func (p *plan) volume(o *observed) bool {
	var gives []removal
	for _, s := range o.origins() {
		switch {
		case s.standing == foreign: // made by hand or restored: it is mounted as it is
		case neverBound(o, s.claim):
			gives = append(gives, removal{kind: "PersistentVolumeClaim", object: s.claim})
		default:
			p.child(claimChild(claim(o.instance, s.claimName, s.claim), s.claim), s.standing)
		}
	}
	if len(gives) > 0 && o.standing.statefulSet == ours {
		p.remove = append(p.remove, removal{kind: "StatefulSet", object: o.statefulSet, orphan: true})
	}
	p.remove = append(p.remove, gives...)
	return len(gives) > 0
}

// template is the pod's, and the document that it serves. While an upgrade
// waits, or something of what is wanted must not be mounted, both are what they
// are now.
func (p *plan) template(o *observed, account string) (*corev1ac.PodTemplateSpecApplyConfiguration, string, error) {
	a := o.instance
	doc, err := document(o.served())
	if err != nil {
		return nil, "", err
	}
	want, err := podTemplate(mountable(o), imageOf(a, o.image), account, doc, o.scriptHash(), o.options.OpenShift)
	if err != nil {
		return nil, "", err
	}
	if o.standing.statefulSet != ours {
		return want, doc, nil
	}
	owned, err := ownedStatefulSet(o.statefulSet, FieldManager)
	if err != nil {
		return nil, "", err
	}
	if owned.Spec == nil || owned.Spec.Template == nil {
		return want, doc, nil
	}
	stays := p.blocked.reason != "" || len(p.conflicts) > 0 || o.standing.configMap == foreign
	if p.upgrade, err = upgradeOf(o, owned.Spec.Template, want, stays); err != nil {
		return nil, "", err
	}
	if stays || p.upgrade.held() {
		if o.configMap != nil && o.standing.configMap == ours {
			doc = o.configMap.Data[documentFile]
		}
		return owned.Spec.Template, doc, nil
	}
	if is, err := same(owned.Spec.Template, want); err != nil || is {
		return want, doc, err
	}
	p.restart = p.causes(o, owned.Spec.Template, want, doc)
	return want, doc, nil
}

// replicas is one, or as many as there are shards, or none while the instance is suspended or asleep. It is none for a
// moment, too, where a pod of an old revision is not ready: the StatefulSet's
// controller would wait for it for ever, and lets it go when it is not wanted.
func (p *plan) replicas(o *observed, template *corev1ac.PodTemplateSpecApplyConfiguration) int32 {
	if o.rests() {
		return 0
	}
	if sharded(o.instance) { // letting one go would let all go
		return int32(len(o.origins())) //nolint:gosec // at most 16
	}
	set, pod := o.statefulSet, o.pod
	if o.standing.statefulSet == ours && pod != nil && pod.DeletionTimestamp == nil && !podReady(pod) &&
		set.Spec.Replicas != nil && *set.Spec.Replicas == 0 && set.Status.ObservedGeneration < set.Generation {
		p.freed = true // its controller has not seen that the pod is let go
		return 0
	}
	if o.standing.statefulSet != ours || pod == nil || pod.DeletionTimestamp != nil || podReady(pod) ||
		set.Status.ObservedGeneration < set.Generation || set.Status.UpdateRevision == "" {
		return 1
	}
	owned, err := ownedStatefulSet(set, FieldManager)
	if err != nil || owned.Spec == nil || owned.Spec.Template == nil {
		return 1
	}
	if is, err := same(owned.Spec.Template, template); err != nil || !is {
		return 1 // the new revision comes first
	}
	if revision(pod) == set.Status.UpdateRevision {
		return 1
	}
	p.freed = true
	return 0
}

// blocked says why the server must be left as it is: something that it would
// mount or be may not be handed to it.
func blocked(o *observed) verdict {
	for _, r := range references(o) {
		if r.field == fieldTLS {
			continue // a server plays without: see mountable
		}
		if v := r.refusal(); v.reason != "" {
			return v
		}
		if r.waits() {
			return stalled("SecretMissing", fmt.Sprintf("Secret %s of %s is not there yet", r.name, r.field))
		}
	}
	if scriptWaits(o) {
		return scriptVerdict(o)
	}
	if why := o.options.Allowed.refuse(o.instance, o.image); len(why) > 0 {
		return stalled("NotAllowed", strings.Join(why, "; ")+": the operator's flags say what is")
	}
	return verdict{}
}

// optional makes a nil interface of a nil pointer.
func optional[T any, P object[T]](o P) client.Object {
	if o == nil {
		return nil
	}
	return o
}
