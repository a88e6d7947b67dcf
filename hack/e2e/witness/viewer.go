package witness

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// Stream is a live stream that viewers watch: how far it is, as far as any of them has seen.
type Stream struct {
	Name  string
	Frame int64 // milliseconds from one picture to the next
	GOP   int64 // milliseconds from one keyframe to the next

	newest atomic.Int64 // time of a picture, in milliseconds
}

// seen notes a picture of any viewer.
func (s *Stream) seen(at int64) {
	for {
		was := s.newest.Load()
		if at <= was || s.newest.CompareAndSwap(was, at) {
			return
		}
	}
}

// Viewer plays a live stream for as long as the test lasts.
type Viewer struct {
	*client
	of *Stream

	// Under mu.
	seen   Seen
	newest int64     // time of the newest picture of this publication; below 0: there was none
	at     time.Time // when that came
}

// Seen is what a viewer has noted.
type Seen struct {
	Pictures int
	// Lost is how much of the stream never came, in milliseconds of the stream's own time.
	Lost int64
	// Pause is the longest time without a picture, from one to the next.
	Pause    time.Duration
	Connects int // times that it was let in
	Failed   int // times that it was not
	Statuses []string
	Returns  []Return
}

// Told is how often the viewer was told a code.
func (s Seen) Told(code string) (n int) {
	for _, one := range s.Statuses {
		if one == code {
			n++
		}
	}
	return n
}

// Return is how a viewer began after it had connected again.
type Return struct {
	// After is the time from the connect to the first picture.
	After time.Duration
	// Ahead is how much newer the first picture is, in milliseconds of the stream's time,
	// than what any viewer had seen when the play began: below 0 where it is older.
	Ahead int64
	Key   bool // the first picture is a keyframe
}

// View has a viewer watch a stream at a place. One that follows does what the server asks
// for in ReconnectRequest.
func View(t testing.TB, name string, of *Stream, place Place, follows bool) *Viewer {
	t.Helper()
	v := &Viewer{client: newClient(t, name, place, follows), of: of, newest: -1}
	v.runs.Go(func() { v.run(v.begin) })
	return v
}

// begin plays, and returns with the first picture: where nobody publishes, with the start.
func (v *Viewer) begin(c *connection) error {
	ctx, cancel := context.WithTimeout(v.ctx, patience)
	defer cancel()
	began := time.Now()
	s, err := c.nc.CreateStream(ctx)
	if err != nil {
		return err
	}
	first := make(chan Return, 1)
	var got bool      // like started, it is used by the goroutine that reads alone
	var started int64 // how far the stream was
	s.OnStatus(func(info *amf.Object) {
		switch v.told(info) {
		case "NetStream.Play.Start":
			started = v.of.newest.Load()
		case "NetStream.Play.UnpublishNotify":
			v.mu.Lock()
			v.newest = -1 // the next publication has times of its own
			v.mu.Unlock()
		}
	})
	s.OnMedia(func(m *rtmp.Message) error {
		if m.Type != rtmp.TypeVideo || payload.IsVideoHeader(m.Payload) {
			return nil
		}
		if !got {
			got = true
			first <- Return{After: time.Since(began), Ahead: int64(m.Timestamp) - started, Key: payload.IsKeyframe(m.Payload)}
		}
		v.picture(m.Timestamp)
		return nil
	})
	if err := s.Play(ctx, v.of.Name, rtmp.PlayLive); err != nil {
		return err
	}
	select {
	case r := <-first:
		v.mu.Lock()
		if v.connects > 0 {
			v.seen.Returns = append(v.seen.Returns, r)
		}
		v.mu.Unlock()
		return nil
	case <-c.nc.Ended():
		return fmt.Errorf("%s: the connection has ended before a picture came", v.name)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// picture notes one that has come. Those of the connection before, and what a new one
// repeats of its GOP, are older than the newest.
func (v *Viewer) picture(stamp media.Timestamp) {
	at, now := int64(stamp), time.Now()
	v.of.seen(at)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.seen.Pictures++
	if at <= v.newest {
		return
	}
	if v.newest >= 0 && at-v.newest > v.of.Frame*3/2 {
		v.seen.Lost += at - v.newest - v.of.Frame
	}
	if !v.at.IsZero() {
		v.seen.Pause = max(v.seen.Pause, now.Sub(v.at))
	}
	v.newest, v.at = at, now
}

// Seen is what it has noted so far.
func (v *Viewer) Seen() Seen {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.seen
	s.Connects, s.Failed = v.connects, v.failed
	s.Statuses, s.Returns = slices.Clone(v.statuses), slices.Clone(s.Returns)
	return s
}

// Plays waits until so many more pictures have come.
func (v *Viewer) Plays(t testing.TB, pictures int) {
	t.Helper()
	from := v.Seen().Pictures
	until(t, fmt.Sprintf("%s to see %d pictures more", v.name, pictures), func() bool { return v.Seen().Pictures >= from+pictures })
}

// Told waits until it has been told a code, so often.
func (v *Viewer) Told(t testing.TB, code string, times int) {
	t.Helper()
	until(t, v.name+" to be told "+code, func() bool { return v.Seen().Told(code) >= times })
}

// Returned waits until it has come back so often.
func (v *Viewer) Returned(t testing.TB, times int) {
	t.Helper()
	until(t, fmt.Sprintf("%s to come back %d times", v.name, times), func() bool { return len(v.Seen().Returns) >= times })
}

// Came says what is wrong with how the viewer came back the last time; "": nothing. It is to
// begin with a keyframe, no later than a GOP after what others had seen when it began.
func (v *Viewer) Came() string {
	all := v.Seen().Returns
	if len(all) == 0 {
		return "it has not come back"
	}
	if r := all[len(all)-1]; !r.Key || r.Ahead > v.of.GOP {
		return fmt.Sprintf("it begins %+d ms from where the others were (a keyframe: %v)", r.Ahead, r.Key)
	}
	return ""
}

// Undisturbed says what a viewer has noticed since a look, but for pictures; "": nothing.
func (v *Viewer) Undisturbed(since Seen) string {
	now := v.Seen()
	var all []string
	if n := now.Lost - since.Lost; n != 0 {
		all = append(all, fmt.Sprintf("%d ms lost", n))
	}
	if n := now.Connects - since.Connects; n != 0 {
		all = append(all, fmt.Sprintf("connected again %d times", n))
	}
	if told := now.Statuses[len(since.Statuses):]; len(told) > 0 {
		all = append(all, "told "+strings.Join(told, ", "))
	}
	return strings.Join(all, "; ")
}

// String is a line of the figures of a test.
func (v *Viewer) String() string {
	s := v.Seen()
	line := fmt.Sprintf("%-14s %5d pictures, %6d ms lost, %6d ms without one at most, %d reconnects (%d failed)", v.name, s.Pictures, s.Lost, s.Pause.Milliseconds(), s.Connects-1, s.Failed)
	for _, r := range s.Returns {
		line += fmt.Sprintf(", back after %d ms (%+d ms)", r.After.Milliseconds(), r.Ahead)
	}
	if len(s.Statuses) > 0 {
		line += ", told " + strings.Join(s.Statuses, " ")
	}
	return strings.ReplaceAll(strings.ReplaceAll(line, "NetStream.", ""), "NetConnection.", "")
}
