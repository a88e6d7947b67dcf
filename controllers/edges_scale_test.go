package controllers

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/web"
)

// scaling is a spec as it is when defaults are filled in, with what a test changes.
func scaling(t *testing.T, text string) *v1alpha1.EdgesAutoscaling {
	t.Helper()
	return observe(t, "{application: a, edges: {autoscaling: {"+text+"}}}").instance.Spec.Edges.Autoscaling
}

func TestEdgesFor(t *testing.T) {
	at := func(text string) time.Time {
		when, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	const event = "schedule: [{from: '2026-12-31T20:00:00Z', until: '2026-12-31T22:00:00Z', minReplicas: 12}, " +
		"{from: '2026-12-01T19:00:00Z', until: '2026-12-01T21:00:00Z', repeat: Daily, minReplicas: 3}, " +
		"{from: '2026-12-06T10:00:00Z', until: '2026-12-06T12:00:00Z', repeat: Weekly, minReplicas: 5}]"
	for _, c := range []struct {
		name, spec string
		audience   audience
		now        int32
		at         string
		want       int32
	}{
		{"nobody", "", audience{}, 4, "", 1},
		{"as many as one takes, with headroom", "", audience{connections: 4166}, 1, "", 1},
		{"one more", "", audience{connections: 4167}, 1, "", 2},
		{"without headroom", "headroomPercent: 0", audience{connections: 5000}, 1, "", 1},
		{"without headroom, one more", "headroomPercent: 0", audience{connections: 5001}, 1, "", 2},
		{"more than there may be", "maxReplicas: 3", audience{connections: 1 << 40}, 1, "", 3},
		{"fewer than there are to be", "minReplicas: 2", audience{connections: 1}, 2, "", 2},
		{"so few that the origin serves them", "minReplicas: 0", audience{connections: 4166}, 1, "", 0},
		{"more than that", "minReplicas: 0", audience{connections: 4167}, 0, "", 2},
		{"a network that is full", "megabitsPerEdge: 1000, headroomPercent: 0", audience{connections: 10, bits: 3.5e9}, 1, "", 4},
		{"a network with headroom", "megabitsPerEdge: 1000, headroomPercent: 100", audience{connections: 10, bits: 3.5e9}, 1, "", 7},
		{"a network that is fuller than all", "megabitsPerEdge: 1, maxReplicas: 9", audience{connections: 10, bits: 1e12}, 1, "", 9},
		{"a network that does not count", "", audience{connections: 10, bits: 3.5e12}, 1, "", 1},
		{"a slow round", "", audience{connections: 10, slowest: 101 * time.Millisecond}, 3, "", 4},
		{"a slow round, and no more to have", "maxReplicas: 3", audience{connections: 10, slowest: time.Second}, 3, "", 3},
		{"a round that takes its time", "", audience{connections: 10, slowest: 100 * time.Millisecond}, 3, "", 1},
		{"an edge that says nothing", "", audience{connections: 10, silent: true}, 3, "", 3},
		{"an edge that says nothing, while others are full", "", audience{connections: 50000, silent: true}, 3, "", 12},
		{"before the event", event, audience{}, 1, "2026-12-31T18:59:59Z", 1},
		{"at the event", event, audience{}, 1, "2026-12-31T20:00:00Z", 12},
		{"in the last second of it", event, audience{}, 1, "2026-12-31T21:59:59Z", 12},
		{"behind it", event, audience{}, 1, "2026-12-31T22:00:00Z", 1},
		{"behind it, a year later", event, audience{}, 1, "2027-12-31T22:30:00Z", 1},
		{"every day", event, audience{}, 1, "2027-02-14T20:59:00Z", 3},
		{"no day before the first", event, audience{}, 1, "2026-11-30T20:00:00Z", 1},
		{"every week", event, audience{}, 1, "2026-12-20T11:00:00Z", 5},
		{"not every day", event, audience{}, 1, "2026-12-21T11:00:00Z", 1},
		{"an audience that is larger than the event", event, audience{connections: 60000}, 1, "2026-12-31T20:00:00Z", 15},
	} {
		t.Run(c.name, func(t *testing.T) {
			when := at("2026-11-01T12:00:00Z")
			if c.at != "" {
				when = at(c.at)
			}
			if got := edgesFor(scaling(t, c.spec), c.audience, c.now, when); got != c.want {
				t.Errorf("%d edges, want %d", got, c.want)
			}
		})
	}
}

// A number goes up at once, or when it was needed for a while, and down late.
func TestEdgesSettle(t *testing.T) {
	start := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	type look struct {
		at          time.Duration
		connections int64
		want        int32
	}
	const step = 1000 // connections of an edge
	for name, c := range map[string]struct {
		spec  string
		from  int32
		looks []look
	}{
		"up at once": {"", 1, []look{{0, 3 * step, 3}, {15 * time.Second, 9 * step, 9}}},
		"up when it stays so": {"scaleUpWindow: 30s", 1, []look{
			{0, 3 * step, 1}, {15 * time.Second, 5 * step, 1}, {30 * time.Second, 4 * step, 3}, {45 * time.Second, 4 * step, 4},
		}},
		"not up for a moment": {"scaleUpWindow: 30s", 2, []look{
			{0, 9 * step, 2}, {15 * time.Second, 2 * step, 2}, {30 * time.Second, 9 * step, 2}, {45 * time.Second, 9 * step, 2}, {60 * time.Second, 9 * step, 9},
		}},
		"down late, and as far as all of the time allows": {"scaleDownWindow: 1m, cooldown: 0s", 9, []look{
			{0, 9 * step, 9}, {15 * time.Second, 2 * step, 9}, {30 * time.Second, 3 * step, 9}, {60 * time.Second, 2 * step, 9},
			{75 * time.Second, 2 * step, 3}, {90 * time.Second, 2 * step, 3}, {105 * time.Second, 2 * step, 3}, {120 * time.Second, 2 * step, 2},
		}},
		"down once in a cooldown": {"scaleDownWindow: 0s, cooldown: 1m", 4, []look{
			{0, 3 * step, 4}, {59 * time.Second, 3 * step, 4}, {60 * time.Second, 3 * step, 3}, {75 * time.Second, step, 3}, {120 * time.Second, step, 1},
		}},
		"an operator that is new takes none away": {"", 9, []look{{0, 0, 9}, {4 * time.Minute, 0, 9}, {5 * time.Minute, 0, 1}}},
		"fewer than there may be":                 {"maxReplicas: 5", 9, []look{{0, 9 * step, 5}}},
		"fewer than there are to be":              {"minReplicas: 3", 1, []look{{0, 0, 3}}},
	} {
		t.Run(name, func(t *testing.T) {
			spec := scaling(t, c.spec)
			spec.ConnectionsPerEdge, *spec.HeadroomPercent = step, 0
			s, now := &scaler{}, c.from
			for _, l := range c.looks {
				s.decide(spec, audience{connections: l.connections}, now, start.Add(l.at))
				if now = s.wanted; now != l.want {
					t.Fatalf("after %v %d edges, want %d", l.at, now, l.want)
				}
			}
			if len(s.past) > 40 {
				t.Errorf("%d looks are remembered", len(s.past))
			}
		})
	}
}

// What a media server says of itself, the operator understands.
func TestReadLoad(t *testing.T) {
	handler := web.Handler(oneEdge{}, web.Options{})
	answer := httptest.NewRecorder()
	request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	request.Host = "localhost"
	handler.ServeHTTP(answer, request)
	if n, err := readDirect(strings.NewReader(answer.Body.String())); err != nil || n != 17 {
		t.Errorf("%d clients of its own, %v", n, err)
	}
	load, err := readLoad(answer.Body)
	if want := (edgeLoad{connections: 1234567, sentBytes: 1 << 50, roundTime: 12 * time.Millisecond}); err != nil || load != want {
		t.Errorf("%+v, %v", load, err)
	}
	for _, bad := range []string{"", "flashpod_edge_connections many\n", "flashpod_edge_connections -1\n", "flashpod_edge_connections NaN\n", "flashpod_edge_links 1\n", strings.Repeat("x", 1<<20)} {
		if load, err := readLoad(strings.NewReader(bad)); err == nil {
			t.Errorf("%.40q: %+v", bad, load)
		}
	}
}

// oneEdge is an edge, as far as its load goes.
type oneEdge struct{ web.Source }

func (oneEdge) Edge() (web.Edge, bool) {
	return web.Edge{Connections: 1234567, Sent: 1 << 50, RoundTime: 12 * time.Millisecond}, true
}
func (oneEdge) Stats() []instance.Stats              { return nil }
func (oneEdge) Refused() map[string]uint64           { return nil }
func (oneEdge) LeftOut() map[string]uint64           { return nil }
func (oneEdge) Budgets() []*budget.Budget            { return nil }
func (oneEdge) Waiting() int                         { return 0 }
func (oneEdge) Direct() int64                        { return 17 }
func (oneEdge) Origin() (web.Origin, bool)           { return web.Origin{}, false }
func (oneEdge) Certificate() (web.Certificate, bool) { return web.Certificate{}, false }

func TestAudience(t *testing.T) {
	pod := func(name string, ready corev1.ConditionStatus) corev1.Pod {
		return corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}}}
	}
	gone := pod("gone", corev1.ConditionTrue)
	gone.DeletionTimestamp = &metav1.Time{Time: time.Now()}
	pods := []corev1.Pod{pod("a", corev1.ConditionTrue), pod("b", corev1.ConditionTrue), pod("new", corev1.ConditionFalse), gone}
	loads := map[string]edgeLoad{"a": {connections: 100, sentBytes: 3e6, roundTime: time.Millisecond}, "b": {connections: 50, sentBytes: 5, roundTime: time.Second}}
	before := map[string]edgeLoad{"a": {sentBytes: 1e6}, "b": {sentBytes: 9e6}} // b was started again
	if got, want := audienceOf(pods, loads, before, 4*time.Second, 170), (audience{connections: 170, bits: 4e6, slowest: time.Second}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	delete(loads, "b")
	if got := audienceOf(pods, loads, nil, 0, -1); !got.silent || got.connections != 100 || got.bits != 0 {
		t.Errorf("%+v", got)
	}
}
