package session

import "sync"

// news is what becomes of a publication's recording, in the order in which it came,
// from whichever goroutine: why it has ended, nil where it has begun.
type news struct {
	mu   sync.Mutex // nothing else is taken while it is held
	list []*Refusal
}

func (n *news) add(why *Refusal) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = append(n.list, why)
}

func (n *news) take() (list []*Refusal) {
	n.mu.Lock()
	defer n.mu.Unlock()
	list, n.list = n.list, nil
	return list
}

// recordingIs brings news of a recording: why it has ended by itself, nil where it
// has begun. It may be called from any goroutine, and does not wait.
func (p *publishing) recordingIs(why *Refusal) {
	p.news.add(why)
	p.ns.session.turns.post(p.hearNews)
}

// hearNews tells a publisher what has come of its recording. It is called in a
// turn, and by the end of a publication as well, whose own news may still wait for
// their turn. Nothing is told before a publication has begun, nor behind its end:
// its NetStream may publish something else by then.
func (p *publishing) hearNews() {
	if !p.heard {
		return
	}
	for _, why := range p.news.take() {
		if why == nil {
			p.recordingBegan()
		} else {
			p.recordingEnded(why)
		}
	}
}

// recordingEnded tells a publisher that its recording has ended by itself. Only one
// that asked for it is told: ffmpeg would take it for the end of its stream.
func (p *publishing) recordingEnded(why *Refusal) {
	p.failed = why
	if !p.asked {
		return
	}
	if err := p.ns.fail(codeRecordFailed, p.name, "Recording ended: %s.", why.Error()); err != nil {
		p.ns.session.log.Debug("tell of failed recording", "err", err)
	}
}

// recordingBegan tells a publisher that it is recorded after all, from its first
// packet on: the disk has answered late.
func (p *publishing) recordingBegan() {
	if !p.asked {
		return
	}
	p.records, p.failed = true, nil
	if err := p.ns.tell(codeRecordStart, p.name, "Recording %s.", p.name); err != nil {
		p.ns.session.log.Debug("tell of a recording that began late", "err", err)
	}
}
