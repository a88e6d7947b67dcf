package controllers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
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

func gibibytes(size string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(size)}
}

// shardUp is one that takes connections.
func shardUp(n int) shard {
	return shard{
		pod: &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("lobby-", n), Labels: map[string]string{appsv1.ControllerRevisionHashLabelKey: "r2"}},
			Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}},
		claim: &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("data-lobby-", n)},
			Status: corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimBound, Capacity: gibibytes("3Gi")}},
		standing: ours,
	}
}

// brief is what status says of origins: name, ready, joined and reason.
func brief(all []v1alpha1.ShardStatus) string {
	var texts []string
	for _, s := range all {
		texts = append(texts, fmt.Sprint(s.Name, " ", s.Ready, " ", s.Joined, " ", s.Reason))
	}
	return fmt.Sprint(texts)
}

// Status names the origin that does not serve, and those that have joined, for good.
func TestStatusOfShards(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*observed)
		reason string
		says   string
		shards string // see brief
		ready  int32
	}{
		{"all", func(*observed) {}, "Ready", "all 3 media servers", "[lobby-0 true true  lobby-1 true true  lobby-2 true true ]", 3},
		{"no pod", func(o *observed) { o.shards[0].pod = nil }, "Starting", "pod lobby-1 is not there yet", "[lobby-0 true true  lobby-1 false false Starting lobby-2 true false ]", 2},
		{"no pod is let in", func(o *observed) { o.shards[0].pod, o.refused = nil, "quota" }, "PodRefused", "quota", "[lobby-0 true true  lobby-1 false false PodRefused lobby-2 true false ]", 2},
		{"one that had joined", func(o *observed) {
			o.shards[0].pod = nil
			o.instance.Status.Shards = []v1alpha1.ShardStatus{{Name: "lobby-0", Joined: true}, {Name: "lobby-1", Joined: true}}
		}, "Starting", "pod lobby-1", "[lobby-0 true true  lobby-1 false true Starting lobby-2 true true ]", 2},
		{"one that goes", func(o *observed) { now := metav1.Now(); o.shards[1].pod.DeletionTimestamp = &now }, "Restarting", "pod lobby-2 goes", "[lobby-0 true true  lobby-1 true true  lobby-2 false false Restarting]", 2},
		{"one that crashes beside one that starts", func(o *observed) {
			o.shards[0].pod = nil
			o.shards[1].pod = crashed(corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error", Message: "disk full"})
			o.shards[1].pod.Name = "lobby-2"
		}, "Crashing", "pod lobby-2: the server ends with exit code 1: disk full; nor do these take connections: lobby-1", "[lobby-0 true true  lobby-1 false false Starting lobby-2 false false Crashing]", 1},
	} {
		o := observeShards(t)
		serving(o)
		o.shards = []shard{shardUp(1), shardUp(2)}
		c.change(o)
		s := statusOf(o, planOf(t, o))
		if v := originVerdict(o, planOf(t, o)); v.reason != c.reason || !strings.Contains(v.message, c.says) {
			t.Errorf("%s: %s: %s", c.name, v.reason, v.message)
		}
		if got := brief(s.Shards); got != c.shards || s.Origin.Ready != c.ready {
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

// Each volume is looked at: one that needs a user is told of before one that waits.
func TestVolumesOfShards(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*observed)
		reason string
		says   string
	}{
		{"all", func(*observed) {}, "Bound", "each of 3 volumes has 3Gi or more"},
		{"none yet", func(o *observed) { o.shards[1].claim, o.shards[1].standing = nil, absent }, "ClaimMissing", "data-lobby-2: the volume is not claimed yet"},
		{"one is lost, and one waits", func(o *observed) {
			o.shards[0].claim.Status.Phase, o.shards[1].claim.Status.Phase = corev1.ClaimPending, corev1.ClaimLost
			o.shards[0].claim.Spec.StorageClassName, o.storageClass = new("slow"), &storagev1.StorageClass{}
		}, "ClaimLost", "claim data-lobby-2"},
		{"one waits", func(o *observed) {
			o.shards[0].claim.Status.Phase = corev1.ClaimPending
			o.shards[0].claim.Spec.StorageClassName, o.storageClass = new("slow"), nil
		}, "StorageClassMissing", "claim data-lobby-1 waits"},
		{"one grows", func(o *observed) { o.shards[1].claim.Status.Capacity = gibibytes("2Gi") }, "Growing", "data-lobby-2: the volume has 2Gi and grows to 3Gi"},
		{"one is somebody else's", func(o *observed) { o.shards[1].standing = foreign }, "ForeignClaim", "claim data-lobby-2"},
	} {
		o := observeShards(t)
		serving(o)
		o.claim.Status.Capacity, o.standing.claim = gibibytes("3Gi"), ours
		o.shards = []shard{shardUp(1), shardUp(2)}
		c.change(o)
		if v := storageVerdict(o); v.reason != c.reason || !strings.Contains(v.message, c.says) {
			t.Errorf("%s: %s: %s", c.name, v.reason, v.message)
		}
	}
}

// What scripts have failed at is said of each origin, and of all together: the last by its pod,
// and those that do not run by theirs, in a bounded text. One that does not answer keeps what
// was said of it while it serves.
func TestScriptsOfShards(t *testing.T) {
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	o := observeShards(t)
	serving(o)
	o.shards, o.standing.statefulSet = []shard{shardUp(1), shardUp(2)}, ours
	o.instance.Spec.Script = &v1alpha1.Script{ConfigMap: v1alpha1.ScriptFiles{Name: "chat"}}
	o.script = &corev1.ConfigMap{Data: map[string]string{"main.asc": "x"}}
	report := func(total int64, when time.Duration, message, failed string) *scriptReport {
		r := &scriptReport{Total: total, Errors: []scriptError{{Time: at.Add(when), Message: message}}}
		if failed != "" {
			r.Failed = &scriptError{Message: failed}
		}
		return r
	}
	o.scripts = map[string]*scriptReport{"lobby-0": {}, "lobby-1": report(2, 2*time.Second, "a", strings.Repeat("long ", 1000)), "lobby-2": report(5, time.Second, "b", "no main")}
	says := func(what, sum, each, reason string, failed ...string) {
		t.Helper()
		s := statusOf(o, &plan{})
		var got []string
		for _, one := range s.Shards {
			if one.Script != nil {
				got = append(got, fmt.Sprint(one.Name, " ", one.Script.Errors, " ", one.Script.LastError))
			}
		}
		if got := fmt.Sprint(s.Script.Errors, " ", s.Script.LastError); got != sum {
			t.Errorf("%s: %s; want %s", what, got, sum)
		}
		if got := fmt.Sprint(got); got != each {
			t.Errorf("%s: %s; want %s", what, got, each)
		}
		v := scriptVerdict(o)
		if v.reason != reason || len(v.message) > maxMessage {
			t.Errorf("%s: %s: %s", what, v.reason, v.message)
		}
		for _, text := range failed {
			if !strings.Contains(v.message, text) {
				t.Errorf("%s: %q is not in %s", what, text, v.message)
			}
		}
		o.instance.Status = s
	}
	says("all answer", "7 lobby-1: a", "[lobby-0 0  lobby-1 2 a lobby-2 5 b]", "ScriptFailed", "lobby-1: the script does not run: long", "lobby-2: the script does not run: no main")
	o.scripts = map[string]*scriptReport{"lobby-2": report(6, 3*time.Second, "c", "")}
	says("one answers", "8 lobby-2: c", "[lobby-0 0  lobby-1 2 a lobby-2 6 c]", "ScriptFailed", "lobby-1: ")
	o.scripts, o.shards[0].pod = nil, nil
	says("one has gone", "8 lobby-2: c", "[lobby-0 0  lobby-1 2 a lobby-2 6 c]", "ScriptPresent")
}
