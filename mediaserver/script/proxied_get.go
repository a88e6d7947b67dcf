package script

import (
	"fmt"

	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// through has an object that is open shown from where a NetConnection leads; false: it
// cannot be, and stays what it was. A local one becomes another server's. One that is
// another server's already goes on by the new connection if that leads to the same
// place, or if its own is over: a script that has lost its server, or thinks so, tries
// another connection. While its own leads elsewhere and is there, it stays with that,
// and the script is told so: what its users see is one server's.
func (so *sharedObject) through(far *link, nc *engine.Object) bool {
	p := so.proxied
	if p == nil {
		return so.begin(far, nc)
	}
	if p.nc.Same(nc) {
		return true
	}
	to, err := connectionOf(p.nc)
	if err != nil {
		so.w.report(err)
	}
	if old, ok := to.(*link); ok && !old.over && old.place() != far.place() {
		so.failed("SharedObject.UriMismatch", fmt.Errorf("SharedObject.get(%q): %s keeps the object, by a NetConnection that is not closed: %s is passed over; close the object, or that connection, before it is got from there",
			so.key.Name, old.place(), far.place()))
		return true
	}
	p.nc.Release()
	p.nc = nc.Keep() // what there is goes on until this one is connected
	so.w.log.Info("shared object: another connection is used for it", "object", so.key.Name, "server", far.place())
	if far.nc != nil {
		p.attach(far)
	}
	return true
}

// giveLocks takes back all locks that the script has.
func (so *sharedObject) giveLocks() {
	for ; so.locks > 0; so.locks-- {
		so.use(func(o OpenObject) error { o.Unlock(); return nil })
	}
}
