package session_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/session"
)

// scripted is welcome to an instance with a script.
func scripted(t *testing.T, cfg session.Config) *visitor {
	t.Helper()
	v := come(t, cfg)
	v.connect()
	taken(t, v.desk.connects).answer(session.ConnectAnswer{Instance: v.desk, Scripted: true})
	v.hello()
	return v
}

// result is a call's result.
func result(t *testing.T, v amf.Value) session.CallAnswer {
	t.Helper()
	values, err := rtmp.EncodeValues(false, 1<<20, v)
	if err != nil {
		t.Fatal(err)
	}
	return session.CallAnswer{Result: values}
}

// Calls do not wait for one another, nor do commands for them: answers come by
// transaction, as they are given.
func TestCallsAreAnsweredAsTheyCome(t *testing.T) {
	t.Parallel()
	v := scripted(t, session.Config{})
	v.send("first", 5, nil, "a", 1.0)
	v.send("second", 6, nil)
	v.send("none", 0, nil)
	v.done()
	first, second, none := taken(t, v.desk.calls), taken(t, v.desk.calls), taken(t, v.desk.calls)
	if r := first.request; r.Method != "first" || len(r.Args) != 2 || r.Args[0] != "a" || r.Client.ID == "" || r.AMF3 {
		t.Errorf("asked %+v", r)
	}
	second.answer(result(t, "two"))
	v.expect("_result [two]")
	none.answer(result(t, "nobody waits"))
	first.answer(session.CallAnswer{Failed: "It threw."})
	info := v.expect("_error NetConnection.Call.Failed")
	if d, _ := info.Get("description"); d != "It threw." {
		t.Errorf("description %v", d)
	}
	v.send("third", 7, nil)
	taken(t, v.desk.calls).answer(session.CallAnswer{Missing: true})
	info = v.expect("_error NetConnection.Call.Failed")
	if d, _ := info.Get("description"); d != "Method not found (third)." {
		t.Errorf("description %v", d)
	}
	v.send("fourth", 8, nil)
	taken(t, v.desk.calls).answer(session.CallAnswer{})
	v.expect("_result [{}]")
}

// done waits until what was sent is done, without a command that a script may
// define.
func (v *visitor) done() {
	v.t.Helper()
	v.send("onStatus", 99, nil)
	v.expect("_result [{}]")
}

// What a stream or the connection has, and what a Client has of its own, nobody calls.
func TestWhatIsNotCallable(t *testing.T) {
	t.Parallel()
	v := scripted(t, session.Config{})
	for _, name := range []string{"getBandwidthLimit", "setBandwidthLimit", "getStats", "ping"} {
		v.send(name, 5, nil)
		v.expect("_error NetConnection.Call.Failed")
	}
	for _, name := range []string{"closeStream", "pause", "play", "publish", "receiveAudio", "receiveVideo", "seek"} {
		v.send(name, 5, nil)
	}
	v.send("createStream", 6, nil)
	v.Until("_result [2]")
	if len(v.desk.calls) > 0 {
		t.Errorf("the script is asked for %+v", taken(t, v.desk.calls).request)
	}
}

// The script is asked first for what it may define itself, and we do it where it does
// not.
func TestScriptsGoBeforeWhatIsBuiltIn(t *testing.T) {
	t.Parallel()
	v := scripted(t, session.Config{})
	for _, c := range []struct {
		name string
		own  []string
	}{
		{"releaseStream", []string{"_result [{}]"}},
		{"FCPublish", []string{"onFCPublish NetStream.Publish.Start", "_result [{}]"}},
		{"FCUnpublish", []string{"onFCUnpublish NetStream.Unpublish.Success", "_result [{}]"}},
		{"FCSubscribe", []string{"onFCSubscribe NetStream.Play.Start", "_result [{}]"}},
		{"FCUnsubscribe", []string{"_result [{}]"}},
	} {
		v.send(c.name, 5, nil, "cam")
		taken(t, v.desk.calls).answer(result(t, "mine"))
		v.expect("_result [mine]")
		v.send(c.name, 5, nil, "cam")
		v.send("createStream", 6, nil)
		v.pinged() // it keeps its place among commands of streams
		taken(t, v.desk.calls).answer(session.CallAnswer{Missing: true})
		v.expect(c.own...)
		v.next()
	}
	v.send("getStreamLength", 7, nil, "film")
	taken(t, v.desk.calls).answer(session.CallAnswer{Missing: true})
	taken(t, v.desk.lengths).answer(session.LengthAnswer{Length: time.Second})
	v.expect("_result [1]")
	v.send("_checkbw", 8, nil)
	taken(t, v.desk.calls).answer(session.CallAnswer{Missing: true})
	v.expect("_result [{}]")
}

// So many calls may be under way, and what waits for a place goes on when one is
// answered. A large one is waited for.
func TestCallsUnderWay(t *testing.T) {
	t.Parallel()
	v := scripted(t, session.Config{})
	const more = 3
	for n := range session.MaxCalling + more {
		v.send(fmt.Sprint("call", n), float64(n+10), nil)
	}
	var all []asked[session.CallRequest, session.CallAnswer]
	for range session.MaxCalling {
		all = append(all, taken(t, v.desk.calls))
	}
	v.pinged()
	if len(v.desk.calls) > 0 {
		t.Fatal("one more is under way")
	}
	for n, c := range all[:more] {
		c.answer(result(t, float64(n)))
		v.expect(fmt.Sprintf("_result [%d]", n))
		all = append(all, taken(t, v.desk.calls))
	}
	for _, c := range all[more:] {
		c.answer(result(t, "x"))
		v.expect("_result [x]")
	}
	v.send("large", 5, nil, string(make([]byte, 8<<10)))
	v.send("small", 6, nil)
	large := taken(t, v.desk.calls)
	v.pinged()
	if len(v.desk.calls) > 0 {
		t.Fatal("nobody waits for a large call")
	}
	large.answer(result(t, "done"))
	v.expect("_result [done]")
	taken(t, v.desk.calls).answer(result(t, "done"))
	v.expect("_result [done]")
}

// Where the budget for messages has nothing left, a call is waited for; what it has
// taken is given back.
func TestCallsArePaidFor(t *testing.T) {
	t.Parallel()
	b := &budget.Budgets{Strangers: budget.New("messages of strangers", 1<<20)}
	v := scripted(t, session.Config{Budgets: b})
	used := b.Strangers.Used()
	v.send("one", 5, nil, "some words")
	one := taken(t, v.desk.calls)
	eventually(t, "a call is paid for", func() bool { return b.Strangers.Used() > used })
	one.answer(result(t, 1.0))
	v.expect("_result [1]")
	eventually(t, "that is given back", func() bool { return b.Strangers.Used() == used })
}

// A call that nobody answers fails in the end, and an answer that comes too late is
// dropped.
func TestCallThatIsNotAnswered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := bubble(t, session.Config{})
		v.connect()
		taken(t, v.desk.connects).answer(session.ConnectAnswer{Instance: v.desk, Scripted: true})
		v.hello()
		v.send("slow", 5, nil)
		slow := taken(t, v.desk.calls)
		<-time.After(30 * time.Second)
		info := v.expect("_error NetConnection.Call.Failed")
		if d, _ := info.Get("description"); d != "slow has not been answered for 30s." {
			t.Errorf("description %v", d)
		}
		slow.answer(result(t, "late"))
		v.done()
		v.conn.Close()
		v.over()
	})
}

// A client that goes is not answered, and nothing of it stays.
func TestClientGoesWhileItCalls(t *testing.T) {
	t.Parallel()
	v := scripted(t, session.Config{})
	v.send("slow", 5, nil)
	slow := taken(t, v.desk.calls)
	v.conn.Close()
	v.over()
	taken(t, v.desk.left)
	slow.answer(result(t, "late"))
}

// An AMF3 client gets AMF3.
func TestCallInAMF3(t *testing.T) {
	t.Parallel()
	v := come(t, session.Config{})
	v.say(hello("objectEncoding", 3.0))
	taken(t, v.desk.connects).answer(session.ConnectAnswer{Instance: v.desk, Scripted: true})
	v.hello()
	v.send("bytes", 5, nil, &amf.ByteArray{Bytes: []byte{1}})
	c := taken(t, v.desk.calls)
	if _, ok := c.request.Args[0].(*amf.ByteArray); !ok || !c.request.AMF3 {
		t.Errorf("asked %+v", c.request)
	}
	values, err := rtmp.EncodeValues(true, 100, amf.NewArray(1.0))
	if err != nil {
		t.Fatal(err)
	}
	c.answer(session.CallAnswer{Result: values})
	if w, _ := v.next(); len(w) < 8 || w[:8] != "_result " {
		t.Errorf("got %q", w)
	}
}

// bubble is come in a bubble of time.
func bubble(t *testing.T, cfg session.Config) *visitor {
	t.Helper()
	near, far := pipeEnds()
	v := &visitor{desk: newDesk(), refused: make(chan string, 10)}
	cfg.Refused = func(reason string) { v.refused <- reason }
	served := make(chan struct{})
	go func() {
		defer close(served)
		session.New(near, v.desk, cfg).Serve()
	}()
	conn := rtmp.NewClientConn(far, rtmp.Config{})
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	v.client, v.served = hear(t, conn, servertest.Word), served
	return v
}
