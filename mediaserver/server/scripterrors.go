package server

import (
	"sync"

	"flashpod.dev/flashpod/api/v1alpha1/apppath"
	"flashpod.dev/flashpod/mediaserver/script"
	"flashpod.dev/flashpod/mediaserver/web"
)

const (
	// maxProblems is how many errors of scripts are kept, and maxFailing of how many
	// scripts it is that they do not run as their files are.
	maxProblems = 100
	maxFailing  = 1000
)

// problems are errors of all scripts.
type problems struct {
	mu      sync.Mutex // nothing else is taken while it is held
	total   uint64
	last    []web.ScriptError // the oldest first
	failing map[apppath.Path]web.ScriptError
}

// add notes an error. One while the script is loaded keeps it from running, or from
// being loaded anew.
func (p *problems) add(application, instance string, said script.Problem) {
	one := web.DescribeError(application, instance, said)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.total++
	if len(p.last) == maxProblems {
		p.last = append(p.last[:0], p.last[1:]...)
	}
	p.last = append(p.last, one)
	if !said.Stale && (!said.Fatal || said.Call != "load") {
		return
	}
	if p.failing == nil {
		p.failing = map[apppath.Path]web.ScriptError{}
	}
	if len(p.failing) < maxFailing {
		p.failing[apppath.Path{Application: application, Instance: instance}] = one
	}
}

// mended notes that a script is tried anew, or needed no more.
func (p *problems) mended(application, instance string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.failing, apppath.Path{Application: application, Instance: instance})
}

// ScriptErrors implements web.Source.
func (s *Server) ScriptErrors(limit int) web.ScriptReport {
	p := &s.problems
	p.mu.Lock()
	defer p.mu.Unlock()
	r := web.ScriptReport{Total: p.total, Errors: []web.ScriptError{}}
	for i := len(p.last) - 1; i >= 0 && len(r.Errors) < limit; i-- {
		r.Errors = append(r.Errors, p.last[i])
	}
	for _, one := range p.failing {
		if r.Failed == nil || one.Time.After(r.Failed.Time) {
			r.Failed = &one
		}
	}
	return r
}
