package instance

import (
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/script"
	"flashpod.dev/flashpod/mediaserver/session"
)

// stopTime is how long a script may think about whether its instance may stop.
const stopTime = 5 * time.Second

// Retire ends the instance for those who would come, if nobody uses it: no client
// is here, no name (but by channels, which nobody watches) and no shared object in
// use, nothing is recorded, played or mended, and no publisher is expected back; and
// if its script lets it. told hears whether it has, once and as answers are. The
// caller closes an instance that has, and its store.
func (i *Instance) Retire(told func(retired bool)) {
	ok := i.post(func(o *owner) {
		switch {
		case !o.unused():
			told(false)
		case o.script == nil || o.stopped:
			o.closing = true
			told(true)
		default:
			o.askToStop(told)
		}
	})
	if !ok {
		told(true) // it has ended already
	}
}

// askToStop has the script's onAppStop say whether the instance may be unloaded. One
// that does not answer has no say.
func (o *owner) askToStop(told func(retired bool)) {
	inst := o.Instance
	var once sync.Once
	decide := func(refused bool) {
		once.Do(func() {
			if !inst.post(func(o *owner) { told(o.retire(refused)) }) {
				told(true)
			}
		})
	}
	late := time.AfterFunc(stopTime, func() { decide(false) })
	o.script.host.Stop(script.StopIdle, func(refused bool) { late.Stop(); decide(refused) })
}

// retire ends the instance unless its script has refused that, or somebody has come
// meanwhile.
func (o *owner) retire(refused bool) bool {
	if refused && !o.closing || !o.unused() {
		return false
	}
	o.closing, o.stopped = true, true
	return true
}

func (o *owner) unused() bool {
	if o.closing { // nobody comes back, and what is kept goes with the instance
		return o.seen.connections() == 0 && len(o.records) == 0 && !o.store.Busy(int(o.ownFiles.Load()))
	}
	return o.seen.connections() == 0 && o.inUse() == 0 && len(o.records) == 0 && len(o.away) == 0 && !o.objectsUsed() && !o.store.Busy(int(o.ownFiles.Load()))
}

// objectsUsed says whether anybody needs a shared object in memory. What its script
// alone keeps does not: it ends with it.
func (o *owner) objectsUsed() bool {
	for _, obj := range o.objects {
		if obj.kept == 0 || len(obj.users) > 0 || o.script == nil {
			return true
		}
	}
	return false
}

// proves notes that a client has shown that it may publish: see Config.Proved.
func (i *Instance) proves(why *session.Refusal) {
	if why == nil && i.proved != nil && i.rules.Load().Keys != nil {
		i.provedOnce.Do(i.proved)
	}
}
