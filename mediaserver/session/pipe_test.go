package session_test

import (
	"bytes"
	"encoding/gob"
	"errors"
	"hash/fnv"
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// pipeDelay is how long each message takes that goes over a pipe.
var pipeDelay = map[way]time.Duration{overPipe: 100 * time.Millisecond, overShortPipe: time.Millisecond}

// pipe is what a link to another server will be: sessions on this side, an
// instance on the other. Every request, answer and event goes through one queue
// for its direction, behind those that were there before it, and takes a while;
// one in seven takes four times as long, and all behind it. Which ones that
// are, the seed says.
//
// What goes over is plain values: they are encoded and decoded on the way, and
// of the cause of a refusal there is no more than its text. What carries media
// (a publication's Write, a live stream's log, a file) is in this process, as
// session.Instance has it, and so are counters.
//
// What an instance hands out goes over for a session that has gone meanwhile,
// too: whoever asked gives it back.
type pipe struct {
	far         session.Directory
	there, back *queue
}

func newPipe(far session.Directory, seed string, delay time.Duration) *pipe {
	h := fnv.New32()
	_, _ = h.Write([]byte(seed)) // never fails
	n := int(h.Sum32() % stallEvery)
	return &pipe{far, &queue{delay: delay, sent: n}, &queue{delay: delay, sent: stallEvery - 1 - n}}
}

// settled says whether nothing is on its way.
func (p *pipe) settled() bool { return p.there.empty() && p.back.empty() }

// Connect implements session.Directory.
func (p *pipe) Connect(r session.ConnectRequest, peer session.Peer, answer func(session.ConnectAnswer)) {
	args := r.Args
	r.Args = nil
	r = carried(r)
	r.Args = carriedValues(args)
	p.there.send(func() {
		p.far.Connect(r, newFarPeer(p, peer), func(a session.ConnectAnswer) {
			b := session.ConnectAnswer{
				MaxMessageSize: a.MaxMessageSize, ID: a.ID, Refusal: carriedRefusal(a.Refusal), Scripted: a.Scripted, Pending: a.Pending,
			}
			if a.Instance != nil {
				b.Instance = farInstance{p, a.Instance}
			}
			p.back.send(func() { answer(b) })
		})
	})
}

// farPeer is a session as its instance sees it.
type farPeer struct {
	p       *pipe
	peer    session.Peer
	objects *farObjects
}

func newFarPeer(p *pipe, peer session.Peer) farPeer {
	f := farPeer{p, peer, &farObjects{}}
	f.objects.f = &f
	return f
}

func (f farPeer) Bytes() (in, out uint64) { return f.peer.Bytes() }

func (f farPeer) Invoke(v session.Invocation, answer func(session.Answer)) {
	v = carried(v)
	var back func(session.Answer)
	if answer != nil {
		back = func(a session.Answer) {
			a.Value = carriedValues([]amf.Value{a.Value})[0]
			f.p.there.send(func() { answer(a) })
		}
	}
	f.p.back.send(func() { f.peer.Invoke(v, back) })
}

func (f farPeer) Traffic() session.Traffic { return f.peer.Traffic() }
func (f farPeer) CheckBandwidth()          { f.p.back.send(f.peer.CheckBandwidth) }
func (f farPeer) Ping()                    { f.p.back.send(f.peer.Ping) }
func (f farPeer) SetBandwidth(toClient, toServer int64) {
	f.p.back.send(func() { f.peer.SetBandwidth(toClient, toServer) })
}
func (f farPeer) Disconnect() { f.p.back.send(f.peer.Disconnect) }

func (f farPeer) Fail(why error) { f.p.back.send(func() { f.peer.Fail(why) }) }

func (f farPeer) Shutdown(reason string) { f.p.back.send(func() { f.peer.Shutdown(reason) }) }

func (f farPeer) Tell(u sharedobject.Update, w sharedobject.Waiter) bool {
	u = carried(u)
	if w == nil {
		f.p.back.send(func() { f.peer.Tell(u, nil) })
		return true
	}
	if !f.objects.window.Offer(len(u.Payload), w) {
		return false
	}
	if len(u.Payload) > 0 {
		f.p.back.send(func() { f.objects.add(u) })
	}
	return true
}

// farObjects is a session's end of what its instance tells it about shared objects:
// what it has no room for waits here, and there is a window's worth of it at most.
type farObjects struct {
	f      *farPeer
	window sharedobject.Window // of the instance's end

	mu      sync.Mutex // nothing else is taken while it is held
	waiting []sharedobject.Update
}

func (o *farObjects) add(u sharedobject.Update) {
	o.mu.Lock()
	o.waiting = append(o.waiting, u)
	first := len(o.waiting) == 1
	o.mu.Unlock()
	if first {
		o.tell()
	}
}

// tell hands over what waits, as far as there is room. It runs once at a time, and
// goes on when there is room.
func (o *farObjects) tell() {
	for {
		o.mu.Lock()
		if len(o.waiting) == 0 {
			o.mu.Unlock()
			return
		}
		u := o.waiting[0]
		o.mu.Unlock()
		if !o.f.peer.Tell(u, o) {
			return
		}
		o.mu.Lock()
		o.waiting = o.waiting[1:]
		o.mu.Unlock()
		o.f.p.there.send(func() { o.window.Taken(len(u.Payload)) })
	}
}

// Room implements sharedobject.Waiter.
func (o *farObjects) Room() { go o.tell() }

// farInstance is an instance as its sessions see it.
type farInstance struct {
	p    *pipe
	inst session.Instance
}

func (f farInstance) Admit(c session.Client, answer func(*session.Refusal)) {
	f.p.there.send(func() {
		f.inst.Admit(c, func(why *session.Refusal) {
			why = carriedRefusal(why)
			f.p.back.send(func() { answer(why) })
		})
	})
}

func (f farInstance) Call(r session.CallRequest, answer func(session.CallAnswer)) {
	args := r.Args
	r.Args = nil
	r = carried(r)
	r.Args = carriedValues(args)
	f.p.there.send(func() {
		f.inst.Call(r, func(a session.CallAnswer) {
			a = carried(a)
			f.p.back.send(func() { answer(a) })
		})
	})
}

func (f farInstance) MayPublish(r session.PublishRequest, answer func(*session.Refusal)) {
	r = carried(r)
	f.p.there.send(func() {
		f.inst.MayPublish(r, func(why *session.Refusal) {
			why = carriedRefusal(why)
			f.p.back.send(func() { answer(why) })
		})
	})
}

func (f farInstance) Publish(r session.PublishRequest, answer func(session.PublishAnswer)) {
	asked, ended, began, taken := carried(r), r.RecordingEnded, r.RecordingBegan, r.TakenOver
	if taken != nil {
		asked.TakenOver = func(why *session.Refusal) {
			why = carriedRefusal(why)
			f.p.back.send(func() { taken(why) })
		}
	}
	if ended != nil {
		asked.RecordingEnded = func(why *session.Refusal) {
			why = carriedRefusal(why)
			f.p.back.send(func() { ended(why) })
		}
	}
	if began != nil {
		asked.RecordingBegan = func() { f.p.back.send(began) }
	}
	f.p.there.send(func() {
		f.inst.Publish(asked, func(a session.PublishAnswer) {
			b := session.PublishAnswer{Proved: a.Proved, Recorded: a.Recorded, NotRecorded: carriedRefusal(a.NotRecorded), Refusal: carriedRefusal(a.Refusal)}
			if a.Publication != nil {
				b.Publication = farPublication{f.p, a.Publication}
			}
			f.p.back.send(func() { answer(b) })
		})
	})
}

func (f farInstance) Play(r session.PlayRequest, answer func(session.PlayAnswer)) {
	nobodyCame := r.NobodyCame
	r = carried(r)
	if nobodyCame != nil {
		r.NobodyCame = func() { f.p.back.send(nobodyCame) }
	}
	f.p.there.send(func() {
		f.inst.Play(r, func(a session.PlayAnswer) {
			a.Refusal = carriedRefusal(a.Refusal)
			if release := a.Release; release != nil {
				a.Release = func() { f.p.there.send(release) }
			}
			f.p.back.send(func() { answer(a) })
		})
	})
}

func (f farInstance) Length(r session.LengthRequest, answer func(session.LengthAnswer)) {
	r = carried(r)
	f.p.there.send(func() {
		f.inst.Length(r, func(a session.LengthAnswer) {
			a.Refusal = carriedRefusal(a.Refusal)
			f.p.back.send(func() { answer(a) })
		})
	})
}

func (f farInstance) Withdraw(c session.Client) {
	f.p.there.send(func() { f.inst.Withdraw(c) })
}

func (f farInstance) Refused(r session.PublishRequest, why *session.Refusal) {
	r, why = carried(r), carriedRefusal(why)
	f.p.there.send(func() { f.inst.Refused(r, why) })
}

func (f farInstance) SharedObject(r session.SharedObjectRequest, done func()) {
	r = carried(r)
	f.p.there.send(func() {
		f.inst.SharedObject(r, func() { f.p.back.send(done) })
	})
}

func (f farInstance) Leave(c session.Client) {
	f.p.there.send(func() { f.inst.Leave(c) })
}

// farPublication is a publication whose media is written here.
type farPublication struct {
	p *pipe
	session.Publication
}

func (f farPublication) Close(how session.Ending, ended func(error)) {
	f.p.there.send(func() {
		f.Publication.Close(how, func(err error) {
			if err != nil {
				err = errors.New(err.Error())
			}
			f.p.back.send(func() { ended(err) })
		})
	})
}

// carried is what arrives of a value: its functions do not.
func carried[T any](v T) (arrives T) {
	var b bytes.Buffer
	if err := errors.Join(gob.NewEncoder(&b).Encode(v), gob.NewDecoder(&b).Decode(&arrives)); err != nil {
		panic(err) // it is no plain value
	}
	return arrives
}

// carriedValues are AMF values on the other side: what they hold is no client's any
// more.
func carriedValues(values []amf.Value) (arrive []amf.Value) {
	for _, v := range values {
		b, err := amf.Append3(nil, v)
		if err != nil {
			panic(err) // it came as AMF, or is the test's
		}
		one, _, err := amf.Decode3(b)
		if err != nil {
			panic(err)
		}
		arrive = append(arrive, one)
	}
	return arrive
}

func carriedRefusal(why *session.Refusal) *session.Refusal {
	if why == nil {
		return nil
	}
	plain := *why
	plain.Cause, plain.Application = nil, nil
	plain = carried(plain)
	plain.Application = carriedValues([]amf.Value{why.Application})[0]
	if why.Cause != nil {
		plain.Cause = errors.New(why.Cause.Error())
	}
	return &plain
}

const (
	stallEvery = 7 // messages
	stallTimes = 3 // the delay more
)

// queue is one direction of a pipe. What is sent is run when its time has come,
// one after another.
type queue struct {
	delay time.Duration

	mu      sync.Mutex // nothing else is taken while it is held
	waiting []delayed
	sent    int
	last    time.Time // when the last one is due
}

type delayed struct {
	run func()
	due time.Time
}

func (q *queue) send(run func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	due := time.Now().Add(q.delay)
	if q.sent++; q.sent%stallEvery == 0 {
		due = due.Add(stallTimes * q.delay)
	}
	if due.Before(q.last) {
		due = q.last
	}
	q.last = due
	q.waiting = append(q.waiting, delayed{run, due})
	if len(q.waiting) == 1 {
		go q.run()
	}
}

func (q *queue) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting) == 0
}

// run runs what waits, each as long as it is still at the head of the queue.
func (q *queue) run() {
	for {
		q.mu.Lock()
		one := q.waiting[0]
		q.mu.Unlock()
		<-time.After(time.Until(one.due))
		one.run()
		q.mu.Lock()
		q.waiting = q.waiting[1:]
		over := len(q.waiting) == 0
		q.mu.Unlock()
		if over {
			return
		}
	}
}
