package controllers

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// gatherFor is how long what only tells of progress waits for more of it: what
// happens in the first seconds of an instance is written once.
const gatherFor = 10 * time.Second

// writeStatus writes a status that differs, and tells of it what has turned. It
// returns how long to wait for a status that may wait.
func (r *Reconciler) writeStatus(ctx context.Context, a *v1alpha1.AppInstance, o *observed, p *plan, status v1alpha1.AppInstanceStatus) (time.Duration, error) {
	if equality.Semantic.DeepEqual(a.Status, status) {
		return 0, nil
	}
	if wait := gatherFor - o.now.Sub(written(a)); wait > 0 && onTheWay(a.Status, status) {
		return wait, nil
	}
	old := a.DeepCopy()
	a.Status = status
	if err := r.Status().Patch(ctx, a, client.MergeFrom(old), client.FieldOwner(FieldManager)); err != nil {
		if client.IgnoreNotFound(err) == nil {
			return 0, nil
		}
		return 0, fmt.Errorf("write status: %w", err)
	}
	if a.ResourceVersion != old.ResourceVersion {
		r.stale.Store(client.ObjectKeyFromObject(a), old.ResourceVersion)
	}
	r.tell(a, old.Status)
	r.tellScript(a, old.Status)
	if o.applyErr != nil && !sameSum(old.Status, status) {
		log.FromContext(ctx).Error(o.applyErr, "cannot make what belongs to the instance")
	}
	return 0, nil
}

// written is when the operator wrote a status last.
func written(a *v1alpha1.AppInstance) time.Time {
	for _, m := range a.ManagedFields {
		if m.Manager == FieldManager && m.Subresource == "status" && m.Time != nil {
			return m.Time.Time
		}
	}
	return time.Time{}
}

// onTheWay says whether two statuses differ only in how far it has come: neither
// is ready, nothing is stalled, and both are of the same generation.
func onTheWay(was, now v1alpha1.AppInstanceStatus) bool {
	for _, s := range []v1alpha1.AppInstanceStatus{was, now} {
		if !meta.IsStatusConditionTrue(s.Conditions, v1alpha1.ConditionReconciling) {
			return false
		}
	}
	return was.ObservedGeneration == now.ObservedGeneration
}

// sameSum says whether two statuses come to the same.
func sameSum(was, now v1alpha1.AppInstanceStatus) bool {
	a, b := meta.FindStatusCondition(was.Conditions, v1alpha1.ConditionReady), meta.FindStatusCondition(now.Conditions, v1alpha1.ConditionReady)
	return a != nil && b != nil && a.Reason == b.Reason && a.Message == b.Message
}

// told are the conditions that tell the story.
var told = []string{
	v1alpha1.ConditionNameConflict, v1alpha1.ConditionStorageReady, v1alpha1.ConditionServiceReady, v1alpha1.ConditionPublishKeyReady,
	v1alpha1.ConditionCertificateReady, v1alpha1.ConditionWebCertificateReady, v1alpha1.ConditionWebRouteReady, v1alpha1.ConditionRouteReady, v1alpha1.ConditionWebRTCReady, v1alpha1.ConditionScriptReady, v1alpha1.ConditionOriginReady, v1alpha1.ConditionShardsLeaving, v1alpha1.ConditionUpgradePending, v1alpha1.ConditionUnmarkedReference,
	v1alpha1.ConditionSleeping, v1alpha1.ConditionReady,
}

// warns are the reasons of good conditions that a user should look at.
var warns = map[string]bool{"CertificateExpiring": true, "KeyShort": true, "RolloutStopped": true, "SecretNotMarked": true, "NameConflict": true, "OnDemandConflict": true, "ClaimsLeftOver": true, "ShardsHoldInstances": true, "ShardsSilent": true, "ForeignClaim": true}

// tell makes an event of each turn of these conditions.
func (r *Reconciler) tell(a *v1alpha1.AppInstance, was v1alpha1.AppInstanceStatus) {
	stuck := meta.FindStatusCondition(a.Status.Conditions, v1alpha1.ConditionStalled)
	byShard := r.tellShards(a, was, stuck)
	for _, kind := range told {
		now, before := meta.FindStatusCondition(a.Status.Conditions, kind), meta.FindStatusCondition(was.Conditions, kind)
		if now == nil || before != nil && before.Status == now.Status && before.Reason == now.Reason {
			continue
		}
		if kind == v1alpha1.ConditionOriginReady && byShard[now.Reason] {
			continue
		}
		level := corev1.EventTypeNormal
		if warns[now.Reason] || now.Status == metav1.ConditionFalse && stuck != nil && stuck.Reason == now.Reason {
			level = corev1.EventTypeWarning
		}
		if before == nil && now.Status != metav1.ConditionTrue && level == corev1.EventTypeNormal {
			continue // nothing is ready at the very beginning
		}
		r.Events.Eventf(a, nil, level, now.Reason, "Reconcile", "%s: %s", kind, short(now.Message, maxNote))
	}
}

// tellShards makes an event of each turn of one of several origins. It returns the reasons that
// were told.
func (r *Reconciler) tellShards(a *v1alpha1.AppInstance, was v1alpha1.AppInstanceStatus, stuck *metav1.Condition) (reasons map[string]bool) {
	reasons = map[string]bool{}
	before := map[string]v1alpha1.ShardStatus{}
	for _, s := range was.Shards {
		before[s.Name] = s
	}
	for _, now := range a.Status.Shards {
		old, known := before[now.Name]
		reason, message, level := now.Reason, now.Message, corev1.EventTypeNormal
		if reason == "" {
			reason, message = "Ready", fmt.Sprintf("pod %s takes connections", now.Name)
		}
		if stuck != nil && stuck.Reason == reason {
			level = corev1.EventTypeWarning
		}
		switch {
		case known && old.Reason == now.Reason, !known && level == corev1.EventTypeNormal && !now.Ready, now.Reason == "" && !now.Ready:
			continue // it has not turned; nothing is ready at the very beginning; it rests
		}
		reasons[reason] = true
		r.Events.Eventf(a, nil, level, reason, "Reconcile", "%s: %s", now.Name, short(message, maxNote))
	}
	return reasons
}

// tellScript makes an event of a script's errors that are new, at all origins.
func (r *Reconciler) tellScript(a *v1alpha1.AppInstance, was v1alpha1.AppInstanceStatus) {
	type said struct{ now, before *v1alpha1.ScriptStatus }
	all := []said{{a.Status.Script, was.Script}}
	if len(a.Status.Shards) > 0 {
		all = nil
		before := map[string]*v1alpha1.ScriptStatus{}
		for _, s := range was.Shards {
			before[s.Name] = s.Script
		}
		for _, s := range a.Status.Shards {
			now := s.Script.DeepCopy()
			if now != nil && now.LastError != "" {
				now.LastError = s.Name + ": " + now.LastError
			}
			all = append(all, said{now, before[s.Name]})
		}
	}
	var texts []string
	for _, s := range all {
		if s.now == nil || s.now.LastError == "" || s.before != nil && s.before.Errors == s.now.Errors && strings.HasSuffix(s.now.LastError, s.before.LastError) {
			continue
		}
		texts = append(texts, s.now.LastError)
	}
	if len(texts) > 0 {
		r.Events.Eventf(a, nil, corev1.EventTypeWarning, "ScriptError", "Reconcile", "%s (%d script errors since the server started)", joined(texts, maxNote), a.Status.Script.Errors)
	}
}

// tellRestart says why a pod that runs is replaced.
func (r *Reconciler) tellRestart(o *observed, p *plan, c child) {
	switch {
	case c.kind == "Secret" && c.name == keyName(o.instance) && c.have == nil && o.statefulSet != nil:
		r.Events.Eventf(o.instance, nil, corev1.EventTypeWarning, "KeyRenewed", "Reconcile",
			"Secret %s was not there any more: another key was made, and encoders need it (the key before is valid for %s)", c.name, previousKeyFor(o.instance))
	case c.kind != "StatefulSet" || len(o.originPods()) == 0 || o.rests():
	case p.freed:
		r.Events.Eventf(o.instance, nil, corev1.EventTypeNormal, "Replacing", "Reconcile", "pod %s is not ready and of an old revision: another takes its place", o.pod.Name)
	case len(p.restart) > 0:
		why := strings.Join(p.restart, ", ") + " changed"
		if reflect.DeepEqual(p.restart, []string{upgraded}) {
			why = upgraded
		}
		r.Events.Eventf(o.instance, nil, corev1.EventTypeNormal, "Restarting", "Reconcile", "%s because %s", restarts(o), why)
	}
}

// restarts says which pods restart.
func restarts(o *observed) string {
	if last := len(o.shards); last > 0 {
		return fmt.Sprintf("pods %s to %s restart, the last one first,", shardPod(o.instance, 0), shardPod(o.instance, last))
	}
	return fmt.Sprintf("pod %s restarts", podName(o.instance))
}

func previousKeyFor(a *v1alpha1.AppInstance) time.Duration {
	if d := a.Spec.Access.Publish.PreviousKeyFor; d != nil {
		return d.Duration
	}
	return 0
}
