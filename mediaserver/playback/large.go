package playback

import (
	"io"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/tracks"
)

// cursor is a place in a file: between two frames, or within one that is too large
// to be read at once and of which several messages are sent.
type cursor struct {
	media.Position
	sent int // messages of the frame that follows
}

// takeLarge makes of a frame that was read in part what is sent of it: its tracks
// may lie anywhere. They are as many messages as fit into the buffer, or the
// beginning of one, behind those that have been sent; after is behind them.
func (c *chosen) takeLarge(w *worker, file io.ReaderAt, takes tracks.Takes, at, after cursor) (cursor, error) {
	b := w.batch
	if len(b.Frames) != 1 || b.Frames[0].More == 0 || len(b.Frames[0].Head) > 0 {
		return after, nil
	}
	f := b.Frames[0]
	p, ok := parse(f)
	if !ok {
		return after, nil
	}
	begins := f.From - int64(len(f.Data))
	read := func(buf []byte, at int) error { return media.ReadFull(file, buf, begins+int64(at)) }
	view, verdict, err := takes.JudgeLarge(&c.seen, &p, len(f.Data), f.Size(), read)
	if c.view, c.same = view, takes.AsPublished(&c.seen); err != nil || verdict != tracks.Apart {
		return after, err
	}
	w.taken = true
	b.Frames, b.Heads = b.Frames[:0], b.Heads[:0]
	places, used, head := c.view.Places(&p, len(f.Data), f.Size(), read), 0, []byte(nil)
	// The heads are made of what lies in the buffer: bodies are read behind that.
	for n := 0; ; n++ {
		var in, size int
		if head, in, size, ok, err = places.Next(head[:0]); err != nil || !ok {
			break
		}
		if n < at.sent {
			continue
		}
		if used += len(head) + size; n > at.sent && (used > len(b.Buf) || len(b.Frames) == media.MaxFrames) {
			after = cursor{at.Position, n}
			break
		}
		b.Frames = append(b.Frames, f)
		of := &b.Frames[len(b.Frames)-1]
		of.Head = append([]byte(nil), head...)
		of.Data, of.More, of.From = nil, size, begins+int64(in)
	}
	if err != nil {
		return after, err
	}
	if len(b.Frames) == 0 {
		f.Data, f.More = nil, 0 // its time passes all the same
		b.Frames = append(b.Frames, f)
	}
	return after, fillFrames(b, file)
}

// fillFrames reads the bodies of frames, as much as fits into the buffer.
func fillFrames(b *media.Batch, file io.ReaderAt) error {
	room := b.Buf
	for i := range b.Frames {
		f := &b.Frames[i]
		n := min(f.More, len(room))
		f.Data, room = room[:n:n], room[n:]
		if err := media.ReadFull(file, f.Data, f.From); err != nil {
			return err
		}
		f.More, f.From = f.More-n, f.From+int64(n)
	}
	return nil
}
