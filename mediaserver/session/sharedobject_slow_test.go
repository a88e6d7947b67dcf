package session_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// object makes the payload of a message about a transient object.
func object(name string, events ...sharedobject.Event) []byte {
	m := sharedobject.Message{Name: name, Events: events}
	return m.Encode(false)[1:]
}

// tells sends one.
func (c *client) tells(name string, events ...sharedobject.Event) {
	c.t.Helper()
	if err := c.conn.SendWait(c.t.Context(), &rtmp.Message{Type: plain, Payload: object(name, events...)}); err != nil {
		c.t.Fatal(err)
	}
}

func uses() sharedobject.Event { return sharedobject.Event{Type: sharedobject.Use} }

// puts is a request to change a slot.
func puts(t testing.TB, slot string, v amf.Value) sharedobject.Event {
	t.Helper()
	value, err := sharedobject.NewValue(v)
	if err != nil {
		t.Fatal(err)
	}
	return sharedobject.Event{Type: sharedobject.RequestChange, Name: slot, Value: value}
}

// counting is a word for messages of objects that counts their events by type.
func counting(t testing.TB, counts *[16]atomic.Int64) func(*rtmp.Message) string {
	return func(m *rtmp.Message) string {
		if m.Type != plain {
			return servertest.Word(m)
		}
		got, err := sharedobject.Parse(m.Payload, 1<<22)
		if err != nil {
			t.Error(err)
			return ""
		}
		for _, e := range got.Events {
			counts[e.Type].Add(1)
		}
		return ""
	}
}

// who is a client whose events are counted.
func who(t *testing.T, h *house, counts *[16]atomic.Int64) *client {
	t.Helper()
	c := hear(t, servertest.Dial(t, h.RTMPAddr()), counting(t, counts))
	c.Connect("app/one")
	c.expect("event 0", success, "onBWDone []")
	return c
}

// A client that plays a live stream and reads all that it is sent hears all that
// others send.
func TestSharedObjectSendsBesideAStream(t *testing.T) {
	everyWay(t, testSharedObjectSendsBesideAStream)
}

func testSharedObjectSendsBesideAStream(t *testing.T, w way) {
	h, _ := run(t, w, open)
	var heard, echoed [16]atomic.Int64
	player, publisher := who(t, h, &heard), who(t, h, &echoed)
	for _, c := range []*client{player, publisher} {
		c.send("createStream", 2, nil)
		c.expect("_result [1]")
	}
	publisher.on(1, "publish", "cam", "live")
	publisher.expect("event 0", "onStatus NetStream.Publish.Start")
	player.on(1, "play", "cam", -1000.0)
	player.expect("event 0", "onStatus NetStream.Play.Reset", "onStatus NetStream.Play.Start", "data |RtmpSampleAccess")
	joined(t, h, 1)
	for _, c := range []*client{player, publisher} {
		c.tells("chat", uses())
	}
	eventually(t, "both use it", func() bool {
		return heard[sharedobject.UseSuccess].Load()+echoed[sharedobject.UseSuccess].Load() == 2
	})
	sends := int64(400)
	if w != here {
		sends = 100 // each takes its time
	}
	for n := range sends {
		v, err := sharedobject.NewValue("hit", n, strings.Repeat("x", 1000))
		if err != nil {
			t.Fatal(err)
		}
		publisher.tells("chat", sharedobject.Event{Type: sharedobject.SendMessage, Value: v})
		if n%10 == 0 {
			audio(t, publisher, 0)
		}
	}
	eventually(t, "all is heard", func() bool {
		return heard[sharedobject.SendMessage].Load() == sends && echoed[sharedobject.SendMessage].Load() == sends
	})
	if lost := h.Stats()[0].Total.ObjectSendsLost; lost != 0 {
		t.Errorf("%d are lost", lost)
	}
}

// A client that reads slowly is not ended for how much happens to its objects, and has
// all of what has become of them once it reads.
func TestSharedObjectsOfASlowClient(t *testing.T) {
	t.Parallel()
	h, _ := run(t, here, open)
	var done [16]atomic.Int64
	busy := who(t, h, &done)
	stop := make(chan struct{})
	goOn := sync.OnceFunc(func() { close(stop) })
	has := map[string]string{} // of the slow client, by object and slot; of the goroutine that reads, until said is closed
	said := make(chan struct{})
	names := strings.Split("abcdefgh", "")
	const slots, rounds = 15, 2
	slow := hear(t, servertest.DialNarrow(t, h.RTMPAddr()), func(m *rtmp.Message) string {
		if m.Type != plain {
			return servertest.Word(m)
		}
		<-stop
		got, err := sharedobject.Parse(m.Payload, 1<<22)
		if err != nil {
			t.Error(err)
			return ""
		}
		for _, e := range got.Events {
			if e.Type == sharedobject.Change {
				v, _, _ := amf.Decode(e.Value.Raw)
				text, _ := v.(string)
				has[got.Name+e.Name] = text[:1]
			}
		}
		whole := 0
		for _, v := range has {
			if v == fmt.Sprint(rounds-1) {
				whole++
			}
		}
		if whole == len(names)*slots {
			close(said)
		}
		return ""
	})
	defer goOn()
	slow.Connect("app/one")
	slow.expect("event 0", success, "onBWDone []")
	for _, name := range names {
		slow.tells(name, uses())
		busy.tells(name, uses())
	}
	eventually(t, "both use them", func() bool { return h.Stats()[0].ObjectUses == 2*len(names) })
	for round := range rounds {
		for _, name := range names {
			var all []sharedobject.Event
			for slot := range slots {
				all = append(all, puts(t, fmt.Sprint(slot), fmt.Sprint(round)+strings.Repeat("y", 60000)))
			}
			busy.tells(name, all...)
		}
	}
	eventually(t, "all of it was done", func() bool {
		return done[sharedobject.Success].Load() == int64(rounds*slots*len(names))
	})
	select {
	case <-slow.conn.Closed():
		t.Fatal("a client that does not read for a while was ended")
	default:
	}
	goOn()
	select {
	case <-said:
	case <-time.After(patience):
		t.Fatal("a client that has begun to read does not get what there is")
	}
}

// A client that has asked for a large object has all of it before what it asks next is
// answered.
func TestLargeSharedObject(t *testing.T) { everyWay(t, testLargeSharedObject) }

func testLargeSharedObject(t *testing.T, w way) {
	h, _ := run(t, w, open)
	var heard [16]atomic.Int64
	c := who(t, h, &heard)
	const slots = 3000
	all := []sharedobject.Event{uses()}
	for slot := range slots {
		all = append(all, puts(t, fmt.Sprint("s", slot), strings.Repeat("x", 50)))
	}
	c.tells("chat", all...)
	eventually(t, "the slots are there", func() bool { return heard[sharedobject.Success].Load() == slots })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	nc, err := rtmp.Connect(ctx, "rtmp://"+h.RTMPAddr().String()+"/app/one/-", rtmp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	o := nc.SharedObject("chat", false)
	if err := o.Use(ctx); err != nil {
		t.Fatal(err)
	}
	if got := len(o.Slots()); got != slots {
		t.Errorf("%d slots of %d", got, slots)
	}
	if err := o.Set(ctx, "s1", "y"); err != nil {
		t.Error(err)
	}
	if v, _ := o.Get("s1"); v != "y" {
		t.Errorf("its slot is %.20v", v)
	}
}

// Who takes nothing of what happens to its objects for the write timeout is shown out.
func TestStalledClientOfASharedObjectIsClosed(t *testing.T) {
	t.Parallel()
	h, _ := run(t, here, open)
	var heard [16]atomic.Int64
	busy := who(t, h, &heard)
	busy.tells("chat", uses())
	far, _, served := h.visit(t, session.Config{RTMP: rtmp.Config{WriteTimeout: 300 * time.Millisecond}})
	stalled := rtmp.NewClientConn(far, rtmp.Config{})
	defer stalled.Close()
	if err := stalled.Handshake(); err != nil {
		t.Fatal(err)
	}
	for _, m := range []*rtmp.Message{
		say(0, "connect", amf.NewObject("app", "app/one", "tcUrl", "rtmp://h/app/one")),
		{Type: plain, Payload: object("chat", uses())},
	} {
		if err := stalled.Send(m); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "it uses the object", func() bool { return h.Stats()[0].ObjectUses == 2 })
	for n := int64(1); ; n++ {
		busy.tells("chat", puts(t, "a", fmt.Sprint(n)+strings.Repeat("x", 60000)))
		eventually(t, "a change is answered", func() bool { return heard[sharedobject.Success].Load() == n })
		select {
		case <-served:
			return
		default:
		}
	}
}

// A message that asks for the same object many times has asked once.
func TestSharedObjectUsedManyTimes(t *testing.T) { everyWay(t, testSharedObjectUsedManyTimes) }

func testSharedObjectUsedManyTimes(t *testing.T, w way) {
	h, _ := run(t, w, open)
	var heard [16]atomic.Int64
	c := who(t, h, &heard)
	c.tells("chat", uses())
	const slots = 8000
	for from := 0; from < slots; from += slots / 4 {
		var all []sharedobject.Event
		for slot := range slots / 4 {
			all = append(all, puts(t, fmt.Sprint("s", from+slot), true))
		}
		c.tells("chat", all...)
	}
	eventually(t, "the slots are there", func() bool { return heard[sharedobject.Success].Load() == slots })
	many := make([]sharedobject.Event, 8000)
	for i := range many {
		many[i] = uses()
	}
	c.tells("chat", many...)
	eventually(t, "all slots are told again", func() bool { return heard[sharedobject.Change].Load() >= slots })
	if n := heard[sharedobject.UseSuccess].Load(); n != 2 {
		t.Errorf("%d uses are answered, want 2", n)
	}
	// One after another each begins anew, and each is answered, or the last alone.
	for range 100 {
		c.tells("chat", uses())
	}
	c.tells("chat", puts(t, "last", true))
	eventually(t, "the last word is answered", func() bool { return heard[sharedobject.Success].Load() == slots+1 })
}

// Who reads nothing costs little, however large the objects are that it uses.
func TestSharedObjectOfSilentClients(t *testing.T) {
	t.Parallel()
	h, _ := run(t, here, open)
	var heard [16]atomic.Int64
	c := who(t, h, &heard)
	c.tells("chat", uses())
	const slots = 10000
	for from := 0; from < slots; from += slots / 4 {
		var all []sharedobject.Event
		for slot := range slots / 4 {
			all = append(all, puts(t, fmt.Sprint("s", from+slot), strings.Repeat("x", 50)))
		}
		c.tells("chat", all...)
	}
	eventually(t, "the slots are there", func() bool { return heard[sharedobject.Success].Load() == slots })
	const silent = 20
	stop := make(chan struct{})
	defer close(stop)
	for range silent {
		one := hear(t, servertest.Dial(t, h.RTMPAddr()), func(m *rtmp.Message) string {
			if m.Type == plain {
				<-stop
			}
			return servertest.Word(m)
		})
		one.Connect("app/one")
		one.expect("event 0", success, "onBWDone []")
		for range 100 { // more than sockets take
			one.tells("chat", uses())
		}
	}
	eventually(t, "all use it", func() bool { return h.Stats()[0].ObjectUses == silent+1 })
	// Others are served as before.
	c.tells("chat", puts(t, "s0", true))
	eventually(t, "a change is answered", func() bool { return heard[sharedobject.Success].Load() == slots+1 })
}

// What objects, those who use them and those who are slow hold is paid for, and comes
// back with them.
func TestSharedObjectsArePaidFor(t *testing.T) {
	t.Parallel()
	pays := budget.For(1<<30, 1<<10, nil)
	h, _ := runWith(t, here, session.Config{Budgets: pays}, open)
	var heard [16]atomic.Int64
	busy := who(t, h, &heard)
	stop := make(chan struct{})
	goOn := sync.OnceFunc(func() { close(stop) })
	slow := hear(t, servertest.DialNarrow(t, h.RTMPAddr()), func(m *rtmp.Message) string {
		if m.Type == plain {
			<-stop
		}
		return servertest.Word(m)
	})
	defer goOn()
	slow.Connect("app/one")
	slow.expect("event 0", success, "onBWDone []")
	for _, c := range []*client{busy, slow} {
		c.tells("chat", uses())
	}
	eventually(t, "both use it", func() bool { return h.Stats()[0].ObjectUses == 2 })
	// Who has room for nothing has some of it waiting, and once that is too much nothing:
	// what the object is by then it is told when it has.
	most := int64(0)
	for n := range int64(200) { // more than sockets take
		busy.tells("chat", puts(t, "a", strings.Repeat("x", 60000)))
		eventually(t, "it is answered", func() bool { return heard[sharedobject.Success].Load() == n+1 })
		most = max(most, pays.Objects.Used())
	}
	if most < 100<<10 || most > 1<<20 {
		t.Errorf("%d bytes are paid at most for an object, two who use it and what waits for one of them", most)
	}
	if used := pays.Answers.Used(); used == 0 || used > 256<<10 {
		t.Errorf("%d bytes are paid for what is on its way", used)
	}
	slow.conn.Close()
	goOn()
	busy.conn.Close()
	eventually(t, "all is given back", func() bool {
		return pays.Objects.Used() == 0 && pays.Answers.Used() == 0 && pays.Turns.Waiting() == 0
	})
}
