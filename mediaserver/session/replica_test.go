package session_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// What clients of two edges, of one that is a version behind, and of the origin itself say
// by chance: each hears it in order, all hear in one order what all hear, and who comes in
// the end, wherever, has what the last has.
func TestSharedObjectAtEdgesByChance(t *testing.T) {
	t.Parallel()
	h, _ := run(t, overLink, open)
	h.link.cfg.LinkVersion = 1
	old := h.link.another()
	h.link.cfg.LinkVersion = 0
	places := []session.Directory{h.link.Edge, h.link.another(), h, old}
	keeper := shares(t, h)
	keeper.say(plain, chat(0)+use) // the object stays
	keeper.hears(plain, chat(1)+used)
	come := func(at session.Directory, name string, seed uint64, messages int) *chatter {
		c := &chatter{t: t, name: name, slots: map[string]string{}, heard: map[string]float64{}, at: at}
		c.run(h, c.script(rand.New(rand.NewPCG(seed, 2)), messages))
		return c
	}
	var all sync.WaitGroup
	came := make([]*chatter, 2*len(places))
	for i := range came {
		all.Go(func() { came[i] = come(places[i%len(places)], string(rune('A'+i)), uint64(i), 60) })
	}
	all.Wait()
	for i, a := range came {
		place := map[string]int{}
		for n, m := range a.sent {
			place[m] = n + 1
		}
		for _, b := range came[:i] {
			last := 0
			for _, m := range b.sent {
				if n := place[m]; n > 0 && n < last {
					t.Errorf("%s hears %s before what %s hears before it", a.name, m, b.name)
				} else if n > 0 {
					last = n
				}
			}
		}
	}
	last := come(places[1], "Y", 9, 30)
	for i, at := range places {
		if fresh := come(at, string(rune('a'+i)), 0, 0); !maps.Equal(last.slots, fresh.slots) || len(fresh.slots) < 10 {
			t.Errorf("at %d who comes has %d slots, and one that was there %d, or others", i, len(fresh.slots), len(last.slots))
		}
	}
}

// A change goes over a link once, however many clients of the edge hear it, and a client
// that comes costs the link next to nothing.
func TestSharedObjectGoesOverALinkOnce(t *testing.T) {
	t.Parallel()
	h, _ := run(t, overLink, open)
	const clients, changes, size = 20, 5, 20 << 10
	var counts [clients][16]atomic.Int64
	var all []*client
	for n := range clients {
		all = append(all, who(t, h, &counts[n]))
		all[n].tells("chat", uses())
		eventually(t, "it is used", func() bool { return counts[n][sharedobject.UseSuccess].Load() == 1 })
	}
	before := h.link.sent.Load()
	for n := range changes {
		all[0].tells("chat", puts(t, fmt.Sprint("a", n), strings.Repeat("x", size)))
	}
	eventually(t, "all have heard", func() bool {
		for n := 1; n < clients; n++ {
			if counts[n][sharedobject.Change].Load() < changes {
				return false
			}
		}
		return counts[0][sharedobject.Success].Load() == changes
	})
	if sent := h.link.sent.Load() - before; sent > 2*changes*size {
		t.Errorf("%d bytes went over the link for %d", sent, changes*size)
	}
	before = h.link.sent.Load()
	var late [16]atomic.Int64
	one := who(t, h, &late)
	one.tells("chat", uses())
	eventually(t, "who is late has all", func() bool { return late[sharedobject.Change].Load() == changes })
	if sent := h.link.sent.Load() - before; sent > changes*size/2 {
		t.Errorf("%d bytes went over the link for one who came late", sent)
	}
}

// A client of an edge that takes nothing holds up nobody else there, and has what has
// become of the object once it reads.
func TestSharedObjectOfASlowClientOfAnEdge(t *testing.T) {
	t.Parallel()
	h, _ := run(t, overLink, open)
	const changes, size = 200, 20 << 10
	last := puts(t, "a", fmt.Sprint(changes-1, strings.Repeat("x", size))).Value.Raw
	// knows is a word for messages of objects that notes when the last value is told.
	knows := func(is *atomic.Bool, reads <-chan struct{}) func(*rtmp.Message) string {
		return func(m *rtmp.Message) string {
			if m.Type != plain {
				return servertest.Word(m)
			}
			<-reads
			got, err := sharedobject.Parse(m.Payload, 1<<22)
			if err != nil {
				t.Error(err)
				return ""
			}
			for _, e := range got.Events {
				if e.Type == sharedobject.Change && bytes.Equal(e.Value.Raw, last) {
					is.Store(true)
				}
			}
			return ""
		}
	}
	var done [16]atomic.Int64
	var others, slows atomic.Bool
	now, later := make(chan struct{}), make(chan struct{})
	close(now)
	busy := who(t, h, &done)
	other := hear(t, servertest.Dial(t, h.RTMPAddr()), knows(&others, now))
	slow := hear(t, servertest.DialNarrow(t, h.RTMPAddr()), knows(&slows, later))
	goOn := sync.OnceFunc(func() { close(later) })
	defer goOn()
	for _, c := range []*client{other, slow} {
		c.Connect("app/one")
		c.expect("event 0", success, "onBWDone []")
	}
	for _, c := range []*client{busy, other, slow} {
		c.tells("chat", uses())
	}
	eventually(t, "all use it", func() bool { return h.Stats()[0].ObjectUses == 3 })
	for n := range changes {
		busy.tells("chat", puts(t, "a", fmt.Sprint(n, strings.Repeat("x", size))))
	}
	eventually(t, "others have heard all", func() bool { return done[sharedobject.Success].Load() == changes && others.Load() })
	goOn()
	eventually(t, "who was slow has the last", slows.Load)
}

// A script that takes a client's right to read takes its shared objects as well: it hears
// so, and nothing of what happens then.
func TestScriptRevokesAccess(t *testing.T) { everyWay(t, testScriptRevokesAccess) }

func testScriptRevokesAccess(t *testing.T, w way) {
	h, _ := run(t, w, open.running(doorman))
	ann, bob := in(t, h, "ann"), in(t, h, "bob")
	for _, c := range []*client{ann, bob} {
		for _, name := range []string{"public/list", "own/list"} {
			c.tells(name, uses())
			c.expect("type 19") // UseSuccess and Clear
		}
	}
	ann.send("allow", 5, nil, "public", "/")
	ann.expectAll("object "+sharedobject.CodeNoReadAccess, "_result [{}]")
	for _, name := range []string{"own/list", "public/list"} {
		bob.tells(name, puts(t, "a", name))
		bob.expect("object a")
	}
	ann.expect("object a") // of public/list
	ann.send("add", 6, nil, "1", "2")
	ann.expect("_result [12]")
	ann.tells("own/list", puts(t, "b", 1))
	ann.expect("object " + sharedobject.CodeNoWriteAccess) // it does not use it
	ann.send("allow", 7, nil, "/", "/")
	ann.expect("_result [{}]")
	ann.tells("own/list", uses())
	ann.expect("type 19", "object a")
}
