package instance

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashpod.dev/flashpod/mediaserver/recording"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// slowly runs a test with a disk that hangs for as long as the test wants, on a
// clock that waits for nobody.
func slowly(t *testing.T, test func(t *testing.T, i *Instance, dir string, disk *slowDisk)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		disk := &slowDisk{reached: make(chan struct{}, 1000)}
		serveSlowly(t, dir, recording.Options{Now: disk.now}, nil, func(i *Instance) { test(t, i, dir, disk) })
	})
}

func serveSlowly(t *testing.T, dir string, opts recording.Options, log *slog.Logger, test func(i *Instance)) {
	t.Helper()
	store, err := recording.Open(dir, log, opts)
	if err != nil {
		t.Fatal(err)
	}
	f := stream.NewFanout(1)
	i, err := New(Config{Application: "app", Name: "one", Fanout: f, Store: store, Rules: Rules{PublisherTimeout: time.Nanosecond}, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		i.Close()
		f.Close()
		if err := store.Close(context.Background()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
	}()
	test(i)
}

// told is what a publisher hears of its recording.
type told struct {
	ended chan *session.Refusal
	began chan struct{}
}

// publishes asks for "cam", and is answered within the time that it may take.
func publishes(t *testing.T, i *Instance, mode session.PublishMode) (session.PublishAnswer, told) {
	t.Helper()
	h := told{make(chan *session.Refusal, 10), make(chan struct{}, 10)}
	a := asked(t, func(answer func(session.PublishAnswer)) {
		i.Publish(session.PublishRequest{
			Name: "cam", Mode: mode,
			RecordingEnded: func(why *session.Refusal) { h.ended <- why },
			RecordingBegan: func() { h.began <- struct{}{} },
		}, answer)
	})
	if a.Refusal != nil {
		t.Fatal(a.Refusal)
	}
	return a, h
}

// recordedBefore is a good recording of 50 sounds, and its bytes.
func recordedBefore(t *testing.T, i *Instance, dir string) []byte {
	t.Helper()
	p := published(t, i, "cam", session.PublishRecord)
	for range 50 {
		sound(t, p)
	}
	if err := ended(t, p); err != nil {
		t.Fatal(err)
	}
	settled(t, i)
	return content(t, dir)
}

func content(t *testing.T, dir string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "cam.flv"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// onlyCam says that nothing but the recording lies in the folder.
func onlyCam(t *testing.T, dir string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil || len(list) != 1 || list[0].Name() != "cam.flv" {
		t.Errorf("in the folder are %v, %v; want cam.flv alone", list, err)
	}
}

func much() *rtmp.Message {
	return &rtmp.Message{Type: rtmp.TypeAudio, Payload: append([]byte{0xaf, 1}, make([]byte, 4<<20)...)}
}

// A disk takes longer to open a file than it may, and its publisher is told that
// nothing is recorded. What it says then replaces nothing, unless it is recorded
// as a whole and its publisher told so.
func TestRecordingThatIsOpenedTooLate(t *testing.T) {
	for _, mode := range []session.PublishMode{session.PublishRecord, session.PublishAppend} {
		for _, c := range []struct {
			name  string
			then  func(t *testing.T, i *Instance, p session.Publication) // before the disk heals
			after bool                                                   // it publishes on
		}{
			{"its publisher has gone", func(t *testing.T, _ *Instance, p session.Publication) {
				if err := ended(t, p); err != nil {
					t.Error(err)
				}
			}, false},
			{"its publisher was lost", func(t *testing.T, _ *Instance, p session.Publication) {
				if err := asked(t, func(ended func(error)) { p.Close(session.EndedLost, ended) }); err != nil {
					t.Error(err)
				}
			}, false},
			{"the log is full", func(t *testing.T, _ *Instance, p session.Publication) {
				for range 17 { // 68 MiB
					if err := p.Write(much()); err != nil {
						t.Fatal(err)
					}
				}
			}, false},
			{"it publishes still", func(*testing.T, *Instance, session.Publication) {}, true},
		} {
			t.Run(string(mode)+", "+c.name, func(t *testing.T) {
				slowly(t, func(t *testing.T, i *Instance, dir string, disk *slowDisk) {
					good := recordedBefore(t, i, dir)
					heal := disk.hang()
					defer heal()
					a, h := publishes(t, i, mode)
					if a.Recorded || a.NotRecorded == nil || !strings.Contains(a.NotRecorded.Reason, "has not answered") {
						t.Fatalf("answered with %+v, %v", a, a.NotRecorded)
					}
					sound(t, a.Publication)
					c.then(t, i, a.Publication)
					heal()
					synctest.Wait()
					if c.after != (len(h.began) == 1) || len(h.ended) > 0 {
						t.Errorf("it began %d times, and ended %d times", len(h.began), len(h.ended))
					}
					if c.after {
						sound(t, a.Publication)
					}
					if err := ended(t, a.Publication); err != nil {
						t.Error(err)
					}
					settled(t, i)
					onlyCam(t, dir)
					switch got := len(tags(t, filepath.Join(dir, "cam.flv"))) - 1; {
					case !c.after && string(content(t, dir)) != string(good):
						t.Errorf("the good file was replaced, though nothing is recorded, it was said: %d sounds", got)
					case c.after && mode == session.PublishRecord && got != 2, c.after && mode == session.PublishAppend && got != 52:
						t.Errorf("%d sounds are recorded", got)
					}
					if s := i.Stats(); s.Recordings+s.Streams != 0 || len(i.seen.named) != 0 {
						t.Errorf("left %+v", s)
					}
				})
			})
		}
	}
}

// Who takes over a publication whose recording was given up has one of its own, or
// is told why not.
func TestTakeOverOfARecordingThatWasGivenUp(t *testing.T) {
	slowly(t, func(t *testing.T, i *Instance, dir string, disk *slowDisk) {
		heal := disk.hang()
		defer heal()
		a, _ := publishes(t, i, session.PublishRecord)
		if a.Recorded {
			t.Fatalf("answered with %+v", a)
		}
		<-time.After(time.Second)
		b, h := publishes(t, i, session.PublishRecord)
		sound(t, b.Publication)
		heal()
		synctest.Wait()
		sound(t, b.Publication)
		if err := ended(t, b.Publication); err != nil {
			t.Error(err)
		}
		if b.Recorded == (len(h.ended) > 0) {
			t.Errorf("answered with %+v, and told %d times", b, len(h.ended))
		}
		if got := len(tags(t, filepath.Join(dir, "cam.flv"))) - 1; got != 2 {
			t.Errorf("%d sounds are recorded of the second, want 2", got)
		}
		if err := ended(t, a.Publication); err != nil {
			t.Error(err)
		}
	})
}

// Who takes over while the file is being opened is told when that fails.
func TestTakeOverOfARecordingThatFailsToOpen(t *testing.T) {
	slowly(t, func(t *testing.T, i *Instance, _ string, disk *slowDisk) {
		heal := disk.hang()
		defer heal()
		first := make(chan session.PublishAnswer, 1)
		i.Publish(session.PublishRequest{Name: "cam", Mode: session.PublishRecord}, func(a session.PublishAnswer) { first <- a })
		synctest.Wait()
		i.post(func(o *owner) { o.streams["cam"].publication.begun() }) // as if it had been answered, and silent since
		<-time.After(time.Second)
		b, h := publishes(t, i, session.PublishRecord)
		if !b.Recorded {
			t.Fatalf("answered with %+v", b)
		}
		<-time.After(10 * time.Second) // it takes too long
		synctest.Wait()
		if len(h.ended) != 1 {
			t.Errorf("it is told %d times that nothing is recorded", len(h.ended))
		}
		if a := <-first; a.Recorded {
			t.Errorf("the one before is told %+v", a)
		}
		if err := ended(t, b.Publication); err != nil {
			t.Error(err)
		}
		heal()
	})
}

// recordsToHungDisk publishes to record, and has the recorder hang in its disk.
func recordsToHungDisk(t *testing.T, i *Instance, disk *slowDisk) (a session.PublishAnswer, h told, heal func()) {
	t.Helper()
	a, h = publishes(t, i, session.PublishRecord)
	heal = disk.hang()
	sound(t, a.Publication)
	<-disk.reached
	return a, h, heal
}

// A recorder hangs in its disk, and hears nothing: its publisher is told all the
// same when the log is not kept for it any more, and so is one whose end the disk
// does not take.
func TestPublisherIsToldOfADiskThatHangs(t *testing.T) {
	for _, c := range []struct {
		name string
		then func(t *testing.T, p session.Publication)
		want string
	}{
		{"and holds too much", func(t *testing.T, p session.Publication) {
			for range 17 {
				if err := p.Write(much()); err != nil {
					t.Fatal(err)
				}
			}
		}, "too slow"},
		{"and its publication ends", func(t *testing.T, p session.Publication) {
			if err := ended(t, p); err == nil {
				t.Error("nobody says that it is not finished")
			}
		}, "look at the volume"},
	} {
		t.Run(c.name, func(t *testing.T) {
			slowly(t, func(t *testing.T, i *Instance, _ string, disk *slowDisk) {
				a, h, heal := recordsToHungDisk(t, i, disk)
				defer heal()
				c.then(t, a.Publication)
				synctest.Wait()
				select {
				case why := <-h.ended:
					if !strings.Contains(why.Reason, c.want) {
						t.Errorf("it is told %v", why)
					}
				default:
					t.Error("it is told nothing")
				}
				_ = asked(t, func(end func(error)) { a.Publication.Close(session.EndedAsked, end) })
				heal()
				synctest.Wait()
				if len(h.ended) > 0 {
					t.Errorf("it is told twice: %v", <-h.ended)
				}
			})
		})
	}
}

// A publication that waits for the file before it is lost: its recording begins
// when it may, however long that takes, and the journal knows that it was lost.
// Whoever ends the instance waits for it.
func TestPublicationThatWaitsIsLost(t *testing.T) {
	slowly(t, func(t *testing.T, i *Instance, dir string, disk *slowDisk) {
		first, _, heal := recordsToHungDisk(t, i, disk)
		defer heal()
		lost := make(chan error, 1)
		first.Publication.Close(session.EndedAsked, func(error) {})
		a, h := publishes(t, i, session.PublishAppend)
		sound(t, a.Publication)
		a.Publication.Close(session.EndedLost, func(err error) { lost <- err })
		<-time.After(30 * time.Second)
		if len(lost) > 0 {
			t.Fatalf("it is given up: %v", <-lost)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := i.Finish(ctx); err == nil {
			t.Error("the instance is finished while it waits")
		}
		heal()
		if err := i.Finish(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-lost; err != nil {
			t.Error(err)
		}
		if _, ok := i.store.Interrupted("cam"); !ok || len(h.ended) > 0 {
			t.Errorf("it was lost: %v; and it is told %d times", ok, len(h.ended))
		}
		if got := len(tags(t, filepath.Join(dir, "cam.flv"))) - 1; got != 2 {
			t.Errorf("%d sounds are recorded, want 2", got)
		}
	})
}

// stuckIn is a log that hangs whoever writes a message.
type stuckIn struct {
	slog.Handler
	message string
	heals   chan struct{}
}

// Enabled implements slog.Handler.
func (stuckIn) Enabled(context.Context, slog.Level) bool { return true }

// WithAttrs implements slog.Handler.
func (s stuckIn) WithAttrs([]slog.Attr) slog.Handler { return s }

// Handle implements slog.Handler.
func (s stuckIn) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, s.message) {
		<-s.heals
	}
	return nil
}

// torn is a folder as a server leaves it that is killed while it records "cam".
func torn(t *testing.T) string {
	t.Helper()
	later := t.TempDir()
	slowly(t, func(t *testing.T, i *Instance, dir string, disk *slowDisk) {
		a, _ := publishes(t, i, session.PublishRecord)
		for range 49 {
			sound(t, a.Publication)
		}
		synctest.Wait()
		heal := disk.hang()
		sound(t, a.Publication)
		<-disk.reached // with this one, all of it is in the file
		if err := os.CopyFS(later, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		heal()
		if err := ended(t, a.Publication); err != nil {
			t.Fatal(err)
		}
	})
	return later
}

// A long file that a server left torn takes longer to be mended than a disk may
// take to open one. The encoder that is back is recorded from its first packet;
// players of all else are answered.
func TestRecordingWaitsForWhatIsMended(t *testing.T) {
	dir := torn(t)
	synctest.Test(t, func(t *testing.T) {
		stuck := stuckIn{slog.DiscardHandler, "recording mended", make(chan struct{})}
		serveSlowly(t, dir, recording.Options{}, slog.New(stuck), func(i *Instance) {
			a, h := publishes(t, i, session.PublishAppend)
			if !a.Recorded {
				t.Fatalf("answered with %+v, %v", a, a.NotRecorded)
			}
			sound(t, a.Publication)
			answers := make(chan session.PlayAnswer, 100)
			for n := range cap(answers) {
				who := session.Client{ID: fmt.Sprint("viewer", n)}
				i.Play(session.PlayRequest{Client: who, Name: "cam", From: session.RecordedOnly}, func(a session.PlayAnswer) { answers <- a })
			}
			synctest.Wait()
			refusedWith(t, play(t, i, "other", session.RecordedOnly).Refusal, session.RefusedNotFound)
			gone := session.Client{ID: "viewer7"}
			i.Withdraw(gone)
			refusedWith(t, (<-answers).Refusal, session.RefusedFailed)
			<-time.After(5 * time.Minute)
			if len(h.ended) > 0 {
				t.Fatalf("it is told %v", <-h.ended)
			}
			close(stuck.heals)
			for range cap(answers) - 1 {
				a := <-answers
				if a.File == nil {
					t.Fatalf("%+v, %v", a, a.Refusal)
				}
				a.File.Close()
			}
			sound(t, a.Publication)
			if err := ended(t, a.Publication); err != nil {
				t.Error(err)
			}
			if got := len(tags(t, filepath.Join(dir, "cam.flv"))) - 1; got != 52 {
				t.Errorf("%d sounds are recorded, want 52", got)
			}
		})
	})
}

// openKeys is a key that anybody may have, in a place that answers.
type openKeys struct{}

// Check implements Keys.
func (openKeys) Check(string) *session.Refusal { return nil }

func (openKeys) Knows(string) bool { return true }

// However many recordings hang in their disk, keys are looked at: who is not
// recorded is live.
func TestKeysAreLookedAtWhileRecordingsHang(t *testing.T) {
	slowly(t, func(t *testing.T, i *Instance, _ string, disk *slowDisk) {
		rules := *i.rules.Load()
		rules.Keys = openKeys{}
		i.SetRules(rules)
		heal := disk.hang()
		defer heal()
		const many = maxDiskWork + 10
		var all []session.Publication
		answers := make(chan session.PublishAnswer, many)
		for n := range many {
			i.Publish(session.PublishRequest{Name: fmt.Sprint("cam", n), Mode: session.PublishRecord}, func(a session.PublishAnswer) { answers <- a })
		}
		for range many {
			a := <-answers
			if a.Publication == nil || a.Recorded {
				t.Fatalf("%+v", a)
			}
			all = append(all, a.Publication)
		}
		began := time.Now()
		live := published(t, i, "live", session.PublishLive)
		if took := time.Since(began); took > time.Second {
			t.Errorf("a key was looked at after %v", took)
		}
		for _, p := range append(all, live) {
			if err := ended(t, p); err != nil {
				t.Error(err)
			}
		}
		heal()
	})
}

// A recording has begun late, and nobody knows that yet when its publication ends
// and the disk hangs again: its end is a success only where all is written.
func TestRecordingThatBeginsAtTheLastMoment(t *testing.T) {
	for name, heals := range map[string]time.Duration{"and is written": diskTimeout + time.Second, "and hangs": time.Hour} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				disk := &slowDisk{reached: make(chan struct{}, 1000)}
				stuck := stuckIn{slog.DiscardHandler, "recording began late", make(chan struct{})}
				serveSlowly(t, dir, recording.Options{Now: disk.now}, slog.New(stuck), func(i *Instance) {
					heal := disk.hang()
					a, h := publishes(t, i, session.PublishRecord)
					if a.Recorded {
						t.Fatalf("answered with %+v", a)
					}
					heal()
					synctest.Wait()
					for len(disk.reached) > 0 {
						<-disk.reached
					}
					heal = disk.hang()
					sound(t, a.Publication)
					<-disk.reached
					fails := heals > diskTimeout+lastMoment
					time.AfterFunc(heals, heal)
					if err := ended(t, a.Publication); fails == (err == nil) {
						t.Errorf("ended with %v", err)
					}
					if fails == (len(h.ended) == 0) {
						t.Errorf("it is told %d times that it is not recorded", len(h.ended))
					}
					close(stuck.heals)
					<-time.After(heals)
					settled(t, i)
					if got := len(tags(t, filepath.Join(dir, "cam.flv"))) - 1; got != 1 {
						t.Errorf("%d sounds are recorded, want 1", got)
					}
				})
			})
		})
	}
}
