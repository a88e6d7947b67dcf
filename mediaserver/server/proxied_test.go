package server

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// board is a client's end of the board.
type board struct {
	*rtmp.SharedObject
	t *testing.T
}

// looks has a client look at the board; what is shouted there it hears.
func (g *visitor) looks() board {
	g.t.Helper()
	o := g.nc.SharedObject("board", true)
	o.OnSend(func(handler string, args []amf.Value) { g.heard <- handler + "(" + written(args...) + ")" })
	if err := o.Use(g.t.Context()); err != nil {
		g.t.Fatal(err)
	}
	return board{o, g.t}
}

func (b board) has(want map[string]amf.Value) {
	b.t.Helper()
	servertest.Eventually(b.t, fmt.Sprintf("%v on the board, not %v", want, b.Slots()), func() bool { return reflect.DeepEqual(b.Slots(), want) })
}

func (b board) set(slot string, v amf.Value) {
	b.t.Helper()
	if err := b.Set(b.t.Context(), slot, v); err != nil {
		b.t.Error(err)
	}
}

func roomOf(s *Server, name string) string {
	return "rtmp://" + s.RTMPAddr().String() + "/board/" + name
}

// A shared object of another server is shown here: whoever changes it, on whichever
// server, all see it, and what is sent comes once to everybody.
func TestProxiedSharedObject(t *testing.T) {
	t.Parallel()
	far := oldFolder(t, Config{}, nil)
	keeper := comeIn(t, far, "board/keeper", nil)
	there := keeper.looks()
	there.set("old", 1.0)
	cfg := Config{ScriptHosts: []string{far.RTMPAddr().String()}}
	s, stop := oldFolderAt(t, &cfg, nil)
	g := comeIn(t, s, "board/here", nil, roomOf(far, "keeper"))
	here := g.looks()
	here.has(map[string]amf.Value{"old": 1.0})
	g.hasSeen("SharedObject.Proxy.Connect")
	g.hasSeen("change:old")

	there.set("x", "from there")
	here.set("y", "from here")
	g.asks("put", "true", "z", "by the script")
	all := map[string]amf.Value{"old": 1.0, "x": "from there", "y": "from here", "z": "by the script"}
	here.has(all)
	there.has(all)
	g.hasSeen("change:x")
	g.hasSeen("success:z")
	g.asks("read", `"from there"`, "x")
	g.asks("lock", `"-1 -1"`)

	if err := here.Send(t.Context(), "onShout", "mine"); err != nil {
		t.Error(err)
	}
	g.asks("shout", "true", "the script's")
	if err := there.Send(t.Context(), "onShout", "theirs"); err != nil {
		t.Error(err)
	}
	for _, who := range []*visitor{g, keeper} {
		who.waitsFor(`onShout("theirs")`)
	}
	servertest.Eventually(t, "the script hears of three shouts", func() bool { return strings.Count(g.ask("getEvents"), "shout:") == 3 })
	if err := here.Delete(t.Context(), "x"); err != nil {
		t.Error(err)
	}
	g.asks("put", "true", "y", nil)
	there.has(map[string]amf.Value{"old": 1.0, "z": "by the script"})
	g.asks("wipe", "true")
	there.has(map[string]amf.Value{})
	there.set("last", 1.0)
	here.has(map[string]amf.Value{"last": 1.0})

	stop()
	if kept, err := filepath.Glob(filepath.Join(cfg.Applications, "board/sharedobjects/here/*")); err != nil || slices.ContainsFunc(kept, func(f string) bool {
		return strings.Contains(filepath.Base(f), "board")
	}) {
		t.Errorf("what another server keeps is kept here, too: %v, %v", kept, err)
	}
}

// What the keeper refuses is as it was, and the script is told.
func TestProxiedSharedObjectIsRefused(t *testing.T) {
	t.Parallel()
	far := oldFolder(t, Config{}, nil)
	there := comeIn(t, far, "board/keeper", nil).looks()
	there.set("x", "as it was")
	s := oldFolder(t, Config{ScriptHosts: []string{far.RTMPAddr().String()}}, nil)
	g := comeIn(t, s, "board/here", nil, roomOf(far, "keeper"), true)
	here := g.looks()
	here.has(map[string]amf.Value{"x": "as it was"})
	here.set("y", "new")
	g.asks("put", "true", "x", "other")
	g.hasSeen("SharedObject.NoWriteAccess")
	g.hasSeen("reject:x")
	here.has(map[string]amf.Value{"x": "as it was"})
	there.has(map[string]amf.Value{"x": "as it was"})
	g.asks("wipe", "true")
	servertest.Eventually(t, "it is shown again", func() bool { return strings.Count(g.ask("getEvents"), "SharedObject.Proxy.Connect") == 2 })
	here.has(map[string]amf.Value{"x": "as it was"})
}

// Without its keeper a board stays as it was; another keeper's takes its place.
func TestProxiedSharedObjectOfAnother(t *testing.T) {
	t.Parallel()
	far := oldFolder(t, Config{}, nil)
	one, two := comeIn(t, far, "board/one", nil).looks(), comeIn(t, far, "board/two", nil).looks()
	one.set("of", "one")
	one.set("more", true)
	two.set("of", "two")
	s := oldFolder(t, Config{ScriptHosts: []string{far.RTMPAddr().String()}}, nil)
	g := comeIn(t, s, "board/here", nil, roomOf(far, "one"))
	here := g.looks()
	here.has(map[string]amf.Value{"of": "one", "more": true})
	g.asks("hangUp", "undefined")
	g.hasSeen("NetConnection.Connect.Closed")
	here.set("alone", 1.0)
	g.asks("go", "undefined", roomOf(far, "two"))
	here.has(map[string]amf.Value{"of": "two"})
	here.set("with", "two")
	two.has(map[string]amf.Value{"of": "two", "with": "two"})
	one.has(map[string]amf.Value{"of": "one", "more": true})
}

// Of two rooms that are to show each other's board the second is refused, and told why:
// what one of them changed would go on for ever. All see what both do.
func TestProxiedSharedObjectInACircle(t *testing.T) {
	t.Parallel()
	var log servertest.Log
	s := oldFolder(t, Config{ScriptHosts: []string{"127.0.0.1"}, Log: log.Logger(0)}, nil)
	a, b := comeIn(t, s, "board/a", nil), comeIn(t, s, "board/b", nil, roomOf(s, "a"))
	b.hasSeen("SharedObject.Proxy.Connect")
	there := b.looks()
	there.set("first", 1.0)
	a.asks("follow", "true", roomOf(s, "b"))
	a.hasSeen("SharedObject.ObjectCreationFailed")
	servertest.Eventually(t, "the log says why", func() bool {
		return strings.Contains(log.String(), "board/b is to keep it, and shows this instance's own")
	})
	here := a.looks()
	want := map[string]amf.Value{"first": 1.0}
	for i := range 20 {
		slot := fmt.Sprint("s", i)
		want[slot] = float64(i)
		[]board{here, there}[i%2].set(slot, float64(i))
	}
	here.has(want)
	there.has(want)
	if err := here.Delete(t.Context(), "s0"); err != nil {
		t.Error(err)
	}
	delete(want, "s0")
	there.has(want)
	// As many changes and answers as there were sets, and no more.
	if got := strings.Count(a.ask("getEvents")+b.ask("getEvents"), ":s"); got > 4*20 {
		t.Errorf("20 slots that were set once have changed %d times", got)
	}
	// A room is no other to itself.
	c := comeIn(t, s, "board/c", nil, roomOf(s, "c"))
	c.hasSeen("SharedObject.ObjectCreationFailed")
	c.looks().set("own", 1.0)
}

// When two rooms begin at once to show each other's board, one of them does.
func TestProxiedSharedObjectInACircleAtOnce(t *testing.T) {
	t.Parallel()
	s := oldFolder(t, Config{ScriptHosts: []string{"127.0.0.1"}}, nil)
	for i := range 10 {
		names := []string{fmt.Sprint("x", i), fmt.Sprint("y", i)}
		rooms := []*visitor{comeIn(t, s, "board/"+names[0], nil), comeIn(t, s, "board/"+names[1], nil)}
		var begin sync.WaitGroup
		for n, room := range rooms {
			begin.Go(func() { room.asks("follow", "true", roomOf(s, names[1-n])) })
		}
		begin.Wait()
		seen := func(n int, code string) bool { return strings.Contains(rooms[n].ask("getEvents"), code) }
		defer func() {
			if t.Failed() {
				t.Log(rooms[0].ask("getEvents"), rooms[1].ask("getEvents"))
			}
		}()
		servertest.Eventually(t, "one is let in, and the other is not", func() bool {
			const in, out = "SharedObject.Proxy.Connect", "SharedObject.ObjectCreationFailed"
			return seen(0, in) && seen(1, out) || seen(1, in) && seen(0, out)
		})
		one, other := rooms[0].looks(), rooms[1].looks()
		one.set("a", 1.0)
		other.set("b", 2.0)
		want := map[string]amf.Value{"a": 1.0, "b": 2.0}
		one.has(want)
		other.has(want)
	}
}
