//go:build envtest

package controllers

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The gateway's pods are counted by their clients, as edges are: more at once, fewer after a
// while, the emptiest first; and not at all where nobody asks for it.
func TestTheGatewayIsCounted(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	g := w.withGateway("*")
	labels := map[string]string{labelName: gatewayName}
	pod := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "gateway", Image: "x"}}}}
	two := int32(2)
	w.must(w.Create(ctx, &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: g.Namespace, Name: gatewayName},
		Spec: appsv1.DeploymentSpec{Replicas: &two, Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: pod}}))
	loads := map[string]edgeLoad{}
	w.r.Edges = func(_ context.Context, address string) (edgeLoad, error) { return loads[address], nil }
	add := func(n int, connections int64) {
		t.Helper()
		one := &corev1.Pod{ObjectMeta: *pod.ObjectMeta.DeepCopy(), Spec: *pod.Spec.DeepCopy()}
		one.Namespace, one.Name = g.Namespace, fmt.Sprint("gateway-", n)
		w.must(w.Create(ctx, one))
		ip := fmt.Sprint("192.0.2.", n)
		one.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
		one.Status.PodIP, one.Status.PodIPs = ip, []corev1.PodIP{{IP: ip}}
		w.must(w.Status().Update(ctx, one))
		loads[ip] = edgeLoad{connections: connections}
	}
	start := time.Now()
	look := func(after time.Duration, want int32) {
		t.Helper()
		w.must(w.r.scaleGateway(ctx, start.Add(after)))
		d := &appsv1.Deployment{}
		w.must(w.Get(ctx, client.ObjectKey{Namespace: g.Namespace, Name: gatewayName}, d))
		if n := *d.Spec.Replicas; n != want {
			t.Errorf("after %v there are %d pods, want %d", after, n, want)
		}
	}
	add(1, 250)
	add(2, 40)
	look(0, 2) // nobody has asked
	g.ScalingFile = filepath.Join(t.TempDir(), "autoscaling.yaml")
	look(0, 2) // there is no file
	write := func(text string) {
		t.Helper()
		w.must(os.WriteFile(g.ScalingFile, []byte(text), 0o600))
	}
	for text, says := range map[string]string{
		"minReplicas: 0":                 "minReplicas: 0: must be 1 or more",
		"minReplicas: 3\nmaxReplicas: 2": "must not be more than maxReplicas",
		"pods: 3":                        "pods",
	} {
		write(text)
		if err := w.r.scaleGateway(ctx, start); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
	write("{minReplicas: 1, connectionsPerEdge: 100, headroomPercent: 0, scaleDownWindow: 1m}")
	look(0, 3)
	add(3, 0)
	loads["192.0.2.1"] = edgeLoad{connections: 60}
	look(15*time.Second, 3)
	*w.writes = 0
	look(70*time.Second, 3) // since 15 s fewer would do, for 55 s
	if *w.writes != 0 {
		t.Errorf("%d writes where nothing had changed", *w.writes)
	}
	look(80*time.Second, 1)
	for n, cost := range map[int]string{1: "60", 2: "40", 3: "0"} {
		one := &corev1.Pod{}
		w.must(w.Get(ctx, client.ObjectKey{Namespace: g.Namespace, Name: fmt.Sprint("gateway-", n)}, one))
		if got := one.Annotations[annotationCost]; got != cost {
			t.Errorf("pod %d costs %q, want %s", n, got, cost)
		}
	}
}
