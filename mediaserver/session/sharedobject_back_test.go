package session_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// comes uses an object as a client that has so much of it, of a version, until its line
// breaks behind so many messages, or it is told that there is no slot "none".
func comes(t *testing.T, h *house, have map[string]bool, version uint32, messages int) uint32 {
	t.Helper()
	far, _, _ := h.visit(t, h.cfg)
	conn := rtmp.NewClientConn(far, rtmp.Config{})
	defer conn.Close()
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	said := sharedobject.Message{Name: "chat", Persistent: true, Version: version, Events: []sharedobject.Event{uses()}}
	asked := said
	asked.Events = []sharedobject.Event{{Type: sharedobject.RequestRemove, Name: "none"}}
	for _, m := range []*rtmp.Message{
		say(0, "connect", amf.NewObject("app", "app/one", "tcUrl", "rtmp://h/app/one")),
		{Type: plain, Payload: said.Encode(false)[1:]},
		{Type: plain, Payload: asked.Encode(false)[1:]},
	} {
		if err := conn.Send(m); err != nil {
			t.Fatal(err)
		}
	}
	_ = conn.Serve(func(m *rtmp.Message) error {
		if m.Type != plain {
			return nil
		}
		got, err := sharedobject.Parse(m.Payload, 1<<22)
		if err != nil {
			t.Error(err)
			return err
		}
		version = got.Version
		for _, e := range got.Events {
			switch e.Type {
			case sharedobject.Clear:
				clear(have)
			case sharedobject.Change:
				have[e.Name] = true
			case sharedobject.Remove:
				if e.Name == "none" {
					return net.ErrClosed
				}
			}
		}
		if messages--; messages == 0 {
			return net.ErrClosed
		}
		return nil
	})
	return version
}

// A client whose line breaks in the middle of an object has all of it when it has come
// back with the version that it was told last.
func TestSharedObjectComesBackInTheMiddle(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		h, _ := run(t, w, open)
		const slots = 1000
		keeper := shares(t, h)
		keeper.say(plain, persistent(0)+use)
		for n := range slots / 10 {
			m := sharedobject.Message{Name: "chat", Persistent: true}
			for i := range 10 {
				m.Events = append(m.Events, puts(t, fmt.Sprint("s", n*10+i), strings.Repeat("x", 100)))
			}
			if err := keeper.conn.SendWait(t.Context(), &rtmp.Message{Type: plain, Payload: m.Encode(false)[1:]}); err != nil {
				t.Fatal(err)
			}
		}
		all := map[string]bool{}
		eventually(t, "all slots are there", func() bool { return comes(t, h, all, 0, 0) > 0 && len(all) == slots })
		for messages := 1; messages < 9; messages += 2 {
			have := map[string]bool{}
			version := comes(t, h, have, 0, messages)
			some := len(have)
			if comes(t, h, have, version, 0); len(have) != slots {
				t.Errorf("with %d slots, and back with version %d, it has %d slots of %d", some, version, len(have), slots)
			}
		}
	})
}

// A client that uses an object in the end of a message uses it behind it, and hears so.
func TestSharedObjectUseReleaseUse(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		h, _ := run(t, w, open)
		a, b := shares(t, h), shares(t, h)
		a.say(plain, chat(0)+use+release+use)
		a.hears(plain, chat(1)+used)
		b.say(plain, chat(0)+use)
		b.hears(plain, chat(1)+used)
		b.say(plain, chat(1)+setFoo)
		b.hears(plain, chat(2)+okFoo)
		a.hears(plain, chat(2)+fooIs)
		a.say(plain, chat(2)+release+use+release)
		eventually(t, "one has left", func() bool { return h.Stats()[0].ObjectUses == 1 })
		b.say(plain, chat(2)+removeFoo)
		b.hears(plain, chat(3)+fooGone)
	})
}

// Each of very many requests that are denied has its answer, and a large slot that they
// name is not told again and again.
func TestSharedObjectDeniedOften(t *testing.T) {
	const requests, large = 8000, 60000
	everyWay(t, func(t *testing.T, w way) {
		var logged lines
		h, _ := runWith(t, w, session.Config{Log: logged.log(slog.LevelInfo)}, open.with(func(r *instance.Rules) {
			r.ObjectAccess = func(c session.Client, _ string) sharedobject.Access {
				return sharedobject.Access{Read: true, Write: c.Agent != "reader"}
			}
		}))
		keeper := shares(t, h)
		keeper.say(plain, chat(0)+use)
		keeper.hears(plain, chat(1)+used)
		if err := keeper.conn.Send(&rtmp.Message{Type: plain, Payload: object("chat", puts(t, "a", strings.Repeat("x", large)))}); err != nil {
			t.Fatal(err)
		}
		keeper.hears(plain, chat(2)+"05 00000003 0001 61")
		far, _, _ := h.visit(t, h.cfg)
		conn := rtmp.NewClientConn(far, rtmp.Config{})
		defer conn.Close()
		if err := conn.Handshake(); err != nil {
			t.Fatal(err)
		}
		denied := make([]sharedobject.Event, requests)
		for i := range denied {
			denied[i] = sharedobject.Event{Type: sharedobject.RequestRemove, Name: "a"}
		}
		if err := conn.Send(say(0, "connect", amf.NewObject("app", "app/one", "tcUrl", "rtmp://h/app/one", "flashVer", "reader"))); err != nil {
			t.Fatal(err)
		}
		answers, bytes := 0, 0
		ended := conn.Serve(func(m *rtmp.Message) error {
			switch {
			case servertest.Word(m) == success: // much can be said only now
				return errors.Join(
					conn.Send(&rtmp.Message{Type: plain, Payload: object("chat", uses())}),
					conn.Send(&rtmp.Message{Type: plain, Payload: object("chat", denied...)}),
					conn.Send(&rtmp.Message{Type: plain, Payload: object("chat", sharedobject.Event{Type: sharedobject.RequestRemove, Name: "b"})}),
				)
			case m.Type != plain:
				return nil
			}
			got, err := sharedobject.Parse(m.Payload, 1<<22)
			if err != nil {
				t.Error(err)
				return err
			}
			bytes += len(m.Payload)
			for _, e := range got.Events {
				switch {
				case e.Type == sharedobject.Status:
					answers++
				case e.Type == sharedobject.Remove && e.Name == "b":
					return net.ErrClosed
				}
			}
			return nil
		})
		if answers != requests+1 || bytes > requests*60+2*large+1000 {
			t.Errorf("%d answers to %d requests, of %d bytes: %v", answers, requests+1, bytes, ended)
			t.Log(logged.String())
		}
	})
}
