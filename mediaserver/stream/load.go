package stream

import "time"

const (
	// loadWindow is how long a loop looks at itself before it decides.
	loadWindow = 200 * time.Millisecond
	// Between these shares of its time a loop leaves things as they are; above,
	// it lets rounds of all its streams stretch, and below, come together again.
	// What is left is for publishers, new players and commands.
	busyShare = 0.6
	idleShare = 0.4

	firstStretch = 5 * time.Millisecond
	minStretch   = time.Millisecond
)

// load is how busy a loop is. A stream knows what its own rounds cost; that the
// loop has five hundred such streams, only the loop knows.
type load struct {
	busy    time.Duration // since since
	since   time.Time
	stretch time.Duration // the shortest interval between rounds of one stream
}

// took counts a turn of the loop.
func (l *load) took(started, ended time.Time) {
	l.busy += ended.Sub(started)
	span := ended.Sub(l.since)
	if span < loadWindow {
		return
	}
	share := float64(l.busy) / float64(span)
	switch {
	case span > 5*loadWindow: // it has slept
		l.stretch = 0
	case share > busyShare:
		l.stretch = min(max(l.stretch*3/2, firstStretch), maxInterval)
	case share < idleShare:
		if l.stretch = l.stretch * 3 / 4; l.stretch < minStretch {
			l.stretch = 0
		}
	}
	l.busy, l.since = 0, ended
}
