//go:build envtest

package controllers

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// gatewayServes has a gateway with an address.
func (w *world) gatewayServes() {
	w.t.Helper()
	ctx := context.Background()
	g := w.withGateway("*")
	s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: g.Namespace, Name: gatewayName},
		Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Ports: []corev1.ServicePort{{Name: "rtmp", Port: 1935}}}}
	w.must(w.Create(ctx, s))
	s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "192.0.2.9"}}
	w.must(w.Client.Status().Update(ctx, s))
}

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
	w.gatewayServes()
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
		if got := brief(w.instance().Status.Shards); got != shards {
			t.Errorf("shards %s, want %s", got, shards)
		}
		if c := w.condition(v1alpha1.ConditionOriginReady); c.Reason != reason {
			t.Errorf("%s: %s; want %s", c.Reason, c.Message, reason)
		}
	}
	says("[]", "Ready")
	w.edit(func(a *v1alpha1.AppInstance) { a.Spec.Shards = 2 })
	w.rest()
	says("[lobby-0 true true  lobby-1 false false Starting]", "Starting")
	if set := read(w, "lobby", &appsv1.StatefulSet{}); *set.Spec.Replicas != 2 {
		t.Errorf("%d replicas", *set.Spec.Replicas)
	}
	claim := read(w, "data-lobby-1", &corev1.PersistentVolumeClaim{})
	if claim.Labels[labelOutlives] != "lobby" || len(claim.OwnerReferences) > 0 {
		t.Errorf("the claim is %v of %v", claim.Labels, claim.OwnerReferences)
	}
	w.serveShard(1)
	w.settle()
	says("[lobby-0 true true  lobby-1 true true ]", "Ready")
	if url := w.instance().Status.URL; url != "rtmp://192.0.2.9/a/lobby" || !meta.IsStatusConditionTrue(w.instance().Status.Conditions, v1alpha1.ConditionReady) {
		t.Errorf("%q, %+v", url, w.condition(v1alpha1.ConditionReady))
	}

	// One more, and one that goes: it has joined for good.
	w.edit(func(a *v1alpha1.AppInstance) { a.Spec.Shards = 3 })
	w.rest()
	says("[lobby-0 true true  lobby-1 true true  lobby-2 false false Starting]", "Starting")
	w.serveShard(2)
	w.must(w.Client.Delete(ctx, read(w, "lobby-1", &corev1.Pod{})))
	w.settle()
	says("[lobby-0 true true  lobby-1 false true Starting lobby-2 true true ]", "Starting")
	if now := read(w, "lobby-0", &corev1.Pod{}).UID; now != uid {
		t.Error("the first origin was restarted")
	}
}

// Fewer origins: the last one serves what is on its volume, whoever has it restart, and ends
// once that is empty and its clients have gone; its claim stays. With the last of them the
// instance is one of one origin again. Until then nothing is let in that needs one.
func TestShardsLeave(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	w.gatewayServes()
	w.add("{application: a, onDemandInstances: true, shards: 3, service: {type: Gateway}, drain: {timeout: 60s}}")
	w.serve()
	w.serveShard(1)
	w.serveShard(2)
	addresses := map[string]string{"192.0.2.1": "lobby-1", "192.0.2.2": "lobby-2"}
	for address, name := range addresses {
		pod := read(w, name, &corev1.Pod{})
		pod.Status.PodIP, pod.Status.PodIPs = address, []corev1.PodIP{{IP: address}}
		w.must(w.Status().Update(ctx, pod))
	}
	has := map[string]*holding{"lobby-1": {}, "lobby-2": {Instances: []string{"a/kept"}}}
	now := time.Now().Add(gatherFor)
	again := func() {
		t.Helper()
		w.restart()
		w.r.Holds = func(_ context.Context, address string) (*holding, error) { return has[addresses[address]], nil }
		w.r.Now = func() time.Time { return now }
		w.rest()
	}
	says := func(shards, reason, text string, replicas int32) {
		t.Helper()
		if got := brief(w.instance().Status.Shards); got != shards {
			t.Errorf("shards %s, want %s", got, shards)
		}
		c := meta.FindStatusCondition(w.instance().Status.Conditions, v1alpha1.ConditionShardsLeaving)
		if (c == nil) != (reason == "") || c != nil && (c.Reason != reason || !strings.Contains(c.Message, text)) {
			t.Errorf("it says %+v, want %s: %s", c, reason, text)
		}
		if set := read(w, "lobby", &appsv1.StatefulSet{}); *set.Spec.Replicas != replicas {
			t.Errorf("%d replicas, want %d", *set.Spec.Replicas, replicas)
		}
	}
	again()
	says("[lobby-0 true true  lobby-1 true true  lobby-2 true true ]", "", "", 3)
	w.edit(func(a *v1alpha1.AppInstance) { a.Spec.Shards = 1 })
	again()
	says("[lobby-0 true true  lobby-1 true true  lobby-2 true true ]", "ShardsHoldInstances", "lobby-2 has something of a/kept on its volume", 3)
	if !w.told("ShardsHoldInstances") {
		t.Error("no event says so")
	}
	web := w.instance()
	web.Spec.Web = &v1alpha1.Web{}
	if err := w.Update(ctx, web); !apierrors.IsInvalid(err) {
		t.Errorf("a web is let in beside origins that leave: %v", err)
	}
	now = now.Add(time.Hour) // nothing is given up with time
	again()
	says("[lobby-0 true true  lobby-1 true true  lobby-2 true true ]", "ShardsHoldInstances", "set spec.shards to 3", 3)

	has["lobby-2"] = &holding{}
	again()
	says("[lobby-0 true true  lobby-1 true false  lobby-2 true false ]", "ShardsEnding", "lobby-2 ends", 3)
	now = now.Add(leftSettles)
	again()
	says("[]", "", "", 1)
	if c := w.condition(v1alpha1.ConditionStorageReady); c.Reason != "ClaimsLeftOver" || !strings.Contains(c.Message, "kubectl delete pvc data-lobby-1 data-lobby-2") {
		t.Errorf("%s: %s", c.Reason, c.Message)
	}
	for _, name := range []string{"data-lobby-1", "data-lobby-2"} {
		if c := read(w, name, &corev1.PersistentVolumeClaim{}); c.DeletionTimestamp != nil {
			t.Errorf("%s is deleted", name)
		}
	}
	w.rest()
	if c := w.condition(v1alpha1.ConditionReady); c.Reason != "Serving" {
		t.Errorf("it is %s: %s", c.Reason, c.Message)
	}
	w.edit(func(a *v1alpha1.AppInstance) { a.Spec.Web = &v1alpha1.Web{} })
}

// What is wrong at any origin is in status and an event, with its name: scripts, in a bounded
// text, and pods. A claim of any of them that never had a volume gives way to one of another
// class.
func TestShardsSayWhatIsWrong(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	w.gatewayServes()
	w.script(map[string]string{"main.asc": "x"})
	w.add("{application: a, onDemandInstances: true, shards: 2, service: {type: Gateway}, script: {configMap: {name: chat}}, storage: {storageClassName: slow}}")
	w.edit(func(a *v1alpha1.AppInstance) { a.Spec.Storage.StorageClassName = new("fast") })
	w.settle()
	for n := range 2 {
		if c := read(w, fmt.Sprint("data-lobby-", n), &corev1.PersistentVolumeClaim{}); *c.Spec.StorageClassName != "fast" {
			t.Errorf("claim %s is of class %s", c.Name, *c.Spec.StorageClassName)
		}
	}
	w.serve()
	w.serveShard(1)
	addresses := map[string]string{"192.0.2.1": "lobby-0", "192.0.2.2": "lobby-1"}
	for address, name := range addresses {
		pod := read(w, name, &corev1.Pod{})
		pod.Status.PodIP, pod.Status.PodIPs = address, []corev1.PodIP{{IP: address}}
		w.must(w.Status().Update(ctx, pod))
	}
	reports := map[string]*scriptReport{"lobby-0": {}, "lobby-1": {}}
	w.r.Scripts = func(_ context.Context, address string) (*scriptReport, error) {
		return reports[addresses[address]], nil
	}
	w.settle()
	if c := w.condition(v1alpha1.ConditionReady); c.Reason != "Serving" {
		t.Fatalf("it is %s: %s", c.Reason, c.Message)
	}
	if !w.told("lobby-1: pod lobby-1 takes connections") {
		t.Error("no event says that the second origin serves")
	}
	reports["lobby-1"] = &scriptReport{Total: 3, Errors: []scriptError{{Message: "x is not defined"}}, Failed: &scriptError{Message: "no such file"}}
	w.settle()
	if s := w.instance().Status.Script; s == nil || s.Errors != 3 || s.LastError != "lobby-1: x is not defined" {
		t.Errorf("status has %+v", s)
	}
	if c := w.condition(v1alpha1.ConditionReady); c.Reason != "ScriptFailed" || c.Message != "lobby-1: the script does not run: no such file" {
		t.Errorf("it is %s: %s", c.Reason, c.Message)
	}
	if !w.told("lobby-1: x is not defined (3 script errors") {
		t.Error("no event names the origin of a script's error")
	}
	pod := read(w, "lobby-1", &corev1.Pod{})
	pod.Status.Conditions[0].Status = corev1.ConditionFalse
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "media", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CreateContainerError", Message: "no device"}}}}
	w.must(w.Status().Update(ctx, pod))
	w.settle()
	if got := brief(w.instance().Status.Shards); got != "[lobby-0 true true  lobby-1 false true CreateContainerError]" {
		t.Errorf("shards %s", got)
	}
	if !w.told("CreateContainerError lobby-1: pod lobby-1: no device") {
		t.Error("no event says what keeps an origin from serving")
	}
}
