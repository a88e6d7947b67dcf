package session_test

import (
	"context"
	"net"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/session"
)

func pipeEnds() (near, far net.Conn) { return net.Pipe() }

// invocation is a call of a client's method.
func invocation(t *testing.T, method string, args ...amf.Value) session.Invocation {
	t.Helper()
	v, err := rtmp.EncodeValues(false, session.MaxInvocation, args...)
	if err != nil {
		t.Fatal(err)
	}
	return session.NewInvocation(method, v)
}

// The instance calls a client, which answers by transaction or does not.
func TestInstanceCallsAClient(t *testing.T) {
	t.Parallel()
	v := scripted(t, session.Config{})
	peer := taken(t, v.desk.peers)
	answers := make(chan session.Answer, 10)
	hear := func(a session.Answer) { answers <- a }
	peer.Invoke(invocation(t, "news", "a", 1.0), nil)
	v.expect("news [a 1]")
	peer.Invoke(invocation(t, "ask", "b"), hear)
	peer.Invoke(invocation(t, "ask", "c"), hear)
	v.expect("ask [b]", "ask [c]")
	v.send("_error", 2, nil, amf.NewObject("code", "No", "level", "error"))
	if a := taken(t, answers); !a.Error || code(a) != "No" {
		t.Errorf("answered %+v", a)
	}
	v.send("_result", 77, nil, "to nothing")
	v.send("_result", 1, nil, "yes")
	if a := taken(t, answers); a.Error || a.Value != "yes" {
		t.Errorf("answered %+v", a)
	}
	v.send("_result", 1, nil, "again")
	peer.Invoke(invocation(t, "ask", "d"), hear)
	v.expect("ask [d]")
	v.send("_result", 3, nil)
	if a := taken(t, answers); a.Error || a.Value != (amf.Undefined{}) {
		t.Errorf("answered %+v", a)
	}
	peer.Invoke(invocation(t, "ask", "e"), hear)
	v.expect("ask [e]")
	v.conn.Close()
	v.over()
	if a := taken(t, answers); !a.Error || code(a) != "NetConnection.Call.Failed" {
		t.Errorf("answered %+v", a)
	}
	peer.Invoke(invocation(t, "ask", "f"), hear)
	if a := taken(t, answers); !a.Error {
		t.Errorf("who has gone answers %+v", a)
	}
	if len(answers) > 0 {
		t.Errorf("and %+v", <-answers)
	}
}

// A client's answer is paid for until nobody holds it any more, and a large one is waited
// for: the client says no more meanwhile, however many it was asked for.
func TestAnswersArePaidFor(t *testing.T) {
	t.Parallel()
	b := budget.For(1<<30, 1<<16, nil)
	v := scripted(t, session.Config{Budgets: b})
	peer := taken(t, v.desk.peers)
	answers := make(chan session.Answer, 10)
	hear := func(a session.Answer) { answers <- a }
	for range 4 {
		peer.Invoke(invocation(t, "ask"), hear)
		v.expect("ask []")
	}
	const small, large = 3000, 100_000
	for n, size := range []int{small, small, large, large} {
		v.send("_result", float64(n+1), nil, strings.Repeat("x", size))
	}
	first, second, third := taken(t, answers), taken(t, answers), taken(t, answers)
	eventually(t, "all are paid for", func() bool { return b.Strangers.Used() >= 2*small+large })
	v.send("call", 9, nil)
	select {
	case <-answers:
		t.Error("it says more while a large answer is held")
	case <-v.desk.calls:
		t.Error("it calls while a large answer is held")
	default:
	}
	third.Taken()
	taken(t, answers).Taken()
	taken(t, v.desk.calls).answer(result(t, "now"))
	v.expect("_result [now]")
	eventually(t, "large ones are given back", func() bool { return b.Strangers.Used() < large && b.Strangers.Used() >= 2*small })
	first.Taken()
	second.Taken()
	second.Taken()
	eventually(t, "all is given back", func() bool { return b.Strangers.Used() == 0 })
}

func code(a session.Answer) amf.Value {
	o, _ := a.Value.(*amf.Object)
	v, _ := o.Get("code")
	return v
}

// What is said to a client that pends follows its being let in, in order, and what the
// client says waits.
func TestWhatIsSaidToAClientThatPends(t *testing.T) {
	t.Parallel()
	v := come(t, session.Config{})
	v.say(say(0, "connect", amf.NewObject("app", "app/one?token=1", "tcUrl", "rtmp://h/app/one?key=2", "swfUrl", "http://h/a.swf", "pageUrl", "http://h/"),
		"user", 7.0, amf.NewObject("a", nil)))
	c := taken(t, v.desk.connects)
	r := c.request
	if r.URI != "rtmp://h/app/one?key=2" || r.Referrer != "http://h/a.swf" || r.PageURL != "http://h/" || r.Secure || r.AMF3 ||
		r.Query.Get("token") != "1" || r.Query.Get("key") != "2" || len(r.Args) != 3 || r.Args[0] != "user" || r.Args[1] != 7.0 {
		t.Errorf("asked %+v", r)
	}
	peer := taken(t, v.desk.peers)
	peer.Invoke(invocation(t, "zero"), nil)
	c.answer(session.ConnectAnswer{Instance: v.desk, Scripted: true, Pending: true})
	v.send("call", 5, nil)
	admit := taken(t, v.desk.admits)
	peer.Invoke(invocation(t, "one"), nil)
	peer.Invoke(invocation(t, "two"), nil)
	v.pinged()
	if len(v.desk.calls) > 0 {
		t.Error("it calls before it is let in")
	}
	admit.answer(nil)
	peer.Invoke(invocation(t, "three"), nil)
	v.expect("event 0", success, "onBWDone []", "zero []", "one []", "two []", "three []")
	taken(t, v.desk.calls).answer(result(t, "now"))
	v.expect("_result [now]")
	peer.Invoke(invocation(t, "last"), nil)
	peer.Disconnect()
	v.expect("last []", "end")
	v.conn.Close()
	v.over()
	taken(t, v.desk.left)
}

// A client that comes back by itself is told that it is not to.
func TestDisconnectTellsAClientThatReconnects(t *testing.T) {
	t.Parallel()
	v := come(t, session.Config{})
	v.say(say(0, "connect", amf.NewObject("app", "app/one", "tcUrl", "rtmp://h/app/one", "capsEx", 1.0)))
	c := taken(t, v.desk.connects)
	peer := taken(t, v.desk.peers)
	c.answer(session.ConnectAnswer{Instance: v.desk})
	v.expect("event 0", success, "onBWDone []")
	peer.Disconnect()
	v.expect("close []", "end")
	v.conn.Close()
	v.over()
	taken(t, v.desk.left)
}

// Too much for a client that pends ends its connection.
func TestTooMuchIsSaidToAClientThatPends(t *testing.T) {
	t.Parallel()
	v := come(t, session.Config{})
	v.connect()
	taken(t, v.desk.connects).answer(session.ConnectAnswer{Instance: v.desk, Pending: true})
	taken(t, v.desk.admits)
	peer := taken(t, v.desk.peers)
	answers := make(chan session.Answer, 10)
	const third = 100 << 10
	for range 3 {
		peer.Invoke(invocation(t, "much", string(make([]byte, third))), func(a session.Answer) { answers <- a })
	}
	v.expect("end")
	v.over()
	for range 3 {
		if a := taken(t, answers); !a.Error {
			t.Errorf("answered %+v", a)
		}
	}
	taken(t, v.desk.left)
}

// What waits for a client to be let in is paid for, and given back either way.
func TestWhatWaitsForAClientIsPaidFor(t *testing.T) {
	t.Parallel()
	for name, why := range map[string]*session.Refusal{"let in": nil, "rejected": {Code: session.RefusedByScript}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &budget.Budgets{Answers: budget.New("answers", 1<<20)}
			v := come(t, session.Config{Budgets: b})
			v.connect()
			taken(t, v.desk.connects).answer(session.ConnectAnswer{Instance: v.desk, Pending: true})
			admit := taken(t, v.desk.admits)
			taken(t, v.desk.peers).Invoke(invocation(t, "early", string(make([]byte, 10000))), nil)
			if used := b.Answers.Used(); used < 10000 {
				t.Errorf("%d bytes are paid for", used)
			}
			admit.answer(why)
			v.expect(map[bool]string{true: "event 0", false: "_error NetConnection.Connect.Rejected"}[why == nil])
			v.conn.Close()
			v.over()
			eventually(t, "it is given back", func() bool { return b.Answers.Used() == 0 })
		})
	}
}

// A rejection says what the script has to say, and the client leaves.
func TestScriptRejects(t *testing.T) {
	t.Parallel()
	loop := amf.NewObject("message", "No entry")
	loop.Set("self", loop)
	for name, c := range map[string]struct {
		why   session.Refusal
		check func(t *testing.T, info *amf.Object)
	}{
		"with nothing": {session.Refusal{}, func(t *testing.T, info *amf.Object) {
			if d, _ := info.Get("description"); d != "Connection failed." {
				t.Errorf("description %v", d)
			}
			if _, there := info.Get("application"); there {
				t.Error("there is an application")
			}
		}},
		"with an object": {session.Refusal{Reason: "Because.", Application: loop}, func(t *testing.T, info *amf.Object) {
			a, _ := info.Get("application")
			if said, _ := a.(*amf.Object).Get("message"); said != "No entry" {
				t.Errorf("application %v", a)
			}
			if d, _ := info.Get("description"); d != "Because." {
				t.Errorf("description %v", d)
			}
		}},
		"with what has no form": {session.Refusal{Application: struct{}{}}, func(t *testing.T, info *amf.Object) {
			if _, there := info.Get("application"); there {
				t.Error("there is an application")
			}
		}},
		"elsewhere": {session.Refusal{Redirect: "rtmp://other/app"}, func(t *testing.T, info *amf.Object) {
			ex, _ := info.Get("ex")
			o, _ := ex.(*amf.Object)
			for name, want := range map[string]any{"code": 302.0, "redirect": "rtmp://other/app", "redirect2": "rtmp://other/app"} {
				if got, _ := o.Get(name); got != want {
					t.Errorf("ex.%s is %v", name, got)
				}
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := come(t, session.Config{})
			v.connect()
			taken(t, v.desk.connects).answer(session.ConnectAnswer{Instance: v.desk, Pending: true})
			peer, answers := taken(t, v.desk.peers), make(chan session.Answer, 1)
			admit := taken(t, v.desk.admits)
			peer.Invoke(invocation(t, "never"), func(a session.Answer) { answers <- a })
			c.why.Code = session.RefusedByScript
			admit.answer(&c.why)
			c.check(t, v.expect("_error NetConnection.Connect.Rejected"))
			v.expect("close []", "end")
			taken(t, v.desk.left)
			v.conn.Close()
			v.over()
			if why := taken(t, v.refused); why != "rejected by the script" {
				t.Errorf("counted as %q", why)
			}
			if a := taken(t, answers); !a.Error {
				t.Errorf("answered %+v", a)
			}
			if len(v.desk.left) > 0 {
				t.Error("it leaves twice")
			}
		})
	}
}

// A client that goes while the script thinks about it leaves, and is let in no more.
func TestClientGoesWhileTheScriptThinks(t *testing.T) {
	t.Parallel()
	v := come(t, session.Config{})
	v.connect()
	taken(t, v.desk.connects).answer(session.ConnectAnswer{Instance: v.desk, Pending: true})
	admit := taken(t, v.desk.admits)
	v.conn.Close()
	taken(t, v.desk.left)
	admit.answer(nil)
	v.over()
	if len(v.desk.left) > 0 {
		t.Error("it leaves twice")
	}
}

// A client that does not read what it is called with is ended, and nobody else waits.
func TestClientDoesNotReadItsCalls(t *testing.T) {
	t.Parallel()
	h := newHouse(session.Config{})
	d := newDesk()
	h.dir = d
	h.open(t)
	far, _, served := h.visit(t, session.Config{})
	conn := rtmp.NewClientConn(far, rtmp.Config{})
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := conn.Send(hello()); err != nil {
		t.Fatal(err)
	}
	taken(t, d.connects).answer(session.ConnectAnswer{Instance: d, Scripted: true})
	peer := taken(t, d.peers)
	v := invocation(t, "flood", string(make([]byte, 100<<10)))
	answers := make(chan session.Answer, 100)
	for range 40 {
		peer.Invoke(v, func(a session.Answer) { answers <- a })
	}
	taken(t, served)
	for range 40 {
		if a := taken(t, answers); !a.Error {
			t.Errorf("answered %+v", a)
		}
	}
}

// Over the client's own end: results of both kinds come back.
func TestClientAnswersTheInstance(t *testing.T) {
	t.Parallel()
	h := newHouse(session.Config{})
	d := newDesk()
	h.dir = d
	h.open(t)
	go func() {
		c := <-d.connects
		c.answer(session.ConnectAnswer{Instance: d, Scripted: true})
	}()
	ctx, cancel := context.WithTimeout(t.Context(), servertest.Patience)
	defer cancel()
	nc, err := rtmp.Connect(ctx, "rtmp://"+h.RTMPAddr().String()+"/app/one", rtmp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	nc.Handle("add", func(args []amf.Value) (amf.Value, error) { return args[0].(float64) + args[1].(float64), nil })
	peer, answers := taken(t, d.peers), make(chan session.Answer, 2)
	for _, amf3 := range []bool{false, true} {
		v, err := rtmp.EncodeValues(amf3, 100, 2.0, 3.0)
		if err != nil {
			t.Fatal(err)
		}
		peer.Invoke(session.NewInvocation("add", v), func(a session.Answer) { answers <- a })
		if a := taken(t, answers); a.Error || a.Value != 5.0 {
			t.Errorf("answered %+v", a)
		}
	}
}
