package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"flashpod.dev/flashpod/mediaserver/budget"
)

// ErrFull says that the other end does not take what it is sent.
var ErrFull = errors.New("the other end of the link takes nothing: more waits for it than may")

// Pipe carries records over a connection for Control, in order. Send never waits: what
// the other end has not taken yet waits in a queue that has a limit.
type Pipe struct {
	c    *Conn
	most int
	wake chan struct{} // something is queued, or the pipe has ended

	mu     sync.Mutex // nothing else is taken, and nobody called, while it is held
	queued []byte     // frames
	spare  []byte
	err    error // why it has ended

	budget  *budget.Budget // pays for what waits, beyond what is little; nil: nobody does
	paid    int64
	writing int // bytes that are being sent
}

// NewPipe makes a pipe in whose queue there are most bytes at most. Run has it work.
func NewPipe(c *Conn, most int) *Pipe {
	return &Pipe{c: c, most: most, wake: make(chan struct{}, 1)}
}

// Version is that of the protocol, which both ends speak: see Viewings.
func (p *Pipe) Version() int { return p.c.Version() }

// Send queues a record, whose body is encoded now; nil has none. Where the queue is full,
// or the other end cannot be told any more, the pipe ends.
func (p *Pipe) Send(k Kind, client, id uint64, body any) {
	var b []byte
	if body != nil {
		var err error
		if b, err = encoding.Marshal(body); err != nil {
			p.End(fmt.Errorf("record %d: %w", k, err))
			return
		}
	}
	p.queue(&Record{Kind: k, Client: client, ID: id, Body: b})
}

func (p *Pipe) queue(r *Record) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return
	}
	at := len(p.queued)
	p.queued = append(p.queued, 0, 0, 0, 0, KindRecord)
	p.queued = appendRecord(p.queued, r)
	p.queued = append(p.queued, r.Body...)
	size := len(p.queued) - at - headSize
	binary.BigEndian.PutUint32(p.queued[at:], uint32(size))
	if size > MaxFrame || len(p.queued) > p.most || !p.pay() {
		p.end(ErrFull)
		return
	}
	p.signal()
}

func (p *Pipe) signal() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// End ends the pipe. What is queued is lost. Run returns err, or why it had ended before.
func (p *Pipe) End(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end(err)
}

func (p *Pipe) end(err error) {
	if p.err != nil {
		return
	}
	p.err, p.queued = err, nil
	p.settle()
	p.c.Close()
	p.signal()
}

// Run sends what is queued, and hands what comes to handle, until the pipe ends. handle
// does not wait; a record that it does not understand ends the pipe.
func (p *Pipe) Run(handle func(Record) error) error {
	var writing sync.WaitGroup
	writing.Go(p.write)
	for {
		kind, payload, err := p.c.ReadFrame()
		var r Record
		if err == nil && kind != KindRecord {
			err = fmt.Errorf("%w: %q for a record", ErrFrame, kind)
		}
		if err == nil {
			r, err = parseRecord(payload)
		}
		if err == nil {
			err = handle(r)
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = errors.New("the other end has closed the link")
			}
			p.End(err)
			writing.Wait()
			return p.why()
		}
	}
}

func (p *Pipe) why() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// write sends what is queued until the pipe ends.
func (p *Pipe) write() {
	for range p.wake {
		b, ended := p.take()
		if ended {
			return
		}
		if len(b) == 0 {
			continue
		}
		err := p.c.writeFrames(b)
		p.give(b)
		if err != nil {
			p.End(err)
			return
		}
	}
}

// take takes what is queued.
func (p *Pipe) take() (b []byte, ended bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b, p.queued = p.queued, p.spare[:0]
	p.spare, p.writing = nil, len(b)
	return b, p.err != nil
}

// keepQueue is how large a queue is kept to be filled again.
const keepQueue = 1 << 20

// give gives it back to be filled again.
func (p *Pipe) give(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if cap(b) <= keepQueue && p.spare == nil {
		p.spare = b[:0]
	}
	p.writing = 0
	p.settle()
}
