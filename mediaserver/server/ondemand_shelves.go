package server

import (
	"context"
	"maps"

	"flashpod.dev/flashpod/mediaserver/catalogue"
	"flashpod.dev/flashpod/mediaserver/recording"
	"flashpod.dev/flashpod/mediaserver/session"
)

// shelves are the recordings of the instances that are loaded, and of those that
// have a folder: they are started for whoever looks into them.
func (d *onDemand) shelves() (all []catalogue.Shelf) {
	names := map[string]bool{}
	for _, i := range d.loaded() {
		names[i.Name()] = true
	}
	onDisk, err := d.names.onDisk(d.server.disks, d.claims)
	if err != nil {
		d.log.Warn("instances are not listed", "application", d.application, "err", err)
	}
	for _, name := range onDisk {
		if !d.names.named(name) {
			names[name] = true
		}
	}
	for name := range maps.Keys(names) {
		shelf := catalogue.Shelf{
			Application: d.application, Instance: name,
			Borrow: func(ctx context.Context) (*recording.Store, func(), error) { return d.borrow(ctx, name) },
		}
		if keys := d.rules.Keys; keys != nil {
			shelf.Authorize = keys.Check
		}
		all = append(all, shelf)
	}
	return all
}

// borrow uses an instance for somebody of the house, whatever limits say.
func (d *onDemand) borrow(ctx context.Context, name string) (store *recording.Store, giveBack func(), err error) {
	type answer struct {
		in  *room
		why *session.Refusal
	}
	answers := make(chan answer, 1)
	d.use(name, waiter{house: true, then: func(in *room, why *session.Refusal) { answers <- answer{in, why} }})
	select {
	case a := <-answers:
		if a.why != nil {
			return nil, nil, a.why
		}
		return a.in.inst.Store(), func() { d.leave(a.in) }, nil
	case <-ctx.Done():
		go func() {
			if a := <-answers; a.why == nil {
				d.leave(a.in)
			}
		}()
		return nil, nil, context.Cause(ctx)
	}
}
