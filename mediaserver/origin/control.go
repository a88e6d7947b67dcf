package origin

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// maxClients is how many clients one pipe carries.
const maxClients = 1 << 20

// edge is the control of a link: the clients of an edge, and what they were given. Its
// records are handled by one goroutine, which does not wait.
type edge struct {
	o    *Origin
	pipe *link.Pipe
	// name is the edge's, and address where it comes from, for the log.
	name, address string
	// shared says that what many clients hear is said once.
	shared bool
	// keeps says that the edge keeps its clients when it hears that the origin goes.
	keeps bool
	// returns says that it keeps them, too, while this server has lost its own origin.
	returns bool
	ended   chan struct{} // closed when its clients have left

	window sharedobject.Window // of what is on its way about shared objects, for all clients

	mu      sync.Mutex // Origin.mu may be taken while it is held, and nobody is called
	clients map[uint64]*client
	viewers map[uint64]*viewer   // by HTTP
	objects uint64               // the number of the newest that it has a replica of
	has     map[objectKey]uint32 // versions of objects that it has of a link before
}

// control serves a pipe until it ends, and has its clients leave then.
func (o *Origin) control(c *link.Conn, h link.Hello) error {
	e := &edge{
		o: o, pipe: link.NewPipe(c, maxQueued).PaidBy(o.cfg.Memory), name: h.Edge, address: c.RemoteAddr(), shared: c.Shared(), keeps: c.Version() >= keepsClients, returns: c.Version() >= returnsClients,
		ended: make(chan struct{}), clients: map[uint64]*client{}, viewers: map[uint64]*viewer{},
	}
	e.window.Size, e.window.Free = edgeWindow, edgeFree
	defer close(e.ended)
	key := h.Edge + " " + h.Link
	if h.Link == "" { // of version 1: each is one of its own
		key = rand.Text()
	}
	o.links(e, true)
	o.replace(key, e)
	defer o.drop(key, e)
	o.log.Info("an edge is linked", "edge", e.name, "address", c.RemoteAddr())
	err := e.pipe.Run(e.handle)
	o.links(e, false)
	e.mu.Lock()
	left := e.clients
	e.clients = nil
	e.mu.Unlock()
	e.loseViewers()
	o.log.Info("the link to an edge has ended", "edge", e.name, "address", c.RemoteAddr(), "clients", len(left), "reason", err)
	for _, one := range left {
		one.lost()
		o.goes()
	}
	return err
}

// keepsClients is the version of the link from which on edges keep their clients.
const keepsClients = 2

// returnsClients is the version from which on they hear what has come of asking for them
// anew.
const returnsClients = 3

var errReplaced = errors.New("its edge has linked again")

// replace has a link take the place of the one before, whose clients have left when it
// returns: they are asked for anew.
func (o *Origin) replace(key string, e *edge) {
	o.mu.Lock()
	before := o.byLink[key]
	o.byLink[key] = e
	going := o.going
	o.mu.Unlock()
	if before != nil {
		before.pipe.End(errReplaced)
		<-before.ended
	}
	if going {
		e.goes()
	}
}

func (o *Origin) drop(key string, e *edge) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.byLink[key] == e {
		delete(o.byLink, key)
	}
}

// goes tells an edge that the origin ends.
func (e *edge) goes() {
	if e.keeps {
		e.pipe.Send(link.Going, 0, 0, link.ReasonBody{Reason: "the origin is shutting down"})
	}
}

// handle does what a record asks for. An error ends the link: the edge is not what it
// should be.
func (e *edge) handle(r link.Record) error {
	switch r.Kind {
	case link.Connect:
		return e.connect(r)
	case link.Traffic:
		return e.traffic(r)
	case link.Taken:
		return e.taken(r)
	case link.ObjectKept:
		return e.objectKept(r)
	}
	if ok, err := e.handleViewer(r); ok {
		return err
	}
	c := e.client(r.Client)
	if c == nil {
		return nil // it has left
	}
	return c.handle(r)
}

func (e *edge) client(n uint64) *client {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.clients[n]
}

func (e *edge) connect(r link.Record) error {
	var b link.ConnectBody
	if err := r.Decode(&b); err != nil {
		return err
	}
	request, err := b.Session()
	if err != nil {
		return err
	}
	c := &client{e: e, n: r.Client, self: request.Client, again: request.Again}
	e.mu.Lock()
	_, twice := e.clients[r.Client]
	switch {
	case twice:
		err = fmt.Errorf("%w: two clients have the number %d", link.ErrFrame, r.Client)
	case len(e.clients) >= maxClients:
		err = errors.New("too many clients")
	default:
		e.clients[r.Client] = c
		e.o.come()
	}
	e.mu.Unlock()
	if err != nil {
		return err
	}
	var peer session.Peer = c
	if e.returns {
		peer = returner{c}
	}
	e.o.cfg.Directory.Connect(request, peer, func(a session.ConnectAnswer) {
		if a.Refusal != nil {
			c.notLetIn(a.Refusal, "application", session.Printable(request.Application), "instance", session.Printable(request.Instance))
		}
		c.entered(r.ID, a)
	})
	return nil
}

// entered is what comes of a connect.
func (c *client) entered(id uint64, a session.ConnectAnswer) {
	answer := c.said(a)
	if a.Instance == nil {
		c.e.forget(c)
		c.answer(id, answer)
		return
	}
	c.mu.Lock()
	gone := c.gone
	c.inst = a.Instance
	c.mu.Unlock()
	if gone { // the link has ended meanwhile
		a.Instance.Leave(c.self)
		return
	}
	if !a.Pending {
		c.letIn()
	}
	c.answer(id, answer)
}

// said is an answer to a connect, on the wire.
func (c *client) said(a session.ConnectAnswer) link.ConnectAnswer {
	answer := link.ConnectAnswer{
		Refusal: link.FromRefusal(a.Refusal), Scripted: a.Scripted, Pending: a.Pending, MaxMessageSize: a.MaxMessageSize, ID: a.ID,
	}
	if of := c.e.o.cfg.Delivery; of != nil && a.Instance != nil {
		d := of(a.Instance)
		answer.Latency, answer.GOPCache = int(d.Latency), d.GOPCache
	}
	return answer
}

// forget lets go of a client that has left, or was not let in.
func (e *edge) forget(c *client) {
	e.mu.Lock()
	_, there := e.clients[c.n]
	delete(e.clients, c.n)
	e.mu.Unlock()
	if there {
		e.o.goes()
	}
}

func (e *edge) traffic(r link.Record) error {
	var all []link.TrafficBody
	if err := r.Decode(&all); err != nil {
		return err
	}
	for i := range all {
		if c := e.client(all[i].Client); c != nil {
			t := all[i].Session()
			c.seen.Store(&t)
		}
	}
	return nil
}

// handle does what a record asks for on a client's behalf.
func (c *client) handle(r link.Record) error {
	inst := c.instance()
	if inst == nil {
		return nil // it leaves before it has come
	}
	switch r.Kind {
	case link.Admit:
		inst.Admit(c.self, func(why *session.Refusal) {
			if why == nil {
				c.letIn()
			} else {
				c.notLetIn(why)
			}
			c.answer(r.ID, link.ConnectAnswer{Refusal: link.FromRefusal(why)})
		})
	case link.Call:
		var b link.CallBody
		if err := r.Decode(&b); err != nil {
			return err
		}
		request, err := b.Session(c.self)
		if err != nil {
			return err
		}
		inst.Call(request, func(a session.CallAnswer) { c.answer(r.ID, link.FromCallAnswer(&a)) })
	case link.MayPublish:
		var b link.PublishBody
		if err := r.Decode(&b); err != nil {
			return err
		}
		inst.MayPublish(b.Session(c.self), func(why *session.Refusal) { c.answer(r.ID, link.PublishAnswer{Refusal: link.FromRefusal(why)}) })
	case link.PublishName:
		return c.publish(inst, r)
	case link.Play:
		return c.play(inst, r)
	case link.Released:
		var b link.TokenBody
		if err := r.Decode(&b); err != nil {
			return err
		}
		if g := c.e.o.find(b.Token); g != nil && g.to == c {
			c.drop(g)
			c.e.o.take(g)
		}
	case link.Length:
		var b link.LengthBody
		if err := r.Decode(&b); err != nil {
			return err
		}
		request := session.LengthRequest{Client: c.self, Name: b.Name, Credentials: session.Credentials{Key: b.Key}}
		inst.Length(request, func(a session.LengthAnswer) {
			c.answer(r.ID, link.LengthAnswer{Refusal: link.FromRefusal(a.Refusal), Length: a.Length})
		})
	case link.Withdraw:
		inst.Withdraw(c.self)
	case link.RefusedHere:
		var b link.RefusedBody
		if err := r.Decode(&b); err != nil {
			return err
		}
		inst.Refused(b.Request.Session(c.self), b.Refusal.Session())
	case link.SharedObject:
		return c.sharedObject(inst, r)
	case link.Room:
		var b link.RoomBody
		if err := r.Decode(&b); err != nil {
			return err
		}
		c.window.Taken(b.Bytes)
	case link.Leave:
		c.lost()
		c.left()
		c.e.forget(c)
	case link.Answered:
		return c.answered(r)
	default:
		return fmt.Errorf("%w: record %d", link.ErrFrame, r.Kind)
	}
	return nil
}

// maxObject bounds the values of a message about a shared object, written out: the edge's
// session has taken less.
const maxObject = 64 << 20

func (c *client) sharedObject(inst session.Instance, r link.Record) error {
	var b link.SharedObjectBody
	if err := r.Decode(&b); err != nil {
		return err
	}
	m, err := sharedobject.Parse(b.Message, maxObject)
	if err != nil {
		return err
	}
	inst.SharedObject(session.SharedObjectRequest{Client: c.self, Form: sharedobject.Form{Flex: b.Flex, AMF3: b.AMF3}, Message: m}, func() {
		c.answer(r.ID, nil)
	})
	return nil
}

func (c *client) publish(inst session.Instance, r link.Record) error {
	var b link.PublishBody
	if err := r.Decode(&b); err != nil {
		return err
	}
	happened := func(e link.Event) func(*session.Refusal) {
		return func(why *session.Refusal) {
			c.e.pipe.Send(link.Happened, c.n, r.ID, link.HappenedBody{Event: e, Refusal: link.FromRefusal(why)})
		}
	}
	request := b.Session(c.self)
	request.RecordingEnded, request.TakenOver = happened(link.RecordingEnded), happened(link.TakenOver)
	began := happened(link.RecordingBegan)
	request.RecordingBegan = func() { began(nil) }
	interrupted := happened(link.Interrupted)
	request.Interrupted = func() { interrupted(nil) }
	wanted := happened(link.KeyframeWanted)
	request.KeyframeWanted = func() { wanted(nil) }
	request.Resumed = func(g session.Gap) {
		c.e.pipe.Send(link.Happened, c.n, r.ID, link.HappenedBody{Event: link.Resumed, Gap: link.Gap(g)})
	}
	inst.Publish(request, func(a session.PublishAnswer) {
		answer := link.PublishAnswer{
			Refusal: link.FromRefusal(a.Refusal), Proved: a.Proved, Recorded: a.Recorded, NotRecorded: link.FromRefusal(a.NotRecorded),
		}
		if a.Publication != nil {
			lost := func() {
				a.Publication.Close(session.EndedLost, func(error) {})
				c.unpublished(b.Name)
			}
			c.say(slog.LevelInfo, "publishing", "stream", session.Printable(b.Name), "mode", string(request.Mode), "recorded", a.Recorded)
			if answer.Token = c.grant(&grant{publication: a.Publication, name: b.Name, back: lost}); answer.Token == "" {
				return
			}
		}
		c.answer(r.ID, answer)
	})
	return nil
}

func (c *client) play(inst session.Instance, r link.Record) error {
	var b link.PlayBody
	if err := r.Decode(&b); err != nil {
		return err
	}
	nobodyCame := func() { c.e.pipe.Send(link.Happened, c.n, r.ID, link.HappenedBody{Event: link.NobodyCame}) }
	request := b.Session(c.self, nobodyCame)
	if c.e.returns {
		request.Lost = func(why *session.Refusal) {
			c.e.pipe.Send(link.Happened, c.n, r.ID, link.HappenedBody{Event: link.Lost, Refusal: link.FromRefusal(why)})
		}
	}
	happened := func(e link.Event) func() {
		return func() { c.e.pipe.Send(link.Happened, c.n, r.ID, link.HappenedBody{Event: e}) }
	}
	request.Interrupted, request.Resumed = happened(link.Interrupted), happened(link.Resumed)
	inst.Play(request, func(a session.PlayAnswer) {
		c.plays(b.Name, &a)
		answer := link.PlayAnswer{Refusal: link.FromRefusal(a.Refusal), Audio: a.SampleAccess.Audio, Video: a.SampleAccess.Video}
		switch {
		case a.Live != nil:
			answer.Live, answer.Of = a.Live.Name(), a.Live.ID()
			a.Live.Away(1)
			answer.Token = c.grant(&grant{live: a.Live, left: func() { a.Live.Away(-1) }, back: a.Release})
		case a.File != nil:
			f := c.e.o.newFile(a.File)
			answer.File = f.body()
			answer.Token = c.grant(&grant{file: f, back: f.close})
		}
		if a.Refusal == nil && answer.Token == "" {
			return // it has gone
		}
		c.answer(r.ID, answer)
	})
	return nil
}
