package session

import "sync"

// event is what becomes of a publication while it goes on.
type event struct {
	kind eventKind
	why  *Refusal // of recordingOver
	gap  Gap      // of wayBack
}

type eventKind int

const (
	recordingOver  eventKind = iota // it has ended by itself
	recordingBegun                  // after all
	wayLost                         // what is published does not get to the instance
	wayBack                         // it does again
)

// news is what becomes of a publication, in the order in which it came, from whichever
// goroutine.
type news struct {
	mu   sync.Mutex // nothing else is taken while it is held
	list []event
}

func (n *news) add(e event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = append(n.list, e)
}

func (n *news) take() (list []event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	list, n.list = n.list, nil
	return list
}

// happens brings news of a publication. It may be called from any goroutine, and does not
// wait.
func (p *publishing) happens(e event) {
	p.news.add(e)
	p.ns.session.turns.post(p.hearNews)
}

// hearNews tells a publisher what has come of its publication. It is called in a
// turn, and by the end of a publication as well, whose own news may still wait for
// their turn. Nothing is told before a publication has begun, nor behind its end:
// its NetStream may publish something else by then.
func (p *publishing) hearNews() {
	if !p.heard {
		return
	}
	for _, e := range p.news.take() {
		var err error
		switch e.kind {
		case recordingOver:
			err = p.recordingEnded(e.why)
		case recordingBegun:
			err = p.recordingBegan()
		case wayLost:
			err = p.interrupted()
		case wayBack:
			err = p.resumed(e.gap)
		}
		if err != nil {
			p.ns.session.log.Debug("tell what has become of a publication", "stream", p.name, "err", err)
		}
	}
}

// recordingEnded tells a publisher that its recording has ended by itself. Only one
// that asked for it is told: ffmpeg would take it for the end of its stream.
func (p *publishing) recordingEnded(why *Refusal) error {
	if why == nil {
		why = &Refusal{Code: RefusedFailed}
	}
	p.failed = why
	if !p.asked {
		return nil
	}
	return p.ns.fail(codeRecordFailed, p.name, "Recording ended: %s.", why.Error())
}

// recordingBegan tells a publisher that it is recorded after all, from its first
// packet on: the disk has answered late.
func (p *publishing) recordingBegan() error {
	if !p.asked {
		return nil
	}
	p.records, p.failed = true, nil
	return p.ns.tell(codeRecordStart, p.name, "Recording %s.", p.name)
}

// interrupted tells a publisher that what it sends gets nowhere: PROTOCOL.md §3.
func (p *publishing) interrupted() error {
	return p.ns.warn(codePublishInsufficientBW, p.name,
		"The way to the server of %s is lost: what is sent is not published, nor kept, until it is there again.", p.name)
}

// resumed tells a publisher that it is published again, and what was not; and that its
// recording lacks it.
func (p *publishing) resumed(g Gap) error {
	lost := "what was under way is lost"
	if g.Messages > 0 {
		lost = seconds(g.Lasts) + " of what was sent are lost"
	}
	err := p.ns.tell(codePublishInsufficientBW, p.name, "%s is published again: %s.", p.name, lost)
	if err != nil || !p.asked || !p.records || p.failed != nil {
		return err
	}
	p.lacks, p.holed = p.lacks+g.Lasts, true
	return p.ns.warn(codeRecordFailed, p.name, "The recording of %s goes on with a hole: %s.", p.name, lost)
}
