package playback

import (
	"io"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/media/tracks"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// minBurst is sent ahead of time whatever the client's buffer: a player with
// a small one would stall at the first hiccup.
const minBurst = time.Second

// Conn is the connection that is played to: a *rtmp.Conn.
type Conn interface {
	// HasRoom says whether more may be sent; if not, room is called, without
	// waiting, once it may.
	HasRoom(room func()) bool
	// SendLayout sends without waiting. What it returned for may be used again.
	SendLayout(*rtmp.Layout) error
	// TakeChunkStream returns a chunk stream for messages in parts, and
	// GiveChunkStream gives it back.
	TakeChunkStream() (uint32, error)
	GiveChunkStream(uint32)
}

// Options say how a recorded stream is played.
type Options struct {
	StreamID uint32 // message stream id of all messages
	// From is the timestamp of the place in the file where the first run was
	// asked to begin. Timestamps of later runs count from the same place.
	From    media.Timestamp
	Length  time.Duration // how much of it, from there on; 0: all
	Picture bool          // a single picture, and no more
	Buffer  time.Duration // how far ahead of time to send
	// DataOnly sends nothing but the data messages, all at once.
	DataOnly bool
	// Takes is which tracks and codecs are sent.
	Takes tracks.Takes
	// OnEnd is called when everything was sent or something failed, with the
	// number of the run that ended: once, from any goroutine and with no lock
	// held. It must not wait. A run that was halted does not end, and a Snapshot only
	// where it failed.
	OnEnd func(*Playback, Result)
	// OnWait is called, as OnEnd is, when what a run is to send next is not here and was
	// asked for: each time, which may be often.
	OnWait func(p *Playback, run int)
	// OnSpared is called, as OnEnd is, when something of the file is not sent
	// because the client does not take it, with what that is: once for all runs.
	OnSpared func(tracks.Spared)
}

// SparedError says that nothing of a file can be sent to a client.
type SparedError struct{ tracks.Spared }

// Error implements error.
func (e *SparedError) Error() string { return "nothing is sent: the client takes no " + e.String() }

// Result says how a run of a playback ended.
type Result struct {
	Run      int // what Run returned
	Err      error
	Duration time.Duration // of what was sent
	Bytes    int64
}

// Playback is a recorded stream that is played. Its methods may be called from
// any goroutine; none of them waits for the disk.
//
// It has no goroutine of its own: a timer calls turn when something is due,
// and the connection when it has room again. A turn reads the file while it
// holds no lock, and sends what it read only if the run is still the same.
type Playback struct {
	opts  Options
	conn  Conn
	file  *File
	bytes io.ReaderAt // of the file: what turns of this run read, which wait for no other server
	queue *Queue

	waits atomic.Bool // the connection tells when there is room
	// awaits is the run whose bytes are on their way; 0: that of none. Until they are here it
	// asks for nothing else. asked is for how many it has been asked that are not here, those
	// of runs before among them: there are maxAsked at most, wherever the client seeks to.
	awaits atomic.Int64
	asked  atomic.Int32
	full   atomic.Bool // the run has come to what it does not ask for, since so much is
	place  place       // among the playbacks that have turns; guarded by Workers.mu

	// mu is held while the connection is asked and sent to, and while a place is
	// taken: the connection's locks and Workers.mu may be taken under it. It is
	// never held while the file is read or given back.
	mu       sync.Mutex
	timer    *time.Timer
	running  bool
	run      int  // counts runs
	turning  bool // a turn runs or waits for a place
	again    bool // and another is to come behind it
	reading  bool // the turn reads the file, without mu
	closed   bool
	released bool // the file was given back

	buffer       time.Duration
	audio, video bool
	rate         payload.FrameRate
	pictures     payload.Pictures // which it is told of while the rate matters
	preamble     bool             // what introduces the media is still to be sent
	filled       fill             // whether the client has its buffer
	single       bool             // one picture, then the end
	quiet        bool             // its end is not told
	sent         int64            // bytes of payload
	at           cursor           // of what is sent next
	offset       media.Timestamp  // added to the file's timestamps
	begun        bool             // a picture of the time origin was sent in this run
	part         part             // what is sent of a large frame
	chosen       *chosen          // what is sent of several tracks and codecs; nil: all

	held atomic.Int64 // bytes of Samples that the connection has not taken yet

	// Times of the file, which never begin anew.
	origin   media.Timestamp // where the first run was asked to begin
	base     media.Timestamp // the client's clock begins here
	since    time.Time       // and now
	last     media.Timestamp // of the latest frame sent
	limit    media.Timestamp // of the last frame of what is to be played
	until    media.Timestamp // of the last frame of this run
	position media.Timestamp // where the client is, when nothing runs
}

// Open prepares to play a file to a connection; Run starts. The file is the
// playback's from now on: Close gives it back.
func Open(file *File, conn Conn, opts Options) *Playback {
	p := &Playback{opts: opts, conn: conn, file: file, bytes: here(file.Bytes), queue: file.Queue, audio: true, video: true}
	p.buffer = max(opts.Buffer, minBurst)
	if opts.Takes != (tracks.Takes{}) && !opts.DataOnly {
		p.chosen = &chosen{}
	}
	if p.queue == nil {
		p.queue = NewWorkers().NewQueue()
	}
	p.timer = time.AfterFunc(time.Hour, p.turn)
	p.timer.Stop()
	return p
}

// SetBuffer sets how far ahead of time is sent.
func (p *Playback) SetBuffer(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.buffer = max(d, minBurst)
	p.nudge()
}

// SetReceive chooses what is sent. Sequence headers always are.
func (p *Playback) SetReceive(audio, video bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.audio, p.video = audio, video
}

// SetFrameRate thins out the pictures to a rate a second; 0: all of them. See
// [payload.FrameRate].
func (p *Playback) SetFrameRate(fps float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rate = payload.FrameRate{Max: fps, Broken: p.rate.Broken}
}

// Position is where the client should be by now: not what was sent last, which
// is ahead by its buffer. It is a time of the file.
func (p *Playback) Position() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.played()
}

func (p *Playback) played() time.Duration {
	if !p.running || p.quiet {
		return p.position.Duration()
	}
	return min(p.last.Duration(), p.base.Duration()+time.Since(p.since))
}

// Reached is the latest timestamp sent.
func (p *Playback) Reached() media.Timestamp {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.run == 0 {
		return p.opts.From
	}
	return p.last + p.offset
}

// Run sends from the keyframe at or before a time of the file: metadata and
// sequence headers, then frames, as far ahead of time as the buffer says. It
// returns the run's number.
//
// Frames of before the first run's beginning have its timestamp, and of them
// only pictures are sent: what follows refers to them.
func (p *Playback) Run(at time.Duration) int {
	return p.begin(at, p.opts.Picture, false)
}

// Snapshot sends one picture, for a client that seeks while it pauses. It is a
// run whose end is not told, unless it fails, and whose number it returns.
func (p *Playback) Snapshot(at time.Duration) int { return p.begin(at, true, true) }

func (p *Playback) begin(at time.Duration, single, quiet bool) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.beginLocked(at, single, quiet)
}

// beginLocked is begin for callers that hold mu.
func (p *Playback) beginLocked(at time.Duration, single, quiet bool) int {
	p.part.breakOff(p.conn)
	p.full.Store(false)
	p.bytes = here(p.file.Bytes) // whatever has not come for a run before
	end := p.file.Duration()
	from := fileTime(min(at, end+time.Millisecond))
	p.run++
	p.running = !p.closed
	p.preamble, p.filled, p.single, p.quiet = true, filling, single, quiet
	if p.run == 1 { // a seek moves neither the beginning nor the end
		p.origin, p.offset, p.limit = from, p.opts.From-from, fileTime(end)
		if l := p.opts.Length; l > 0 && l < end {
			p.limit = fileTime(min(end, from.Duration()+l))
		}
	}
	p.at, p.begun = cursor{p.file.Seek(from), 0}, false
	// Pictures of before the beginning take the client no time.
	p.base = max(p.at.Time, p.origin)
	p.last, p.since, p.sent = p.base, time.Now(), 0
	p.rate = payload.FrameRate{Max: p.rate.Max} // it begins with a keyframe
	p.pictures = payload.Pictures{}
	p.position = p.base
	if quiet {
		p.position = from
	}
	p.until = p.limit
	p.nudge()
	return p.run
}

// StopBefore lets the run end where another file has a keyframe, so that the
// other can go on from there: the first one that is not sent yet, and not before
// a time of the file. It returns the place in the other file; ok is false when
// there is none.
func (p *Playback) StopBefore(next *Playback, notBefore time.Duration) (at media.Position, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.running {
		return at, false
	}
	at, ok = next.file.SeekAfter(max(p.last+1, fileTime(notBefore)))
	if !ok || at.Time > p.limit {
		return at, false
	}
	p.until = at.Time - 1
	p.nudge()
	return at, true
}

// Follow runs from a place that StopBefore returned, on behalf of another
// playback whose run has ended there: time and timestamps go on as if it were
// one file. Without run, it only stands where the client is.
func (p *Playback) Follow(was *Playback, at media.Position, run bool) int {
	was.mu.Lock()
	origin, offset, zero := was.origin, was.offset, was.opts.From
	base, since, limit := was.base, was.since, was.limit
	last, position := was.last, was.played()
	was.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.run++
	p.running = run && !p.closed
	p.preamble, p.filled, p.single, p.quiet = true, goesOn, false, false
	p.at, p.last, p.sent, p.position = cursor{at, 0}, max(at.Time, last), 0, fileTime(position)
	p.origin, p.offset, p.opts.From, p.begun = origin, offset, zero, true
	p.base, p.since, p.limit = base, since, fileTime(p.file.Duration())
	if limit.Duration() < was.file.Duration() {
		p.limit = min(p.limit, limit) // only so much of it was to be played
	}
	p.until = p.limit
	p.nudge()
	return p.run
}

// Stand is where a playback is until it runs. It sends nothing.
func (p *Playback) Stand(at time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.beginLocked(at, false, true)
	p.halt()
}

// Halt stops sending. Nothing is sent any more when it returns.
func (p *Playback) Halt() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.halt()
}

func (p *Playback) halt() {
	p.timer.Stop()
	p.part.breakOff(p.conn)
	p.settle()
	if !p.running {
		return
	}
	if !p.quiet {
		p.position = fileTime(p.played())
	}
	p.running = false
}

// Close ends the playback and gives its file back, at once or at the end of a
// read that runs. Nothing is sent any more when it returns. A second call does
// nothing.
func (p *Playback) Close() {
	p.mu.Lock()
	p.halt()
	p.closed = true
	p.part.close(p.conn)
	p.giveBack()
	if p.turning && p.queue.cancel(p) {
		p.turning = false
	}
	unused := p.unused()
	p.mu.Unlock()
	if unused {
		p.file.Close()
	}
}

// unused says, once, that the file may be given back. The caller holds mu, and
// closes the file without it.
func (p *Playback) unused() bool {
	if !p.closed || p.reading || p.released {
		return false
	}
	p.released = true
	return true
}

// fileTime is a time of a file, which is neither negative nor more than 32 bits
// hold.
func fileTime(d time.Duration) media.Timestamp {
	return media.Timestamp(max(0, min(d.Milliseconds(), math.MaxUint32)))
}
