package rtmp

import (
	"container/list"
	"errors"
	"fmt"
	"net"
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

// Calls are the calls that this end makes of its peer's methods, and those of
// them that wait for an answer: NetConnection.call [SPEC §7.2.1.2]. Its methods
// may be called from any goroutine.
type Calls struct {
	conn  *Conn
	max   int
	limit time.Duration

	mu      sync.Mutex
	last    float64                   // transaction id
	waiting map[float64]*list.Element // of order, by transaction id
	order   list.List                 // of *call, the oldest first
	timer   *time.Timer               // for the oldest; runs only while there is one
	closed  bool
}

type call struct {
	transaction float64
	name        string
	due         time.Time
	done        Answered
}

// NewCalls makes the calls of a connection, of which max at once may wait for
// an answer, each for no longer than limit. Close ends them.
func NewCalls(conn *Conn, max int, limit time.Duration) *Calls {
	return &Calls{conn: conn, max: max, limit: limit, waiting: map[float64]*list.Element{}}
}

// Call calls a method of the peer. Without done, no answer is asked for. With
// it, done is called exactly once unless Call fails: by the goroutine that
// calls Answer or Close, or by one of its own when the time is over. It fails
// with ErrManyCalls, with net.ErrClosed, or as NewCommand and Conn.Send do.
func (c *Calls) Call(name string, done Answered, args ...amf.Value) error {
	if done == nil {
		return c.conn.SendCommand(0, name, 0, nil, args...)
	}
	one := &call{name: name, due: time.Now().Add(c.limit), done: done}
	c.mu.Lock()
	switch {
	case c.closed:
		c.mu.Unlock()
		return net.ErrClosed
	case len(c.waiting) >= c.max:
		c.mu.Unlock()
		return fmt.Errorf("call %s: %w: %d", name, ErrManyCalls, c.max)
	}
	c.last++
	one.transaction = c.last
	c.waiting[one.transaction] = c.order.PushBack(one)
	if c.order.Len() == 1 {
		c.arm()
	}
	c.mu.Unlock()
	err := c.conn.SendCommand(0, name, one.transaction, nil, args...)
	if err != nil && c.take(one.transaction) == nil {
		return nil // done was told already: the connection was closed
	}
	return err
}

// Answer hands a _result or _error to the call that it answers. One that
// answers nothing, or comes too late, is dropped.
func (c *Calls) Answer(cmd *Command) {
	one := c.take(cmd.Transaction)
	if one == nil {
		return
	}
	if cmd.Name == "_result" {
		one.done(cmd.Args, nil)
		return
	}
	failed := &StatusError{Code: "NetConnection.Call.Failed", Description: one.name + " failed"}
	for _, v := range cmd.Args {
		if o, ok := v.(*amf.Object); ok {
			failed = statusError(o)
			break
		}
	}
	one.done(cmd.Args, failed)
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
	if e := c.order.Front(); e != nil {
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
