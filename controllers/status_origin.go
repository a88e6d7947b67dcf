package controllers

import (
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// originVerdict is about the media server.
func originVerdict(o *observed, p *plan) verdict {
	switch {
	case o.instance.Spec.Suspend:
		return good("Suspended", "no media server is wanted")
	case o.rests():
		return good("Sleeping", "no media server is wanted")
	case len(p.awaited) > 0:
		return coming("Replacing", fmt.Sprintf("waits for what was there before to go: %s", strings.Join(p.awaited, ", ")))
	case p.blocked.reason == "NotAllowed" || p.blocked.reason == "SecretNotMarked":
		return p.blocked
	case p.blocked.reason != "":
		v := p.blocked
		if serves(o) {
			v.message += "; the server runs on as it was"
		}
		return v
	case o.standing.statefulSet != ours:
		return coming("Starting", "the media server is being made")
	case serves(o):
		return shardsVerdict(o)
	case o.pod == nil && o.refused != "":
		return stalled("PodRefused", fmt.Sprintf("the API server lets no pod in: %s", o.refused))
	case o.pod == nil:
		return coming("Starting", fmt.Sprintf("pod %s is not there yet", podName(o.instance)))
	case o.pod.DeletionTimestamp != nil:
		return coming("Restarting", fmt.Sprintf("pod %s goes, and another comes", o.pod.Name))
	case podReady(o.pod):
		return coming("Restarting", fmt.Sprintf("pod %s runs as it was before, and is replaced", o.pod.Name))
	case o.statefulSet.Status.ObservedGeneration < o.statefulSet.Generation || revision(o.pod) != o.statefulSet.Status.UpdateRevision:
		// What is wrong with it may have been mended since.
		return coming("Restarting", fmt.Sprintf("pod %s is as it was before, and is replaced", o.pod.Name))
	}
	return podVerdict(o)
}

// podVerdict says why a pod is not ready. Its words stay the same while kubelet
// tries again and again, so that status is not written each time.
func podVerdict(o *observed) verdict {
	pod := o.pod
	for _, c := range pod.Status.ContainerStatuses {
		if v := waitingVerdict(o, c); !v.none() {
			return v
		}
		if last := ended(c, o.now); last != nil {
			return stalled("Crashing", fmt.Sprintf("pod %s: the server ends with exit code %d%s", pod.Name, last.ExitCode, lastWords(last)))
		}
	}
	for _, c := range pod.Status.Conditions {
		// Without its volume no node takes it: see storageVerdict.
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && o.claim != nil && o.claim.Status.Phase == corev1.ClaimBound {
			return stalled("Unschedulable", fmt.Sprintf("no node takes pod %s: %s", pod.Name, c.Message))
		}
	}
	return coming("Starting", fmt.Sprintf("pod %s is starting", pod.Name))
}

// waitingVerdict is about a container that does not begin.
func waitingVerdict(o *observed, c corev1.ContainerStatus) verdict {
	w := c.State.Waiting
	if w == nil {
		return verdict{}
	}
	switch w.Reason {
	case "ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError":
		const reason = "ImagePullFailed"
		// Kubelet tells the cause, and then for minutes only that it waits.
		now := meta.FindStatusCondition(o.instance.Status.Conditions, v1alpha1.ConditionOriginReady)
		prefix := fmt.Sprintf("pod %s: the node cannot pull image %s: ", o.pod.Name, c.Image)
		if now != nil && now.Reason == reason && strings.HasPrefix(now.Message, prefix) {
			return stalled(reason, now.Message)
		}
		return stalled(reason, prefix+w.Message)
	case "CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PreCreateHookError":
		return stalled(w.Reason, fmt.Sprintf("pod %s: %s", o.pod.Name, w.Message))
	}
	return verdict{}
}

// staysUp is how long a container runs that does not crash at its start.
const staysUp = 2 * time.Minute

// ended is how a container that does not stay up ended last.
func ended(c corev1.ContainerStatus, now time.Time) *corev1.ContainerStateTerminated {
	if r := c.State.Running; r != nil && now.Sub(r.StartedAt.Time) > staysUp {
		return nil // what it died of is long over
	}
	if c.State.Terminated != nil {
		return c.State.Terminated
	}
	return c.LastTerminationState.Terminated
}

// lastWords are what a container said at its end, for people.
func lastWords(t *corev1.ContainerStateTerminated) string {
	lines := strings.Split(strings.TrimSpace(t.Message), "\n")
	words := lines[len(lines)-1]
	switch {
	case t.Reason == "OOMKilled":
		return ": it took more memory than spec.resources.limits.memory"
	case words == "" && t.Reason != "" && t.Reason != "Error":
		return ": " + t.Reason
	case words == "":
		return ""
	}
	return ": " + words
}

// applyVerdict is about a child that the API server refuses.
func applyVerdict(o *observed) verdict {
	err := o.applyErr
	var raced *racedError
	var refused *refusedError
	switch {
	case errors.As(err, &raced):
		return coming("Applying", "what belongs to the instance is being written")
	case errors.As(err, &refused) && refused.child.kind == "PersistentVolumeClaim" && o.claim != nil:
		have := capacity(o.claim)
		return stalled("GrowthRefused", fmt.Sprintf("%v; spec.storage.size may go back to %s", err, have.String()))
	case apierrors.IsInvalid(err), apierrors.IsForbidden(err), apierrors.IsBadRequest(err):
		return stalled("ApplyFailed", err.Error())
	}
	return coming("ApplyFailed", err.Error())
}
