package hls

import (
	"errors"
	"slices"
	"time"
)

// errRoom says that there is no memory for another stream's segments.
var errRoom = errors.New("the server has no memory left for the stream's segments")

// room takes n bytes for the open segment, if it must in place of older ones. The caller
// holds l.mu.
func (l *live) room(n int64) bool {
	for !l.open.paidBy.Take(n) {
		if len(l.segments) <= fewest {
			return false
		}
		l.dropFirst()
	}
	return true
}

func (l *live) dropFirst() {
	l.segments[0].paidBy.Give(l.segments[0].cost())
	l.segments = slices.Delete(l.segments, 0, 1)
	l.first = max(0, l.first-1)
}

// dropAll gives everything back. The caller holds l.mu.
func (l *live) dropAll() {
	for len(l.segments) > 0 {
		l.dropFirst()
	}
	l.dropOpen()
}

// dropOpen forgets a segment that does not end. The caller holds l.mu.
func (l *live) dropOpen() {
	if l.open != nil {
		l.open.paidBy.Give(l.open.cost())
		l.open = nil
	}
}

// isEmpty says whether there is no segment at all.
func (l *live) isEmpty() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.segments) == 0
}

// isLost says whether the stream is, and nothing has followed yet.
func (l *live) isLost() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}

// isOver says whether nothing more comes.
func (l *live) isOver() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended
}

// passOver has playlists begin with the first segment that they need. The caller holds
// l.mu.
func (l *live) passOver() {
	list := l.segments[l.first:]
	if l.rules.Window == 0 {
		l.first += max(len(list)-listed, 0)
		return
	}
	length := time.Duration(0)
	for _, s := range list {
		length += s.length
	}
	want := max(l.rules.Window, targetsInWindow*l.target)
	for ; len(list) > fewest && length-list[0].length >= want; list = list[1:] {
		length -= list[0].length
		l.first++
	}
}

// payForWindow has the budget for windows pay for what is further back than playing
// needs: where it cannot, the window is shorter. The caller holds l.mu.
func (l *live) payForWindow() {
	for i := len(l.segments) - (listed + kept) - 1; i >= 0; {
		if !l.segments[i].pay(l.windows) {
			l.dropFirst() // which may be that one
		}
		i--
	}
}
