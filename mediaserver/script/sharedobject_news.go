package script

import (
	"fmt"
	"sync"
	"sync/atomic"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/logs"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

const (
	// newsAtOnce is how much of what clients have done the script is told in one event:
	// others have their turn between.
	newsAtOnce = 64
	// maxNews bounds, in bytes, what waits to be told of all objects. With more, changes
	// are told without what was before; they are as many as there are slots. Messages
	// are lost.
	maxNews = 4 << 20
	perNews = 128
)

// newsShare counts what waits of all objects of a world.
type newsShare struct{ bytes atomic.Int64 }

// objectNews is what clients have done to an object, and the script has not been told.
// The owner adds, and the script's goroutine takes.
type objectNews struct {
	mu      sync.Mutex // nothing else is taken while it is held
	list    []ObjectNews
	slots   map[string]int // which piece tells of a slot's change, counted with those that were taken
	taken   int
	told    bool // an event is on its way
	closed  bool
	dropped int // messages
}

// size is what a piece of news holds, about.
func (n *ObjectNews) size() int64 {
	return int64(perNews + len(n.Name) + len(n.Old.Raw) + len(n.Old.Plain) + len(n.Call.Raw) + len(n.Call.Plain))
}

func (n *ObjectNews) ofSlot() bool { return n.Kind == ObjectChanged || n.Kind == ObjectDeleted }

// add adds a piece of news, and says whether the script must be roused. A slot that
// changes again before that was told is told of once: who is told asks what it is now.
func (q *objectNews) add(n ObjectNews, share *newsShare) (rouse bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	if at, ok := q.slots[n.Name]; ok && n.ofSlot() {
		q.list[at-q.taken].Kind = n.Kind
		return false
	}
	if share.bytes.Load()+n.size() > maxNews {
		if n.Kind == ObjectSent {
			q.dropped++
			return false
		}
		n.Old = sharedobject.Value{}
	}
	share.bytes.Add(n.size())
	q.list = append(q.list, n)
	switch {
	case n.ofSlot():
		if q.slots == nil {
			q.slots = map[string]int{}
		}
		q.slots[n.Name] = q.taken + len(q.list) - 1
	case n.Kind == ObjectCleared:
		q.slots = nil // what changes from now on has changed after that
	}
	rouse = !q.told
	q.told = true
	return rouse
}

// take is what is to be told next, and says whether there is more, and how many
// messages were lost.
func (q *objectNews) take(share *newsShare) (next []ObjectNews, more bool, dropped int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(len(q.list), newsAtOnce)
	next = append(next, q.list[:n]...)
	for i, one := range next {
		share.bytes.Add(-one.size())
		if at, ok := q.slots[one.Name]; ok && one.ofSlot() && at == q.taken+i {
			delete(q.slots, one.Name)
		}
	}
	clear(q.list[:n])
	q.list, q.taken = q.list[n:], q.taken+n
	if len(q.list) == 0 {
		q.list, q.slots, q.taken = nil, nil, 0
	}
	dropped, q.dropped = q.dropped, 0
	q.told = len(q.list) > 0
	return next, q.told, dropped
}

// drop forgets all of it, and takes nothing more.
func (q *objectNews) drop(share *newsShare) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, n := range q.list {
		share.bytes.Add(-n.size())
	}
	q.list, q.slots, q.closed = nil, nil, true
}

// hear is told by the owner what a client has done.
func (so *sharedObject) hear(n ObjectNews) {
	if so.news.add(n, &so.w.objects.news) {
		so.w.post(so.tell)
	}
}

// tell tells the script what clients have done: changes that follow one another by one
// call of onSync, and messages by what they call.
func (so *sharedObject) tell() {
	if so.closed {
		return
	}
	next, more, dropped := so.news.take(&so.w.objects.news)
	if dropped > 0 {
		so.w.log.Warn("shared object: messages of clients were not told the script, which does not keep up",
			"object", so.key.Name, "messages", dropped)
	}
	for len(next) > 0 && !so.closed {
		n := 0
		for n < len(next) && next[n].Kind != ObjectSent {
			n++
		}
		if n > 0 {
			so.sync(next[:n])
		} else {
			n = 1
			so.sent(next[0].Call)
		}
		next = next[n:]
	}
	if more {
		so.w.post(so.tell)
	}
}

// sync calls onSync with what has changed.
func (so *sharedObject) sync(all []ObjectNews) {
	if so.w.method(so.object, "onSync") == nil {
		return
	}
	list := amf.NewArray()
	for _, n := range all {
		list.Items = append(list.Items, n.info())
	}
	v, err := so.w.values.In(list)
	if err != nil { // what was before may be large; what is now can be asked for
		for i, n := range all {
			n.Old = sharedobject.Value{}
			list.Items[i] = n.info()
		}
		if v, err = so.w.values.In(list); err != nil {
			so.w.report(err)
			return
		}
	}
	so.w.call(so.object, "onSync", v)
}

// info is an element of the list that onSync is given.
func (n ObjectNews) info() *amf.Object {
	if n.Kind == ObjectCleared {
		return amf.NewObject("code", "clear")
	}
	code := "change"
	switch n.Kind {
	case ObjectDeleted:
		code = "delete"
	case objectAccepted:
		code = "success"
	case objectRejected:
		code = "reject"
	}
	info := amf.NewObject("code", code, "name", n.Name)
	if len(n.Old.Raw) > 0 {
		if old, _, err := amf.Decode(n.Old.Raw); err == nil {
			info.Set("oldValue", old)
		}
	}
	return info
}

// sent calls what a client's message names: a function that the script has put on the
// object, and none of what the object tells the script itself.
func (so *sharedObject) sent(call sharedobject.Value) {
	w := so.w
	all, err := amf.DecodeAll(call.Raw)
	if err != nil || len(all) == 0 {
		return
	}
	name, _ := all[0].(string)
	if name == "" || len(name) > maxMethod || hidden[name] || name == "onSync" || name == "onStatus" {
		return
	}
	f := w.method(so.object, name)
	if f == nil || !w.written(f) {
		return
	}
	w.doing = logs.Clean(fmt.Sprintf("%s of shared object %s", name, so.key.Name), logs.MaxValue)
	args, err := w.values.InAll(all[1:])
	if err == nil {
		_, err = f.Call(so.object.Value(), args...)
	}
	if err != nil {
		w.report(err)
	}
}
