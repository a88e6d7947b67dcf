package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"flashpod.dev/flashpod/mediaserver/web"
)

// unloadReason is what clients are told of an instance that somebody ends.
const unloadReason = "the instance is unloaded by an operator"

// Instances implements web.Source.
func (s *Server) Instances() (all []web.Running) {
	for _, one := range s.served {
		i := s.instances[one.Application][one.Instance]
		r := web.Running{Instance: i, Unload: func(context.Context) error {
			i.Empty(unloadReason) // it is there as long as the server is
			return nil
		}}
		if one.KeyFile != "" {
			r.Authorize = i.Authorize
		}
		all = append(all, r)
	}
	for _, d := range s.onDemand {
		for _, i := range d.loaded() {
			r := web.Running{Instance: i, OnDemand: true, Unload: func(ctx context.Context) error { return d.unloadNow(ctx, i.Name()) }}
			if keys := d.rules.Keys; keys != nil {
				r.Authorize = keys.Check
			}
			all = append(all, r)
		}
	}
	return all
}

// errStarting says that a room cannot be unloaded yet.
var errStarting = errors.New("it is just starting: try again")

// unloadNow unloads a room, whoever uses it: they are told. Who comes meanwhile waits
// until it starts anew. It waits until it is gone, or ctx ends.
func (d *onDemand) unloadNow(ctx context.Context, name string) error {
	gone := make(chan struct{})
	d.mu.Lock()
	in := d.rooms[name]
	if in == nil || d.closed {
		d.mu.Unlock()
		return nil // it goes, or has gone
	}
	if in.inst == nil {
		d.mu.Unlock()
		return fmt.Errorf("unload %s/%s: %w", d.application, name, errStarting)
	}
	in.ended = append(in.ended, func() { close(gone) })
	in.forced = true
	empty := in.users == 0 && in.state == roomServes
	d.mu.Unlock()
	in.inst.Shutdown(unloadReason)
	if empty {
		d.retire(in, func() {})
	}
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("unload %s/%s: its clients are told, but it is not over yet: %w", d.application, name, context.Cause(ctx))
	}
}

// forcedAgain is when a room is asked again that is being unloaded and has something
// to finish.
const forcedAgain = 250 * time.Millisecond
