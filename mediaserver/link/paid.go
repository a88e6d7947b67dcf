package link

import (
	"github.com/fxamacker/cbor/v2"

	"flashpod.dev/flashpod/mediaserver/budget"
)

const (
	// freeQueue is how many bytes may wait in a pipe that nobody pays for.
	freeQueue = 256 << 10
	// shareOfPipe is what part of a budget one pipe has at most: an edge that takes nothing
	// is in no other's way.
	shareOfPipe = 4
)

// PaidBy has a budget pay for what waits in the pipe. One that it does not pay for any more
// ends, as one whose queue is full. It is called before the pipe is used.
func (p *Pipe) PaidBy(b *budget.Budget) *Pipe {
	p.budget = b
	if b != nil {
		p.most = min(p.most, int(max(b.Max()/shareOfPipe, 2*freeQueue)))
	}
	return p
}

// owed is what is to be paid for. The caller holds mu.
func (p *Pipe) owed() int64 { return int64(max(0, len(p.queued)+p.writing-freeQueue)) }

// pay pays for what waits; false: it cannot be paid for. The caller holds mu.
func (p *Pipe) pay() bool {
	more := p.owed() - p.paid
	if more <= 0 {
		return true
	}
	if !p.budget.Take(more) {
		return false
	}
	p.paid += more
	return true
}

// settle gives back what nothing waits for. The caller holds mu.
func (p *Pipe) settle() {
	if less := p.paid - p.owed(); less > 0 {
		p.budget.Give(less)
		p.paid -= less
	}
}

// Raw is the body of a record that is encoded already: see Encode.
type Raw = cbor.RawMessage

// Encode encodes the body of a record; nil has none.
func Encode(body any) (any, int, error) {
	if body == nil {
		return nil, 0, nil
	}
	b, err := encoding.Marshal(body)
	return Raw(b), len(b), err
}
