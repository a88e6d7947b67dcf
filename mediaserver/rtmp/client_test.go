package rtmp

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
)

// answering is the URL of a server that answers commands so, to one client after
// another.
func answering(t *testing.T, answer func(c *Conn, cmd *Command) error) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { ln.Close(); <-done })
	go func() {
		defer close(done)
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			c := NewServerConn(nc, Config{})
			if err := c.Handshake(); err != nil {
				t.Error(err)
			}
			_ = c.Serve(func(m *Message) error {
				if m.Type != TypeCommand {
					return nil
				}
				cmd, err := ParseCommand(m)
				if err != nil {
					return err
				}
				return answer(c, cmd)
			})
			c.Close()
		}
	}()
	return "rtmp://" + ln.Addr().String() + "/app/x"
}

// What a server says last is heard, although it closes right after.
func TestClientHearsTheLastWord(t *testing.T) {
	const words = 32
	url := answering(t, func(c *Conn, cmd *Command) error {
		if cmd.Name == "connect" {
			return c.SendCommand(0, "_result", cmd.Transaction, nil, amf.NewObject("code", "NetConnection.Connect.Success"))
		}
		if err := c.SendCommand(0, "_result", cmd.Transaction, nil, 1); err != nil {
			return err
		}
		for i := range words {
			if err := c.Send(Status(1, "status", fmt.Sprint("word ", i), "")); err != nil {
				return err
			}
		}
		return c.CloseWrite()
	})
	c, err := Connect(t.Context(), url, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	<-c.ended
	for i := range words {
		if code, err := c.Status(t.Context()); err != nil || code != fmt.Sprint("word ", i) {
			t.Fatalf("word %d: %q, %v", i, code, err)
		}
	}
	if code, err := c.Status(t.Context()); err == nil || !strings.Contains(err.Error(), "the server closed the connection") {
		t.Errorf("after the last: %q, %v", code, err)
	}

	url = answering(t, func(c *Conn, cmd *Command) error {
		if err := c.SendCommand(0, "_error", cmd.Transaction, nil, amf.NewObject("code", "NetConnection.Connect.Rejected")); err != nil {
			return err
		}
		return c.CloseWrite()
	})
	for range words {
		var refused *StatusError
		if _, err := Connect(t.Context(), url, Config{}); !errors.As(err, &refused) || refused.Code != "NetConnection.Connect.Rejected" {
			t.Fatalf("refused: %v", err)
		}
	}
}
