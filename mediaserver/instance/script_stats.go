package instance

import (
	"context"
	"slices"
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/script"
)

// maxProblems is how many problems of a script are kept, the last ones.
const maxProblems = 20

// problems are what has gone wrong in a script.
type problems struct {
	mu    sync.Mutex // nothing else is taken while it is held
	total uint64
	last  []script.Problem
}

// Failed implements script.Instance, as all below.
func (s *scripted) Failed(p script.Problem) {
	s.problems.mu.Lock()
	defer s.problems.mu.Unlock()
	s.problems.total++
	s.problems.last = append(s.problems.last, p)
	if n := len(s.problems.last); n > maxProblems {
		s.problems.last = slices.Delete(s.problems.last, 0, n-maxProblems)
	}
}

// ScriptProblems are how often something has gone wrong in the instance's script, and
// the last times, the oldest first.
func (i *Instance) ScriptProblems() (total uint64, last []script.Problem) {
	if i.script == nil {
		return 0, nil
	}
	p := &i.script.problems
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.total, slices.Clone(p.last)
}

// rate is how fast something has grown of late: over a second at least.
type rate struct {
	at      time.Time
	in, out uint64
	perIn   float64 // bytes a second
	perOut  float64
}

func (r *rate) look(now time.Time, in, out uint64) {
	passed := now.Sub(r.at).Seconds()
	if r.at.IsZero() || passed >= 1 {
		if !r.at.IsZero() {
			// What has left meanwhile may have taken its figures with it.
			r.perIn, r.perOut = float64(in-min(in, r.in))/passed, float64(out-min(out, r.out))/passed
		}
		r.at, r.in, r.out = now, in, out
	}
}

// Stats implements script.Instance. Rates are those of the last second or more between two
// questions.
func (s *scripted) Stats(answer func(script.Stats)) {
	is := s.Instance.Stats()
	var in, out, dropped uint64
	for _, peer := range s.seen.peers() {
		t := peer.Traffic()
		in, out, dropped = in+t.MessagesIn, out+t.MessagesOut, dropped+t.Dropped.Messages()
	}
	s.mu.Lock()
	in, out, dropped = in+s.heard, out+s.told, dropped+s.spared
	s.rate.look(time.Now(), is.Total.BytesIn, is.Total.BytesOut)
	perIn, perOut := s.rate.perIn, s.rate.perOut
	s.mu.Unlock()
	clients := is.Total.Connections - is.Total.Viewers
	answer(script.Stats{
		BytesIn: is.Total.BytesIn, BytesOut: is.Total.BytesOut, MessagesIn: in, MessagesOut: out, MessagesDropped: dropped,
		Connects: clients, Disconnects: clients - uint64(is.Clients),
		BandwidthIn: perIn, BandwidthOut: perOut,
	})
}

// ClientStats implements script.Instance; false: the client has gone.
func (s *scripted) ClientStats(client string, answer func(script.ClientStats, bool)) {
	g := s.guest(client)
	if g == nil {
		answer(script.ClientStats{}, false)
		return
	}
	t := g.peer.Traffic()
	s.mu.Lock()
	g.rate.look(time.Now(), t.In, t.Out)
	is := script.ClientStats{
		Stats: script.Stats{
			BytesIn: t.In, BytesOut: t.Out, MessagesIn: t.MessagesIn, MessagesOut: t.MessagesOut, MessagesDropped: t.Dropped.Messages(), Connects: 1,
			BandwidthIn: g.rate.perIn, BandwidthOut: g.rate.perOut,
		},
		RoundTrip:   float64(t.RoundTrip) / float64(time.Millisecond),
		QueuedAudio: int(t.Waiting.Audio), QueuedVideo: int(t.Waiting.Video), QueuedData: int(t.Waiting.Data), QueuedObjects: t.WaitingObjects,
		DroppedAudio: t.Dropped.Audio, DroppedVideo: t.Dropped.Video, DroppedAudioBytes: t.Dropped.AudioBytes, DroppedVideoBytes: t.Dropped.VideoBytes,
	}
	s.mu.Unlock()
	answer(is, true)
}

// Ping implements script.Instance.
func (s *scripted) Ping(client string) {
	if g := s.guest(client); g != nil {
		g.peer.Ping()
	}
}

// CheckBandwidth implements script.Instance, in its order among what the client is told.
func (s *scripted) CheckBandwidth(client string) {
	_ = s.post(func(*owner) {
		if g := s.guest(client); g != nil {
			s.out.say(0, g.peer.CheckBandwidth)
		}
	})
}

// Length implements script.Instance: it answers from a goroutine that may wait for the
// disk, with 0 for what is not recorded.
func (s *scripted) Length(stream string, answer func(seconds float64)) {
	if !s.questions.Ask("script", func(ctx context.Context) {
		d, err := s.store.Length(ctx, stream)
		if err != nil {
			d = 0 // nothing is recorded under that name, or nothing that can be read
		}
		answer(d.Seconds())
	}) {
		answer(0)
	}
}

// SetBandwidth implements script.Instance, in bytes a second; 0 is no limit.
func (s *scripted) SetBandwidth(client string, toClient, toServer float64) {
	_ = s.post(func(*owner) {
		if g := s.guest(client); g != nil {
			g.peer.SetBandwidth(bytesASecond(toClient), bytesASecond(toServer))
		}
	})
}

// bytesASecond is a script's number, of any size.
func bytesASecond(n float64) int64 {
	const most = 1 << 40
	if n <= 0 || n != n { // no number
		return 0
	}
	return int64(max(1, min(n, most)))
}
