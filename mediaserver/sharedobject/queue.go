package sharedobject

import "flashpod.dev/flashpod/mediaserver/budget"

const (
	// maxQueue bounds what waits for a subscriber that is told what happens, in bytes:
	// more than sockets have on their way. With more it is behind, and gets what the
	// object is then.
	maxQueue = 256 << 10
	// freeOwn is how much of answers may wait, in bytes of memory, while the client's
	// next message is done, and maxOwn bounds all: messages are under way when there is
	// more, and some that have waited for a file.
	freeOwn = 128 << 10
	maxOwn  = 16 << 20
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

// item is a message that many hear, or answers that one does, a message of them at
// most, which are encoded when their time comes.
type item struct {
	shared  *payload
	version uint32 // that is known with answers, if no other is known already
	events  []Event
	first   bool     // they are what one hears first that comes: nobody pays for them
	before  uint64   // the order of the last change before answers that are owed
	bytes   int      // of memory, of answers
	paid    int64    // taken of the budget for it alone
	done    []func() // who waits until answers were told
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
// many, or nobody pays for them. A few are always taken.
func (q *queue) keep(f *Feed, version uint32, events []Event) (one item, ok bool) {
	one = item{version: version, events: events, bytes: perItem + memory(events)}
	if q.own > 0 || one.bytes > freeAnswers {
		if q.own+one.bytes > maxOwn || !q.pay(f, one.bytes, one.bytes) {
			return item{}, false
		}
		one.paid = int64(one.bytes)
	}
	q.own += one.bytes
	return one, true
}

// freeAnswers is what answers may hold that nobody has paid for.
const freeAnswers = 512

// pop takes out what comes first.
func (q *queue) pop(f *Feed) {
	q.release(f, &q.items[0])
	q.items[0] = item{}
	if q.items = q.items[1:]; len(q.items) == 0 {
		q.items = nil
	}
}

// release gives back what was paid for an item, and says that it was told, or never is.
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
	for _, done := range one.done {
		done()
	}
}

// drop gives back what was paid for items, which are not told.
func (q *queue) drop(f *Feed, items []item) {
	for i := range items {
		q.release(f, &items[i])
	}
}
