package instance

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"flashpod.dev/flashpod/mediaserver/recording"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
	"flashpod.dev/flashpod/mediaserver/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newInstance(t *testing.T, change func(*Rules)) (*Instance, string) {
	t.Helper()
	dir := t.TempDir()
	store, err := recording.Open(dir, nil, recording.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f := stream.NewFanout(1)
	cfg := Config{Application: "app", Name: "one", Fanout: f, Store: store}
	if change != nil {
		change(&cfg.Rules)
	}
	i, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		i.Close()
		f.Close()
		if err := store.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return i, dir
}

// patience is how long anything here may take before it counts as stuck.
const patience = 2 * time.Minute

// asked asks, and waits for the answer.
func asked[T any](t *testing.T, ask func(answer func(T))) T {
	t.Helper()
	came := make(chan T, 1)
	ask(func(answer T) { came <- answer })
	select {
	case answer := <-came:
		return answer
	case <-time.After(patience):
		t.Fatal("no answer came")
		panic("unreachable")
	}
}

func publish(t *testing.T, i *Instance, name string, mode session.PublishMode) session.PublishAnswer {
	t.Helper()
	return asked(t, func(answer func(session.PublishAnswer)) {
		i.Publish(session.PublishRequest{Name: name, Mode: mode}, answer)
	})
}

// published is publish for those who may.
func published(t *testing.T, i *Instance, name string, mode session.PublishMode) session.Publication {
	t.Helper()
	a := publish(t, i, name, mode)
	if a.Refusal != nil {
		t.Fatal(a.Refusal)
	}
	return a.Publication
}

func ended(t *testing.T, p session.Publication) error {
	t.Helper()
	return asked(t, func(ended func(error)) { p.Close(session.EndedAsked, ended) })
}

func play(t *testing.T, i *Instance, name string, from session.From) session.PlayAnswer {
	t.Helper()
	return asked(t, func(answer func(session.PlayAnswer)) {
		i.Play(session.PlayRequest{Name: name, From: from}, answer)
	})
}

// settled waits until the owner has done all that it was asked to before.
func settled(t *testing.T, i *Instance) {
	t.Helper()
	asked(t, func(done func(struct{})) {
		if !i.post(func(*owner) { done(struct{}{}) }) {
			done(struct{}{})
		}
	})
}

func refusedWith(t *testing.T, why *session.Refusal, want session.RefusalCode) {
	t.Helper()
	if why == nil || why.Code != want {
		t.Errorf("refused with %+v, want %q", why, want)
	}
}

// client is connected, and counts how often it is told to go.
type client struct {
	id   string
	told atomic.Int32
}

func (c *client) Bytes() (in, out uint64)                         { return 100, 200 }
func (c *client) Invoke(session.Invocation, func(session.Answer)) {}
func (c *client) Traffic() session.Traffic                        { return session.Traffic{} }
func (c *client) CheckBandwidth()                                 {}
func (c *client) Ping()                                           {}
func (c *client) SetBandwidth(int64, int64)                       {}
func (c *client) Disconnect()                                     {}
func (c *client) Fail(error)                                      {}
func (c *client) Shutdown(string)                                 { c.told.Add(1) }

func (c *client) Tell(sharedobject.Update, sharedobject.Waiter) bool { return true }

func connect(t *testing.T, i *Instance, c *client) *session.Refusal {
	t.Helper()
	return asked(t, func(answer func(session.ConnectAnswer)) {
		i.Connect(session.ConnectRequest{Client: session.Client{ID: c.id}}, c, answer)
	}).Refusal
}

func sound(t *testing.T, p session.Publication) {
	t.Helper()
	if err := p.Write(&rtmp.Message{Type: rtmp.TypeAudio, Payload: []byte{0xaf, 1, 0}}); err != nil {
		t.Fatal(err)
	}
}

func TestClientsComeAndGo(t *testing.T) {
	i, _ := newInstance(t, func(r *Rules) { r.MaxConnections = 2 })
	a, b, c := &client{id: "a"}, &client{id: "b"}, &client{id: "c"}
	for _, one := range []*client{a, b} {
		if why := connect(t, i, one); why != nil {
			t.Fatal(why)
		}
	}
	why := connect(t, i, c)
	refusedWith(t, why, session.RefusedLimit)
	if why.Limit != "spec.limits.maxConnections" {
		t.Errorf("limit %q", why.Limit)
	}
	i.Leave(session.Client{ID: "a"})
	i.Leave(session.Client{ID: "a"}) // again: counts once
	i.Leave(session.Client{ID: "c"}) // never was
	settled(t, i)
	if s := i.Stats(); s.Connections != 1 || s.Total.Connections != 2 || s.Total.BytesIn != 200 || s.Total.BytesOut != 400 {
		t.Errorf("%+v", s)
	}
	i.Shutdown("bye")
	refusedWith(t, connect(t, i, c), session.RefusedStopping)
	for deadline := time.Now().Add(patience); b.told.Load() == 0; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("nobody is told")
		}
	}
	if a.told.Load() != 0 || b.told.Load() != 1 {
		t.Errorf("told %d and %d times", a.told.Load(), b.told.Load())
	}
	i.Close()
	refusedWith(t, connect(t, i, c), session.RefusedStopping)
	refusedWith(t, play(t, i, "cam", session.LiveOnly).Refusal, session.RefusedStopping)
	refusedWith(t, publish(t, i, "cam", session.PublishLive).Refusal, session.RefusedStopping)
}

// Everything may be asked for in a turn of the owner, and by those whom it tells
// something: nothing waits for it.
func TestOwnerMayBeAskedInItsOwnTurn(t *testing.T) {
	i, _ := newInstance(t, nil)
	all := make(chan string, 10)
	i.Connect(session.ConnectRequest{Client: session.Client{ID: "a"}}, &client{id: "a"}, func(session.ConnectAnswer) {
		i.Publish(session.PublishRequest{Name: "cam"}, func(a session.PublishAnswer) {
			i.Shutdown("bye")
			a.Publication.Close(session.EndedAsked, func(error) { all <- "closed" })
		})
		i.Play(session.PlayRequest{Name: "other", From: session.LiveOnly}, func(a session.PlayAnswer) {
			a.Release()
			all <- "released"
		})
		i.Leave(session.Client{ID: "a"})
		if s := i.Stats(); s.Connections != 1 {
			t.Errorf("%d clients", s.Connections)
		}
		all <- "looked"
	})
	for range 3 {
		select {
		case <-all:
		case <-time.After(patience):
			t.Fatal("the owner waits for itself")
		}
	}
	settled(t, i)
	if s := i.Stats(); s.Connections != 0 || s.Streams != 0 || len(i.seen.named) != 0 {
		t.Errorf("left %+v, %d names", s, len(i.seen.named))
	}
}

// Who looks at an instance does not need its owner.
func TestStatsOfAnOwnerThatIsBusy(t *testing.T) {
	i, _ := newInstance(t, nil)
	if why := connect(t, i, &client{id: "a"}); why != nil {
		t.Fatal(why)
	}
	busy, free := make(chan struct{}), make(chan struct{})
	i.post(func(*owner) { close(busy); <-free })
	<-busy
	i.Leave(session.Client{ID: "b"})
	if s := i.Stats(); s.Connections != 1 {
		t.Errorf("%+v", s)
	}
	if b := i.Behind(); b.Queue != 1 || b.Oldest == 0 || b.Turn == 0 {
		t.Errorf("behind %+v, want one task that waits and one that runs", b)
	}
	close(free)
}

func TestANameHasOnePublisher(t *testing.T) {
	i, _ := newInstance(t, func(r *Rules) { r.PublisherTimeout = time.Hour })
	p := published(t, i, "cam", session.PublishLive)
	refusedWith(t, publish(t, i, "cam", session.PublishLive).Refusal, session.RefusedTaken)
	if i.Stats().Streams != 1 {
		t.Error("who is live is not known")
	}
	if err := ended(t, p); err != nil {
		t.Fatal(err)
	}
	again := published(t, i, "cam", session.PublishLive)
	if err := ended(t, p); err != nil { // the old one's second close is not the new one's
		t.Fatal(err)
	}
	if i.Stats().Streams != 1 {
		t.Error("closing twice ended another's publication")
	}
	if err := ended(t, again); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsRecorded(t *testing.T) {
	for _, c := range []struct {
		rule RecordingRule
		mode session.PublishMode
		want string // a file's pattern; empty: none
		why  session.RefusalCode
	}{
		{RecordOnRequest, session.PublishLive, "", ""},
		{RecordOnRequest, "", "", ""},
		{RecordOnRequest, session.PublishRecord, "cam.flv", ""},
		{RecordOnRequest, session.PublishAppend, "cam.flv", ""},
		{RecordOnRequest, session.PublishAppendWithGap, "cam.flv", ""},
		{RecordAll, session.PublishLive, "cam-*.flv", ""},
		{RecordAll, session.PublishRecord, "cam.flv", ""},
		{RecordOff, session.PublishLive, "", ""},
		{RecordOff, session.PublishRecord, "", session.RefusedRecordingOff},
	} {
		t.Run(fmt.Sprintf("%s %s", c.rule, c.mode), func(t *testing.T) {
			i, dir := newInstance(t, func(r *Rules) { r.Recording = c.rule })
			a := publish(t, i, "cam", c.mode)
			if a.Refusal != nil || (a.NotRecorded != nil) != (c.why != "") || a.Recorded != (c.want != "") {
				t.Fatalf("%+v", a)
			}
			if c.why != "" {
				refusedWith(t, a.NotRecorded, c.why)
			}
			sound(t, a.Publication)
			if n := i.Stats().Recordings; n == 1 != (c.want != "") {
				t.Errorf("%d recordings are counted", n)
			}
			if err := ended(t, a.Publication); err != nil {
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
	a := publish(t, i, "../cam", session.PublishRecord)
	if a.Refusal != nil {
		t.Fatal(a.Refusal)
	}
	refusedWith(t, a.NotRecorded, session.RefusedBadName)
	sound(t, a.Publication)
	if err := ended(t, a.Publication); err != nil {
		t.Error(err)
	}
}

func TestNamesAreLimited(t *testing.T) {
	i, _ := newInstance(t, func(r *Rules) { r.MaxStreams = 1 })
	a := play(t, i, "a", session.LiveOnly)
	p := published(t, i, "b", session.PublishLive)
	refusedWith(t, publish(t, i, "a", session.PublishLive).Refusal, session.RefusedLimit)
	refusedWith(t, publish(t, i, "c", session.PublishLive).Refusal, session.RefusedLimit)
	i.SetRules(Rules{MaxStreams: 2})
	q := published(t, i, "a", session.PublishLive)
	refusedWith(t, publish(t, i, "c", session.PublishLive).Refusal, session.RefusedLimit)
	a.Release()
	a.Release() // again: counts once
	for _, one := range []session.Publication{p, q} {
		if err := ended(t, one); err != nil {
			t.Error(err)
		}
	}
	if err := ended(t, published(t, i, "c", session.PublishLive)); err != nil {
		t.Error(err)
	}
}

// oneKey is a key that never changes.
type oneKey string

func (k oneKey) Check(key string) *session.Refusal {
	if key != string(k) {
		return &session.Refusal{Code: session.RefusedWrongKey}
	}
	return nil
}

func (k oneKey) Knows(key string) bool { return key == string(k) }

func TestKeys(t *testing.T) {
	i, _ := newInstance(t, func(r *Rules) { r.Keys = oneKey("secret") })
	for key, want := range map[string]session.RefusalCode{"secret": "", "Secret": session.RefusedWrongKey} {
		a := asked(t, func(answer func(session.PublishAnswer)) {
			i.Publish(session.PublishRequest{Name: "cam", Credentials: session.Credentials{Key: key}}, answer)
		})
		switch {
		case want != "":
			refusedWith(t, a.Refusal, want)
		case a.Refusal != nil:
			t.Error(a.Refusal)
		case !a.Proved:
			t.Error("who has shown the key has proved nothing")
		default:
			_ = ended(t, a.Publication)
		}
	}
	i, _ = newInstance(t, nil)
	if why := i.Authorize(""); why != nil {
		t.Errorf("anyone may publish: %v", why)
	}
	a := publish(t, i, "cam", session.PublishLive)
	if a.Proved {
		t.Error("who publishes where anyone may has proved something")
	}
	_ = ended(t, a.Publication)
}
