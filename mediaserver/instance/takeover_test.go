package instance

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// An encoder that lost its network comes back while its old connection still
// looks alive. Its clock begins anew, or goes on; the recording does not notice.
func TestRecordingGoesOnOverATakeover(t *testing.T) {
	for _, c := range []struct {
		name         string
		rule         RecordingRule
		first, again session.PublishMode
		pattern      string
		files        int
		gap          bool
	}{
		{"all", RecordAll, session.PublishLive, session.PublishLive, "cam-*.flv", 1, false},
		{"record", RecordOnRequest, session.PublishRecord, session.PublishRecord, "cam.flv", 1, false},
		{"append", RecordOnRequest, session.PublishAppend, session.PublishAppend, "cam.flv", 1, false},
		{"append to a record", RecordOnRequest, session.PublishRecord, session.PublishAppend, "cam.flv", 1, false},
		{"record of an append", RecordOnRequest, session.PublishAppend, session.PublishRecord, "cam.flv", 1, false},
		{"with its gap", RecordOnRequest, session.PublishAppendWithGap, session.PublishAppendWithGap, "cam.flv", 1, true},
		{"another file", RecordAll, session.PublishLive, session.PublishRecord, "cam*.flv", 2, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			i, dir := newInstance(t, func(r *Rules) { r.PublisherTimeout = time.Nanosecond; r.Recording = c.rule })
			old := published(t, i, "cam", c.first)
			picture(t, old, 5000, header, 1)
			keyframes(t, old, 5000, 1)
			a := publish(t, i, "cam", c.again)
			if a.Refusal != nil || !a.Recorded {
				t.Fatalf("%+v", a)
			}
			var taken *session.Refusal
			if err := old.Write(&rtmp.Message{Type: rtmp.TypeAudio, Payload: []byte{0xaf, 1, 0}}); !errors.As(err, &taken) || taken.Code != session.RefusedTaken {
				t.Errorf("the old one still publishes: %v", err)
			}
			if err := ended(t, old); err != nil {
				t.Error(err)
			}
			if i.Stats().Streams != 1 {
				t.Error("the old one has ended the new one's publication")
			}
			p := a.Publication
			picture(t, p, 0, header, 2) // as many encoders: their clock says something else then
			picture(t, p, 700000, inter, 2)
			keyframes(t, p, 700040, 2)
			if err := ended(t, p); err != nil {
				t.Error(err)
			}
			files, _ := filepath.Glob(filepath.Join(dir, c.pattern))
			if len(files) != c.files {
				t.Fatalf("recordings %v, want %d", files, c.files)
			}
			if c.files > 1 {
				return
			}
			bothAreIn(t, files[0], c.gap)
			settled(t, i)
			if s := i.Stats(); s.Streams+s.Recordings != 0 || len(i.seen.named) != 0 {
				t.Errorf("left %+v", s)
			}
		})
	}
}

// keyframes are five from a time on, one every 200 ms.
func keyframes(t *testing.T, p session.Publication, from media.Timestamp, publisher byte) {
	t.Helper()
	for n := range media.Timestamp(5) {
		picture(t, p, from+200*n, key, publisher)
	}
}

// bothAreIn says that a file has the header and the keyframes of one publisher
// and of the next, with times that go on, or with a gap.
func bothAreIn(t *testing.T, file string, gap bool) {
	t.Helper()
	var last media.Timestamp
	var said []byte
	for _, tag := range tags(t, file) {
		if tag.Type != flv.TypeVideo {
			continue
		}
		if d := tag.Timestamp.Sub(last); d < 0 || d > 250*time.Millisecond && !gap {
			t.Errorf("a tag %v behind %v", tag.Timestamp, last)
		}
		last = tag.Timestamp
		if tag.Data[1] == 1 || tag.Data[1] == 0 {
			said = append(said, tag.Data[0]+tag.Data[1], tag.Data[5])
		}
	}
	const h, k = 0x17, 0x18 // a header, and a keyframe
	want := []byte{h, 1, k, 1, k, 1, k, 1, k, 1, k, 1, h, 2, k, 2, k, 2, k, 2, k, 2, k, 2}
	if string(said) != string(want) {
		t.Errorf("the file has %v, want %v", said, want)
	}
}

// A recording that the one who takes over does not want ends with the old one.
func TestRecordingEndsWithATakeover(t *testing.T) {
	i, dir := newInstance(t, func(r *Rules) { r.PublisherTimeout = time.Nanosecond })
	old := published(t, i, "cam", session.PublishRecord)
	sound(t, old)
	p := published(t, i, "cam", session.PublishLive)
	sound(t, p)
	if err := ended(t, old); err != nil { // which waits for its recording
		t.Error(err)
	}
	sound(t, p)
	if got := len(tags(t, filepath.Join(dir, "cam.flv"))); got != 2 { // metadata, and a sound
		t.Errorf("%d tags, want 2", got)
	}
	if err := ended(t, p); err != nil {
		t.Error(err)
	}
}

// Viewers of a name that is taken over hear nothing of it, and their clock goes
// on.
func TestReadersOverATakeover(t *testing.T) {
	i, _ := newInstance(t, func(r *Rules) { r.PublisherTimeout = time.Nanosecond })
	old := published(t, i, "cam", session.PublishLive)
	seen := play(t, i, "cam", session.LiveOnly)
	defer seen.Release()
	r := seen.Live.NewReader()
	defer r.Close()
	sound(t, old)
	p := published(t, i, "cam", session.PublishLive)
	if err := p.Write(&rtmp.Message{Type: rtmp.TypeAudio, Timestamp: 90000, Payload: []byte{0xaf, 1, 0}}); err != nil {
		t.Fatal(err)
	}
	for n := range 2 {
		m, err := r.Next(context.Background())
		if err != nil || m.Timestamp > 50000 || r.TookOver() != (n == 1) {
			t.Errorf("packet %d at %v: %v", n, m.Timestamp, err)
		}
	}
	if err := ended(t, p); err != nil {
		t.Error(err)
	}
	if err := old.Write(&rtmp.Message{Type: rtmp.TypeAudio}); !errors.Is(err, stream.ErrClosed) && err == nil {
		t.Error(err)
	}
}

// The rules of a takeover, with a publisher that is silent and one that speaks.
func TestTakeOverRules(t *testing.T) {
	for _, c := range []struct {
		rule   TakeOverRule
		silent bool
		taken  bool
	}{
		{"", true, true}, {"", false, false},
		{TakeOverWhenSilent, true, true}, {TakeOverWhenSilent, false, false},
		{TakeOverAlways, true, true}, {TakeOverAlways, false, true},
		{TakeOverNever, true, false}, {TakeOverNever, false, false},
	} {
		i, _ := newInstance(t, func(r *Rules) {
			r.TakeOver = c.rule
			if r.PublisherTimeout = time.Nanosecond; !c.silent {
				r.PublisherTimeout = time.Hour
			}
		})
		old := published(t, i, "cam", session.PublishLive)
		a := publish(t, i, "cam", session.PublishLive)
		if c.taken != (a.Refusal == nil) {
			t.Errorf("%+v: %v", c, a.Refusal)
		}
		if !c.taken {
			refusedWith(t, a.Refusal, session.RefusedTaken)
		} else if err := ended(t, a.Publication); err != nil {
			t.Error(err)
		}
		if err := ended(t, old); err != nil {
			t.Error(err)
		}
		settled(t, i)
		if len(i.seen.named) != 0 {
			t.Errorf("%+v: the name is still in use", c)
		}
	}
}

// An encoder that is back before its silence has lasted long enough waits for the
// rest of it; one that asks for the name of a publisher that speaks does not.
func TestAnEncoderThatIsBackAtOnce(t *testing.T) {
	i, _ := newInstance(t, func(r *Rules) { r.PublisherTimeout = 300 * time.Millisecond })
	began := time.Now()
	old := published(t, i, "cam", session.PublishLive)
	p := published(t, i, "cam", session.PublishLive)
	if took := time.Since(began); took < 300*time.Millisecond {
		t.Errorf("taken over after %v", took)
	}
	done := make(chan struct{})
	speaking := make(chan struct{})
	go func() {
		defer close(speaking)
		for tick := time.NewTicker(10 * time.Millisecond); ; {
			sound(t, p)
			select {
			case <-tick.C:
			case <-done:
				tick.Stop()
				return
			}
		}
	}()
	refusedWith(t, publish(t, i, "cam", session.PublishLive).Refusal, session.RefusedTaken)
	close(done)
	<-speaking
	for _, one := range []session.Publication{old, p} {
		if err := ended(t, one); err != nil {
			t.Error(err)
		}
	}
}

// What the pictures of these tests are.
const (
	header = iota
	key
	inter
)

// picture publishes an AVC picture, or a sequence header, of a publisher.
func picture(t *testing.T, p session.Publication, at media.Timestamp, what int, publisher byte) {
	t.Helper()
	payload := map[int][]byte{header: {0x17, 0, 0, 0, 0}, key: {0x17, 1, 0, 0, 0}, inter: {0x27, 1, 0, 0, 0}}[what]
	if err := p.Write(&rtmp.Message{Type: rtmp.TypeVideo, Timestamp: at, Payload: append(payload, publisher)}); err != nil {
		t.Fatal(err)
	}
}

// tags are those of a file that is finished, the metadata included.
func tags(t *testing.T, path string) (all []flv.Tag) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for b = b[13:]; len(b) > 15; {
		size := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
		at := media.Timestamp(uint32(b[7])<<24 | uint32(b[4])<<16 | uint32(b[5])<<8 | uint32(b[6]))
		all = append(all, flv.Tag{Type: b[0], Timestamp: at, Data: b[11 : 11+size]})
		b = b[11+size+4:]
	}
	return all
}
