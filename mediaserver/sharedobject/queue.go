package sharedobject

import "flashpod.dev/flashpod/mediaserver/budget"

const (
	// maxQueue bounds what waits for a subscriber that is told what happens, in bytes:
	// more than sockets have on their way. With more it is behind, and gets what the
	// object is then.
	maxQueue = 256 << 10
	// maxOwn bounds the answers among it, in bytes of memory: those to the largest
	// message.
	maxOwn = 1 << 20
	// perItem is what one costs beside its bytes.
	perItem = 64
)

// queue is what a subscriber is to be told once it has room, in order. Budgets pay
// for it. It belongs to the feed's goroutine.
type queue struct {
	share *budget.Budget // of its client, beside the feed's: see Within
	items []item
	bytes int // of messages that many hear, with perItem each
	own   int // of answers, and of those that are owed
}

// item is a message that many hear, or answers that one does, which are encoded when
// their time comes.
type item struct {
	shared  *payload
	version uint32
	events  []Event
	first   bool   // they are what one hears first that comes
	before  uint64 // the order of the last change before answers
	bytes   int    // of memory, of answers
	paid    int64  // taken of the budget for it alone
}

func (q *queue) empty() bool { return len(q.items) == 0 }

// fits says whether so many bytes more would not be too much.
func (q *queue) fits(bytes int) bool { return len(q.items) == 0 || q.bytes+q.own+bytes <= maxQueue }

// add queues what many hear; false: it is too much, or nobody pays for it.
func (q *queue) add(f *Feed, p *payload) bool {
	bytes := len(p.bytes) + perItem
	costs := perItem
	if p.refs == 0 {
		costs = bytes // for all who have it in their queues
	}
	if q.bytes+q.own+bytes > maxQueue || !q.pay(f, bytes, costs) {
		return false
	}
	p.refs++
	q.bytes += bytes
	q.items = append(q.items, item{shared: p, paid: perItem})
	return true
}

// keep makes an item of answers, which is not in the queue yet; false: there are too
// many, or nobody pays for them. A few are always taken: they came with the use of
// the object.
func (q *queue) keep(f *Feed, version uint32, events []Event) (one item, ok bool) {
	one = item{version: version, events: events, bytes: perItem + memory(events)}
	if q.own > 0 || one.bytes > perUse {
		if q.own+one.bytes > maxOwn || !q.pay(f, one.bytes, one.bytes) {
			return item{}, false
		}
		one.paid = int64(one.bytes)
	}
	q.own += one.bytes
	return one, true
}

// perUse is what a use of an object may hold that nobody has paid for.
const perUse = 512

// next is the message that comes next to a subscriber.
func (q *queue) next(s *Subscription) []byte {
	one := &q.items[0]
	if one.shared != nil {
		return one.shared.bytes
	}
	return s.encode(one.version, one.events[:fitting(one.events)])
}

// pop takes it out.
func (q *queue) pop(f *Feed) {
	one := &q.items[0]
	if one.shared == nil {
		if n := fitting(one.events); n < len(one.events) {
			one.events = one.events[n:]
			return
		}
	}
	q.release(f, one)
	q.items[0] = item{}
	if q.items = q.items[1:]; len(q.items) == 0 {
		q.items = nil
	}
}

// release gives back what was paid for an item.
func (q *queue) release(f *Feed, one *item) {
	f.cfg.Budget.Give(one.paid)
	q.own -= one.bytes
	p := one.shared
	if p == nil {
		q.share.Give(one.paid)
	} else {
		q.share.Give(int64(len(p.bytes) + perItem))
		q.bytes -= len(p.bytes) + perItem
		if p.refs--; p.refs == 0 {
			f.cfg.Budget.Give(int64(len(p.bytes)))
		}
	}
}

// drop gives back what was paid for items, which are not told.
func (q *queue) drop(f *Feed, items []item) {
	for i := range items {
		q.release(f, &items[i])
	}
}
