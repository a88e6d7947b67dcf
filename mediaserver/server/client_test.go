package server

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// client sees every message of its connection as a word.
type client struct {
	t    *testing.T
	conn *rtmp.Conn
	got  chan string
	info chan *amf.Object // of commands, in step with got; nil for the rest
}

// connect says more in its command object when there are pairs of names and
// values.
func connect(t *testing.T, s *Server, app string, more ...any) *client {
	t.Helper()
	conn, _, err := rtmp.Dial(context.Background(), "rtmp://"+s.RTMPAddr().String()+"/x", rtmp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, conn: conn, got: make(chan string, 1000), info: make(chan *amf.Object, 1000)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(c.got)
		_ = conn.Serve(func(m *rtmp.Message) error {
			word, info := describe(m)
			c.info <- info
			c.got <- word
			return nil
		})
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	c.send("connect", 1, amf.NewObject(append([]any{"app", app, "tcUrl", "rtmp://h/" + app, "objectEncoding", 0}, more...)...))
	return c
}

func describe(m *rtmp.Message) (string, *amf.Object) {
	switch m.Type {
	case rtmp.TypeCommand:
		cmd, err := rtmp.ParseCommand(m)
		if err != nil {
			return err.Error(), nil
		}
		for _, v := range append(slices.Clone(cmd.Args), cmd.Object) {
			if o, ok := v.(*amf.Object); ok {
				if code, ok := o.Get("code"); ok {
					return fmt.Sprintf("%s %v", cmd.Name, code), o
				}
			}
		}
		return fmt.Sprintf("%s %v", cmd.Name, cmd.Args), nil
	case rtmp.TypeUserControl:
		return fmt.Sprintf("event %d", binary.BigEndian.Uint16(m.Payload)), nil
	case rtmp.TypeData:
		values, _ := amf.DecodeAll(m.Payload)
		return fmt.Sprintf("data %v", values[0]), nil
	case rtmp.TypeAudio:
		return fmt.Sprintf("audio %d", m.Timestamp), nil
	}
	return fmt.Sprintf("type %d", m.Type), nil
}

func (c *client) send(name string, txn float64, object amf.Value, args ...amf.Value) {
	c.t.Helper()
	if err := c.conn.SendCommand(0, name, txn, object, args...); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) on(id uint32, name string, args ...amf.Value) {
	c.t.Helper()
	if err := c.conn.SendCommand(id, name, 0, nil, args...); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) next() (string, *amf.Object) {
	c.t.Helper()
	select {
	case w, ok := <-c.got:
		if !ok {
			return "end", nil
		}
		return w, <-c.info
	case <-time.After(10 * time.Second):
		c.t.Fatal("nothing came")
		return "", nil
	}
}

func (c *client) expect(want ...string) (last *amf.Object) {
	c.t.Helper()
	for _, w := range want {
		got, info := c.next()
		if got != w {
			c.t.Fatalf("got %q, want %q", got, w)
		}
		last = info
	}
	return last
}

const success = "_result NetConnection.Connect.Success"

// hello is what every client that is let in hears; the chunk size, window and
// bandwidth messages before it concern the connection alone.
func (c *client) hello() *client {
	c.t.Helper()
	c.expect("event 0", success, "onBWDone []")
	c.send("createStream", 2, nil)
	c.expect("_result [1]")
	return c
}

// joined waits until so many play: they are told that they do a moment before
// they get what is published.
func joined(t *testing.T, s *Server, players int) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for late := time.After(10 * time.Second); s.Stats()[0].Players != players; {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%d players, want %d", s.Stats()[0].Players, players)
		}
	}
}

func audio(t *testing.T, c *client, at media.Timestamp) {
	t.Helper()
	if err := c.conn.Send(&rtmp.Message{Type: rtmp.TypeAudio, StreamID: 1, Timestamp: at, Payload: []byte{0xaf, 1, 0}}); err != nil {
		t.Fatal(err)
	}
}
