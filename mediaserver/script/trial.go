package script

import (
	"errors"
	"log/slog"
	"sync/atomic"

	"flashpod.dev/flashpod/mediaserver/script/dialect"
	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// A trial runs what a script says outside of its functions, in a runtime of its own and
// before the one that runs is ended for it: an error in that would have all clients turned
// away. Nothing comes of it: at the first thing that a script asks of this package which is
// more than a look at itself (an object of a stream, a file, a timer), what that would do is
// not known without doing it, and the trial is over without a result.

// harmless is what a script may ask for in a trial, by its name.
var harmless = setOf(
	dialect.HookName, "trace", "load", "getGlobal", "protectObject", "setAttributes",
	"registerClass", "values", "name", "server", "hostname", "config", "clients", "allowDebug",
)

// errTrial is what the script hears of all else.
var errTrial = errors.New("this is not done while the script is tried")

// ErrUnpaid says that new files were not tried, since there is no memory for that.
var ErrUnpaid = errors.New("no memory is left to try the script's new files")

// payer pays, and remembers that it could not.
type payer struct {
	engine.Payer
	refused atomic.Bool
}

// Take implements engine.Payer.
func (p *payer) Take(bytes int64) bool {
	ok := p.Payer.Take(bytes)
	if !ok {
		p.refused.Store(true)
	}
	return ok
}

// noInstance is that of a trial.
type noInstance struct{ nobody }

// Failed implements Instance.
func (noInstance) Failed(Problem) {}

// trial says why a script fails when it is run, as far as that is known without what it does
// to others.
func trial(cfg Config) error {
	cfg.Instance, cfg.Log, cfg.Network = noInstance{}, slog.New(slog.DiscardHandler), nil
	h := &Host{cfg: cfg, log: cfg.Log, wake: make(chan struct{}, 1)}
	w, err := newWorld(h)
	if err != nil {
		return err
	}
	defer w.cancel()
	tried := make(chan error, 1)
	go func() { tried <- w.tried() }() // a runtime that does not come back is left to itself
	select {
	case err = <-tried:
	case <-w.rt.Dead():
		err = w.rt.Err()
	}
	return err
}

// tried is live, for a trial.
func (w *world) tried() (err error) {
	defer w.rt.Close()
	defer w.clearTimers()
	w.event(func() { err = w.try() })
	if err == nil {
		err = w.rt.Err()
	}
	return err
}

// try is start, for a trial.
func (w *world) try() error {
	if err := w.rt.Within(setUpTime, w.furnish); err != nil {
		return nil //nolint:nilerr // which is not the script's
	}
	unknown := false
	w.rt.OnCall(func(name string) error {
		if harmless[name] {
			return nil
		}
		unknown = true
		return errTrial
	})
	err := w.rt.Within(loadFactor*w.rt.Limits().Time, w.loadMain)
	if unknown {
		return nil
	}
	return err
}
