package controllers

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/api/v1alpha1/routing"
	"flashpod.dev/flashpod/controllers/gateway"
)

const (
	oneOrigin   = "{application: a, onDemandInstances: true, service: {type: Gateway}}"
	someOrigins = "{application: a, onDemandInstances: true, shards: 3, service: {type: Gateway}, storage: {size: 3Gi}}"
)

// observeShards is an instance of three origins, of which none is there.
func observeShards(t *testing.T) *observed {
	t.Helper()
	o := observe(t, someOrigins)
	o.gateway = &gatewayView{host: "a.example.com", port: 1935, key: "k"}
	o.shards = make([]shard, 2)
	return o
}

// Each origin has a claim of its own; the Service leads to the first alone, and no port but
// those of links and of control is open. More of them are no other pods.
func TestShardsOfTheSpec(t *testing.T) {
	o := observeShards(t)
	all := children(t, o)
	for child, want := range map[string]string{
		"StatefulSet lobby":                  "replicas: 3",
		"PersistentVolumeClaim data-lobby-0": "storage: 3Gi",
		"PersistentVolumeClaim data-lobby-1": "storage: 3Gi",
		"PersistentVolumeClaim data-lobby-2": "media.flashpod.dev/instance: lobby",
		"Service lobby":                      "statefulset.kubernetes.io/pod-name: lobby-0",
		"NetworkPolicy lobby":                "port: link",
		"Service lobby-origin":               "name: link",
	} {
		if c, ok := all[child]; !ok || !strings.Contains(text(t, c), want) {
			t.Errorf("%s lacks %q", child, want)
		}
	}
	if got := text(t, all["NetworkPolicy lobby"]); strings.Contains(got, "port: rtmp") {
		t.Errorf("RTMP is open:\n%s", got)
	}
	if got := text(t, all["Service lobby-origin"]); strings.Contains(got, "pod-name") {
		t.Errorf("only one origin has a name in DNS:\n%s", got)
	}
	before := observe(t, oneOrigin)
	before.gateway = o.gateway
	if is, err := same(wantedTemplate(t, before), wantedTemplate(t, o)); err != nil || !is {
		t.Errorf("shards restart the server: %v", err)
	}
	o.instance.Spec.Suspend = true
	if got := text(t, children(t, o)["StatefulSet lobby"]); !strings.Contains(got, "replicas: 0") {
		t.Error("a suspended one has pods")
	}
}

// A claim that somebody else has made is mounted as it is; one on its way out is waited for.
func TestClaimsOfShards(t *testing.T) {
	o := observeShards(t)
	o.shards[0].claim = &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "data-lobby-1"}}
	now := metav1.Now()
	o.shards[1].claim = &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "data-lobby-2", DeletionTimestamp: &now}}
	p := planOf(t, o)
	for _, c := range p.children {
		if c.name == "data-lobby-1" || c.name == "data-lobby-2" {
			t.Errorf("%s is written", c)
		}
	}
	if len(p.conflicts) > 0 || !slices.Contains(p.awaited, "PersistentVolumeClaim data-lobby-2") {
		t.Errorf("conflicts %v, awaited %v", p.conflicts, p.awaited)
	}
	o.claims = []corev1.PersistentVolumeClaim{{ObjectMeta: metav1.ObjectMeta{Name: "data-lobby-2"}}, {ObjectMeta: metav1.ObjectMeta{Name: "data-lobby-3"}}}
	if left := leftover(o); fmt.Sprint(left) != "[data-lobby-3]" {
		t.Errorf("left over are %v", left)
	}
}

// shardUp is one that takes connections.
func shardUp(n int) shard {
	return shard{
		pod: &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("lobby-", n)},
			Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}},
		claim: &corev1.PersistentVolumeClaim{Status: corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimBound}},
	}
}

// Status names the origin that does not serve, and those that have joined, for good.
func TestStatusOfShards(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*observed)
		reason string
		says   string
		shards string // name, ready, joined
		ready  int32
	}{
		{"all", func(*observed) {}, "Ready", "all 3 media servers", "[{lobby-0 true true} {lobby-1 true true} {lobby-2 true true}]", 3},
		{"no volume", func(o *observed) { o.shards[1] = shard{} }, "ShardStarting", "claim data-lobby-2, of pod lobby-2", "[{lobby-0 true true} {lobby-1 true true} {lobby-2 false false}]", 2},
		{"no pod", func(o *observed) { o.shards[0].pod = nil }, "ShardStarting", "pod lobby-1 is not there yet", "[{lobby-0 true true} {lobby-1 false false} {lobby-2 true false}]", 2},
		{"one that had joined", func(o *observed) {
			o.shards[0].pod = nil
			o.instance.Status.Shards = []v1alpha1.ShardStatus{{Name: "lobby-0", Joined: true}, {Name: "lobby-1", Joined: true}}
		}, "ShardStarting", "pod lobby-1", "[{lobby-0 true true} {lobby-1 false true} {lobby-2 true true}]", 2},
		{"one that goes", func(o *observed) { now := metav1.Now(); o.shards[1].pod.DeletionTimestamp = &now }, "ShardRestarting", "pod lobby-2 goes", "[{lobby-0 true true} {lobby-1 true true} {lobby-2 false false}]", 2},
		{"one that crashes", func(o *observed) {
			o.shards[1].pod = crashed(corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error", Message: "disk full"})
			o.shards[1].pod.Name = "lobby-2"
		}, "Crashing", "pod lobby-2: the server ends with exit code 1: disk full", "[{lobby-0 true true} {lobby-1 true true} {lobby-2 false false}]", 2},
	} {
		o := observeShards(t)
		serving(o)
		o.shards = []shard{shardUp(1), shardUp(2)}
		c.change(o)
		s := statusOf(o, planOf(t, o))
		if v := originVerdict(o, planOf(t, o)); v.reason != c.reason || !strings.Contains(v.message, c.says) {
			t.Errorf("%s: %s: %s", c.name, v.reason, v.message)
		}
		if got := fmt.Sprint(s.Shards); got != c.shards || s.Origin.Ready != c.ready {
			t.Errorf("%s: %s, %d ready", c.name, got, s.Origin.Ready)
		}
	}
	o := observe(t, oneOrigin)
	serving(o)
	o.gateway = &gatewayView{host: "a.example.com", port: 1935, key: "k"}
	if s := statusOf(o, planOf(t, o)); s.Shards != nil {
		t.Errorf("one origin has shards: %v", s.Shards)
	}
}

// The gateway is led to those origins that have joined, and to the first in any case.
func TestRoutesToShards(t *testing.T) {
	grants := &routing.Grants{Namespaces: []routing.Grant{{Name: "*"}}}
	shards := func(joined ...bool) (all []v1alpha1.ShardStatus) {
		for i, is := range joined {
			all = append(all, v1alpha1.ShardStatus{Name: fmt.Sprint("lobby-", i), Joined: is})
		}
		return all
	}
	for _, c := range []struct {
		spec   string
		status []v1alpha1.ShardStatus
		want   string
	}{
		{oneOrigin, nil, "lobby-origin.ns.svc:1937"},
		{someOrigins, nil, "lobby-0.lobby-origin.ns.svc:1937"},
		{someOrigins, shards(true, true, false), "lobby-0.lobby-origin.ns.svc:1937 lobby-1.lobby-origin.ns.svc:1937"},
		{someOrigins, shards(true, false, true), "lobby-0.lobby-origin.ns.svc:1937"},
		{someOrigins, shards(true, true, true, true), "lobby-0.lobby-origin.ns.svc:1937 lobby-1.lobby-origin.ns.svc:1937 lobby-2.lobby-origin.ns.svc:1937"},
	} {
		a := observe(t, c.spec).instance
		a.Status.Shards = c.status
		r := gateway.File([]v1alpha1.AppInstance{*a}, grants, []byte("master")).Routes[0]
		var got []string
		for _, s := range append([]routing.Shard{r.Shard}, r.Shards...) {
			if s.Origin != "" {
				got = append(got, s.Origin)
			}
			if s.Origin != "" && s.LinkKey == "" {
				t.Errorf("no key of %s", s.Origin)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%v: %v, want %s", c.status, got, c.want)
		}
	}
}
