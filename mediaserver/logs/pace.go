package logs

import (
	"cmp"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// How many lines of one kind there are for one address: so many at once, and so
// many a second from then on. Those without an address, of the server itself, are
// told apart by their words alone, and a start may have many.
const (
	burst, perSecond       = 100, 20
	ownBurst, ownPerSecond = 1000, 50
	// maxKinds is how many kinds are told apart; the rest share one pace.
	maxKinds = 8192
	// maxKind is how many characters of an address, and of a message, tell kinds
	// apart.
	maxKind = 64
	// maxSummed is how many kinds are summed up in a line each, at one time.
	maxSummed = 32
	// summaryEvery is how often is told what was left out, and roomEvery how often
	// is looked for kinds that can be forgotten.
	summaryEvery = 10 * time.Second
	roomEvery    = time.Second
)

// kind is what lines have in common that are enough of it.
type kind struct {
	from, message string
	level         slog.Level
}

// spent is how far a kind has used up its lines.
type spent struct {
	lines float64 // not earned back yet
	at    time.Time
	left  uint64 // out, and not told
}

// pace counts lines by their kind.
type pace struct {
	mu     sync.Mutex // nothing else is taken while it is held
	kinds  map[kind]*spent
	looked time.Time // for room
	left   uint64    // out, since the start
	untold bool
}

// allow says whether there is to be one more line of a kind. Else it is counted,
// and first says that nothing else is that was not told yet.
func (p *pace) allow(k kind, now time.Time) (ok, first bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.kinds[k]
	if s == nil {
		if len(p.kinds) >= maxKinds && now.Sub(p.looked) >= roomEvery {
			p.forget(now)
		}
		if len(p.kinds) >= maxKinds {
			k = kind{level: k.level} // and there are few levels
			s = p.kinds[k]
		}
	}
	if s == nil {
		s = &spent{at: now}
		p.kinds[k] = s
	}
	most, _ := k.limits()
	s.earn(k, now)
	if s.lines+1 > most {
		s.left++
		p.left++
		first = !p.untold
		p.untold = true
		return false, first
	}
	s.lines++
	return true, false
}

func (k kind) limits() (most, perSec float64) {
	if k.from == "" {
		return ownBurst, ownPerSecond
	}
	return burst, perSecond
}

func (s *spent) earn(k kind, now time.Time) {
	_, perSec := k.limits()
	s.lines = max(0, s.lines-now.Sub(s.at).Seconds()*perSec)
	s.at = now
}

// forget makes room: who has been quiet is as new. The caller holds mu.
func (p *pace) forget(now time.Time) {
	p.looked = now
	for k, s := range p.kinds {
		if s.earn(k, now); s.lines == 0 && s.left == 0 {
			delete(p.kinds, k)
		}
	}
}

// summary is how many lines of a kind were left out.
type summary struct {
	kind
	addresses int // more than one: of so many, and from is empty
	lines     uint64
}

// summaries returns what has not been told yet, and counts it as told: of a few
// kinds each by itself, of the rest by their words.
func (p *pace) summaries() (all []summary) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.untold = false
	for k, s := range p.kinds {
		if s.left > 0 {
			all = append(all, summary{k, 1, s.left})
			s.left = 0
		}
	}
	slices.SortFunc(all, func(a, b summary) int { return cmp.Compare(b.lines, a.lines) })
	if len(all) <= maxSummed {
		return all
	}
	rest := map[kind]summary{}
	for _, s := range all[maxSummed:] {
		s.from = ""
		r := rest[s.kind]
		rest[s.kind] = summary{s.kind, r.addresses + 1, r.lines + s.lines}
	}
	all = all[:maxSummed]
	for _, s := range rest {
		if len(all) == 2*maxSummed { // of those without an address, each with words of its own
			all[len(all)-1].lines += s.lines
			continue
		}
		all = append(all, s)
	}
	return all
}

// state says how many lines were left out, and whether that is to be told.
func (p *pace) state() (left uint64, untold bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.left, p.untold
}
