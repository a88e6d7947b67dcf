package instance

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/recording"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/script"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// frameEvery is between two pictures of a film.
const frameEvery = 40 * time.Millisecond

// film makes a recording of so many pictures, of which each tenth is a keyframe. Each
// says which film it is of, and which of it.
func film(t *testing.T, dir, name string, mark byte, pictures int) {
	t.Helper()
	tags := []flv.Tag{{Type: flv.TypeVideo, Data: []byte{0x17, 0, 0, 0, 0, mark}}}
	for n := range pictures {
		kind := byte(0x27)
		if n%10 == 0 {
			kind = 0x17
		}
		tags = append(tags, flv.Tag{
			Type: flv.TypeVideo, Timestamp: media.TimestampAt(time.Duration(n) * frameEvery), Data: []byte{kind, 1, 0, 0, 0, mark, byte(n)},
		})
	}
	servertest.WriteFLV(t, filepath.Join(dir, name+".flv"), tags...)
}

// heard is a message of a stream, and when it came.
type heard struct {
	at   time.Duration // timestamp
	came time.Duration // since the viewer has come
	what string
}

// viewer hears what is published on a stream.
type viewer struct {
	mu    sync.Mutex
	began time.Time
	all   []heard
	done  chan struct{}
}

// view has a viewer hear what is published from now on, until the publication ends.
func view(t *testing.T, s *stream.Stream) *viewer {
	t.Helper()
	v := &viewer{began: time.Now(), done: make(chan struct{})}
	r := s.NewReader()
	go func() {
		defer close(v.done)
		defer r.Close()
		for {
			m, err := r.Next(context.Background())
			if err != nil {
				return
			}
			v.mu.Lock()
			v.all = append(v.all, heard{m.Timestamp.Duration(), time.Since(v.began), word(&m)})
			v.mu.Unlock()
		}
	}()
	return v
}

func word(m *rtmp.Message) string {
	switch m.Type {
	case rtmp.TypeVideo:
		if m.Payload[1] == 0 {
			return fmt.Sprintf("header %c", m.Payload[5])
		}
		return fmt.Sprintf("%c%d", m.Payload[5], m.Payload[6])
	case rtmp.TypeData:
		all, err := amf.DecodeAll(m.Payload)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprintf("data %v", all[0])
	}
	return "sound"
}

// of are those that begin with a word.
func (v *viewer) of(prefix string) (all []heard) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, h := range v.all {
		if strings.HasPrefix(h.what, prefix) {
			all = append(all, h)
		}
	}
	return all
}

func (v *viewer) words() (all []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, h := range v.all {
		all = append(all, h.what)
	}
	return all
}

// ear is told of the server's own streams.
type ear struct {
	mu  sync.Mutex
	all []script.StreamStatus
}

func (e *ear) told(s script.StreamStatus) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, s)
}

// codes are what was told, without "NetStream.", with what it is about.
func (e *ear) codes() (all []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.all {
		all = append(all, strings.TrimPrefix(s.Code, "NetStream.")+" "+s.Details)
	}
	return all
}

// heard says whether a code was told of a stream.
func (e *ear) heard(stream, code string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.ContainsFunc(e.all, func(s script.StreamStatus) bool { return s.Stream == stream && s.Code == code })
}

func (e *ear) last() script.StreamStatus {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.all[len(e.all)-1]
}

// inTime serves an instance from a folder, in a bubble whose clock goes as fast as
// nothing happens.
func inTime(t *testing.T, rules Rules, test func(t *testing.T, i *Instance, dir string, e *ear)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		store, err := recording.Open(dir, nil, recording.Options{})
		if err != nil {
			t.Fatal(err)
		}
		f := stream.NewFanout(1)
		i, err := New(Config{Application: "app", Name: "one", Fanout: f, Store: store, Rules: rules})
		if err != nil {
			t.Fatal(err)
		}
		e := &ear{}
		i.OpenStreams(e.told)
		test(t, i, dir, e)
		i.Shutdown("over")
		if err := i.Finish(t.Context()); err != nil {
			t.Error(err)
		}
		i.Close()
		f.Close()
		if err := store.Close(context.Background()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if s := i.Stats(); s.Streams+s.Players+s.Playbacks+s.Recordings > 0 {
			t.Errorf("left behind: %+v", s)
		}
	})
}

// pass lets time pass.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// tuned is a stream that a viewer waits for.
func tuned(t *testing.T, i *Instance, name string) *stream.Stream {
	t.Helper()
	a := play(t, i, name, session.LiveOnly)
	if a.Refusal != nil {
		t.Fatal(a.Refusal)
	}
	t.Cleanup(a.Release)
	return a.Live
}

func wantWords(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

// One item begins where the other has ended, on one clock, and each picture comes at
// its time.
func TestChannelPlaysItsPlaylistWithoutAGap(t *testing.T) {
	inTime(t, Rules{}, func(t *testing.T, i *Instance, dir string, e *ear) {
		film(t, dir, "a", 'a', 25)
		film(t, dir, "b", 'b', 25)
		v := view(t, tuned(t, i, "tv"))
		i.PlayStream("tv", script.StreamItem{Name: "a", From: script.RecordedOnly}, true)
		i.PlayStream("tv", script.StreamItem{Name: "b"}, false)
		<-v.done
		pass(time.Second)
		pictures := slices.Concat(v.of("a"), v.of("b"))
		if len(pictures) != 50 {
			t.Fatalf("%d pictures", len(pictures))
		}
		for n, p := range pictures {
			at := time.Duration(n) * frameEvery
			if late := p.came - at; p.at != at || late < -early || late > early {
				t.Errorf("picture %d has time %v and came at %v", n, p.at, p.came)
			}
		}
		if h := v.of("header b"); len(h) != 1 || h[0].at != time.Second {
			t.Errorf("headers of the second: %v", h)
		}
		wantWords(t, "told", e.codes(), "Play.Reset a", "Publish.Start tv", "Play.Start a", "Play.Switch b", "Play.Start b",
			"Play.Complete b", "Play.Stop b", "Unpublish.Success tv")
	})
}
