package session_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// objectWord is the word for a message: of a shared object its type and all its
// bytes.
func objectWord(m *rtmp.Message) string {
	switch m.Type {
	case rtmp.TypeSharedObject, rtmp.TypeSharedObjectAMF3:
		if m.StreamID != 0 {
			return fmt.Sprint("on message stream ", m.StreamID)
		}
		return fmt.Sprintf("%d %x", m.Type, m.Payload)
	}
	return servertest.Word(m)
}

// shares is a client that speaks of shared objects.
func shares(t *testing.T, h *house, more ...any) *client {
	t.Helper()
	c := hear(t, servertest.Dial(t, h.RTMPAddr()), objectWord)
	c.Connect("app/one", more...)
	c.expect("event 0", success, "onBWDone []")
	return c
}

// say sends the bytes of a message, in hexadecimal digits and spaces.
func (c *client) say(kind rtmp.MessageType, digits string) {
	c.t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.conn.Send(&rtmp.Message{Type: kind, Payload: b}); err != nil {
		c.t.Fatal(err)
	}
}

// hears expects the bytes of messages.
func (c *client) hears(kind rtmp.MessageType, messages ...string) {
	c.t.Helper()
	for _, digits := range messages {
		c.expect(fmt.Sprint(kind, " ", strings.ReplaceAll(digits, " ", "")))
	}
}

// The object "chat", of a version, transient or persistent.
func chat(version int) string { return fmt.Sprintf("0004 63686174 %08x 00000000 00000000", version) }
func persistent(version int) string {
	return fmt.Sprintf("0004 63686174 %08x 00000002 00000000", version)
}

const (
	use       = "01 00000000"
	used      = "0b 00000000 08 00000000"
	release   = "02 00000000"
	setFoo    = "03 0000000b 0003666f6f 020003626172"
	okFoo     = "05 00000005 0003666f6f"
	fooIs     = "04 0000000b 0003666f6f 020003626172"
	removeFoo = "0a 00000005 0003666f6f"
	fooGone   = "09 00000005 0003666f6f"
	sendHi    = "06 0000000d 0200056f6e4d7367 0200026869"
	noWrite   = "07 00000023 001a 5368617265644f626a6563742e4e6f5772697465416363657373 0005 6572726f72"
	noRead    = "07 00000022 0019 5368617265644f626a6563742e4e6f52656164416363657373 0005 6572726f72"
	notMade   = "07 0000002a 0021 5368617265644f626a6563742e4f626a6563744372656174696f6e4661696c6564 0005 6572726f72"
)

const plain, flex = rtmp.TypeSharedObject, rtmp.TypeSharedObjectAMF3

func TestSharedObjectBytes(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		h, _ := run(t, w, open)
		a, b := shares(t, h), shares(t, h)
		a.say(plain, chat(0)+use)
		a.hears(plain, chat(1)+used)
		b.say(plain, chat(0)+use)
		b.hears(plain, chat(1)+used)
		a.say(plain, chat(1)+setFoo)
		a.hears(plain, chat(2)+okFoo)
		b.hears(plain, chat(2)+fooIs)
		c := shares(t, h)
		c.say(plain, chat(0)+use)
		c.hears(plain, chat(1)+used, chat(2)+fooIs)
		b.say(plain, chat(2)+sendHi)
		for _, one := range []*client{a, b, c} {
			one.hears(plain, chat(2)+sendHi)
		}
		b.say(plain, chat(2)+removeFoo)
		for _, one := range []*client{a, b, c} {
			one.hears(plain, chat(3)+fooGone)
		}
		// A persistent object of the same name is another object.
		c.say(plain, persistent(0)+use)
		c.hears(plain, persistent(1)+used)
		a.say(plain, chat(3)+"08 00000000") // clear, as we know of no other way
		for _, one := range []*client{a, b, c} {
			one.hears(plain, chat(4)+"08 00000000")
		}
		a.say(plain, chat(4)+release)
		eventually(t, "the object has one user less", func() bool { return h.Stats()[0].ObjectUses == 3 })
		b.say(plain, chat(4)+setFoo)
		b.hears(plain, chat(5)+okFoo)
		c.hears(plain, chat(5)+fooIs)
		// It goes with its last users, however they leave.
		c.say(plain, chat(5)+release)
		b.conn.Close()
		eventually(t, "nobody uses it", func() bool { return h.Stats()[0].ObjectUses == 1 })
		a.say(plain, chat(5)+use)
		a.hears(plain, chat(1)+used)
		if s := h.Stats()[0]; s.SharedObjects != 2 || s.Total.ObjectChanges != 4 {
			t.Errorf("%d objects, %d changes", s.SharedObjects, s.Total.ObjectChanges)
		}
	})
}

// Each client is told in the type of message that it asked in, and in AMF that it
// understands.
func TestSharedObjectForms(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		h, _ := run(t, w, open)
		old := shares(t, h)
		new16, new19 := shares(t, h, "objectEncoding", 3), shares(t, h, "objectEncoding", 3)
		old.say(plain, chat(0)+use)
		old.hears(plain, chat(1)+used)
		new19.say(plain, chat(0)+use)
		new19.hears(plain, chat(1)+used)
		new16.say(flex, "00"+chat(0)+use)
		new16.hears(flex, "00"+chat(1)+used)
		new16.say(flex, "00"+chat(1)+"03 0000000b 0003666f6f 11 06 07 626172")
		new16.hears(flex, "00"+chat(2)+okFoo)
		new19.hears(plain, chat(2)+"04 0000000b 0003666f6f 11 06 07 626172")
		old.hears(plain, chat(2)+fooIs)
		old.say(plain, chat(2)+"06 00000008 020001 61 11 04 05 05")
		old.hears(plain, chat(2)+"06 0000000e 02000161 004014000000000000 05")
		new16.hears(flex, "00"+chat(2)+"06 00000008 020001 61 11 04 05 05")
	})
}

func TestSharedObjectDenied(t *testing.T) {
	everyWay(t, func(t *testing.T, w way) {
		h, _ := run(t, w, open.with(func(r *instance.Rules) {
			r.Objects = instance.ObjectRules{Max: 1, Slots: 1, SlotBytes: 64}
			r.ObjectAccess = func(c session.Client, name string) sharedobject.Access {
				return sharedobject.Access{Read: name != "dark", Write: !strings.HasPrefix(c.Agent, "reader")}
			}
		}))
		reader := shares(t, h, "flashVer", "reader 1")
		reader.say(plain, chat(0)+use) // it is not there, and he may not make it
		reader.hears(plain, chat(0)+noWrite)
		a := shares(t, h)
		a.say(plain, "0004 6461726b 00000000 00000000 00000000"+use)
		a.hears(plain, "0004 6461726b 00000000 00000000 00000000"+noRead)
		a.say(plain, chat(7)+setFoo) // never used
		a.hears(plain, chat(7)+noWrite)
		a.say(plain, chat(0)+use)
		a.hears(plain, chat(1)+used)
		a.say(plain, persistent(0)+use) // one too many
		a.hears(plain, persistent(0)+notMade)
		a.say(plain, "0003 612f2e 00000000 00000000 00000000"+use)
		a.hears(plain, "0003 612f2e 00000000 00000000 00000000"+notMade)
		a.say(plain, chat(1)+setFoo)
		a.hears(plain, chat(2)+okFoo)
		reader.say(plain, chat(0)+use)
		reader.hears(plain, chat(1)+used, chat(2)+fooIs)
		reader.say(plain, chat(2)+"03 00000007 0003666f6f 0101"+removeFoo+sendHi)
		reader.hears(plain, chat(2)+noWrite+noWrite+fooIs+noWrite)
		a.say(plain, chat(2)+"03 00000007 0003626172 0101") // a slot too many
		a.hears(plain, chat(2)+noWrite+"09 00000005 0003626172")
		a.say(plain, chat(2)+fmt.Sprintf("03 00000048 0003666f6f 020040%0128d", 0))
		a.hears(plain, chat(2)+noWrite+fooIs)
	})
}

// What cannot be understood ends the connection that it came on, and disturbs
// nobody else.
func TestSharedObjectNonsense(t *testing.T) {
	t.Parallel()
	h, _ := run(t, here, open)
	good := shares(t, h)
	good.say(plain, chat(0)+use)
	good.hears(plain, chat(1)+used)
	for name, digits := range map[string]string{
		"a length that lies":     chat(0) + "03 ffffffff 0003666f6f",
		"half a message":         "0004 6368",
		"an array that lies":     chat(0) + "03 0000000a 0003666f6f 0affffffff",
		"a reference to nothing": chat(0) + "03 00000008 0003666f6f 070005",
	} {
		bad := shares(t, h)
		bad.say(plain, chat(0)+use)
		bad.hears(plain, chat(1)+used)
		bad.say(plain, digits)
		if got, _ := bad.next(); got != "end" {
			t.Errorf("%s: heard %q", name, got)
		}
	}
	bad := shares(t, h)
	bad.say(flex, "03"+chat(0)+use)
	bad.expect("end")
	early := hear(t, servertest.Dial(t, h.RTMPAddr()), objectWord)
	early.say(plain, chat(0)+use)
	early.expect("end")
	good.say(plain, chat(1)+setFoo)
	good.hears(plain, chat(2)+okFoo)
}

// A client that does not read for a while costs others nothing, is queued little
// for, and has the present state once it reads.
func TestSharedObjectSlowClient(t *testing.T) {
	t.Parallel()
	h, _ := run(t, here, open)
	quick := shares(t, h)
	quick.say(plain, chat(0)+use)
	quick.hears(plain, chat(1)+used)
	stop := make(chan struct{})
	slow := hear(t, servertest.DialNarrow(t, h.RTMPAddr()), func(m *rtmp.Message) string {
		if m.Type == plain {
			<-stop // it reads no further
			got, err := sharedobject.Parse(m.Payload, 1<<20)
			if err != nil {
				return err.Error()
			}
			word := ""
			for _, e := range got.Events {
				if e.Type == sharedobject.Change {
					v, _, _ := amf.Decode(e.Value.Raw)
					text, _ := v.(string)
					word = e.Name + text[:8]
				}
			}
			return word
		}
		return servertest.Word(m)
	})
	slow.Connect("app/one")
	slow.expect("event 0", success, "onBWDone []")
	slow.say(plain, chat(0)+use)
	eventually(t, "two use it", func() bool { return h.Stats()[0].ObjectUses == 2 })
	const changes = 200 // of 60 KB: much more than its socket takes
	for i := range changes {
		v, _ := sharedobject.NewValue(fmt.Sprintf("%08d", i) + strings.Repeat("x", 60000))
		m := sharedobject.Message{Name: "chat", Events: []sharedobject.Event{{Type: sharedobject.RequestChange, Name: "foo", Value: v}}}
		if err := quick.conn.Send(&rtmp.Message{Type: plain, Payload: m.Encode(false)[1:]}); err != nil {
			t.Fatal(err)
		}
		quick.hears(plain, chat(i+2)+okFoo)
	}
	close(stop)
	last := fmt.Sprintf("foo%08d", changes-1)
	if all := slow.Until(last); len(all) > changes/2 {
		t.Errorf("who did not read has heard %d changes of %d", len(all), changes)
	}
}
