package controllers

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/api/v1alpha1/routing"
)

// sleepy is an instance that serves behind the gateway, and may go to sleep.
func sleepy(t *testing.T, more string) *observed {
	t.Helper()
	o := withSecrets(observe(t, "{application: a, service: {type: Gateway}, idle: {suspendAfter: 30m}"+more+"}"))
	o.gateway, o.quiet = &gatewayView{host: "gateway.example.com", key: "k"}, -1
	serving(o)
	o.judge()
	return o
}

// since has the StatefulSet that is there be asleep since then.
func since(o *observed, at time.Time) {
	o.statefulSet.Annotations = map[string]string{annotationAsleep: at.UTC().Format(time.RFC3339)}
	o.pod = nil
}

// Whether an instance sleeps is decided by what was seen of it, and by nothing else.
func TestSleepOf(t *testing.T) {
	now := time.Date(2026, 11, 29, 18, 0, 0, 500e6, time.UTC)
	at := now.Truncate(time.Second)
	before := at.Add(-time.Hour)
	woken := func(at time.Time) *v1alpha1.SleepStatus { return &v1alpha1.SleepStatus{Woken: &metav1.Time{Time: at}} }
	for _, c := range []struct {
		what string
		more string
		seen func(*observed)
		want time.Time // since when it sleeps
		says string    // reason of the condition Sleeping
	}{
		{"nothing is known yet", "", func(*observed) {}, time.Time{}, "Awake"},
		{"somebody was there", "", func(o *observed) { o.quiet = 30*time.Minute - 1 }, time.Time{}, "Awake"},
		{"nobody was there", "", func(o *observed) { o.quiet = 30 * time.Minute }, at, "Sleeping"},
		{"it does not serve", "", func(o *observed) { o.quiet, o.pod = time.Hour, nil }, time.Time{}, "Awake"},
		{"it sleeps", "", func(o *observed) { since(o, before) }, before, "Sleeping"},
		{"this sleep was ended", "", func(o *observed) { since(o, before); o.instance.Status.Sleep = woken(before) }, time.Time{}, "Awake"},
		{"another was ended", "", func(o *observed) { since(o, before); o.instance.Status.Sleep = woken(at.Add(-2 * time.Hour)) }, before, "Sleeping"},
		{"a clock is ahead", "", func(o *observed) { since(o, at.Add(time.Hour)) }, at.Add(time.Hour), "Sleeping"},
		{"somebody suspends it", ", suspend: true", func(o *observed) { since(o, before) }, time.Time{}, "Suspended"},
		{"no gateway serves it", "", func(o *observed) { o.quiet, o.gateway.refused = time.Hour, stalled("NoGateway", "") }, time.Time{}, "NoWayIn"},
		{"none does any more", "", func(o *observed) { since(o, before); o.gateway.refused = stalled("NotAllowed", "") }, time.Time{}, "NoWayIn"},
		{"another has its name", "", func(o *observed) { o.quiet, o.gateway.conflicts = time.Hour, []routing.Conflict{{}} }, time.Time{}, "NoWayIn"},
		{"it never sleeps", "", func(o *observed) { since(o, before); o.quiet, o.instance.Spec.Idle.SuspendAfter = time.Hour, nil }, time.Time{}, ""},
		{"what is written there is no time", "", func(o *observed) { o.statefulSet.Annotations = map[string]string{annotationAsleep: "yes"} }, time.Time{}, "Awake"},
	} {
		o := sleepy(t, c.more)
		o.now = now
		c.seen(o)
		o.asleep = sleepOf(o)
		if !o.asleep.Equal(c.want) {
			t.Errorf("%s: asleep since %v, want %v", c.what, o.asleep, c.want)
		}
		p := planOf(t, o)
		if v := sleepVerdict(o); v.reason != c.says {
			t.Errorf("%s: it is %s, want %s", c.what, v.reason, c.says)
		}
		s := statusOf(o, p).Sleep
		if asleep := s != nil && s.Since != nil; asleep != (c.says == "Sleeping") || asleep && !s.Since.Time.Equal(c.want) {
			t.Errorf("%s: status says %+v", c.what, s)
		}
		var set string
		for _, one := range p.children {
			if one.kind == "StatefulSet" {
				set = text(t, one)
			}
		}
		mark := annotationAsleep + ": " // quoted behind, and written with the number of pods
		if rests := c.says == "Sleeping" || c.says == "Suspended"; strings.Contains(set, mark) != (c.says == "Sleeping") || strings.Contains(set, "replicas: 0") != rests {
			t.Errorf("%s: %s", c.what, set)
		}
	}
}

// While it sleeps nothing else is missing: it is ready, its edges are gone, and what keeps
// clients from waking it is told first.
func TestStatusOfWhoSleeps(t *testing.T) {
	o := sleepy(t, ", edges: {replicas: 2}")
	since(o, o.now.Add(-time.Hour))
	o.asleep = sleepOf(o)
	if n := edgesWanted(o); n != 0 {
		t.Errorf("%d edges are wanted", n)
	}
	p := planOf(t, o)
	if v := originVerdict(o, p); !v.ok() || v.reason != "Sleeping" {
		t.Errorf("%+v", v)
	}
	if v := ready(o, "", coming("", ""), sleepVerdict(o), verdict{}, coming("AddressPending", "no address")); v.ok() || v.reason != "AddressPending" {
		t.Errorf("%+v", v)
	}
	if v := ready(o, "", coming("", ""), sleepVerdict(o), verdict{}, good("Gateway", "")); !v.ok() || v.reason != "Sleeping" || !strings.Contains(v.message, "wakes it") {
		t.Errorf("%+v", v)
	}
	if again := sleepTurn(o); again != 0 {
		t.Errorf("it is looked at again in %v", again)
	}
}

// That an instance may sleep restarts nothing.
func TestSuspendAfterRestartsNothing(t *testing.T) {
	before, after := observe(t, "{application: a, service: {type: Gateway}}"), observe(t, "{application: a, service: {type: Gateway}, idle: {suspendAfter: 30m}, wake: {timeout: 1m}}")
	if is, err := same(wantedTemplate(t, before), wantedTemplate(t, after)); err != nil || !is {
		t.Errorf("the pod's template changes: %v", err)
	}
}

// Who comes and goes between two looks was there, and a server that does not say may have
// somebody.
func TestVigil(t *testing.T) {
	begin := time.Date(2026, 11, 29, 18, 0, 0, 0, time.UTC)
	v := &vigil{}
	if q := v.quiet(begin); q != -1 {
		t.Errorf("before a look: %v", q)
	}
	for i, c := range []struct {
		after  time.Duration
		pod    types.UID
		use    usage
		silent bool
		want   time.Duration
	}{
		{0, "a", usage{0, 5}, false, 0},
		{time.Minute, "a", usage{0, 5}, false, time.Minute},
		{2 * time.Minute, "a", usage{0, 6}, false, 0},
		{3 * time.Minute, "a", usage{0, 6}, false, time.Minute},
		{4 * time.Minute, "a", usage{1, 6}, false, 0},
		{5 * time.Minute, "a", usage{0, 6}, false, 0},
		{6 * time.Minute, "a", usage{0, 2}, false, time.Minute}, // instances on demand were unloaded
		{7 * time.Minute, "b", usage{0, 2}, false, 0},
		{8 * time.Minute, "b", usage{}, true, -1},
		{9 * time.Minute, "b", usage{0, 2}, false, 0},
	} {
		at := begin.Add(c.after)
		if c.silent {
			v.silent(at)
		} else {
			v.look(c.pod, c.use, idle{}, at)
		}
		if q := v.quiet(at); q != c.want {
			t.Errorf("%d: %v, want %v", i, q, c.want)
		}
	}
}

// An operator that is new goes on where the one before was, unless somebody was there since.
func TestVigilGoesOn(t *testing.T) {
	now := time.Date(2026, 11, 29, 18, 0, 0, 500e6, time.UTC)
	before := &vigil{}
	before.look("a", usage{0, 5}, idle{}, now.Add(-time.Hour))
	if is := before.idle(now.Add(-time.Hour), time.Second); is != (idle{}) {
		t.Errorf("one look: %+v", is)
	}
	before.look("a", usage{0, 5}, idle{}, now.Add(-time.Minute))
	written := before.idle(now.Add(-time.Minute), 30*time.Second)
	if want := now.Add(-time.Hour + 500*time.Millisecond); !written.since.Equal(want) || written.mark != "a/5" {
		t.Fatalf("%+v, want since %v", written, want)
	}
	if is := before.idle(now.Add(-time.Hour+time.Second), 30*time.Second); is != (idle{}) {
		t.Errorf("two looks at once: %+v", is)
	}
	for what, c := range map[string]struct {
		pod     types.UID
		use     usage
		written idle
		want    time.Duration
	}{
		"nobody was there":           {"a", usage{0, 5}, written, time.Hour - 500*time.Millisecond},
		"somebody is there":          {"a", usage{1, 5}, written, 0},
		"somebody was there":         {"a", usage{0, 6}, written, 0},
		"another server":             {"b", usage{0, 5}, written, 0},
		"nothing is written":         {"a", usage{0, 5}, idle{}, 0},
		"a clock was ahead":          {"a", usage{0, 5}, idle{now.Add(time.Hour), "a/5"}, 0},
		"what is written is no time": {"a", usage{0, 5}, idle{mark: "a/5"}, 0},
	} {
		v := &vigil{}
		v.look(c.pod, c.use, c.written, now)
		if q := v.quiet(now); q != c.want {
			t.Errorf("%s: quiet for %v, want %v", what, q, c.want)
		}
	}
	v := &vigil{}
	v.look("a", usage{0, 5}, written, now)
	if again := v.idle(now, 30*time.Second); again != written {
		t.Errorf("%+v is written, and was %+v", again, written)
	}
	v.silent(now.Add(time.Minute))
	v.look("a", usage{0, 5}, written, now.Add(2*time.Minute))
	if q := v.quiet(now.Add(2 * time.Minute)); q != time.Hour+2*time.Minute-500*time.Millisecond {
		t.Errorf("behind a silence: %v", q)
	}
	v.look("a", usage{0, 6}, written, now.Add(3*time.Minute))
	if q := v.quiet(now.Add(3 * time.Minute)); q != 0 {
		t.Errorf("who came is not noticed: %v", q)
	}
}

var usageCases = []struct {
	metrics string
	want    usage
	wrong   string
}{
	{metrics: "# HELP x y\nflashpod_connections{application=\"a\",instance=\"b\"} 2\nflashpod_connections{application=\"a\",instance=\"c\"} 1\n" +
		"flashpod_streams{application=\"a\",instance=\"b\"} 1\nflashpod_recordings{application=\"a\",instance=\"b\"} 1\nflashpod_players{application=\"a\",instance=\"b\"} 9\n" +
		"flashpod_connections_total{application=\"a\",instance=\"b\"} 7\nflashpod_publications_total{application=\"a\",instance=\"b\"} 3\n", want: usage{5, 10}},
	{metrics: "flashpod_connections{application=\"a\",instance=\"b\"} 0\n"},
	{metrics: "", wrong: "no flashpod_connections"},
	{metrics: "flashpod_streams{application=\"a\"} 1\n", wrong: "no flashpod_connections"},
	{metrics: "flashpod_connections{} NaN\n", wrong: "flashpod_connections is \"NaN\""},
	{metrics: "flashpod_connections{} 0\nflashpod_streams{} -1\n", wrong: "flashpod_streams is"},
}

func TestReadUsage(t *testing.T) {
	for _, c := range usageCases {
		u, err := readUsage(strings.NewReader(c.metrics))
		if u != c.want || (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%q: %+v, %v", c.metrics, u, err)
		}
	}
}

// What a media server says is a number of 0 or more, or an error.
func FuzzReadUsage(f *testing.F) {
	for _, c := range usageCases {
		f.Add(c.metrics)
	}
	f.Fuzz(func(t *testing.T, metrics string) {
		if u, err := readUsage(strings.NewReader(metrics)); !(u.now >= 0 && u.ever >= 0) || err != nil && u != (usage{}) {
			t.Errorf("%+v, %v", u, err)
		}
	})
}

// Of several origins all are asked, and one that is not ready may have somebody.
func TestUsageOfShards(t *testing.T) {
	t.Parallel()
	o := sleepy(t, ", onDemandInstances: true, shards: 3")
	o.pod.Status.PodIP = "0"
	asked := map[string]usage{"0": {now: 0, ever: 1}, "1": {now: 2, ever: 3}, "2": {now: 0, ever: 4}}
	r := &Reconciler{Usage: func(_ context.Context, address string) (usage, error) { return asked[address], nil }}
	o.shards = nil
	for _, address := range []string{"1", "2"} {
		pod := o.pod.DeepCopy()
		pod.Status.PodIP = address
		o.shards = append(o.shards, shard{pod: pod})
	}
	if u, err := r.usageOf(t.Context(), o); err != nil || u != (usage{now: 2, ever: 8}) {
		t.Errorf("%+v %v", u, err)
	}
	o.shards[1].pod = nil
	if _, err := r.usageOf(t.Context(), o); !errors.Is(err, errSilent) {
		t.Errorf("one is missing: %v", err)
	}
}
