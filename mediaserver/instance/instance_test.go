package instance

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"flashpod.dev/flashpod/mediaserver/recording"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newInstance(t *testing.T, change func(*Config)) (*Instance, string) {
	t.Helper()
	dir := t.TempDir()
	store, err := recording.Open(dir, nil, recording.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f := stream.NewFanout(1)
	cfg := Config{Application: "app", Name: "one", Fanout: f, Store: store}
	if change != nil {
		change(&cfg)
	}
	i, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		i.Close()
		f.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return i, dir
}

// client is connected, and counts how often it is told to go.
type client struct {
	id   string
	told int
}

func (c *client) ID() string              { return c.id }
func (c *client) Bytes() (in, out uint64) { return 100, 200 }
func (c *client) Shutdown(string)         { c.told++ }

func sound(t *testing.T, p *Publication) {
	t.Helper()
	if err := p.Write(&rtmp.Message{Type: rtmp.TypeAudio, Payload: []byte{0xaf, 1, 0}}); err != nil {
		t.Fatal(err)
	}
}

func TestClientsComeAndGo(t *testing.T) {
	i, _ := newInstance(t, func(c *Config) { c.MaxConnections = 2 })
	a, b, c := &client{id: "a"}, &client{id: "b"}, &client{id: "c"}
	for _, one := range []*client{a, b} {
		if err := i.Connect(one); err != nil {
			t.Fatal(err)
		}
	}
	if err := i.Connect(c); !errors.Is(err, ErrFull) {
		t.Errorf("a third of two: %v", err)
	}
	i.Disconnect(a)
	i.Disconnect(a) // again: counts once
	i.Disconnect(c) // never was
	if s := i.Stats(); s.Connections != 1 || s.Total.Connections != 2 || s.Total.BytesIn != 200 || s.Total.BytesOut != 400 {
		t.Errorf("%+v", s)
	}
	i.Shutdown("bye")
	if a.told != 0 || b.told != 1 {
		t.Errorf("told %d and %d times", a.told, b.told)
	}
	if err := i.Connect(c); !errors.Is(err, ErrStopped) {
		t.Errorf("after shutdown: %v", err)
	}
	i.Close()
	if err := i.Connect(c); !errors.Is(err, ErrStopped) {
		t.Errorf("after close: %v", err)
	}
}

func TestANameHasOnePublisher(t *testing.T) {
	i, _ := newInstance(t, func(c *Config) { c.PublisherTimeout = time.Hour })
	p, err := i.Publish("cam", PublishLive, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := i.Publish("cam", PublishLive, nil); !errors.Is(err, ErrBusy) {
		t.Errorf("%v, want ErrBusy", err)
	}
	if !i.Live("cam") || i.Live("other") || i.Stats().Streams != 1 {
		t.Error("who is live is not known")
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := i.Publish("cam", PublishLive, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil { // the old one's second close is not the new one's
		t.Fatal(err)
	}
	if !i.Live("cam") {
		t.Error("closing twice ended another's publication")
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}

// An encoder that lost its network comes back while its old connection still
// looks alive.
func TestSilentPublisherIsTakenOver(t *testing.T) {
	i, dir := newInstance(t, func(c *Config) { c.PublisherTimeout = time.Nanosecond; c.Recording = RecordAll })
	old, err := i.Publish("cam", PublishLive, nil)
	if err != nil {
		t.Fatal(err)
	}
	sound(t, old)
	p, err := i.Publish("cam", PublishLive, nil)
	if err != nil {
		t.Fatalf("a silent publisher keeps its name: %v", err)
	}
	if err := old.Write(&rtmp.Message{Type: rtmp.TypeAudio, Payload: []byte{0xaf, 1, 0}}); !errors.Is(err, stream.ErrClosed) {
		t.Errorf("the old one still publishes: %v", err)
	}
	sound(t, p)
	for _, one := range []*Publication{old, p} {
		if err := one.Close(); err != nil {
			t.Error(err)
		}
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "cam-*.flv")); len(files) != 2 {
		t.Errorf("recordings %v", files)
	}
	if i.Live("cam") || i.Stats().Streams != 0 {
		t.Error("the name is still in use")
	}
}

func TestWhatIsRecorded(t *testing.T) {
	for _, c := range []struct {
		rule RecordingRule
		mode PublishMode
		want string // a file's pattern; empty: none
		err  error
	}{
		{RecordOnRequest, PublishLive, "", nil},
		{RecordOnRequest, "", "", nil},
		{RecordOnRequest, PublishRecord, "cam.flv", nil},
		{RecordOnRequest, PublishAppend, "cam.flv", nil},
		{RecordOnRequest, PublishAppendWithGap, "cam.flv", nil},
		{RecordAll, PublishLive, "cam-*.flv", nil},
		{RecordAll, PublishRecord, "cam.flv", nil},
		{RecordOff, PublishLive, "", nil},
		{RecordOff, PublishRecord, "", ErrRecordingOff},
	} {
		t.Run(fmt.Sprintf("%s %s", c.rule, c.mode), func(t *testing.T) {
			i, dir := newInstance(t, func(cfg *Config) { cfg.Recording = c.rule })
			p, err := i.Publish("cam", c.mode, nil)
			if err != nil || !errors.Is(p.RecordErr, c.err) || p.Recorded() != (c.want != "") {
				t.Fatalf("%v, %v, recorded %v", err, p.RecordErr, p.Recorded())
			}
			sound(t, p)
			if n := i.Stats().Recordings; n == 1 != (c.want != "") {
				t.Errorf("%d recordings are counted", n)
			}
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			entries, _ := os.ReadDir(dir)
			found := len(entries) == 1 && c.want != ""
			if found {
				found, _ = filepath.Match(c.want, entries[0].Name())
			}
			if found != (c.want != "") || i.Stats().Recordings != 0 {
				t.Errorf("files %v", entries)
			}
		})
	}
}

// A recording that cannot start does not keep a stream from being live.
func TestLiveGoesOnWithoutItsRecording(t *testing.T) {
	i, _ := newInstance(t, nil)
	p, err := i.Publish("../cam", PublishRecord, nil)
	if err != nil || !errors.Is(p.RecordErr, recording.ErrBadName) {
		t.Fatalf("%v, %v", err, p.RecordErr)
	}
	sound(t, p)
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func TestNamesAreLimited(t *testing.T) {
	i, _ := newInstance(t, func(c *Config) { c.MaxStreams = 1 })
	_, release, err := i.Stream("a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := i.Publish("b", PublishLive, nil); !errors.Is(err, ErrFull) {
		t.Errorf("%v, want ErrFull", err)
	}
	release()
	release() // again: counts once
	p, err := i.Publish("b", PublishLive, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// oneKey is a key that never changes.
type oneKey string

func (k oneKey) Check(key string) error {
	if key != string(k) {
		return ErrWrongKey
	}
	return nil
}

func TestKeys(t *testing.T) {
	i, _ := newInstance(t, func(c *Config) { c.Keys = oneKey("secret") })
	if err := i.Authorize("secret"); err != nil {
		t.Error(err)
	}
	if err := i.Authorize("Secret"); !errors.Is(err, ErrWrongKey) {
		t.Errorf("%v", err)
	}
	i, _ = newInstance(t, nil)
	if err := i.Authorize(""); err != nil {
		t.Errorf("anyone may publish: %v", err)
	}
}

// All are counted, and the log hears of some, and how many it did not hear of.
func TestRefusedPublicationsAreCounted(t *testing.T) {
	i, _ := newInstance(t, nil)
	told := 0
	for range 3 * refusalLines {
		if tell, _ := i.Refuse(RefusedWrongKey); tell {
			told++
		}
	}
	if told != refusalLines {
		t.Errorf("the log hears of %d, want %d", told, refusalLines)
	}
	if err := i.do(func() { i.refused.since = i.refused.since.Add(-refusalSpan) }); err != nil {
		t.Fatal(err)
	}
	if tell, untold := i.Refuse(RefusedTaken); !tell || untold != 2*refusalLines {
		t.Errorf("later: %v, of %d before; want %d", tell, untold, 2*refusalLines)
	}
	r := i.Stats().Refused
	if r[RefusedWrongKey] != 3*refusalLines || r[RefusedTaken] != 1 || len(r) != len(Refusals) {
		t.Errorf("counted %v", r)
	}
}
