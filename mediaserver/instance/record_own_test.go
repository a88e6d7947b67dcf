package instance

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/recording"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/script"
	"flashpod.dev/flashpod/mediaserver/session"
)

// recorded are the messages of a recording, but for its front.
func recorded(t *testing.T, dir, name string) (all []heard) {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, name+".flv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	for at := int64(13); at < info.Size(); {
		tag, err := flv.ReadTag(f, at)
		if err != nil {
			t.Fatal(err)
		}
		if m := (rtmp.Message{Type: rtmp.MessageType(tag.Type), Payload: tag.Data}); at > 13 {
			all = append(all, heard{at: tag.Timestamp.Duration(), what: word(&m)})
		}
		at += int64(len(tag.Data)) + tagSize
	}
	return all
}

func data(t *testing.T, values ...amf.Value) []byte {
	t.Helper()
	b, err := amf.AppendAll(nil, values...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A channel is recorded as any other stream, over all of its items, with what is sent
// on it.
func TestChannelIsRecorded(t *testing.T) {
	inTime(t, Rules{}, func(t *testing.T, i *Instance, dir string, e *ear) {
		film(t, dir, "a", 'a', 25)
		film(t, dir, "b", 'b', 25)
		i.RecordStream("tv", script.StreamRecord{Mode: script.RecordNew})
		i.PlayStream("tv", script.StreamItem{Name: "a"}, true)
		i.PlayStream("tv", script.StreamItem{Name: "b"}, false)
		pass(500 * time.Millisecond)
		i.SendStream("tv", data(t, "caption", "hello"))
		pass(time.Minute) // it stays published as long as it is recorded
		if i.Stats().Streams != 1 {
			t.Error("the channel has ended")
		}
		i.StopRecord("tv")
		pass(2 * time.Second)
		if s := i.Stats(); s.Streams+s.Recordings != 0 {
			t.Errorf("the channel goes on: %+v", s)
		}
		all := recorded(t, dir, "tv")
		var pictures []heard
		for _, h := range all {
			if h.what[0] == 'a' || h.what[0] == 'b' {
				pictures = append(pictures, h)
			}
			if h.what == "data caption" && (h.at < 450*time.Millisecond || h.at > 500*time.Millisecond) {
				t.Errorf("the caption is at %v", h.at)
			}
		}
		if len(pictures) != 50 || len(all) != 53 {
			t.Fatalf("%d pictures of %d messages: %v", len(pictures), len(all), all)
		}
		for n, p := range pictures {
			if p.at != time.Duration(n)*frameEvery {
				t.Errorf("picture %d is at %v", n, p.at)
			}
		}
		if !e.heard("tv", codeRecordStart) || !e.heard("tv", codeRecordStop) {
			t.Errorf("told %q", e.codes())
		}
	})
}

// A script records a client's stream from the moment on when it says so, until the
// client ends it, and no longer than it says.
func TestClientsStreamIsRecorded(t *testing.T) {
	for name, c := range map[string]struct {
		request  script.StreamRecord
		stopped  bool
		pictures int
	}{
		"to its end":           {request: script.StreamRecord{Mode: script.RecordNew}, pictures: 40},
		"for a while":          {request: script.StreamRecord{Mode: script.RecordNew, MaxDuration: time.Second}, pictures: 26},
		"so many bytes":        {request: script.StreamRecord{Mode: script.RecordNew, MaxBytes: 10 * (7 + tagSize)}, pictures: 10},
		"until it is stopped":  {request: script.StreamRecord{Mode: script.RecordNew}, stopped: true, pictures: 40},
		"behind what there is": {request: script.StreamRecord{Mode: script.RecordAppend}, pictures: 65},
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, Rules{}, func(t *testing.T, i *Instance, dir string, e *ear) {
				film(t, dir, "cam", 'a', 25)
				cam := published(t, i, "cam", session.PublishLive)
				i.RecordStream("cam", c.request)
				settled(t, i)
				say(t, cam, 'c', 0, 40)
				if c.stopped {
					i.StopRecord("cam")
					settled(t, i)
					say(t, cam, 'c', 40, 10)
				}
				if err := ended(t, cam); err != nil {
					t.Error(err)
				}
				if err := i.Finish(t.Context()); err != nil {
					t.Error(err)
				}
				pass(0)
				n := 0
				for _, h := range recorded(t, dir, "cam") {
					if h.what[0] == 'a' || h.what[0] == 'c' {
						n++
					}
				}
				if n != c.pictures {
					t.Errorf("%d pictures, want %d", n, c.pictures)
				}
				wantWords(t, "told", e.codes(), "Record.Start cam", "Record.Stop cam")
			})
		})
	}
}

// Data that a script sends to a stream that nobody publishes is recorded with the times
// at which it was sent, and those who play hear it.
func TestDataAloneIsRecorded(t *testing.T) {
	inTime(t, Rules{}, func(t *testing.T, i *Instance, dir string, _ *ear) {
		v := view(t, tuned(t, i, "log"))
		i.RecordStream("log", script.StreamRecord{Mode: script.RecordNew})
		pass(5 * time.Second)
		for range 3 {
			i.SendStream("log", data(t, "line", "x"))
			pass(2 * time.Second)
		}
		i.StopRecord("log")
		pass(time.Second)
		all := recorded(t, dir, "log")
		if len(all) != 3 {
			t.Fatalf("%v", all)
		}
		for n, h := range all {
			if h.at != time.Duration(n)*2*time.Second || h.what != "data line" {
				t.Errorf("line %d: %+v", n, h)
			}
		}
		if n := len(v.of("data line")); n != 3 {
			t.Errorf("a viewer has heard %d lines", n)
		}
		// What a publisher says goes on behind it.
		cam := published(t, i, "log", session.PublishLive)
		say(t, cam, 'c', 0, 1)
		closed(t, cam, session.EndedAsked)
		<-v.done
		c, lines := v.of("c"), v.of("data line")
		if len(c) != 1 || c[0].at < lines[2].at || c[0].at > lines[2].at+4*time.Second {
			t.Errorf("%v behind %v", c, lines)
		}
	})
}

func TestScriptMayNotRecord(t *testing.T) {
	for name, c := range map[string]struct {
		rules Rules
		name  string
		code  string
	}{
		"where recording is off": {Rules{Recording: RecordOff}, "cam", codeRecordNoAccess},
		"what has no file":       {Rules{}, "a/../b", codeRecordNoAccess},
		"too many streams":       {Rules{MaxStreams: 1}, "cam", codeRecordFailed},
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, c.rules, func(t *testing.T, i *Instance, dir string, e *ear) {
				other := published(t, i, "other", session.PublishLive)
				i.RecordStream(c.name, script.StreamRecord{Mode: script.RecordNew})
				pass(time.Second)
				closed(t, other, session.EndedAsked)
				if !e.heard(c.name, c.code) || e.heard(c.name, codeRecordStart) {
					t.Errorf("told %q", e.codes())
				}
			})
		})
	}
	t.Run("what is recorded already", func(t *testing.T) {
		inTime(t, Rules{}, func(t *testing.T, i *Instance, dir string, e *ear) {
			cam := published(t, i, "cam", session.PublishRecord)
			i.RecordStream("cam", script.StreamRecord{Mode: script.RecordNew})
			pass(time.Second)
			closed(t, cam, session.EndedAsked)
			wantWords(t, "told", e.codes(), "Record.AlreadyExists cam")
		})
	})
}

// What a script asks about recordings.
func TestQuestionsOfScripts(t *testing.T) {
	inTime(t, Rules{}, func(t *testing.T, i *Instance, dir string, _ *ear) {
		film(t, dir, "a", 'a', 26)
		ctx := t.Context()
		if d, err := i.StreamLength(ctx, "a"); err != nil || d != time.Second {
			t.Errorf("%v long, %v", d, err)
		}
		if n, err := i.StreamSize(ctx, "a"); err != nil || n < 500 {
			t.Errorf("%d bytes, %v", n, err)
		}
		width := func(name string) amf.Value {
			v, err := i.StreamMeta(ctx, name)
			if err != nil {
				t.Error(err)
			}
			if m, ok := v.(*amf.ECMAArray); ok {
				v, _ = m.Get("width")
			}
			return v
		}
		if v := width("a"); v != nil {
			t.Errorf("width %v", v)
		}
		if err := i.DeleteStream(ctx, "a"); err != nil {
			t.Error(err)
		}
		if _, err := i.StreamLength(ctx, "a"); !errors.Is(err, recording.ErrNotFound) {
			t.Errorf("%v, want ErrNotFound", err)
		}
		film(t, dir, "b", 'b', 5)
		if err := i.ClearStreams(ctx, "/?"); err != nil {
			t.Error(err)
		}
		if _, err := i.StreamSize(ctx, "b"); !errors.Is(err, recording.ErrNotFound) {
			t.Errorf("%v, want ErrNotFound", err)
		}
		cam := published(t, i, "cam", session.PublishLive)
		if v := width("cam"); v != nil {
			t.Errorf("width %v", v)
		}
		i.SendStream("cam", data(t, "@setDataFrame", "onMetaData", amf.NewECMAArray("width", 320.0)))
		if v := width("cam"); v != 320.0 {
			t.Errorf("width %v", v)
		}
		closed(t, cam, session.EndedAsked)
	})
}
