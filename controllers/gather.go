package controllers

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// observed is everything that is read: an instance and what bears the names of
// its children. What is not there is nil.
type observed struct {
	instance *v1alpha1.AppInstance // defaults filled in

	statefulSet    *appsv1.StatefulSet
	pod            *corev1.Pod
	claim          *corev1.PersistentVolumeClaim
	claims         []corev1.PersistentVolumeClaim // all that carry the instance's labels
	storageClass   *storagev1.StorageClass        // that a claim without a volume asks for
	service        *corev1.Service
	headless       *corev1.Service
	configMap      *corev1.ConfigMap
	secret         *corev1.Secret    // with the publish key
	certificate    *corev1.Secret    // of spec.tls
	console        *corev1.Secret    // with the tokens of the console
	script         *corev1.ConfigMap // of spec.script
	serviceAccount *corev1.ServiceAccount
	oldAccount     *corev1.ServiceAccount // called like the instance, with our label
	networkPolicy  *networkingv1.NetworkPolicy
	ingress        *networkingv1.Ingress
	internal       *corev1.Service // of plain HTTP inside the cluster
	webRTC         *corev1.Service
	webCertificate *corev1.Secret // of spec.web.tls
	route          *gatewayv1.HTTPRoute
	// hasRoutes says whether the cluster has HTTPRoutes, where one is wanted, and
	// routeRefused why the operator may not look at them.
	hasRoutes    bool
	routeRefused string
	// byService is what there is to say of spec.service.gatewayRef.
	byService serviceRoutes
	// rival is the AppInstance that has the on-demand instances which this one asks
	// for, too; "": none has.
	rival string
	// gateway is what there is to say of the cluster's gateway; nil where it is not wanted.
	gateway *gatewayView
	// refused is what the API server said of a pod that it did not let in.
	refused string

	// standing is what those are to the instance.
	standing struct {
		statefulSet, claim, service, headless, configMap, secret, serviceAccount, networkPolicy, ingress, internal, route, console, webRTC standing
	}

	options Options
	// image is the operator's choice of a media server.
	image string
	// freshKey is a publish key for an instance that has none, and freshTokens are
	// tokens for its console.
	freshKey    string
	freshTokens consoleTokens
	now         time.Time
	// turn lets an upgrade go; without it decide says what it waits for.
	turn bool
	// stopped names the instance whose upgrade failed; no other follows.
	stopped string
	// sessions is how many clients are connected; -1 when the server was not asked.
	sessions int
	// scripts is what media servers say of errors of their scripts, by their pods. One that
	// was not asked, or did not answer, is absent.
	scripts map[string]*scriptReport
	// shards are the origins beside the first.
	shards []shard
	// edges is what is read of edges.
	edges edgesObserved
	// leaving is what is read of pods that the Service does not lead to any more.
	leaving leavingObserved
	// quiet is how long nobody has been there; -1 when that is not known. asleep is since
	// when the instance is to be asleep, zero when it is to be awake: see sleepOf.
	quiet  time.Duration
	asleep time.Time
	// idle is what is known of that, and to be written down.
	idle idle
	// applyErr says what could not be applied, so that status tells it.
	applyErr error
}

// gather reads all that decide needs. What the cache does not have is looked for
// past it: the cache sees only what carries our label, and is late.
func (r *Reconciler) gather(ctx context.Context, a *v1alpha1.AppInstance) (*observed, error) {
	o := &observed{instance: a.DeepCopy(), options: r.Options, image: r.MediaImage, freshKey: rand.Text(), freshTokens: consoleTokens{rand.Text(), rand.Text()}, now: r.now(), sessions: -1}
	o.instance.SetDefaults()
	ns := a.Namespace
	var err error
	read := func(name string, obj client.Object, from ...client.Reader) bool {
		for _, reader := range from {
			if err != nil || name == "" {
				return false
			}
			e := reader.Get(ctx, client.ObjectKey{Namespace: ns, Name: name}, obj)
			if e == nil {
				return true
			}
			if !apierrors.IsNotFound(e) {
				err = fmt.Errorf("read %s %s/%s: %w", kindOf(obj), ns, name, e)
			}
		}
		return false
	}
	o.statefulSet = found(read, a.Name, &appsv1.StatefulSet{}, r.Client, r.APIReader)
	o.pod = found(read, podName(a), &corev1.Pod{}, r.Client)
	o.claim = found(read, claimName(a), &corev1.PersistentVolumeClaim{}, r.Client, r.APIReader)
	o.service = found(read, serviceName(a), &corev1.Service{}, r.Client, r.APIReader)
	o.headless = found(read, headlessName(a), &corev1.Service{}, r.Client, r.APIReader)
	o.configMap = found(read, configName(a), &corev1.ConfigMap{}, r.Client, r.APIReader)
	o.oldAccount = found(read, oldAccountName(a), &corev1.ServiceAccount{}, r.Client)
	o.serviceAccount = found(read, accountName(a), &corev1.ServiceAccount{}, r.Client, r.APIReader)
	o.networkPolicy = found(read, policyName(a), &networkingv1.NetworkPolicy{}, r.Client, r.APIReader)
	o.ingress = found(read, ingressName(a), &networkingv1.Ingress{}, r.Client)
	if o.ingress == nil && ingress(o.instance) != nil { // few want one
		o.ingress = found(read, ingressName(a), &networkingv1.Ingress{}, r.APIReader)
	}
	o.internal = found(read, internalName(a), &corev1.Service{}, r.Client)
	if o.internal == nil && webIsInternal(o.instance) {
		o.internal = found(read, internalName(a), &corev1.Service{}, r.APIReader)
	}
	o.webRTC = found(read, webRTCName(a), &corev1.Service{}, r.Client)
	if o.webRTC == nil && webRTC(o.instance) != nil {
		o.webRTC = found(read, webRTCName(a), &corev1.Service{}, r.APIReader)
	}
	// Never from a cache: that has no more than the metadata of Secrets.
	o.secret = found(read, secretName(o.instance), &corev1.Secret{}, r.APIReader)
	o.certificate = found(read, certificateName(a), &corev1.Secret{}, r.APIReader)
	o.console = found(read, consoleName(o.instance), &corev1.Secret{}, r.APIReader)
	o.webCertificate = found(read, webCertificateName(a), &corev1.Secret{}, r.APIReader)
	r.gatherEdges(o, read)
	r.gatherSlices(o, read)
	r.gatherShards(o, read)
	o.script = found(read, scriptName(o.instance), &corev1.ConfigMap{}, r.APIReader)
	if err != nil {
		return nil, err
	}
	if err := r.gatherRoutes(ctx, o); err != nil {
		return nil, err
	}
	if err := r.gatherRival(ctx, o); err != nil {
		return nil, err
	}
	if err := r.gatherGateway(ctx, o); err != nil {
		return nil, err
	}
	o.judge()
	r.gatherFewer(ctx, o)
	if err := r.countQuiet(ctx, o); err != nil {
		return nil, err
	}
	o.asleep = sleepOf(o)
	if err := r.countEdges(ctx, o); err != nil {
		return nil, err
	}
	if err := r.gatherLeaving(ctx, o); err != nil {
		return nil, err
	}
	r.gatherScripts(ctx, o)
	return o, r.gatherCauses(ctx, o)
}

// judge says what everything is to the instance.
func (o *observed) judge() {
	a, s := o.instance, &o.standing
	s.statefulSet, s.claim, s.service = stands(a, o.statefulSet), standingOfClaim(o, o.claim), stands(a, o.service)
	s.headless, s.configMap, s.serviceAccount = stands(a, o.headless), stands(a, o.configMap), stands(a, o.serviceAccount)
	s.networkPolicy, s.ingress, s.secret = stands(a, o.networkPolicy), stands(a, o.ingress), stands(a, o.secret)
	s.internal, s.route, s.console, s.webRTC = stands(a, o.internal), stands(a, o.route), stands(a, o.console), stands(a, o.webRTC)
	o.byService.tcpStanding, o.byService.tlsStanding = stands(a, o.byService.tcp), stands(a, o.byService.tls)
	e := &o.edges
	e.standing.deployment, e.standing.budget = stands(a, e.deployment), stands(a, e.budget)
	e.standing.policy, e.standing.link, e.standing.reach = stands(a, e.policy), stands(a, e.link), stands(a, e.reach)
	for i, slice := range o.leaving.slices {
		o.leaving.standing[i] = stands(a, slice)
	}
	if s.statefulSet != ours {
		o.pod = nil // of another StatefulSet
	}
	o.judgeShards()
}

// gatherCauses looks behind what is late: nothing of this is read of an instance
// that serves.
func (r *Reconciler) gatherCauses(ctx context.Context, o *observed) error {
	a := o.instance
	for _, label := range []string{labelInstance, labelOutlives} {
		var claims corev1.PersistentVolumeClaimList
		if err := r.List(ctx, &claims, client.InNamespace(a.Namespace), client.MatchingLabels{label: a.Name, labelName: appName}); err != nil {
			return fmt.Errorf("list claims of %s/%s: %w", a.Namespace, a.Name, err)
		}
		o.claims = append(o.claims, claims.Items...)
	}
	if name := o.pendingClass(); name != "" {
		class := &storagev1.StorageClass{}
		err := r.APIReader.Get(ctx, client.ObjectKey{Name: name}, class)
		if err == nil || apierrors.IsForbidden(err) { // an operator of some namespaces may not look
			o.storageClass = class
		} else if !apierrors.IsNotFound(err) {
			return fmt.Errorf("read StorageClass %s: %w", name, err)
		}
	}
	set := o.statefulSet
	if len(o.originPods()) == len(o.origins()) || set == nil || o.standing.statefulSet != ours || o.rests() || set.Status.ObservedGeneration < set.Generation {
		return nil
	}
	var events corev1.EventList
	err := r.APIReader.List(ctx, &events, client.InNamespace(a.Namespace), client.MatchingFields{"involvedObject.uid": string(set.UID), "type": corev1.EventTypeWarning})
	if err != nil {
		return fmt.Errorf("list events of StatefulSet %s/%s: %w", set.Namespace, set.Name, err)
	}
	since := o.now
	if ready := meta.FindStatusCondition(a.Status.Conditions, v1alpha1.ConditionReady); ready == nil {
		since = set.CreationTimestamp.Time
	} else if ready.Status == metav1.ConditionFalse {
		since = ready.LastTransitionTime.Time // what was refused before has been mended
	}
	for _, e := range events.Items {
		if e.Reason == "FailedCreate" && !e.LastTimestamp.Time.Before(since) {
			since, o.refused = e.LastTimestamp.Time, e.Message
		}
	}
	return nil
}

// stands is standingOf for pointers that may be nil.
func stands[T any, P object[T]](a *v1alpha1.AppInstance, o P) standing {
	if o == nil {
		return absent
	}
	return standingOf(a, o)
}

func found[T client.Object](read func(string, client.Object, ...client.Reader) bool, name string, obj T, from ...client.Reader) T {
	if read(name, obj, from...) {
		return obj
	}
	var none T
	return none
}

// kindOf is the kind of a typed object, for errors.
func kindOf(o client.Object) string {
	name := fmt.Sprintf("%T", o)
	return name[strings.LastIndexByte(name, '.')+1:]
}
