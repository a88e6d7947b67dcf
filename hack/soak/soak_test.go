package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/rtmp"
)

func TestParseMetrics(t *testing.T) {
	got, err := parseMetrics(strings.NewReader("# HELP x y\n# TYPE x gauge\nx{a=\"b c\"} 2\nx{a=\"d\"} 3.5\ny 1e+06\n\n"))
	if err != nil || got["x"] != 5.5 || got["y"] != 1e6 || len(got) != 2 {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := parseMetrics(strings.NewReader("x y\n")); err == nil {
		t.Error("a metric without a number was taken")
	}
}

func TestGrowth(t *testing.T) {
	var list []sample
	for _, mb := range []int64{1, 1, 9, 10, 11, 50, 50, 50, 50, 22, 20, 900} {
		list = append(list, sample{memory: mb << 20})
	}
	if got, ok := growth(list); !ok || got != 22.0/11 {
		t.Errorf("growth %v, %v; want the median of 22, 20 and 900 over that of 10, 11 and 50", got, ok)
	}
	if _, ok := growth(list[:7]); ok {
		t.Error("seven samples have no quarters")
	}
}

func TestStanding(t *testing.T) {
	list := []sample{{connections: 9, memory: 1}, {connections: 9, memory: 1}}
	for _, memory := range []int64{10, 11, 12, 20, 22, 24} {
		list = append(list, sample{connections: 9, memory: memory})
	}
	list = append(list, sample{connections: 2, memory: 900}, sample{connections: 9, accepted: 5, memory: 900})
	if got, ok := standing(list); !ok || got != 2 {
		t.Errorf("got %v, %v; want 22 over 11", got, ok)
	}
	if _, ok := standing(list[4:]); ok {
		t.Error("four samples were enough")
	}
}

func TestVerdict(t *testing.T) {
	flat := make([]sample, 20)
	grown := make([]sample, 20)
	for i := range flat {
		flat[i].memory, grown[i].memory = 100, int64(100+10*i)
	}
	clean, bad := newCrew(nil), newCrew(nil)
	bad.wrong = []string{"a frame is torn"}
	for _, c := range []struct {
		name string
		ran  time.Duration
		list []sample
		crew *crew
		good bool
	}{
		{"flat", judgedFrom, flat, clean, true},
		{"grown", judgedFrom, grown, clean, false},
		{"grown, but short", time.Minute, grown, clean, true},
		{"too few samples", judgedFrom, flat[:7], clean, false},
		{"something wrong", time.Minute, flat, bad, false},
	} {
		if err := verdict(new(strings.Builder), c.ran, c.list, c.crew); (err == nil) != c.good {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestWitness(t *testing.T) {
	video := func(n uint32) []byte { return newFrame(3, n, false, 100) }
	torn := video(1)
	torn[60]++
	long := func(from uint32) (list [][]byte) {
		for n := range uint32(tellWithin + 1) {
			list = append(list, video(from+n))
		}
		return list
	}
	for _, c := range []struct {
		name   string
		live   bool
		frames [][]byte
		told   bool
		good   bool
	}{
		{"in order", true, [][]byte{video(5), video(6), video(7)}, false, true},
		{"another publication", true, [][]byte{video(5), newFrame(4, 0, true, 100), newFrame(4, 1, false, 20)}, false, true},
		{"backwards", true, [][]byte{video(5), video(6), video(6)}, false, false},
		{"a gap", true, append([][]byte{video(5)}, long(7)...), false, false},
		{"a gap that was told", true, append([][]byte{video(5)}, long(7)...), true, true},
		{"seeking", false, [][]byte{video(5), video(900), video(2)}, false, true},
		{"torn", false, [][]byte{torn}, false, false},
		{"short", false, [][]byte{video(1)[:99]}, false, false},
		{"no head", false, [][]byte{video(1)[:9]}, false, false},
	} {
		w := &witness{live: c.live}
		for _, f := range c.frames {
			w.see(&rtmp.Message{Type: rtmp.TypeVideo, Payload: f})
		}
		if c.told {
			w.slow()
		}
		if _, _, err := w.result(); (err == nil) != c.good {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// A server that does not come back to its idle figure is found out.
func TestSettledNamesTheLeak(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := (&server{http: "127.0.0.1:1"}).settled(ctx, &sample{goroutines: 5}); err == nil || !strings.Contains(err.Error(), "leak") {
		t.Errorf("got %v", err)
	}
}
