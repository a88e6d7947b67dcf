package hls

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"flashpod.dev/flashpod/mediaserver/budget"
	"flashpod.dev/flashpod/mediaserver/disk"
	"flashpod.dev/flashpod/mediaserver/fmp4"
	"flashpod.dev/flashpod/mediaserver/outlet"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// Options of a handler. The zero value works.
type Options struct {
	// Budget is for the bytes of all segments, and Windows, a part of it, for those that
	// no player needs yet or any more: what a window has beyond the newest ten, and
	// streams that nobody watches. nil has no bound.
	Budget, Windows *budget.Budget
	// MaxStreams bounds the live streams that are cut at once; 0: 256.
	MaxStreams int
	// MaxWaiting bounds the requests that wait at once for what has not come; 0: 4096.
	MaxWaiting int
	// IdleAfter is how long a stream is cut on without a viewer; 0: 30 s.
	IdleAfter time.Duration
}

// Handler answers requests for playlists and what they list. All methods may be called
// from any goroutine.
type Handler struct {
	house   outlet.House
	opts    Options
	waiting *budget.Budget
	cache   *disk.Cache
	// beginWait is how long a player waits for as many segments as it begins with.
	beginWait time.Duration

	mu     sync.Mutex // live.mu is taken alone, after it
	live   map[*stream.Stream]*live
	closed bool
	runs   sync.WaitGroup
}

// New makes a handler.
func New(house outlet.House, opts Options) *Handler {
	if opts.MaxStreams == 0 {
		opts.MaxStreams = 256
	}
	if opts.MaxWaiting == 0 {
		opts.MaxWaiting = 4096
	}
	if opts.IdleAfter == 0 {
		opts.IdleAfter = 30 * time.Second
	}
	return &Handler{
		house: house, opts: opts, live: map[*stream.Stream]*live{},
		waiting: budget.New("waiting HLS requests", int64(opts.MaxWaiting)), cache: disk.NewCache(opts.Budget, maxCached, 0),
		beginWait: firstWait,
	}
}

// Close ends everything; requests that wait are answered. It waits for goroutines.
func (h *Handler) Close() {
	h.mu.Lock()
	h.closed = true
	all := h.live
	h.live = map[*stream.Stream]*live{}
	h.mu.Unlock()
	for _, l := range all {
		l.close()
	}
	h.runs.Wait()
}

// Streams is how many live streams are cut now.
func (h *Handler) Streams() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.live)
}

// Match says whether a path may be one of HLS's, and cuts it into the name of a stream
// and a file's.
func Match(urlPath string) (name, file string, ok bool) {
	dir, file := path.Split(urlPath)
	name = strings.Trim(dir, "/")
	if _, known := parseFile(file); !known || name == "" {
		return "", "", false
	}
	return name, file, true
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, base, ok := Match(r.URL.Path)
	if !ok {
		http.Error(w, fmt.Sprintf("nothing is at %.100q: a stream is at /APPLICATION/INSTANCE/NAME.flv and at /APPLICATION/INSTANCE/NAME/index.m3u8, and a recording at /APPLICATION/INSTANCE/NAME.mp4, too", r.URL.Path), http.StatusNotFound)
		return
	}
	if outlet.ReadOnly(w, r, "playlists and segments") {
		return
	}
	f, _ := parseFile(base)
	if err := h.serve(w, r, name, f); err != nil {
		refuse(w, err)
	}
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request, name string, f file) error {
	live, err := h.house.Live(r, outlet.HLS, name)
	if err == nil {
		defer live.Close()
		if s := live.Stream; s.Live() || h.cuts(s) {
			l, err := h.of(s, live.HLS)
			if err != nil {
				return err
			}
			w, stop := live.Counted(w)
			defer stop()
			return h.serveLive(w, live.Named(r), l, f)
		}
	}
	if err != nil && !errors.Is(err, outlet.ErrNotFound) {
		return err
	}
	rec, err := h.house.Recording(r, outlet.HLS, name)
	if err != nil {
		return err
	}
	defer rec.Close()
	w, stop := rec.Counted(w)
	defer stop()
	return h.serveRecording(w, rec.Named(r), recording{rec}, f)
}

// cuts says whether a stream's segments are there, though it may be over.
func (h *Handler) cuts(s *stream.Stream) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.live[s]
	return l != nil && !(l.isOver() && l.isEmpty())
}

// refuse answers with why.
func refuse(w http.ResponseWriter, err error) {
	outlet.Answer(w, err, outlet.ErrNotFound.Error(),
		outlet.Status{Err: errGone, Status: http.StatusNotFound},
		outlet.Status{Err: fmp4.ErrCodec, Status: http.StatusUnsupportedMediaType},
		outlet.Status{Err: fmp4.ErrConfig, Status: http.StatusUnsupportedMediaType},
		outlet.Status{Err: errMP3, Status: http.StatusUnsupportedMediaType},
		outlet.Status{Err: errNothing, Status: http.StatusUnsupportedMediaType})
}

// Cut has a stream cut from now on, before anybody watches it. It does not wait. One that
// there is no room for is cut when somebody does: half of the room is for those.
func (h *Handler) Cut(s *stream.Stream, rules outlet.HLSRules) {
	h.mu.Lock()
	full := len(h.live) >= h.opts.MaxStreams/2
	h.mu.Unlock()
	if full {
		return
	}
	if l, err := h.of(s, rules); err == nil {
		l.unasked()
	}
}

// of is what a stream is cut by, from now on if it is not yet.
func (h *Handler) of(s *stream.Stream, rules outlet.HLSRules) (*live, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.live[s]
	if l != nil && l.serves(s.Live()) {
		return l, nil
	}
	switch {
	case h.closed:
		return nil, outlet.Refuse(http.StatusServiceUnavailable, "the server is closing")
	case l == nil && len(h.live) >= h.opts.MaxStreams:
		return nil, outlet.Refuse(http.StatusServiceUnavailable, fmt.Sprintf("%d streams are watched by HLS, as many as may be: try again later", len(h.live)))
	}
	r := s.NewCutReader()
	if !s.Live() {
		r.Close()
		return nil, outlet.ErrNotFound
	}
	if l != nil {
		l.close()
	}
	l = newLive(h.opts, rules)
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	h.live[s] = l
	h.runs.Go(func() {
		l.run(ctx, s, r)
		cancel()
	})
	h.expire(s, l, h.opts.IdleAfter)
	return l, nil
}

// serves says whether requests of a stream, which is live or not, are answered from l.
func (l *live) serves(published bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return time.Since(l.failedAt) < tryAgain
	}
	return !l.ended || !published
}

// tryAgain is for how long a stream that cannot be cut is not tried again.
const tryAgain = 5 * time.Second

// expire closes what nobody has asked for any more.
func (h *Handler) expire(s *stream.Stream, l *live, after time.Duration) {
	time.AfterFunc(after, func() {
		l.mu.Lock()
		idle := time.Since(l.asked)
		if l.rules.Always && !l.ended {
			idle = 0
		}
		l.mu.Unlock()
		h.mu.Lock()
		is := h.live[s] == l
		if is && idle >= h.opts.IdleAfter {
			delete(h.live, s)
		}
		h.mu.Unlock()
		switch {
		case !is:
		case idle >= h.opts.IdleAfter:
			l.close()
		default:
			h.expire(s, l, h.opts.IdleAfter-idle)
		}
	})
}

const (
	mimePlaylist = "application/vnd.apple.mpegurl"
	mimeMP4      = "video/mp4"
	// What has a name keeps its bytes.
	forever = "max-age=3600, immutable"
	// sendTime is how long a viewer may take for one file.
	sendTime = 30 * time.Second
)

// leftOut is the header of a playlist that says what of a stream its players do not get, and
// why, as that of other ways does.
const leftOut = "Flashpod-Left-Out"

// sendPlaylist sends a playlist whose addresses have what the request's own had. left is what
// it does not have of the stream.
func sendPlaylist(w http.ResponseWriter, r *http.Request, text, left string) error {
	if left != "" {
		w.Header().Set(leftOut, left)
	}
	return send(w, r, mimePlaylist, "no-cache", []byte(withSuffix(text, suffix(r.URL.Query()))))
}

// suffix is a request's query without what is the playlist's own.
func suffix(q url.Values) string {
	for name := range q {
		if strings.HasPrefix(name, "_HLS_") {
			q.Del(name)
		}
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}

func send(w http.ResponseWriter, r *http.Request, kind, keep string, data ...[]byte) error {
	n := 0
	for _, b := range data {
		n += len(b)
	}
	head := w.Header()
	head.Set("Content-Type", kind)
	head.Set("Content-Length", strconv.Itoa(n))
	head.Set("Cache-Control", keep)
	if r.Method == http.MethodHead {
		return nil
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(sendTime)) // where there is one
	for _, b := range data {
		if _, err := w.Write(b); err != nil {
			return context.Canceled // it has gone
		}
	}
	return nil
}

// file is what the last part of a path names.
type file struct {
	index, playlist bool
	variant         int
	init            string
	number          int64
	part            int // -1: the whole segment
}

// parseFile reads a file's name; ok is false where it is none of ours.
func parseFile(base string) (f file, ok bool) {
	if base == indexFile {
		return file{index: true}, true
	}
	f.part = -1
	ext := path.Ext(base)
	stem, rest, more := strings.Cut(strings.TrimSuffix(base, ext), "-")
	if f.variant, ok = parseVariant(stem); !ok || more == (ext == playlistType) {
		return f, false
	}
	switch ext {
	case playlistType:
		f.playlist = true
		return f, true
	case initType:
		var marked bool
		f.init, marked = strings.CutSuffix(rest, initMark)
		return f, marked && f.init != "" && len(f.init) <= 16
	case segmentType:
		number, part, parted := strings.Cut(rest, ".")
		n, err := strconv.ParseUint(number, 10, 62)
		f.number = int64(n)
		if parted {
			var p uint64
			var bad error
			p, bad = strconv.ParseUint(part, 10, 31)
			f.part, err = int(p), errors.Join(err, bad)
		}
		return f, err == nil
	}
	return f, false
}

func parseVariant(s string) (id int, ok bool) {
	if s == audioName {
		return audioOnly, true
	}
	if number, is := strings.CutPrefix(s, "a"); is {
		n, err := strconv.ParseUint(number, 10, 8)
		return rendition(uint8(n)), err == nil
	}
	number, is := strings.CutPrefix(s, "v")
	n, err := strconv.ParseUint(number, 10, 8)
	return int(n), is && err == nil
}
