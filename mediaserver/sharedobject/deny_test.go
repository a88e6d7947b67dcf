package sharedobject

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
)

// What a slot is, is said once of those that are denied, until it changes; each request
// has its Status.
func TestDeniedValueIsSaidOnce(t *testing.T) {
	o := NewObject("a", false, Limits{Slots: 2, SlotBytes: 50}, nil)
	o.Set("a", value(t, 1))
	long := set(t, "a", strings.Repeat("x", 100))
	for _, c := range []struct {
		events []Event
		want   string
	}{
		{[]Event{long, long, long}, "no no no a=1"},
		{[]Event{long, set(t, "b", 1), set(t, "c", 1), long, set(t, "d", 1), set(t, "c", 1)}, "no no a=1 ok b no no -c no -d"},
		{[]Event{long, set(t, "a", 2), long, long}, "no a=1 ok a no no a=2"},
		{[]Event{long, del("a"), long, {Type: Clear}, long}, "no a=2 -a no -a clear no -a"},
	} {
		out := o.Apply(&Message{Events: c.events}, all)
		if got := strings.ReplaceAll(say(out.Requester), "NoWriteAccess", "no"); got != c.want {
			t.Errorf("answered %q, want %q", got, c.want)
		}
	}
	var m Message
	for i := range maxEvents {
		m.Events = append(m.Events, del(fmt.Sprint("a", i%2)))
	}
	if out := o.Apply(&m, Access{Read: true}); out.Denied != maxEvents || len(out.Requester) != maxEvents+2 {
		t.Errorf("%d denials of %d, %d answers", out.Denied, maxEvents, len(out.Requester))
	}
}

// While an object is locked nobody is told what others have changed, nor in answers;
// when it is unlocked everybody is.
func TestDeniedUnderLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, x, y := newBench(nil), &ear{}, &ear{}
		sx, sy := b.join(x, Form{}), b.join(y, Form{})
		b.say(nil, set(t, "a", 1), set(t, "b", 1), set(t, "c", 1), set(t, "d", 1))
		x.heard(t)
		y.heard(t)
		b.Lock()
		b.say(sy, set(t, "a", 2), del("b"), set(t, "new", 2))
		b.say(sx, set(t, "c", 2))
		x.heard(t)
		y.heard(t)
		denied := func(s *Subscription) {
			for _, name := range []string{"a", "b", "c", "d", "new"} {
				b.feed.Tell(s, b.ApplyFor(s, &Message{Events: []Event{del(name)}}, Access{Read: true}))
			}
		}
		hear := func(e *ear, want string) {
			t.Helper()
			var got []string
			for _, m := range e.messages(t) {
				for _, e := range m.Events {
					if e.Type != Status {
						got = append(got, say([]Event{e}))
					}
				}
			}
			if e.updates = nil; strings.Join(got, " ") != want {
				t.Errorf("heard %q, want %q", got, want)
			}
		}
		denied(sx)
		hear(x, "a=1 b=1 c=2 d=1 -new")
		denied(sy)
		hear(y, "a=2 -b c=1 d=1 new=2")
		b.say(sy, Event{Type: Clear})
		y.updates = nil
		denied(sx)
		hear(x, "a=1 b=1 c=1 d=1 -new")
		b.feed.TellUnlocked(b.Unlock())
		hear(x, "a=2 -b new=2 clear")
		hear(y, "clear c=2 clear")
		if b.heldBytes != 0 || b.was != nil {
			t.Errorf("%d bytes are held", b.heldBytes)
		}
	})
}

// Who begins anew while an object is locked hears its changes again, and what it has
// sent not.
func TestAgainUnderLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, x, y := newBench(nil), &ear{}, &ear{}
		sx := b.join(x, Form{})
		b.join(y, Form{})
		x.heard(t)
		y.heard(t)
		send := func(text string) Event { return Event{Type: SendMessage, Value: value(t, text)} }
		b.Lock()
		b.say(sx, send("one"), set(t, "a", 1), set(t, "b", 1), send("two"), set(t, "c", 1))
		b.again(sx)
		b.say(sx, send("three"), set(t, "d", 1))
		hears(t, x, "1 send one ok a ok b send two ok c\n1 use clear\n1 send three ok d")
		b.feed.TellUnlocked(b.Unlock())
		hears(t, x, "3 a=1 b=1 c=1")
		hears(t, y, "3 send one a=1 b=1 send two c=1 send three d=1")
		b.Lock()
		b.say(sx, send("four"), set(t, "e", 1))
		b.feed.Leave(sx)
		sx = b.join(x, Form{Flex: true})
		b.answer()
		b.say(sx, send("five"))
		synctest.Wait()
		b.feed.TellUnlocked(b.Unlock())
		hears(t, x, "3 send four ok e\n1 use clear\n3 a=1 b=1 c=1 d=1\n3 send five\n4 e=1")
		hears(t, y, "4 send four e=1 send five")
	})
}
