//go:build clients

package clients

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// player is a client that can do what the command line clients cannot.
type player struct {
	t    *testing.T
	conn *rtmp.Conn
	got  chan rtmp.Message
}

// dial connects and creates a stream, number 1.
func dial(t *testing.T, url string) *player {
	t.Helper()
	conn, u, err := rtmp.Dial(context.Background(), url, rtmp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	p := &player{t: t, conn: conn, got: make(chan rtmp.Message, 10000)}
	go func() {
		defer close(p.got)
		_ = conn.Serve(func(m *rtmp.Message) error {
			c := *m
			c.Payload = bytes.Clone(m.Payload)
			p.got <- c
			return nil
		})
	}()
	t.Cleanup(func() { conn.Close() })
	p.must(conn.Send(rtmp.SetChunkSize(4096)))
	p.must(conn.SendCommand(0, "connect", 1, amf.NewObject("app", u.App, "tcUrl", u.TCURL(), "flashVer", "test", "objectEncoding", 0)))
	p.result(1)
	p.must(conn.SendCommand(0, "createStream", 2, nil))
	p.result(2)
	return p
}

func (p *player) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *player) next() rtmp.Message {
	p.t.Helper()
	select {
	case m, ok := <-p.got:
		if !ok {
			p.t.Fatal("the server closed the connection")
		}
		return m
	case <-time.After(patience):
		p.t.Fatal("nothing came")
	}
	return rtmp.Message{}
}

func (p *player) until(ok func(rtmp.Message) bool) rtmp.Message {
	p.t.Helper()
	for {
		if m := p.next(); ok(m) {
			return m
		}
	}
}

func (p *player) command(m rtmp.Message) *rtmp.Command {
	p.t.Helper()
	c, err := rtmp.ParseCommand(&m)
	p.must(err)
	return c
}

func (p *player) result(txn float64) {
	p.t.Helper()
	p.until(func(m rtmp.Message) bool {
		if m.Type != rtmp.TypeCommand {
			return false
		}
		c := p.command(m)
		if c.Name == "_error" {
			p.t.Fatalf("_error %v", c.Args)
		}
		return c.Name == "_result" && c.Transaction == txn
	})
}

func code(values []amf.Value) string {
	for _, v := range values {
		if o, ok := v.(*amf.Object); ok {
			c, _ := o.Get("code")
			s, _ := c.(string)
			return s
		}
	}
	return ""
}

// status waits for the next onStatus, which must be of that code.
func (p *player) status(want string) {
	p.t.Helper()
	m := p.until(func(m rtmp.Message) bool { return m.Type == rtmp.TypeCommand && p.command(m).Name == "onStatus" })
	if got := code(p.command(m).Args); got != want {
		p.t.Fatalf("status %s, want %s", got, want)
	}
}

// data waits for a data message with that code.
func (p *player) data(want string) {
	p.t.Helper()
	p.until(func(m rtmp.Message) bool {
		if m.Type != rtmp.TypeData {
			return false
		}
		values, err := amf.DecodeAll(m.Payload)
		return err == nil && code(values) == want
	})
}

// control waits for the next user control event, which must be that one.
func (p *player) control(want uint16) {
	p.t.Helper()
	m := p.until(func(m rtmp.Message) bool { return m.Type == rtmp.TypeUserControl })
	if got := binary.BigEndian.Uint16(m.Payload); got != want {
		p.t.Fatalf("user control event %d, want %d", got, want)
	}
}

func (p *player) call(name string, args ...amf.Value) {
	p.t.Helper()
	p.must(p.conn.SendCommand(1, name, 0, nil, args...))
}

func (p *player) play(name string, start float64) { p.call("play", name, start) }

func (p *player) publish(name, mode string) { p.call("publish", name, mode) }

func (p *player) buffer(id, ms uint32) {
	p.t.Helper()
	p.must(p.conn.Send(rtmp.UserControl(rtmp.EventSetBufferLength, id, ms)))
}

// send publishes a file, as fast as the server takes it.
func (p *player) send(path string) {
	p.t.Helper()
	f, err := os.Open(path)
	p.must(err)
	defer f.Close()
	r, err := flv.NewReader(f)
	p.must(err)
	for {
		tag, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		p.must(err)
		p.must(p.conn.SendWait(context.Background(), &rtmp.Message{
			Type: rtmp.MessageType(tag.Type), StreamID: 1, Timestamp: tag.Timestamp, Payload: tag.Data}))
	}
}
