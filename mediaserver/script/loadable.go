package script

import (
	"errors"
	"fmt"
	"io/fs"

	"flashpod.dev/flashpod/mediaserver/script/dialect"
	"flashpod.dev/flashpod/mediaserver/script/engine"
)

// Loadable says why a script cannot be loaded, as far as its files show: that it begins
// with, and those that they load by a name that stands there. Where they are in order, it is
// tried as well (trial.go): a script that fails before it has asked for anything outside of
// itself would fail so each time. What one does that has is not known before it is run.
//
// Config.Limits.Pays and Config.Turn pay, as for a script that runs; where no memory is left,
// ErrUnpaid says that nothing is known.
func Loadable(cfg Config) error {
	cfg.fill()
	pays := &payer{Payer: cfg.Limits.Pays}
	if cfg.Limits.Pays != nil {
		cfg.Limits.Pays = pays
	}
	err := readable(&cfg)
	if err == nil {
		err = trial(cfg)
	}
	if pays.refused.Load() {
		return ErrUnpaid
	}
	return err
}

// readable says what is wrong with a script's files.
func readable(cfg *Config) error {
	in, main, ok, err := openFolders(cfg)
	if err == nil && !ok {
		err = errNoMain
	}
	if err != nil {
		return err
	}
	limits := cfg.Limits
	if limits.Turn = nil; cfg.Turn != nil {
		turn := cfg.Turn()
		limits.Turn = turn
		turn.Begin(nil)
		defer turn.End()
	}
	rt, err := engine.New(limits)
	if err != nil {
		return err
	}
	defer rt.Close()
	seen := map[string]bool{main: true}
	for waiting := []string{main}; len(waiting) > 0 && len(seen) <= maxFiles; waiting = waiting[1:] {
		data, err := in.read(waiting[0])
		if err != nil {
			return fmt.Errorf("read %s: %w", waiting[0], err)
		}
		loads, err := loadable(rt, waiting[0], data)
		if err != nil {
			return err
		}
		for _, asked := range loads {
			// What is not there may be provided, or never be asked for.
			if name, _, err := in.find(waiting[0], asked); err == nil && !seen[name] {
				seen[name] = true
				waiting = append(waiting, name)
			} else if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errOutside) {
				return fmt.Errorf("load %s: %w", asked, err)
			}
		}
	}
	return nil
}

// loadable looks into one file, and says which it loads.
func loadable(rt *engine.Runtime, name string, data []byte) (loads []string, err error) {
	source, err := dialect.Rewrite(name, data)
	if err != nil {
		return nil, err
	}
	err = rt.Within(loadFactor*rt.Limits().Time, func() error {
		return rt.Check(engine.Source{Name: name, Text: source.Text})
	})
	for _, l := range source.Loads {
		if l.Path != "" {
			loads = append(loads, l.Path)
		}
	}
	return loads, err
}
