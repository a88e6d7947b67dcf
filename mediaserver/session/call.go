package session

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

const (
	// maxCalling is how many calls of a client may be under way to its instance: it
	// need not wait for one before the next.
	maxCalling = 64
	// smallCall is how large the values of one of those may be; a larger one is waited
	// for, and so is any where the budget for messages has no room for it.
	smallCall = 4 << 10
	// maxMethod is how long the name of a method may be, in bytes.
	maxMethod = 512

	callFailed = "NetConnection.Call.Failed"
)

// reserved are the methods of a script's own Client that nobody outside may call:
// PROTOCOL.md §14. What a NetStream and the connection have are commands, and never come here.
var reserved = map[string]bool{"getBandwidthLimit": true, "setBandwidthLimit": true, "getStats": true, "ping": true}

// Commands that a script may define itself, which it is asked for first. One about
// what is published or played is waited for, so that it keeps its place among the
// commands of streams; the others are calls like any.
var (
	inTurn  = map[string]bool{"releaseStream": true, "FCPublish": true, "FCUnpublish": true, "FCSubscribe": true, "FCUnsubscribe": true}
	asCalls = map[string]bool{"getStreamLength": true, "_checkbw": true, "checkBandwidth": true}
)

// builtIn runs a command of ours that a script may have defined itself.
func (s *Session) builtIn(cmd *rtmp.Command, own func(*Session, *rtmp.Command) error) error {
	switch run := func() error { return own(s, cmd) }; {
	case s.scripted && inTurn[cmd.Name]:
		return s.callInTurn(cmd, run)
	case s.scripted && asCalls[cmd.Name]:
		return s.call(cmd, run)
	default:
		return run()
	}
}

// method has the application's script answer a call of a method that is none of ours.
func (s *Session) method(cmd *rtmp.Command) error {
	missing := func() error { return s.failCall(cmd, notFound(cmd)) }
	if !s.scripted || reserved[cmd.Name] || len(cmd.Name) > maxMethod {
		return missing()
	}
	return s.call(cmd, missing)
}

func notFound(cmd *rtmp.Command) string {
	return fmt.Sprintf("Method not found (%s).", Printable(cmd.Name))
}

func (s *Session) callRequest(cmd *rtmp.Command) CallRequest {
	return CallRequest{Client: s.client, Method: cmd.Name, Args: cmd.Args, Size: cmd.Size, AMF3: s.amf3}
}

// callInTurn asks the script, and waits for its answer.
func (s *Session) callInTurn(cmd *rtmp.Command, missing func() error) error {
	answer, err := ask(s, func(answer func(CallAnswer)) { s.inst.Call(s.callRequest(cmd), answer) }, func(CallAnswer) {})
	switch {
	case errors.Is(err, errPending):
		return s.failCall(cmd, s.noCallAnswer(cmd))
	case err != nil:
		return nil // the client has gone
	case answer.Missing:
		return missing()
	}
	return s.answerCall(cmd, answer)
}

// call asks the script, and goes on: the answer is sent when it comes. missing is what
// happens, in a turn, where the script has no such method.
func (s *Session) call(cmd *rtmp.Command, missing func() error) error {
	if ok, err := s.mayCall(cmd); !ok {
		return err
	}
	c := &calling{s: s, cmd: cmd, missing: missing}
	if cmd.Transaction != 0 {
		c.limit = time.AfterFunc(callTimeout, c.late)
	}
	size := int64(cmd.Size)
	if size <= smallCall && s.messages().Has(size) {
		s.messages().Owe(size)
		c.paid = size
		s.inst.Call(s.callRequest(cmd), c.answered)
		return nil
	}
	done := make(chan struct{})
	s.inst.Call(s.callRequest(cmd), func(a CallAnswer) { c.answered(a); close(done) })
	ctx, cancel := context.WithTimeout(s.ctx, callTimeout)
	defer cancel()
	_ = s.until(func() error { // what it has said is paid for by its turn
		select {
		case <-done:
		case <-ctx.Done():
		}
		return nil
	})
	return nil
}

// mayCall takes a place among the calls that are under way, and waits for one. It
// returns false when the client was told that there is none, or has gone.
func (s *Session) mayCall(cmd *rtmp.Command) (ok bool, err error) {
	places := s.calling.of(maxCalling)
	select {
	case places <- struct{}{}:
		return true, nil
	default:
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.cfg.PendingTimeout)
	defer cancel()
	_ = s.until(func() error {
		select {
		case places <- struct{}{}:
			ok = true
		case <-ctx.Done():
		}
		return nil
	})
	if ok || s.ctx.Err() != nil {
		return ok, nil
	}
	return false, s.failCall(cmd, fmt.Sprintf("%d calls of this connection wait for an answer already.", maxCalling))
}

// calling is a call that is under way from a client.
type calling struct {
	s       *Session
	cmd     *rtmp.Command
	missing func() error
	limit   *time.Timer // nil: nobody waits
	paid    int64
	over    atomic.Bool // the client has its answer
}

// answered takes the script's answer.
func (c *calling) answered(a CallAnswer) {
	s := c.s
	s.messages().Give(c.paid)
	<-s.calling.taken
	if c.over.Swap(true) {
		return
	}
	if c.limit != nil {
		c.limit.Stop()
	}
	if a.Missing {
		s.turns.post(func() {
			if !s.leaving.Load() && s.ctx.Err() == nil {
				c.end(c.missing())
			}
		})
		return
	}
	c.end(s.answerCall(c.cmd, a))
}

// late tells the client that there is no answer. One that comes is dropped.
func (c *calling) late() {
	if !c.over.Swap(true) {
		c.end(c.s.failedCall(c.cmd, c.s.noCallAnswer(c.cmd)))
	}
}

// end ends the connection for an error, as a command does.
func (c *calling) end(err error) {
	if err != nil && !c.s.leaving.Load() {
		_ = c.s.conn.CloseWithError(err) // Serve returns it
	}
}

func (s *Session) noCallAnswer(cmd *rtmp.Command) string {
	return fmt.Sprintf("%s has not been answered for %v.", Printable(cmd.Name), callTimeout)
}

// answerCall sends what has come of a call. It may be called from any goroutine.
func (s *Session) answerCall(cmd *rtmp.Command, a CallAnswer) error {
	switch {
	case s.leaving.Load() || cmd.Transaction == 0:
		return nil
	case a.Failed != "" && len(a.Result.Bytes) > 0:
		return s.conn.Send(a.Result.Command("_error", cmd.Transaction))
	case a.Failed != "":
		return s.failedCall(cmd, a.Failed)
	case len(a.Result.Bytes) == 0:
		return s.conn.SendCommand(0, "_result", cmd.Transaction, nil, amf.Undefined{})
	}
	return s.conn.Send(a.Result.Command("_result", cmd.Transaction))
}

// failedCall sends the _error of a call. It may be called from any goroutine.
func (s *Session) failedCall(cmd *rtmp.Command, description string) error {
	if s.leaving.Load() || cmd.Transaction == 0 {
		return nil
	}
	return s.conn.SendCommand(0, "_error", cmd.Transaction, nil, amf.NewObject(
		"level", "error", "code", callFailed, "description", cut(description, 2*maxSaid)))
}
