//go:build envtest

package controllers

import (
	"context"
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// serveShard plays the cluster's controllers for an origin beside the first.
func (w *world) serveShard(n int) {
	w.t.Helper()
	w.bind(fmt.Sprint("data-lobby-", n))
	w.observeSet("lobby")
	set := read(w, "lobby", &appsv1.StatefulSet{})
	pod := &corev1.Pod{ObjectMeta: *set.Spec.Template.ObjectMeta.DeepCopy(), Spec: *set.Spec.Template.Spec.DeepCopy()}
	pod.Namespace, pod.Name = w.ns, fmt.Sprint("lobby-", n)
	pod.Labels[appsv1.ControllerRevisionHashLabelKey] = set.Status.UpdateRevision
	pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: volumeData, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
	w.must(w.Create(context.Background(), pod))
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	w.must(w.Status().Update(context.Background(), pod))
}

// An application that has one origin gets more, which restarts nothing; each has a claim,
// which outlives it, and status says which of them instances are spread over. Fewer are
// refused. Nothing is written when nothing has changed.
func TestShardsCome(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	g := w.withGateway("*")
	s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: g.Namespace, Name: gatewayName},
		Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Ports: []corev1.ServicePort{{Name: "rtmp", Port: 1935}}}}
	w.must(w.Create(ctx, s))
	s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "192.0.2.9"}}
	w.must(w.Client.Status().Update(ctx, s))
	w.add("{application: a, onDemandInstances: true, service: {type: Gateway}}")
	w.serve()
	w.settle()
	uid := read(w, "lobby-0", &corev1.Pod{}).UID
	says := func(shards, reason string) {
		t.Helper()
		*w.writes = 0
		w.reconcile()
		if *w.writes != 0 {
			t.Errorf("%d writes where nothing had changed", *w.writes)
		}
		if got := fmt.Sprint(w.instance().Status.Shards); got != shards {
			t.Errorf("shards %s, want %s", got, shards)
		}
		if c := w.condition(v1alpha1.ConditionOriginReady); c.Reason != reason {
			t.Errorf("%s: %s; want %s", c.Reason, c.Message, reason)
		}
	}
	says("[]", "Ready")
	w.edit(func(a *v1alpha1.AppInstance) { a.Spec.Shards = 2 })
	w.rest()
	says("[{lobby-0 true true} {lobby-1 false false}]", "ShardStarting")
	if set := read(w, "lobby", &appsv1.StatefulSet{}); *set.Spec.Replicas != 2 {
		t.Errorf("%d replicas", *set.Spec.Replicas)
	}
	claim := read(w, "data-lobby-1", &corev1.PersistentVolumeClaim{})
	if claim.Labels[labelOutlives] != "lobby" || len(claim.OwnerReferences) > 0 {
		t.Errorf("the claim is %v of %v", claim.Labels, claim.OwnerReferences)
	}
	w.serveShard(1)
	w.settle()
	says("[{lobby-0 true true} {lobby-1 true true}]", "Ready")
	if url := w.instance().Status.URL; url != "rtmp://192.0.2.9/a/lobby" || !meta.IsStatusConditionTrue(w.instance().Status.Conditions, v1alpha1.ConditionReady) {
		t.Errorf("%q, %+v", url, w.condition(v1alpha1.ConditionReady))
	}

	// One more, and one that goes: it has joined for good.
	w.edit(func(a *v1alpha1.AppInstance) { a.Spec.Shards = 3 })
	w.rest()
	says("[{lobby-0 true true} {lobby-1 true true} {lobby-2 false false}]", "ShardStarting")
	w.serveShard(2)
	w.must(w.Client.Delete(ctx, read(w, "lobby-1", &corev1.Pod{})))
	w.settle()
	says("[{lobby-0 true true} {lobby-1 false true} {lobby-2 true true}]", "ShardStarting")
	if now := read(w, "lobby-0", &corev1.Pod{}).UID; now != uid {
		t.Error("the first origin was restarted")
	}
	fewer := w.instance()
	fewer.Spec.Shards = 2
	if err := w.Update(ctx, fewer); !apierrors.IsInvalid(err) {
		t.Errorf("fewer are let through: %v", err)
	}
}
