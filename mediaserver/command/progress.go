package command

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

const showEvery = 200 * time.Millisecond

// progress shows how far a client command is, on a terminal; elsewhere only
// the last line is printed.
type progress struct {
	out     io.Writer
	bar     *progressbar.ProgressBar // nil: no terminal
	total   time.Duration            // of media; 0: nobody knows
	started time.Time
	shown   time.Time
	media   time.Duration
}

// newProgress counts to so much media.
func newProgress(total time.Duration) *progress {
	p := &progress{out: os.Stderr, started: time.Now()}
	if term.IsTerminal(int(os.Stderr.Fd())) {
		p.bar = progressbar.NewOptions64(-1,
			progressbar.OptionSetWriter(p.out),
			progressbar.OptionSetElapsedTime(false),
			progressbar.OptionSetPredictTime(false),
			progressbar.OptionSetWidth(20),
			progressbar.OptionSpinnerType(14),
			progressbar.OptionClearOnFinish())
	}
	p.of(total)
	return p
}

// of says how much media there is, when that becomes known.
func (p *progress) of(total time.Duration) {
	p.total = total
	if p.bar != nil && total > 0 {
		p.bar.ChangeMax64(total.Milliseconds())
	}
}

// at says how far it is: media time, and bytes that went over the wire.
func (p *progress) at(media time.Duration, wire uint64) {
	p.media = max(p.media, media)
	if p.bar == nil || time.Since(p.shown) < showEvery {
		return
	}
	p.shown = time.Now()
	text := p.media.Truncate(time.Second).String()
	if p.total > 0 {
		text += " of " + p.total.Round(time.Second).String()
	}
	p.bar.Describe(fmt.Sprintf("%s, %.1f MB, %s", text, float64(wire)/1e6, p.rate(wire)))
	position := p.media
	if p.total > 0 {
		position = min(position, p.total-time.Millisecond) // at its end, the bar would go
	}
	_ = p.bar.Set64(position.Milliseconds()) // a display, and no more
}

func (p *progress) rate(wire uint64) string {
	s := time.Since(p.started).Seconds()
	if s <= 0 {
		return "0 kbit/s"
	}
	return fmt.Sprintf("%.0f kbit/s", float64(wire)*8/1000/s)
}

// say prints a line between.
func (p *progress) say(line string) {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	fmt.Fprintln(p.out, line)
}

// done prints what it came to.
func (p *progress) done(wire uint64, err error) {
	word := "done"
	if err != nil {
		word = "stopped"
	}
	p.say(fmt.Sprintf("%s: %v of media in %v, %.1f MB, %s", word, p.media.Round(time.Millisecond),
		time.Since(p.started).Round(time.Millisecond), float64(wire)/1e6, p.rate(wire)))
}
