package rtmp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

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

// welcome answers connect and createStream as every server does, and leaves the
// rest to more.
func welcome(more func(c *Conn, cmd *Command) error) func(c *Conn, cmd *Command) error {
	streams := 0
	return func(c *Conn, cmd *Command) error {
		switch cmd.Name {
		case "connect":
			streams = 0
			return c.SendCommand(0, "_result", cmd.Transaction, amf.NewObject("fmsVer", "X/1"), amf.NewObject("code", "NetConnection.Connect.Success"))
		case "createStream":
			streams++
			return c.SendCommand(0, "_result", cmd.Transaction, nil, streams)
		}
		return more(c, cmd)
	}
}

// connected is a client of a server that answers so, with n streams.
func connected(t *testing.T, n int, answer func(c *Conn, cmd *Command) error) (*NetConnection, []*NetStream) {
	t.Helper()
	nc, err := Connect(t.Context(), answering(t, welcome(answer)), Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	streams := make([]*NetStream, n)
	for i := range streams {
		if streams[i], err = nc.CreateStream(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return nc, streams
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
	nc, err := Connect(t.Context(), url, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	s, err := nc.CreateStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	<-nc.Ended()
	for i := range words {
		if code, err := s.Status(t.Context()); err != nil || code != fmt.Sprint("word ", i) {
			t.Fatalf("word %d: %q, %v", i, code, err)
		}
	}
	const end = "the server closed the connection"
	if code, err := s.Status(t.Context()); err == nil || !strings.Contains(err.Error(), end) {
		t.Errorf("after the last: %q, %v", code, err)
	}
	if _, err := nc.Call(t.Context(), "anything"); err == nil || !strings.Contains(err.Error(), end) {
		t.Errorf("a call after the end: %v", err)
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

// Two streams of a connection hear what is theirs, and of the connection's end
// both.
func TestStreamsAreToldApart(t *testing.T) {
	nc, streams := connected(t, 2, func(c *Conn, cmd *Command) error {
		switch cmd.Name {
		case "play":
			for _, m := range []*Message{
				{Type: TypeVideo, StreamID: 1, Payload: []byte("one")}, {Type: TypeAudio, StreamID: 2, Payload: []byte("two")},
				{Type: TypeVideo, StreamID: 3, Payload: []byte("nobody's")}, {Type: TypeVideo, Payload: []byte("nobody's")},
				Status(1, "status", "NetStream.Play.PublishNotify", ""), Status(2, "status", "NetStream.Play.Reset", ""),
				Status(0, "status", "NetConnection.Connect.ReconnectRequest", ""), Status(7, "status", "NetStream.Play.Start", ""),
				Status(2, "status", "NetStream.Play.Start", ""),
			} {
				if err := c.Send(m); err != nil {
					return err
				}
			}
		case "leave":
			return c.Send(Status(0, "error", "NetConnection.Connect.AppShutdown", "good night"))
		}
		return nil
	})
	var got [2][]string
	var codes []any
	for i, s := range streams {
		s.OnMedia(func(m *Message) error { got[i] = append(got[i], string(m.Payload)); return nil })
	}
	streams[1].OnStatus(func(info *amf.Object) {
		code, _ := info.Get("code")
		codes = append(codes, code)
	})
	if err := streams[1].Play(t.Context(), "cam", PlayLive); err != nil {
		t.Fatal(err)
	}
	if code, err := streams[0].Status(t.Context()); err != nil || code != "NetStream.Play.PublishNotify" {
		t.Errorf("the first hears %q, %v", code, err)
	}
	if code, err := nc.Status(t.Context()); err != nil || code != "NetConnection.Connect.ReconnectRequest" {
		t.Errorf("the connection hears %q, %v", code, err)
	}
	if err := nc.Notify("leave"); err != nil {
		t.Fatal(err)
	}
	for i, status := range []func(context.Context) (string, error){streams[0].Status, streams[1].Status, nc.Status} {
		var end *StatusError
		if code, err := status(t.Context()); !errors.As(err, &end) || code != "NetConnection.Connect.AppShutdown" || end.Description != "good night" {
			t.Errorf("%d hears of the end: %q, %v", i, code, err)
		}
	}
	nc.Close()
	if !slices.Equal(got[0], []string{"one"}) || !slices.Equal(got[1], []string{"two"}) {
		t.Errorf("media %q", got)
	}
	if want := []any{"NetStream.Play.Reset", "NetStream.Play.Start", "NetConnection.Connect.AppShutdown"}; !slices.Equal(codes, want) {
		t.Errorf("statuses %v, want %v", codes, want)
	}
}

// Some servers take the id for a formality: the only stream hears everything.
func TestTheOnlyStreamHearsWhateverItsID(t *testing.T) {
	_, streams := connected(t, 1, func(c *Conn, cmd *Command) error {
		if cmd.Name != "publish" {
			return nil
		}
		return c.Send(&Message{Type: TypeData, StreamID: 5, Payload: []byte("\x05")}, Status(0, "status", "NetStream.Publish.Start", ""))
	})
	heard := false
	streams[0].OnMedia(func(*Message) error { heard = true; return nil })
	if err := streams[0].Publish(t.Context(), "cam", "live"); err != nil || !heard {
		t.Errorf("%v, heard its data: %v", err, heard)
	}
}

func TestCommandsOfAStream(t *testing.T) {
	got := make(chan string, 100)
	answers := map[string]string{
		"publish": "NetStream.Publish.Start", "closeStream": "NetStream.Unpublish.Success", "play": "NetStream.Play.Start",
		"pause true": "NetStream.Pause.Notify", "pause false": "NetStream.Unpause.Notify", "seek": "NetStream.Seek.Notify",
	}
	nc, streams := connected(t, 2, func(c *Conn, cmd *Command) error {
		said := strings.TrimSpace(fmt.Sprintln(append([]any{cmd.StreamID, cmd.Transaction, cmd.Name}, cmd.Args...)...))
		got <- said
		for begin, code := range answers {
			if strings.HasPrefix(said, "2 0 "+begin) {
				return c.Send(Status(cmd.StreamID, "status", code, ""))
			}
		}
		return nil
	})
	s := streams[1]
	ctx := t.Context()
	for _, c := range []struct {
		do   func() error
		want string
	}{
		{func() error { return s.Publish(ctx, "cam", "record") }, "2 0 publish cam record"},
		{func() error { return s.Unpublish(ctx) }, "2 0 closeStream"},
		{func() error { return s.Play(ctx, "cam", PlayAny) }, "2 0 play cam -2000"},
		{func() error { return s.Play(ctx, "cam", 1500*time.Millisecond) }, "2 0 play cam 1500"},
		{func() error { return s.Pause(ctx, true, time.Second) }, "2 0 pause true 1000"},
		{func() error { return s.Pause(ctx, false, time.Second) }, "2 0 pause false 1000"},
		{func() error { return s.Seek(ctx, 90*time.Second) }, "2 0 seek 90000"},
		{func() error { return s.Command("receiveVideo", false) }, "2 0 receiveVideo false"},
		{s.Close, "0 0 deleteStream 2"},
	} {
		if err := c.do(); err != nil {
			t.Errorf("%s: %v", c.want, err)
		}
		if said := <-got; said != c.want {
			t.Errorf("said %q, want %q", said, c.want)
		}
	}
	if err := s.Close(); err != nil {
		t.Errorf("again: %v", err)
	}
	if _, err := s.Status(ctx); !errors.Is(err, net.ErrClosed) {
		t.Errorf("status after its end: %v", err)
	}
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if err := streams[0].Seek(short, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the other's seek, which is not answered: %v", err)
	}
	<-got
	if len(got) != 0 {
		t.Errorf("said more: %q", <-got)
	}
	nc.Close()
}

// sums is a server that adds two numbers, and calls the client while it is
// called: with transactions 10 to 14, and once without one. It has no other
// method. What the client answers comes out of answers.
func sums(t *testing.T) (url string, answers chan *Command) {
	t.Helper()
	answers = make(chan *Command, 10)
	return answering(t, welcome(func(c *Conn, cmd *Command) error {
		switch cmd.Name {
		case "_result", "_error":
			answers <- cmd
			return nil
		case "sum": // and calls while it is called
			a, b := cmd.Args[0].(float64), cmd.Args[1].(float64)
			for i, name := range []string{"double", "refuse", "fail", "odd", "nothing", "double"} {
				txn := float64(10 + i)
				if i == 5 {
					txn = 0
				}
				if err := c.SendCommand(0, name, txn, nil, a); err != nil {
					return err
				}
			}
			return c.SendCommand(0, "_result", cmd.Transaction, nil, a+b)
		}
		return c.SendCommand(0, "_error", cmd.Transaction, nil, amf.NewObject("level", "error", "code", "NetConnection.Call.Failed", "description", "no "+cmd.Name))
	})), answers
}

// Each end calls the other, and a method answers with a value or an error.
func TestMethodsOfBothEnds(t *testing.T) {
	url, answers := sums(t)
	conn, u, err := Dial(t.Context(), url, Config{})
	if err != nil {
		t.Fatal(err)
	}
	nc := NewNetConnection(conn)
	defer nc.Close()
	calls := 0
	nc.Handle("double", func(args []amf.Value) (amf.Value, error) { calls++; return 2 * args[0].(float64), nil })
	nc.Handle("refuse", func([]amf.Value) (amf.Value, error) {
		return nil, fmt.Errorf("wrapped: %w", &StatusError{Code: "NetConnection.Call.Prohibited", Description: "not you"})
	})
	nc.Handle("fail", func([]amf.Value) (amf.Value, error) { return nil, errors.New("out of paper") })
	nc.Handle("odd", func([]amf.Value) (amf.Value, error) { return make(chan int), nil })
	nc.Handle("nothing", func([]amf.Value) (amf.Value, error) { return nil, nil })
	nc.Handle("nothing", nil)
	answer, err := nc.Connect(t.Context(), u.ConnectObject(), "an argument")
	if err != nil {
		t.Fatal(err)
	}
	props, _ := answer.Object.(*amf.Object)
	if version, _ := props.Get("fmsVer"); version != "X/1" {
		t.Errorf("connect was answered with %v", answer.Object)
	}
	if sum, err := nc.Call(t.Context(), "sum", 1, 2); err != nil || !slices.Equal(sum, []amf.Value{3.0}) {
		t.Errorf("sum: %v, %v", sum, err)
	}
	for _, want := range []string{
		"10 _result 2", "11 _error NetConnection.Call.Prohibited not you", "12 _error NetConnection.Call.Failed out of paper",
		"13 _error NetConnection.Call.Failed command _result", "14 _error NetConnection.Call.Failed Method not found (nothing).",
	} {
		cmd := <-answers
		said := fmt.Sprint(cmd.Transaction, " ", cmd.Name, " ", cmd.Args[0])
		if info, ok := cmd.Args[0].(*amf.Object); ok {
			e := statusError(info)
			said = fmt.Sprint(cmd.Transaction, " ", cmd.Name, " ", e.Code, " ", e.Description)
		}
		if !strings.HasPrefix(said, want) {
			t.Errorf("the server is answered %q, want %q", said, want)
		}
	}
	var failed *StatusError
	if _, err := nc.Call(t.Context(), "unknown"); !errors.As(err, &failed) || failed.Description != "no unknown" {
		t.Errorf("a method that is not there: %v", err)
	}
	if calls != 2 || len(answers) != 0 {
		t.Errorf("double was called %d times; %d answers more, want none for a call without one", calls, len(answers))
	}
}

// A call ends with its context or with the connection, and an answer that comes
// too late is nobody's.
func TestCallsOfAClientEnd(t *testing.T) {
	late := make(chan float64, 10)
	nc, _ := connected(t, 0, func(c *Conn, cmd *Command) error {
		switch cmd.Name {
		case "slow":
			late <- cmd.Transaction
		case "hang up":
			return c.CloseWrite()
		case "now":
			if err := c.SendCommand(0, "_result", <-late, nil, "late"); err != nil {
				return err
			}
			return c.SendCommand(0, "_result", cmd.Transaction, nil, "now")
		}
		return nil
	})
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := nc.Call(short, "slow"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("slow: %v", err)
	}
	if got, err := nc.Call(t.Context(), "now"); err != nil || !slices.Equal(got, []amf.Value{"now"}) {
		t.Errorf("after it: %v, %v", got, err)
	}
	if _, err := nc.Call(t.Context(), "hang up"); err == nil || !strings.Contains(err.Error(), "the server closed the connection") {
		t.Errorf("hang up: %v", err)
	}
	if len(nc.calls.waiting) != 0 {
		t.Errorf("%d calls still wait", len(nc.calls.waiting))
	}
}
