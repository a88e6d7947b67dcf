package session_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// chatter is a client that says what chance says about an object, and checks what it
// hears.
type chatter struct {
	t       *testing.T
	name    string
	slots   map[string]string
	version uint32
	pending [][2]string // slots and values it has no answer for
	heard   map[string]float64
	at      session.Directory // that its session asks; nil: the house's
	sent    []string          // messages, in the order in which it has heard them
}

// hear takes one message, and returns true when it is the answer to the last request.
func (c *chatter) hear(m *rtmp.Message) bool {
	got, err := sharedobject.Parse(m.Payload, 1<<22)
	if err != nil {
		c.t.Error(err)
		return true
	}
	if got.Version < c.version && got.Events[0].Type != sharedobject.UseSuccess {
		c.t.Errorf("%s: version %d behind %d", c.name, got.Version, c.version)
	}
	c.version = got.Version
	for _, e := range got.Events {
		values, _ := amf.DecodeAll(e.Value.Raw)
		switch e.Type {
		case sharedobject.Clear:
			clear(c.slots)
		case sharedobject.Change:
			c.slots[e.Name] = values[0].(string)
		case sharedobject.Remove:
			if delete(c.slots, e.Name); e.Name == "end"+c.name {
				return true
			}
		case sharedobject.Success:
			if len(c.pending) == 0 || c.pending[0][0] != e.Name {
				c.t.Errorf("%s: success of %s, where %.30v is due", c.name, e.Name, c.pending)
				return true
			}
			c.slots[e.Name], c.pending = c.pending[0][1], c.pending[1:]
		case sharedobject.SendMessage:
			by, n := values[0].(string), values[1].(float64)
			if n <= c.heard[by] {
				c.t.Errorf("%s: message %v of %s behind %v", c.name, n, by, c.heard[by])
			}
			c.heard[by] = n
			c.sent = append(c.sent, fmt.Sprint(by, n))
		}
	}
	return false
}

// script is what the client says: so many messages, and the last request.
func (c *chatter) script(r *rand.Rand, messages int) (all []*rtmp.Message) {
	add := func(events ...sharedobject.Event) {
		all = append(all, &rtmp.Message{Type: plain, Payload: object("chat", events...)})
	}
	add(uses())
	for n := range messages {
		var events []sharedobject.Event
		for range 1 + r.IntN(8) {
			slot, text := fmt.Sprint("s", r.IntN(40)), fmt.Sprint(c.name, n, strings.Repeat("x", r.IntN(2000)))
			if r.IntN(4) == 0 {
				events = append(events, sharedobject.Event{Type: sharedobject.RequestRemove, Name: slot})
				continue
			}
			c.pending = append(c.pending, [2]string{slot, text})
			events = append(events, puts(c.t, slot, text))
		}
		v, err := sharedobject.NewValue(c.name, n+1)
		if err != nil {
			c.t.Error(err)
		}
		add(append(events, sharedobject.Event{Type: sharedobject.SendMessage, Value: v})...)
		if r.IntN(10) == 0 {
			add(uses())
		}
	}
	add(sharedobject.Event{Type: sharedobject.RequestRemove, Name: "end" + c.name})
	return all
}

// run has the client say it, and waits for the last answer.
func (c *chatter) run(h *house, script []*rtmp.Message) {
	at := c.at
	if at == nil {
		at = h.dir
	}
	far, _, _ := h.visitBy(c.t, at, h.cfg)
	conn := rtmp.NewClientConn(far, rtmp.Config{})
	defer conn.Close()
	if err := conn.Handshake(); err != nil {
		c.t.Error(err)
		return
	}
	_ = conn.Send(say(0, "connect", amf.NewObject("app", "app/one", "tcUrl", "rtmp://h/app/one")))
	var saying sync.WaitGroup
	over := false
	err := conn.Serve(func(m *rtmp.Message) error {
		if servertest.Word(m) == success && !over {
			over = true
			saying.Go(func() {
				for _, m := range script {
					if err := conn.SendWait(c.t.Context(), m); err != nil {
						return
					}
				}
			})
		}
		if m.Type == plain && c.hear(m) {
			saying.Wait()
			return errOver
		}
		return nil
	})
	if len(c.pending) > 0 {
		c.t.Errorf("%s: %d changes have no answer: %v", c.name, len(c.pending), err)
	}
}

var errOver = errors.New("all is said")

// What clients hear is in order, each change has its answer once, versions never go
// back, and who comes in the end has what the last of them has.
func TestSharedObjectByChance(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		if w == overPipe {
			w = overShortPipe
		}
		h, _ := run(t, w, open)
		keeper := shares(t, h)
		keeper.say(plain, chat(0)+use) // the object stays
		keeper.hears(plain, chat(1)+used)
		come := func(name string, seed uint64, messages int) *chatter {
			c := &chatter{t: t, name: name, slots: map[string]string{}, heard: map[string]float64{}}
			c.run(h, c.script(rand.New(rand.NewPCG(seed, 1)), messages))
			return c
		}
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() { come(string(rune('A'+i)), uint64(i), 100) })
		}
		all.Wait()
		last := come("Y", 9, 50)
		if fresh := come("Z", 0, 0); !maps.Equal(last.slots, fresh.slots) || len(fresh.slots) < 10 {
			t.Errorf("one has %d slots, and one that comes %d, or others", len(last.slots), len(fresh.slots))
		}
	})
}
