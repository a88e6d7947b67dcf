package hls

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"strconv"

	"flashpod.dev/flashpod/mediaserver/fmp4"
)

const audioOnly = -1

// rendition is the number of the variant that has the sound of a track alone.
func rendition(track uint8) int { return audioOnly - 1 - int(track) }

// isRendition says whether a variant is one of those, and of which track.
func isRendition(id int) (track int, ok bool) { return audioOnly - 1 - id, id < audioOnly }

// open finds out what the segment's tracks are. One that MP4 cannot hold is left out;
// where it is the only one, it fails.
func (s *segmenter) open() error {
	if s.opened {
		return nil
	}
	s.refused, s.left = nil, ""
	known := 0
	s.all(func(f *feed) {
		if err := f.describe(); err != nil {
			s.refused = fmt.Errorf("track %d: %w", f.id, err)
			s.leave(f, err)
		}
		if f.track == nil {
			f.clear()
			f.held = nil
			return
		}
		known++
	})
	switch {
	case known > 0:
		s.opened, s.inits = true, s.variants()
		return nil
	case s.refused != nil:
		return s.refused
	}
	return errNothing
}

// leave notes that a track is left out, and why.
func (s *segmenter) leave(f *feed, err error) {
	kind := "sound"
	if f.video {
		kind = "pictures"
	}
	if s.left != "" {
		s.left += "; "
	}
	s.left += fmt.Sprintf("%s of track %d: %v", kind, f.id, err)
}

// sound is the track of sound that goes with the pictures: the first that is known.
func (s *segmenter) sound() *feed {
	for _, f := range s.audio {
		if f.track != nil {
			return f
		}
	}
	return nil
}

// variants are the initialization segments of the variants, named by what is in them.
func (s *segmenter) variants() map[int]*initSegment {
	inits := map[int]*initSegment{}
	sound := s.sound()
	for _, f := range s.video {
		if f.track == nil {
			continue
		}
		inits[int(f.id)] = s.newInit(f, sound)
	}
	if len(inits) == 0 && sound != nil {
		inits[audioOnly] = s.newInit(nil, sound)
	}
	for _, f := range s.audio {
		if f.track != nil && f != sound {
			inits[rendition(f.id)] = s.newInit(nil, f)
		}
	}
	return inits
}

// newInit makes the initialization segment of pictures and sound; nil: there are none.
func (s *segmenter) newInit(pictures, sound *feed) *initSegment {
	n := &initSegment{left: s.left}
	var tracks []*fmp4.Track
	if pictures != nil {
		tracks = append(tracks, pictures.track)
		n.width, n.height = pictures.track.Width, pictures.track.Height
	}
	if sound != nil {
		tracks = append(tracks, sound.track)
		n.hears, n.sound, n.channels = true, sound.id, sound.track.Channels
	}
	for _, t := range tracks {
		n.codecs = append(n.codecs, t.Name)
	}
	n.data = fmp4.AppendInit(nil, tracks...)
	h := fnv.New64a()
	h.Write(n.data)
	n.name = strconv.FormatUint(binary.BigEndian.Uint64(h.Sum(nil)), 36)
	return n
}
