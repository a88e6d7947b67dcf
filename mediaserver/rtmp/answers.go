package rtmp

import "fmt"

const (
	// freeAnswers is what may be queued without a budget's leave.
	freeAnswers = 16 << 10
	// maxAnswers bounds what a server may have queued for a client beside media:
	// twice the longest that is ever said at once, to measure a client's line. What
	// a client has to say is its own: MaxQueue bounds it.
	maxAnswers = 1 << 20
)

// answered counts bytes that were queued, and has the budget pay for those that
// the socket has not taken. The caller holds mu.
func (c *Conn) answered(bytes int) error {
	o := &c.out
	if o.over {
		return nil
	}
	o.answers = min(o.answers+bytes, o.left())
	if !c.client && o.answers > maxAnswers {
		return fmt.Errorf("%w: %d bytes of answers are waiting", ErrSlow, o.answers)
	}
	need := max(0, o.answers-freeAnswers)
	need = (need + payStep - 1) / payStep * payStep
	switch {
	case need > o.paid:
		if !o.budget.Take(int64(need - o.paid)) {
			return fmt.Errorf("%w: %d bytes of answers are waiting", ErrUsedUp, o.answers)
		}
	case need < o.paid:
		o.budget.Give(int64(o.paid - need))
	}
	o.paid = need
	return nil
}

// payBack gives back what was paid for, at the end of the output. The caller
// holds mu.
func (o *output) payBack() {
	o.budget.Give(int64(o.paid))
	o.paid, o.over = 0, true
}
