package controllers

import (
	"fmt"
	"net/http"
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
	"flashpod.dev/flashpod/mediaserver/servertest"
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
		{someOrigins, shards(true, true, true, true), "lobby-0.lobby-origin.ns.svc:1937 lobby-1.lobby-origin.ns.svc:1937 lobby-2.lobby-origin.ns.svc:1937 lobby-3.lobby-origin.ns.svc:1937 leaves"},
		{oneOrigin, shards(true, true), "lobby-0.lobby-origin.ns.svc:1937 lobby-1.lobby-origin.ns.svc:1937 leaves"},
		{oneOrigin, shards(true, false), "lobby-0.lobby-origin.ns.svc:1937"},
	} {
		a := observe(t, c.spec).instance
		a.Status.Shards = c.status
		r := gateway.File([]v1alpha1.AppInstance{*a}, grants, []byte("master")).Routes[0]
		var got []string
		for _, s := range append([]routing.Shard{r.Shard}, r.Shards...) {
			if s.Origin != "" {
				got = append(got, s.Origin)
			}
			if s.Leaving {
				got = append(got, "leaves")
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

// How origins leave: those with something on their volumes never, those that are silent not
// yet, those with clients when spec.drain.timeout is over, and each after those behind it.
func TestShardsThatLeave(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) *metav1.Time { at := metav1.NewTime(now.Add(-d)); return &at }
	since := func(d time.Duration) *v1alpha1.ShardLeaving { return &v1alpha1.ShardLeaving{Since: *ago(d)} }
	left := func(d, left time.Duration) *v1alpha1.ShardLeaving {
		return &v1alpha1.ShardLeaving{Since: *ago(d), Left: ago(left)}
	}
	empty, busy, full := &holding{}, &holding{clients: 1}, &holding{Instances: []string{"a/kept"}, More: true}
	const joined, not = true, false
	for _, c := range []struct {
		name   string
		was    [2]*v1alpha1.ShardLeaving // of lobby-1 and lobby-2
		joined [2]bool
		said   [2]*holding
		want   string // names of those that leave, and what is known; what is not there has left
		reason string
	}{
		{"at first they are asked", [2]*v1alpha1.ShardLeaving{}, [2]bool{joined, joined}, [2]*holding{full, full}, "lobby-1 holds, lobby-2 holds", "ShardsHoldInstances"},
		{"one is silent", [2]*v1alpha1.ShardLeaving{}, [2]bool{joined, joined}, [2]*holding{full, nil}, "lobby-1 holds, lobby-2 stays", "ShardsHoldInstances"},
		{"both are silent", [2]*v1alpha1.ShardLeaving{since(time.Hour), since(time.Hour)}, [2]bool{joined, joined}, [2]*holding{nil, nil}, "lobby-1 stays, lobby-2 stays", "ShardsSilent"},
		{"one has clients", [2]*v1alpha1.ShardLeaving{since(time.Second), since(time.Second)}, [2]bool{joined, joined}, [2]*holding{empty, busy}, "lobby-1 stays, lobby-2 stays", "ShardsDraining"},
		{"one has had clients for long", [2]*v1alpha1.ShardLeaving{since(time.Hour), since(time.Hour)}, [2]bool{joined, joined}, [2]*holding{full, busy}, "lobby-1 holds, lobby-2 left", "ShardsHoldInstances"},
		{"both are empty", [2]*v1alpha1.ShardLeaving{since(time.Second), since(time.Second)}, [2]bool{joined, joined}, [2]*holding{empty, empty}, "lobby-1 left, lobby-2 left", "ShardsEnding"},
		{"gateways may not know yet", [2]*v1alpha1.ShardLeaving{since(time.Minute), left(time.Minute, time.Second)}, [2]bool{joined, not}, [2]*holding{full, empty}, "lobby-1 holds, lobby-2 left", "ShardsHoldInstances"},
		{"gateways know", [2]*v1alpha1.ShardLeaving{since(time.Minute), left(time.Minute, leftSettles)}, [2]bool{joined, not}, [2]*holding{full, empty}, "lobby-1 holds", "ShardsHoldInstances"},
		{"one has come at the last moment", [2]*v1alpha1.ShardLeaving{since(time.Minute), left(time.Minute, leftSettles)}, [2]bool{joined, not}, [2]*holding{full, busy}, "lobby-1 holds, lobby-2 left", "ShardsHoldInstances"},
		{"and stays", [2]*v1alpha1.ShardLeaving{since(time.Hour), left(time.Hour, leftSettles)}, [2]bool{joined, not}, [2]*holding{full, busy}, "lobby-1 holds", "ShardsHoldInstances"},
		{"something was recorded at the last moment", [2]*v1alpha1.ShardLeaving{since(time.Hour), left(time.Hour, time.Minute)}, [2]bool{joined, not}, [2]*holding{empty, full}, "lobby-1 stays, lobby-2 holds", "ShardsHoldInstances"},
		{"both go at once", [2]*v1alpha1.ShardLeaving{left(time.Hour, time.Minute), left(time.Hour, time.Minute)}, [2]bool{not, not}, [2]*holding{empty, nil}, "", ""},
		{"the one before waits", [2]*v1alpha1.ShardLeaving{left(time.Hour, time.Minute), left(time.Hour, 0)}, [2]bool{not, not}, [2]*holding{empty, empty}, "lobby-1 left, lobby-2 left", "ShardsEnding"},
		{"one never served", [2]*v1alpha1.ShardLeaving{since(time.Minute), nil}, [2]bool{joined, not}, [2]*holding{full, nil}, "lobby-1 holds, lobby-2 left", "ShardsHoldInstances"},
	} {
		o := observe(t, oneOrigin)
		o.gateway = &gatewayView{host: "a.example.com", port: 1935, key: "k"}
		serving(o)
		o.now, o.standing.statefulSet = now, ours
		o.shards = []shard{shardUp(1), shardUp(2)}
		o.instance.Status.Shards = []v1alpha1.ShardStatus{{Name: "lobby-0", Joined: true}}
		said := map[string]*holding{}
		for i := range 2 {
			name := fmt.Sprint("lobby-", i+1)
			o.instance.Status.Shards = append(o.instance.Status.Shards, v1alpha1.ShardStatus{Name: name, Joined: c.joined[i], Leaving: c.was[i]})
			if c.said[i] != nil {
				said[name] = c.said[i]
			}
		}
		retire(o, said)
		var got []string
		for _, s := range o.origins() {
			switch is := s.leaving; {
			case is == nil:
			case len(is.Instances) > 0:
				got = append(got, s.name+" holds")
			case is.Left != nil:
				got = append(got, s.name+" left")
			default:
				got = append(got, s.name+" stays")
			}
		}
		if text := strings.Join(got, ", "); text != c.want {
			t.Errorf("%s: %s; want %s", c.name, text, c.want)
		}
		v := fewerVerdict(o)
		if v.reason != c.reason || strings.Contains(c.want, "lobby-1 holds") && !strings.Contains(v.message, "lobby-1 has something of a/kept and others on its volume") {
			t.Errorf("%s: %s: %s", c.name, v.reason, v.message)
		}
		if sharded(o.instance) != (c.want != "") || len(o.instance.Status.Shards) > len(o.origins()) {
			t.Errorf("%s: status has %d origins of %d", c.name, len(o.instance.Status.Shards), len(o.origins()))
		}
	}
}

// What a media server says that it has is read, and nothing else is taken for that.
func TestWhatAnOriginHoldsIsRead(t *testing.T) {
	t.Parallel()
	s := serveDocument(t, documentOf(t, someOrigins), 10)
	_, said := servertest.Ask(t, http.MethodGet, "http://"+s.HTTPAddr().String()+pathHeld)
	if h, err := readHolding(strings.NewReader(said)); err != nil || h.More || len(h.Instances) > 0 {
		t.Errorf("%s is %+v, %v", said, h, err)
	}
	for text, want := range map[string]string{
		`{"instances": ["a/kept", "a/b\u001b[2J"], "more": true}`: "[a/kept a/b [2J] true",
		`{}`:     "no instances",
		`<html>`: "invalid character",
	} {
		h, err := readHolding(strings.NewReader(text))
		got := fmt.Sprint(err)
		if err == nil {
			got = fmt.Sprint(h.Instances, h.More)
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
}
