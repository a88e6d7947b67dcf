package sharedobject

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"flashpod.dev/flashpod/mediaserver/amf"
)

// ear is a subscriber that keeps what it hears. A deaf one takes nothing.
type ear struct {
	deaf    bool
	updates []Update
	pending []func()
}

func (e *ear) Tell(u Update, taken func(int)) {
	e.updates = append(e.updates, u)
	if e.deaf {
		e.pending = append(e.pending, func() { taken(len(u.Payload)) })
		return
	}
	taken(len(u.Payload))
}

// takeAll is a deaf one's: it has room again.
func (e *ear) takeAll() {
	all := e.pending
	e.pending = nil
	for _, taken := range all {
		taken()
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
	since []uint32
}

func newBench() *bench {
	b := &bench{Object: NewObject("chat", false, Limits{}, nil)}
	b.feed = NewFeed("chat", false, func(s *Subscription, since uint32) {
		b.asked, b.since = append(b.asked, s), append(b.since, since)
	})
	return b
}

func (b *bench) join(to Subscriber, form Form) *Subscription {
	s := NewSubscription(b.feed, to, form)
	b.feed.Join(s, b.Version(), []Event{{Type: UseSuccess}, {Type: Clear}}, b.State(0)[1:], nil)
	return s
}

func (b *bench) say(by *Subscription, events ...Event) {
	b.feed.Tell(by, b.Apply(&Message{Events: events}, all), nil)
}

// answer gives states to all who have asked.
func (b *bench) answer() {
	for i, s := range b.asked {
		b.feed.State(s, b.Version(), b.State(b.since[i]))
	}
	b.asked, b.since = nil, nil
}

func hears(t *testing.T, who *ear, want string) {
	t.Helper()
	if got := who.heard(t); got != want {
		t.Errorf("heard\n%.300s\nwant\n%.300s", got, want)
	}
}

func TestFeedTellsEachInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, x, y, z := newBench(), &ear{}, &ear{}, &ear{}
		sx := b.join(x, Form{})
		hears(t, x, "1 use clear")
		b.say(sx, set(t, "a", 1))
		b.join(y, Form{})
		sz := b.join(z, Form{})
		hears(t, x, "2 ok a")
		hears(t, y, "2 use clear\n2 a=1")
		hears(t, z, "2 use clear\n2 a=1")
		done := 0
		b.feed.Tell(sz, b.Apply(&Message{Events: []Event{set(t, "a", 2), {Type: SendMessage, Value: value(t, "hi")}}}, all), func() { done++ })
		b.say(nil, set(t, "b", 1)) // the server
		b.say(sz, del("a"))
		hears(t, x, "5 a=2 send hi b=1 -a")
		hears(t, y, "5 a=2 send hi b=1 -a")
		hears(t, z, "5 ok a send hi b=1 -a")
		if done != 1 {
			t.Error("nobody was told that all have heard it")
		}
		b.feed.Leave(sz, nil)
		b.feed.Leave(sz, nil)
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
		b := newBench()
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

// A subscriber that takes nothing costs others nothing, is not queued for without
// end, and hears the answers to what it has asked, and the present state, once it
// takes something.
func TestFeedWhoIsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, quick, slow := newBench(), &ear{}, &ear{deaf: true}
		b.join(quick, Form{})
		s := b.join(slow, Form{})
		quick.heard(t)
		long := strings.Repeat("x", 1000)
		for i := range 100 {
			b.say(nil, set(t, "a", fmt.Sprint(i, long)), set(t, "gone", i))
			synctest.Wait()
		}
		b.say(s, set(t, "b", 1), set(t, "c", 1), set(t, "b", 2))
		b.say(s, del("gone"), del("nothing"))
		b.say(nil, Event{Type: SendMessage, Value: value(t, "hi")})
		if got := strings.Count(quick.heard(t), "\n"); got < 100 {
			t.Errorf("who takes all has heard %d messages", got)
		}
		queued := 0
		for _, u := range slow.updates {
			queued += len(u.Payload)
		}
		if queued == 0 || queued > window+2000 {
			t.Errorf("%d bytes are queued for who takes nothing", queued)
		}
		if len(b.asked) > 0 {
			t.Error("the state was asked for who cannot take it")
		}
		slow.heard(t)
		slow.takeAll()
		synctest.Wait()
		if len(b.asked) != 1 {
			t.Fatalf("the state was asked for %d times", len(b.asked))
		}
		b.say(nil, set(t, "d", 1)) // meanwhile
		b.say(s, set(t, "e", 1))
		synctest.Wait()
		b.answer()
		hears(t, slow, "105 ok b ok c -gone -nothing ok e -gone a=99"+long+" c=1 b=2 d=1 e=1")
		b.say(nil, set(t, "f", 1))
		hears(t, slow, "106 f=1")
	})
}

// A large state goes out in pieces, as there is room, and what changes meanwhile
// comes after it, once.
func TestFeedLargeState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, slow := newBench(), &ear{deaf: true}
		for i := range 100 {
			b.Set(fmt.Sprint(i), value(t, strings.Repeat("x", 1000)))
		}
		b.join(slow, Form{})
		slots := map[string]amf.Value{}
		for round := 0; ; round++ {
			synctest.Wait()
			b.answer()
			synctest.Wait()
			if len(slow.updates) == 0 {
				break
			}
			bytes := 0
			for _, u := range slow.updates {
				bytes += len(u.Payload)
				m, err := Parse(u.Payload[1:], 1<<20)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range m.Events {
					switch e.Type {
					case Change:
						slots[e.Name], _, _ = amf.Decode(e.Value.Raw)
					case Remove:
						delete(slots, e.Name)
					}
				}
			}
			if bytes > window+100 {
				t.Errorf("%d bytes at once", bytes)
			}
			slow.updates = nil
			if round < 20 {
				b.say(nil, set(t, "0", round), set(t, "99", round), del(fmt.Sprint(round+10)))
			}
			slow.takeAll()
		}
		if len(slots) != 80 || slots["0"] != 19.0 || slots["99"] != 19.0 {
			t.Errorf("%d slots, %v, %v", len(slots), slots["0"], slots["99"])
		}
	})
}

// Bytes and allocations of a change that a thousand hear.
func BenchmarkFeed(b *testing.B) {
	o := newBench()
	for range 1000 {
		o.join(nobody{}, Form{})
	}
	v, _ := NewValue("here I am")
	done := make(chan struct{}, 64)
	b.ResetTimer()
	for range b.N {
		done <- struct{}{}
		o.feed.Tell(nil, o.Apply(&Message{Events: []Event{{Type: RequestChange, Name: "a", Value: v}}}, all), func() { <-done })
	}
	for range cap(done) {
		done <- struct{}{}
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "deliveries/s")
}

type nobody struct{}

func (nobody) Tell(u Update, taken func(int)) { taken(len(u.Payload)) }
