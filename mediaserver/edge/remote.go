package edge

import (
	"errors"
	"fmt"
	"sync"

	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/session"
)

// remote is an instance for one client of this edge. It implements session.Instance.
type remote struct {
	u    *uplink
	n    uint64 // on the pipe
	peer session.Peer
	told updates

	mu    sync.Mutex // nothing else is taken, and nobody called, while it is held
	ended error      // why nothing is answered any more
	next  uint64
	asked map[uint64]*question
}

// question is what the origin was asked.
type question struct {
	answer  func(*link.Record) error // once, or
	lost    func(error)              // once
	happens func(*link.HappenedBody) // is told later, too; nil: nothing is
	told    bool                     // it was answered
}

// ask asks the origin.
func (c *remote) ask(k link.Kind, body any, q *question) {
	c.mu.Lock()
	err := c.ended
	if err == nil {
		c.next++
		c.asked[c.next] = q
	}
	id := c.next
	c.mu.Unlock()
	if err != nil {
		q.lost(err)
		return
	}
	c.u.send(k, c.n, id, body) // a link that has ended answers all that is asked: see lost
}

// lost answers what is asked, since the link has ended.
func (c *remote) lost(err error) {
	if !c.end(err) {
		return
	}
	c.peer.Shutdown("The link to the origin is lost.")
}

// end answers what is asked in the origin's place, once.
func (c *remote) end(err error) bool {
	c.mu.Lock()
	if c.ended != nil {
		c.mu.Unlock()
		return false
	}
	c.ended = err
	asked := c.asked
	c.asked = nil
	c.mu.Unlock()
	for _, q := range asked {
		if !q.told {
			q.lost(err)
		}
	}
	return true
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
		q := c.asked[r.ID]
		c.mu.Unlock()
		if q != nil && q.happens != nil {
			q.happens(&b)
		}
	case link.Tell:
		var b link.UpdateBody
		if err := r.Decode(&b); err != nil {
			return err
		}
		c.told.add(c, &b)
	case link.Invoke:
		return c.invoke(&r)
	case link.CheckBandwidth:
		c.peer.CheckBandwidth()
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
	c.mu.Lock()
	q := c.asked[r.ID]
	if q != nil && q.told {
		q = nil
	}
	if q != nil {
		q.told = true
		if q.happens == nil {
			delete(c.asked, r.ID)
		}
	}
	c.mu.Unlock()
	if q == nil {
		return nil
	}
	if err := q.answer(r); err != nil {
		q.lost(err)
		return err
	}
	return nil
}

// over says that nothing more happens to a question.
func (c *remote) over(q *question) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, one := range c.asked {
		if one == q {
			delete(c.asked, id)
			return
		}
	}
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
	id := r.ID
	c.peer.Invoke(b.Session(), func(a session.Answer) {
		body, err := link.FromAnswer(&a)
		if err != nil {
			body.Error = true
		}
		c.u.send(link.Answered, c.n, id, body)
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
func (c *remote) Withdraw(session.Client) { c.u.send(link.Withdraw, c.n, 0, nil) }

// Refused implements session.Instance.
func (c *remote) Refused(r session.PublishRequest, why *session.Refusal) {
	c.u.send(link.RefusedHere, c.n, 0, link.RefusedBody{Request: link.FromPublish(&r), Refusal: link.FromRefusal(why)})
}

// SharedObject implements session.Instance.
func (c *remote) SharedObject(r session.SharedObjectRequest, done func()) {
	const format = 1 // the byte that a message of type 16 begins with
	body := link.SharedObjectBody{Message: r.Message.Encode(true)[format:], Flex: r.Form.Flex, AMF3: r.Form.AMF3}
	c.ask(link.SharedObject, body, &question{
		answer: func(*link.Record) error { done(); return nil },
		lost:   func(error) { done() },
	})
}

// Leave implements session.Instance.
func (c *remote) Leave(session.Client) {
	c.u.send(link.Leave, c.n, 0, nil)
	c.end(errors.New("the client has gone"))
	c.u.forget(c)
}
