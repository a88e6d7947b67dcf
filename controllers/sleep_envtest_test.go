//go:build envtest

package controllers

import (
	"context"
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
)

// replicas is how many pods the StatefulSet is to have, and since when it sleeps.
func (w *world) replicas() string {
	w.t.Helper()
	set := read(w, "lobby", &appsv1.StatefulSet{})
	return fmt.Sprint(*set.Spec.Replicas, set.Annotations[annotationAsleep])
}

// gatewayAddress gives the gateway a Service with an address.
func (w *world) gatewayAddress(g *Gateway) {
	w.t.Helper()
	s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: g.Namespace, Name: gatewayName},
		Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Ports: []corev1.ServicePort{{Name: "rtmp", Port: 1935}}}}
	w.must(w.Create(context.Background(), s))
	s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "192.0.2.9"}}
	w.must(w.Client.Status().Update(context.Background(), s))
}

// An instance goes to sleep when nobody has been there for long enough, stays asleep
// whoever operates it, and wakes once a client has ended that sleep.
func TestSleepAndWake(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	w.gatewayAddress(w.withGateway("*"))
	var late time.Duration
	asked := 0
	use := usage{now: 1, ever: 1}
	hook := func() {
		w.r.Usage = func(context.Context, string) (usage, error) { asked++; return use, nil }
		w.r.Now = func() time.Time { return time.Now().Add(gatherFor + late) }
	}
	hook()
	w.add("{application: a, service: {type: Gateway}, idle: {suspendAfter: 30m}}")
	w.serve()
	w.podAddress("lobby-0")
	w.settle()
	if c := w.condition(v1alpha1.ConditionSleeping); c.Status != metav1.ConditionFalse || c.Reason != "Awake" {
		t.Errorf("%+v", c)
	}
	late = time.Hour // somebody is there all the time
	w.settle()
	use.now = 0
	late = 2 * time.Hour
	if again := w.reconcile().RequeueAfter; again <= 0 || again > quietLatest {
		t.Errorf("it is looked at again in %v", again)
	}
	if got := w.replicas(); got != "1" {
		t.Fatalf("who was there a moment ago: %s", got)
	}
	late += 29 * time.Minute
	use.ever++ // somebody came and went
	w.settle()
	late += 29 * time.Minute
	w.settle()
	if got := w.replicas(); got != "1" {
		t.Fatalf("29 minutes after somebody has gone: %s", got)
	}
	late += time.Minute
	w.settle()
	since := w.instance().Status.Sleep.Since
	if since == nil || w.replicas() != "0"+since.UTC().Format(time.RFC3339) {
		t.Fatalf("after half an hour: %s, %+v", w.replicas(), since)
	}
	for kind, want := range map[string]string{"Sleeping": "Sleeping", "Ready": "Sleeping", "OriginReady": "Sleeping", "Suspended": "Running"} {
		if c := w.condition(kind); c.Reason != want {
			t.Errorf("%s: %s, want %s", kind, c.Reason, want)
		}
	}
	if c := w.condition("Ready"); c.Status != metav1.ConditionTrue || w.instance().Status.URL != "rtmp://192.0.2.9/a/lobby" {
		t.Errorf("%+v, at %q", c, w.instance().Status.URL)
	}
	if !w.told("Sleeping: nobody has been there for 30m0s") {
		t.Error("no event tells of it")
	}
	w.removePod("lobby")
	w.observeSet("lobby")
	w.settle()
	asked = 0
	late += time.Hour
	w.restart() // another operator
	hook()
	w.settle()
	if w.replicas() != "0"+since.UTC().Format(time.RFC3339) || asked != 0 {
		t.Errorf("another operator: %s, asked %d times", w.replicas(), asked)
	}

	woken := func(at *metav1.Time) {
		t.Helper()
		a := w.instance()
		a.Status.Sleep.Woken = at
		w.must(w.Client.Status().Update(ctx, a))
		w.settle()
	}
	woken(&metav1.Time{Time: since.Add(-time.Hour)}) // another sleep
	if w.replicas() == "1" {
		t.Error("it wakes by the end of another sleep")
	}
	w.edit(func(a *v1alpha1.AppInstance) { a.Spec.Suspend = true })
	woken(since)
	if got := w.replicas(); got != "0" {
		t.Errorf("suspended and woken: %s", got)
	}
	if c := w.condition(v1alpha1.ConditionSleeping); c.Reason != "Suspended" {
		t.Errorf("%+v", c)
	}
	w.edit(func(a *v1alpha1.AppInstance) { a.Spec.Suspend = false })
	w.settle()
	if got := w.replicas(); got != "1" {
		t.Errorf("a person resumes it: %s", got)
	}
	w.serve()
	w.podAddress("lobby-0")
	w.settle()
	late += time.Hour // the first look of this pod
	w.settle()
	late += 30 * time.Minute
	w.settle()
	again := w.instance().Status.Sleep.Since
	if again == nil || again.Equal(since) || w.replicas() == "1" {
		t.Fatalf("it does not go to sleep again: %s %v", w.replicas(), again)
	}
	w.removePod("lobby")
	w.observeSet("lobby")
	woken(again)
	if got := w.replicas(); got != "1" {
		t.Errorf("woken: %s", got)
	}
	if c := w.condition("Ready"); c.Status != metav1.ConditionFalse || c.Reason != "Starting" {
		t.Errorf("%+v", c)
	}
	w.serve()
	w.settle()
	if c := w.condition("Ready"); c.Reason != "Serving" {
		t.Errorf("%+v", c)
	}
	w.edit(func(a *v1alpha1.AppInstance) { a.Spec.Idle.SuspendAfter = nil })
	w.settle()
	if a := w.instance(); a.Status.Sleep != nil || meta.FindStatusCondition(a.Status.Conditions, v1alpha1.ConditionSleeping) != nil {
		t.Errorf("%+v", a.Status)
	}
}

// An operator that is new goes on counting where the one before was, but for whom somebody has
// called meanwhile; and nothing is written from one look to the next.
func TestIdleOutlivesTheOperator(t *testing.T) {
	w := newWorld(t)
	w.gatewayAddress(w.withGateway("*"))
	var late time.Duration
	use := usage{ever: 7}
	another := func() {
		w.restart()
		w.r.Usage = func(context.Context, string) (usage, error) { return use, nil }
		w.r.Now = func() time.Time { return time.Now().Add(gatherFor + late) }
	}
	after := func(d time.Duration) { late += d; w.settle() }
	another()
	sleeping := func() float64 { return gauge(t, "flashpod_operator_sleeping", w.ns, "lobby") }
	w.add("{application: a, service: {type: Gateway}, idle: {suspendAfter: 30m}}")
	w.serve()
	w.podAddress("lobby-0")
	w.settle()
	after(5 * time.Minute)
	is := w.instance().Status.Sleep
	if is == nil || is.IdleSince == nil || is.IdleMark == "" {
		t.Fatalf("%+v", is)
	}
	version := w.instance().ResourceVersion
	after(5 * time.Minute)
	after(5 * time.Minute)
	if now := w.instance(); now.ResourceVersion != version {
		t.Errorf("it is written that nothing is new: %+v", now.Status.Sleep)
	}
	use.ever++ // a client that nobody has seen
	another()
	after(14 * time.Minute)
	after(2 * time.Minute) // 31 since the first look
	if got := w.replicas(); got != "1" {
		t.Fatalf("somebody was there: %s", got)
	}
	another()
	after(14 * time.Minute)
	if got := w.replicas(); got != "1" || sleeping() != 0 {
		t.Fatalf("16 minutes after a client: %s", got)
	}
	another()
	after(15 * time.Minute)
	if got := w.replicas(); got == "1" {
		t.Errorf("31 minutes after it, and seen by three operators: %+v", w.instance().Status.Sleep)
	}
	if s := w.instance().Status.Sleep; s.Since == nil || s.IdleSince != nil || sleeping() != 1 {
		t.Errorf("%+v, gauge %v", s, sleeping())
	}
}

// A server that does not say how it is used is not sent to sleep, and its edges count.
func TestWhoIsNotSentToSleep(t *testing.T) {
	w := newWorld(t)
	w.gatewayAddress(w.withGateway("*"))
	var late time.Duration
	w.r.Now = func() time.Time { return time.Now().Add(gatherFor + late) }
	silent := true
	w.r.Usage = func(context.Context, string) (usage, error) {
		if silent {
			return usage{}, fmt.Errorf("no route to host")
		}
		return usage{}, nil
	}
	viewers := int64(1)
	w.r.Edges = func(context.Context, string) (edgeLoad, error) { return edgeLoad{connections: viewers}, nil }
	w.add("{application: a, service: {type: Gateway}, idle: {suspendAfter: 30m}, edges: {replicas: 1}}")
	w.serve()
	w.podAddress("lobby-0")
	w.makeEdge("lobby-edge-a", "192.0.2.8")
	w.settle()
	for _, c := range []struct {
		silent  bool
		viewers int64
	}{{true, 0}, {false, 1}} {
		silent, viewers = c.silent, c.viewers
		for range 3 {
			late += time.Hour
			w.settle()
		}
		if got := w.replicas(); got != "1" {
			t.Fatalf("%+v: %s", c, got)
		}
	}
	viewers = 0
	late += time.Minute
	w.settle()
	late += time.Hour
	w.settle()
	if w.replicas() == "1" || *read(w, "lobby-edge", &appsv1.Deployment{}).Spec.Replicas != 0 {
		t.Errorf("nobody is there: %s", w.replicas())
	}
}
