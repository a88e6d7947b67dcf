package rtmp

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
)

// ending is how a call ended.
type ending struct {
	name   string
	values []amf.Value
	err    error
}

// caller is one end that calls the other, which answers as its method says.
func caller(t *testing.T, max int, limit time.Duration) (calls *Calls, ended chan ending, call func(method string) error) {
	t.Helper()
	server, client := shaken(t, false, Config{})
	calls = NewCalls(server, max, limit)
	t.Cleanup(calls.Close)
	serve := func(c *Conn, handle func(*Command) error) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = c.Serve(func(m *Message) error {
				cmd, err := ParseCommand(m)
				if err != nil {
					return err
				}
				return handle(cmd)
			})
		}()
		t.Cleanup(func() { c.Close(); <-done })
	}
	serve(server, func(cmd *Command) error {
		if cmd.Name == "_result" || cmd.Name == "_error" {
			calls.Answer(cmd)
		}
		return nil
	})
	serve(client, func(cmd *Command) error {
		switch cmd.Name {
		case "good":
			return client.SendCommand(0, "_result", cmd.Transaction, nil, append([]amf.Value{"well"}, cmd.Args...)...)
		case "bad":
			return client.SendCommand(0, "_error", cmd.Transaction, nil, amf.NewObject("level", "error", "code", "NetConnection.Call.Failed", "description", "no such method"))
		case "curt":
			return client.SendCommand(0, "_error", cmd.Transaction, nil)
		case "twice":
			if err := client.SendCommand(0, "_result", cmd.Transaction+1000, nil, "whose?"); err != nil {
				return err
			}
			for range 2 {
				if err := client.SendCommand(0, "_result", cmd.Transaction, nil, cmd.Transaction); err != nil {
					return err
				}
			}
		}
		return nil
	})
	ended = make(chan ending, 100)
	return calls, ended, func(method string) error {
		return calls.Call(method, func(values []amf.Value, err error) { ended <- ending{method, values, err} }, 1.0)
	}
}

func TestCallsAreAnswered(t *testing.T) {
	calls, ended, call := caller(t, 10, time.Hour)
	var status *StatusError
	for _, c := range []struct {
		method string
		ok     func(ending) bool
	}{
		{"good", func(e ending) bool { return e.err == nil && slices.Equal(e.values, []amf.Value{"well", 1.0}) }},
		{"bad", func(e ending) bool {
			return errors.As(e.err, &status) && status.Code == "NetConnection.Call.Failed" && status.Description == "no such method" && len(e.values) == 1
		}},
		{"curt", func(e ending) bool { return errors.As(e.err, &status) && status.Description == "curt failed" }},
		{"twice", func(e ending) bool { return e.err == nil }},
		{"good", func(e ending) bool { return e.err == nil }}, // and nothing is left of the answers nobody waited for
	} {
		if err := call(c.method); err != nil {
			t.Fatal(err)
		}
		if e := <-ended; e.name != c.method || !c.ok(e) {
			t.Errorf("%s ended with %v, %v", c.method, e.values, e.err)
		}
	}
	if err := calls.Call("good", nil); err != nil { // no answer is wanted, and none is counted
		t.Error(err)
	}
	if len(calls.waiting) != 0 || calls.timer != nil {
		t.Errorf("%d calls still wait", len(calls.waiting))
	}
}

func TestCallsAreBounded(t *testing.T) {
	calls, ended, call := caller(t, 3, time.Hour)
	for i := range 3 {
		if err := call(fmt.Sprint("silent", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := call("good"); !errors.Is(err, ErrManyCalls) {
		t.Errorf("a fourth of three: %v", err)
	}
	calls.Close()
	for i := range 3 {
		if e := <-ended; e.name != fmt.Sprint("silent", i) || !errors.Is(e.err, net.ErrClosed) {
			t.Errorf("%s ended with %v", e.name, e.err)
		}
	}
	if err := call("good"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}

func TestCallsThatNobodyAnswersEnd(t *testing.T) {
	calls, ended, call := caller(t, 10, 50*time.Millisecond)
	for _, name := range []string{"a", "b"} {
		if err := call(name); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a", "b"} {
		if e := <-ended; e.name != name || !errors.Is(e.err, ErrNoAnswer) {
			t.Errorf("%s ended with %v, want %s without an answer", e.name, e.err, name)
		}
	}
	if err := call("c"); err != nil { // the timer runs again
		t.Fatal(err)
	}
	if e := <-ended; !errors.Is(e.err, ErrNoAnswer) {
		t.Error(e.err)
	}
	calls.Close()
}

// TestCallsThatAreAnsweredLater: what no method is there for may be answered at any time,
// in any order; what nobody takes is missing, and answers that nobody wants are dropped.
func TestCallsThatAreAnsweredLater(t *testing.T) {
	server, client := shaken(t, false, Config{})
	calls := NewCalls(server, 0, 0)
	nc := NewNetConnection(client)
	t.Cleanup(nc.Close)
	t.Cleanup(calls.Close)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(func(m *Message) error {
			if m.Type != TypeCommand {
				return nil
			}
			cmd, err := ParseCommand(m)
			if err != nil {
				return err
			}
			return calls.Receive(cmd)
		})
	}()
	t.Cleanup(func() { _ = server.Close(); <-served })
	type asked struct {
		name   string
		answer func(amf.Value, error)
	}
	taken := make(chan asked, 10)
	calls.HandleOthers(func(name string, args []amf.Value, answer func(amf.Value, error)) bool {
		if name == "nobody's" {
			return false
		}
		taken <- asked{name, answer}
		return true
	})
	ended := make(chan ending, 10)
	for _, name := range []string{"first", "second", "nobody's"} {
		if err := nc.Ask(name, func(values []amf.Value, err error) { ended <- ending{name, values, err} }); err != nil {
			t.Fatal(err)
		}
	}
	if err := nc.Notify("unasked"); err != nil {
		t.Fatal(err)
	}
	first, second, unasked := <-taken, <-taken, <-taken
	if e := <-ended; e.name != "nobody's" || e.err == nil {
		t.Errorf("%+v", e)
	}
	unasked.answer("dropped", nil)
	second.answer(nil, errors.New("no"))
	if e := <-ended; e.name != "second" || e.err == nil || e.err.Error() != "NetConnection.Call.Failed: no" {
		t.Errorf("%+v", e)
	}
	first.answer("yes", nil)
	if e := <-ended; e.name != "first" || e.err != nil || !slices.Equal(e.values, []amf.Value{"yes"}) {
		t.Errorf("%+v", e)
	}
}
