package stream

import "flashpod.dev/flashpod/mediaserver/media/tracks"

// Offer is what a player of a publication would be sent, as far as that has come.
type Offer struct {
	Live         bool // somebody publishes
	Video, Audio bool
	// Spared is what there is and would not be sent.
	Spared tracks.Spared
	// Settled says that so much has come that what there is has shown itself: see
	// tracks.NothingFor.
	Settled bool
}

// Offer looks what a player who takes something would be sent now.
func (s *Stream) Offer(takes tracks.Takes) Offer {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := takes.View(&s.seen)
	o := Offer{
		Live: s.publisher != nil, Video: s.hasVideo, Audio: s.hasAudio, Spared: v.Spares(&s.seen),
		Settled: s.plays && s.newest.Load().Sub(s.playsFrom) >= tracks.NothingFor,
	}
	if takes.Single {
		// What could not be read is sent as it is: its tracks are not known.
		for kind, is := range map[bool]*bool{true: &o.Video, false: &o.Audio} {
			_, known := s.seen.Lowest(kind)
			_, sends := v.Sends(kind)
			*is = *is && (sends || !known)
		}
	}
	return o
}
