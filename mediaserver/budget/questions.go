package budget

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"
)

const (
	// maxBegun bounds the questions that have begun: each has a goroutine and,
	// while it waits for a disk, a thread.
	maxBegun = 64
	// maxAsked bounds what waits for its turn, and maxAskedBy what one asker has
	// waiting: a session asks one question after another.
	maxAsked   = 16384
	maxAskedBy = 64

	// slice is how long a question works until Pause lets media go first, and
	// turn how long until it lets another question.
	slice = 2 * time.Millisecond
	turn  = 20 * time.Millisecond
	// restAtMost bounds how long Pause rests.
	restAtMost = 5 * time.Millisecond
	// patience is how long a question may be without a Pause before it is taken
	// to wait for a disk: its place goes to another meanwhile.
	patience = 250 * time.Millisecond
)

// ErrLeft says that whoever asked has gone.
var ErrLeft = errors.New("whoever asked has gone")

// Questions lets clients ask what costs a processor or a disk: few questions are
// worked on at once, one of each asker, and askers take turns. However many come
// and go while a disk hangs, they cost no more goroutines than may begin.
//
// All methods may be called from any goroutine, and none waits.
type Questions struct {
	mu      sync.Mutex // nothing else is taken while it is held
	places  int
	working int // questions that have a place
	begun   int // and those that wait for a disk, or for a place to go on
	waiting int // questions that have not begun
	askers  map[string]*asker
	fresh   []*asker    // that have a question which may begin, the next to be served first
	paused  []*question // that want to go on
	parked  int         // that wait for what others do: see Await
	back    []*question // that have waited so, and want to go on
	turned  bool        // a paused one was served last
}

// asker is one who has questions that are not answered yet.
type asker struct {
	name    string
	ctx     context.Context
	cancel  context.CancelCauseFunc
	waiting []func(context.Context)
	running *question
	left    bool
}

// question is one that has begun.
type question struct {
	all   *Questions
	asker *asker
	timer *time.Timer // of its patience

	// Guarded by all.mu.
	has  bool // a place
	goOn chan struct{}

	// Used by its goroutine only.
	since time.Time // when it began to work, after a rest
	begun time.Time // when it got its place
}

// NewQuestions makes a queue with so many places for work at once; 0: half of
// the processors, so that the others are for media.
func NewQuestions(places int) *Questions {
	if places <= 0 {
		places = max(1, runtime.GOMAXPROCS(0)/2)
	}
	return &Questions{places: places, askers: map[string]*asker{}}
}

// Ask has work done when the asker's turn comes, in a goroutine of its own. It
// returns false when too much waits already, and work is never called then; else
// it is called once: with a context that has ended when the asker has left
// before its turn, so that it may say so. Long work calls Pause with its context.
func (q *Questions) Ask(name string, work func(context.Context)) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	a := q.askers[name]
	if q.waiting >= maxAsked || a != nil && len(a.waiting) >= maxAskedBy {
		return false
	}
	if a == nil {
		a = &asker{name: name}
		a.ctx, a.cancel = context.WithCancelCause(context.Background())
		q.askers[name] = a
	}
	a.waiting = append(a.waiting, work)
	q.waiting++
	if a.running == nil && len(a.waiting) == 1 {
		q.fresh = append(q.fresh, a)
	}
	q.serve()
	return true
}

// Leave says that an asker has gone: the context of the question that is worked
// on ends, and those that wait are told so, each in its own call. Who asks under
// the name from now on is another.
func (q *Questions) Leave(name string) {
	q.mu.Lock()
	a := q.askers[name]
	if a == nil {
		q.mu.Unlock()
		return
	}
	delete(q.askers, name)
	a.left = true
	dropped := a.waiting
	a.waiting = nil
	q.waiting -= len(dropped)
	if i := slices.Index(q.fresh, a); i >= 0 {
		q.fresh = slices.Delete(q.fresh, i, i+1)
	}
	q.mu.Unlock()
	a.cancel(ErrLeft)
	if len(dropped) == 0 {
		return
	}
	go func() {
		for _, work := range dropped {
			work(a.ctx)
		}
	}()
}

// Waiting is how many questions have not begun, and Begun how many have.
func (q *Questions) Waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting
}

// Begun is how many questions are worked on, or wait for a disk.
func (q *Questions) Begun() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.begun
}

// serve gives places that are free to those that wait: to questions that have
// waited for others, then to those that go on and to new ones in turn. The caller
// holds mu.
func (q *Questions) serve() {
	for q.working < q.places {
		room := q.begun < maxBegun
		fresh := len(q.fresh) > 0 && room
		switch {
		case len(q.back) > 0 && room:
			q.begun++
			q.resume(&q.back)
		case len(q.paused) > 0 && (!fresh || !q.turned):
			q.turned = true
			q.resume(&q.paused)
		case fresh:
			q.turned = false
			a := q.fresh[0]
			q.fresh[0] = nil
			q.fresh = q.fresh[1:]
			q.begin(a)
		default:
			return
		}
	}
}

// resume gives a place to the first of those that wait in a list. The caller holds
// mu.
func (q *Questions) resume(list *[]*question) {
	one := (*list)[0]
	*list = (*list)[1:]
	q.give(one)
	close(one.goOn)
	one.goOn = nil
}

func (q *Questions) give(one *question) {
	one.has = true
	q.working++
	one.timer.Reset(patience)
}

func (q *Questions) take(one *question) {
	if one.has {
		one.has = false
		q.working--
	}
}

// begin starts the first question of an asker. The caller holds mu.
func (q *Questions) begin(a *asker) {
	work := a.waiting[0]
	a.waiting[0] = nil
	a.waiting = a.waiting[1:]
	q.waiting--
	q.begun++
	one := &question{all: q, asker: a}
	one.timer = time.AfterFunc(patience, one.stuck)
	a.running = one
	q.give(one)
	go func() {
		defer one.end()
		one.since = time.Now()
		one.begun = one.since
		work(context.WithValue(a.ctx, questionKey{}, one))
	}()
}

// end frees the question's place, and lets its asker's next one wait for a turn.
func (one *question) end() {
	q, a := one.all, one.asker
	one.timer.Stop()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.take(one)
	q.begun--
	a.running = nil
	switch {
	case a.left:
	case len(a.waiting) > 0:
		q.fresh = append(q.fresh, a)
	default:
		delete(q.askers, a.name)
		a.cancel(nil)
	}
	q.serve()
}

// stuck takes the place of a question that has not paused for long: it waits for
// a disk, most likely.
func (one *question) stuck() {
	q := one.all
	q.mu.Lock()
	defer q.mu.Unlock()
	q.take(one)
	q.serve()
}

type questionKey struct{}

// Pause is called in the middle of long work, every millisecond or so. It rests
// after each slice, so that live media goes first, and lets other questions have
// their turns. It returns the cause of ctx's end when whoever asked has gone: the
// work is not wanted any more. With another context than a question's it does
// nothing else.
func Pause(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	one, ok := ctx.Value(questionKey{}).(*question)
	if !ok {
		return nil
	}
	now := time.Now()
	worked := now.Sub(one.since)
	if worked < slice {
		return nil
	}
	if err := one.yield(ctx, now); err != nil {
		return err
	}
	err := rest(ctx, min(worked/2, restAtMost))
	one.since = time.Now()
	return err
}

// yield gives the place to another when the question has had its turn, and waits
// for one.
func (one *question) yield(ctx context.Context, now time.Time) error {
	q := one.all
	q.mu.Lock()
	others := len(q.paused) > 0 || len(q.fresh) > 0
	if one.has && (!others || now.Sub(one.begun) < turn) {
		one.timer.Reset(patience)
		q.mu.Unlock()
		return nil
	}
	q.take(one)
	one.timer.Stop()
	_, err := one.waitIn(ctx, &q.paused)
	q.mu.Unlock()
	if err == nil {
		one.begun = time.Now()
	}
	return err
}

// waitIn has the question wait in a list for a place. It returns the cause when ctx
// ends first: left says that it had no place by then, and is in the list no more. The
// caller holds mu, which is let go of meanwhile.
func (one *question) waitIn(ctx context.Context, list *[]*question) (left bool, err error) {
	q := one.all
	goOn := make(chan struct{})
	one.goOn = goOn
	*list = append(*list, one)
	q.serve()
	q.mu.Unlock()
	select {
	case <-goOn:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	q.mu.Lock()
	if err == nil {
		return false, nil
	}
	i := slices.Index(*list, one)
	if left = i >= 0; left {
		*list = slices.Delete(*list, i, i+1)
	}
	return left, err
}

func rest(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
