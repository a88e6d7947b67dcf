package sharedobject

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
	items []item
	bytes int // of messages that many hear, with perItem each
	own   int // of answers
}

// item is a message that many hear, or answers that one does, which are encoded when
// their time comes.
type item struct {
	shared  *payload
	version uint32
	events  []Event
	bytes   int   // of memory, of answers
	paid    int64 // taken of the budget for it alone
}

func (q *queue) empty() bool { return len(q.items) == 0 }

// fits says whether so many bytes more would not be too much.
func (q *queue) fits(bytes int) bool { return len(q.items) == 0 || q.bytes+q.own+bytes <= maxQueue }

// add queues what many hear; false: it is too much, or nobody pays for it.
func (q *queue) add(f *Feed, p *payload) bool {
	bytes := len(p.bytes) + perItem
	if q.bytes+q.own+bytes > maxQueue || !f.cfg.Budget.Take(perItem) {
		return false
	}
	if p.refs == 0 && !f.cfg.Budget.Take(int64(len(p.bytes))) {
		f.cfg.Budget.Give(perItem)
		return false
	}
	p.refs++
	q.bytes += bytes
	q.items = append(q.items, item{shared: p, paid: perItem})
	return true
}

// addOwn queues answers; false: there are too many, or nobody pays for them. A few
// are always taken: they came with the use of the object.
func (q *queue) addOwn(f *Feed, version uint32, events []Event) bool {
	bytes := perItem + memory(events)
	one := item{version: version, events: events, bytes: bytes}
	if len(q.items) > 0 || bytes > perUse {
		if q.own+bytes > maxOwn || !f.cfg.Budget.Take(int64(bytes)) {
			return false
		}
		one.paid = int64(bytes)
	}
	q.own += bytes
	q.items = append(q.items, one)
	return true
}

// perUse is what a use of an object may hold that nobody has paid for.
const perUse = 512

// next is the message that comes next.
func (q *queue) next(f *Feed, amf3 bool) []byte {
	one := &q.items[0]
	if one.shared != nil {
		return one.shared.bytes
	}
	return f.encode(one.version, one.events[:fitting(one.events)], amf3)
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
		*q = queue{}
	}
}

// release gives back what was paid for an item.
func (q *queue) release(f *Feed, one *item) {
	f.cfg.Budget.Give(one.paid)
	q.own -= one.bytes
	if p := one.shared; p != nil {
		q.bytes -= len(p.bytes) + perItem
		if p.refs--; p.refs == 0 {
			f.cfg.Budget.Give(int64(len(p.bytes)))
		}
	}
}

// drop takes all out.
func (q *queue) drop(f *Feed) {
	for i := range q.items {
		q.release(f, &q.items[i])
	}
	*q = queue{}
}
