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
	p.awaits.Store(true)
	not.When(p.arrived)
	return true
}

// arrived lets a turn come. It takes no lock: When may call it at once.
func (p *Playback) arrived() {
	p.awaits.Store(false)
	p.timer.Reset(0)
}
