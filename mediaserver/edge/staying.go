package edge

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"flashpod.dev/flashpod/mediaserver/link"
	"flashpod.dev/flashpod/mediaserver/outlet"
)

// Viewers by HTTP and WebRTC outlive a link, as clients do: what is live ends for them when it has not
// come back for a while, and what is recorded goes on with what is kept of it. The origin is
// asked for each of them anew when it is there again.

const (
	// streamWaits is how long a viewer of a live stream stays that has been lost here, and may
	// be published still, where Config does not say.
	streamWaits = 15 * time.Second
	// againEvery is how often an origin is asked for a viewer of a live stream that it has
	// not, so far.
	againEvery = time.Second
)

// lostLink is what viewers are told who go with a link, and overStream those whose stream
// does not come back.
const (
	lostLink   = "the link to the origin is lost: try again"
	overStream = "the stream has ended"
)

// loseViewers has viewers stay for the next link who have something, and tells the others to
// go, since the link has ended.
func (u *uplink) loseViewers(err error) {
	var gone, stay []*viewer
	u.mu.Lock()
	for _, v := range u.viewers {
		if v.left || v.feed == nil && v.film == nil {
			gone = append(gone, v)
			continue
		}
		v.stays(time.Now())
		stay = append(stay, v)
	}
	u.viewers, u.asking = nil, 0
	u.mu.Unlock()
	for _, v := range gone {
		select {
		case v.answers <- noOrigin(err):
		default:
		}
		v.end(lostLink, false)
	}
	for _, v := range stay {
		v.grant(0, "")
	}
}

// stays has the origin asked for a viewer when it is there. The caller holds the uplink's mu.
func (v *viewer) stays(since time.Time) {
	if v.u.stayers == nil {
		v.u.stayers = map[*viewer]struct{}{}
	}
	v.u.stayers[v] = struct{}{}
	v.again, v.asked = since, false
}

// grant gives what the viewer has another token; false says that it has it no more.
func (v *viewer) grant(of uint64, token string) bool {
	v.u.mu.Lock()
	f, film := v.feed, v.film
	v.u.mu.Unlock()
	switch {
	case f != nil:
		return v.u.grant(f, of, v, token)
	case film != nil:
		return v.u.grantFilm(film, v, token)
	}
	return false
}

// watching are the viewers that there are. The caller holds mu.
func (u *uplink) watching() []*viewer {
	return slices.AppendSeq(slices.Collect(maps.Values(u.viewers)), maps.Keys(u.stayers))
}

// askAnew asks the origin for those who stay, a few at a time. The caller holds mu.
func (u *uplink) askAnew() {
	for v := range u.stayers {
		if u.pipe == nil || u.asking >= maxEntering {
			return
		}
		delete(u.stayers, v)
		u.number++
		v.n = u.number
		if u.viewers == nil {
			u.viewers = map[uint64]*viewer{}
		}
		u.viewers[v.n] = v
		v.asked = true
		u.asking++
		v.send()
	}
}

// answerLost is for a viewer of whom it does not matter any more what the origin says. The
// caller holds the uplink's mu.
func (v *viewer) answerLost() {
	if v.asked {
		v.asked = false
		v.u.asking--
		v.u.askAnew()
	}
}

// isAgain says whether the origin was asked for the viewer anew.
func (v *viewer) isAgain() bool {
	v.u.mu.Lock()
	defer v.u.mu.Unlock()
	return v.asked
}

// answeredAgain is what the origin says of a viewer that has stayed.
func (v *viewer) answeredAgain(a link.WatchAnswer) {
	u := v.u
	u.mu.Lock()
	v.answerLost()
	since, live := v.again, v.feed != nil
	u.mu.Unlock()
	switch {
	case a.Status == http.StatusNotFound && live && time.Since(since) < u.e.cfg.StreamWaits:
		time.AfterFunc(againEvery, func() { v.retry(since) }) // its publisher may come back, too
	case a.Status == http.StatusNotFound:
		v.end(overStream, false)
	case a.Status != 0:
		v.end(a.Reason, a.Status == http.StatusForbidden)
	case live != (a.File == nil), a.File != nil && a.File.Key != v.granted.File.Key:
		v.end("what was watched is not there any more: try again", false)
	default:
		v.grant(a.Of, a.Token) // one that has left has told the origin so
	}
}

// retry asks for the viewer once more, over the same link.
func (v *viewer) retry(since time.Time) {
	v.u.mu.Lock()
	defer v.u.mu.Unlock()
	if v.left || v.u.err != nil || !v.again.Equal(since) || v.u.viewers[v.n] != v {
		return // or the link was lost again
	}
	delete(v.u.viewers, v.n)
	v.stays(since)
	v.u.askAnew()
}

// wait has viewers of a stream go who come by one request, where it is lost for too long. It is
// of who fills the feed.
func (f *feed) wait(u *uplink) {
	if f.ctx.Err() != nil {
		return // nobody has it
	}
	f.late = time.AfterFunc(u.e.cfg.StreamWaits, func() {
		var all []*viewer
		u.mu.Lock()
		for player := range f.plays {
			if v, is := player.(*viewer); is && f.lost.Load() && !outlet.Way(v.ask.Way).Requests() {
				all = append(all, v)
			}
		}
		u.mu.Unlock()
		for _, v := range all {
			v.end(overStream, false)
		}
	})
}
