package controllers

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// A pod template changes because a user edits the AppInstance, which takes
// effect at once, or because another operator makes it, which is an upgrade: it
// restarts no more than so many instances at a time, in their own time.

// Annotations of a StatefulSet.
const (
	// annotationGeneration is that of the AppInstance whose edits the template
	// holds, or of which we know that they do not concern it.
	annotationGeneration = annotationPrefix + "generation"
	// annotationHeld is the hash of the template that an upgrade would make.
	annotationHeld = annotationPrefix + "held-template"
	// annotationRollout is the hash of the template that an upgrade has made,
	// until a pod of it serves: it takes one of the places in the rollout.
	annotationRollout = annotationPrefix + "rollout"
)

// upgrade says how a template may change.
type upgrade struct {
	generation int64
	hash       string  // of the template that is wanted
	wait       verdict // why it is held back; none when it is not
	rolling    bool    // a place in the rollout is taken
	mark       string  // of the template that took it
	edited     bool    // the change is the user's own
}

func (u upgrade) held() bool { return u.wait.reason != "" }

// annotations of the StatefulSet that remember all this over a restart of the
// operator.
func (u upgrade) annotations() map[string]string {
	all := map[string]string{annotationGeneration: strconv.FormatInt(u.generation, 10)}
	if u.held() {
		all[annotationHeld] = u.hash
	}
	if u.rolling {
		all[annotationRollout] = u.mark
	}
	return all
}

// upgradeOf judges the way from the template that is there to the one wanted.
// stays says that it must not be gone now, whatever it is.
func upgradeOf(o *observed, current, want *corev1ac.PodTemplateSpecApplyConfiguration, stays bool) (upgrade, error) {
	a, set := o.instance, o.statefulSet
	marks := set.Annotations
	seen, _ := strconv.ParseInt(marks[annotationGeneration], 10, 64) // 0: an operator without these annotations
	u := upgrade{generation: a.Generation, mark: marks[annotationRollout], rolling: marks[annotationRollout] != ""}
	var err error
	if u.hash, err = templateHash(want); err != nil {
		return u, err
	}
	now, err := templateHash(current)
	if err != nil {
		return u, err
	}
	if o.rests() || serves(o) && now == marks[annotationRollout] {
		u.rolling = false // it has come through
	}
	if now == u.hash {
		return u, nil
	}
	if seen == 0 {
		u.edited = a.Status.ObservedGeneration > 0 && a.Status.ObservedGeneration != a.Generation
	} else {
		u.edited = seen != a.Generation && marks[annotationHeld] != u.hash
	}
	if stays {
		if u.edited {
			u.generation = a.Generation - 1 // the edit is still to come, and is the user's own then
		}
		return u, nil
	}
	u.edited = u.edited || scriptChanged(current, want)
	u.mark = u.hash
	byHand := a.Spec.UpgradePolicy == v1alpha1.UpgradeManual && marks[annotationHeld] == u.hash
	switch {
	case u.edited, u.rolling, o.rests(), broken(o) && !byHand:
		// The user's own edits never wait; a place that is taken serves for a
		// second try; a server that was broken before has no session to lose. A
		// pod that is only away for a moment, evicted or starting, comes back as
		// it was.
		return u, nil
	case a.Spec.UpgradePolicy == v1alpha1.UpgradeManual && a.Annotations[annotationUpgrade] != u.hash:
		u.wait = good("WaitsForApproval", fmt.Sprintf("the operator would restart the server with another pod template, and spec.upgradePolicy is Manual: "+
			"kubectl annotate appinstance %s --namespace %s --overwrite %s=%s", a.Name, a.Namespace, annotationUpgrade, u.hash))
	case a.Spec.UpgradePolicy == v1alpha1.UpgradeOnIdle && o.sessions != 0:
		u.wait = good("WaitsForIdle", "the operator would restart the server with another pod template, and waits until no client is connected (spec.upgradePolicy is OnIdle)")
	case o.stopped != "":
		u.wait = good("RolloutStopped", fmt.Sprintf("the operator would restart the server with another pod template, but AppInstance %s did not become ready with its own: mend that one first", o.stopped))
	case !o.turn:
		u.wait = good("WaitsForTurn", "the operator restarts the server with another pod template when it is this instance's turn")
	default:
		u.rolling = true
	}
	return u, nil
}

// broken says whether the server waits for a user to mend it.
func broken(o *observed) bool {
	return (o.pod == nil || !podReady(o.pod)) && originStalled(o.instance)
}

// originStalled says whether an instance is stalled because of its server.
func originStalled(a *v1alpha1.AppInstance) bool {
	stuck := meta.FindStatusCondition(a.Status.Conditions, v1alpha1.ConditionStalled)
	origin := meta.FindStatusCondition(a.Status.Conditions, v1alpha1.ConditionOriginReady)
	return stuck != nil && stuck.Status == metav1.ConditionTrue && origin != nil && origin.Status == metav1.ConditionFalse && origin.Reason == stuck.Reason
}

// takesPlace says whether a StatefulSet takes one of the places in the rollout.
func takesPlace(set *appsv1.StatefulSet) bool {
	c := metav1.GetControllerOf(set)
	return c != nil && isAppInstance(c) && set.Annotations[annotationRollout] != "" && set.DeletionTimestamp == nil &&
		(set.Spec.Replicas == nil || *set.Spec.Replicas > 0 || set.Status.Replicas > 0)
}

// templateHash names a template: short enough to be copied.
func templateHash(t *corev1ac.PodTemplateSpecApplyConfiguration) (string, error) {
	text, err := json.Marshal(t)
	if err != nil {
		return "", fmt.Errorf("pod template: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:5]), nil
}
