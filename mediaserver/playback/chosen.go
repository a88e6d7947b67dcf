package playback

import (
	"io"
	"iter"
	"slices"
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/media/tracks"
)

// chosen is what a client that does not take everything is sent of the tracks of a
// file. It belongs to the turn that runs; nil is for one that takes everything.
type chosen struct {
	surveyed bool // the headers of the file have been looked at
	seen     tracks.Seen
	view     tracks.View
	same     bool // all that was seen is sent as it is

	sure    bool  // what is not sent would have shown itself by now
	nothing error // is sent
	told    tracks.Spared
	tell    tracks.Spared // what the client is to be told now
}

// spares looks what is not sent. late says that so much of the file has been looked
// at that what it has is known. It fails when nothing can be sent.
func (c *chosen) spares(late bool) error {
	if c == nil {
		return nil
	}
	if c.sure {
		return c.nothing
	}
	c.sure = late
	switch is := c.view.Spares(&c.seen); {
	case is == c.told:
	case is.All() && late:
		c.nothing = &SparedError{is}
	case !is.All():
		c.told, c.tell = is, is
	}
	return c.nothing
}

// toTell is what the client is to be told now.
func (c *chosen) toTell() (is tracks.Spared) {
	if c != nil {
		is, c.tell = c.tell, tracks.Spared{}
	}
	return is
}

// survey reads which tracks there are from the headers of the whole file.
func (c *chosen) survey(file *File, r io.ReaderAt, takes tracks.Takes) error {
	all, err := file.Headers(r, file.Seek(fileTime(file.Duration()+time.Millisecond)))
	if err != nil {
		return err
	}
	c.surveyed = true
	c.seen.Play()
	for _, h := range all {
		if v, ok := parse(h); ok {
			c.seen.Add(&v)
		}
	}
	c.look(takes)
	return nil
}

// look looks what is sent of what was seen.
func (c *chosen) look(takes tracks.Takes) {
	c.view, c.same = takes.View(&c.seen), takes.AsPublished(&c.seen)
}

// asItIs notes a frame, and says whether it is sent as it is, as all others are.
func (c *chosen) asItIs(w *worker, f media.Frame, takes tracks.Takes) bool {
	if c == nil || w.taken || f.Type != media.TypeVideo && f.Type != media.TypeAudio || f.Size() == 0 {
		return true
	}
	v, ok := parse(f)
	if ok && c.seen.Add(&v) {
		c.look(takes)
	}
	return ok && c.same
}

// elsewhere says whether the track whose pictures are sent is another than the one
// whose keyframes the file's index has.
func (c *chosen) elsewhere() bool {
	if c == nil || !c.view.Single {
		return false
	}
	id, ok := c.view.Sends(true)
	lowest, _ := c.seen.Lowest(true)
	return ok && id != lowest
}

func parse(f media.Frame) (v payload.Payload, ok bool) {
	switch f.Type {
	case media.TypeVideo:
		return payload.ParseVideo(front(f))
	case media.TypeAudio:
		return payload.ParseAudio(front(f))
	}
	return v, false
}

// parts are the messages that are sent of a frame, each valid until the next. With
// look, what a picture says of itself is in its Head.
func (c *chosen) parts(w *worker, f media.Frame, takes tracks.Takes, look bool) iter.Seq[media.Frame] {
	return func(yield func(media.Frame) bool) {
		if c.asItIs(w, f, takes) {
			yield(f)
			return
		}
		v, ok := parse(f)
		if !ok {
			if c.view.JudgeUnreadable(f.Type == media.TypeVideo, front(f)) == tracks.Whole {
				yield(f)
			}
			return
		}
		switch c.view.Judge(&v) {
		case tracks.Whole:
			yield(f)
		case tracks.Apart:
			for parts := c.view.Parts(&v); ; {
				head, body, ok := parts.Next(w.head[:0])
				if w.head = head; !ok || !yield(apart(w, f, body, v.Multitrack(), look)) {
					return
				}
			}
		}
	}
}

// apart is the frame that has w.head before its body, which is alone when it is one
// of several of the message.
func apart(w *worker, f media.Frame, body []byte, alone, look bool) media.Frame {
	n := 0
	switch {
	case len(f.Head) > 0: // the body is a piece of that
		n = len(body)
	case look && f.Type == media.TypeVideo:
		n = min(len(body), payload.LookAhead)
	}
	w.head = append(w.head, body[:n]...)
	if body = body[n:]; len(f.Head) == 0 {
		f.Data = body
	}
	if alone {
		f.More = 0 // that is of the message, and the body is whole
	}
	f.Head = w.head
	return f
}

// headers are the headers that go before what is sent, of each kind the newest.
func (c *chosen) headers(w *worker, list []media.Frame, takes tracks.Takes) iter.Seq[media.Frame] {
	if c == nil {
		return slices.Values(list)
	}
	var out []media.Frame
	for _, h := range list {
		for part := range c.parts(w, h, takes, false) {
			part.Head = slices.Clone(part.Head)
			if v, ok := parse(part); ok && c.view.Single {
				out = slices.DeleteFunc(out, func(o media.Frame) bool {
					was, _ := parse(o)
					return o.Type == part.Type && was.Kind == v.Kind
				})
			}
			out = append(out, part)
		}
	}
	return slices.Values(out)
}
