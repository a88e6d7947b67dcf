package session_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/media"
)

// An encoder loses its network and comes back on another connection. The name is
// its own again within a second; viewers stay, and their clock goes on; the
// recording goes on in its file, without a gap.
func TestEncoderThatComesBack(t *testing.T) { everyWay(t, testEncoderThatComesBack) }

func testEncoderThatComesBack(t *testing.T, w way) {
	for _, mode := range []string{"live", "record", "append"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s, _ := run(t, w, open.with(func(r *instance.Rules) { r.PublisherTimeout, r.Recording = 0, instance.RecordAll }))
			v, old, p := connectStreams(t, s, 1), connectStreams(t, s, 1), connectStreams(t, s, 1)
			started := []string{"1 Publish.Start"}
			if mode != "live" {
				started = append(started, "1 Record.Start")
			}
			v.plays(1, "cam")
			joined(t, s, 1)
			old.on(1, "publish", "cam", mode)
			old.expect(started...)
			v.expect("1 Play.PublishNotify")
			old.audio(1, 70000)
			old.audio(1, 70040)
			v.expect("1 audio 70000", "1 audio 70040")
			p.on(1, "publish", "cam", mode)
			p.expect(started...)
			p.audio(1, 0)
			p.audio(1, 40)
			var at [2]int
			for i := range at {
				if _, err := fmt.Sscanf(v.next(), "1 audio %d", &at[i]); err != nil {
					t.Fatal(err) // no word of who publishes
				}
			}
			if at[0] < 70900 || at[0] > 80000 || at[1] != at[0]+40 {
				t.Errorf("a second behind 70040 viewers are at %v", at)
			}

			old.audio(1, 71000) // it was alive after all
			word, info := old.Next()
			said, _ := info.Get("description")
			if text, _ := said.(string); word != "1 Publish.BadName" || !strings.HasPrefix(text, "Another publisher has taken over cam: it had been silent for ") {
				t.Errorf("the old one hears %q: %v", word, said)
			}
			old.expect("end")

			p.on(1, "closeStream")
			if mode != "live" {
				p.expect("1 Record.Stop")
			}
			p.expect("1 Unpublish.Success")
			v.expect("1 Play.UnpublishNotify")
			oneRecording(t, s, 4, 100) // at 0, 40, 60 and 100 ms
		})
	}
}

// oneRecording looks at the only file of the first place: so many sounds, the
// last of them at a time.
func oneRecording(t *testing.T, s *house, sounds int64, last media.Timestamp) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.folders[0], "*.flv"))
	if err != nil || len(files) != 1 {
		t.Fatalf("recordings %v: %v", files, err)
	}
	f, err := os.Open(files[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	x, err := flv.Scan(f, info.Size())
	const tag = 11 + 3 + 4 // bytes
	if err != nil {
		t.Fatal(err)
	}
	if got := (x.Size - x.First) / tag; got != sounds || x.Last != last {
		t.Errorf("%s has %d sounds up to %v, want %d up to %v", files[0], got, x.Last, sounds, last)
	}
}

// The rules of spec.access.publish.takeOver, for a publisher that speaks.
func TestTakeOverRules(t *testing.T) { everyWay(t, testTakeOverRules) }

func testTakeOverRules(t *testing.T, w way) {
	s, _ := run(t, w, open.with(func(r *instance.Rules) { r.TakeOver = instance.TakeOverAlways }),
		open.named("app", "never").with(func(r *instance.Rules) { r.TakeOver, r.PublisherTimeout = instance.TakeOverNever, time.Nanosecond }))
	old, p := connectStreams(t, s, 1), connectStreams(t, s, 1)
	old.on(1, "publish", "cam")
	old.expect("1 Publish.Start")
	old.audio(1, 0)
	p.on(1, "publish", "cam")
	p.expect("1 Publish.Start")
	old.audio(1, 20)
	word, info := old.Next()
	if said, _ := info.Get("description"); word != "1 Publish.BadName" || said != "Another publisher has taken over cam: spec.access.publish.takeOver is Always." {
		t.Errorf("the old one hears %q: %v", word, said)
	}
	old.expect("end")

	old, p = connectTo(t, s, "app/never", 1), connectTo(t, s, "app/never", 1)
	old.on(1, "publish", "cam")
	old.expect("1 Publish.Start")
	p.on(1, "publish", "cam")
	p.expect("1 Publish.BadName")
	old.audio(1, 20)
	old.on(1, "closeStream")
	old.expect("1 Unpublish.Success")
	p.on(1, "publish", "cam")
	p.expect("1 Publish.Start")
}

// A client that was taken over keeps its connection for what else it does.
func TestTakenOverButBusy(t *testing.T) { everyWay(t, testTakenOverButBusy) }

func testTakenOverButBusy(t *testing.T, w way) {
	s, _ := run(t, w, open.with(func(r *instance.Rules) { r.PublisherTimeout = time.Nanosecond }))
	many, p := connectStreams(t, s, 2), connectStreams(t, s, 1)
	many.on(1, "publish", "cam")
	many.expect("1 Publish.Start")
	many.on(2, "publish", "other")
	many.expect("2 Publish.Start")
	p.on(1, "publish", "cam")
	p.expect("1 Publish.Start")
	many.audio(1, 0)
	many.expect("1 Publish.BadName")
	many.on(2, "closeStream")
	many.expect("2 Unpublish.Success")
	many.on(1, "publish", "third")
	many.expect("1 Publish.Start")
}

// A client that is silent on one of its streams is there all the same, and does not
// take the name from itself by another; on the same stream, it begins anew.
func TestNameIsTakenOnTheSameConnection(t *testing.T) {
	everyWay(t, testNameIsTakenOnTheSameConnection)
}

func testNameIsTakenOnTheSameConnection(t *testing.T, w way) {
	s, _ := run(t, w, open.with(func(r *instance.Rules) { r.PublisherTimeout = time.Nanosecond }))
	v, p := connectStreams(t, s, 1), connectStreams(t, s, 2)
	v.plays(1, "cam")
	joined(t, s, 1)
	p.on(1, "publish", "cam")
	p.expect("1 Publish.Start")
	v.expect("1 Play.PublishNotify")
	p.on(2, "publish", "cam")
	p.expect("2 Publish.BadName")
	p.audio(1, 20)
	v.expect("1 audio 20")
	p.on(1, "publish", "cam")
	p.expect("1 Unpublish.Success", "1 Publish.Start")
	v.expect("1 Play.UnpublishNotify", "1 Play.PublishNotify")
}
