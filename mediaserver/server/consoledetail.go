package server

import (
	"context"

	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/web/console"
)

// maxShown is how many of each kind the console is shown of an instance.
const maxShown = 200

// detailOf is what is in an instance, for the console.
func detailOf(ctx context.Context, i *instance.Instance) console.Detail {
	d := console.Detail{Streams: []console.Stream{}, Clients: []console.Client{}, Objects: []console.SharedObject{}}
	streams, _ := i.Streams("", maxShown)
	for _, s := range streams {
		if s.Live {
			d.Streams = append(d.Streams, console.Stream{Name: s.Name, Viewers: s.Players})
		}
	}
	clients, _ := i.Clients("", maxShown)
	for _, c := range clients {
		d.Clients = append(d.Clients, console.Client{
			ID: c.ID, Address: c.Address, Agent: c.Agent, Since: c.Since.UnixMilli(), Totals: console.Totals{In: c.BytesIn, Out: c.BytesOut},
		})
	}
	objects, _, err := i.Objects(ctx, instance.ObjectInfo{}, maxShown)
	if err != nil {
		return d // the owner has no time now: the next look is soon
	}
	for _, o := range objects {
		d.Objects = append(d.Objects, console.SharedObject{
			Key: console.ObjectKey(o.Name, o.Persistent), Name: o.Name, Persistent: o.Persistent, Version: o.Version, Slots: o.Slots, Bytes: o.Bytes, Users: o.Users,
		})
	}
	return d
}

// Object implements console.Source.
func (c consoleSource) Object(context.Context, string, string, string, uint32) *console.Object {
	return nil
}
