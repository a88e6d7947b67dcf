package sharedobject

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/budget"
)

// A subscriber that takes nothing for a while hears all that has happened, in order,
// as long as there is not too much of it.
func TestFeedQueuesForWhoIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pays := budget.New("objects", 1<<20)
		b, slow := newBench(pays), &ear{deaf: true}
		s := b.join(slow, Form{})
		hears(t, slow, "1 use clear")
		long := strings.Repeat("x", 1000)
		var want []string
		for i := range 100 {
			b.say(nil, Event{Type: SendMessage, Value: value(t, fmt.Sprint(i, long))})
			want = append(want, fmt.Sprintf("send %d%s", i, long))
			synctest.Wait()
		}
		b.say(s, set(t, "a", 1))
		want = append(want, "ok a")
		synctest.Wait()
		if used := pays.Used(); used < 60<<10 {
			t.Errorf("%d bytes are paid for what waits", used)
		}
		var got []string
		for range 10 {
			for _, line := range strings.Split(slow.heard(t), "\n") {
				if _, said, _ := strings.Cut(line, " "); said != "" {
					got = append(got, said)
				}
			}
			slow.takeAll()
			synctest.Wait()
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") || b.lost > 0 || len(b.asked) > 0 {
			t.Errorf("heard %d messages of %d, %d are lost, asked %d times", len(got), len(want), b.lost, len(b.asked))
		}
		b.feed.Leave(s)
		b.Empty()
		synctest.Wait()
		if used := pays.Used(); used != 0 {
			t.Errorf("%d bytes are paid for nothing", used)
		}
	})
}

// A subscriber that takes nothing costs others nothing, is not queued for without
// end, and hears what waited for it, the answers to what it has asked, and then what
// the object has become, once it takes something.
func TestFeedWhoIsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pays := budget.New("objects", 4<<20)
		b, quick, slow := newBench(pays), &ear{}, &ear{deaf: true}
		b.join(quick, Form{})
		s := b.join(slow, Form{})
		quick.heard(t)
		slow.heard(t)
		long := strings.Repeat("x", 1000)
		for i := range 1000 {
			b.say(nil, set(t, "a", fmt.Sprint(i, long)), set(t, "gone", i), Event{Type: SendMessage, Value: value(t, "hi")})
			synctest.Wait()
		}
		b.say(s, set(t, "b", 1), set(t, "c", 1), set(t, "b", 2))
		synctest.Wait()
		b.say(s, del("gone"), del("nothing"))
		if got := strings.Count(quick.heard(t), "\n"); got < 1000 {
			t.Errorf("who takes all has heard %d messages", got)
		}
		if s.queue.bytes > maxQueue || pays.Used() > maxQueue+32<<10 {
			t.Errorf("%d bytes wait for who takes nothing, %d are paid for", s.queue.bytes, pays.Used())
		}
		if len(b.asked) > 0 {
			t.Error("what has changed was asked for who cannot take it")
		}
		sends := 0
		for range 100 {
			sends += strings.Count(slow.heard(t), "send hi")
			if len(b.asked) > 0 {
				break
			}
			slow.takeAll()
		}
		if sends+b.lost != 1000 || b.lost == 0 {
			t.Errorf("%d of 1000 sends heard, %d lost", sends, b.lost)
		}
		if len(b.asked) != 1 {
			t.Fatalf("what has changed was asked for %d times", len(b.asked))
		}
		b.say(nil, set(t, "d", 1)) // meanwhile
		synctest.Wait()
		b.say(s, set(t, "e", 1))
		synctest.Wait()
		if len(b.asked) != 1 {
			t.Errorf("what has changed was asked for %d times", len(b.asked))
		}
		b.answer()
		hears(t, slow, "1001 a=999"+long+"\n1001 ok b ok c ok b\n1002 c=1 b=2\n1002 -gone -nothing\n1004 -gone d=1\n1004 ok e\n1005 e=1")
		b.say(nil, set(t, "f", 1))
		hears(t, slow, "1006 f=1")
	})
}

// Answers come behind what happened before them, and before what happened later:
// who asks something of an object that it is still being told of hears the answer
// when it has been.
func TestFeedAnswersInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, who := newBench(nil), &ear{deaf: true}
		long := strings.Repeat("x", 1000)
		for i := range 100 {
			b.Set(fmt.Sprint(i), value(t, long))
		}
		s := b.join(who, Form{})
		b.say(s, del(""))
		b.say(s, set(t, "a", 1))
		b.say(nil, set(t, "a", 2))
		b.say(nil, set(t, "50", 3))
		var heard []string
		for range 20 {
			b.answer()
			for _, line := range strings.Split(strings.ReplaceAll(who.heard(t), "="+long, ""), "\n") {
				_, said, _ := strings.Cut(line, " ")
				heard = append(heard, strings.Fields(said)...)
			}
			who.takeAll()
		}
		want := []string{"use", "clear"}
		for i := range 100 {
			if i != 50 {
				want = append(want, fmt.Sprint(i))
			}
		}
		want = append(want, "-", "ok", "a", "a=2", "50=3")
		if strings.Join(heard, " ") != strings.Join(want, " ") || s.queue.own != 0 {
			t.Errorf("heard %v\n%d bytes are owed", heard, s.queue.own)
		}
	})
}

// A large state goes out in pieces, as there is room, and what changes meanwhile
// comes after it, once. A subscriber that takes nothing holds nothing of it.
func TestFeedLargeState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, slow := newBench(nil), &ear{deaf: true}
		for i := range 100 {
			b.Set(fmt.Sprint(i), value(t, strings.Repeat("x", 1000)))
		}
		s := b.join(slow, Form{})
		slots := map[string]amf.Value{}
		for round := 0; ; round++ {
			b.answer()
			if len(slow.updates) == 0 {
				break
			}
			bytes := 0
			for _, u := range slow.updates {
				bytes += len(u.Payload)
				if len(u.Payload) > MaxMessage+100 {
					t.Errorf("a message of %d bytes", len(u.Payload))
				}
				m, err := Parse(u.Payload[1:], 1<<20)
				if err != nil {
					t.Fatal(err)
				}
				tell(slots, m.Events)
			}
			if bytes > earRoom {
				t.Errorf("%d bytes at once", bytes)
			}
			if !s.queue.empty() {
				t.Error("some of the state waits in a queue")
			}
			slow.updates = nil
			if round < 20 {
				b.say(nil, set(t, "0", round), set(t, "99", round), del(fmt.Sprint(round+10)))
			}
			slow.takeAll()
		}
		if len(slots) != b.Len() || slots["0"] != 19.0 && slots["0"] == nil {
			t.Errorf("%d slots of %d, %v, %v", len(slots), b.Len(), slots["0"], slots["99"])
		}
	})
}

// Answers to a message that asks for very much come in several, and one that does not
// read them is kept no more of than there may be.
func TestFeedManyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pays := budget.New("objects", 16<<20)
		b, who := newBench(pays), &ear{}
		s := b.join(who, Form{})
		who.heard(t)
		var events []Event
		for i := range maxEvents {
			events = append(events, set(t, fmt.Sprintf("slot %d", i), i))
		}
		b.say(s, events...)
		synctest.Wait()
		answers := 0
		for _, u := range who.updates {
			m, err := Parse(u.Payload[1:], 1<<24)
			if err != nil || len(u.Payload) > MaxMessage+100 {
				t.Fatalf("a message of %d bytes: %v", len(u.Payload), err)
			}
			answers += len(m.Events)
		}
		if answers != maxEvents || len(who.updates) < 2 {
			t.Errorf("%d answers in %d messages", answers, len(who.updates))
		}
		who.deaf = true
		had := pays.Used()
		b.SetLimits(Limits{SlotBytes: 64 << 10})
		long := strings.Repeat("x", 60<<10)
		b.say(s, set(t, "long", long))
		for range 20 { // each is denied, and answered with what the slot is
			b.say(s, set(t, "long", long+long), set(t, "long", long+long))
			synctest.Wait()
		}
		if grown := pays.Used() - had; s.queue.own > maxOwn || grown > maxOwn+maxQueue {
			t.Errorf("%d bytes of answers wait, and %d are paid for", s.queue.own, grown)
		}
	})
}

// A message that changes nothing makes nobody fall behind.
func TestFeedNothingToTell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, slow := newBench(nil), &ear{deaf: true}
		s := b.join(slow, Form{})
		for !s.waiting {
			b.say(nil, set(t, "a", strings.Repeat("x", 1<<10)))
			synctest.Wait()
		}
		done := false
		b.say(nil, del("nothing"))
		b.feed.Told(nil, func() { done = true })
		synctest.Wait()
		if !done || !s.current {
			t.Errorf("all were told: %v; who has no room has missed nothing: %v", done, s.current)
		}
	})
}

// Many uses one after another cost one question at a time.
func TestFeedManyUses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, who := newBench(nil), &ear{deaf: true}
		b.Set("a", value(t, 1))
		s := b.join(who, Form{})
		for range 10000 {
			b.again(s)
		}
		synctest.Wait()
		if len(b.asked) != 1 {
			t.Errorf("asked %d times", len(b.asked))
		}
		if s.queue.own > 1<<10 {
			t.Errorf("%d bytes wait", s.queue.own)
		}
		for range 1000 {
			b.answer()
			who.takeAll()
		}
		if got := who.heard(t); !strings.HasSuffix(got, "1 use clear\n2 a=1") {
			t.Errorf("heard at last %q", got[max(0, len(got)-100):])
		}
	})
}

// Who changes a locked object hears so once, and others when it is unlocked; who
// cannot be told all of what happened is told what has come of it.
func TestFeedLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, x, y := newBench(nil), &ear{}, &ear{}
		sx, sy := b.join(x, Form{}), b.join(y, Form{})
		x.heard(t)
		y.heard(t)
		b.Lock()
		b.say(sx, set(t, "a", 1), set(t, "b", 1))
		synctest.Wait()
		b.say(sy, set(t, "c", 1), Event{Type: SendMessage, Value: value(t, "hi")})
		synctest.Wait()
		b.say(sx, set(t, "c", 2))
		hears(t, x, "1 ok a ok b\n1 ok c")
		hears(t, y, "1 ok c send hi")
		b.feed.TellUnlocked(b.Unlock())
		hears(t, x, "4 c=1 send hi c=2")
		hears(t, y, "4 a=1 b=1 c=2")
		b.Lock()
		for i := range 3 * maxEvents {
			b.say(sx, set(t, fmt.Sprint("n", i%100), i))
			x.heard(t)
		}
		if b.heldBytes > maxHeld {
			t.Errorf("%d bytes are held", b.heldBytes)
		}
		b.feed.TellUnlocked(b.Unlock())
		b.answer()
		if got := y.heard(t); strings.Count(got, "=") != 100 || !strings.HasSuffix(got, fmt.Sprint("=", 3*maxEvents-1)) {
			t.Errorf("heard %.300q", got)
		}
	})
}

// What the server's own code does in one go is kept so far as there is not too much of
// it; of more, what has come of it is told.
func TestFeedTheServerSaysMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, who := newBench(nil), &ear{}
		b.join(who, Form{})
		who.heard(t)
		goOn := make(chan struct{})
		b.feed.Told(nil, func() { <-goOn }) // nothing is told meanwhile
		long := strings.Repeat("x", 10<<10)
		const changes = 2000
		for i := range changes {
			b.say(nil, set(t, fmt.Sprint(i%10), fmt.Sprint(i, long)), Event{Type: SendMessage, Value: value(t, "hi")})
		}
		b.feed.mu.Lock()
		waiting := 0
		for i := range b.feed.waiting {
			waiting += memory(b.feed.waiting[i].others)
		}
		b.feed.mu.Unlock()
		if waiting > maxOwnWaiting {
			t.Errorf("%d bytes wait", waiting)
		}
		close(goOn)
		b.answer()
		heard := who.heard(t)
		if n := strings.Count(heard, "send hi"); n+b.lost != changes || b.lost == 0 {
			t.Errorf("%d of %d sends heard, and %d lost", n, changes, b.lost)
		}
		for i := range 10 {
			last := fmt.Sprintf("%d=%d", i, changes-10+i)
			if !strings.Contains(heard[max(0, len(heard)-200<<10):], last) {
				t.Errorf("slot %d is not what it is", i)
			}
		}
	})
}

// A client that asks in another form from now on still hears the answers that it has
// not taken, in that form.
func TestAnswersOutliveAForm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, slow := newBench(nil), &ear{deaf: true}
		s := b.join(slow, Form{})
		for i := range 3 {
			b.say(nil, set(t, fmt.Sprint(i), strings.Repeat("x", 20<<10)))
		}
		b.say(s, set(t, "a", 1))
		synctest.Wait()
		before := len(slow.updates)
		b.feed.JoinAs(s, Form{Flex: true}, []Event{{Type: UseSuccess}, {Type: Clear}}, b.Join(b.Begin()))
		for range 10 {
			b.answer()
			slow.takeAll()
		}
		answers := 0
		for i, u := range slow.updates {
			if u.Flex != (i >= before) {
				t.Errorf("message %d of %d is in another form", i, len(slow.updates))
			}
			m, err := Parse(u.Payload[1:], 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range m.Events {
				if e.Type == Success {
					answers++
				}
			}
		}
		if answers != 1 {
			t.Errorf("%d answers to one request", answers)
		}
	})
}
