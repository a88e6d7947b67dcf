package controllers

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// revision is that of the StatefulSet that a pod was made from.
func revision(pod *corev1.Pod) string { return pod.Labels[appsv1.ControllerRevisionHashLabelKey] }

func podReady(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// serves says whether the first origin's pod is of the StatefulSet's newest revision and takes
// connections.
func serves(o *observed) bool { return servesAs(o, o.pod) }

// servesAs is serves for the pod of one of several origins.
func servesAs(o *observed, pod *corev1.Pod) bool {
	set := o.statefulSet
	return o.standing.statefulSet == ours && set.Status.ObservedGeneration >= set.Generation &&
		pod != nil && pod.DeletionTimestamp == nil && podReady(pod) && revision(pod) == set.Status.UpdateRevision
}

// poked is a pod with the value of annotationSecrets that it lacks.
type poked struct {
	pod   *corev1.Pod
	value string
}

// pokes are the pods of origins that have not seen their Secrets as they are.
func pokes(o *observed) (all []poked) {
	for _, pod := range o.originPods() {
		if value := poke(o, pod); value != "" {
			all = append(all, poked{pod, value})
		}
	}
	return all
}

// poke is the value of a pod's annotation that makes kubelet look at the
// Secrets and the script again, which it does otherwise in a minute or two; "" when the pod has
// them as they are. One that was written before the pod began is in it already.
func poke(o *observed, pod *corev1.Pod) string {
	if pod == nil || pod.DeletionTimestamp != nil || pod.Status.StartTime == nil {
		return ""
	}
	sum := sha256.New()
	late := false
	var told *corev1.ConfigMap // where clients send media, and whether they are to leave
	if webRTC(o.instance) != nil || o.instance.Spec.Edges != nil {
		told = o.configMap
	}
	for _, s := range []client.Object{optional(told), optional(o.secret), optional(o.certificate), optional(o.console), optional(o.edges.link), optional(o.edges.reach), optional(o.script)} {
		if s == nil {
			continue
		}
		fmt.Fprintf(sum, "%s/%s ", s.GetUID(), s.GetResourceVersion())
		late = late || changed(s).After(pod.Status.StartTime.Time)
	}
	want := hex.EncodeToString(sum.Sum(nil)[:8])
	if !late || pod.Annotations[annotationSecrets] == want {
		return ""
	}
	return want
}

// changed is when an object was written last, as far as its managers tell.
func changed(s client.Object) time.Time {
	last := s.GetCreationTimestamp().Time
	for _, m := range s.GetManagedFields() {
		if m.Time != nil && m.Time.After(last) {
			last = m.Time.Time
		}
	}
	return last
}
