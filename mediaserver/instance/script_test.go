package instance

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/recording"
	"flashpod.dev/flashpod/mediaserver/script"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// actor is a script that notes what it is told.
type actor struct {
	script.Instance             // what it acts on
	told            chan string // what happens, in order
	calls           chan script.Call
	stops           chan func(refused bool)
	holds           bool // its end is the test's matter
	done            chan struct{}
	closing         sync.Once
}

func (s *actor) Connect(c script.Client, args []amf.Value) {
	s.told <- fmt.Sprint("connect ", c.ID, args)
}
func (s *actor) Leave(id string)    { s.told <- "leave " + id }
func (s *actor) Call(c script.Call) { s.told <- "call " + c.Method; s.calls <- c }
func (s *actor) Publish(id string, i script.StreamInfo) {
	s.told <- fmt.Sprint("publish ", id, " ", i.Name, " ", i.Query, " ", i.Mode)
}
func (s *actor) Unpublish(id string, i script.StreamInfo) { s.told <- "unpublish " + id + " " + i.Name }
func (s *actor) Play(r script.PlayRequest, answer func(script.PlayAnswer)) {
	s.told <- "play " + r.Name
	answer(script.PlayAnswer{Accept: true})
}
func (s *actor) Reload(error) { s.told <- "reload" }
func (s *actor) Stop(reason string, answer func(bool)) {
	s.told <- "stop " + reason
	if reason == script.StopShutdown && !s.holds {
		answer(true) // it is not asked
		return
	}
	s.stops <- answer
}
func (s *actor) Close()                { s.closing.Do(func() { s.told <- "close"; close(s.done) }) }
func (s *actor) Done() <-chan struct{} { return s.done }

// hears fails the test when the script is not told that next.
func (s *actor) hears(t *testing.T, want ...string) {
	t.Helper()
	for _, w := range want {
		if got := taken(t, s.told); got != w {
			t.Fatalf("told %q, want %q", got, w)
		}
	}
}

func taken[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case one := <-from:
		return one
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// acted is an instance with a script, and the scripts that it has had.
func acted(t *testing.T, change func(*Rules)) (*Instance, chan *actor) {
	t.Helper()
	store, err := recording.Open(t.TempDir(), nil, recording.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f := stream.NewFanout(1)
	actors := make(chan *actor, 10)
	cfg := Config{Application: "app", Name: "one", Fanout: f, Store: store, Script: func(i script.Instance) Script {
		s := &actor{
			Instance: i, told: make(chan string, 1000), calls: make(chan script.Call, 100),
			stops: make(chan func(bool), 10), done: make(chan struct{}),
		}
		actors <- s
		return s
	}}
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
	return i, actors
}

// guestOf is a client that notes what it is sent.
type guestOf struct {
	client
	said chan string
	by   chan func(session.Answer)
	args chan session.Invocation
}

func newGuest(id string) *guestOf {
	return &guestOf{client: client{id: id}, said: make(chan string, 20000), by: make(chan func(session.Answer), 100), args: make(chan session.Invocation, 20000)}
}

func (g *guestOf) Invoke(v session.Invocation, answer func(session.Answer)) {
	g.said <- v.Method
	g.args <- v
	if answer != nil {
		g.by <- answer
	}
}
func (g *guestOf) Disconnect()     { g.said <- "disconnect" }
func (g *guestOf) Shutdown(string) { g.said <- "shutdown" }

func (g *guestOf) hears(t *testing.T, want ...string) {
	t.Helper()
	for _, w := range want {
		if got := taken(t, g.said); got != w {
			t.Fatalf("said %q, want %q", got, w)
		}
	}
}

// comes connects, and says how it was answered.
func comes(t *testing.T, i *Instance, g *guestOf, amf3 bool) session.ConnectAnswer {
	t.Helper()
	return asked(t, func(answer func(session.ConnectAnswer)) {
		i.Connect(session.ConnectRequest{Client: session.Client{ID: g.id}, AMF3: amf3, Args: []amf.Value{"x"}}, g, answer)
	})
}

// enters is a client that the script lets in.
func enters(t *testing.T, i *Instance, s *actor, id string) *guestOf {
	t.Helper()
	g := newGuest(id)
	if a := comes(t, i, g, false); a.Refusal != nil || !a.Pending || !a.Scripted {
		t.Fatalf("%+v", a)
	}
	s.hears(t, "connect "+id+"[x]")
	s.Accept(id)
	if why := admitted(t, i, id); why != nil {
		t.Fatal(why)
	}
	return g
}

func admitted(t *testing.T, i *Instance, id string) *session.Refusal {
	t.Helper()
	return asked(t, func(answer func(*session.Refusal)) { i.Admit(session.Client{ID: id}, answer) })
}

// The script decides once, before or after the session asks, and hears who leaves.
func TestScriptDecides(t *testing.T) {
	t.Parallel()
	i, actors := acted(t, nil)
	s := taken(t, actors)
	for _, id := range []string{"a", "b", "c", "d"} {
		comes(t, i, newGuest(id), false)
		s.hears(t, "connect "+id+"[x]")
	}
	s.Accept("a")
	s.Reject("a", script.Rejection{Description: "too late"})
	if why := admitted(t, i, "a"); why != nil {
		t.Error(why)
	}
	refusals := make(chan *session.Refusal, 1)
	i.Admit(session.Client{ID: "b"}, func(why *session.Refusal) { refusals <- why })
	settled(t, i)
	s.Reject("b", script.Rejection{Description: "No.", Application: "because", Redirect: "rtmp://other/app"})
	s.Accept("b")
	why := taken(t, refusals)
	refusedWith(t, why, session.RefusedByScript)
	if why.Reason != "No." || why.Application != "because" || why.Redirect != "rtmp://other/app" {
		t.Errorf("%+v", why)
	}
	s.Disconnect("c") // is a rejection
	refusedWith(t, admitted(t, i, "c"), session.RefusedByScript)
	i.Leave(session.Client{ID: "d"})
	s.Accept("d")
	refusedWith(t, admitted(t, i, "d"), session.RefusedStopping)
	s.hears(t, "leave d")
	i.Leave(session.Client{ID: "d"})
	i.Leave(session.Client{ID: "a"})
	s.hears(t, "leave a")
}

// So many may wait, and who waits is told when the instance stops.
func TestConnectsThatPend(t *testing.T) {
	t.Parallel()
	i, actors := acted(t, func(r *Rules) { r.MaxPending = 2 })
	s := taken(t, actors)
	for _, id := range []string{"a", "b"} {
		comes(t, i, newGuest(id), false)
	}
	refusedWith(t, comes(t, i, newGuest("c"), false).Refusal, session.RefusedLimit)
	s.Accept("a")
	settled(t, i)
	comes(t, i, newGuest("d"), false)
	refusals := make(chan *session.Refusal, 1)
	i.Admit(session.Client{ID: "b"}, func(why *session.Refusal) { refusals <- why })
	i.Shutdown("over")
	refusedWith(t, taken(t, refusals), session.RefusedStopping)
	refusedWith(t, admitted(t, i, "d"), session.RefusedStopping)
	if why := admitted(t, i, "a"); why != nil {
		t.Error(why)
	}
}

// What the script says to clients, and what it answers, goes out in its order; what
// clients answer comes back behind what they have asked before.
func TestScriptSpeaksInOrder(t *testing.T) {
	t.Parallel()
	i, actors := acted(t, nil)
	s := taken(t, actors)
	a := enters(t, i, s, "a")
	results := make(chan session.CallAnswer, 10)
	i.Call(session.CallRequest{Client: session.Client{ID: "a"}, Method: "m"}, func(r session.CallAnswer) {
		a.said <- "result"
		results <- r
	})
	s.hears(t, "call m")
	c := taken(t, s.calls)
	answers := make(chan script.Answer, 10)
	if !s.Invoke("a", "one", []amf.Value{1.0}, nil) || !s.Invoke("a", "two", nil, func(v script.Answer) { answers <- v }) {
		t.Error("a client that is here is gone")
	}
	c.Answer(script.CallAnswer{Value: "yes"})
	s.Broadcast("three", nil)
	s.Disconnect("a")
	a.hears(t, "one", "two", "result", "three", "disconnect")
	if r := taken(t, results); r.Missing || r.Failed != "" || len(r.Result.Bytes) == 0 {
		t.Errorf("%+v", r)
	}
	taken(t, a.by)(session.Answer{Value: 5.0})
	if v := taken(t, answers); v.Error || v.Value != 5.0 {
		t.Errorf("%+v", v)
	}
	i.Leave(session.Client{ID: "a"})
	settled(t, i)
	if s.Invoke("a", "late", nil, nil) {
		t.Error("a client that is gone is called")
	}
	i.Call(session.CallRequest{Client: session.Client{ID: "a"}, Method: "m"}, func(r session.CallAnswer) { results <- r })
	if r := taken(t, results); r.Failed == "" {
		t.Errorf("%+v", r)
	}
}

// What cannot be sent is told to who waits for it.
func TestScriptSaysWhatCannotBeSent(t *testing.T) {
	t.Parallel()
	i, actors := acted(t, nil)
	s := taken(t, actors)
	enters(t, i, s, "a")
	results, answers := make(chan session.CallAnswer, 10), make(chan script.Answer, 10)
	large := string(make([]byte, session.MaxInvocation+1))
	for _, v := range []amf.Value{large, struct{}{}} {
		i.Call(session.CallRequest{Client: session.Client{ID: "a"}, Method: "m"}, func(r session.CallAnswer) { results <- r })
		taken(t, s.calls).Answer(script.CallAnswer{Value: v})
		if r := taken(t, results); r.Failed == "" {
			t.Errorf("%+v", r)
		}
		s.Invoke("a", "m", []amf.Value{v}, func(a script.Answer) { answers <- a })
		if a := taken(t, answers); !a.Error {
			t.Errorf("%+v", a)
		}
		s.Broadcast("m", []amf.Value{v})
	}
	s.Invoke("a", large, nil, func(a script.Answer) { answers <- a })
	if a := taken(t, answers); !a.Error {
		t.Errorf("%+v", a)
	}
}

// What a script says is paid for until connections have it, and no more than there is.
func TestWhatAScriptSaysIsPaidFor(t *testing.T) {
	t.Parallel()
	answers := budget.New("answers", 4<<20)
	b := outbox{budget: answers.Within(1 << 20)}
	if !b.take(1<<20) || b.take(1) {
		t.Error("a quarter is what there is")
	}
	if answers.Used() != 1<<20 {
		t.Errorf("%d bytes are paid for", answers.Used())
	}
	said := make(chan struct{})
	b.say(1<<20, func() { close(said) })
	taken(t, said)
	for deadline := time.Now().Add(patience); answers.Used() > 0; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("it is not given back")
		}
	}
}

// A broadcast is encoded once for all who speak alike.
func TestBroadcastIsEncodedOnce(t *testing.T) {
	t.Parallel()
	i, actors := acted(t, nil)
	s := taken(t, actors)
	waits := newGuest("waits")
	comes(t, i, waits, false)
	var all []*guestOf
	for n := range 20 {
		g := newGuest(fmt.Sprint(n))
		comes(t, i, g, n%2 == 1)
		s.Accept(g.id)
		all = append(all, g)
	}
	s.Broadcast("news", []amf.Value{amf.NewArray("x")})
	first := [2]*byte{}
	for n, g := range all {
		v := taken(t, g.args)
		if v.Args.AMF3 != (n%2 == 1) {
			t.Errorf("%d: AMF3 is %t", n, v.Args.AMF3)
		}
		if first[n%2] == nil {
			first[n%2] = &v.Args.Bytes[0]
		}
		if first[n%2] != &v.Args.Bytes[0] {
			t.Error("encoded anew")
		}
	}
	if len(waits.said) > 0 {
		t.Error("one who waits is told")
	}
}

// The script hears of a publication's end before the next one begins, also when one
// takes the name over, and once.
func TestScriptHearsOfPublications(t *testing.T) {
	t.Parallel()
	i, actors := acted(t, func(r *Rules) { r.TakeOver = TakeOverAlways })
	s := taken(t, actors)
	publishAs := func(id, query string) session.Publication {
		return asked(t, func(answer func(session.PublishAnswer)) {
			i.Publish(session.PublishRequest{Client: session.Client{ID: id}, Name: "cam", Query: query, Mode: session.PublishLive}, answer)
		}).Publication
	}
	a := publishAs("a", "")
	b := publishAs("b", "x=1")
	s.hears(t, "publish a cam  live", "unpublish a cam", "publish b cam x=1 live")
	if err := ended(t, a); err != nil {
		t.Error(err)
	}
	if err := ended(t, b); err != nil {
		t.Error(err)
	}
	c := publishAs("c", "")
	s.hears(t, "unpublish b cam", "publish c cam  live")
	if err := ended(t, c); err != nil {
		t.Error(err)
	}
	s.hears(t, "unpublish c cam")
}

// The script may keep its instance from being unloaded; it has no say when somebody
// has come, or when it does not answer.
func TestScriptRefusesToStop(t *testing.T) {
	t.Parallel()
	i, actors := acted(t, nil)
	s := taken(t, actors)
	retired := make(chan bool, 1)
	settled(t, i)
	for deadline := time.Now().Add(patience); i.store.Busy(0); runtime.Gosched() { // it has just been opened
		if time.Now().After(deadline) {
			t.Fatal("the store stays busy")
		}
	}
	i.Retire(func(is bool) { retired <- is })
	s.hears(t, "stop Application.GC")
	taken(t, s.stops)(true)
	if taken(t, retired) {
		t.Error("it has stopped")
	}
	i.Retire(func(is bool) { retired <- is })
	s.hears(t, "stop Application.GC")
	answer := taken(t, s.stops)
	enters(t, i, s, "a")
	answer(false)
	if taken(t, retired) {
		t.Error("it has stopped, and a client is here")
	}
	i.Leave(session.Client{ID: "a"})
	s.hears(t, "leave a")
	i.Retire(func(is bool) { retired <- is })
	s.hears(t, "stop Application.GC")
	taken(t, s.stops)(false)
	if !taken(t, retired) {
		t.Error("it goes on")
	}
	refusedWith(t, comes(t, i, newGuest("b"), false).Refusal, session.RefusedStopping)
	i.Close() // it was told already
	s.hears(t, "close")
}

func TestScriptIsToldOfTheEnd(t *testing.T) {
	t.Parallel()
	i, actors := acted(t, nil)
	s := taken(t, actors)
	i.Close()
	s.hears(t, "stop Application.Shutdown", "close")
}

// A script that shuts down gets another life when its clients have gone, and those who
// come meanwhile are not let in.
func TestScriptShutsItsInstanceDown(t *testing.T) {
	t.Parallel()
	i, actors := acted(t, nil)
	s := taken(t, actors)
	s.holds = true
	a := enters(t, i, s, "a")
	s.Shutdown()
	s.hears(t, "stop Application.Shutdown")
	s.Broadcast("last", nil)
	taken(t, s.stops)(true)
	a.hears(t, "last", "shutdown")
	refusedWith(t, comes(t, i, newGuest("b"), false).Refusal, session.RefusedStopping)
	i.Leave(session.Client{ID: "a"})
	s.hears(t, "leave a", "close")
	next := taken(t, actors)
	enters(t, i, next, "c")
}

// When a script has died, its clients are told to go, and who waits is refused.
func TestScriptIsLost(t *testing.T) {
	t.Parallel()
	i, actors := acted(t, nil)
	s := taken(t, actors)
	a := enters(t, i, s, "a")
	comes(t, i, newGuest("b"), false)
	s.Lost("it has died", nil)
	s.Failed(script.Problem{Message: "it has died", Fatal: true})
	a.hears(t, "shutdown")
	refusedWith(t, admitted(t, i, "b"), session.RefusedStopping)
	if total, last := i.ScriptProblems(); total != 1 || len(last) != 1 || last[0].Message != "it has died" {
		t.Errorf("%d: %+v", total, last)
	}
	for range 30 {
		s.Failed(script.Problem{Message: "again"})
	}
	if total, last := i.ScriptProblems(); total != 31 || len(last) != maxProblems || last[0].Message != "again" {
		t.Errorf("%d: %+v", total, last)
	}
}

// When a script is loaded anew, only those clients are told to go that it was asked
// about: another, who waits for the next one to decide, goes on waiting.
func TestScriptIsLostForItsOwnClients(t *testing.T) {
	t.Parallel()
	i, actors := acted(t, nil)
	s := taken(t, actors)
	a := enters(t, i, s, "a")
	comes(t, i, newGuest("b"), false)
	c := newGuest("c")
	comes(t, i, c, false)
	s.Lost("it was loaded anew", []string{"a", "b", "gone"})
	a.hears(t, "shutdown")
	refusedWith(t, admitted(t, i, "b"), session.RefusedStopping)
	s.Accept("c")
	if why := admitted(t, i, "c"); why != nil {
		t.Errorf("who came for the next script: %v", why)
	}
	s.Broadcast("hello", nil)
	c.hears(t, "hello")
}

// What the script says of a client's access holds for streams.
func TestAccessOfStreams(t *testing.T) {
	t.Parallel()
	i, actors := acted(t, nil)
	s := taken(t, actors)
	enters(t, i, s, "a")
	s.SetAccess("a", script.Access{Read: "r", Write: "w", AudioSample: "r/x"})
	settled(t, i)
	a := session.Client{ID: "a"}
	for name, want := range map[string]session.RefusalCode{"r/1": session.RefusedNoAccess, "w/1": ""} {
		got := asked(t, func(answer func(session.PublishAnswer)) {
			i.Publish(session.PublishRequest{Client: a, Name: name, Mode: session.PublishLive}, answer)
		})
		if want != "" {
			refusedWith(t, got.Refusal, want)
		} else if err := ended(t, got.Publication); err != nil {
			t.Error(err)
		}
	}
	for name, want := range map[string]session.SampleAccess{"r/1": {}, "r/x/1": {Audio: true}} {
		got := asked(t, func(answer func(session.PlayAnswer)) {
			i.Play(session.PlayRequest{Client: a, Name: name, From: session.LiveOnly}, answer)
		})
		if got.Refusal != nil || got.SampleAccess != want {
			t.Errorf("%s: %+v", name, got)
			continue
		}
		got.Release()
	}
	refusedWith(t, asked(t, func(answer func(session.PlayAnswer)) {
		i.Play(session.PlayRequest{Client: a, Name: "w/1", From: session.LiveOnly}, answer)
	}).Refusal, session.RefusedNoAccess)
	refusedWith(t, asked(t, func(answer func(session.LengthAnswer)) {
		i.Length(session.LengthRequest{Client: a, Name: "w/1"}, answer)
	}).Refusal, session.RefusedNoAccess)
}
