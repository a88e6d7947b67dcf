package instance

import (
	"context"
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/session"
)

const (
	// maxDiskWork is how many requests wait for the disk at once, each in a
	// goroutine and, while it opens a file, in a thread.
	maxDiskWork = 64
	// maxDiskQueue is how many wait behind them: more than clients that ask at
	// the same time, and little memory when the disk never answers.
	maxDiskQueue = 16384
	diskRetry    = 10 * time.Second
)

// disk does what publishers need and may wait for a disk beside the owner: looks
// at keys, or recordings that begin, each with places of their own, because keys
// lie elsewhere. However many come and go while a disk hangs, they cost no more
// goroutines than this has places. Questions of players have budget.Questions,
// where they wait for one another and for nobody else.
type disk struct {
	places int // 0: maxDiskWork

	mu      sync.Mutex // nothing else is taken while it is held
	running int
	waiting []func()
}

// do has work done, some time. It does not wait, and returns false when too much
// is to be done already.
func (d *disk) do(work func()) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.running < d.most():
		d.running++
		go d.work(work)
	case len(d.waiting) < maxDiskQueue:
		d.waiting = append(d.waiting, work)
	default:
		return false
	}
	return true
}

// most is how many goroutines there are at once.
func (d *disk) most() int {
	if d.places > 0 {
		return d.places
	}
	return maxDiskWork
}

func (d *disk) work(work func()) {
	for work != nil {
		work()
		work = d.next()
	}
}

func (d *disk) next() (work func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.waiting) == 0 {
		d.waiting = nil
		d.running--
		return nil
	}
	work, d.waiting[0] = d.waiting[0], nil
	d.waiting = d.waiting[1:]
	return work
}

// diskBusy refuses what would wait behind too much.
func diskBusy() *session.Refusal {
	return &session.Refusal{Code: session.RefusedFailed, Reason: "the disk does not answer", RetryAfter: diskRetry, Cause: errDisk}
}

// Withdraw implements session.Instance.
func (i *Instance) Withdraw(c session.Client) { i.questions.Leave(c.ID) }

// withdrawn is for a question whose client has gone before its turn: nobody
// hears it.
func withdrawn(ctx context.Context) *session.Refusal {
	return &session.Refusal{Code: session.RefusedFailed, Reason: "the client has gone", Cause: context.Cause(ctx)}
}
