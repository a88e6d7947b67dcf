package budget

import (
	"context"
	"errors"
	"time"
)

// ErrCrowded says that too many questions wait for what others do already.
var ErrCrowded = errors.New("too many wait for the same files: try again in a moment")

// maxParked bounds the questions that wait for what others do: each has a
// goroutine, and no thread.
const maxParked = 1024

// Await waits in the middle of a question for what somebody else does, until done
// is closed: a file that is mended, a folder or an index that is read. The question
// counts for nothing meanwhile, so that any number of them keep no other from its
// turn, and goes on in turn. It returns the cause of ctx's end, or ErrCrowded. With
// another context than a question's it only waits.
func Await(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	default:
	}
	one, ok := ctx.Value(questionKey{}).(*question)
	if ok && !one.park() {
		return ErrCrowded
	}
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if ok {
		err = one.goBack(ctx, err)
	}
	return err
}

// park gives up the question's place, and lets another begin.
func (one *question) park() bool {
	q := one.all
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.parked >= maxParked {
		return false
	}
	one.timer.Stop()
	q.take(one)
	q.parked++
	q.begun--
	q.serve()
	return true
}

// goBack waits for a place to go on; with an error, the question is as good as
// over, and needs none.
func (one *question) goBack(ctx context.Context, err error) error {
	q := one.all
	q.mu.Lock()
	q.parked--
	if err != nil {
		q.begun++
		q.mu.Unlock()
		return err
	}
	left, err := one.waitIn(ctx, &q.back)
	if left {
		q.begun++
	}
	q.mu.Unlock()
	if err == nil {
		one.since = time.Now()
		one.begun = one.since
	}
	return err
}
