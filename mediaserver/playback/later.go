package playback

import (
	"errors"
	"io"

	"flashpod.dev/flashpod/mediaserver/media"
)

// here is what turns read of a file: nothing that waits for another server.
func here(bytes io.ReaderAt) io.ReaderAt {
	if r, ok := bytes.(media.LaterReader); ok {
		return r.Now()
	}
	return bytes
}

// later says whether what a turn was to send is on its way: another comes when it is there.
// The caller holds mu.
func (p *Playback) later(err error) bool {
	var not *media.NotYetError
	if !errors.As(err, &not) {
		return false
	}
	p.giveBack() // nothing was read
	if not.When == nil {
		p.full.Store(true)
		if p.asked.Load() < maxAsked { // since a moment ago
			p.full.Store(false)
			p.again = true
		}
		return true
	}
	run := int64(p.run)
	p.awaits.Store(run)
	p.asked.Add(1)
	not.When(func() { p.arrived(run) })
	return true
}

// arrived lets a turn come, since what a run has waited for is here, or will not be. It takes
// no lock: When may call it at once.
func (p *Playback) arrived(run int64) {
	p.awaits.CompareAndSwap(run, 0)
	p.asked.Add(-1)
	p.full.Store(false)
	p.timer.Reset(0)
}

// maxAsked is for how many pieces of a file one playback waits: a client that seeks on is
// sent what is here, and what is not when one of them has come.
const maxAsked = 4

// hinders says whether the run waits for what is not here. The caller holds mu.
func (p *Playback) hinders() bool { return p.awaits.Load() == int64(p.run) || p.full.Load() }

// from is what a turn reads. The caller holds mu.
func (p *Playback) from() io.ReaderAt {
	if r, ok := p.file.Bytes.(media.LaterReader); ok && p.asked.Load() >= maxAsked {
		return r.Peek()
	}
	return p.bytes
}

// Waits says whether the run that goes on waits for what is not here, and which it is. It
// does not wait itself.
func (p *Playback) Waits() (run int, waits bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.run, p.running && p.hinders()
}
