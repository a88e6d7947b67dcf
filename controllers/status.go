package controllers

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// statusOf says what is, from what was observed and what is done about it: a
// pure function. Times of conditions that did not change stay.
func statusOf(o *observed, p *plan) v1alpha1.AppInstanceStatus {
	a := o.instance
	s := *a.Status.DeepCopy()
	s.ObservedGeneration = a.Generation
	address, service := serviceVerdict(o)
	origin, storage := originVerdict(o, p), storageVerdict(o)
	key, certificate, script := publishKeyVerdict(o), certificateVerdict(o), scriptVerdict(o)
	route, webCertificate, rtc := routeVerdict(o), webCertificateVerdict(o), webRTCVerdict(o)
	byService := serviceRouteVerdict(o)
	s.Script = scriptStatus(o)
	s.URL, s.WebURL = url(a, address), webURL(o, route)
	switch {
	case o.gateway != nil:
		s.URL = o.gateway.url(a)
	case serviceGateway(a) != nil:
		s.URL = gatewayURL(o)
	}

	s.Origin, s.Shards = originStatus(o), shardsStatus(o)
	edges, reach := edgesVerdict(o), reachVerdict(o)
	s.Edges = edgesStatus(o)
	s.Sleep = sleepStatus(o)
	sleeping := sleepVerdict(o)
	s.Storage = &v1alpha1.StorageStatus{}
	if o.claim != nil {
		if capacity, ok := o.claim.Status.Capacity[corev1.ResourceStorage]; ok {
			s.Storage.Capacity = &capacity
		}
	}

	suspended := coming("Running", "spec.suspend is false")
	if a.Spec.Suspend {
		suspended = good("Suspended", "spec.suspend is true: no server runs; address, key and recordings stay")
	}
	name := nameVerdict(o, p)
	sum := ready(o, s.URL, suspended, sleeping, name, origin, storage, byService, service, key, certificate, script, route, webCertificate, rtc, edgesNeeded(o, edges), reach)
	var reconciling, stuck verdict
	switch {
	case sum.ok():
	case sum.stalled:
		stuck = good(sum.reason, sum.message)
	default:
		reconciling = good(sum.reason, sum.message)
	}
	setConditions(&s, a.Generation, []condition{
		{v1alpha1.ConditionReady, sum},
		{v1alpha1.ConditionReconciling, reconciling},
		{v1alpha1.ConditionStalled, stuck},
		{v1alpha1.ConditionNameConflict, name},
		{v1alpha1.ConditionRouteConflict, conflictVerdict(o)},
		{v1alpha1.ConditionOriginReady, origin},
		{v1alpha1.ConditionEdgesReady, edges},
		{v1alpha1.ConditionReachReady, reach},
		{v1alpha1.ConditionStorageReady, storage},
		{v1alpha1.ConditionServiceReady, service},
		{v1alpha1.ConditionPublishKeyReady, key},
		{v1alpha1.ConditionCertificateReady, certificate},
		{v1alpha1.ConditionWebCertificateReady, webCertificate},
		{v1alpha1.ConditionWebRouteReady, route},
		{v1alpha1.ConditionRouteReady, byService},
		{v1alpha1.ConditionWebRTCReady, rtc},
		{v1alpha1.ConditionScriptReady, script},
		{v1alpha1.ConditionSuspended, suspended},
		{v1alpha1.ConditionSleeping, sleeping},
		{v1alpha1.ConditionShardsLeaving, fewerVerdict(o)},
		{v1alpha1.ConditionUpgradePending, p.upgrade.wait},
		{v1alpha1.ConditionUnmarkedReference, unmarked(o)},
	})
	return s
}

// originStatus is what is seen of the origin.
func originStatus(o *observed) *v1alpha1.OriginStatus {
	s := &v1alpha1.OriginStatus{}
	if set := o.statefulSet; set != nil && o.standing.statefulSet == ours {
		for _, one := range o.origins() {
			if one.up() {
				s.Ready++
			}
		}
		if c := set.Spec.Template.Spec.Containers; len(c) > 0 {
			s.Image = c[0].Image
		}
	}
	return s
}

// condition is a verdict with the condition that says it.
type condition struct {
	kind string
	verdict
}

// setConditions writes the verdicts, and takes away the conditions that have
// none.
func setConditions(s *v1alpha1.AppInstanceStatus, generation int64, all []condition) {
	for _, c := range all {
		if c.none() {
			meta.RemoveStatusCondition(&s.Conditions, c.kind)
			continue
		}
		meta.SetStatusCondition(&s.Conditions, metav1.Condition{
			Type: c.kind, Status: c.status, Reason: c.reason, Message: short(c.message, maxMessage), ObservedGeneration: generation,
		})
	}
}

// ready sums up: the first that is missing is named.
func ready(o *observed, url string, suspended, sleeping, name verdict, needed ...verdict) verdict {
	switch {
	case !name.none():
		return stalled(name.reason, name.message)
	case o.applyErr != nil:
		return applyVerdict(o)
	case suspended.ok():
		return good(suspended.reason, suspended.message)
	}
	// A condition that waits for a user goes before one that changes by itself.
	for _, v := range needed {
		if !v.none() && !v.ok() && v.stalled {
			return v
		}
	}
	for _, v := range needed {
		if !v.none() && !v.ok() {
			return v
		}
	}
	switch {
	case sleeping.ok():
		return good(sleeping.reason, sleeping.message)
	case url == "" && serviceGateway(o.instance) != nil:
		return good("Serving", "clients come by the Gateway, whose address is not known: see ServiceReady")
	case url == "":
		return good("Serving", "clients connect to any node, at the Service's node port")
	}
	return good("Serving", "clients connect to "+url)
}

// nameVerdict is about names that others have: objects of another owner, and an
// AppInstance with the same on-demand instances; none when there are none.
func nameVerdict(o *observed, p *plan) verdict {
	var all []string
	for _, c := range p.conflicts {
		all = append(all, c.String())
	}
	switch {
	case len(all) == 0 && o.rival == "":
		return verdict{}
	case len(all) == 0:
		return good("OnDemandConflict", rivalMessage(o))
	case o.rival != "":
		all = append(all, rivalMessage(o))
	}
	return good("NameConflict", strings.Join(all, "; "))
}

// What a message may take: a condition holds 32,768 bytes and an event's note
// 1,024, each with room for more.
const (
	maxMessage = 4096
	maxNote    = 900
)

// short cuts a message to a number of bytes.
func short(message string, most int) string {
	if len(message) <= most {
		return message
	}
	return strings.ToValidUTF8(message[:most], "") + " …"
}

func url(a *v1alpha1.AppInstance, address string) string {
	if address == "" {
		return ""
	}
	scheme := "rtmp://"
	if a.Spec.TLS != nil {
		scheme = "rtmps://"
	}
	return scheme + address + "/" + a.Path().InURL()
}
