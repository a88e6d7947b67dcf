package controllers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// Reconciler makes Kubernetes objects of AppInstances.
type Reconciler struct {
	client.Client
	APIReader  client.Reader // past the cache
	Events     events.EventRecorder
	MediaImage string // of instances that name none
	Options    Options
	// Sessions asks a media server how many clients are connected. Nil: as its
	// metrics say.
	Sessions func(ctx context.Context, address string) (int, error)
	// Scripts asks a media server for the errors of its scripts. Nil: over HTTP.
	Scripts func(ctx context.Context, address string) (*scriptReport, error)
	// Holds asks a media server what it has. Nil: over HTTP.
	Holds func(ctx context.Context, address string) (*holding, error)
	// Edges asks a server how much it has to do. Nil: as its metrics say.
	Edges func(ctx context.Context, address string) (edgeLoad, error)
	// Clients asks a media server how many connections clients have to it. Nil: as its
	// metrics say.
	Clients func(ctx context.Context, address string) (int64, error)
	// Usage asks a media server how it is used. Nil: as its metrics say.
	Usage func(ctx context.Context, address string) (usage, error)
	// Routes knows which routes the cluster has. Nil: it has none.
	Routes *Routes
	// Now is the clock; nil for the machine's.
	Now func() time.Time

	rollout rollout
	scalers scalers
	vigils  vigils
	// farewells are what pods say that a Service has left.
	farewells farewells
	// stale are the versions of AppInstances that a status was written to: a
	// cache that still has one is late, and will send its event.
	stale sync.Map // of client.ObjectKey: resourceVersion
}

// Options are what the operator's command line says of all instances.
type Options struct {
	Peers   Peers
	Allowed Allowed
	// Namespaces are those that the operator looks after; none for all.
	Namespaces []string
	// OpenShift leaves users and groups of pods to the cluster.
	OpenShift bool
	// MaxConcurrentRollouts is how many instances an upgrade of the operator
	// restarts at a time; default 1.
	MaxConcurrentRollouts int
	// Gateway is the cluster's; nil: there is none.
	Gateway *Gateway
}

// +kubebuilder:rbac:groups=media.flashpod.dev,resources=appinstances,verbs=get;list;watch
// +kubebuilder:rbac:groups=media.flashpod.dev,resources=appinstances/status,verbs=patch
// +kubebuilder:rbac:groups=media.flashpod.dev,resources=appinstances/finalizers,verbs=update
// +kubebuilder:rbac:groups=policy,resources=poddisruptionbudgets,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=apps,resources=deployments;statefulsets,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=discovery.k8s.io,resources=endpointslices,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=services,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=configmaps;serviceaccounts,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups="",resources=persistentvolumeclaims,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=pods,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=pods/status,verbs=patch
// +kubebuilder:rbac:groups="",resources=events,verbs=list
// +kubebuilder:rbac:groups=networking.k8s.io,resources=networkpolicies;ingresses,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=gateway.networking.k8s.io,resources=httproutes;tcproutes;tlsroutes,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=gateway.networking.k8s.io,resources=gateways,verbs=get
// +kubebuilder:rbac:groups=storage.k8s.io,resources=storageclasses,verbs=get
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconcile brings one AppInstance and what belongs to it together.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	a := &v1alpha1.AppInstance{}
	if err := r.Get(ctx, req.NamespacedName, a); err != nil {
		if apierrors.IsNotFound(err) {
			r.forget(req.NamespacedName)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if a.DeletionTimestamp != nil {
		return ctrl.Result{}, nil // children go with their owner
	}
	if version, ok := r.stale.Load(req.NamespacedName); ok && version == a.ResourceVersion {
		return ctrl.Result{}, nil
	}
	o, err := r.gather(ctx, a)
	if err != nil {
		return ctrl.Result{}, err
	}
	p, done, err := r.permit(ctx, o)
	if err != nil {
		return ctrl.Result{}, err
	}
	defer done() // also where what follows panics: others wait for the place
	o.applyErr = r.carryOut(ctx, o, p)
	done()
	if lagging(o, p) {
		return ctrl.Result{RequeueAfter: time.Second}, nil // its event is here sooner
	}
	status := statusOf(o, p)
	r.measure(o, p)
	wait, err := r.writeStatus(ctx, a, o, p, status)
	if err != nil {
		return ctrl.Result{}, err
	}
	return r.next(o, p, wait)
}

// carryOut makes things as planned. A child that cannot be applied keeps no
// other back.
func (r *Reconciler) carryOut(ctx context.Context, o *observed, p *plan) error {
	var errs []error
	for _, old := range p.giveBack {
		errs = append(errs, r.release(ctx, o.instance, old))
	}
	for _, gone := range p.remove {
		if err := r.removeObject(ctx, gone); err != nil {
			return errors.Join(append(errs, err)...) // the next object would not find its place
		}
	}
	errs = append(errs, r.markEdges(ctx, p))
	for _, c := range p.children {
		now, err := r.applyChild(ctx, c)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if now == nil {
			continue
		}
		r.tellRestart(o, p, c)
		if err := o.take(c.kind, c.name, now); err != nil {
			errs = append(errs, err)
		}
	}
	if errors.Join(errs...) == nil {
		errs = append(errs, r.removeUnused(ctx, p))
	}
	for _, late := range p.pokes {
		patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"metadata":{"uid":%q,"annotations":{%q:%q}}}`, late.pod.UID, annotationSecrets, late.value))
		err := r.Status().Patch(ctx, late.pod.DeepCopy(), patch, client.FieldOwner(FieldManager))
		if client.IgnoreNotFound(err) != nil {
			errs = append(errs, fmt.Errorf("tell pod %s that a Secret has changed: %w", late.pod.Name, err))
		}
	}
	return errors.Join(errs...)
}

// take notes what a child is now, so that status does not tell of the one
// before.
func (o *observed) take(kind, name string, now *unstructured.Unstructured) error {
	var err error
	switch {
	case kind == "StatefulSet":
		o.statefulSet, err = fresh[appsv1.StatefulSet](now)
		o.standing.statefulSet = ours
	case kind == "Deployment":
		o.edges.deployment, err = fresh[appsv1.Deployment](now)
		o.edges.standing.deployment = ours
	case kind == "Secret" && name == linkName(o.instance):
		o.edges.link, err = fresh[corev1.Secret](now)
		o.edges.standing.link = ours
	case kind == "Secret" && name == reachName(o.instance):
		o.edges.reach, err = fresh[corev1.Secret](now)
		o.edges.standing.reach = ours
	case kind == "PersistentVolumeClaim":
		var claim *corev1.PersistentVolumeClaim
		if claim, err = fresh[corev1.PersistentVolumeClaim](now); err == nil {
			o.takeClaim(name, claim)
		}
	case kind == "Service" && name == serviceName(o.instance):
		o.service, err = fresh[corev1.Service](now)
		o.standing.service = ours
	case kind == "Service" && name == internalName(o.instance):
		o.internal, err = fresh[corev1.Service](now)
		o.standing.internal = ours
	case kind == "Service" && name == webRTCName(o.instance):
		o.webRTC, err = fresh[corev1.Service](now)
		o.standing.webRTC = ours
	case kind == kindHTTPRoute:
		o.route, err = fresh[gatewayv1.HTTPRoute](now)
		o.standing.route = ours
	case kind == kindTCPRoute:
		o.byService.tcp, err = fresh[gatewayv1.TCPRoute](now)
		o.byService.tcpStanding = ours
	case kind == kindTLSRoute:
		o.byService.tls, err = fresh[gatewayv1.TLSRoute](now)
		o.byService.tlsStanding = ours
	case kind == "Ingress":
		o.ingress, err = fresh[networkingv1.Ingress](now)
		o.standing.ingress = ours
	case kind == "Secret" && name == consoleName(o.instance):
		o.console, err = fresh[corev1.Secret](now)
		o.standing.console = ours
	case kind == "Secret":
		o.secret, err = fresh[corev1.Secret](now)
		o.standing.secret = ours
	}
	if err != nil {
		return fmt.Errorf("read the answer for %s %s: %w", kind, name, err)
	}
	return nil
}

// fresh is an answer of the API server as its type.
func fresh[T any](now *unstructured.Unstructured) (*T, error) {
	out := new(T)
	return out, runtime.DefaultUnstructuredConverter.FromUnstructured(now.Object, out)
}

// release gives an object back to the manager that made it.
func (r *Reconciler) release(ctx context.Context, a *v1alpha1.AppInstance, o client.Object) error {
	patch, err := giveBack(a, o)
	if err != nil {
		return err
	}
	copied, _ := o.DeepCopyObject().(client.Object)
	if err := r.Patch(ctx, copied, patch, client.FieldOwner(FieldManager)); err != nil {
		return raced(child{kind: kindOf(o), name: o.GetName()}, err, "give back")
	}
	r.Events.Eventf(a, nil, "Warning", "GivenBack", "Reconcile", "%s %s was there before this AppInstance and had been taken over by an operator before this one: it is its maker's again", kindOf(o), o.GetName())
	return nil
}

// removeObject deletes an object as it was read, and no other.
func (r *Reconciler) removeObject(ctx context.Context, gone removal) error {
	uid, version := gone.object.GetUID(), gone.object.GetResourceVersion()
	options := []client.DeleteOption{client.Preconditions{UID: &uid, ResourceVersion: &version}}
	if gone.orphan {
		options = append(options, client.PropagationPolicy(metav1.DeletePropagationOrphan))
	}
	copied, _ := gone.object.DeepCopyObject().(client.Object)
	if err := r.Delete(ctx, copied, options...); client.IgnoreNotFound(err) != nil {
		return raced(child{kind: gone.kind, name: gone.object.GetName()}, err, "delete")
	}
	return nil
}

// How long until an instance is looked at again that nothing tells of.
const (
	lookAgain = time.Minute     // foreign objects are not watched
	lookSoon  = 5 * time.Second // events are not watched either
	idleEvery = 30 * time.Second
	// scriptEvery is how often a server with a script is asked for its errors, and
	// scriptSoon in the minute after an edit of the files: whoever made it waits for
	// what comes of it.
	scriptEvery = time.Minute
	scriptSoon  = 10 * time.Second
)

// next says when to look again. What failed is tried again at growing intervals,
// and told once, when it is written to status.
func (r *Reconciler) next(o *observed, p *plan, wait time.Duration) (ctrl.Result, error) {
	var again time.Duration
	sooner := func(d time.Duration) {
		if d > 0 && (again == 0 || d < again) {
			again = d
		}
	}
	sooner(wait)
	sooner(edgesPace(o, p))
	sooner(sleepTurn(o))
	sooner(leavingPace(o))
	sooner(fewerPace(o))
	var raced *racedError
	switch {
	case len(p.giveBack) > 0 && o.applyErr == nil || errors.As(o.applyErr, &raced):
		sooner(100 * time.Millisecond)
	case len(p.remove) > 0 || p.freed || len(p.awaited) > 0:
		sooner(lookSoon) // the watch tells sooner
	case o.applyErr != nil:
		sooner(backOff(o, o.now))
	}
	if len(p.conflicts) > 0 || p.blocked.reason != "" || p.upgrade.held() || !unmarked(o).none() || ownSecret(o.instance) {
		sooner(lookAgain)
	}
	for _, s := range o.origins() {
		if s.standing == foreign {
			sooner(lookAgain)
		}
		if s.standing == foreign && s.claim.Status.Phase != corev1.ClaimBound || s.standing == leaving {
			sooner(lookSoon)
		}
	}
	if p.upgrade.wait.reason == "WaitsForIdle" {
		sooner(idleEvery)
	}
	if o.instance.Spec.Script != nil && !o.rests() {
		sooner(scriptPace(o))
	}
	if o.standing.statefulSet == ours && len(o.originPods()) < len(o.origins()) && !o.rests() {
		sooner(lookSoon)
	}
	for _, ref := range references(o) {
		if ref.secret == nil || !ref.marked {
			sooner(lookAgain) // nothing tells of it
		}
	}
	if o.gateway != nil || serviceGateway(o.instance) != nil {
		sooner(lookAgain) // nothing tells of its hosts and its address
	}
	if gatewayRef(o.instance) != nil && !o.hasRoutes || webCertificateName(o.instance) != "" && (o.webCertificate == nil || o.webCertificate.Type != corev1.SecretTypeTLS) {
		sooner(lookAgain) // nothing tells of it
	}
	for _, secret := range []*corev1.Secret{o.certificate, o.webCertificate} {
		if secret == nil {
			continue
		}
		if leaf, err := leafOf(secret); err == nil {
			for _, turn := range []time.Time{leaf.NotBefore, leaf.NotAfter.Add(-expiresSoon), leaf.NotAfter} {
				sooner(turn.Sub(o.now) + time.Second)
			}
		}
	}
	return ctrl.Result{RequeueAfter: again}, nil
}

// lagging says whether the StatefulSet's controller has yet to see a change that
// restarts no pod: a server that was ready is so still.
func lagging(o *observed, p *plan) bool {
	set := o.statefulSet
	return o.applyErr == nil && len(p.restart) == 0 && !p.freed && !o.rests() && o.standing.statefulSet == ours &&
		set.Status.ObservedGeneration < set.Generation && o.pod != nil && o.pod.DeletionTimestamp == nil && podReady(o.pod) &&
		revision(o.pod) == set.Status.UpdateRevision &&
		meta.IsStatusConditionTrue(o.instance.Status.Conditions, v1alpha1.ConditionReady)
}

// backOff grows with the time that the instance has not been ready: from a
// second to a minute.
func backOff(o *observed, now time.Time) time.Duration {
	ready := meta.FindStatusCondition(o.instance.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.Status == metav1.ConditionTrue {
		return time.Second
	}
	return min(max(now.Sub(ready.LastTransitionTime.Time)/2, time.Second), lookAgain)
}

func (r *Reconciler) now() time.Time {
	if r.Now != nil {
		return r.Now()
	}
	return time.Now()
}
