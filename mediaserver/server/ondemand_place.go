package server

import (
	"fmt"
	"net/netip"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/session"
)

// share is how many strangers' instances one address may have had started that are
// loaded, and the addresses that stand for many: a quarter of all, as nobody knows
// whether it is one user or a school.
func (d *onDemand) share() (most int, shared []netip.Prefix) {
	connections, shared := addressLimit(d.doc)
	if connections == 0 {
		return 0, nil
	}
	most = d.max
	if b := d.server.cfg.Budgets.Instances; b != nil && (most == 0 || int(b.Max()) < most) {
		most = int(b.Max())
	}
	if most == 0 {
		return 0, nil
	}
	return max(fewInstances, most/4), shared
}

// seat gives a room its place, perhaps that of one which nobody uses, and has it
// start. One for which there is no place is told to those who wait for it.
func (d *onDemand) seat(in *room) {
	d.mu.Lock()
	victim, why := d.place(in)
	switch {
	case why != nil:
		d.mu.Unlock()
		d.dissolve(in, why)
		return
	case victim != nil:
		in.tries++
		if victim.state == roomUnloads || victim.state == roomRetires {
			victim.gone = append(victim.gone, func() { d.seat(in) })
			d.mu.Unlock()
			return
		}
		d.mu.Unlock()
		d.retire(victim, func() { d.seat(in) })
		return
	}
	in.state = roomStarts
	d.work.Add(1)
	d.mu.Unlock()
	go d.start(in)
}

// leastScript is what the smallest script takes of the memory that all of them have.
const leastScript = 1 << 20

// place takes a place for a room, or names who is to make room for it, or says why
// there is none. The caller holds mu.
func (d *onDemand) place(in *room) (victim *room, why *session.Refusal) {
	if d.closed {
		return nil, refused(session.RefusedStopping)
	}
	other, err := d.spelled(in)
	if err != nil {
		return nil, badInstance(err)
	}
	ofAddress := func(r *room) bool {
		return r.stranger && budget.Address(r.by.Address) == budget.Address(in.by.Address)
	}
	stranger := func(r *room) bool { return r.stranger }
	switch {
	case other != nil:
		victim, why = other, badInstance(differs(in.name, other.name))
	case in.house:
		d.taken++
		d.spell(in)
		return nil, nil
	case d.max > 0 && d.taken >= d.max:
		victim = d.longestIdle(func(*room) bool { return true })
		why = &session.Refusal{Code: session.RefusedLimit, Limit: fieldMaxInstances, Reason: fmt.Sprintf("limit reached: %s is %d", fieldMaxInstances, d.max)}
	case d.program != nil && !d.server.cfg.Budgets.ScriptsOnDemand.Has(leastScript):
		victim = d.longestIdle(stranger)
		why = &session.Refusal{Code: session.RefusedLimit, Reason: "the scripts of other instances take all the memory that scripts may have"}
	case !d.addresses.Come(in.by.Address):
		victim = d.longestIdle(ofAddress)
		why = &session.Refusal{Code: session.RefusedLimit, Limit: fieldMaxInstances,
			Reason: fmt.Sprintf("limit reached: your address has its share of %s in use, and nobody has published there with the key", fieldMaxInstances)}
	case !d.server.cfg.Budgets.Instances.Take(1):
		d.addresses.Go(in.by.Address)
		victim = d.longestIdle(stranger)
		why = &session.Refusal{Code: session.RefusedLimit, Reason: "too many instances are in use in which nobody has published with the key"}
	default:
		d.taken++
		in.stranger = true
		d.spell(in)
		return nil, nil
	}
	if victim != nil && in.tries < maxTries && d.leaving < maxUnloading {
		return victim, nil
	}
	return nil, why
}

// longestIdle is the room that nobody has used for longest, of some; nil: all are
// used. The caller holds mu.
func (d *onDemand) longestIdle(of func(*room) bool) *room {
	for e := d.idle.Front(); e != nil; e = e.Next() {
		if r, ok := e.Value.(*room); ok && of(r) {
			return r
		}
	}
	return nil
}

// vacate gives back the place of a room. The caller holds mu.
func (d *onDemand) vacate(in *room) {
	d.taken--
	d.known(in)
}

// known takes a room out of the strangers'. The caller holds mu.
func (d *onDemand) known(in *room) {
	if in.stranger {
		in.stranger = false
		d.server.cfg.Budgets.Instances.Give(1)
		d.addresses.Go(in.by.Address)
	}
}

// proved notes that somebody in a room has shown that it may publish.
func (d *onDemand) proved(in *room) {
	d.counting.Lock()
	defer d.counting.Unlock()
	so := in.inst.Stats()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.known(in)
	d.measured.recognize(in, so)
}

// spelling is how the rooms that are there spell what they begin with.
type spelling struct {
	as    string
	rooms map[*room]struct{}
}

// spell notes how a room that has a place is spelled. The caller holds mu.
func (d *onDemand) spell(in *room) {
	for folded, as := range foldedParts(in.name) {
		if d.spellings[folded] == nil {
			d.spellings[folded] = &spelling{as, map[*room]struct{}{}}
		}
		d.spellings[folded].rooms[in] = struct{}{}
	}
}

// unspell forgets it. The caller holds mu.
func (d *onDemand) unspell(in *room) {
	for folded := range foldedParts(in.name) {
		if s := d.spellings[folded]; s != nil {
			delete(s.rooms, in)
			if len(s.rooms) == 0 {
				delete(d.spellings, folded)
			}
		}
	}
}

// spelled is a room whose name, or what it begins with, would be the same folder as
// this one's on a disk that does not tell them apart. That of strangers who have
// left makes room: what is then returned is one of them. The caller holds mu.
func (d *onDemand) spelled(in *room) (leaves *room, why error) {
	for folded, as := range foldedParts(in.name) {
		s := d.spellings[folded]
		if s == nil || s.as == as {
			continue
		}
		for r := range s.rooms {
			if r.state != roomUnloads && r.state != roomRetires && (!r.stranger || r.idle == nil) {
				return nil, differs(as, s.as)
			}
			leaves = r
		}
		return leaves, nil
	}
	return nil, nil
}
