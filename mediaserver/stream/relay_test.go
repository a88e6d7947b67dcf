package stream

import (
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// relay copies what a reader has to a publisher elsewhere, as far as it has come, and
// returns how many messages until a player there has what it begins with.
func relay(t *testing.T, r *Reader, to *Publisher) (caught int) {
	t.Helper()
	for n := 0; r.Pending(); n++ {
		m, err := r.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		cut, _ := r.Cut()
		if m.Type == 0 {
			continue
		}
		if err := to.Relay(&m, cut.Made()); err != nil {
			t.Fatal(err)
		}
		if caught == 0 && r.Caught() {
			caught = n + 1
		}
	}
	return caught
}

// A stream that is made anew elsewhere is cut there where it is cut, whenever its copy
// begins and whatever the clock there says.
func TestRelayIsCutAlike(t *testing.T) {
	t.Parallel()
	s, p := publish(t, newFanout(t), "a")
	all := s.NewCutReader()
	defer all.Close()
	shoot(t, p, 0, 6000, 1000)
	far, to := publish(t, newFanout(t), "a")
	shoot(t, to, 70000, 72000, 1000) // another publication: times go on behind it
	to.Close()
	to, err := far.Publish()
	if err != nil {
		t.Fatal(err)
	}
	there := far.NewCutReader()
	defer there.Close()
	r := s.NewRelay(true)
	defer r.Close()
	plain := s.NewRelay(false)
	defer plain.Close()
	if r.Caught() || plain.Caught() {
		t.Error("a player elsewhere could begin with nothing")
	}
	for plain.Pending() && !plain.Caught() {
		m, err := plain.Next(t.Context())
		if err != nil || m.Type == rtmp.TypeVideo && (!plain.Caught() || m.Timestamp != 5000) {
			t.Errorf("the picture of %d, %v: a player could begin with it: %v", m.Timestamp, err, plain.Caught())
		}
	}
	empty, _ := publish(t, newFanout(t), "b")
	none := empty.NewRelay(true)
	defer none.Close()
	if !plain.Caught() || !none.Caught() {
		t.Error("a player elsewhere waits for what is there, or for nothing")
	}
	// From the cut at 4000 to the newest keyframe, which is at 5000.
	if n := relay(t, r, to); n != 51 {
		t.Errorf("a player could begin behind %d messages", n)
	}
	shoot(t, p, 6000, 9000, 1000)
	relay(t, r, to)
	// A copy of the copy, whose clock is another once more, and which comes last.
	further, last := publish(t, newFanout(t), "a")
	shoot(t, last, 500000, 502000, 1000)
	last.Close()
	if last, err = further.Publish(); err != nil {
		t.Fatal(err)
	}
	furthest, again := further.NewCutReader(), far.NewRelay(true)
	defer furthest.Close()
	defer again.Close()
	relay(t, again, last)
	var want []Cut
	for _, c := range cuts(t, all) {
		if c.Time >= 4000 {
			want = append(want, c)
		}
	}
	copied := cuts(t, furthest)
	if len(copied) == 0 {
		t.Error("the copy of a copy is not cut")
	}
	for _, c := range copied {
		if c.Shift < 400000 || !slices.Contains(want, c.Made()) {
			t.Errorf("the copy of a copy is cut at %+v", c)
		}
	}
	got := cuts(t, there)
	if len(got) != len(want) || len(got) < 3 {
		t.Fatalf("cut at %+v, want %+v", got, want)
	}
	for i, c := range got {
		if c.Shift == 0 || c.Made() != want[i] {
			t.Errorf("cut %+v, want %+v", c, want[i])
		}
	}
}

// Who reads cuts is told that what follows is lost, and other readers that it is over;
// where something is left out, both go on.
func TestRelayLoses(t *testing.T) {
	t.Parallel()
	s, p := publish(t, newFanout(t), "a")
	message := func(at media.Timestamp, cut Cut) {
		if err := p.Relay(&rtmp.Message{Type: rtmp.TypeVideo, Timestamp: at, Payload: key(0)}, cut); err != nil {
			t.Fatal(err)
		}
	}
	ends := func(r *Reader) error {
		for {
			if _, err := r.Next(t.Context()); err != nil {
				return err
			}
		}
	}
	cutter, reader := s.NewCutReader(), s.NewReader()
	message(0, Cut{Number: 7, Key: true})
	p.Skip()
	if err := ends(cutter); !errors.Is(err, ErrLagged) {
		t.Error(err)
	}
	message(4000, Cut{})
	cutter = s.NewCutReader()
	message(6000, Cut{Number: 9, Epoch: 1, Time: 6000, Key: true})
	if all := cuts(t, cutter); len(all) != 1 || all[0].Number != 9 {
		t.Errorf("behind what was left out, it is cut at %+v", all)
	}
	p.Lose()
	if err := ends(cutter); !errors.Is(err, ErrLost) {
		t.Error(err)
	}
	if err := ends(reader); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

// Where something is left out, players hear so at its place, and so does who makes the
// stream anew once more, so that players there hear it, too.
func TestRelaySkips(t *testing.T) {
	t.Parallel()
	s, p := publish(t, newFanout(t), "a")
	r, reader := s.NewRelay(false), s.NewReader()
	defer r.Close()
	defer reader.Close()
	shoot(t, p, 0, 1000, 1000)
	p.Skip()
	shoot(t, p, 1000, 2000, 1000)
	began, skipped, messages := 0, 0, 0
	for r.Pending() {
		m, err := r.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case r.Skipped():
			skipped++
			if m.Type != 0 || r.Began() || messages == 0 {
				t.Errorf("behind %d messages: %v, and it begins: %v", messages, m.Type, r.Began())
			}
		case r.Began():
			began++
		default:
			messages++
		}
	}
	if skipped != 1 || began != 0 || messages < 20 {
		t.Errorf("%d messages, something was left out %d times, and it has begun %d times", messages, skipped, began)
	}
	for reader.Pending() {
		if m, err := reader.Next(t.Context()); err != nil || m.Type != rtmp.TypeVideo && m.Type != rtmp.TypeAudio {
			t.Fatalf("a reader has %v, %v", m.Type, err)
		}
	}
}

// A reader is late when what it has read came long ago, and a newer keyframe is there.
func TestReaderIsLate(t *testing.T) {
	t.Parallel()
	s, p := publish(t, newFanout(t), "a")
	r := s.NewRelay(false)
	defer r.Close()
	shoot(t, p, 0, 100, 1000)
	next := func() {
		t.Helper()
		if m, err := r.Next(t.Context()); err != nil || m.Type == 0 {
			t.Fatalf("%v, %v", m.Type, err)
		}
	}
	if r.Late(0) {
		t.Error("before it has read anything")
	}
	if next(); r.Late(0) {
		t.Error("no keyframe is newer")
	}
	shoot(t, p, 1000, 1100, 1000)
	if next(); !r.Late(0) || r.Late(time.Hour) {
		t.Error("a keyframe is newer")
	}
	p.Close()
	if next(); r.Late(0) {
		t.Error("what it reads is over")
	}
}
