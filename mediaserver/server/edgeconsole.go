package server

import (
	"context"
	"fmt"
	"net/http"

	"flashpod.dev/flashpod/mediaserver/edge"
	"flashpod.dev/flashpod/mediaserver/web/console"
)

// edgeSource is an edge as the console sees it: what it is linked to and serves here. All
// else is the origin's. It implements console.Source.
type edgeSource struct{ consoleSource }

// consoleOf is the server as the console sees it.
func (s *Server) consoleOf() console.Source {
	if s.edge != nil {
		return edgeSource{consoleSource{s}}
	}
	return consoleSource{s}
}

// Server implements console.Source.
func (c edgeSource) Server() console.Server {
	is := c.consoleSource.Server()
	for _, one := range c.s.edge.Instances() {
		is.Clients += one.Clients
		is.Players += players(one)
	}
	for _, t := range c.s.edge.Traffic() {
		is.Totals.In += t.Received
	}
	is.Totals.Out = c.s.watched.bytes()
	return is
}

func players(of edge.Instance) (n int) {
	for _, one := range of.Streams {
		n += one.Viewers
	}
	return n
}

// Instances implements console.Source.
func (c edgeSource) Instances() (all []console.Instance) {
	for _, one := range c.s.edge.Instances() {
		is := console.Instance{Application: one.Application, Instance: one.Name, Clients: one.Clients, Players: players(one)}
		for _, f := range one.Streams {
			if f.Live.Live() {
				is.Streams++
			}
		}
		all = append(all, is)
	}
	return all
}

// Detail implements console.Source.
func (c edgeSource) Detail(ctx context.Context, application, name string) (d console.Detail, ok bool) {
	is, ok := c.s.edge.Instance(application, name)
	if !ok {
		return d, false
	}
	d = console.Detail{Streams: []console.Stream{}, Clients: []console.Client{}, Objects: []console.SharedObject{}}
	for _, f := range is.Streams[:min(len(is.Streams), maxShown)] {
		if f.Live.Live() {
			one := describe(f.Name, c.s.probe.Stream(ctx, f.Live))
			one.Viewers = f.Viewers
			d.Streams = append(d.Streams, one)
		}
	}
	for _, one := range c.s.edge.Clients(application, name, maxShown) {
		does := ""
		if one.Stream != "" {
			does = "watches " + one.Stream + " by " + one.Way
		}
		d.Clients = append(d.Clients, console.Client{
			Does: does, ID: one.ID, Address: one.Address, Agent: one.Agent, Since: one.Since.UnixMilli(), Ping: milliseconds(one.Traffic.RoundTrip),
			Totals: console.Totals{In: one.Traffic.In, Out: one.Traffic.Out},
		})
	}
	return d, true
}

// Object implements console.Source: shared objects are the origin's.
func (c edgeSource) Object(context.Context, string, string, string, uint32) *console.Object {
	return nil
}

// Kick implements console.Source.
func (c edgeSource) Kick(application, name, client string) error {
	if !c.s.edge.Kick(application, name, client) {
		return &console.Error{Status: http.StatusNotFound, Reason: fmt.Sprintf("client %.64q is not connected to %.64s/%.64s at this edge any more", client, application, name)}
	}
	return nil
}

// Unload implements console.Source.
func (c edgeSource) Unload(context.Context, string, string) error {
	return &console.Error{Status: http.StatusConflict, Reason: fmt.Sprintf("this is an edge: instances are unloaded at the console of its origin, %s", c.s.cfg.EdgeOf)}
}

// Delete implements console.Source.
func (c edgeSource) Delete(context.Context, string, string, string) error {
	return &console.Error{Status: http.StatusConflict, Reason: fmt.Sprintf("this is an edge: recordings are deleted at the console of its origin, %s", c.s.cfg.EdgeOf)}
}
