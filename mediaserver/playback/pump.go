package playback

import (
	"errors"
	"io"
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
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
	// What one turn may send before others have theirs.
	piecesPerTurn = 4
	// A single picture of a stream without any is so much sound.
	snapshotTime = 200 * time.Millisecond
	// What play in data only mode sends of a file at most.
	maxDataBytes = 4 << 20
)

// nudge lets a turn come soon. It does not wait and takes no lock.
func (p *Playback) nudge() { p.timer.Reset(0) }

// turn sends what is due and sets the timer for what is next. One that comes
// while another runs is done behind it.
func (p *Playback) turn(w *worker) {
	p.mu.Lock()
	if p.turning || !p.running {
		p.again = p.turning
		p.mu.Unlock()
		return
	}
	p.turning = true
	run := p.run
	over, err := p.send(w)
	p.turning = false
	over = over && p.goesOn(run)
	r := Result{Run: run, Err: err, Duration: (p.last - p.base).Duration(), Bytes: p.sent}
	quiet := p.quiet
	if over {
		if !quiet {
			p.position = p.last
		}
		p.running = false
	}
	if p.again {
		p.again = false
		p.nudge()
	}
	closed := p.closed
	p.mu.Unlock()
	if closed {
		p.file.Close() // Close has left it to us
	}
	if over && !quiet && p.opts.OnEnd != nil {
		p.opts.OnEnd(p, r)
	}
}

// goesOn says whether a run was neither halted nor replaced. The caller holds mu.
func (p *Playback) goesOn(run int) bool { return p.running && p.run == run }

// unlocked reads the file, which may take as long as the disk likes, with mu
// released. It returns whether what was read is still wanted. The caller holds
// mu.
func (p *Playback) unlocked(read func()) bool {
	run := p.run
	p.mu.Unlock()
	read()
	p.mu.Lock()
	return p.goesOn(run)
}

// send sends pieces until nothing is due, the connection is full, or the
// stream is over. It gives up when the run is over meanwhile.
func (p *Playback) send(w *worker) (over bool, err error) {
	run := p.run
	for range piecesPerTurn {
		if !p.hasRoom() {
			return false, nil
		}
		w.layout.Reset()
		if p.preamble {
			if err := p.introduce(w.layout); err != nil || !p.goesOn(run) {
				return true, err
			}
		}
		if p.opts.DataOnly {
			return true, p.sendData(w.layout)
		}
		if p.filled == toldFull {
			p.filled = goesOn
			w.layout.AddMessage(rtmp.UserControl(rtmp.EventBufferReady, p.opts.StreamID))
		}
		next, over, err := p.lay(w)
		if err != nil || !p.goesOn(run) {
			return true, err
		}
		if w.layout.Size() > 0 {
			if err := p.conn.SendLayout(w.layout); err != nil {
				return true, err
			}
		}
		if over {
			return true, nil
		}
		now := time.Now()
		if wait := p.early(next, now); wait > 0 {
			if err := p.tellFull(w); err != nil {
				return true, err
			}
			due := now.Add(wait)
			p.timer.Reset(wait + due.Truncate(tick).Add(tick).Sub(due))
			return false, nil
		}
	}
	p.nudge()
	return false, nil
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

func (p *Playback) roomy() {
	p.waits.Store(false)
	p.nudge()
}

// early is how long it is until a frame of a time may be sent.
func (p *Playback) early(at media.Timestamp, now time.Time) time.Duration {
	return (at.Duration() - p.base.Duration()) - p.buffer - now.Sub(p.since)
}

// latest is the time of the last frame that may be sent now.
func (p *Playback) latest(now time.Time) media.Timestamp {
	return fileTime(p.base.Duration() + now.Sub(p.since) + p.buffer + slack)
}

// lay lays out the next piece and moves behind it. next is the time of what
// comes then, as far as is known.
func (p *Playback) lay(w *worker) (next media.Timestamp, over bool, err error) {
	b, at := w.batch, p.at
	b.Buf = b.Buf[:cap(b.Buf)][:p.piece(time.Now())]
	var after media.Position
	wanted := p.unlocked(func() { after, err = p.file.Read(p.file.Bytes, at, b) })
	switch {
	case !wanted:
		return 0, true, nil
	case errors.Is(err, io.EOF):
		return 0, true, nil
	case err != nil:
		return 0, true, err
	}
	latest := p.latest(time.Now())
	for _, f := range b.Frames {
		if f.Time > p.until {
			return 0, true, nil
		}
		if w.layout.Full() || f.Time > latest {
			p.at = f.Position()
			return f.Time, false, nil
		}
		if p.wanted(f) {
			w.layout.Add(rtmp.MessageType(f.Type), p.opts.StreamID, f.Time+p.offset, f.Head, f.Data)
			p.sent += int64(f.Size())
		}
		p.last = max(p.last, f.Time)
		if p.single && (isPicture(f) || f.Time > p.base.Add(snapshotTime)) {
			return 0, true, nil
		}
	}
	p.at = after
	return p.last, false, nil
}

// piece is how many bytes to read.
func (p *Playback) piece(now time.Time) int {
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

// introduce lays out metadata, of time 0 (ffmpeg takes any other for a
// subtitle), and the sequence headers in force, with the timestamp of what
// follows them.
func (p *Playback) introduce(l *rtmp.Layout) (err error) {
	at := p.at
	var headers []media.Frame
	wanted := p.unlocked(func() { headers, err = p.file.Headers(p.file.Bytes, at) })
	if err != nil || !wanted {
		return err
	}
	l.Add(rtmp.TypeData, p.opts.StreamID, 0, nil, p.file.OnMetaData)
	for _, h := range headers {
		l.Add(rtmp.MessageType(h.Type), p.opts.StreamID, at.Time+p.offset, h.Head, h.Data)
	}
	p.preamble = false
	return nil
}

// sendData sends the data messages of the file, all at once.
func (p *Playback) sendData(l *rtmp.Layout) (err error) {
	if file, ok := p.file.File.(media.DataFile); ok {
		at := p.at
		var frames []media.Frame
		wanted := p.unlocked(func() { frames, err = file.Data(p.file.Bytes, at, maxDataBytes) })
		if err != nil || !wanted {
			return err
		}
		for _, f := range frames {
			if f.Time > p.until {
				break
			}
			l.Add(rtmp.TypeData, p.opts.StreamID, f.Time+p.offset, f.Head, f.Data)
			p.last, p.sent = max(p.last, f.Time), p.sent+int64(f.Size())
		}
	}
	return p.conn.SendLayout(l)
}

func (p *Playback) wanted(f media.Frame) bool {
	switch {
	case f.Size() == 0:
		return false
	case f.Type == media.TypeAudio:
		return p.audio || payload.IsAudioHeader(front(f))
	case f.Type == media.TypeVideo:
		if p.video && !p.rate.Needed() {
			return true
		}
		if payload.IsVideoHeader(front(f)) {
			return true
		}
		p.rate.Broken = p.rate.Broken || !p.video
		return p.video && p.rate.Take(f.Time, front(f))
	}
	return true
}

func isPicture(f media.Frame) bool {
	return f.Type == media.TypeVideo && f.Size() > 0 && !payload.IsVideoHeader(front(f))
}

// front is the beginning of a payload, which says what it is.
func front(f media.Frame) []byte {
	if len(f.Head) > 0 {
		return f.Head
	}
	return f.Data
}
