package rtmp

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
)

var (
	// ErrNoAnswer says that the peer has not answered a call in time.
	ErrNoAnswer = errors.New("call was not answered in time")
	// ErrManyCalls says that the peer owes too many answers to be called again.
	ErrManyCalls = errors.New("too many calls wait for an answer")
)

// Answered is told how a call ended, once: with the values of its _result; with
// those of its _error and a *StatusError; with ErrNoAnswer; or with
// net.ErrClosed.
type Answered func(values []amf.Value, err error)

// Method is what the peer may call. What it returns is the answer: a value, or
// an error, of which a *StatusError gives the code as well. It must not wait:
// nothing is read until it returns.
type Method func(args []amf.Value) (amf.Value, error)

// Others takes what the peer calls and no Method is there for. answer is called once,
// from anywhere and at any time, also where the peer wants none; false: it takes none of
// that name. It must not wait either.
type Others func(name string, args []amf.Value, answer func(amf.Value, error)) bool

// Calls are the calls that the two ends of a connection make of one another's
// methods, NetConnection.call [SPEC §7.2.1.2]: those of this end that wait for
// an answer, and the methods of it that the peer may call. Its methods may be
// called from any goroutine.
type Calls struct {
	conn  *Conn
	max   int
	limit time.Duration

	mu      sync.Mutex // nothing is called while it is held
	methods map[string]Method
	others  Others
	last    float64                   // transaction id
	waiting map[float64]*list.Element // of order, by transaction id
	order   list.List                 // of *call, the oldest first
	timer   *time.Timer               // for the oldest; runs only while there is one, and a limit
	closed  bool
}

type call struct {
	transaction float64
	name        string
	due         time.Time
	done        func(answer *Command, err error) // answer is nil when none came
}

// NewCalls makes the calls of a connection, of which max at once may wait for
// an answer, each for no longer than limit; 0 is no limit. Close ends them.
func NewCalls(conn *Conn, max int, limit time.Duration) *Calls {
	return &Calls{conn: conn, max: max, limit: limit} // of thousands who only play nobody is ever called
}

// Handle lets the peer call a method; nil takes it back.
func (c *Calls) Handle(name string, method Method) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if method == nil {
		delete(c.methods, name)
		return
	}
	if c.methods == nil {
		c.methods = map[string]Method{}
	}
	c.methods[name] = method
}

// HandleOthers has calls taken that no method is there for.
func (c *Calls) HandleOthers(f Others) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.others = f
}

// Call calls a method of the peer. Without done, no answer is asked for. With
// it, done is called exactly once unless Call fails: by the goroutine that
// calls Receive, Answer or Close, or by one of its own when the time is over.
// It fails with ErrManyCalls, with net.ErrClosed, or as NewCommand and
// Conn.Send do.
func (c *Calls) Call(name string, done Answered, args ...amf.Value) error {
	if done == nil {
		return c.conn.SendCommand(0, name, 0, nil, args...)
	}
	_, err := c.start(name, c.command(name, nil, args), values(done))
	return err
}

// CallValues is Call with arguments that are encoded already.
func (c *Calls) CallValues(name string, args Values, done Answered) error {
	if done == nil {
		return c.conn.Send(args.Command(name, 0))
	}
	_, err := c.start(name, func(transaction float64) error { return c.conn.Send(args.Command(name, transaction)) }, values(done))
	return err
}

// values tells of an answer's arguments.
func values(done Answered) func(*Command, error) {
	return func(answer *Command, err error) {
		if answer == nil {
			done(nil, err)
			return
		}
		done(answer.Args, err)
	}
}

// command sends a call, which connect alone has a command object for.
func (c *Calls) command(name string, object amf.Value, args []amf.Value) func(transaction float64) error {
	return func(transaction float64) error { return c.conn.SendCommand(0, name, transaction, object, args...) }
}

// start makes a call, which send sends.
func (c *Calls) start(name string, send func(transaction float64) error, done func(*Command, error)) (*call, error) {
	one := &call{name: name, due: time.Now().Add(c.limit), done: done}
	c.mu.Lock()
	switch {
	case c.closed:
		c.mu.Unlock()
		return nil, net.ErrClosed
	case c.max > 0 && len(c.waiting) >= c.max:
		c.mu.Unlock()
		return nil, fmt.Errorf("call %s: %w: %d", name, ErrManyCalls, c.max)
	}
	c.last++
	one.transaction = c.last
	if c.waiting == nil {
		c.waiting = map[float64]*list.Element{}
	}
	c.waiting[one.transaction] = c.order.PushBack(one)
	if c.order.Len() == 1 {
		c.arm()
	}
	c.mu.Unlock()
	err := send(one.transaction)
	if err != nil && c.take(one.transaction) == nil {
		return one, nil // done was told already: the connection was closed
	}
	return one, err
}

// wait makes a call and waits until it has ended, or ctx has. taken is called
// with its _result before anything that the peer says after it is read.
func (c *Calls) wait(ctx context.Context, name string, object amf.Value, args []amf.Value, taken func(*Command) error) (*Command, error) {
	type ending struct {
		answer *Command
		err    error
	}
	ended := make(chan ending, 1)
	one, err := c.start(name, c.command(name, object, args), func(answer *Command, err error) {
		if err == nil && taken != nil {
			err = taken(answer)
		}
		ended <- ending{answer, err}
	})
	if err != nil {
		return nil, err
	}
	select {
	case e := <-ended:
		return e.answer, e.err
	case <-ctx.Done():
	}
	c.take(one.transaction)
	select {
	case e := <-ended: // at the same time
		return e.answer, e.err
	default:
		return nil, ctx.Err()
	}
}

// Receive takes a command of the peer: the answer to a call, or a call of a
// method of this end, which it answers. One of a method that is not there
// fails at the peer, as NetConnection.Call.Failed. Receive fails as Conn.Send
// does.
func (c *Calls) Receive(cmd *Command) error {
	if cmd.Name == "_result" || cmd.Name == "_error" {
		c.Answer(cmd)
		return nil
	}
	c.mu.Lock()
	method, others := c.methods[cmd.Name], c.others
	c.mu.Unlock()
	if method == nil {
		later := func(value amf.Value, err error) {
			_ = c.answer(cmd, value, err) // the connection is over, which its reader hears
		}
		if others != nil && others(cmd.Name, cmd.Args, later) {
			return nil
		}
		method = missing(cmd.Name)
	}
	value, err := method(cmd.Args)
	return c.answer(cmd, value, err)
}

// answer answers a call of the peer's.
func (c *Calls) answer(cmd *Command, value amf.Value, err error) error {
	if cmd.Transaction == 0 {
		return nil // no answer is wanted
	}
	if err == nil {
		var m *Message
		if m, err = NewCommand(0, "_result", cmd.Transaction, nil, value); err == nil {
			return c.conn.Send(m)
		}
	}
	failed := &StatusError{Code: codeCallFailed, Description: err.Error()}
	errors.As(err, &failed)
	return c.conn.SendCommand(0, "_error", cmd.Transaction, nil,
		amf.NewObject("level", "error", "code", failed.Code, "description", failed.Description))
}

const codeCallFailed = "NetConnection.Call.Failed"

// missing is a method that is not there.
func missing(name string) Method {
	return func([]amf.Value) (amf.Value, error) {
		return nil, &StatusError{Code: codeCallFailed, Description: "Method not found (" + name + ")."}
	}
}

// Answer hands a _result or _error to the call that it answers. One that
// answers nothing, or comes too late, is dropped.
func (c *Calls) Answer(cmd *Command) {
	one := c.take(cmd.Transaction)
	if one == nil {
		return
	}
	if cmd.Name == "_result" {
		one.done(cmd, nil)
		return
	}
	failed := &StatusError{Code: codeCallFailed, Description: one.name + " failed"}
	for _, v := range append(slices.Clip(cmd.Args), cmd.Object) {
		if o, ok := v.(*amf.Object); ok {
			failed = statusError(o)
			break
		}
	}
	one.done(cmd, failed)
}

// Close ends the calls that wait, and takes no more.
func (c *Calls) Close() {
	c.mu.Lock()
	c.closed = true
	var all []*call
	for e := c.order.Front(); e != nil; e = e.Next() {
		all = append(all, e.Value.(*call))
	}
	c.order.Init()
	clear(c.waiting)
	c.disarm()
	c.mu.Unlock()
	for _, one := range all {
		one.done(nil, net.ErrClosed)
	}
}

// take removes a call that waits; nil when there is none.
func (c *Calls) take(transaction float64) *call {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.waiting[transaction]
	if !ok {
		return nil
	}
	delete(c.waiting, transaction)
	oldest := e == c.order.Front()
	one := c.order.Remove(e).(*call)
	if oldest {
		c.arm()
	}
	return one
}

// arm sets the timer for the oldest call. The caller holds mu.
func (c *Calls) arm() {
	c.disarm()
	if e := c.order.Front(); e != nil && c.limit > 0 {
		c.timer = time.AfterFunc(time.Until(e.Value.(*call).due), c.expire)
	}
}

func (c *Calls) disarm() {
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
}

// expire ends the calls whose time is over.
func (c *Calls) expire() {
	var late []*call
	c.mu.Lock()
	for e := c.order.Front(); e != nil; e = c.order.Front() {
		one := e.Value.(*call)
		if time.Until(one.due) > 0 {
			break
		}
		c.order.Remove(e)
		delete(c.waiting, one.transaction)
		late = append(late, one)
	}
	c.arm()
	c.mu.Unlock()
	for _, one := range late {
		one.done(nil, fmt.Errorf("%s: %w (%v)", one.name, ErrNoAnswer, c.limit))
	}
}
