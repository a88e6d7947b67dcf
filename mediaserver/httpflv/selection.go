package httpflv

import (
	"iter"
	"net/http"
	"slices"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/media/tracks"
	"flashpod.dev/flashpod/mediaserver/outlet"
)

// selection is what a viewer is sent of the tracks of a file.
type selection struct {
	takes tracks.Takes
	seen  tracks.Seen
	view  tracks.View
	same  bool // all that was seen is sent as it is
	first map[bool]bool

	head     []byte
	rate     payload.FrameRate
	pictures payload.Pictures
}

// lookAhead is how much of a large frame is read to see what it is.
const lookAhead = 1 << 10

// survey reads which tracks a file has from all its headers and, of kinds that have
// none, from its first frames. It fails where nothing would be sent.
func (f *film) survey(takes tracks.Takes) error {
	f.takes = takes
	var all []media.Frame
	batch := media.NewBatch(minRead)
	batch.Part = lookAhead
	err := f.inPlace(func() (err error) {
		end := media.TimestampAt(f.File.Duration())
		if all, err = f.File.Headers(f.Reader, f.File.Seek(end+1)); err != nil {
			return err
		}
		_, _ = f.File.Read(f.Reader, f.File.Seek(0), batch) // what is wrong there is found again
		return nil
	})
	if err != nil {
		return err
	}
	f.seen.Play()
	f.first = map[bool]bool{}
	for _, frame := range append(all, batch.Frames...) {
		if frame.Type != media.TypeData && frame.Size() > 0 {
			f.first[frame.Type == media.TypeVideo] = true
		}
		if p, ok := parse(frame); ok {
			f.seen.Add(&p)
		}
	}
	f.look()
	if is := f.view.Spares(&f.seen); is.All() {
		_, why := is.Status("the recording")
		return outlet.Refuse(http.StatusNotFound, why)
	}
	return nil
}

func (s *selection) look() {
	s.view, s.same = s.takes.View(&s.seen), s.takes.AsPublished(&s.seen)
}

// has says whether there are pictures, or sound, that are sent.
func (s *selection) has(video bool) bool {
	_, known := s.seen.Lowest(video)
	_, sends := s.view.Sends(video)
	return s.first[video] && (sends || !known)
}

// elsewhere has pictures of another track than that whose keyframes the file's index
// has begin with a keyframe of theirs.
func (s *selection) elsewhere() {
	id, ok := s.view.Sends(true)
	lowest, _ := s.seen.Lowest(true)
	s.rate.Broken = ok && id != lowest
}

func parse(f media.Frame) (p payload.Payload, ok bool) {
	switch f.Type {
	case media.TypeVideo:
		return payload.ParseVideo(front(f))
	case media.TypeAudio:
		return payload.ParseAudio(front(f))
	}
	return p, false
}

// front is the beginning of a payload, which says what it is.
func front(f media.Frame) []byte {
	if len(f.Head) > 0 {
		return f.Head
	}
	return f.Data
}

// parts are the messages that are sent of a frame, each valid until the next.
func (s *selection) parts(f media.Frame) iter.Seq[media.Frame] {
	return func(yield func(media.Frame) bool) {
		for part := range s.chosen(f) {
			if s.begins(part) && !yield(part) {
				return
			}
		}
	}
}

// begins says whether a picture can be shown, or what is none.
func (s *selection) begins(f media.Frame) bool {
	if !s.rate.Broken || f.Type != media.TypeVideo {
		return true
	}
	p, ok := parse(f)
	if ok && p.IsHeader() {
		return true
	}
	return s.rate.Keep(f.Time, front(f), ok && s.pictures.Next(&p, f.Time) != payload.NoBeginning)
}

// chosen are the messages of the tracks that are sent.
func (s *selection) chosen(f media.Frame) iter.Seq[media.Frame] {
	return func(yield func(media.Frame) bool) {
		p, ok := parse(f)
		switch {
		case f.Size() == 0:
			return
		case f.Type == media.TypeData:
			yield(f)
			return
		case !ok:
			if s.view.JudgeUnreadable(f.Type == media.TypeVideo, front(f)) == tracks.Whole {
				yield(f)
			}
			return
		}
		if s.seen.Add(&p) {
			s.look()
		}
		switch s.view.Judge(&p) {
		case tracks.Whole:
			yield(f)
		case tracks.Apart:
			inHead := len(f.Head) > 0 // the bodies are pieces of that, and the rest follows
			for parts := s.view.Parts(&p); ; {
				head, body, ok := parts.Next(s.head[:0])
				if s.head = head; !ok {
					return
				}
				part := f
				if part.Head = head; inHead {
					s.head = append(head, body...)
					part.Head = s.head
				} else {
					part.Data = body
				}
				if !yield(part) {
					return
				}
			}
		}
	}
}

// headers are those that go before what is sent, of each kind the newest.
func (s *selection) headers(list []media.Frame) (out []media.Frame) {
	for _, h := range list {
		for part := range s.chosen(h) {
			part.Head = slices.Clone(part.Head)
			if p, ok := parse(part); ok {
				out = slices.DeleteFunc(out, func(o media.Frame) bool {
					was, _ := parse(o)
					return o.Type == part.Type && was.Kind == p.Kind
				})
			}
			out = append(out, part)
		}
	}
	return out
}
