package instance

import "flashpod.dev/flashpod/mediaserver/session"

// Retire ends the instance for those who would come, if nobody uses it: no client
// is here, no name (but by channels, which nobody watches) and no shared object in use, nothing is recorded, played or mended, and no publisher
// is expected back. told hears whether it has, once and as answers are. The caller
// closes an instance that has, and its store.
func (i *Instance) Retire(told func(retired bool)) {
	ok := i.post(func(o *owner) {
		if !o.unused() {
			told(false)
			return
		}
		o.closing = true
		told(true)
	})
	if !ok {
		told(true) // it has ended already
	}
}

func (o *owner) unused() bool {
	if o.closing { // nobody comes back, and what is kept goes with the instance
		return o.seen.connections() == 0 && len(o.records) == 0 && !o.store.Busy(int(o.ownFiles.Load()))
	}
	return o.seen.connections() == 0 && o.inUse() == 0 && len(o.records) == 0 && len(o.away) == 0 && len(o.objects) == 0 && !o.store.Busy(int(o.ownFiles.Load()))
}

// proves notes that a client has shown that it may publish: see Config.Proved.
func (i *Instance) proves(why *session.Refusal) {
	if why == nil && i.proved != nil && i.rules.Load().Keys != nil {
		i.provedOnce.Do(i.proved)
	}
}
