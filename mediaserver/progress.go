package main

import (
	"fmt"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows how far a client command is, on a terminal; elsewhere only
// the last line is printed.
type progress struct {
	bar     *progressbar.ProgressBar
	started time.Time
	media   time.Duration
}

// newProgress counts to total bytes; -1 when nobody knows.
func newProgress(total int64, what string) *progress {
	p := &progress{started: time.Now()}
	if term.IsTerminal(int(os.Stderr.Fd())) {
		p.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(os.Stderr),
			progressbar.OptionSetDescription(what),
			progressbar.OptionSetPredictTime(total > 0),
			progressbar.OptionThrottle(200*time.Millisecond),
			progressbar.OptionShowBytes(true),
			progressbar.OptionClearOnFinish())
	}
	return p
}

// at says how far it is: bytes of the whole, media time, and bytes that went
// over the wire.
func (p *progress) at(bytes int64, media time.Duration, wire uint64) {
	p.media = max(p.media, media)
	if p.bar == nil {
		return
	}
	p.bar.Describe(fmt.Sprintf("%v, %s", p.media.Truncate(time.Second), p.rate(wire)))
	_ = p.bar.Set64(bytes) // a display, and no more
}

func (p *progress) rate(wire uint64) string {
	s := time.Since(p.started).Seconds()
	if s <= 0 {
		return "0 kbit/s"
	}
	return fmt.Sprintf("%.0f kbit/s", float64(wire)*8/1000/s)
}

// done prints what it came to.
func (p *progress) done(wire uint64, err error) {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	word := "done"
	if err != nil {
		word = "stopped"
	}
	fmt.Fprintf(os.Stderr, "%s: %v of media in %v, %.1f MB, %s\n", word, p.media.Round(time.Millisecond),
		time.Since(p.started).Round(time.Millisecond), float64(wire)/1e6, p.rate(wire))
}
