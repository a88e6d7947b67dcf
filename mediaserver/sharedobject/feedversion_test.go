package sharedobject

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/synctest"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/budget"
)

// messages are those that an ear has heard.
func (e *ear) messages(t *testing.T) (all []*Message) {
	t.Helper()
	synctest.Wait()
	for _, u := range e.updates {
		m, err := Parse(u.Payload[1:], 1<<22)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

// count counts what one hears in the end, however slowly.
func (b *bench) count(t *testing.T, who *ear, is func(Event) bool) (n int) {
	t.Helper()
	for range 1000 {
		b.answer()
		who.takeAll()
		synctest.Wait()
	}
	for _, m := range who.messages(t) {
		for _, e := range m.Events {
			if is(e) {
				n++
			}
		}
	}
	return n
}

// Wherever the line of a client breaks, it has all once it has come back with the
// version that it was told last: of a state in pieces, of one change in several
// messages, of what happens while it is behind, and of a long list of answers.
func TestVersionSaysNoMoreThanWasTold(t *testing.T) {
	long := strings.Repeat("x", 3000)
	many := func(t *testing.T, from, n int) (events []Event) {
		for i := range n {
			events = append(events, set(t, fmt.Sprint("s", from+i), long))
		}
		return events
	}
	for name, do := range map[string]func(t *testing.T, b *bench, s *Subscription){
		"a state in pieces": func(t *testing.T, b *bench, s *Subscription) {
			for i := range 50 {
				b.say(nil, many(t, 2*i, 2)...)
			}
			b.again(s)
		},
		"one change in several messages": func(t *testing.T, b *bench, _ *Subscription) {
			b.say(nil, set(t, "a", 1))
			b.say(nil, many(t, 0, 30)...)
		},
		"who is behind": func(t *testing.T, b *bench, s *Subscription) {
			for i := range 200 {
				b.say(nil, many(t, i%40, 1)...)
				if i%50 == 49 {
					b.say(s, set(t, "mine", i), del("s3"))
				}
			}
		},
		"answers among changes": func(t *testing.T, b *bench, s *Subscription) {
			for i := range 8 {
				b.say(nil, many(t, i, 4)...)
				b.say(s, many(t, 20+i, 4)...)
			}
		},
		"locked": func(t *testing.T, b *bench, _ *Subscription) {
			b.Lock()
			for i := range 30 {
				b.say(nil, many(t, i, 1)...)
			}
			b.feed.TellUnlocked(b.Unlock())
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, who := newBench(budget.New("objects", 8<<20)), &ear{deaf: true}
				s := b.join(who, Form{})
				synctest.Wait()
				do(t, b, s)
				for range 200 {
					b.answer()
					who.takeAll()
				}
				version, slots, all := uint32(0), map[string]amf.Value{}, map[string]amf.Value{}
				tell(all, b.State(0))
				told := who.messages(t)
				if len(told) < 4 {
					t.Errorf("%d messages", len(told))
				}
				for i, m := range told { // the line breaks behind each
					if m.Version < version && m.Events[0].Type != UseSuccess {
						t.Errorf("message %d says version %d, and the one before %d", i, m.Version, version)
					}
					version = m.Version
					for j, e := range m.Events {
						if tell(slots, m.Events[j:j+1]); e.Type == Success {
							slots[e.Name] = all[e.Name] // it puts no two values into one
						}
					}
					got := maps.Clone(slots)
					if _, ok := b.Since(version); !ok {
						clear(got)
					}
					if tell(got, b.State(version)); !maps.Equal(got, all) {
						t.Errorf("message %d of %d says version %d, with which a client comes to have %d slots of %d", i, len(told), version, len(got), len(all))
					}
				}
				if version != b.Version() {
					t.Errorf("told version %d of %d at last", version, b.Version())
				}
			})
		})
	}
}

// Each request of a message has its answer, however slowly its client reads: its next
// message waits until then.
func TestAllRequestsAreAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, who := newBench(nil), &ear{deaf: true}
		s := b.join(who, Form{})
		synctest.Wait()
		b.say(nil, set(t, "long", strings.Repeat("x", 20<<10)))
		var m Message
		for i := range maxEvents {
			m.Events = append(m.Events, set(t, fmt.Sprint("s", i), 1))
		}
		done := false
		b.feed.Tell(s, b.ApplyFor(s, &m, Access{Read: true}))
		b.feed.Told(s, func() { done = true })
		if synctest.Wait(); done {
			t.Errorf("%d bytes of answers wait, and the next message does not", s.queue.own)
		}
		if n := b.count(t, who, func(e Event) bool { return e.Type == Status }); n != maxEvents || !done {
			t.Errorf("%d answers for %d requests; the next message is done: %v", n, maxEvents, done)
		}
		who.updates, done = nil, false
		b.feed.Tell(s, b.ApplyFor(s, &m, Access{Read: true}))
		b.feed.Told(s, func() { done = true })
		b.feed.Leave(s)
		if synctest.Wait(); !done {
			t.Error("the next message of one that has left is never done")
		}
	})
}

// Where a budget is used up answers may be missing; none comes twice.
func TestNoAnswerTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pays := budget.New("objects", 1<<20)
		b, who := newBench(pays), &ear{deaf: true}
		s := b.join(who, Form{})
		synctest.Wait()
		var events []Event
		for i := range maxEvents {
			events = append(events, del(fmt.Sprint("nothing", i)))
		}
		pays.Owe(1<<20 - pays.Used())
		b.say(s, events...)
		had := map[string]bool{}
		twice := b.count(t, who, func(e Event) bool {
			was := had[e.Name]
			had[e.Name] = true
			return e.Type == Remove && was
		})
		if twice > 0 || len(had) < 500 {
			t.Errorf("%d answers of %d, %d of them twice", len(had), maxEvents, twice)
		}
	})
}

// A client that uses an object again hears so, whoever pays.
func TestUseIsAlwaysAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pays := budget.New("objects", 1<<20)
		b, who := newBench(pays), &ear{deaf: true}
		s := b.join(who, Form{})
		for _, name := range []string{"a", "b"} {
			b.say(nil, set(t, name, strings.Repeat("x", 31<<10)))
		}
		synctest.Wait()
		b.say(s, set(t, "b", 2), del("none")) // whose answers wait
		synctest.Wait()
		pays.Owe(1<<20 - pays.Used())
		b.again(s)
		if n := b.count(t, who, func(e Event) bool { return e.Type == UseSuccess || e.Type == Clear }); n != 4 {
			t.Errorf("heard %d UseSuccess and Clear for two uses", n)
		}
		if n := b.count(t, who, func(e Event) bool { return e.Type == Success }); n != 1 {
			t.Errorf("%d answers to what it asked before", n)
		}
	})
}
