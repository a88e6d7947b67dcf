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

// originVerdict is about the media server, or all of several.
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
	}
	return originsVerdict(o)
}

// podVerdict says why a pod is not ready. Its words stay the same while kubelet
// tries again and again, so that status is not written each time.
func podVerdict(o *observed, s shard) verdict {
	pod := s.pod
	for _, c := range pod.Status.ContainerStatuses {
		if v := waitingVerdict(o, pod, c); !v.none() {
			return v
		}
		if last := ended(c, o.now); last != nil {
			return stalled("Crashing", fmt.Sprintf("pod %s: the server ends with exit code %d%s", pod.Name, last.ExitCode, lastWords(last)))
		}
	}
	for _, c := range pod.Status.Conditions {
		// Without its volume no node takes it: see storageVerdict.
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && s.claim != nil && s.claim.Status.Phase == corev1.ClaimBound {
			return stalled("Unschedulable", fmt.Sprintf("no node takes pod %s: %s", pod.Name, c.Message))
		}
	}
	return coming("Starting", fmt.Sprintf("pod %s is starting", pod.Name))
}

// waitingVerdict is about a container that does not begin.
func waitingVerdict(o *observed, pod *corev1.Pod, c corev1.ContainerStatus) verdict {
	w := c.State.Waiting
	if w == nil {
		return verdict{}
	}
	switch w.Reason {
	case "ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError":
		const reason = "ImagePullFailed"
		// Kubelet tells the cause, and then for minutes only that it waits.
		prefix := fmt.Sprintf("pod %s: the node cannot pull image %s: ", pod.Name, c.Image)
		if said := saidBefore(o, pod.Name, reason); strings.HasPrefix(said, prefix) {
			return stalled(reason, said)
		}
		return stalled(reason, prefix+w.Message)
	case "CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PreCreateHookError":
		return stalled(w.Reason, fmt.Sprintf("pod %s: %s", pod.Name, w.Message))
	}
	return verdict{}
}

// saidBefore is what status says of an origin's pod now, for a reason; "": nothing.
func saidBefore(o *observed, pod, reason string) string {
	for _, s := range o.instance.Status.Shards {
		if s.Name == pod && s.Reason == reason {
			return s.Message
		}
	}
	now := meta.FindStatusCondition(o.instance.Status.Conditions, v1alpha1.ConditionOriginReady)
	if now == nil || now.Reason != reason || sharded(o.instance) {
		return ""
	}
	return now.Message
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
	case errors.As(err, &refused) && refused.child.kind == "PersistentVolumeClaim" && o.claimCalled(refused.child.name) != nil:
		have := capacity(o.claimCalled(refused.child.name))
		return stalled("GrowthRefused", fmt.Sprintf("%v; spec.storage.size may go back to %s", err, have.String()))
	case apierrors.IsInvalid(err), apierrors.IsForbidden(err), apierrors.IsBadRequest(err):
		return stalled("ApplyFailed", err.Error())
	}
	return coming("ApplyFailed", err.Error())
}
