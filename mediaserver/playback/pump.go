package playback

import (
	"errors"
	"io"
	"math"
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/tracks"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

const (
	// A turn sends about this much of a stream at once, or a third of what the
	// client has buffered. It is what makes a thousand players cheap, and less
	// than any client has: the smallest burst is three of it.
	pieceTime    = 350 * time.Millisecond
	maxPieceTime = time.Second
	// Turns begin at multiples of this: one wake-up of the process for all that
	// are due costs far less than one for each.
	tick = 175 * time.Millisecond
	// A frame is sent no earlier before its time than this and the buffer.
	slack = 500 * time.Millisecond
	// Bounds of a piece. The largest fits into a socket that was emptied.
	minPiece = 16 << 10
	maxPiece = 128 << 10
	// partSize is how much is read at least of a frame that is read in part: a
	// chunk, and what a format has before it.
	partSize = rtmp.ChunkSize + 64
	// What one turn may send before others have theirs.
	piecesPerTurn = 4
	// A single picture of a stream without any is so much sound.
	snapshotTime = 200 * time.Millisecond
)

// nudge lets a turn come soon, behind the one that runs. The caller holds mu.
func (p *Playback) nudge() {
	if p.turning {
		p.again = true
		return
	}
	p.timer.Reset(0)
}

// turn sends what is due and sets the timer for what is next. The timer calls
// it, in a goroutine of its own.
func (p *Playback) turn() {
	p.mu.Lock()
	if p.turning || !p.running {
		p.again = p.turning
		p.mu.Unlock()
		return
	}
	p.turning = true
	w := p.queue.begin(p)
	p.mu.Unlock()
	if w != nil {
		p.turns(w)
	}
}

// turns does the playback's turn in the place that it has got, and then those of
// others that have waited for one.
func (p *Playback) turns(w *worker) {
	for p != nil {
		p, w = p.work(w)
	}
}

// work does one turn, and returns the one that follows in its place.
func (p *Playback) work(w *worker) (next *Playback, memory *worker) {
	p.mu.Lock()
	over, err := p.send(w)
	r := Result{Run: p.run, Err: err, Duration: (p.last - p.base).Duration(), Bytes: p.sent}
	tell := over && (!p.quiet || err != nil) && p.opts.OnEnd != nil
	waits := !over && p.running && p.opts.OnWait != nil && p.hinders()
	spared := p.chosen.toTell()
	if over {
		p.part.breakOff(p.conn)
		p.settle()
		if !p.quiet {
			p.position = p.last
		}
		p.running = false
	}
	p.turning = false
	if p.again && p.running {
		p.nudge()
	}
	p.again = false
	next, memory = p.queue.end(p, w)
	unused := p.unused()
	p.mu.Unlock()
	if unused {
		p.file.Close()
	}
	if spared != (tracks.Spared{}) && p.opts.OnSpared != nil {
		p.opts.OnSpared(spared)
	}
	if waits {
		p.opts.OnWait(p, r.Run)
	}
	if tell {
		p.opts.OnEnd(p, r)
	}
	return next, memory
}

// send sends pieces until nothing is due, the connection is full, or the
// stream is over. The caller holds mu, which send gives up while it reads.
func (p *Playback) send(w *worker) (over bool, err error) {
	for range piecesPerTurn {
		if !p.running || p.hinders() || !p.hasRoom() {
			return false, nil
		}
		p.giveBack()
		from := piece{run: p.run, file: p.from(), at: p.at, preamble: p.preamble, part: p.part.message.Left() > 0, from: p.part.from, left: p.part.message.Left()}
		from.size = p.pay(p.pieceSize(time.Now()))
		if !p.read(w, &from) {
			p.giveBack()
			return false, nil // what is wanted now is read in another turn
		}
		if p.later(from.err) {
			return false, nil
		}
		next, over, err := p.sendPiece(w, &from)
		if over || err != nil {
			return true, err
		}
		now := time.Now()
		if wait := p.early(next, now); wait > 0 {
			if err := p.tellFull(w); err != nil {
				return true, err
			}
			p.settle()
			due := now.Add(wait)
			p.timer.Reset(wait + due.Truncate(tick).Add(tick).Sub(due))
			return false, nil
		}
	}
	p.again = true
	return false, nil
}

// piece is a part of the file: where it is, and what was read there. Its frames
// are in the worker's batch.
type piece struct {
	run      int         // that it is for
	file     io.ReaderAt // that it is read from
	at       cursor
	preamble bool // with what introduces the media
	size     int  // bytes
	part     bool // it is what follows of a frame that was begun
	from     int64
	left     int // bytes of that frame

	headers []media.Frame
	bytes   []byte // of that frame
	after   cursor
	err     error
}

// read reads a piece without mu, which the caller holds: a disk may hang. It says
// whether the run is still the one that the piece was read for.
func (p *Playback) read(w *worker, r *piece) (wanted bool) {
	p.reading = true
	p.mu.Unlock()
	p.readFile(w, r)
	p.mu.Lock()
	p.reading = false
	return p.running && p.run == r.run
}

func (p *Playback) readFile(w *worker, r *piece) {
	w.taken = false
	b := w.batch
	if p.chosen != nil && !p.chosen.surveyed {
		if r.err = p.chosen.survey(p.file, r.file, p.opts.Takes); r.err != nil {
			return
		}
	}
	if r.preamble {
		if r.headers, r.err = p.file.Headers(r.file, r.at.Position); r.err != nil {
			return
		}
	}
	b.Buf = b.Buf[:cap(b.Buf)][:r.size]
	if r.part {
		r.readPart(r.file, b)
		return
	}
	if p.opts.DataOnly {
		if file, ok := p.file.File.(media.DataFile); ok {
			r.after.Position, r.err = file.Data(r.file, r.at.Position, b)
		} else {
			b.Reset()
			r.err = io.EOF
		}
		return
	}
	r.after.Position, r.err = p.file.Read(r.file, r.at.Position, b)
	if p.chosen != nil && r.err == nil {
		r.after, r.err = p.chosen.takeLarge(w, r.file, p.opts.Takes, r.at, r.after)
	}
}

// sendPiece sends a piece, or as much of it as is due. next is the time of what
// comes then, as far as is known.
func (p *Playback) sendPiece(w *worker, r *piece) (next media.Timestamp, over bool, err error) {
	if r.err != nil && !errors.Is(r.err, io.EOF) {
		return 0, true, r.err
	}
	w.layout.Reset()
	if r.preamble {
		p.introduce(w, r.headers)
	}
	if r.part {
		next, over = p.goOn(w.layout, r)
		return next, over, p.conn.SendLayout(w.layout)
	}
	if p.filled == toldFull {
		p.filled = goesOn
		w.layout.AddMessage(rtmp.UserControl(rtmp.EventBufferReady, p.opts.StreamID))
	}
	if r.err == nil {
		next, over, err = p.lay(w, r)
	} else {
		next, over, err = 0, true, p.chosen.spares(true)
	}
	if err != nil {
		return next, over, err
	}
	if w.layout.Size() > 0 {
		err = p.conn.SendLayout(w.layout)
	}
	return next, over, err
}

// fill is how far a run has come with the buffer of its client.
type fill int

const (
	filling  fill = iota
	toldFull      // the client was told that it has been sent a whole buffer
	goesOn        // and that there is more
)

// tellFull tells a client that asked for a buffer that it has been sent whole:
// BufferEmpty, as FMS calls what is the server's side of it. librtmp takes it as
// the moment to ask for the next one; BufferReady follows when that begins.
func (p *Playback) tellFull(w *worker) error {
	if p.filled != filling || p.buffer <= minBurst {
		return nil
	}
	p.filled = toldFull
	w.layout.Reset()
	w.layout.AddMessage(rtmp.UserControl(rtmp.EventBufferEmpty, p.opts.StreamID))
	return p.conn.SendLayout(w.layout)
}

// hasRoom says whether the connection takes more. If not, a turn comes once it
// does.
func (p *Playback) hasRoom() bool {
	if p.waits.Swap(true) {
		// It will be told already, unless that has just been.
		return p.conn.HasRoom(nil)
	}
	if p.conn.HasRoom(p.roomy) {
		p.waits.Store(false)
		return true
	}
	return false
}

// roomy lets a turn come, for the connection. It takes no lock.
func (p *Playback) roomy() {
	p.giveBack()
	p.waits.Store(false)
	p.timer.Reset(0)
}

// early is how long it is until a frame of a time may be sent.
func (p *Playback) early(at media.Timestamp, now time.Time) time.Duration {
	if p.opts.DataOnly {
		return 0
	}
	return (at.Duration() - p.base.Duration()) - p.buffer - now.Sub(p.since)
}

// latest is the time of the last frame that may be sent now.
func (p *Playback) latest(now time.Time) media.Timestamp {
	if p.opts.DataOnly {
		return math.MaxUint32 // all at once
	}
	return fileTime(p.base.Duration() + now.Sub(p.since) + p.buffer + slack)
}

// pieceSize is how many bytes to read.
func (p *Playback) pieceSize(now time.Time) int {
	span := min(max(p.buffer/3, pieceTime), maxPieceTime)
	want := min(int64(maxPiece), int64(p.file.Rate*float64(span.Milliseconds())))
	if p.early(p.last, now) < -span {
		want = maxPiece // there is a buffer to fill
	}
	if p.single {
		want = minPiece
	}
	return int(max(want, minPiece))
}
