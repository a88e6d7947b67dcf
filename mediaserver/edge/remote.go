package edge

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/session"
)

// remote is an instance for one client of this edge, over however many links one after
// another. It implements session.Instance.
type remote struct {
	u     *uplink
	peer  session.Peer
	body  link.ConnectBody // what it has asked for, and is to be asked for again
	in    atomic.Bool      // it was let in
	order uint64           // of the uplink's mu, as timer: as which of its clients it came
	timer *time.Timer      // until which it waits for a link; nil: it does not

	since  time.Time
	looked atomic.Int64 // when the origin has last looked at it, in ns since 1970
	told   told         // used by uplink.tell, of which there is one at a time
	credit credit
	uses   uses           // of shared objects
	share  *budget.Budget // of what waits for it about them; nil: it has no bound

	mu      sync.Mutex // nothing else is taken, and nobody called, while it is held
	answer  func(session.ConnectAnswer)
	n       uint64 // on the pipe
	updates *updates
	away    error // why the origin is not asked now; nil: it is
	gone    bool  // it has left
	next    uint64
	asked   questions // nil: there is no pipe
	lasting []lasting // what it has of the origin's, in the order in which it was given
}

// errLeft says that the client has.
var errLeft = errors.New("the client has gone")

// lasting is what a client has of the origin's for longer than a link.
type lasting interface {
	// lost says that the link has ended, and resume that the client is in again: the origin
	// is asked for the same. Neither waits.
	lost()
	resume()
}

// question is what the origin was asked.
type question struct {
	id      uint64                   // set when it is asked
	answer  func(*link.Record) error // once, or
	lost    func(error)              // once
	happens func(*link.HappenedBody) // is told later, too; nil: nothing is
	told    bool                     // it was answered: answer and lost are forgotten
	back    bool                     // it is asked of whether the client comes back
	silent  bool                     // its answer tells the client nothing
}

// ask asks the origin.
func (c *remote) ask(k link.Kind, body any, q *question) {
	c.mu.Lock()
	err := c.away
	if q.back && !c.gone && c.asked != nil {
		err = nil
	}
	if err == nil {
		c.next++
		c.asked = c.asked.with(c.next, q)
	}
	n, id := c.n, c.next
	c.mu.Unlock()
	if err != nil {
		q.lost(err)
		return
	}
	c.credit.ask(c, n, k, id, body) // when the link ends, all that is asked is answered: see lost
}

// send tells the origin something.
func (c *remote) send(k link.Kind, body any) { c.u.send(k, c.number(), 0, body) }

// number is the client's on the pipe.
func (c *remote) number() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

// hasLeft says whether it has.
func (c *remote) hasLeft() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gone
}

// stays says whether the client is there when the link comes back.
func (c *remote) stays() bool {
	_, ok := c.peer.(session.Returner)
	return ok || !c.in.Load()
}

// give answers the client's connect.
func (c *remote) give(a session.ConnectAnswer) {
	c.mu.Lock()
	answer := c.answer
	c.answer = nil
	c.mu.Unlock()
	if answer != nil {
		answer(a)
	}
}

// keep has something go on when the link was lost, and drop does not any more.
func (c *remote) keep(one lasting) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lasting = append(c.lasting, one)
}

func (c *remote) drop(one lasting) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lasting = slices.DeleteFunc(c.lasting, func(other lasting) bool { return other == one })
}

// lost answers what is asked, since the link has ended. Who does not wait for the next one
// is told to go.
func (c *remote) lost(err error) {
	asked, all := c.leave(err, false)
	c.credit.lost(c)
	settle(asked, err)
	for _, one := range all {
		one.lost()
	}
	if !c.stays() {
		c.peer.Shutdown("The link to the origin is lost.")
	}
}

// close ends it for a client that is not waited for: there will be no link.
func (c *remote) close(err error) {
	was := c.in.Load()
	c.end(err)
	if was {
		c.peer.Shutdown("The link to the origin is lost.")
		return
	}
	c.give(session.ConnectAnswer{Refusal: unreachable(err)})
}

// end answers what is asked in the origin's place: the client has left, or is not let in.
func (c *remote) end(err error) {
	asked, all := c.leave(err, true)
	settle(asked, err)
	for _, one := range all {
		one.lost()
	}
}

func (c *remote) leave(err error, gone bool) (questions, []lasting) {
	c.mu.Lock()
	c.gone = c.gone || gone
	asked, waiting, all := c.asked, c.updates, slices.Clone(c.lasting)
	c.away, c.asked, c.updates = err, nil, nil
	c.mu.Unlock()
	if waiting != nil {
		waiting.end()
	}
	return asked, all
}

// handle does what a record says of this client.
func (c *remote) handle(r link.Record) error {
	switch r.Kind {
	case link.Answer:
		return c.answered(&r)
	case link.Happened:
		var b link.HappenedBody
		if err := r.Decode(&b); err != nil {
			return err
		}
		c.mu.Lock()
		q := c.asked.find(r.ID)
		c.mu.Unlock()
		if q != nil && q.happens != nil {
			q.happens(&b)
		}
	case link.Tell:
		var b link.UpdateBody
		if err := r.Decode(&b); err != nil {
			return err
		}
		c.mu.Lock()
		waiting := c.updates
		c.mu.Unlock()
		if waiting != nil {
			waiting.add(&b)
		}
	case link.Invoke:
		return c.invoke(&r)
	case link.CheckBandwidth:
		c.peer.CheckBandwidth()
	case link.Look:
		c.look()
	case link.Ping:
		c.peer.Ping()
	case link.SetBandwidth:
		var b link.BandwidthBody
		if err := r.Decode(&b); err != nil {
			return err
		}
		c.peer.SetBandwidth(b.ToClient, b.ToServer)
	case link.Disconnect:
		c.peer.Disconnect()
	case link.Returned:
		var a link.ConnectAnswer
		if err := r.Decode(&a); err != nil {
			return err
		}
		c.returnedAbove(&a)
	case link.Fail, link.Shutdown:
		var b link.ReasonBody
		if err := r.Decode(&b); err != nil {
			return err
		}
		if r.Kind == link.Fail {
			c.peer.Fail(errors.New(b.Reason))
			return nil
		}
		c.peer.Shutdown(b.Reason)
	default:
		return fmt.Errorf("%w: record %d", link.ErrFrame, r.Kind)
	}
	return nil
}

// answered hands an answer to who has asked.
func (c *remote) answered(r *link.Record) error {
	c.credit.answered(c, r.Client, r.ID)
	c.mu.Lock()
	q := c.asked.find(r.ID)
	if q == nil || q.told {
		c.mu.Unlock()
		return nil
	}
	answer, lost := q.answer, q.lost
	// What is told later too is kept as long as a stream plays, and who has waited for the
	// answer is not to be.
	q.told, q.answer, q.lost = true, nil, nil
	if q.happens == nil {
		c.asked = c.asked.without(q)
	}
	c.mu.Unlock()
	if err := answer(r); err != nil {
		lost(err)
		return err
	}
	return nil
}

// idle says whether the answer to a question tells the client nothing.
func (c *remote) idle(id uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.asked.find(id)
	return q != nil && q.silent
}

// over says that nothing more happens to a question.
func (c *remote) over(q *question) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = c.asked.without(q)
}

func (c *remote) invoke(r *link.Record) error {
	var b link.InvokeBody
	if err := r.Decode(&b); err != nil {
		return err
	}
	if r.ID == 0 {
		c.peer.Invoke(b.Session(), nil)
		return nil
	}
	n, id := r.Client, r.ID
	c.peer.Invoke(b.Session(), func(a session.Answer) {
		body, err := link.FromAnswer(&a)
		if err != nil {
			body.Error = true
		}
		c.u.send(link.Answered, n, id, body)
		if a.Taken != nil {
			a.Taken() // its bytes are the pipe's now
		}
	})
	return nil
}

// Admit implements session.Instance.
func (c *remote) Admit(_ session.Client, answer func(*session.Refusal)) {
	c.ask(link.Admit, nil, &question{
		answer: func(r *link.Record) error {
			var a link.ConnectAnswer
			if err := r.Decode(&a); err != nil {
				return err
			}
			answer(a.Refusal.Session())
			return nil
		},
		lost: func(err error) { answer(unreachable(err)) },
	})
}

// Call implements session.Instance.
func (c *remote) Call(r session.CallRequest, answer func(session.CallAnswer)) {
	failed := func(why string) { answer(session.CallAnswer{Failed: why}) }
	body, err := link.FromCall(&r)
	if err != nil {
		failed(err.Error())
		return
	}
	c.ask(link.Call, body, &question{
		answer: func(r *link.Record) error {
			var a link.CallAnswer
			if err := r.Decode(&a); err != nil {
				return err
			}
			answer(a.Session())
			return nil
		},
		lost: func(error) { failed("The link to the origin is lost.") },
	})
}

// Length implements session.Instance.
func (c *remote) Length(r session.LengthRequest, answer func(session.LengthAnswer)) {
	c.ask(link.Length, link.LengthBody{Name: r.Name, Key: r.Credentials.Key}, &question{
		answer: func(r *link.Record) error {
			var a link.LengthAnswer
			if err := r.Decode(&a); err != nil {
				return err
			}
			answer(session.LengthAnswer{Length: a.Length, Refusal: a.Refusal.Session()})
			return nil
		},
		lost: func(err error) { answer(session.LengthAnswer{Refusal: unreachable(err)}) },
	})
}

// Withdraw implements session.Instance.
func (c *remote) Withdraw(session.Client) { c.send(link.Withdraw, nil) }

// Refused implements session.Instance.
func (c *remote) Refused(r session.PublishRequest, why *session.Refusal) {
	c.send(link.RefusedHere, link.RefusedBody{Request: link.FromPublish(&r), Refusal: link.FromRefusal(why)})
}

// Leave implements session.Instance.
func (c *remote) Leave(session.Client) {
	c.credit.leaves(c)
	c.end(errLeft)
	n := c.number()
	c.u.send(link.Traffic, 0, 0, []link.TrafficBody{link.FromTraffic(n, c.traffic(time.Now()))}) // by which it is counted there
	c.u.send(link.Leave, n, 0, nil)
	c.u.forget(c)
	c.u.objects.leave(c.number()) // once nobody finds it any more
}
