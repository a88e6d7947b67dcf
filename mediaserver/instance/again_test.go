package instance

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/recording"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// slowDisk hangs, once asked to, each recorder that looks at the time: it does so
// between what it writes and the end of its file.
type slowDisk struct {
	mu      sync.Mutex // nothing else is taken while it is held
	heals   chan struct{}
	reached chan struct{}
}

func (d *slowDisk) now() time.Time {
	d.mu.Lock()
	heals := d.heals
	d.mu.Unlock()
	if heals != nil {
		d.reached <- struct{}{}
		<-heals
	}
	return time.Now()
}

func (d *slowDisk) hang() (heal func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	heals := make(chan struct{})
	d.heals = heals
	return sync.OnceFunc(func() {
		d.mu.Lock()
		d.heals = nil
		d.mu.Unlock()
		close(heals)
	})
}

func newSlowInstance(t *testing.T) (i *Instance, dir string, disk *slowDisk) {
	t.Helper()
	dir, disk = t.TempDir(), &slowDisk{reached: make(chan struct{}, 100)}
	store, err := recording.Open(dir, nil, recording.Options{Now: disk.now})
	if err != nil {
		t.Fatal(err)
	}
	f := stream.NewFanout(1)
	if i, err = New(Config{Application: "app", Name: "one", Fanout: f, Store: store}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		i.Close()
		f.Close()
		if err := store.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return i, dir, disk
}

// publishing asks for a name, and is told by a channel how its recording ends by
// itself.
func publishing(t *testing.T, i *Instance, mode session.PublishMode) (session.PublishAnswer, chan *session.Refusal) {
	t.Helper()
	failed := make(chan *session.Refusal, 1)
	a := asked(t, func(answer func(session.PublishAnswer)) {
		i.Publish(session.PublishRequest{Name: "cam", Mode: mode, RecordingEnded: func(why *session.Refusal) { failed <- why }}, answer)
	})
	if a.Refusal != nil {
		t.Fatal(a.Refusal)
	}
	return a, failed
}

// Encoders that reconnect while the disk still has the file of the one before:
// each is recorded from its first packet, in order, whoever came in between.
func TestPublishingAgainWhileTheFileIsOpen(t *testing.T) {
	for _, c := range []struct {
		name   string
		modes  []session.PublishMode
		sounds int // in the file
	}{
		{"record", []session.PublishMode{session.PublishRecord, session.PublishRecord}, 1},
		{"append", []session.PublishMode{session.PublishRecord, session.PublishAppend}, 2},
		{"with a live one between", []session.PublishMode{session.PublishAppend, session.PublishLive, session.PublishAppend}, 2},
		{"many", []session.PublishMode{session.PublishRecord, session.PublishAppend, session.PublishLive, session.PublishAppend, session.PublishAppend}, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			i, dir, disk := newSlowInstance(t)
			heal := func() {}
			var closed []chan error
			for n, mode := range c.modes {
				a, failed := publishing(t, i, mode)
				if a.Recorded != (mode != session.PublishLive) {
					t.Fatalf("%s is answered %+v", mode, a)
				}
				if n == 0 {
					heal = disk.hang()
					defer heal()
				}
				sound(t, a.Publication)
				if n == 0 {
					<-disk.reached
				}
				end := make(chan error, 1)
				a.Publication.Close(session.EndedAsked, func(err error) { end <- err })
				closed = append(closed, end)
				defer func() {
					if len(failed) > 0 {
						t.Errorf("%s: %v", mode, <-failed)
					}
				}()
			}
			heal()
			for _, end := range closed {
				if err := <-end; err != nil {
					t.Error(err)
				}
			}
			if got := len(tags(t, filepath.Join(dir, "cam.flv"))) - 1; got != c.sounds {
				t.Errorf("%d sounds are recorded, want %d", got, c.sounds)
			}
			settled(t, i)
			if s := i.Stats(); s.Streams+s.Recordings != 0 || len(i.seen.named) != 0 {
				t.Errorf("left %+v", s)
			}
		})
	}
}

// What waits for a file is bounded.
func TestPublishingAgainHoldsSoMuch(t *testing.T) {
	slowly(t, func(t *testing.T, i *Instance, _ string, disk *slowDisk) {
		first, _, heal := recordsToHungDisk(t, i, disk)
		defer heal()
		end := make(chan error, 1)
		first.Publication.Close(session.EndedAsked, func(err error) { end <- err })
		a, h := publishes(t, i, session.PublishRecord)
		for range 17 { // 68 MiB
			if err := a.Publication.Write(much()); err != nil {
				t.Fatal(err)
			}
		}
		if why := <-h.ended; why.Code != session.RefusedFailed || !strings.Contains(why.Reason, "too slow") {
			t.Errorf("it fails with %+v", why)
		}
		if err := ended(t, a.Publication); err != nil {
			t.Error(err)
		}
		heal()
		if err := <-end; err != nil {
			t.Error(err)
		}
	})
}
