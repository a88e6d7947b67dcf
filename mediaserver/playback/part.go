package playback

import (
	"fmt"
	"io"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// part is a frame that is too large to be read at once: it is read, and sent, in
// pieces of whole chunks, as the connection takes them.
type part struct {
	message rtmp.Parts      // nothing is left of it when there is no such frame
	stream  uint32          // the chunk stream of such frames; 0: none yet
	from    int64           // of the file: what follows
	time    media.Timestamp // of the frame
	after   cursor          // behind it
	last    bool            // the run ends with it
}

// beginPart lays out the beginning of a frame of which a piece has no more.
func (p *Playback) beginPart(l *rtmp.Layout, f media.Frame, at media.Timestamp, after cursor, last bool) (err error) {
	q := &p.part
	if q.stream == 0 {
		if q.stream, err = p.conn.TakeChunkStream(); err != nil {
			return err
		}
	}
	// The rest of a chunk would have to follow before anything else.
	whole := (len(f.Head)+len(f.Data))/rtmp.ChunkSize*rtmp.ChunkSize - len(f.Head)
	if whole < 0 {
		return fmt.Errorf("%w: %d bytes of a frame with %d more are no chunk", media.ErrInvalid, len(f.Data), f.More)
	}
	q.message = rtmp.NewParts(q.stream, rtmp.MessageType(f.Type), p.opts.StreamID, at, f.Size())
	q.from, q.time, q.after, q.last = f.From-int64(len(f.Data)-whole), f.Time, after, last
	l.AddPart(&q.message, f.Head, f.Data[:whole])
	return nil
}

// readPart reads what follows of a frame.
func (r *piece) readPart(file io.ReaderAt, b *media.Batch) {
	b.Reset()
	n := min(r.left, max(r.size/rtmp.ChunkSize, 1)*rtmp.ChunkSize)
	b.Grow(n)
	r.bytes = b.Buf[:n]
	r.err = media.ReadFull(file, r.bytes, r.from)
}

// goOn lays out what follows of a frame, and moves behind it at its end.
func (p *Playback) goOn(l *rtmp.Layout, r *piece) (next media.Timestamp, over bool) {
	q := &p.part
	l.AddPart(&q.message, nil, r.bytes)
	q.from += int64(len(r.bytes))
	if q.message.Left() > 0 {
		return q.time, false
	}
	p.at = q.after
	return p.last, q.last
}

// breakOff ends a frame that was sent in part: the client is told not to wait for
// the rest.
func (q *part) breakOff(conn Conn) {
	if q.message.Left() == 0 {
		return
	}
	l := rtmp.NewLayout()
	l.AddMessage(rtmp.Abort(q.stream))
	_ = conn.SendLayout(l) // a connection that fails has nobody who waits
	*q = part{}
}

// close gives the chunk stream back.
func (q *part) close(conn Conn) {
	if q.stream != 0 {
		conn.GiveChunkStream(q.stream)
		q.stream = 0
	}
}

// pay pays for a piece of size bytes, or lets a small one be read for nothing: a
// player that reads gets on though all others do not.
func (p *Playback) pay(size int) int {
	if size > minPiece && !p.file.Samples.Take(int64(size)) {
		return minPiece
	}
	if size > minPiece {
		p.held.Add(int64(size))
	}
	return size
}

// settle gives back what was paid for as soon as the connection has taken it. The
// caller holds mu.
func (p *Playback) settle() {
	if p.held.Load() > 0 && p.hasRoom() {
		p.giveBack()
	}
}

// giveBack is for what the connection has taken. It takes no lock.
func (p *Playback) giveBack() { p.file.Samples.Give(p.held.Swap(0)) }
