package console

import (
	"sync"
	"time"
)

const (
	// firstLines is how many lines a listener gets of those before it came.
	firstLines = 100
	// maxLines and maxLineBytes bound what is kept for listeners that are behind.
	maxLines     = 2000
	maxLineBytes = 512 << 10
)

// Level is what kind of line it is.
type Level string

// The levels.
const (
	Trace Level = "trace" // the script's own words
	Fault Level = "error" // of the script
	Info  Level = "info"  // of what became of it
	Warn  Level = "warn"
)

// Line is one of a script's log, fit to be shown.
type Line struct {
	Time        int64  `json:"time"` // Unix time in ms
	Application string `json:"application"`
	Instance    string `json:"instance"`
	Level       Level  `json:"level"`
	Text        string `json:"text"`
	Where       string `json:"where,omitempty"` // file:line
}

// Lines are the newest lines of all scripts: a ring, bounded in lines and bytes. All
// methods may be called from any goroutine, and none waits.
type Lines struct {
	mu    sync.Mutex // nothing else is taken while it is held
	list  [][]byte   // events, the oldest first
	first uint64     // the number of the oldest
	bytes int
	wake  func() // has listeners look; nil: there are none
}

// NewLines makes a ring.
func NewLines() *Lines { return &Lines{} }

// Add keeps a line, and forgets old ones for it.
func (l *Lines) Add(line Line) {
	if line.Time == 0 {
		line.Time = time.Now().UnixMilli()
	}
	one := event("log", line)
	l.mu.Lock()
	l.list = append(l.list, one)
	l.bytes += len(one)
	n := 0
	for len(l.list)-n > maxLines || l.bytes > maxLineBytes && len(l.list)-n > 1 {
		l.bytes -= len(l.list[n])
		l.list[n] = nil
		n++
	}
	l.list, l.first = l.list[n:], l.first+uint64(n)
	wake := l.wake
	l.mu.Unlock()
	if wake != nil {
		wake()
	}
}

// onAdd has f called for each line, in place of what was said before.
func (l *Lines) onAdd(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wake = f
}

// begin is the number of the first line that a listener gets which comes now.
func (l *Lines) begin() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first + uint64(max(len(l.list)-firstLines, 0))
}

// from are the lines from a number on, so many bytes and one line at most, the number
// behind them, and how many are not there any more.
func (l *Lines) from(at uint64, most int) (lines [][]byte, next, lost uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at < l.first {
		lost, at = l.first-at, l.first
	}
	for i := at - l.first; i < uint64(len(l.list)) && most > 0; i++ {
		lines = append(lines, l.list[i])
		most -= len(l.list[i])
	}
	return lines, at + uint64(len(lines)), lost
}
