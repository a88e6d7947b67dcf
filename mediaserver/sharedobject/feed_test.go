package sharedobject

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/budget"
)

// ear is a subscriber that keeps what it hears. A deaf one takes so many bytes until
// takeAll is called.
type ear struct {
	deaf    bool
	taken   int
	updates []Update
	waiting Waiter
}

const earRoom = 32 << 10

func (e *ear) Tell(u Update, w Waiter) bool {
	if u.Payload == nil {
		e.waiting = nil
		return true
	}
	if e.deaf && e.taken > 0 && e.taken+len(u.Payload) > earRoom {
		e.waiting = w
		return false
	}
	e.taken += len(u.Payload)
	e.updates = append(e.updates, u)
	return true
}

// takeAll is a deaf one's: it has room again.
func (e *ear) takeAll() {
	synctest.Wait()
	e.taken = 0
	if w := e.waiting; w != nil {
		e.waiting = nil
		w.Room()
	}
}

// heard is what it has heard since the last time, a line for each message.
func (e *ear) heard(t *testing.T) string {
	t.Helper()
	synctest.Wait()
	var lines []string
	for _, u := range e.updates {
		m, err := Parse(u.Payload[1:], 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("%d %s", m.Version, say(m.Events)))
	}
	e.updates = nil
	return strings.Join(lines, "\n")
}

// bench is an object with its feed, whose owner is the test.
type bench struct {
	*Object
	feed  *Feed
	asked []*Subscription
	since []Cursor
	lost  int
}

func newBench(b *budget.Budget) *bench {
	o := &bench{Object: NewObject("chat", false, Limits{}, b)}
	o.feed = NewFeed("chat", false, FeedConfig{
		Ask:    func(s *Subscription, c Cursor) { o.asked, o.since = append(o.asked, s), append(o.since, c) },
		Budget: b,
		Lost:   func(n int) { o.lost += n },
	})
	return o
}

func (b *bench) join(to Subscriber, form Form) *Subscription {
	s := NewSubscription(b.feed, to, form)
	b.again(s)
	return s
}

// again has a subscriber begin anew.
func (b *bench) again(s *Subscription) {
	b.Object.Again(s)
	b.feed.Join(s, []Event{{Type: UseSuccess}, {Type: Clear}}, b.Join(b.Begin()))
}

func (b *bench) say(by *Subscription, events ...Event) {
	b.feed.Tell(by, b.ApplyFor(by, &Message{Events: events}, all))
}

// answer gives pieces to all who have asked, until nobody does.
func (b *bench) answer() {
	for synctest.Wait(); len(b.asked) > 0; synctest.Wait() {
		b.answerOnce()
	}
}

func (b *bench) answerOnce() {
	asked, since := b.asked, b.since
	b.asked, b.since = nil, nil
	for i, s := range asked {
		b.feed.State(s, b.Piece(since[i], MaxMessage))
	}
}

func hears(t *testing.T, who *ear, want string) {
	t.Helper()
	if got := who.heard(t); got != want {
		t.Errorf("heard\n%.300s\nwant\n%.300s", got, want)
	}
}

func TestFeedTellsEachInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, x, y, z := newBench(nil), &ear{}, &ear{}, &ear{}
		sx := b.join(x, Form{})
		hears(t, x, "1 use clear")
		b.say(sx, set(t, "a", 1))
		b.join(y, Form{})
		sz := b.join(z, Form{})
		b.answer()
		hears(t, x, "2 ok a")
		hears(t, y, "1 use clear\n2 a=1")
		hears(t, z, "1 use clear\n2 a=1")
		done := 0
		b.say(sz, set(t, "a", 2), Event{Type: SendMessage, Value: value(t, "hi")})
		b.feed.Told(nil, func() { done++ })
		b.say(nil, set(t, "b", 1)) // the server
		b.say(sz, del("a"))
		for who, want := range map[*ear]string{x: "a=2 send hi b=1 -a", y: "a=2 send hi b=1 -a", z: "ok a send hi b=1 -a"} {
			var got []string
			for _, line := range strings.Split(who.heard(t), "\n") { // what comes together is a matter of time
				_, said, _ := strings.Cut(line, " ")
				got = append(got, said)
			}
			if strings.Join(got, " ") != want {
				t.Errorf("heard %q, want %q", got, want)
			}
		}
		if done != 1 {
			t.Error("nobody was told that all have heard it")
		}
		b.feed.Leave(sz)
		b.feed.Leave(sz)
		b.say(sx, set(t, "c", 1))
		hears(t, z, "")
		hears(t, x, "6 ok c")
		hears(t, y, "6 c=1")
	})
}

// What many hear is encoded once for those who understand AMF3, and once for
// those who do not.
func TestFeedEncodesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(nil)
		ears := []*ear{{}, {}, {}, {}}
		forms := []Form{{}, {}, {Flex: true, AMF3: true}, {AMF3: true}}
		for i, e := range ears {
			b.join(e, forms[i])
			e.heard(t)
		}
		for _, v := range []string{"\x04\x05", "\x0c\x03a"} { // a number, and bytes, which AMF0 cannot say
			m, err := Parse((&Message{Name: "chat", Events: []Event{{Type: RequestChange, Name: "a", Value: Value{Raw: []byte("\x11" + v)}}}}).Encode(true)[1:], 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			b.say(nil, m.Events...)
			synctest.Wait()
			at := func(i int) *byte { return &ears[i].updates[0].Payload[0] }
			if at(0) != at(1) || at(2) != at(3) {
				t.Error("a message was encoded for each who hears it")
			}
			if plain := string(ears[0].updates[0].Payload); strings.Contains(plain, "\x11\x04") {
				t.Errorf("who knows AMF0 alone hears %x", plain)
			}
			if ears[0].updates[0].Flex || !ears[2].updates[0].Flex || ears[3].updates[0].Flex {
				t.Error("messages are not of the type that was asked in")
			}
			for _, e := range ears {
				e.updates = nil
			}
		}
	})
}

// tell has a client's slots be what it hears.
func tell(slots map[string]amf.Value, events []Event) {
	for _, e := range events {
		switch e.Type {
		case Change:
			slots[e.Name], _, _ = amf.Decode(e.Value.Raw)
		case Remove:
			delete(slots, e.Name)
		case Clear:
			clear(slots)
		}
	}
}

// Bytes and allocations of a change that a thousand hear.
func BenchmarkFeed(b *testing.B) {
	o := newBench(nil)
	for range 1000 {
		o.join(nobody{}, Form{})
	}
	v, _ := NewValue("here I am")
	done := make(chan struct{}, 64)
	b.ResetTimer()
	for range b.N {
		done <- struct{}{}
		o.say(nil, Event{Type: RequestChange, Name: "a", Value: v})
		o.feed.Told(nil, func() { <-done })
	}
	for range cap(done) {
		done <- struct{}{}
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "deliveries/s")
}

type nobody struct{}

func (nobody) Tell(Update, Waiter) bool { return true }
