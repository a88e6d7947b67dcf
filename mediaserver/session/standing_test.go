package session_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/session"
)

// What a client that has hung up had asked is not found out: the first of its
// questions is withdrawn at once, and the others are never put.
func TestQuestionsOfWhoHasGone(t *testing.T) {
	t.Parallel()
	v := welcome(t, session.Config{})
	for n := range 30 {
		v.send("getStreamLength", float64(10+n), nil, fmt.Sprint("film", n))
	}
	first := taken(t, v.desk.lengths)
	started := time.Now()
	v.conn.Close()
	taken(t, v.desk.withdrawn)
	<-v.served
	if took := time.Since(started); took > 25*time.Second {
		t.Errorf("its session ended after %v, as if the questions were waited for", took)
	}
	if n := len(v.desk.lengths); n > 0 {
		t.Errorf("%d more were put after it had gone", n)
	}
	first.answer(session.LengthAnswer{}) // late: nobody hears it
}

// A connect that is small, and would be large written out again, is refused, and
// the answer to connect repeats a number of those that there are.
func TestObjectEncodingIsANumber(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		encoding amf.Value
		want     float64
	}{
		{0.0, 0}, {3.0, 3}, {int32(3), 3}, {7.0, 0}, {"3", 0}, {amf.NewObject("a", "b"), 0}, {nil, 0},
	} {
		v := come(t, session.Config{})
		m := command(t, "connect", amf.NewObject("app", "app/one", "tcUrl", "rtmp://localhost/app/one", "objectEncoding", c.encoding))
		v.say(m)
		v.desk.letIn(t)
		if info := v.expect("event 0", "_result NetConnection.Connect.Success"); info != nil {
			if got, _ := info.Get("objectEncoding"); got != c.want {
				t.Errorf("%v: the answer says %v, want %v", c.encoding, got, c.want)
			}
		}
	}
}

func command(t *testing.T, name string, object amf.Value, args ...amf.Value) *rtmp.Message {
	t.Helper()
	m, err := rtmp.NewCommand(0, name, 1, object, args...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// referred is a connect of 60 KB, most of which is references to one object of
// many long names.
func referred(t *testing.T) *rtmp.Message {
	t.Helper()
	many := &amf.Object{}
	for i := range 900 {
		many.Properties = append(many.Properties, amf.Property{Name: fmt.Sprintf("%063d", i)})
	}
	list := amf.NewArray()
	for range 280 {
		list.Items = append(list.Items, many)
	}
	return command(t, "connect", amf.NewObject("app", "app/one", "objectEncoding", list))
}

// What a client may send is as much as it has shown of itself: each is let in as
// far as stated, and its connection ends with the message behind that.
func TestWhatAClientMayHold(t *testing.T) {
	t.Parallel()
	long := func(n int) *rtmp.Message { return command(t, "aMethod", nil, strings.Repeat("x", n)) }
	for _, c := range []struct {
		name    string
		connect bool
		say     *rtmp.Message
		ends    bool
	}{
		{"a connect of 100 KB", false, command(t, "connect", amf.NewObject("app", "app/one", "pageUrl", strings.Repeat("x", 100<<10))), true},
		{"a connect that is large written out", false, referred(t), true},
		{"a connect of many values", false, command(t, "connect", amf.NewObject("app", "app/one"), amf.NewArray(make([]amf.Value, 30000)...)), true},
		{"a picture before connect", false, &rtmp.Message{Type: rtmp.TypeVideo, StreamID: 1, Payload: make([]byte, 100<<10)}, true},
		{"a command of 500 KB", true, long(500 << 10), false},
		{"a command of more than 1 MB", true, long(1 << 20), true},
		{"a command of many values", true, command(t, "aMethod", nil, amf.NewArray(make([]amf.Value, 100000)...)), true},
		{"a shared object of more than 1 MB", true, &rtmp.Message{Type: rtmp.TypeSharedObject, Payload: make([]byte, 1<<20+1)}, true},
		{"a picture of who does not publish", true, &rtmp.Message{Type: rtmp.TypeVideo, StreamID: 1, Payload: make([]byte, 1<<20+1)}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := come(t, session.Config{})
			if c.connect {
				v.connect()
				v.desk.letIn(t)
				v.hello()
			}
			_ = v.conn.Send(c.say) // it may be closed already
			if !c.ends {
				v.Until("_error NetConnection.Call.Failed")
				return
			}
			select {
			case <-v.served:
			case <-time.After(servertest.Patience):
				t.Error("its connection goes on")
			}
		})
	}
}

// A picture of 2 MB, twice what a guest may send, is taken of who publishes, even behind a publish that is not
// answered yet.
func TestPicturesOfPublishers(t *testing.T) { everyWay(t, testPicturesOfPublishers) }

func testPicturesOfPublishers(t *testing.T, w way) {
	s, _ := run(t, w, open)
	p, v := connectStreams(t, s, 1), connectStreams(t, s, 1)
	v.plays(1, "cam")
	joined(t, s, 1)
	picture := append([]byte("\x17\x01\x00\x00\x00"), bytes.Repeat([]byte{1}, 2<<20)...)
	p.on(1, "publish", "cam")
	if err := p.conn.Send(rtmp.SetChunkSize(64<<10), &rtmp.Message{Type: rtmp.TypeVideo, StreamID: 1, Payload: picture}); err != nil {
		t.Fatal(err)
	}
	p.expect("1 Publish.Start")
	p.audio(1, 0)
	v.Until("1 audio 0")
	if got := v.conn.BytesIn(); got < 2<<20 {
		t.Errorf("its player has %d bytes", got)
	}
}

// What waits for its turn is paid for, and comes back when the client goes.
func TestMessagesThatWaitArePaidFor(t *testing.T) {
	t.Parallel()
	budgets := budget.For(1<<30, 100, nil)
	v := welcome(t, session.Config{Budgets: budgets})
	v.send("getStreamLength", 9, nil, "film") // which is not answered
	taken(t, v.desk.lengths)
	for range 5 {
		v.say(command(t, "aMethod", nil, strings.Repeat("x", 100<<10)))
	}
	servertest.Eventually(t, "what waits is not paid for", func() bool { return budgets.Strangers.Used() > 400<<10 })
	v.conn.Close()
	<-v.served
	for _, b := range budgets.All() {
		eventually(t, b.Name()+" is given back after the client has gone", func() bool { return b.Used() == 0 })
	}
}

// A name is repeated as far as it is one.
func TestLongNamesAreCut(t *testing.T) {
	t.Parallel()
	v := welcome(t, session.Config{})
	for _, name := range []string{"FCPublish", "FCSubscribe", "FCUnpublish"} {
		before := v.conn.BytesIn()
		v.send(name, 9, nil, strings.Repeat("é", 200<<10))
		v.Until("_result [{}]")
		if got := v.conn.BytesIn() - before; got > 4<<10 {
			t.Errorf("%s of a long name is answered with %d bytes", name, got)
		}
	}
	for _, name := range []string{"publish", "play"} {
		before := v.conn.BytesIn()
		v.on(1, name, strings.Repeat("x", 500<<10))
		for w, _ := v.next(); !strings.HasPrefix(w, "onStatus"); w, _ = v.next() {
		}
		if got := v.conn.BytesIn() - before; got > 8<<10 {
			t.Errorf("%s of a long name is answered with %d bytes", name, got)
		}
	}
}
