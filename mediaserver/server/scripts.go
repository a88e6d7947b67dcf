package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"

	"flashpod.dev/flashpod/api/v1alpha1"
	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/recording"
	"flashpod.dev/flashpod/mediaserver/script"
	"flashpod.dev/flashpod/mediaserver/script/engine"
	"flashpod.dev/flashpod/mediaserver/script/outgoing"
)

// program is the script of a manifest or of an application's folder: each instance
// that it is for has one of its own, made from the same files.
type program struct {
	application string
	config      script.Config // without what is an instance's
	root        *os.Root
	library     *os.Root // nil: none
	live        bool     // it is loaded anew when its files change
	server      *Server
	log         *slog.Logger

	watched fingerprint // the watcher's
	unpaid  bool        // the watcher's: what there is was not tried yet, for want of memory

	mu    sync.Mutex // nothing else is taken while it is held
	hosts map[string]*script.Host
}

// programSource is where a script comes from, and what it may do.
type programSource struct {
	application, folder, library string
	files                        string // where File writes; "": nowhere
	hosts                        []string
	hostsField                   string // what the hosts are called
	limits                       engine.Limits
	settings                     *amf.Object
	live                         bool
}

// newProgram opens a script's folder. Nothing outside of it can be read through it.
func (s *Server) newProgram(from programSource) (*program, error) {
	log := s.log.With("application", from.application)
	p := &program{
		application: from.application, server: s, live: from.live, log: log, hosts: map[string]*script.Host{},
		config: script.Config{Application: from.application, Folder: from.files, MinFree: recording.DefaultMinFree, Limits: from.limits, Hostname: hostname(), SecureAs: s.cfg.ScriptSecureAs, FarTime: s.cfg.farTime},
	}
	p.config.Limits.Time = max(p.config.Limits.Time, s.cfg.callTime)
	if from.settings != nil {
		p.config.Settings = from.settings
	}
	var err error
	if p.root, err = os.OpenRoot(from.folder); err != nil {
		return nil, fmt.Errorf("script of application %s: %w", from.application, err)
	}
	p.config.Files = p.root.FS()
	if from.library != "" {
		if p.library, err = os.OpenRoot(from.library); err != nil {
			p.root.Close()
			return nil, fmt.Errorf("script library of application %s: %w", from.application, err)
		}
		p.config.Library = p.library.FS()
	}
	p.allow(from.hostsField, from.hosts)
	p.watched = p.fingerprint()
	s.programs = append(s.programs, p)
	return p, nil
}

// allow lets the script reach some hosts. An entry that is none is left out: what is
// allowed is less then, and nothing else of the instance waits for it.
func (p *program) allow(field string, entries []string) {
	var good []string
	for _, one := range entries {
		if _, err := outgoing.ParseHosts(field, []string{one}); err != nil {
			p.log.Error("the script cannot reach a host that it should", "err", err)
			continue
		}
		good = append(good, one)
	}
	hosts, err := outgoing.ParseHosts(field, good)
	if err != nil {
		p.log.Error("the script can reach nothing over the network", "err", err)
	}
	p.config.Network = outgoing.New(outgoing.Config{Hosts: hosts, Memory: p.server.cfg.Budgets.Scripts})
}

func hostname() string {
	name, _ := os.Hostname() // without one, scripts find localhost
	return name
}

// make makes the script of one instance, whose memory a budget pays for; without a
// program there is none.
func (p *program) make(name string, memory *budget.Budget, log *slog.Logger) func(script.Instance) instance.Script {
	if p == nil {
		return nil
	}
	return func(i script.Instance) instance.Script {
		cfg := p.paid(p.config, memory)
		cfg.Name, cfg.Log = name, p.server.scriptLog(log, p.application, name)
		cfg.Instance = &reporting{Instance: i, program: p, name: name}
		h := script.New(cfg)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.hosts[name] = h
		return &running{Host: h, program: p, name: name}
	}
}

// running is a script that its program knows until it is closed.
type running struct {
	*script.Host
	program *program
	name    string
}

// Close implements instance.Script.
func (r *running) Close() {
	r.Host.Close()
	if r.program.forget(r.name, r.Host) {
		r.program.server.problems.mended(r.program.application, r.name)
	}
}

// forget drops an instance's script; false: another has begun in its place.
func (p *program) forget(name string, h *script.Host) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hosts[name] != h {
		return false
	}
	delete(p.hosts, name)
	return true
}

// reporting is an instance whose script's errors the server hears of, too.
type reporting struct {
	script.Instance
	program *program
	name    string
}

// Failed implements script.Instance.
func (r *reporting) Failed(problem script.Problem) {
	r.program.server.problems.add(r.program.application, r.name, problem)
	r.Instance.Failed(problem)
}

// reload has all instances of a script load it anew. bad is why it cannot be loaded; then
// those that run go on.
func (p *program) reload(bad error) {
	p.mu.Lock()
	hosts := maps.Clone(p.hosts)
	p.mu.Unlock()
	if bad != nil {
		p.log.Error("the script's files have changed, and cannot be loaded: it goes on as it was, until they are mended", "err", bad, "instances", len(hosts))
	} else {
		p.log.Info("the script's files have changed: it is loaded anew, and its clients are told", "instances", len(hosts))
	}
	for name, h := range hosts {
		p.server.problems.mended(p.application, name)
		h.Reload(bad)
	}
}

func (p *program) close() {
	p.config.Network.Close()
	p.root.Close()
	if p.library != nil {
		p.library.Close()
	}
}

// watchScripts looks at the files of scripts until ctx ends.
func (s *Server) watchScripts(ctx context.Context) {
	live := slices.DeleteFunc(slices.Clone(s.programs), func(p *program) bool { return !p.live })
	if len(live) == 0 {
		return
	}
	ticks, stop := s.cfg.clock.ticks()
	defer stop()
	seen := make([]fingerprint, len(live))
	for i, p := range live {
		seen[i] = p.watched
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks:
		}
		for i, p := range live {
			seen[i] = p.look(seen[i])
		}
	}
}

// look loads a script anew whose files have changed, once they have stayed so from one
// look to the next: who writes several of them is not done with the first. One whose
// main script has gone, or cannot be loaded, runs on as it was.
func (p *program) look(before fingerprint) (now fingerprint) {
	now = p.fingerprint()
	if now == p.watched && !p.unpaid || now != before {
		return now
	}
	again := now == p.watched && p.unpaid
	p.watched, p.unpaid = now, false
	if _, ok, err := script.Find(p.config.Files, p.application); err != nil || !ok {
		p.log.Warn("the script's files have changed, and there is no main script any more: the one that runs goes on", "err", err)
		return now
	}
	bad := script.Loadable(p.paid(p.config, p.server.cfg.Budgets.ScriptMemory))
	if p.unpaid = errors.Is(bad, script.ErrUnpaid); p.unpaid && again {
		return now // as it was told
	}
	p.reload(bad)
	return now
}

// paid has a script computed in turns with all others, and its memory paid for.
func (p *program) paid(cfg script.Config, memory *budget.Budget) script.Config {
	cfg.Turn = func() script.Turn { return p.server.cfg.Budgets.Turns.For("") }
	cfg.Limits.Pays = memory
	return cfg
}

// scriptLimits are those of a manifest.
func scriptLimits(s *v1alpha1.Script) (l engine.Limits) {
	if s == nil {
		return l
	}
	if m := s.Limits.Memory; m != nil {
		l.Memory = int(m.Value())
	}
	if d := s.Limits.CallTimeout; d != nil {
		l.Time = d.Duration
	}
	return l
}
