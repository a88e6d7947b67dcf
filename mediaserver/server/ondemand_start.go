package server

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"time"

	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/recording"
	"flashpod.dev/flashpod/mediaserver/session"
)

// start opens what a room needs, and lets those in who wait for it. It may wait for
// a disk.
func (d *onDemand) start(in *room) {
	defer d.work.Done()
	d.disks <- struct{}{}
	inst, why := d.open(in)
	<-d.disks
	d.mu.Lock()
	if why == nil && d.closed {
		why = refused(session.RefusedStopping)
	}
	if why != nil {
		d.vacate(in)
		d.mu.Unlock() // who comes now waits for what follows
		if inst != nil {
			d.server.end(d.server.disks, inst)
		}
		d.dissolve(in, why)
		return
	}
	in.inst, in.state = inst, roomServes
	waiting := d.admit(in, d.unloadAfter)
	d.mu.Unlock()
	d.say(in, "instance has started")
	welcome(in, waiting)
}

// say tells the log of a room, for the address that had it started.
func (d *onDemand) say(in *room, what string) {
	level := slog.LevelInfo
	if in.house {
		level = slog.LevelDebug
	}
	in.inst.Log().Log(context.Background(), level, what, "client", in.by.ID, "address", in.by.Address)
}

// open makes the instance of a room.
func (d *onDemand) open(in *room) (*instance.Instance, *session.Refusal) {
	s := d.server
	log := s.log.With("application", d.application, "instance", in.name)
	err := d.names.check(s.disks, in.name)
	if err == nil {
		err = d.claims.Check(in.name)
	}
	var store *recording.Store
	if err == nil {
		opts := s.storeOptions(d.doc, d.others(in.name))
		opts.Late = &recording.Late{Claims: d.claims, Name: in.name, Files: s.cfg.Budgets.Files}
		store, err = recording.Open(filepath.Join(d.claims.Streams, filepath.FromSlash(in.name)), log, opts)
	}
	if errors.Is(err, recording.ErrBadName) {
		return nil, badInstance(err)
	}
	if err == nil {
		var inst *instance.Instance
		memory := s.cfg.Budgets.ScriptsOnDemand
		if in.house {
			memory = s.cfg.Budgets.ScriptMemory
		}
		cfg := s.config(d.application, in.name, store, d.rules, d.program.make(in.name, memory, log), log)
		cfg.Proved, cfg.ServerStarted = func() { d.proved(in) }, s.started
		if inst, err = instance.New(cfg); err == nil {
			return inst, nil
		}
	}
	log.Error("instance cannot start", "client", in.by.ID, "address", in.by.Address, "err", err)
	return nil, &session.Refusal{Code: session.RefusedFailed, Reason: "the instance cannot be started", Cause: err}
}

// admit counts those who wait for a room that serves, or has it rest where nobody
// does. The caller holds mu, and lets them in after it.
func (d *onDemand) admit(in *room, rests time.Duration) (waiting []waiter) {
	waiting, in.waiting = in.waiting, nil
	for _, w := range waiting {
		d.enter(in, w)
	}
	if len(waiting) == 0 {
		d.rest(in, rests)
	}
	return waiting
}

func welcome(in *room, waiting []waiter) {
	for _, w := range waiting {
		w.then(in, nil)
	}
}

// dissolve forgets a room that has no place, and tells why those who wait for it.
func (d *onDemand) dissolve(in *room, why *session.Refusal) {
	waiting, gone := d.remove(in)
	refuseAll(waiting, gone, why)
}

// remove forgets a room; those who wait for it are the caller's.
func (d *onDemand) remove(in *room) (waiting []waiter, gone []func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unspell(in)
	delete(d.rooms, in.name)
	waiting, gone = in.waiting, append(in.gone, in.ended...)
	in.waiting, in.gone, in.ended = nil, nil, nil
	return waiting, gone
}

// tell tells those who wait for a room that it does not let them in.
func (d *onDemand) tell(in *room, why *session.Refusal) {
	d.mu.Lock()
	waiting, gone := in.waiting, append(in.gone, in.ended...)
	in.waiting, in.gone, in.ended = nil, nil, nil
	d.mu.Unlock()
	refuseAll(waiting, gone, why)
}

func refuseAll(waiting []waiter, gone []func(), why *session.Refusal) {
	for _, w := range waiting {
		w.then(nil, why)
	}
	for _, f := range gone {
		f()
	}
}

// retire has a room unloaded that nobody uses. then is called when it has given its
// place back, or has not, because it is in use.
func (d *onDemand) retire(in *room, then func()) {
	d.mu.Lock()
	if in.state != roomServes || in.users > 0 || d.closed {
		d.mu.Unlock()
		then()
		return
	}
	in.state = roomRetires
	d.wake(in)
	d.mu.Unlock()
	in.inst.Retire(func(retired bool) {
		d.retired(in, retired)
		then()
	})
}

// retired goes on with a room that was asked whether anybody uses it.
func (d *onDemand) retired(in *room, gone bool) {
	d.mu.Lock()
	switch {
	case gone && d.closed: // and closes it
		d.mu.Unlock()
		d.tell(in, refused(session.RefusedStopping))
	case gone:
		in.state = roomUnloads
		d.vacate(in)
		d.leaving++
		d.work.Add(1)
		d.mu.Unlock()
		go d.unload(in)
	case in.forced:
		in.state = roomServes
		d.rest(in, forcedAgain)
		d.mu.Unlock()
	default:
		in.state = roomServes
		waiting, ask := d.admit(in, min(d.unloadAfter, busyAgain)), in.gone
		in.gone = nil
		d.mu.Unlock()
		welcome(in, waiting)
		for _, f := range ask {
			f()
		}
	}
}

// unload closes the instance of a room. Those who came meanwhile have it started
// anew: there are never two of one folder.
func (d *onDemand) unload(in *room) {
	defer d.work.Done()
	d.disks <- struct{}{}
	d.server.end(d.server.disks, in.inst)
	<-d.disks
	why := "nobody has used it"
	if in.forced {
		why = "an operator wanted it"
	}
	d.say(in, "instance is unloaded: "+why)
	d.forget(in)
	d.mu.Lock()
	d.leaving--
	d.mu.Unlock()
	waiting, gone := d.remove(in)
	for _, w := range waiting {
		d.use(in.name, w)
	}
	for _, f := range gone {
		f()
	}
}
