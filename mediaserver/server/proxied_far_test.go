package server

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// keeperThat is a server that keeps shared objects in its own way: says is what it
// answers to an event. It lets everybody in.
func keeperThat(t *testing.T, says func(e sharedobject.Event) []sharedobject.Event) (url string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var clients sync.WaitGroup
	clients.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			clients.Go(func() { keep(nc, says) })
		}
	})
	t.Cleanup(func() {
		ln.Close()
		clients.Wait()
	})
	return "rtmp://" + ln.Addr().String() + "/keeper/room"
}

func keep(nc net.Conn, says func(e sharedobject.Event) []sharedobject.Event) {
	c := rtmp.NewServerConn(nc, rtmp.Config{})
	defer c.Close()
	if c.Handshake() != nil {
		return
	}
	// The connection ends with the room that has made it.
	_ = c.Serve(func(m *rtmp.Message) error {
		switch m.Type {
		case rtmp.TypeCommand:
			cmd, err := rtmp.ParseCommand(m)
			if err != nil || cmd.Name != "connect" {
				return err
			}
			return c.SendCommand(0, "_result", cmd.Transaction, amf.NewObject(), amf.NewObject("level", "status", "code", "NetConnection.Connect.Success"))
		case rtmp.TypeSharedObject:
			asked, err := sharedobject.Parse(m.Payload, 1<<20)
			if err != nil {
				return err
			}
			for _, e := range asked.Events {
				answer := sharedobject.Message{Name: asked.Name, Persistent: asked.Persistent, Version: 1, Events: says(e)}
				if len(answer.Events) == 0 {
					continue
				}
				if err := c.Send(&rtmp.Message{Type: rtmp.TypeSharedObject, Payload: answer.Encode(false)[1:]}); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// onlyUse lets an object be used, and says nothing more.
func onlyUse(e sharedobject.Event) []sharedobject.Event {
	if e.Type != sharedobject.Use {
		return nil
	}
	return []sharedobject.Event{{Type: sharedobject.UseSuccess}, {Type: sharedobject.Clear}}
}

// Clients that make slots and delete them while the server that keeps the object says
// nothing fill what an object may have, and no more: then they are refused as they are
// with a full object. What is there is changed and deleted as before.
func TestProxiedSharedObjectOfASilentServer(t *testing.T) {
	t.Parallel()
	far := keeperThat(t, onlyUse)
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS("testdata/applications")); err != nil {
		t.Fatal(err)
	}
	s, _ := runWith(t, Config{Applications: folder, ScriptHosts: []string{"127.0.0.1"}, farTime: time.Hour}, "{application: board, instance: here, limits: {maxSharedObjectSlots: 20}, script: {configMap: {name: x}, allowedHosts: [127.0.0.1]}}")
	g := comeIn(t, s, "board/here", nil, far)
	g.hasSeen("SharedObject.Proxy.Connect")
	here := g.looks()
	here.set("stays", 1.0)
	made := 0
	for ; made < 1000; made++ {
		slot := fmt.Sprint("s", made)
		if err := here.Set(t.Context(), slot, 1.0); err != nil {
			if !strings.Contains(err.Error(), sharedobject.CodeNoWriteAccess) {
				t.Errorf("a slot too many: %v", err)
			}
			break
		}
		if err := here.Delete(t.Context(), slot); err != nil {
			t.Fatal(err)
		}
	}
	if made != 19 {
		t.Errorf("beside one that stays, %d slots were made and deleted of which the server that keeps the object has not heard", made)
	}
	here.set("stays", 2.0)
	here.has(map[string]amf.Value{"stays": 2.0})
	g.asks("put", "true", "more", 1.0)
	g.hasSeen("SharedObject.Failed")
}

// A server that keeps an object has a time for its answers: then the object goes on as
// if the connection had ended, the script and the log are told, and another connect
// begins anew.
func TestProxiedSharedObjectIsGivenUp(t *testing.T) {
	t.Parallel()
	for name, says := range map[string]func(sharedobject.Event) []sharedobject.Event{
		"nothing":    func(sharedobject.Event) []sharedobject.Event { return nil },
		"UseSuccess": onlyUse,
		"changes only": func(sharedobject.Event) []sharedobject.Event {
			return append(onlyUse(sharedobject.Event{Type: sharedobject.Use}), other(t))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			far := keeperThat(t, says)
			keeper := oldFolder(t, Config{}, nil)
			comeIn(t, keeper, "board/keeper", nil).looks().set("of", "the keeper")
			var log servertest.Log
			s := oldFolder(t, Config{ScriptHosts: []string{"127.0.0.1"}, Log: log.Logger(0), farTime: 10 * time.Second}, nil)
			g := comeIn(t, s, "board/here", nil, far+"?ticket=secret")
			here := g.looks()
			if name != "nothing" { // else what is set before is not asked for
				g.hasSeen("SharedObject.Proxy.Connect")
			}
			here.set("mine", 1.0)
			g.hasSeen("SharedObject.Failed")
			const given = "is given up as if the connection had ended"
			servertest.Eventually(t, "the log says it", func() bool { return log.Count(given) > 0 })
			text := log.String()
			i := strings.Index(text, given)
			line := text[strings.LastIndexByte(text[:i], '\n')+1:]
			line, _, _ = strings.Cut(line, "\n")
			for _, want := range []string{"shared object board", far, "for 10s", "connect the NetConnection again"} {
				if !strings.Contains(line, want) {
					t.Errorf("the log does not say %q: %s", want, line)
				}
			}
			if strings.Contains(line, "secret") {
				t.Errorf("the log has the URL's query: %s", line)
			}
			here.set("more", 2.0)
			g.asks("go", "undefined", roomOf(keeper, "keeper"))
			here.has(map[string]amf.Value{"of": "the keeper"})
		})
	}
}

func other(t *testing.T) sharedobject.Event {
	t.Helper()
	v, err := sharedobject.NewValue("x")
	if err != nil {
		t.Fatal(err)
	}
	return sharedobject.Event{Type: sharedobject.Change, Name: "other", Value: v}
}

// A board is shown from one server at a time: by another connection to the same place
// it goes on, one to elsewhere is refused with the way out until the first has ended.
func TestProxiedSharedObjectByAnotherConnection(t *testing.T) {
	t.Parallel()
	far := oldFolder(t, Config{}, nil)
	one, two := comeIn(t, far, "board/one", nil).looks(), comeIn(t, far, "board/two", nil).looks()
	one.set("of", "one")
	two.set("of", "two")
	var log servertest.Log
	s := oldFolder(t, Config{ScriptHosts: []string{far.RTMPAddr().String()}, Log: log.Logger(0)}, nil)
	g := comeIn(t, s, "board/here", nil, roomOf(far, "one"))
	here := g.looks()
	here.has(map[string]amf.Value{"of": "one"})
	g.asks("follow", "true", roomOf(far, "two"))
	g.hasSeen("SharedObject.UriMismatch")
	servertest.Eventually(t, "the log says the way out", func() bool {
		text := log.String()
		return !slices.ContainsFunc([]string{roomOf(far, "one"), roomOf(far, "two"), "close the object"}, func(s string) bool { return !strings.Contains(text, s) })
	})
	here.set("more", 1.0)
	one.has(map[string]amf.Value{"of": "one", "more": 1.0})
	two.has(map[string]amf.Value{"of": "two"})

	g.asks("follow", "true", roomOf(far, "one")+"?again")
	servertest.Eventually(t, "it is shown by the new connection", func() bool { return strings.Count(g.ask("getEvents"), "SharedObject.Proxy.Connect") == 2 })
	g.asks("hangUpFirst", "undefined")
	here.has(map[string]amf.Value{"of": "one", "more": 1.0})
	here.set("last", 1.0)
	one.has(map[string]amf.Value{"of": "one", "more": 1.0, "last": 1.0})

	g.asks("hangUp", "undefined")
	g.asks("follow", "true", roomOf(far, "two"))
	here.has(map[string]amf.Value{"of": "two"})
}
